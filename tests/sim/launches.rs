//! Probes that are launched with a TTL of their own: each hop answers for itself, and says so with its address and its true round trip.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use pathjitter::engine::{Launch, Launcher};
use pathjitter::lab::{Driver, World, WorldOptions};
use pathjitter::outcome::{Answer, Answered, Event, What};
use pathjitter::series::{Endpoint, Pace, Series};
use pathjitter::units::{Mono, ProbeSeq, Rtt, SeriesId};

use crate::story::{Line, SECOND};

/// Launches one probe of each TTL from 1 to 3 every 100 ms, for a number of rounds.
struct Rounds {
    series: SeriesId,
    next_at: Mono,
    left: Vec<u8>,
    ttls: HashMap<ProbeSeq, u8>,
    answers: Vec<(u8, Answered, Rtt)>,
}

impl Rounds {
    fn new(series: SeriesId, rounds: usize) -> Self {
        Self {
            series,
            next_at: Mono::default(),
            left: [3, 2, 1].repeat(rounds),
            ttls: HashMap::new(),
            answers: Vec::new(),
        }
    }
}

impl Launcher for Rounds {
    fn next_launch(&self) -> Option<Mono> {
        (!self.left.is_empty()).then_some(self.next_at)
    }

    fn poll_launch(&mut self, now: Mono) -> Option<Launch> {
        if now < self.next_at {
            return None;
        }
        let ttl = self.left.pop()?;
        if ttl == 3 {
            self.next_at = now.after(Duration::from_millis(100));
        }
        Some(Launch {
            series: self.series,
            ttl,
        })
    }

    fn launched(&mut self, launch: Launch, seq: Option<ProbeSeq>, _now: Mono) {
        self.ttls.insert(seq.expect("there is room"), launch.ttl);
    }

    fn is_done(&self) -> bool {
        self.left.is_empty()
    }
}

impl Driver for Rounds {
    fn event(&mut self, event: &Event, truth: Option<Rtt>) {
        if let What::Answered(answered) = event.what {
            self.answers.push((self.ttls[&event.seq], answered, truth.unwrap()));
        }
    }
}

/// All answers of ten rounds, by TTL.
fn rounds_to(address: &str, endpoint: Endpoint, line: &Line<'_>) -> Vec<(u8, Answered, Rtt)> {
    let options = WorldOptions {
        ports_per_flow: Some(1),
        ..WorldOptions::default()
    };
    let mut world = World::new(&line.topology(), 1, options);
    let series = Series {
        target: "app01".into(),
        address: address.parse().unwrap(),
        scope_id: 0,
        endpoint,
        flow: 0,
    };
    let pace = Pace {
        interval: SECOND,
        timeout: SECOND,
        count: Some(0),
    };
    let id = world.admit_series(series, pace);
    let mut rounds = Rounds::new(id, 10);
    world.run_until_with(Mono::default().after(10 * SECOND), &mut rounds);
    assert!(rounds.is_done() && world.is_finished());
    assert_eq!(rounds.ttls.len(), 30);
    assert!(world.noise().ignored.is_empty(), "{:?}", world.noise());
    rounds.answers
}

#[test]
fn every_hop_answers_with_its_address_and_its_own_round_trip() {
    let paths = [
        ("10.10.2.11", ["10.10.1.1", "10.10.2.1", "10.10.2.11"]),
        ("fd00:10:2::11", ["fd00:10:1::1", "fd00:10:2::1", "fd00:10:2::11"]),
    ];
    for (target, hops) in paths {
        for endpoint in [Endpoint::Icmp, Endpoint::Tcp(80), Endpoint::Udp(33_434)] {
            let line = Line {
                backend: r#"set.ports = { 80 = "open" }"#,
                ..Line::default()
            };
            let answers = rounds_to(target, endpoint, &line);
            assert_eq!(answers.len(), 30, "{target}, {endpoint:?}");
            for (ttl, answered, truth) in answers {
                let hop: IpAddr = hops[usize::from(ttl) - 1].parse().unwrap();
                assert_eq!(answered.from, Some(hop), "{endpoint:?} at {ttl}");
                assert_eq!(answered.timing.rtt, truth);
                // Links of 1 ms each way.
                assert_eq!(
                    truth,
                    Rtt::from_nanos(u64::from(ttl) * 2_000_000),
                    "{endpoint:?} at {ttl}"
                );
                check_answer(&answered, ttl, endpoint, hop.is_ipv4());
            }
        }
    }
}

fn check_answer(answered: &Answered, ttl: u8, endpoint: Endpoint, is_v4: bool) {
    let error = match answered.answer {
        Answer::Unreachable(error) => Some((error.icmp_type, error.code)),
        _ => None,
    };
    let expected = match (ttl, endpoint, is_v4) {
        (3, Endpoint::Udp(_), true) => Some((3, 3)),
        (3, Endpoint::Udp(_), false) => Some((1, 4)),
        (3, Endpoint::Icmp | Endpoint::Tcp(_), _) => None,
        (_, _, true) => Some((11, 0)),
        (_, _, false) => Some((3, 0)),
    };
    assert_eq!(error, expected, "{endpoint:?} at {ttl}");
    assert_eq!(answered.told.is_some(), expected.is_some());
    if ttl < 3 {
        assert!(answered.told.unwrap().quoted_ttl <= 1);
    }
}

#[test]
fn a_launch_into_a_stall_of_the_host_leaves_when_it_ends() {
    let line = Line::default();
    let mut world = World::new(&line.topology(), 1, WorldOptions::default());
    let series = Series {
        target: "app01".into(),
        address: "10.10.2.11".parse().unwrap(),
        scope_id: 0,
        endpoint: Endpoint::Icmp,
        flow: 0,
    };
    let pace = Pace {
        interval: SECOND,
        timeout: SECOND,
        count: Some(0),
    };
    let id = world.admit_series(series, pace);
    world.stall_for(SECOND);
    let mut rounds = Rounds::new(id, 1);
    world.run_until_with(Mono::default().after(SECOND), &mut rounds);
    assert_eq!(rounds.ttls.len(), 0);
    world.run_until_with(Mono::default().after(3 * SECOND), &mut rounds);
    assert_eq!(rounds.answers.len(), 3);
}
