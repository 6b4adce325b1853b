//! Whatever happens: every incident is opened once, closed once, and says who suffers.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::outcome::{Answer, Answered, Fate, InTime, Timing, What};
use crate::series::Endpoint;

/// Something that happens to a run.
#[derive(Clone, Debug)]
enum Step {
    /// Time in which the series of this mask are in this state.
    Rounds {
        mask: u8,
        count: u8,
        state: State,
    },
    /// An event of any series, at any time.
    Stray {
        series: u32,
        seq: u64,
        at: u64,
        what: What,
    },
    /// Nothing happens for so long.
    Gap {
        seconds: u64,
    },
    Remove(u8),
    Admit(u8),
}

#[derive(Clone, Copy, Debug)]
enum State {
    Good,
    Slow,
    Lost,
    Refused,
}

/// A run of some backends, each of two series, and of both controls.
#[derive(Debug)]
struct Run {
    monitor: Monitor,
    now: Mono,
    seq: u64,
    told: BTreeMap<u64, bool>,
    /// How long the incident lasted that was told last.
    lasted: Duration,
}

impl Run {
    fn new() -> Self {
        let options = MonitorOptions {
            coincidences: CoincidenceOptions {
                false_alarms_per_30_days: 1.0,
            },
            troubles: TroubleOptions {
                false_alarms_per_30_days: 1.0,
            },
            sweep: None,
            slot: Duration::ZERO,
        };
        let mut run = Self {
            monitor: Monitor::new(options, 1),
            now: Mono::from_nanos(1_000_000_000),
            seq: 0,
            told: BTreeMap::new(),
            lasted: Duration::ZERO,
        };
        (0..SERIES).for_each(|place| run.admit(place));
        run.rounds(0, 400, State::Good);
        run
    }

    fn admit(&mut self, place: u8) {
        let series = Series {
            target: format!("backend-{}", place / 2).into(),
            address: [10, 0, 0, 1 + place / 2].into(),
            scope_id: 0,
            endpoint: if place.is_multiple_of(2) {
                Endpoint::Icmp
            } else {
                Endpoint::Tcp(80)
            },
            flow: 0,
        };
        let group = (place < 4).then(|| "group".into());
        let role = match place {
            LOOPBACK => Role::Loopback,
            GATEWAY => Role::Gateway,
            _ => Role::Backend { group },
        };
        let watched = Watched {
            interval: INTERVAL,
            timeout: TIMEOUT,
            stamp: StampSource::Kernel,
            floor: 0.002,
        };
        self.monitor.admit(self.now, id(place), &series, role, watched);
    }

    fn remove(&mut self, place: u8) {
        self.monitor.remove(id(place), self.now);
        self.listen();
    }

    fn rounds(&mut self, mask: u8, count: u16, state: State) {
        for _ in 0..count {
            for place in 0..SERIES {
                let is_bad = mask >> (place / 2) & 1 == 1 && place < LOOPBACK;
                self.probe(place, if is_bad { state } else { State::Good });
            }
            self.seq += 1;
            self.now = self.now.after(INTERVAL);
            self.turn();
        }
    }

    fn probe(&mut self, place: u8, state: State) {
        let timing = Timing {
            rtt: Rtt::from_nanos(if matches!(state, State::Slow) {
                90_000_000
            } else {
                1_000_000 + self.seq % 7
            }),
            source: StampSource::Kernel,
        };
        let answered = |answer| What::Answered(answered(answer, timing));
        let (first, fate) = match state {
            State::Good | State::Slow => (answered(Answer::Reply), Fate::Received(timing)),
            State::Refused => (answered(Answer::Refused), Fate::Rejected),
            State::Lost => (What::TimedOut, Fate::Lost),
        };
        let sent = What::Sent {
            late_by: Duration::ZERO,
        };
        for what in [sent, first, What::Settled(fate)] {
            self.monitor.handle_event(&Event {
                series: id(place),
                seq: ProbeSeq::new(self.seq),
                sent_at: self.now,
                what,
            });
        }
    }

    fn turn(&mut self) {
        if self.monitor.next_deadline().is_some_and(|due| due <= self.now) {
            self.monitor.handle_deadline(self.now);
        }
        self.listen();
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Rounds { mask, count, state } => self.rounds(mask, count.into(), state),
            Step::Stray { series, seq, at, what } => self.monitor.handle_event(&Event {
                series: SeriesId::new(series),
                seq: ProbeSeq::new(seq),
                sent_at: Mono::from_nanos(at),
                what,
            }),
            Step::Gap { seconds } => self.now = self.now.after(Duration::from_secs(seconds)),
            Step::Remove(place) => self.remove(place),
            Step::Admit(place) => self.admit(place),
        }
        self.turn();
    }

    /// Hears what is said, and checks that it makes sense.
    fn listen(&mut self) {
        while let Some(news) = self.monitor.poll() {
            let News::Incident(stage, incident) = news else {
                continue;
            };
            let before = self.told.insert(incident.number, stage == Stage::Close);
            match stage {
                Stage::Open => assert_eq!(before, None, "opened twice: {incident:?}"),
                Stage::Update | Stage::Close => assert_eq!(before, Some(false), "not open: {incident:?}"),
            }
            assert!(!incident.members.is_empty(), "nobody suffers: {incident:?}");
            assert!(incident.began <= incident.last, "{incident:?}");
            self.lasted = incident.last.since(incident.began);
            let chance = incident.chance.unwrap_or(0.0);
            assert!((0.0..=1.0).contains(&chance), "{incident:?}");
        }
    }

    fn end(&mut self) {
        self.monitor.close(self.now);
        self.listen();
        assert!(self.told.values().all(|is_closed| *is_closed), "{:?}", self.told);
    }
}

