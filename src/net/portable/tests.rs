//! Tests against the kernel, on loopback and in networks of their own.

use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::mpsc;
use std::{env, thread};

use super::*;
use crate::clock::Reading;
use crate::net::control::{Remote, control};
use crate::outcome::{Answer, Event, Fate, Timing, Unreachable, What as Happened};
use crate::series::Endpoint;
use crate::sys::testing::{in_fresh_network, shell};

/// Keeps all events.
#[derive(Debug, Default)]
struct Log {
    events: Vec<Event>,
    stamps: Vec<StampSource>,
    /// Told of each event as it happens.
    watcher: Option<mpsc::Sender<Event>>,
}

impl Sink for Log {
    fn admitted(&mut self, id: SeriesId, _series: &Series, stamp: StampSource, _at: Reading) {
        assert_eq!(id.index(), self.stamps.len());
        self.stamps.push(stamp);
    }

    fn event(&mut self, event: &Event) {
        self.events.push(*event);
        if let Some(watcher) = &self.watcher {
            let _ = watcher.send(*event);
        }
    }
}

impl Log {
    fn fates(&self, series: u32) -> Vec<Fate> {
        let settled = self.events.iter().filter(|event| event.series.get() == series);
        settled
            .filter_map(|event| match event.what {
                Happened::Settled(fate) => Some(fate),
                _ => None,
            })
            .collect()
    }

    fn answers(&self, series: u32) -> Vec<Answer> {
        let of_series = self.events.iter().filter(|event| event.series.get() == series);
        of_series
            .filter_map(|event| match event.what {
                Happened::Answered(answered) => Some(answered.answer),
                _ => None,
            })
            .collect()
    }
}

fn options() -> PortableOptions {
    PortableOptions {
        clock: SystemClock::new(),
        packet: PacketOptions {
            payload_bytes: 56,
            ttl: None,
            traffic_class: 0,
            interface: None,
            source: None,
        },
        max_syn_rate: None,
    }
}

fn series(address: impl Into<IpAddr>, endpoint: Endpoint) -> Series {
    Series {
        target: "test".into(),
        address: address.into(),
        scope_id: 0,
        endpoint,
        flow: 0,
    }
}

fn pace(count: Option<u64>) -> Pace {
    Pace {
        interval: Duration::from_millis(10),
        timeout: Duration::from_millis(500),
        count,
    }
}

/// Runs to the end with these series.
fn measure(wanted: Vec<(Series, Pace)>) -> Finished<Log> {
    let (remote, inbox) = control().unwrap();
    remote.send(Command::Admit(wanted));
    remote.send(Command::Seal);
    run(inbox, Log::default(), options()).unwrap()
}

/// Whether echoes are permitted here; says so loudly where they are not.
fn echoes_permitted() -> bool {
    let Err(error) = is_available() else { return true };
    let name = thread::current().name().unwrap_or("a test").to_owned();
    assert_ne!(env::var("PATHJITTER_LAB").as_deref(), Ok("required"), "{name}: {error}");
    // Not captured by the test harness, unlike eprintln.
    writeln!(io::stderr(), "SKIPPED {name}: {error}").unwrap();
    false
}

#[track_caller]
fn assert_all_received(fates: &[Fate], count: usize) {
    assert_eq!(fates.len(), count, "{fates:?}");
    for fate in fates {
        let Fate::Received(Timing { rtt, source }) = fate else {
            panic!("{fates:?}")
        };
        assert!(rtt.as_nanos() > 0);
        assert_eq!(*source, StampSource::User);
    }
}

#[test]
fn five_echoes_over_each_family_are_five_replies_with_times_of_user_space() {
    if !echoes_permitted() {
        return;
    }
    let wanted = vec![
        (series(Ipv4Addr::LOCALHOST, Endpoint::Icmp), pace(Some(5))),
        (series(Ipv6Addr::LOCALHOST, Endpoint::Icmp), pace(Some(5))),
        // The same address again: nothing but the sequence number tells its echoes from those of the first series.
        (series(Ipv4Addr::LOCALHOST, Endpoint::Icmp), pace(Some(5))),
    ];
    let finished = measure(wanted);
    for id in 0..3 {
        assert_all_received(&finished.sink.fates(id), 5);
    }
    assert_eq!(finished.complete, [true; 3]);
    assert_eq!(finished.sink.stamps, [StampSource::User; 3]);
    assert_eq!(finished.noise, Noise::default());
    let sent = finished
        .sink
        .events
        .iter()
        .filter(|event| matches!(event.what, Happened::Sent { .. }));
    assert_eq!(sent.count(), 15);
}

#[test]
fn an_open_port_replies_and_a_closed_one_refuses() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let open = listener.local_addr().unwrap().port();
    let closed = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    closed.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
    let closed_port = closed.local_addr().unwrap().as_socket().unwrap().port();
    let finished = measure(vec![
        (series(Ipv4Addr::LOCALHOST, Endpoint::Tcp(open)), pace(Some(5))),
        (series(Ipv4Addr::LOCALHOST, Endpoint::Tcp(closed_port)), pace(Some(5))),
    ]);
    assert_all_received(&finished.sink.fates(0), 5);
    assert_eq!(finished.sink.fates(1), [Fate::Rejected; 5]);
    assert_eq!(finished.sink.answers(1), [Answer::Refused; 5]);
}

