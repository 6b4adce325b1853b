//! The packet thread on real sockets, in networks of their own.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use super::*;
use crate::engine::{Launch, Launcher};
use crate::net::{NativeOptions, Needs, PortUse, Privilege, Remote, control, prepare};
use crate::outcome::{Answer, Answered, Event, Fate, InTime, SendError, Unjudged, What};
use crate::series::Endpoint;
use crate::sys::Family;
use crate::sys::testing::{in_fresh_network, shell};
use crate::units::ProbeSeq;

/// Keeps all that it is told.
#[derive(Default)]
struct Collector {
    admitted: Vec<(SeriesId, Endpoint, StampSource)>,
    events: Vec<Event>,
    script: Option<Script>,
    /// When the sink wants to run, and when it did, with the number of events that it had by then.
    alarms: Vec<Mono>,
    rung: Vec<(Mono, usize)>,
}

/// Launches probes of the first series at an interval.
struct Script {
    next: Mono,
    interval: Duration,
    left: u32,
    /// As the prober said.
    launched: Vec<Option<ProbeSeq>>,
}

impl Launcher for Script {
    fn next_launch(&self) -> Option<Mono> {
        (self.left > 0).then_some(self.next)
    }

    fn poll_launch(&mut self, now: Mono) -> Option<Launch> {
        let series = SeriesId::new(0);
        (self.left > 0 && self.next <= now).then_some(Launch { series, ttl: 1 })
    }

    fn launched(&mut self, _: Launch, seq: Option<ProbeSeq>, now: Mono) {
        self.launched.push(seq);
        self.next = now.after(self.interval);
        self.left -= 1;
    }

    fn is_done(&self) -> bool {
        self.left == 0
    }
}

impl Sink for Collector {
    fn admitted(&mut self, id: SeriesId, series: &Series, stamp: StampSource, _: Reading) {
        self.admitted.push((id, series.endpoint, stamp));
    }

    fn event(&mut self, event: &Event) {
        self.events.push(*event);
    }

    fn next_deadline(&mut self) -> Option<Mono> {
        self.alarms.last().copied()
    }

    fn handle_deadline(&mut self, now: Reading) {
        while self.alarms.pop_if(|at| *at <= now.mono).is_some() {
            self.rung.push((now.mono, self.events.len()));
        }
    }

    fn launcher(&mut self) -> Option<&mut dyn Launcher> {
        // What is launched before there is a series is refused.
        let script = self.script.as_mut().filter(|_| !self.admitted.is_empty());
        script.map(|script| script as &mut dyn Launcher)
    }
}

/// A packet thread under way.
struct Run {
    remote: Remote<Collector>,
    thread: JoinHandle<Result<Finished<Collector>, RunError>>,
}

impl Run {
    fn start() -> Self {
        Self::start_with(options())
    }

    fn start_with(options: NativeOptions) -> Self {
        Self::start_for(options, Collector::default())
    }

    /// A run that launches `count` probes at an interval, from now on.
    fn launching(count: u32, interval: Duration) -> Self {
        let script = Script {
            next: Mono::default(),
            interval,
            left: count,
            launched: Vec::new(),
        };
        let sink = Collector {
            script: Some(script),
            ..Collector::default()
        };
        Self::start_for(options(), sink)
    }

    fn start_for(options: NativeOptions, sink: Collector) -> Self {
        let (remote, inbox) = control().unwrap();
        let prepared = prepare(options, inbox, sink).unwrap();
        assert_eq!(prepared.notices, Vec::<String>::new());
        let thread = thread::spawn(move || prepared.native.run());
        Self { remote, thread }
    }

    fn admit(&self, series: Vec<(Series, Pace)>) {
        self.remote.send(Command::Admit(series));
    }

