//! Worked examples, and random histories against figures that are taken from the script of the history instead of its events.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use proptest::prelude::*;

use super::{WindowOptions, WindowStats};
use crate::outcome::{
    Answer, Answered, Event, Fate, InTime, SendError, StampLoss, StampSource, Timing, Unjudged, Unreachable, What,
};
use crate::stats::{Counts, Proportion, Summary};
use crate::units::{Mono, ProbeSeq, Rtt, SeriesId};

const OPTIONS: WindowOptions = WindowOptions {
    stamp: StampSource::Kernel,
    user_rtt: true,
};

/// Time between two probes of a script, in ns.
const INTERVAL: u64 = 1_000_000;

/// Timeout of a script's probes: three more probes leave meanwhile.
const TIMEOUT: u64 = 3_500_000;

/// When the window closes after a probe: late answers come before.
const CLOSE: u64 = 5_500_000;

/// What becomes of a probe, as a script says it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Script {
    Reply {
        rtt: u64,
        source: StampSource,
        stamp_loss: Option<StampLoss>,
    },
    Refused {
        rtt: u64,
        source: StampSource,
    },
    Reset {
        rtt: u64,
    },
    Unreachable {
        rtt: u64,
        code: u8,
    },
    Late {
        rtt: u64,
    },
    Lost,
    NotSent,
    Unjudged,
}

use Script::{Late, Lost, NotSent, Refused, Reply, Reset};

fn reply(rtt: u64) -> Script {
    Reply {
        rtt,
        source: StampSource::Kernel,
        stamp_loss: None,
    }
}

impl Script {
    /// The answer, its RTT and its source, if one comes.
    fn answer(self) -> Option<(Answer, u64, StampSource, Option<StampLoss>)> {
        let kernel = StampSource::Kernel;
        match self {
            Reply {
                rtt,
                source,
                stamp_loss,
            } => Some((Answer::Reply, rtt, source, stamp_loss)),
            Refused { rtt, source } => Some((Answer::Refused, rtt, source, None)),
            Reset { rtt } => Some((Answer::Reset, rtt, kernel, None)),
            Self::Unreachable { rtt, code } => {
                let from = IpAddr::V4(Ipv4Addr::LOCALHOST);
                Some((
                    Answer::Unreachable(Unreachable {
                        from,
                        icmp_type: 3,
                        code,
                    }),
                    rtt,
                    kernel,
                    None,
                ))
            }
            Late { rtt } => Some((Answer::Reply, rtt, kernel, None)),
            Lost | NotSent | Self::Unjudged => None,
        }
    }

    /// The fate, and how long after its sending it is sure.
    fn fate(self) -> (Fate, u64) {
        match self {
            Reply { rtt, source, .. } => {
                let timing = Timing {
                    rtt: Rtt::from_nanos(rtt),
                    source,
                };
                (Fate::Received(timing), rtt)
            }
            Refused { rtt, .. } | Reset { rtt } | Self::Unreachable { rtt, .. } => (Fate::Rejected, rtt),
            Late { rtt } => (Fate::Late, rtt),
            Lost => (Fate::Lost, CLOSE),
            NotSent => (Fate::NotSent, 0),
            Self::Unjudged => (Fate::Unjudged(Unjudged::Cut), CLOSE),
        }
    }

    /// The RTT that belongs into the RTT distribution.
    fn recorded(self) -> Option<u64> {
        match self {
            Reply {
                rtt,
                source: StampSource::Kernel,
                stamp_loss: None,
            } => Some(rtt),
            _ => None,
        }
    }
}

