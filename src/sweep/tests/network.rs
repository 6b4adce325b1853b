//! A network that is a function of path, TTL and time, and the loop that a packet thread would run.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use crate::engine::Launcher;
use crate::outcome::{
    Answer, Answered, Event, Fate, InTime, MplsStack, SendError, StampSource, Timing, Told, Unjudged, Unreachable, What,
};
use crate::series::{Endpoint, Series};
use crate::sweep::{Budget, News, PathReport, SweepOptions, Sweeper};
use crate::units::{Mono, ProbeSeq, Rtt, SeriesId};

/// What the network does with a probe.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fake {
    /// TTL exceeded.
    Expires(IpAddr, Duration),
    /// The target replies with this TTL.
    Replies(IpAddr, Duration, u8),
    /// Another ICMP error: type, code, MTU.
    Errs(IpAddr, u8, u8, Option<u32>),
    Lost,
    /// Answered, but only after the timeout.
    Late(IpAddr),
    /// In time by its stamps, but seen after the timeout.
    SeenLate(IpAddr, Duration),
    Fails(SendError),
    Unjudged,
    /// Nobody ever says anything.
    Forgotten,
}

/// A probe that left.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probe {
    pub(super) path: u32,
    pub(super) ttl: u8,
    pub(super) at: Mono,
    pub(super) fake: Fake,
}

/// A sweep under way.
pub(super) struct Lab<N> {
    pub(super) sweeper: Sweeper,
    pub(super) now: Mono,
    pub(super) probes: Vec<Probe>,
    pub(super) news: Vec<News>,
    timeout: Duration,
    network: N,
    seqs: HashMap<u32, u64>,
    coming: BinaryHeap<Reverse<(Mono, u64)>>,
    events: HashMap<u64, Event>,
    keys: u64,
}

pub(super) fn options(cycles: u64) -> SweepOptions {
    SweepOptions {
        first_ttl: 1,
        max_ttl: 30,
        cycles: Some(cycles),
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        budget: Budget::Gentle,
        max_silent: 5,
    }
}

pub(super) fn ip(a: u8, b: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, a, b))
}

/// The target of a path.
pub(super) fn target(path: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(
        192,
        168,
        u8::try_from(path / 200).unwrap(),
        u8::try_from(path % 200).unwrap() + 1,
    ))
}

pub(super) const MS: Duration = Duration::from_millis(1);

/// A plain path of `length` hops: routers 10.0.0.ttl, the target last.
pub(super) fn line(length: u8) -> impl Fn(u32, u8, Mono) -> Fake {
    move |path, ttl, _| {
        if ttl < length {
            Fake::Expires(ip(0, ttl), MS * u32::from(ttl))
        } else {
            Fake::Replies(target(path), MS * u32::from(length), 65 - length)
        }
    }
}

/// Probes per router: when they expired there.
pub(super) fn expired(probes: &[Probe]) -> HashMap<IpAddr, Vec<Mono>> {
    let mut by_router: HashMap<_, Vec<_>> = HashMap::new();
    for probe in probes {
        if let Fake::Expires(router, _) = probe.fake {
            by_router.entry(router).or_default().push(probe.at);
        }
    }
    by_router
}

/// The most moments within any window of this length.
pub(super) fn most_within(times: &[Mono], window: Duration) -> usize {
    let within = |first: &Mono| {
        let from_there = times.iter().filter(|at| *at >= first);
        from_there.take_while(|at| at.since(*first) < window).count()
    };
    times.iter().map(within).max().unwrap_or(0)
}

impl<N: FnMut(u32, u8, Mono) -> Fake> Lab<N> {
    pub(super) fn new(options: SweepOptions, paths: u32, network: N) -> Self {
        Self::with_endpoint(options, paths, Endpoint::Icmp, network)
    }

    pub(super) fn with_endpoint(options: SweepOptions, paths: u32, endpoint: Endpoint, network: N) -> Self {
        let mut sweeper = Sweeper::new(options, 7);
        for path in 0..paths {
            let series = Series {
                target: Arc::from("target"),
                address: target(path),
                scope_id: 0,
                endpoint,
                flow: 0,
            };
            sweeper.add_path(Mono::default(), SeriesId::new(path), &series);
        }
        Self {
            sweeper,
            now: Mono::default(),
            probes: Vec::new(),
            news: Vec::new(),
            timeout: options.timeout,
            network,
            seqs: HashMap::new(),
            coming: BinaryHeap::new(),
            events: HashMap::new(),
            keys: 0,
        }
    }

    /// Runs until the sweeper is done; an hour is too long for any test.
    pub(super) fn run(&mut self) -> &mut Self {
        self.run_until(Mono::default().after(Duration::from_hours(1)));
        assert!(self.sweeper.is_done(), "still not done after an hour");
        self
    }