    /// What the sink holds at some moment from now on.
    fn look<T: Send + 'static>(&self, look: impl FnOnce(&Collector) -> T + Send + 'static) -> T {
        let (tell, told) = mpsc::channel();
        self.remote.send(Command::Inspect(Box::new(move |sink: &mut Collector| {
            tell.send(look(sink)).unwrap();
        })));
        told.recv().unwrap()
    }

    /// Waits until `count` events of a kind have happened.
    fn wait_for(&self, count: usize, kind: fn(&What) -> bool) {
        let seen = move |sink: &Collector| sink.events.iter().filter(|event| kind(&event.what)).count();
        while self.look(seen) < count {}
    }

    fn finish(self) -> Finished<Collector> {
        self.thread.join().unwrap().unwrap()
    }
}

fn options() -> NativeOptions {
    NativeOptions {
        clock: SystemClock::new(),
        privilege: Privilege::Raw,
        packet: PacketOptions {
            payload_bytes: 56,
            ttl: None,
            traffic_class: 0,
            interface: None,
            source: None,
        },
        needs: Needs {
            icmp: true,
            tcp: true,
            udp: false,
        },
        spare_families: false,
        families: vec![Family::V4, Family::V6],
        flows: 1,
        interval: Duration::from_millis(1),
        source_ports: PortUse::Rotating,
        slot: Duration::ZERO,
        max_syn_rate: None,
        receive_buffer: 1 << 20,
        capacity: Capacity {
            memory: 256,
            window: 16,
        },
    }
}

fn series(address: impl Into<IpAddr>, endpoint: Endpoint) -> Series {
    Series {
        target: Arc::from("here"),
        address: address.into(),
        scope_id: 0,
        endpoint,
        flow: 0,
    }
}

fn pace(interval_ms: u64, timeout: Duration, count: Option<u64>) -> Pace {
    Pace {
        interval: Duration::from_millis(interval_ms),
        timeout,
        count,
    }
}

/// Longer than any test runs.
const MINUTE: Duration = Duration::from_mins(1);

/// What happened to each probe, in the order in which it was told.
fn lives(events: &[Event]) -> BTreeMap<(SeriesId, ProbeSeq), Vec<What>> {
    let mut lives: BTreeMap<_, Vec<What>> = BTreeMap::new();
    for event in events {
        lives.entry((event.series, event.seq)).or_default().push(event.what);
    }
    lives
}

fn fates(finished: &Finished<Collector>) -> Vec<Fate> {
    let settled = |event: &Event| match event.what {
        What::Settled(fate) => Some(fate),
        _ => None,
    };
    finished.sink.events.iter().filter_map(settled).collect()
}

const IS_SENT: fn(&What) -> bool = |what| matches!(what, What::Sent { .. });
const IS_SETTLED: fn(&What) -> bool = |what| matches!(what, What::Settled(_));

/// Makes this host keep silent when it is probed by echo.
fn silence() {
    shell("echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all");
}

#[test]
fn a_sink_runs_at_its_deadlines_and_has_had_all_that_arrived_before() {
    in_fresh_network(|| {
        let from = SystemClock::new().mono();
        let alarms: Vec<_> = (1..=5)
            .rev()
            .map(|n| from.after(Duration::from_millis(20 * n)))
            .collect();
        let far = from.after(MINUTE * 60);
        let sink = Collector {
            alarms: std::iter::once(far).chain(alarms.clone()).collect(),
            ..Collector::default()
        };
        let run = Run::start_for(options(), sink);
        // Nothing is probed for as long: the thread has to wake up for the sink alone.
        while run.look(|sink| sink.rung.len()) < 5 {
            thread::yield_now();
        }
        run.admit(vec![(
            series(Ipv4Addr::LOCALHOST, Endpoint::Icmp),
            pace(1, MINUTE, Some(3)),
        )]);
        run.remote.send(Command::Seal);
        // A deadline in an hour does not keep a run alive that is over.
        let finished = run.finish();
        assert_eq!(finished.complete, [true]);
        for ((rung, _), asked) in finished.sink.rung.iter().zip(alarms.iter().rev()) {
            assert!(rung >= asked, "{rung:?} before {asked:?}");
        }
        assert_eq!(finished.sink.rung.len(), 5);
    });
}