/// All events of a script in the order in which an engine gives them, with their times.
fn play(script: &[Script], first_seq: u64) -> Vec<Event> {
    let mut events: Vec<(u64, Event)> = Vec::new();
    let mut settled_at = 0;
    for (probe, seq) in script.iter().zip(first_seq..) {
        let sent_at = seq * INTERVAL;
        let mut push = |at: u64, what: What| {
            let seq = ProbeSeq::new(seq);
            let sent_at = Mono::from_nanos(sent_at);
            events.push((
                at,
                Event {
                    series: SeriesId::new(0),
                    seq,
                    sent_at,
                    what,
                },
            ));
        };
        if *probe == NotSent {
            push(sent_at, What::SendFailed(SendError::NoBuffer));
        } else {
            push(
                sent_at,
                What::Sent {
                    late_by: Duration::from_micros(seq % 32),
                },
            );
        }
        let answer = probe.answer();
        if answer.is_none_or(|(_, rtt, ..)| rtt > TIMEOUT) && ![NotSent, Script::Unjudged].contains(probe) {
            push(sent_at + TIMEOUT, What::TimedOut);
        }
        if let Some((answer, rtt, source, stamp_loss)) = answer {
            push(sent_at + rtt, What::Answered(answered(answer, rtt, source, stamp_loss)));
        }
        let (fate, after) = probe.fate();
        settled_at = (sent_at + after).max(settled_at);
        push(settled_at, What::Settled(fate));
    }
    // Stable: events of one moment stay as they were given.
    events.sort_by_key(|(at, _)| *at);
    events.into_iter().map(|(_, event)| event).collect()
}

fn answered(answer: Answer, rtt: u64, source: StampSource, stamp_loss: Option<StampLoss>) -> Answered {
    Answered {
        answer,
        timing: Timing {
            rtt: Rtt::from_nanos(rtt),
            source,
        },
        user_rtt: Rtt::from_nanos(rtt + 10_000),
        in_time: if rtt > TIMEOUT { InTime::Late } else { InTime::Yes },
        timed_out: rtt > TIMEOUT,
        reordered: rtt.is_multiple_of(5),
        ttl: None,
        bytes: 64,
        stamp_loss,
        from: None,
        told: None,
    }
}

fn record(events: &[Event]) -> WindowStats {
    record_with(OPTIONS, events)
}

fn record_with(options: WindowOptions, events: &[Event]) -> WindowStats {
    let mut window = WindowStats::new(options);
    for event in events {
        window.record(event);
    }
    window
}

fn run(script: &[Script]) -> Summary {
    record(&play(script, 0)).summary()
}

fn accounted(counts: &Counts) -> u64 {
    counts.received + counts.refused + counts.reset + counts.unreachable + counts.late + counts.lost
}

fn number(script: &[Script], which: impl Fn(&Script) -> bool) -> u64 {
    u64::try_from(script.iter().filter(|probe| which(probe)).count()).unwrap()
}

#[test]
fn a_window_without_events_has_no_figures_and_no_heap() {
    let window = WindowStats::new(OPTIONS);
    let summary = window.summary();
    assert_eq!(summary.counts, Counts::default());
    assert_eq!((summary.loss, summary.rtt, summary.send_late), (None, None, None));
    assert_eq!(
        summary.stamp,
        StampSource::Kernel,
        "the source is named also where nothing answered"
    );
    assert_eq!(window.heap_bytes(), 0);
}

#[test]
fn a_probe_whose_timeout_has_passed_is_lost_until_it_is_answered_late() {
    let events = play(&[Late { rtt: TIMEOUT + 5 }], 0);
    let until_timeout = record(&events[..2]).summary().counts;
    assert_eq!((until_timeout.sent, until_timeout.lost, until_timeout.late), (1, 1, 0));
    let answered = record(&events).summary().counts;
    assert_eq!((answered.sent, answered.lost, answered.late), (1, 0, 1));
}

#[test]
fn a_probe_in_flight_is_neither_sent_nor_lost() {
    let events = play(&[reply(1_000), Lost], 0);
    let before_the_loss_is_sure: Vec<Event> = events
        .iter()
        .copied()
        .filter(|event| ![What::TimedOut, What::Settled(Fate::Lost)].contains(&event.what))
        .collect();
    let window = record(&before_the_loss_is_sure);
    assert_eq!(
        (
            window.summary().counts.sent,
            window.summary().counts.lost,
            window.in_flight()
        ),
        (1, 0, 1)
    );
    let finished = record(&events);
    assert_eq!(
        (
            finished.summary().counts.sent,
            finished.summary().counts.lost,
            finished.in_flight()
        ),
        (2, 1, 0)
    );
}

