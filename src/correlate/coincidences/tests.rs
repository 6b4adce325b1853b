//! The judge as its users see it: what was sent and found in, changes out.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::correlate::Anomaly;
use crate::detect::{Severity, Symptom};
use crate::outcome::Proto;

/// Backends with one series each at so many ms, splayed.
struct Run {
    judge: Coincidences,
    intervals: Vec<u64>,
    now_ms: u64,
    changes: Vec<Change>,
}

impl Run {
    fn new(intervals: &[u64]) -> Self {
        let mut judge = Coincidences::new(CoincidenceOptions {
            false_alarms_per_30_days: 1.0,
        });
        for (n, interval) in (0..).zip(intervals) {
            let stream = Stream {
                target: TargetId::new(n),
                proto: Proto::Icmp,
                interval: Duration::from_millis(*interval),
                timeout: Duration::from_secs(1),
                floor: 0.0,
            };
            judge.admit(SeriesId::new(n), stream);
        }
        Self {
            judge,
            intervals: intervals.to_vec(),
            now_ms: 0,
            changes: Vec::new(),
        }
    }

    /// Sends what is due until then; `symptom` says what comes of a probe of this backend at this moment.
    fn until(&mut self, end_ms: u64, mut symptom: impl FnMut(u32, u64) -> Option<Symptom>) {
        while self.now_ms < end_ms {
            for (n, interval) in (0..).zip(self.intervals.clone()) {
                let splay = u64::from(n) * 10 % interval;
                if self.now_ms % interval == splay {
                    self.probe(n, self.now_ms / interval, symptom(n, self.now_ms));
                }
            }
            self.now_ms += 10;
            self.turn();
        }
    }

    fn probe(&mut self, n: u32, seq: u64, symptom: Option<Symptom>) {
        let (series, seq, at) = (SeriesId::new(n), ProbeSeq::new(seq), ms(self.now_ms));
        let sent = What::Sent {
            late_by: Duration::ZERO,
        };
        self.judge.handle_event(&Event {
            series,
            seq,
            sent_at: at,
            what: sent,
        });
        if let Some(symptom) = symptom {
            let found = Found::Spiked(seq, symptom);
            self.judge.handle_finding(&Finding { series, at, found }, None);
        }
    }

    fn find(&mut self, n: u32, at_ms: u64, found: Found) {
        let finding = Finding {
            series: SeriesId::new(n),
            at: ms(at_ms),
            found,
        };
        self.judge.handle_finding(&finding, None);
    }

    fn turn(&mut self) {
        self.judge.handle_deadline(ms(self.now_ms));
        self.changes.extend(std::iter::from_fn(|| self.judge.poll()));
    }

    /// A backend begins to spike, as if a probe had shown it.
    fn begin(&mut self, backend: usize, at: Mono) {
        let target = TargetId::new(u32::try_from(backend).unwrap());
        let backend = self.judge.backends[backend].as_mut().unwrap();
        assert!(backend.begin(Channel::Any, at));
        self.judge.onsets.add(Channel::Any, at, target);
    }

    fn opened(&self) -> Vec<Anomaly> {
        let changes = self.changes.iter().cloned();
        let opened = changes.filter_map(|change| match change {
            Change::Opened(anomaly) => Some(anomaly),
            _ => None,
        });
        opened.collect()
    }

    fn closed(&self) -> Vec<Anomaly> {
        let changes = self.changes.iter().cloned();
        let closed = changes.filter_map(|change| match change {
            Change::Closed(anomaly) => Some(anomaly),
            _ => None,
        });
        closed.collect()
    }
}

fn ms(ms: u64) -> Mono {
    Mono::from_nanos(ms * 1_000_000)
}

fn targets(anomaly: &Anomaly) -> Vec<usize> {
    anomaly.members.iter().map(|hit| hit.target.index()).collect()
}

const HOUR: u64 = 3_600_000;
const EXTREME: Option<Symptom> = Some(Symptom::Slow(Severity::Extreme));

/// Extreme between these moments, for the first so many backends.
fn slow(from: u64, to: u64, backends: u32) -> impl FnMut(u32, u64) -> Option<Symptom> {
    move |n, at| EXTREME.filter(|_| n < backends && (from..to).contains(&at))
}

#[test]
fn backends_that_spike_together_are_one_incident_with_its_members_and_the_healthy_ones() {
    let mut run = Run::new(&[200; 6]);
    run.until(HOUR + 60_000, slow(HOUR, HOUR + 1_000, 4));
    let (opened, closed) = (run.opened(), run.closed());
    assert_eq!((opened.len(), closed.len()), (1, 1));
    assert_eq!(opened[0].kind, AnomalyKind::Coincidence);
    assert!(opened[0].chance.unwrap() < 1e-6);
    let last = &closed[0];
    assert_eq!(targets(last), [0, 1, 2, 3]);
    let healthy: Vec<usize> = last.healthy.iter().map(|target| target.index()).collect();
    assert_eq!(healthy, [4, 5]);
    assert_eq!((last.began, last.last), (ms(HOUR), ms(HOUR + 830)));
    // Sent 200 ms apart for a second.
    assert!(last.members.iter().all(|hit| hit.probes == 5), "{:?}", last.members);
}