#[test]
fn a_retired_series_is_probed_no_more_and_the_other_goes_on() {
    in_fresh_network(|| {
        let run = Run::start();
        let echo = |last: u8| {
            let address = Ipv4Addr::new(127, 0, 0, last);
            (series(address, Endpoint::Icmp), pace(1, MINUTE, None))
        };
        run.admit(vec![echo(1), echo(2)]);
        run.wait_for(20, IS_SETTLED);
        run.remote.send(Command::Retire(vec![SeriesId::new(0)]));
        let sent_of = |id: u32| {
            move |sink: &Collector| {
                let sent = sink.events.iter().filter(|event| IS_SENT(&event.what));
                sent.filter(|event| event.series == SeriesId::new(id)).count()
            }
        };
        let (first, second) = (run.look(sent_of(0)), run.look(sent_of(1)));
        while run.look(sent_of(1)) < second + 50 {}
        assert_eq!(run.look(sent_of(0)), first);
        run.remote.send(Command::Retire(vec![SeriesId::new(1)]));
        run.remote.send(Command::Seal);
        let finished = run.finish();
        let sent = finished.sink.events.iter().filter(|event| IS_SENT(&event.what)).count();
        assert!(fates(&finished).iter().all(|fate| matches!(fate, Fate::Received(_))));
        assert_eq!(fates(&finished).len(), sent);
    });
}

#[test]
fn a_hundred_probes_of_each_kind_are_answered_with_kernel_stamps() {
    in_fresh_network(|| {
        let listener = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
        let open = Endpoint::Tcp(listener.local_addr().unwrap().port());
        let kinds = [
            series(Ipv4Addr::LOCALHOST, Endpoint::Icmp),
            series(Ipv6Addr::LOCALHOST, Endpoint::Icmp),
            series(Ipv4Addr::LOCALHOST, open),
            series(Ipv6Addr::LOCALHOST, open),
        ];
        let run = Run::start();
        run.admit(
            kinds
                .iter()
                .map(|kind| (kind.clone(), pace(1, MINUTE, Some(100))))
                .collect(),
        );
        run.remote.send(Command::Seal);
        let finished = run.finish();
        assert_eq!(finished.complete, [true; 4]);
        assert_eq!(finished.refused, []);
        let stamps = finished.sink.admitted.iter().map(|(_, _, stamp)| *stamp);
        assert!(stamps.eq([StampSource::Kernel; 4]));
        let lives = lives(&finished.sink.events);
        assert_eq!(lives.len(), 400);
        for ((id, seq), life) in lives {
            let [What::Sent { .. }, What::Answered(answered), What::Settled(fate)] = life[..] else {
                panic!("{id:?} {seq:?}: {life:?}");
            };
            let is_echo = kinds[id.index()].endpoint == Endpoint::Icmp;
            assert_answered(&answered, is_echo);
            assert_eq!(fate, Fate::Received(answered.timing));
        }
    });
}

fn assert_answered(answered: &Answered, is_echo: bool) {
    let Answered {
        answer,
        timing,
        user_rtt,
        in_time,
        timed_out,
        ttl,
        bytes,
        stamp_loss,
        ..
    } = *answered;
    assert_eq!((answer, in_time, timed_out), (Answer::Reply, InTime::Yes, false));
    assert_eq!((timing.source, stamp_loss), (StampSource::Kernel, None));
    assert!(
        timing.rtt <= user_rtt,
        "{} of the kernel, {user_rtt} of user space",
        timing.rtt
    );
    assert_eq!(ttl, Some(64), "the default of Linux, over no router");
    if is_echo {
        assert_eq!(bytes, 64, "as ping counts");
    }
}

#[test]
fn a_closed_port_refuses_every_syn() {
    in_fresh_network(|| {
        let run = Run::start();
        let closed = [
            series(Ipv4Addr::LOCALHOST, Endpoint::Tcp(9)),
            series(Ipv6Addr::LOCALHOST, Endpoint::Tcp(9)),
        ];
        run.admit(closed.map(|closed| (closed, pace(1, MINUTE, Some(20)))).into());
        run.remote.send(Command::Seal);
        assert_eq!(fates(&run.finish()), [Fate::Rejected; 40]);
    });
}

