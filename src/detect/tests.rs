//! The detector as its users see it: events in, findings out.

mod uplink;

use std::time::Duration;

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, LogNormal};

use super::*;
use crate::outcome::{Answer, Answered, Event, Fate, InTime, SendError, StampSource, Timing, Unjudged, What};
use crate::units::{Mono, ProbeSeq, Rtt, SeriesId};

const ID: SeriesId = SeriesId::new(0);
const INTERVAL: u64 = 200;

/// What a test lets a probe become.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Probe {
    /// A reply after so many us.
    Us(u64),
    Refused,
    Lost,
}
use Probe::{Lost, Refused, Us};

/// One series at 5 probes/s with a timeout of 1 s, whose events come at the moments at which they would.
struct Run {
    detector: Detector,
    sent: u64,
    /// (moment, event), unordered.
    coming: Vec<(Mono, Event)>,
    found: Vec<Finding>,
}

impl Run {
    fn new() -> Self {
        let mut detector = Detector::new();
        detector.admit(ID, watch());
        Self {
            detector,
            sent: 0,
            coming: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Sends these probes one after another.
    fn send(&mut self, probes: impl IntoIterator<Item = Probe>) {
        for probe in probes {
            let at = ms(self.sent * INTERVAL);
            self.advance(at);
            self.event(
                at,
                What::Sent {
                    late_by: Duration::ZERO,
                },
            );
            let (after, what) = match probe {
                Us(us) => (us, answered(Answer::Reply, us, StampSource::Kernel)),
                Refused => (500, answered(Answer::Refused, 500, StampSource::Kernel)),
                Lost => (1_000_000, What::TimedOut),
            };
            let event = event(self.sent, at, what);
            self.coming.push((at.after(Duration::from_micros(after)), event));
            self.sent += 1;
        }
    }

    /// Lets all happen that happens until `now`.
    fn advance(&mut self, now: Mono) {
        self.coming.sort_by_key(|(at, _)| *at);
        let later = self.coming.split_off(self.coming.partition_point(|(at, _)| *at <= now));
        for (at, event) in std::mem::replace(&mut self.coming, later) {
            // Whatever arrives at a moment was handled before that moment passes.
            self.detector.handle_deadline(at.before(Duration::from_nanos(1)));
            self.detector.handle_event(&event);
        }
        self.detector.handle_deadline(now);
        self.found.extend(std::iter::from_fn(|| self.detector.poll()));
    }

    fn event(&mut self, at: Mono, what: What) {
        self.detector.handle_event(&event(self.sent, at, what));
    }

    /// What was found since the last call.
    fn found(&mut self) -> Vec<Found> {
        self.advance(ms(self.sent * INTERVAL));
        std::mem::take(&mut self.found).into_iter().map(|f| f.found).collect()
    }

    /// Runs until nothing is under way.
    fn drain(&mut self) -> Vec<Finding> {
        self.advance(ms(self.sent * INTERVAL + 2_000));
        std::mem::take(&mut self.found)
    }
}

fn watch() -> Watch {
    Watch {
        interval: Duration::from_millis(INTERVAL),
        timeout: Duration::from_secs(1),
        stamp: StampSource::Kernel,
    }
}

fn ms(ms: u64) -> Mono {
    Mono::from_nanos(ms * 1_000_000)
}

fn event(seq: u64, sent_at: Mono, what: What) -> Event {
    Event {
        series: ID,
        seq: ProbeSeq::new(seq),
        sent_at,
        what,
    }
}

fn answered(answer: Answer, us: u64, source: StampSource) -> What {
    let rtt = Rtt::from_nanos(us * 1_000);
    What::Answered(Answered {
        answer,
        timing: Timing { rtt, source },
        user_rtt: rtt,
        in_time: InTime::Yes,
        timed_out: false,
        reordered: false,
        ttl: None,
        bytes: 64,
        stamp_loss: None,
        from: None,
        told: None,
    })
}

/// 400 us with a log-normal spread of a fifth.
fn lan(seed: u64) -> impl Iterator<Item = Probe> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let factor = LogNormal::new(0.0, 0.2).unwrap();
    std::iter::repeat_with(move || {
        let us: f64 = 400.0 * factor.sample(&mut random);
        Us(Duration::from_secs_f64(us / 1e6).as_micros().try_into().unwrap())
    })
}

/// A run with ten quiet minutes behind it.
fn warm() -> Run {
    let mut run = Run::new();
    run.send(lan(1).take(3_000));
    assert_eq!(run.found(), []);
    run
}

fn starts(found: &[Found], kind: Kind) -> usize {
    found
        .iter()
        .filter(|f| matches!(f, Found::SpikeStart(start) if start.kind == kind))
        .count()
}

#[test]
fn nothing_is_judged_before_the_first_reply_and_no_rtt_before_the_twentieth() {
    let mut run = Run::new();
    run.send([Lost; 30]);
    run.send([Refused; 30]);
    assert_eq!(run.found(), []);
    run.send([Us(400); 18]);
    run.send([Us(900_000)]);
    run.send([Us(400); 10]);
    assert_eq!(run.found(), [], "its RTT is the 19th");
    run.send([Us(900_000)]);
    run.send([Us(400); 10]);
    assert_eq!(starts(&run.found(), Kind::Rtt), 1);
}

#[test]
fn a_slow_probe_is_overdue_at_its_threshold_and_judged_when_it_is_answered() {
    let mut run = warm();
    let level = run.detector.level(ID).unwrap();
    let sent_at = ms(run.sent * INTERVAL);
    run.send([Us(84_000)]);
    let deadline = run.detector.next_deadline().unwrap();
    assert_eq!(
        deadline,
        sent_at.after(Duration::from_nanos(level.threshold.as_nanos()))
    );
    run.advance(deadline.before(Duration::from_nanos(1)));
    assert_eq!(run.found.len(), 0);
    run.advance(deadline);
    let seq = ProbeSeq::new(3_000);
    let first = Finding {
        series: ID,
        at: sent_at,
        found: Found::Overdue(seq),
    };
    assert_eq!(run.found, [first]);
    run.send(lan(2).take(15));
    let start = SpikeStart {
        kind: Kind::Rtt,
        level: Some(level),
        jittery: false,
    };
    let end = SpikeEnd {
        kind: Kind::Rtt,
        probes: 1,
        peak: Some(Rtt::from_nanos(84_000_000)),
        shifted: false,
    };
    let found = run.drain();
    let expected = [
        Found::Overdue(seq),
        Found::Spiked(seq, Symptom::Slow(Severity::Extreme)),
        Found::SpikeStart(start),
        Found::SpikeEnd(end),
    ];
    assert_eq!(found.iter().map(|f| f.found).collect::<Vec<_>>(), expected);
    assert!(found.iter().all(|f| f.at == sent_at), "dated to its sending");
}

#[test]
fn consecutive_losses_are_one_episode_and_degrade_the_series_until_twenty_are_good() {
    let mut run = warm();
    run.send([Lost; 10]);
    run.send(lan(2).take(40));
    let found = run.drain();
    let of = |wanted: fn(&Found) -> bool| found.iter().filter(|f| wanted(&f.found)).collect::<Vec<_>>();
    assert_eq!(of(|f| matches!(f, Found::SpikeStart(_))).len(), 1);
    let ends =
        of(|f| matches!(f, Found::SpikeEnd(end) if end.kind == Kind::Loss && end.probes == 10 && end.peak.is_none()));
    assert_eq!(ends.len(), 1);
    assert_eq!(of(|f| matches!(f, Found::Spiked(_, Symptom::Lost))).len(), 10);
    assert_eq!(of(|f| matches!(f, Found::Overdue(_))).len(), 10);
    let degraded = of(|f| matches!(f, Found::Degraded(_)));
    assert_eq!(
        (degraded[0].at, degraded[0].found),
        (ms(600_000), Found::Degraded(Cause::Silent))
    );
    let recovered = of(|f| matches!(f, Found::Recovered));
    assert_eq!(recovered[0].at, ms(600_000 + 29 * INTERVAL), "the 20th good probe");
}

#[test]
fn refusals_are_a_channel_of_their_own_and_never_overdue() {
    let mut run = warm();
    run.send([Refused; 5]);
    run.send(lan(2).take(40));
    let found = run.found();
    assert_eq!(
        (
            starts(&found, Kind::Refused),
            starts(&found, Kind::Rtt),
            starts(&found, Kind::Loss)
        ),
        (1, 0, 0)
    );
    assert!(found.contains(&Found::Degraded(Cause::Refusing)));
    assert!(!found.iter().any(|f| matches!(f, Found::Overdue(_))));
}

#[test]
fn what_this_host_did_wrong_is_no_spike() {
    let mut run = warm();
    // Not sent; sent but unjudged; its reply stamped by another source; processed late although the kernel saw it in time.
    let at = ms(run.sent * INTERVAL);
    run.event(at, What::SendFailed(SendError::NoBuffer));
    run.event(at, What::Settled(Fate::NotSent));
    run.sent += 1;
    let sent = What::Sent {
        late_by: Duration::ZERO,
    };
    for (n, what) in [
        (1, What::Settled(Fate::Unjudged(Unjudged::ReceiveOverflow))),
        (2, answered(Answer::Reply, 50_000, StampSource::User)),
        (3, answered(Answer::Reply, 400, StampSource::Kernel)),
    ] {
        let at = ms(600_000 + n * INTERVAL);
        run.event(at, sent);
        run.advance(at.after(Duration::from_millis(60)));
        run.event(at, what);
        run.sent += 1;
    }
    run.send(lan(2).take(30));
    let [second, third, fourth] = [3_001, 3_002, 3_003].map(ProbeSeq::new);
    let expected = [second, third, fourth].map(|seq| [Found::Overdue(seq), Found::Withdrawn(seq)]);
    assert_eq!(run.found(), expected.concat());
}

#[test]
fn a_lasting_shift_is_said_once_and_no_spike_follows_it() {
    for (to, up) in [(1_400, true), (5_400, true), (84_000, true)] {
        let mut run = warm();
        let moved = move |probe| if let Us(us) = probe { Us(us + to - 400) } else { probe };
        run.send(lan(3).take(600).map(moved));
        let found = run.drain();
        let shifts: Vec<&Finding> = found
            .iter()
            .filter(|f| matches!(f.found, Found::LevelShift { .. }))
            .collect();
        assert_eq!(shifts.len(), 1, "{found:?}");
        assert_eq!(shifts[0].at, ms(600_000), "dated to its first probe");
        let Found::LevelShift { from, to: median } = shifts[0].found else {
            unreachable!()
        };
        // The median of 32 values with a deviation of 80 us: 80 * 1.2533 / sqrt(32) = 18 us, five times.
        assert!(
            (median.as_micros() - f64::from(u32::try_from(to).unwrap())).abs() < 90.0,
            "{median}"
        );
        assert_eq!(median > from, up);
        let last = found
            .iter()
            .filter(|f| matches!(f.found, Found::Spiked(..)))
            .map(|f| f.at)
            .max();
        assert!(last < Some(ms(600_000 + 40 * INTERVAL)), "{last:?}");
        assert!(!run.detector.is_degraded(ID));
    }
}

#[test]
fn a_plateau_of_half_a_minute_is_two_records() {
    let mut run = warm();
    let raised = |probe| if let Us(us) = probe { Us(us + 20_000) } else { probe };
    run.send(lan(3).take(150).map(raised));
    run.send(lan(4).take(600));
    let found = run.drain();
    let shifts: Vec<u64> = found
        .iter()
        .filter(|f| matches!(f.found, Found::LevelShift { .. }))
        .map(|f| f.at.as_nanos() / 1_000_000)
        .collect();
    assert_eq!(shifts, [600_000, 630_000]);
}

#[test]
fn the_last_burst_of_half_an_hour_is_caught_as_the_first() {
    // In the midst of the story from the first probe on, or after quiet ones; close by and far away.
    // The warm-up of 300 probes allows three times the median, which far away is most of a burst.
    for (quiet, base, from) in [(0, 0, 1), (50, 0, 0), (3_000, 0, 0), (0, 20_000, 8), (3_000, 20_000, 0)] {
        let mut random = ChaCha8Rng::seed_from_u64(7);
        let mut run = Run::new();
        let farther = |probe| if let Us(us) = probe { Us(us + base) } else { probe };
        run.send(lan(1).take(quiet).map(farther));
        let begin = run.sent;
        let story = lan(5)
            .take(9_000)
            .map(farther)
            .enumerate()
            .map(|(n, probe)| match probe {
                // 45 probes are 9 s. The first four of them meet the burst.
                Us(us) if n % 45 < 4 => Us(us + random.random_range(42_000..84_000)),
                other => other,
            });
        run.send(story);
        let found = run.drain();
        let caught = |burst: u64| {
            let first = begin + burst * 45;
            let of_burst =
                |f: &&Finding| matches!(f.found, Found::Spiked(seq, _) if (first..first + 4).contains(&seq.get()));
            found.iter().filter(of_burst).count()
        };
        let missed: Vec<u64> = (from..200).filter(|burst| caught(*burst) < 4).collect();
        assert!(
            missed.is_empty(),
            "{missed:?} after {quiet} quiet probes: {:?}",
            run.detector.level(ID)
        );
        let starts = found
            .iter()
            .filter(|f| matches!(f.found, Found::SpikeStart(_)))
            .map(|f| f.at);
        let of_story = starts.filter(|at| *at >= ms((begin + from * 45) * INTERVAL));
        assert_eq!(
            of_story.count() + usize::try_from(from).unwrap(),
            200,
            "one episode per burst"
        );
    }
}

#[test]
fn excluded_spikes_leave_no_trace_in_the_baseline() {
    let burst = |n: u64| (100..=120).contains(&(n % 200));
    let thresholds = [false, true].map(|is_excluded| {
        let mut run = warm();
        for (n, probe) in (0..3_000).zip(lan(8)) {
            run.send([if burst(n) { Us(30_000) } else { probe }]);
            if is_excluded && n % 200 == 110 {
                // Said in the midst of the burst, of all of it.
                let first = 3_000 + n - 10;
                run.detector
                    .exclude(ID, ms(first * INTERVAL), ms((first + 20) * INTERVAL));
            }
        }
        run.detector.level(ID).unwrap().threshold
    });
    let quiet = warm().detector.level(ID).unwrap().threshold;
    // Without the bursts the percentiles are those of a quiet run, up to sampling: far less than the floor of 1 ms.
    assert!(
        (thresholds[1].as_micros() - quiet.as_micros()).abs() < 50.0,
        "{thresholds:?}"
    );
    assert!(
        thresholds[0] > thresholds[1],
        "a tenth of all probes counts where nobody excludes it"
    );
}

#[test]
fn a_restart_is_no_blindness() {
    let mut run = warm();
    let level = run.detector.level(ID);
    let text = serde_json::to_string(&run.detector.save(ID).unwrap()).unwrap();
    run.detector = Detector::new();
    run.detector.admit(ID, watch());
    run.detector
        .restore(ID, &serde_json::from_str(&text).unwrap(), ms(run.sent * INTERVAL));
    assert_eq!(run.detector.level(ID).map(|l| l.baseline), level.map(|l| l.baseline));
    run.send([Us(5_000), Lost]);
    run.send(lan(2).take(20));
    let found = run.found();
    assert_eq!(
        (starts(&found, Kind::Rtt), starts(&found, Kind::Loss)),
        (1, 1),
        "the very first probes are judged"
    );
}

#[test]
fn a_state_file_of_nonsense_is_harmless() {
    let text = r#"{"parts":[[[65535,65535],[3,65535],[3,65535],[2,0]],[],[[9,1]],[],[],[],[],[],[],[],[],[[7,7]]],"lows":[0,null],"warm":true}"#;
    let mut detector = Detector::new();
    detector.admit(ID, watch());
    detector.restore(ID, &serde_json::from_str(text).unwrap(), ms(0));
    assert!(detector.level(ID).is_some());
    assert!(serde_json::from_str::<Saved>(r#"{"parts":[],"lows":[],"warm":true,"more":1}"#).is_err());
}

#[test]
fn a_removed_series_ends_its_episodes_and_is_forgotten() {
    let mut run = warm();
    run.send([Us(84_000)]);
    run.send(lan(2).take(2));
    run.found();
    run.detector.remove(ID);
    assert!(matches!(run.detector.poll().map(|f| f.found), Some(Found::SpikeEnd(_))));
    assert_eq!((run.detector.level(ID), run.detector.next_deadline()), (None, None));
}

#[test]
fn a_quiet_series_takes_less_than_10_kib() {
    let mut run = warm();
    run.send(lan(9).take(30_000));
    run.found();
    let many = 1_000;
    let mut alone = Detector::new();
    let shared = alone.heap_bytes();
    alone.admit(SeriesId::new(many - 1), watch());
    let per_place = (alone.heap_bytes() - shared) / usize::try_from(many).unwrap();
    let bytes = run.detector.heap_bytes() - shared + per_place;
    assert!((3_000..=10 * 1024).contains(&bytes), "{bytes} bytes");
}

fn any_event() -> impl Strategy<Value = (u64, u64, u8)> {
    (0_u64..40, any::<u64>(), any::<u8>())
}

proptest! {
    #[test]
    fn no_order_of_events_is_too_absurd(events in prop::collection::vec(any_event(), 0..600)) {
        let mut detector = Detector::new();
        detector.admit(ID, watch());
        for (seq, at, what) in events {
            let at = Mono::from_nanos(at >> (what % 60));
            let us = at.as_nanos() % 2_000_000;
            let what = match what % 8 {
                0..=2 => What::Sent { late_by: Duration::ZERO },
                3 => answered(Answer::Reply, us, StampSource::Kernel),
                4 => answered(Answer::Refused, us, StampSource::User),
                5 => What::TimedOut,
                6 => What::Settled(Fate::Lost),
                _ => What::Duplicate,
            };
            detector.handle_event(&event(seq, at, what));
            detector.handle_deadline(at);
            while detector.poll().is_some() {}
        }
        prop_assert!(detector.heap_bytes() < 100 * 1024);
    }
}