#[test]
fn what_never_left_or_could_not_be_judged_is_no_loss() {
    let summary = run(&[reply(1_000), NotSent, Script::Unjudged, reply(1_000)]);
    assert_eq!(
        (summary.counts.sent, summary.counts.send_error, summary.counts.unjudged),
        (2, 1, 1)
    );
    assert_eq!(summary.loss, Proportion::wilson(0, 2));
}

#[test]
fn a_hole_in_the_own_view_does_not_end_a_loss_burst_and_an_answer_does() {
    assert_eq!(
        run(&[Lost, NotSent, Lost, Script::Unjudged, Lost, reply(9), Lost]).loss_burst_max,
        3
    );
    assert_eq!(
        run(&[Lost, Late { rtt: TIMEOUT + 1 }, Lost, Reset { rtt: 7 }]).loss_burst_max,
        1
    );
}

#[test]
fn times_of_other_sources_and_of_missing_stamps_enter_no_distribution() {
    let user = Reply {
        rtt: 900_000,
        source: StampSource::User,
        stamp_loss: Some(StampLoss::Tx),
    };
    let other = Reply {
        rtt: 800_000,
        source: StampSource::TcpInfo,
        stamp_loss: None,
    };
    let summary = run(&[reply(1_000), user, other, reply(2_000)]);
    assert_eq!((summary.counts.received, summary.stamps_lost), (4, 2));
    assert_eq!(summary.rtt_cells, [(1_000, 1), (2_000, 1)]);
    assert_eq!(summary.ipdv, None, "a probe without a comparable time breaks the pair");
    // One step of 1 us between the two usable replies.
    assert_eq!(summary.jitter_rfc3550_us, Some(1.0 / 16.0));
    assert_eq!(summary.user_rtt.map(|rtt| (rtt.min, rtt.max)), {
        Some((Rtt::from_nanos(11_000), Rtt::from_nanos(12_000)))
    });
}

#[test]
fn refusals_are_timed_apart_by_the_source_that_came_first() {
    let user = |rtt| Refused {
        rtt,
        source: StampSource::User,
    };
    let kernel = Refused {
        rtt: 5_000,
        source: StampSource::Kernel,
    };
    let summary = run(&[user(700), kernel, user(900), reply(400)]);
    assert_eq!((summary.counts.refused, summary.stamps_lost), (3, 1));
    let refused = summary.refused_rtt.unwrap();
    assert_eq!((refused.min, refused.max), (Rtt::from_nanos(700), Rtt::from_nanos(900)));
    assert_eq!(summary.rtt_cells, [(400, 1)]);
}

#[test]
fn prohibited_is_a_part_of_unreachable() {
    let script = [1, 13, 9, 3].map(|code| Script::Unreachable { rtt: 5, code });
    let counts = run(&script).counts;
    assert_eq!((counts.unreachable, counts.prohibited, counts.sent), (4, 2, 4));
}

#[test]
fn an_answer_after_the_timeout_is_late_whatever_it_is() {
    let rtt = TIMEOUT + 1;
    let script = [
        Late { rtt },
        Refused {
            rtt,
            source: StampSource::Kernel,
        },
    ];
    let mut window = WindowStats::new(OPTIONS);
    for mut event in play(&script, 0) {
        if event.what == What::Settled(Fate::Rejected) {
            event.what = What::Settled(Fate::Late);
        }
        window.record(&event);
    }
    let summary = window.summary();
    assert_eq!(
        (summary.counts.late, summary.counts.refused, summary.counts.received),
        (2, 0, 0)
    );
    assert_eq!(
        (summary.rtt, summary.refused_rtt, summary.loss),
        (None, None, Proportion::wilson(0, 2))
    );
}

#[test]
fn duplicates_and_answers_after_the_close_leave_the_accounting_alone() {
    let mut events = play(&[reply(1_000)], 0);
    let template = events[0];
    events.extend([What::Duplicate, What::Duplicate, What::LateAfterClose].map(|what| Event { what, ..template }));
    let counts = record(&events).summary().counts;
    assert_eq!(
        (counts.duplicate, counts.late_after_close, counts.sent, counts.received),
        (2, 1, 1, 1)
    );
}