#[test]
fn slots_do_not_hold_syns_back_beyond_the_rate_that_the_pacer_allows() {
    in_fresh_network(|| {
        let run = Run::start_with(NativeOptions {
            slot: Duration::from_millis(500),
            max_syn_rate: Some(400),
            ..options()
        });
        let closed = series(Ipv4Addr::LOCALHOST, Endpoint::Tcp(9));
        let once = pace(20, MINUTE, Some(1));
        run.admit((0..632).map(|_| (closed.clone(), once)).collect());
        run.remote.send(Command::Seal);
        let finished = run.finish();
        let late_by = |event: &Event| match event.what {
            What::Sent { late_by } => Some(late_by),
            _ => None,
        };
        let late: Vec<Duration> = finished.sink.events.iter().filter_map(late_by).collect();
        assert_eq!(late.len(), 632);
        // 32 leave at once, and 600 take 1.5 s and up to a slot. With a burst of 32 and no more in each slot, the last would leave 9 s late.
        let latest = late.into_iter().max().unwrap();
        assert!(latest < Duration::from_secs(4), "{latest:?} after the end of its slot");
    });
}

#[test]
fn stop_sends_no_more_and_awaits_what_is_under_way() {
    in_fresh_network(|| {
        let run = Run::start();
        run.admit(vec![(
            series(Ipv4Addr::LOCALHOST, Endpoint::Icmp),
            pace(2, MINUTE, None),
        )]);
        run.wait_for(5, IS_SETTLED);
        run.remote.send(Command::Stop);
        // A name that resolves too late.
        run.admit(vec![(
            series(Ipv6Addr::LOCALHOST, Endpoint::Icmp),
            pace(2, MINUTE, None),
        )]);
        let finished = run.finish();
        assert_eq!(finished.complete, [false], "endless, and the second was not admitted");
        let sent = finished.sink.events.iter().filter(|event| IS_SENT(&event.what)).count();
        let received = fates(&finished)
            .iter()
            .filter(|fate| matches!(fate, Fate::Received(_)))
            .count();
        assert!(sent >= 5);
        assert_eq!(received, sent);
    });
}

#[test]
fn stop_lets_probes_without_answer_time_out() {
    in_fresh_network(|| {
        silence();
        let run = Run::start();
        let timeout = Duration::from_millis(100);
        run.admit(vec![(
            series(Ipv4Addr::LOCALHOST, Endpoint::Icmp),
            pace(2, timeout, None),
        )]);
        run.wait_for(3, IS_SENT);
        run.remote.send(Command::Stop);
        let finished = run.finish();
        for life in lives(&finished.sink.events).values() {
            assert!(
                matches!(life[..], [What::Sent { .. }, What::TimedOut, What::Settled(Fate::Lost)]),
                "{life:?}"
            );
        }
        assert!(fates(&finished).len() >= 3);
    });
}

#[test]
fn cut_ends_at_once_and_calls_nothing_lost() {
    in_fresh_network(|| {
        silence();
        let run = Run::start();
        run.admit(vec![(
            series(Ipv4Addr::LOCALHOST, Endpoint::Icmp),
            pace(2, MINUTE, None),
        )]);
        run.wait_for(3, IS_SENT);
        run.remote.send(Command::Cut);
        let finished = run.finish();
        let cut = What::Settled(Fate::Unjudged(Unjudged::Cut));
        let lives = lives(&finished.sink.events);
        assert!(lives.len() >= 3);
        for life in lives.values() {
            assert!(matches!(life[..], [What::Sent { .. }, end] if end == cut), "{life:?}");
        }
    });
}

#[test]
fn a_sealed_run_of_nothing_ends() {
    in_fresh_network(|| {
        let run = Run::start();
        run.remote.send(Command::Seal);
        let finished = run.finish();
        assert_eq!((finished.complete.len(), finished.sink.events.len()), (0, 0));
    });
}

