//! Troubles at the level of outcomes: what the detector would say is said by a model of its rules.

use std::collections::VecDeque;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::correlate::Persistence;
use crate::detect::{Cause, Kind, Severity};
use crate::outcome::{StampSource, Timing};
use crate::units::Rtt;

const OPTIONS: TroubleOptions = TroubleOptions {
    false_alarms_per_30_days: 1.0,
};

const FLOOR: f64 = 0.01;
const ICMP: Duration = Duration::from_millis(200);
const SYN: Duration = Duration::from_secs(1);

/// Troubles, and for each series what the detector knows of it.
struct World {
    troubles: Troubles,
    series: Vec<Detected>,
    changes: Vec<Change>,
}

struct Detected {
    id: SeriesId,
    interval: Duration,
    began: Mono,
    seq: u64,
    recent: VecDeque<Option<Kind>>,
    first_bad: Mono,
    degraded: bool,
    replied: bool,
}

impl World {
    fn new(options: TroubleOptions) -> Self {
        Self {
            troubles: Troubles::new(options),
            series: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// One more series; its index here.
    fn admit(&mut self, target: u32, proto: Proto, interval: Duration, at: Mono) -> usize {
        self.admit_above(FLOOR, target, proto, interval, at)
    }

    fn admit_above(&mut self, floor: f64, target: u32, proto: Proto, interval: Duration, at: Mono) -> usize {
        let id = SeriesId::new(u32::try_from(self.series.len()).unwrap());
        let stream = Stream {
            target: TargetId::new(target),
            proto,
            interval,
            timeout: Duration::from_secs(1),
            floor,
        };
        self.troubles.admit(id, stream, at);
        self.series.push(Detected {
            id,
            interval,
            began: at,
            seq: 0,
            recent: VecDeque::new(),
            first_bad: at,
            degraded: false,
            replied: false,
        });
        self.series.len() - 1
    }

    /// Sends the next probe of a series, with this outcome. When it was sent.
    fn probe(&mut self, series: usize, symptom: Option<Symptom>) -> Mono {
        let detected = &mut self.series[series];
        let seq = ProbeSeq::new(detected.seq);
        let at = detected
            .began
            .after(detected.interval * u32::try_from(detected.seq).unwrap());
        detected.seq += 1;
        let id = detected.id;
        let what = match symptom {
            None => What::Answered(reply(1)),
            Some(Symptom::Slow(_)) => What::Answered(reply(84)),
            Some(Symptom::Refused) => What::Answered(refusal()),
            Some(Symptom::Lost) => What::TimedOut,
        };
        detected.replied |= !matches!(symptom, Some(Symptom::Lost | Symptom::Refused));
        if symptom != Some(Symptom::Lost) {
            self.take(id, seq, at, what);
        }
        for found in self.series[series].judge(at, seq, symptom) {
            self.troubles.handle_finding(&found);
        }
        if symptom == Some(Symptom::Lost) {
            self.take(id, seq, at, what);
        }
        if self.troubles.next_deadline().is_some_and(|due| due <= at) {
            self.troubles.handle_deadline(at);
        }
        while let Some(change) = self.troubles.poll() {
            self.changes.push(change);
        }
        at
    }

    fn take(&mut self, series: SeriesId, seq: ProbeSeq, sent_at: Mono, what: What) {
        self.troubles.handle_event(&Event {
            series,
            seq,
            sent_at,
            what,
        });
    }

    fn probes(&mut self, series: usize, outcomes: &str) {
        for c in outcomes.chars() {
            let symptom = match c {
                's' => Some(Symptom::Slow(Severity::Strong)),
                'l' => Some(Symptom::Lost),
                'r' => Some(Symptom::Refused),
                _ => None,
            };
            self.probe(series, symptom);
        }
    }

    fn good(&mut self, series: usize, n: u64) {
        for _ in 0..n {
            self.probe(series, None);
        }
    }

    fn shift(&mut self, series: usize, at_secs: u64, from_ms: u64, to_ms: u64) {
        self.troubles.handle_finding(&Finding {
            series: self.series[series].id,
            at: Mono::from_nanos(at_secs * 1_000_000_000),
            found: Found::LevelShift {
                from: Rtt::from_nanos(from_ms * 1_000_000),
                to: Rtt::from_nanos(to_ms * 1_000_000),
            },
        });
        self.changes.extend(std::iter::from_fn(|| self.troubles.poll()));
    }

    fn opened(&self) -> Vec<&Anomaly> {
        let changes = self.changes.iter();
        let opened = changes.filter_map(|change| match change {
            Change::Opened(anomaly) => Some(anomaly),
            _ => None,
        });
        opened.collect()
    }

    fn closed(&self) -> Vec<&Anomaly> {
        let changes = self.changes.iter();
        let closed = changes.filter_map(|change| match change {
            Change::Closed(anomaly) => Some(anomaly),
            _ => None,
        });
        closed.collect()
    }

    fn kinds(&self) -> Vec<AnomalyKind> {
        self.opened().iter().map(|anomaly| anomaly.kind).collect()
    }
}

impl Detected {
    /// What `detect` would say: 3 of the last 20, 2 of a kind in a row, and none of 20.
    fn judge(&mut self, at: Mono, seq: ProbeSeq, symptom: Option<Symptom>) -> Vec<Finding> {
        let mut found = Vec::new();
        if !self.replied {
            return found;
        }
        let finding = |at, found| Finding {
            series: self.id,
            at,
            found,
        };
        found.extend(symptom.map(|symptom| finding(at, Found::Spiked(seq, symptom))));
        if self.recent.iter().all(Option::is_none) {
            self.first_bad = at;
        }
        let kind = symptom.map(Symptom::kind);
        let repeated = self
            .recent
            .front()
            .copied()
            .flatten()
            .filter(|previous| Some(*previous) == kind);
        self.recent.push_front(kind);
        self.recent.truncate(20);
        let bad = self.recent.iter().flatten().count();
        let cause = match repeated {
            Some(Kind::Loss) => Some(Cause::Silent),
            Some(Kind::Refused) => Some(Cause::Refusing),
            _ => (bad >= 3).then_some(Cause::Frequent),
        };
        if let Some(cause) = cause.filter(|_| !self.degraded) {
            self.degraded = true;
            found.push(finding(self.first_bad, Found::Degraded(cause)));
        } else if self.degraded && bad == 0 {
            self.degraded = false;
            found.push(finding(at, Found::Recovered));
        }
        found
    }
}

fn reply(ms: u64) -> Answered {
    let rtt = Rtt::from_nanos(ms * 1_000_000);
    Answered {
        answer: Answer::Reply,
        timing: Timing {
            rtt,
            source: StampSource::Kernel,
        },
        user_rtt: rtt,
        in_time: InTime::Yes,
        timed_out: false,
        reordered: false,
        ttl: None,
        bytes: 0,
        stamp_loss: None,
        from: None,
        told: None,
    }
}

fn refusal() -> Answered {
    Answered {
        answer: Answer::Refused,
        ..reply(1)
    }
}

/// Loss that starts with one probability and goes on with another.
struct Loss {
    start: f64,
    goes_on: f64,
    lost: bool,
}

impl Loss {
    /// This share of probes, in runs of this mean length.
    fn new(share: f64, mean_run: f64) -> Self {
        // In a stationary chain the share is start / (start + 1 - goes_on).
        let goes_on = 1.0 - 1.0 / mean_run;
        Self {
            start: share * (1.0 - goes_on) / (1.0 - share),
            goes_on,
            lost: false,
        }
    }

    fn independent(share: f64) -> Self {
        Self {
            start: share,
            goes_on: share,
            lost: false,
        }
    }

    fn draw(&mut self, random: &mut ChaCha8Rng) -> Option<Symptom> {
        let p = if self.lost { self.goes_on } else { self.start };
        self.lost = random.random_bool(p);
        self.lost.then_some(Symptom::Lost)
    }
}

/// Anomalies that open within so many hours of the `streams`, after `warm` hours.
fn openings(streams: u32, hours: u64, warm: u64, budget: f64, loss: impl Fn() -> Loss) -> usize {
    let mut world = World::new(TroubleOptions {
        false_alarms_per_30_days: budget,
    });
    let mut random = ChaCha8Rng::seed_from_u64(1);
    for n in 0..streams {
        world.admit(n, Proto::Icmp, ICMP, Mono::from_nanos(0));
    }
    let mut losses: Vec<Loss> = (0..streams).map(|_| loss()).collect();
    for series in 0..world.series.len() {
        world.good(series, 1);
    }
    for _ in 0..(warm + hours) * 18_000 {
        for (series, loss) in losses.iter_mut().enumerate() {
            let symptom = loss.draw(&mut random);
            world.probe(series, symptom);
        }
    }
    let warm = Mono::from_nanos(warm * 3_600 * 1_000_000_000);
    world.opened().iter().filter(|anomaly| anomaly.began >= warm).count()
}

/// With a budget of 1,000 per 30 days, 6 hours may have 8.3 of them; of a Poisson number with that mean, one in 1,000 is above 18.
#[test]
fn independent_loss_opens_no_more_than_the_budget_allows() {
    for share in [0.0, 0.001, 0.005, 0.01] {
        let n = openings(10, 6, 0, 1_000.0, || Loss::independent(share));
        assert!(n <= 18, "{n} at {share}");
    }
}

/// As above, once the habit is known: two hours of a run every 500 or so probes.
#[test]
fn loss_in_bursts_opens_no_more_than_the_budget_allows_once_it_is_habit() {
    let n = openings(10, 6, 2, 1_000.0, || Loss::new(0.005, 3.0));
    assert!(n <= 18, "{n}");
}

/// Two in a row of 0.1 % are expected every 55 hours; of 20 streams in 6 hours 2.2 times, which a budget of one a month does not allow.
#[test]
fn two_losses_in_a_row_are_no_alarm_where_they_are_expected_within_a_month() {
    assert_eq!(openings(20, 6, 0, 1.0, || Loss::independent(0.001)), 0);
}

#[test]
fn a_dead_backend_is_known_after_a_few_losses_and_back_after_twenty_replies() {
    let mut world = World::new(OPTIONS);
    let series = world.admit(0, Proto::Icmp, ICMP, Mono::default());
    let other = world.admit(1, Proto::Icmp, ICMP, Mono::default());
    world.good(series, 3_000);
    world.good(other, 3_000);
    let died = world.probe(series, Some(Symptom::Lost));
    // A run starts with 1 of 3,100 probes and goes on with 1 of 50: of 13 million probes 4,181 start one, 0.0017 reach 5.6 more. A quarter of
    // the budget for two streams is 1/8: 1 + ln(4181 * 8) / ln(50) = 3.7.
    world.probes(series, "ll");
    assert_eq!(world.kinds(), []);
    world.probes(series, "l");
    let [opened] = world.opened()[..] else {
        panic!("{:?}", world.changes);
    };
    assert_eq!(opened.kind, AnomalyKind::Alone(Cause::Silent));
    assert_eq!((opened.began, opened.members[0].probes), (died, 4));
    assert_eq!(opened.healthy, [TargetId::new(1)]);
    world.probes(series, &"l".repeat(300));
    world.good(series, 19);
    assert!(world.closed().is_empty());
    world.good(series, 1);
    assert_eq!(world.closed()[0].members[0].probes, 304);
    world.good(series, 3_000);
    assert_eq!(world.changes.len(), 2, "an outage is not a lasting impairment");
}

#[test]
fn a_fault_is_not_learned() {
    let mut world = World::new(OPTIONS);
    let series = world.admit(0, Proto::Icmp, ICMP, Mono::default());
    world.good(series, 3_000);
    for _ in 0..5 {
        world.probes(series, &"l".repeat(300));
        world.good(series, 6_000);
    }
    world.probes(series, "llll");
    assert_eq!(world.opened().len(), 6, "found as the first was");
}

#[test]
fn two_refusals_are_enough_and_a_single_one_is_not() {
    let mut world = World::new(OPTIONS);
    let series = world.admit(0, Proto::Tcp, SYN, Mono::default());
    world.good(series, 60);
    world.probes(series, "r.......................r");
    assert_eq!(world.kinds(), []);
    world.probes(series, "r");
    assert_eq!(world.kinds(), [AnomalyKind::Alone(Cause::Refusing)]);
    world.good(series, 20);
    assert_eq!(world.closed().len(), 1);
}

#[test]
fn what_was_refused_or_lost_long_ago_is_no_reason_to_call_slow_probes_trouble() {
    for old in ["rrrrr", "llllllllll"] {
        let mut world = World::new(OPTIONS);
        let series = world.admit(0, Proto::Tcp, SYN, Mono::default());
        // One of a hundred is slow: a habit, of which three of 20 are nothing special in a month.
        for _ in 0..400 {
            world.good(series, 99);
            world.probes(series, "s");
        }
        world.probes(series, old);
        world.good(series, 3_600);
        let before = world.opened().len();
        assert!(before > 0 && world.closed().len() == before, "{old}");
        // The detector calls that degraded.
        world.probes(series, "..s.......s.....s.......");
        assert_eq!(world.opened().len(), before, "{old}: {:?}", world.opened());
    }
}

#[test]
fn a_run_of_slow_replies_waits_until_it_can_be_no_shift() {
    let mut world = World::new(OPTIONS);
    let series = world.admit(0, Proto::Icmp, ICMP, Mono::default());
    world.good(series, 3_000);
    world.probes(series, &"s".repeat(32));
    world.shift(series, 600, 1, 21);
    assert!(
        matches!(world.kinds()[..], [AnomalyKind::Shifted { .. }]),
        "{:?}",
        world.changes
    );
    world.good(series, 100);
    world.probes(series, "ssssssss");
    assert_eq!(world.opened().len(), 1);
    world.good(series, 10);
    assert_eq!(world.kinds()[1..], [AnomalyKind::Alone(Cause::Frequent)]);
    assert_eq!(world.opened()[1].members[0].peak, Some(Rtt::from_nanos(84_000_000)));
}

/// 3 % against a floor of 1 %: of the 1,500 probes of 5 minutes 45 are expected, with a deviation of 6.6. Found where 1 % would have so many less
/// often than once in 100 months: about 42, so that nine of ten are found within 6 minutes, and all within 10 (90 against 66).
#[test]
fn loss_from_the_first_probe_on_that_two_share_is_one_anomaly_and_ends() {
    let mut world = World::new(OPTIONS);
    let mut random = ChaCha8Rng::seed_from_u64(7);
    for target in 0..3 {
        world.admit(target, Proto::Icmp, ICMP, Mono::default());
    }
    let mut losses = [0.03, 0.03, 0.001].map(Loss::independent);
    for _ in 0..4_500 {
        for (series, loss) in losses.iter_mut().enumerate() {
            let symptom = loss.draw(&mut random);
            world.probe(series, symptom);
        }
    }
    let is_lasting = |anomaly: &&Anomaly| anomaly.kind == AnomalyKind::Persistent(Persistence::Loss);
    assert_eq!(
        world.opened().into_iter().filter(is_lasting).count(),
        1,
        "{:?}",
        world.kinds()
    );
    let joined = world.changes.iter().find_map(|change| match change {
        Change::Updated(anomaly) => Some(anomaly.clone()),
        _ => None,
    });
    let joined = joined.unwrap();
    assert_eq!(joined.members.len(), 2);
    assert_eq!(joined.healthy, [TargetId::new(2)]);
    assert!(world.closed().into_iter().all(|anomaly| !is_lasting(&anomaly)));
    // 2 minutes without any loss are less than 0.1 % probable at half of 3 %; the first of them is complete after 10 s.
    for series in 0..3 {
        world.good(series, 5 * 140 + 50);
    }
    assert_eq!(world.closed().into_iter().filter(is_lasting).count(), 1);
}

#[test]
fn loss_below_the_floor_is_nobodys_trouble() {
    let mut world = World::new(OPTIONS);
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let series = world.admit(0, Proto::Icmp, ICMP, Mono::default());
    let mut loss = Loss::independent(0.009);
    for _ in 0..200_000 {
        let symptom = loss.draw(&mut random);
        world.probe(series, symptom);
    }
    assert_eq!(world.kinds(), []);
}

#[test]
fn each_backend_has_a_floor_of_its_own() {
    let mut world = World::new(OPTIONS);
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let critical = world.admit(0, Proto::Icmp, ICMP, Mono::default());
    let tolerant = world.admit_above(0.05, 1, Proto::Icmp, ICMP, Mono::default());
    // 3 %: beyond the floor of one of them.
    let mut loss = Loss::independent(0.0);
    for rate in [0.0, 0.03] {
        loss = Loss {
            lost: loss.lost,
            ..Loss::independent(rate)
        };
        for _ in 0..4_500 {
            let symptom = loss.draw(&mut random);
            world.probe(critical, symptom);
            world.probe(tolerant, symptom);
        }
    }
    // Who becomes impaired later joins an anomaly that is open, so all changes count.
    let blamed: Vec<_> = world
        .changes
        .iter()
        .filter_map(|change| match change {
            Change::Opened(anomaly) | Change::Updated(anomaly) => Some(anomaly),
            _ => None,
        })
        .filter(|anomaly| matches!(anomaly.kind, AnomalyKind::Persistent(_)))
        .flat_map(|anomaly| &anomaly.members)
        .map(|member| member.target)
        .collect();
    assert!(!blamed.is_empty());
    assert!(blamed.iter().all(|target| *target == TargetId::new(0)), "{blamed:?}");
}

#[test]
fn shifts_at_one_moment_are_one_anomaly_until_all_are_back() {
    let mut world = World::new(OPTIONS);
    for target in 0..3 {
        world.admit(target, Proto::Icmp, ICMP, Mono::default());
    }
    world.shift(0, 100, 1, 21);
    world.shift(1, 103, 2, 22);
    world.shift(2, 200, 1, 5);
    assert_eq!(world.opened().len(), 2);
    let Change::Updated(joined) = &world.changes[1] else {
        panic!("{:?}", world.changes);
    };
    assert_eq!((joined.members.len(), joined.onset_skew), (2, Duration::ZERO));
    world.shift(0, 300, 21, 1);
    assert!(world.closed().is_empty());
    world.shift(1, 301, 22, 2);
    assert_eq!(world.closed().len(), 1);
    // The other is the normal level after ten minutes.
    world.troubles.handle_deadline(Mono::from_nanos(799_000_000_000));
    assert_eq!(world.troubles.poll(), None);
    world.troubles.handle_deadline(Mono::from_nanos(800_000_000_000));
    assert!(matches!(world.troubles.poll(), Some(Change::Closed(_))));
    assert_eq!(world.troubles.next_deadline(), None);
}

#[test]
fn what_never_answers_is_one_anomaly_until_it_does() {
    let mut world = World::new(OPTIONS);
    let icmp = world.admit(0, Proto::Icmp, ICMP, Mono::default());
    let syn = world.admit(0, Proto::Tcp, SYN, Mono::default());
    world.probes(syn, &"r".repeat(10));
    assert_eq!(world.kinds(), [], "the other protocol had no chance yet");
    // 10 are sent after 2 s, but 5 s are given.
    world.probes(icmp, &"l".repeat(25));
    assert_eq!(world.kinds(), []);
    world.probes(icmp, "l");
    assert_eq!(world.kinds(), [AnomalyKind::NeverAnswered(Proto::Icmp)]);
    world.good(icmp, 1);
    assert_eq!(world.closed().len(), 1);
    assert_eq!(world.kinds()[1..], [AnomalyKind::NeverAnswered(Proto::Tcp)]);
    world.troubles.remove(world.series[syn].id);
    assert!(matches!(world.troubles.poll(), Some(Change::Closed(_))));
}

#[test]
fn what_this_host_did_is_no_trouble_of_others() {
    let mut world = World::new(OPTIONS);
    let series = world.admit(0, Proto::Icmp, ICMP, Mono::default());
    world.good(series, 3_000);
    world.probes(series, "ll");
    world
        .troubles
        .discount(Mono::from_nanos(599_000_000_000), Mono::from_nanos(602_000_000_000));
    world.probes(series, "llllllll");
    assert_eq!(world.kinds(), []);
    world.probes(series, "llllll");
    assert_eq!(world.kinds(), [AnomalyKind::Alone(Cause::Silent)]);
}