fn id(place: u8) -> SeriesId {
    SeriesId::new(place.into())
}

fn answered(answer: Answer, timing: Timing) -> Answered {
    Answered {
        answer,
        timing,
        user_rtt: timing.rtt,
        in_time: InTime::Yes,
        timed_out: false,
        reordered: false,
        ttl: Some(60),
        bytes: 8,
        stamp_loss: None,
        from: None,
        told: None,
    }
}

fn state() -> impl Strategy<Value = State> {
    prop_oneof![
        Just(State::Good),
        Just(State::Slow),
        Just(State::Lost),
        Just(State::Refused)
    ]
}

fn what() -> impl Strategy<Value = What> {
    let timing = any::<u64>().prop_map(|rtt| Timing {
        rtt: Rtt::from_nanos(rtt),
        source: StampSource::Kernel,
    });
    prop_oneof![
        any::<u64>().prop_map(|late| What::Sent {
            late_by: Duration::from_nanos(late)
        }),
        Just(What::TimedOut),
        Just(What::Duplicate),
        Just(What::LateAfterClose),
        Just(What::Settled(Fate::Lost)),
        Just(What::Settled(Fate::Late)),
        timing
            .clone()
            .prop_map(|timing| What::Answered(answered(Answer::Reply, timing))),
        timing.prop_map(|timing| What::Settled(Fate::Received(timing))),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let near = 0..600_000_000_000_u64;
    prop_oneof![
        6 => (any::<u8>(), 1..60_u8, state()).prop_map(|(mask, count, state)| Step::Rounds { mask, count, state }),
        2 => (0..SERIES, 0..900_u64, prop_oneof![near, any::<u64>()], what()).prop_map(|(series, seq, at, what)| {
            Step::Stray { series: series.into(), seq, at, what }
        }),
        1 => (any::<u32>(), any::<u64>(), any::<u64>(), what())
            .prop_map(|(series, seq, at, what)| Step::Stray { series, seq, at, what }),
        1 => prop_oneof![1..120_u64, Just(400 * 86_400)].prop_map(|seconds| Step::Gap { seconds }),
        1 => (0..SERIES).prop_map(Step::Remove),
        1 => (0..SERIES).prop_map(Step::Admit),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn whatever_happens_every_incident_is_opened_and_closed_once(steps in proptest::collection::vec(step(), 1..24)) {
        let mut run = Run::new();
        for step in &steps {
            run.step(step);
        }
        run.end();
    }
}

#[test]
fn an_incident_of_somebody_who_is_watched_no_more_still_says_who_suffered() {
    let mut run = Run::new();
    run.rounds(0b0001, 60, State::Lost);
    assert_eq!(run.told.len(), 1, "{:?}", run.told);
    run.remove(0);
    run.remove(1);
    run.rounds(0, 300, State::Good);
    run.end();
}

#[test]
fn an_incident_that_goes_on_is_as_long_as_its_probes_are_hit() {
    let mut run = Run::new();
    for _ in 0..50 {
        run.rounds(0b0001, 2, State::Slow);
        run.rounds(0, 2, State::Good);
    }
    run.end();
    // From the first slow probe to the last, and what is at either end of cells of time.
    let lasted = INTERVAL * (50 * 4 - 3);
    assert!(
        run.lasted.abs_diff(lasted) <= INTERVAL * 2,
        "{:?}, not {lasted:?}",
        run.lasted
    );
}

#[test]
fn a_case_that_swallows_others_for_ever_keeps_no_more_sources_than_any() {
    let mut run = Run::new();
    run.rounds(0b0001, 60, State::Lost);
    let now = run.now;
    let place = run.monitor.cases.open.remove(0);
    let mut whole = place;
    for _ in 0..2_000 {
        let mut other = case::Case::new(now, now);
        let anomaly = crate::correlate::Anomaly {
            id: u64::MAX,
            kind: crate::correlate::AnomalyKind::Coincidence,
            group: crate::correlate::GroupId::default(),
            began: now,
            last: now,
            members: Vec::new(),
            healthy: Vec::new(),
            chance: None,
            onset_skew: Duration::ZERO,
        };
        other.end(Judge::Coincidences, &anomaly, now);
        whole.absorb(&mut other, now);
    }
    assert!(whole.sources() <= 256, "{}", whole.sources());
    assert_eq!(whole.kind(), Some(crate::correlate::AnomalyKind::Coincidence));
    assert_eq!(whole.ended, None, "what lasted first lasts still");
}

const SERIES: u8 = 10;
const LOOPBACK: u8 = 8;
const GATEWAY: u8 = 9;
const INTERVAL: Duration = Duration::from_millis(200);
const TIMEOUT: Duration = Duration::from_secs(1);