#[test]
fn windows_slide_so_that_no_edge_splits_a_coincidence() {
    // A window of 400 ms; the first spikes are 380 ms apart, wherever that begins.
    for begin in (0..1_000).step_by(200) {
        let mut run = Run::new(&[200; 4]);
        let begin = HOUR + begin;
        run.until(begin + 5_000, |n, at| {
            EXTREME.filter(|_| (begin..begin + 600).contains(&at) && at >= begin + u64::from(n) * 110)
        });
        assert_eq!(run.opened().len(), 1, "{begin}");
    }
}

#[test]
fn spikes_further_apart_than_the_window_do_not_coincide() {
    let mut run = Run::new(&[200; 4]);
    run.until(HOUR + 10_000, |n, at| {
        EXTREME.filter(|_| at >= HOUR && (at - HOUR) / 600 == u64::from(n))
    });
    assert_eq!(run.changes, []);
}

#[test]
fn the_chance_is_the_product_of_what_each_was_sent_in_the_window() {
    // The slowest decides on the window, 2 s: ten probes of the first, two of the others.
    let mut run = Run::new(&[200, 1_000, 1_000]);
    run.until(HOUR, |_, _| None);
    let habits = |run: &Run, n: usize| run.judge.backends[n].as_ref().unwrap().rates[Channel::Any.index()];
    let (fast, slow) = (habits(&run, 0), habits(&run, 1));
    assert!(
        (4.8..5.2).contains(&(slow / fast)),
        "an episode more than none, of a fifth of the probes"
    );
    for n in 0..3 {
        run.begin(n, ms(HOUR - 100 + u64::try_from(n).unwrap()));
    }
    let group = &run.judge.groups[0];
    let known = (&run.judge.onsets, &*run.judge.backends);
    let around = Gathering::around(ms(HOUR - 98), group, Channel::Any, known).unwrap();
    let (chance, probed) = around.chance(group, Channel::Any, &run.judge.backends, 1.0).unwrap();
    let any = |probes: i32, rate: f64| 1.0 - (1.0 - rate).powi(probes);
    let expected = any(10, fast) * any(2, slow);
    assert_eq!(probed, 3);
    assert!((chance / expected - 1.0).abs() < 1e-6, "{chance}, not {expected}");
}

#[test]
fn who_was_sent_nothing_is_no_part_of_the_test() {
    let mut run = Run::new(&[200; 3]);
    run.intervals.pop();
    run.until(HOUR, |_, _| None);
    for n in 0..2 {
        run.begin(n, ms(HOUR - 100));
    }
    let group = &run.judge.groups[0];
    let known = (&run.judge.onsets, &*run.judge.backends);
    let around = Gathering::around(ms(HOUR - 100), group, Channel::Any, known).unwrap();
    let chance = around.chance(group, Channel::Any, &run.judge.backends, 1.0);
    assert_eq!(chance.unwrap().1, 2);
}

#[test]
fn what_this_host_did_is_nobodys_coincidence() {
    let mut run = Run::new(&[200; 6]);
    // Known after the findings, in the same turn; and before them.
    run.until(HOUR, |_, _| None);
    for n in 0..6 {
        run.find(n, HOUR - 100, Found::Overdue(ProbeSeq::new(HOUR / 200 - 1)));
    }
    run.judge.discount(ms(HOUR - 500), ms(HOUR));
    run.judge.discount(ms(HOUR + 20_000), ms(HOUR + 21_000));
    run.until(HOUR + 60_000, slow(HOUR + 20_000, HOUR + 21_000, 6));
    assert_eq!(run.opened(), []);
    run.until(HOUR + 90_000, slow(HOUR + 80_000, HOUR + 81_000, 6));
    assert_eq!(run.opened().len(), 1, "only those moments");
}

#[test]
fn overdue_probes_raise_the_alarm_and_withdrawn_ones_take_it_back() {
    let mut run = Run::new(&[200; 5]);
    run.until(HOUR, |_, _| None);
    let seq = ProbeSeq::new(HOUR / 200 - 1);
    for n in 0..5 {
        run.find(n, HOUR - 190 + u64::from(n), Found::Overdue(seq));
    }
    run.turn();
    assert_eq!(run.opened().len(), 1, "no timeout is waited for");
    for n in 0..5 {
        run.find(n, HOUR - 190 + u64::from(n), Found::Withdrawn(seq));
    }
    run.turn();
    assert_eq!(run.closed().len(), 1);
    assert!(run.closed()[0].members.len() < 2);
}