#[test]
fn merging_a_window_of_another_source_keeps_the_counts_and_drops_the_times() {
    let mut kernel = record(&play(&[reply(1_000)], 0));
    let user = WindowOptions {
        stamp: StampSource::User,
        user_rtt: false,
    };
    let script = [
        Reply {
            rtt: 50_000,
            source: StampSource::User,
            stamp_loss: None,
        },
        Lost,
    ];
    let later = record_with(user, &play(&script, 1));
    kernel.merge(&later);
    let summary = kernel.summary();
    assert_eq!(
        (summary.counts.sent, summary.counts.received, summary.stamps_lost),
        (3, 2, 1)
    );
    assert_eq!(summary.rtt_cells, [(1_000, 1)]);
}

#[test]
fn user_space_times_are_kept_only_on_request() {
    let window = record_with(
        WindowOptions {
            user_rtt: false,
            ..OPTIONS
        },
        &play(&[reply(1_000)], 0),
    );
    assert_eq!(window.summary().user_rtt, None);
}

#[test]
fn a_quiet_series_of_a_day_takes_less_than_ten_kib() {
    // 600 to 750 us, moving by up to 150 us from probe to probe: some 300 RTT cells, and IPDV at its finest.
    let script: Vec<Script> = (0..86_400_u64)
        .map(|i| reply(600_000 + (i * 7_919 + i * i % 977) % 150_000))
        .collect();
    let window = record_with(
        WindowOptions {
            user_rtt: false,
            ..OPTIONS
        },
        &play(&script, 0),
    );
    assert!(window.summary().rtt_cells.len() >= 290);
    let bytes = window.heap_bytes() + size_of::<WindowStats>();
    assert!(bytes <= 10 * 1024, "{bytes} bytes");
}

fn any_probe() -> impl Strategy<Value = Script> {
    let source = prop_oneof![8 => Just(StampSource::Kernel), 1 => Just(StampSource::User)];
    let stamp_loss = prop::option::weighted(0.1, Just(StampLoss::Rx));
    let in_time = 0..=TIMEOUT;
    prop_oneof![
        8 => (in_time.clone(), source.clone(), stamp_loss).prop_map(|(rtt, source, stamp_loss)| Reply { rtt, source, stamp_loss }),
        2 => (in_time.clone(), source).prop_map(|(rtt, source)| Refused { rtt, source }),
        1 => in_time.clone().prop_map(|rtt| Reset { rtt }),
        1 => (in_time, 0_u8..16).prop_map(|(rtt, code)| Script::Unreachable { rtt, code }),
        2 => (TIMEOUT + 1..CLOSE).prop_map(|rtt| Late { rtt }),
        4 => Just(Lost),
        1 => Just(NotSent),
        1 => Just(Script::Unjudged),
    ]
}

/// The same probe, with refusals of one source only, as any engine gives them.
fn refused_by_the_kernel(probe: Script) -> Script {
    match probe {
        Refused { rtt, .. } => Refused {
            rtt,
            source: StampSource::Kernel,
        },
        other => other,
    }
}

/// The longest run of losses among the probes that were sent and judged.
fn longest_burst(script: &[Script]) -> u64 {
    let judged: Vec<bool> = script
        .iter()
        .filter(|p| !matches!(p, NotSent | Script::Unjudged))
        .map(|p| *p == Lost)
        .collect();
    let longest = judged.split(|lost| !lost).map(<[bool]>::len).max().unwrap_or(0);
    u64::try_from(longest).unwrap()
}

/// Jitter by its recursion, over usable replies sorted by arrival.
fn naive_jitter(script: &[Script]) -> Option<f64> {
    let mut arrivals: Vec<(u64, u64)> = script
        .iter()
        .zip(0..)
        .filter_map(|(p, seq): (_, u64)| p.recorded().map(|rtt| (seq * INTERVAL + rtt, rtt)))
        .collect();
    arrivals.sort_by_key(|(at, _)| *at);
    let mut jitter = None;
    for pair in arrivals.windows(2) {
        let difference = crate::units::micros(pair[0].1.abs_diff(pair[1].1));
        let before = jitter.unwrap_or(0.0);
        jitter = Some(before + (difference - before) / 16.0);
    }
    jitter
}