#[test]
fn what_is_dropped_is_lost_and_what_is_rejected_with_icmp_names_its_sender() {
    in_fresh_network(|| {
        shell("nft add table ip t && nft 'add chain ip t in { type filter hook input priority 0; }'");
        shell("nft add rule ip t in ip daddr 127.0.0.2 icmp type echo-request drop");
        shell("nft add rule ip t in ip daddr 127.0.0.2 tcp flags syn drop");
        shell("nft add rule ip t in ip daddr 127.0.0.3 icmp type echo-request reject with icmp type admin-prohibited");
        // A raw socket: datagram sockets hear of no ICMP errors. A new network permits none of the latter.
        let timeout = Duration::from_millis(50);
        let pace = Pace {
            timeout,
            ..pace(Some(4))
        };
        let finished = measure(vec![
            (series(Ipv4Addr::new(127, 0, 0, 2), Endpoint::Icmp), pace),
            (series(Ipv4Addr::new(127, 0, 0, 2), Endpoint::Tcp(9)), pace),
            (series(Ipv4Addr::new(127, 0, 0, 3), Endpoint::Icmp), pace),
        ]);
        assert!(finished.sink.fates(0).iter().all(|fate| *fate == Fate::Lost));
        assert!(finished.sink.fates(1).iter().all(|fate| *fate == Fate::Lost));
        assert_eq!(finished.sink.fates(2), [Fate::Rejected; 4]);
        let prohibited = Answer::Unreachable(Unreachable {
            from: Ipv4Addr::new(127, 0, 0, 3).into(),
            icmp_type: 3,
            code: 13,
        });
        assert_eq!(finished.sink.answers(2), [prohibited; 4]);
    });
}

#[test]
fn without_a_route_nothing_is_sent_and_nothing_is_lost() {
    in_fresh_network(|| {
        let finished = measure(vec![
            (series(Ipv4Addr::new(192, 0, 2, 1), Endpoint::Icmp), pace(Some(3))),
            (series(Ipv4Addr::new(192, 0, 2, 1), Endpoint::Tcp(80)), pace(Some(3))),
        ]);
        for id in 0..2 {
            assert_eq!(finished.sink.fates(id), [Fate::NotSent; 3]);
        }
        let failed = finished.sink.events.iter().filter_map(|event| match event.what {
            Happened::SendFailed(error) => Some(error),
            Happened::Sent { .. } => panic!("{event:?}"),
            _ => None,
        });
        assert_eq!(failed.collect::<Vec<_>>(), [SendError::NoRoute; 6]);
    });
}

type Ended = Result<Finished<Log>, PortableError>;

/// A run without end on a thread of its own, what it says as it happens, and the way to it.
fn endless() -> (Remote<Log>, mpsc::Receiver<Event>, thread::JoinHandle<Ended>) {
    let (remote, inbox) = control().unwrap();
    let (watcher, events) = mpsc::channel();
    let sink = Log {
        watcher: Some(watcher),
        ..Log::default()
    };
    let closed = Endpoint::Tcp(9);
    remote.send(Command::Admit(vec![(series(Ipv4Addr::LOCALHOST, closed), pace(None))]));
    let thread = thread::spawn(|| run(inbox, sink, options()));
    (remote, events, thread)
}

#[test]
fn a_run_that_is_stopped_ends_with_all_its_probes_judged() {
    let (remote, events, thread) = endless();
    assert!(events.iter().any(|event| matches!(event.what, Happened::Settled(_))));
    remote.send(Command::Stop);
    let finished = thread.join().unwrap().unwrap();
    let fates = finished.sink.fates(0);
    assert!(!fates.is_empty() && !fates.contains(&Fate::Unjudged(crate::outcome::Unjudged::Cut)));
    assert_eq!(finished.complete, [false]);
}

#[test]
fn a_sleeping_run_wakes_for_commands() {
    let (remote, inbox) = control::<Log>().unwrap();
    let thread = thread::spawn(|| run(inbox, Log::default(), options()));
    let (answer, answered) = mpsc::channel();
    // Twice: the second finds it asleep again.
    for _ in 0..2 {
        let answer = answer.clone();
        remote.send(Command::Inspect(Box::new(move |log| {
            answer.send(log.events.len()).unwrap();
        })));
        assert_eq!(answered.recv().unwrap(), 0);
    }
    remote.send(Command::Cut);
    thread.join().unwrap().unwrap();
}

#[test]
fn a_traffic_class_is_refused_where_it_would_be_ignored() {
    let (remote, inbox) = control().unwrap();
    remote.send(Command::Admit(vec![(
        series(Ipv4Addr::LOCALHOST, Endpoint::Icmp),
        pace(Some(1)),
    )]));
    remote.send(Command::Seal);
    let mut options = options();
    options.packet.traffic_class = 0x48;
    let finished = run(inbox, Log::default(), options).unwrap();
    assert!(finished.sink.events.is_empty(), "{:?}", finished.sink.events);
    let why: Vec<&str> = finished.refused.iter().map(|refused| refused.why.as_str()).collect();
    assert_eq!(why, [PortableError::TrafficClass.to_string()]);
}