    /// Runs to a moment, or until the sweeper is done.
    pub(super) fn run_until(&mut self, end: Mono) {
        while !self.sweeper.is_done() {
            let event = self.coming.peek().map(|Reverse((at, _))| *at);
            let Some(next) = event.into_iter().chain(self.sweeper.next_launch()).min() else {
                return;
            };
            if next > end {
                self.now = end;
                return;
            }
            self.now = self.now.max(next);
            self.deliver();
            for _ in 0..100_000 {
                let Some(launch) = self.sweeper.poll_launch(self.now) else {
                    break;
                };
                let seq = self.seqs.entry(launch.series.get()).or_default();
                let this = ProbeSeq::new(*seq);
                *seq += 1;
                self.sweeper.launched(launch, Some(this), self.now);
                self.send(launch.series, this, launch.ttl);
            }
        }
    }

    pub(super) fn report(&self, path: u32) -> PathReport {
        let report = self.sweeper.report(SeriesId::new(path)).expect("a path that was added");
        for hop in &report.hops {
            let lost = hop.rounds.iter().filter(|mark| mark.rtt.is_none()).count();
            assert!(hop.counts.sent >= hop.counts.received, "{hop:?}");
            assert!(
                hop.counts.sent - hop.counts.received >= u64::try_from(lost).unwrap(),
                "{hop:?}"
            );
            assert_eq!(
                hop.responders.iter().map(|known| known.answers).sum::<u64>(),
                hop.counts.received,
                "{hop:?}"
            );
            assert!(hop.rounds.is_sorted_by(|a, b| a.round < b.round), "{hop:?}");
        }
        report
    }

    /// The probes of a path to a TTL.
    pub(super) fn sent_to(&self, path: u32, ttl: u8) -> usize {
        let probes = self.probes.iter();
        probes.filter(|probe| probe.path == path && probe.ttl == ttl).count()
    }

    fn deliver(&mut self) {
        while let Some(&Reverse((at, key))) = self.coming.peek()
            && at <= self.now
        {
            self.coming.pop();
            let event = self.events.remove(&key).expect("an event for each key");
            self.sweeper.handle_event(&event);
            self.news.extend(std::iter::from_fn(|| self.sweeper.poll_news()));
        }
    }

    fn send(&mut self, series: SeriesId, seq: ProbeSeq, ttl: u8) {
        let now = self.now;
        let path = series.get();
        let fake = (self.network)(path, ttl, now);
        self.probes.push(Probe {
            path,
            ttl,
            at: now,
            fake,
        });
        let mut say = |after: Duration, what: What| {
            self.keys += 1;
            let key = self.keys;
            let event = Event {
                series,
                seq,
                sent_at: now,
                what,
            };
            assert!(self.events.insert(key, event).is_none());
            self.coming.push(Reverse((now.after(after), key)));
        };
        let late = self.timeout + MS * 300;
        if !matches!(fake, Fake::Fails(_)) {
            say(
                Duration::ZERO,
                What::Sent {
                    late_by: Duration::ZERO,
                },
            );
        }
        match fake {
            Fake::Expires(from, rtt) => say(rtt, answered(exceeded(from), from, rtt, None, None)),
            Fake::Replies(from, rtt, reply_ttl) => say(rtt, answered(Answer::Reply, from, rtt, Some(reply_ttl), None)),
            Fake::Errs(from, icmp_type, code, mtu) => {
                let error = Unreachable { from, icmp_type, code };
                say(MS * 5, answered(Answer::Unreachable(error), from, MS * 5, None, mtu));
            }
            Fake::Lost => say(self.timeout, What::TimedOut),
            Fake::Late(from) => {
                say(self.timeout, What::TimedOut);
                let What::Answered(mut answer) = answered(exceeded(from), from, late, None, None) else {
                    return;
                };
                answer.in_time = InTime::Late;
                answer.timed_out = true;
                say(late, What::Answered(answer));
            }
            Fake::SeenLate(from, rtt) => {
                say(self.timeout, What::TimedOut);
                let What::Answered(mut answer) = answered(exceeded(from), from, rtt, None, None) else {
                    return;
                };
                answer.timed_out = true;
                say(late, What::Answered(answer));
            }
            Fake::Fails(error) => say(Duration::ZERO, What::SendFailed(error)),
            Fake::Unjudged => say(self.timeout, What::Settled(Fate::Unjudged(Unjudged::ReceiveOverflow))),
            Fake::Forgotten => {}
        }
    }
}

fn exceeded(from: IpAddr) -> Answer {
    Answer::Unreachable(Unreachable {
        from,
        icmp_type: 11,
        code: 0,
    })
}

fn answered(answer: Answer, from: IpAddr, rtt: Duration, ttl: Option<u8>, mtu: Option<u32>) -> What {
    What::Answered(Answered {
        answer,
        timing: Timing {
            rtt: Rtt::from(rtt),
            source: StampSource::Kernel,
        },
        user_rtt: Rtt::from(rtt),
        in_time: InTime::Yes,
        timed_out: false,
        reordered: false,
        ttl,
        bytes: 64,
        stamp_loss: None,
        from: Some(from),
        told: Some(Told {
            quoted_ttl: 1,
            mtu,
            mpls: MplsStack::default(),
        }),
    })
}