fn near(left: Option<f64>, right: Option<f64>) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => (left - right).abs() <= 1e-9 * right.max(1.0),
        (None, None) => true,
        _ => false,
    }
}

proptest! {
    #[test]
    fn every_probe_is_accounted_for_at_every_moment(script in prop::collection::vec(any_probe(), 0..80)) {
        let mut window = WindowStats::new(OPTIONS);
        let (mut left, mut previous) = (0, Counts::default());
        for event in play(&script, 0) {
            window.record(&event);
            left += u64::from(matches!(event.what, What::Sent { .. }));
            let counts = window.summary().counts;
            prop_assert_eq!(counts.sent, accounted(&counts));
            prop_assert_eq!(counts.sent + counts.unjudged + window.in_flight(), left);
            let unanswered_in_time = |counts: &Counts| counts.lost + counts.late;
            prop_assert!(counts.sent >= previous.sent, "nothing is unsent");
            prop_assert!(unanswered_in_time(&counts) >= unanswered_in_time(&previous), "the lost only ever turn late");
            previous = counts;
        }
        prop_assert_eq!(window.in_flight(), 0);
        let expected = number(&script, |p| !matches!(p, NotSent | Script::Unjudged));
        prop_assert_eq!(previous.sent, expected);
    }

    #[test]
    fn the_summary_says_what_the_script_says(script in prop::collection::vec(any_probe(), 0..80)) {
        let summary = run(&script);
        let counts = summary.counts;
        prop_assert_eq!(counts.received, number(&script, |p| matches!(p, Reply { .. })));
        prop_assert_eq!(counts.reordered, number(&script, |p| matches!(p, Reply { rtt, .. } if rtt.is_multiple_of(5))));
        prop_assert_eq!(counts.refused, number(&script, |p| matches!(p, Refused { .. })));
        prop_assert_eq!(counts.reset, number(&script, |p| matches!(p, Reset { .. })));
        prop_assert_eq!(counts.late, number(&script, |p| matches!(p, Late { .. })));
        prop_assert_eq!(counts.lost, number(&script, |p| *p == Lost));
        prop_assert_eq!(counts.send_error, number(&script, |p| *p == NotSent));
        prop_assert_eq!(counts.unjudged, number(&script, |p| *p == Script::Unjudged));
        prop_assert_eq!(summary.loss, Proportion::wilson(counts.lost, counts.sent));
        prop_assert_eq!(summary.loss_burst_max, longest_burst(&script));

        let rtts: Vec<u64> = script.iter().filter_map(|p| p.recorded()).collect();
        prop_assert_eq!(summary.rtt.map(|rtt| rtt.max.as_nanos()), rtts.iter().copied().max());
        prop_assert_eq!(summary.rtt.map(|rtt| rtt.min.as_nanos()), rtts.iter().copied().min());
        let in_cells: u64 = summary.rtt_cells.iter().map(|(_, n)| n).sum();
        prop_assert_eq!(in_cells, u64::try_from(rtts.len()).unwrap());
        prop_assert!(near(summary.jitter_rfc3550_us, naive_jitter(&script)));
    }

    #[test]
    fn two_windows_merge_to_the_one_over_both(script in prop::collection::vec(any_probe(), 0..80), cut in 0_usize..80) {
        let script = script.into_iter().map(refused_by_the_kernel).collect::<Vec<_>>();
        let (before, after) = script.split_at(cut.min(script.len()));
        // The second half begins when the first is settled, as the order of arrival must not interleave here.
        let pause = u64::try_from(before.len()).unwrap();
        let (first, second) = (play(before, 0), play(after, pause));
        let mut merged = record(&first);
        merged.merge(&record(&second));
        let whole = record(&[first, second].concat());
        let (merged, whole) = (merged.summary(), whole.summary());
        prop_assert!(near(merged.jitter_rfc3550_us, whole.jitter_rfc3550_us));
        prop_assert_eq!(Summary { jitter_rfc3550_us: None, ..merged }, Summary { jitter_rfc3550_us: None, ..whole });
    }
}