#[test]
fn suspicion_is_said_before_anything_is_proven_and_names_the_whole_burst() {
    let mut run = Run::new(&[200; 2]);
    run.until(60_700, slow(60_000, 60_700, 2));
    assert_eq!(
        run.opened().len(),
        0,
        "after a minute one coincidence of two proves nothing"
    );
    let Some(Change::Suspected(suspicion)) = run.changes.first() else {
        panic!("{:?}", run.changes);
    };
    assert_eq!(suspicion.series, [SeriesId::new(0), SeriesId::new(1)]);
    assert!(suspicion.from <= ms(60_000) && suspicion.to >= ms(60_700));
}

/// Every 9.1 s from 5 s on, 0.7 s of extreme RTTs with two losses in five.
fn article(random: &mut ChaCha8Rng, backends: u32) -> impl FnMut(u32, u64) -> Option<Symptom> + use<'_> {
    move |n, at| {
        let in_burst = n < backends && at >= 5_000 && (at - 5_000) % 9_100 < 700;
        let lost = random.random_bool(0.4);
        in_burst.then_some(if lost {
            Symptom::Lost
        } else {
            Symptom::Slow(Severity::Extreme)
        })
    }
}

#[test]
fn half_an_hour_of_bursts_is_one_incident_of_two_backends_that_stays_open_to_its_last_burst() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut run = Run::new(&[200; 3]);
    run.until(1_800_000, article(&mut random, 2));
    let opened = run.opened();
    assert_eq!(opened.len(), 1, "{opened:#?}");
    assert!(run.closed().is_empty());
    assert_eq!(targets(&opened[0]), [0, 1]);
    assert!(matches!(opened[0].kind, AnomalyKind::Repeated { .. }), "{opened:?}");
    assert!(opened[0].began < ms(78_000), "60 s after the third burst: {opened:?}");
    let Some(Change::Updated(newest)) = run.changes.iter().rfind(|change| matches!(change, Change::Updated(_))) else {
        panic!("no burst since");
    };
    // 197 bursts follow the first; the last begins at 1,797.7 s.
    assert!(newest.last >= ms(1_797_700), "{newest:?}");
    run.until(1_900_000, |_, _| None);
    assert_eq!(run.closed().len(), 1);
}

#[test]
fn two_noisy_backends_that_share_nothing_raise_nothing_in_six_hours() {
    // One lost probe per 9 s each. The budget lets one such run in 120 fail; the seed is fixed.
    let mut random = ChaCha8Rng::seed_from_u64(7);
    let mut run = Run::new(&[200; 2]);
    run.until(6 * HOUR, |_, _| random.random_bool(1.0 / 45.0).then_some(Symptom::Lost));
    assert_eq!(run.opened(), []);
    assert!(!run.changes.is_empty(), "some coincided, and were suspected");
}

#[test]
fn the_smallest_group_that_has_the_members_is_named() {
    let mut run = Run::new(&[200; 12]);
    let rack: Vec<TargetId> = (4..8).map(TargetId::new).collect();
    run.judge.set_group(GroupId(1), &rack);
    run.judge
        .set_group(GroupId(2), &(0..8).map(TargetId::new).collect::<Vec<_>>());
    run.until(HOUR + 60_000, |n, at| {
        EXTREME.filter(|_| (4..8).contains(&n) && (HOUR..HOUR + 1_000).contains(&at))
    });
    assert_eq!(run.opened().len(), 1);
    assert_eq!(run.opened()[0].group, GroupId(1));
    let mut run = Run::new(&[200; 12]);
    run.judge.set_group(GroupId(1), &rack);
    run.until(HOUR + 60_000, slow(HOUR, HOUR + 1_000, 12));
    assert_eq!(run.closed()[0].group, GroupId(0), "which has all of them");
    assert_eq!(run.closed()[0].members.len(), 12);
}

#[test]
fn an_outage_of_one_backend_does_not_coincide_with_what_others_do_meanwhile() {
    let mut run = Run::new(&[200; 3]);
    run.until(2 * HOUR, |n, at| match n {
        0 if at >= HOUR => Some(Symptom::Lost),
        1 if at % 20_000 == 10 => EXTREME,
        _ => None,
    });
    assert_eq!(run.opened(), []);
}

#[test]
fn a_backend_that_is_removed_is_forgotten() {
    let mut run = Run::new(&[200; 2]);
    run.until(10_000, |_, _| None);
    run.judge.remove(SeriesId::new(1));
    run.until(HOUR, |n, at| EXTREME.filter(|_| n == 1 || at % 9_000 == 0));
    assert_eq!(run.changes, []);
    assert_eq!(run.judge.groups[0].members, [TargetId::new(0)]);
}