#[test]
fn an_unsealed_run_waits_for_more_series_when_all_is_measured() {
    in_fresh_network(|| {
        let run = Run::start();
        for (round, address) in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]
            .into_iter()
            .enumerate()
        {
            run.admit(vec![(series(address, Endpoint::Icmp), pace(1, MINUTE, Some(3)))]);
            run.wait_for(3 * (round + 1), IS_SETTLED);
        }
        run.remote.send(Command::Seal);
        assert_eq!(run.finish().complete, [true, true]);
    });
}

#[test]
fn launches_are_waited_for_and_all_are_answered_before_the_run_ends() {
    in_fresh_network(|| {
        let run = Run::launching(200, Duration::from_millis(1));
        // Nothing of the schedule wakes the thread: it has to wake for the launches.
        run.admit(vec![(
            series(Ipv4Addr::LOCALHOST, Endpoint::Icmp),
            pace(1, MINUTE, Some(0)),
        )]);
        run.remote.send(Command::Seal);
        let finished = run.finish();
        let launched = finished.sink.script.as_ref().unwrap().launched.iter();
        assert!(launched.eq((0..200).map(|seq| Some(ProbeSeq::new(seq))).collect::<Vec<_>>().iter()));
        let received = |fate: &Fate| matches!(fate, Fate::Received(timing) if timing.source == StampSource::Kernel);
        assert_eq!(fates(&finished).iter().filter(|fate| received(fate)).count(), 200);
    });
}

#[test]
fn a_launch_that_the_prober_puts_off_is_told_and_holds_up_nothing() {
    in_fresh_network(|| {
        silence();
        // The series remembers 256 probes; none is answered, and a loaded machine launches 300 within the timeout.
        let run = Run::launching(300, Duration::ZERO);
        let timeout = Duration::from_secs(3);
        run.admit(vec![(
            series(Ipv4Addr::LOCALHOST, Endpoint::Icmp),
            pace(1_000, timeout, Some(0)),
        )]);
        run.remote.send(Command::Seal);
        let finished = run.finish();
        let launched = &finished.sink.script.as_ref().unwrap().launched;
        let sent = finished.sink.events.iter().filter(|event| IS_SENT(&event.what)).count();
        assert_eq!(launched.len(), 300);
        assert_eq!(launched.iter().flatten().count(), sent);
        assert!(launched.contains(&None), "300 at once are more than 256");
        assert_eq!(fates(&finished), vec![Fate::Lost; sent]);
    });
}

#[test]
fn stop_ends_a_run_whose_launcher_is_never_done() {
    in_fresh_network(|| {
        let run = Run::launching(u32::MAX, Duration::from_millis(1));
        run.admit(vec![(
            series(Ipv4Addr::LOCALHOST, Endpoint::Icmp),
            pace(1, MINUTE, Some(0)),
        )]);
        run.wait_for(5, IS_SENT);
        run.remote.send(Command::Stop);
        let finished = run.finish();
        let received = fates(&finished)
            .iter()
            .filter(|fate| matches!(fate, Fate::Received(_)))
            .count();
        let sent = finished.sink.events.iter().filter(|event| IS_SENT(&event.what)).count();
        assert_eq!(received, sent);
    });
}

#[test]
fn without_a_route_nothing_leaves_and_nothing_is_lost() {
    in_fresh_network(|| {
        let run = Run::start();
        let nowhere = [
            series(Ipv4Addr::new(192, 0, 2, 1), Endpoint::Icmp),
            series(Ipv4Addr::new(192, 0, 2, 1), Endpoint::Tcp(80)),
            series(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), Endpoint::Icmp),
            series(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), Endpoint::Tcp(80)),
        ];
        run.admit(nowhere.map(|nowhere| (nowhere, pace(1, MINUTE, Some(3)))).into());
        run.remote.send(Command::Seal);
        let lives = lives(&run.finish().sink.events);
        assert_eq!(lives.len(), 12);
        for (probe, life) in lives {
            let expected = [What::SendFailed(SendError::NoRoute), What::Settled(Fate::NotSent)];
            assert_eq!(life, expected, "{probe:?}");
        }
    });
}
