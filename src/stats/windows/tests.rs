//! Windows against an oracle that keeps every event.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::outcome::{SendError, StampSource, Timing};
use crate::units::{ProbeSeq, Rtt};

const MS: u64 = 1_000_000;

fn ms(ms: u64) -> Mono {
    Mono::from_nanos(ms * MS)
}

fn options() -> WindowOptions {
    WindowOptions {
        stamp: StampSource::Kernel,
        user_rtt: false,
    }
}

fn event(series: u32, seq: u64, sent_at: u64, what: What) -> Event {
    Event {
        series: SeriesId::new(series),
        seq: ProbeSeq::new(seq),
        sent_at: ms(sent_at),
        what,
    }
}

const SENT: What = What::Sent {
    late_by: Duration::ZERO,
};

fn reply(rtt_ms: u64, in_time: InTime) -> What {
    let rtt = Rtt::from_nanos(rtt_ms * MS);
    What::Answered(Answered {
        answer: Answer::Reply,
        timing: Timing {
            rtt,
            source: StampSource::Kernel,
        },
        user_rtt: rtt,
        in_time,
        timed_out: in_time == InTime::Late,
        reordered: false,
        ttl: None,
        bytes: 64,
        stamp_loss: None,
        from: None,
        told: None,
    })
}

fn closed(windows: &mut Windows, now: Mono) -> Vec<ClosedWindow> {
    std::iter::from_fn(|| windows.poll_closed(now)).collect()
}

#[test]
fn a_window_closes_one_timeout_after_its_end_and_a_silent_series_has_windows_too() {
    let mut windows = Windows::new(ms(500), Duration::from_secs(1));
    windows.admit(ms(700), SeriesId::new(7), options(), Duration::from_millis(200));
    assert_eq!(windows.next_deadline(), Some(ms(1_700)));
    assert!(closed(&mut windows, ms(1_699)).is_empty());
    let first = closed(&mut windows, ms(1_700));
    assert_eq!(first.len(), 1);
    assert_eq!((first[0].number, first[0].start), (0, ms(700)));
    assert_eq!((first[0].length, first[0].complete), (Duration::from_millis(800), true));
    assert_eq!(first[0].summary.counts.sent, 0);
    let more = closed(&mut windows, ms(3_700));
    let begun: Vec<_> = more.iter().map(|window| (window.number, window.start)).collect();
    assert_eq!(begun, [(1, ms(1_500)), (2, ms(2_500))]);
}

#[test]
fn windows_that_hold_nothing_take_no_heap() {
    let mut windows = Windows::new(ms(0), Duration::from_secs(1));
    windows.admit(ms(0), SeriesId::new(0), options(), Duration::from_secs(1));
    let empty = windows.heap_bytes();
    closed(&mut windows, ms(60_000));
    assert_eq!(windows.heap_bytes(), empty);
}

#[test]
fn an_answer_after_the_close_counts_where_it_arrives_and_the_loss_stays() {
    let mut windows = Windows::new(ms(0), Duration::from_secs(1));
    windows.admit(ms(0), SeriesId::new(0), options(), Duration::from_millis(100));
    windows.record(&event(0, 0, 950, SENT));
    windows.record(&event(0, 0, 950, What::TimedOut));
    let first = closed(&mut windows, ms(1_100));
    assert_eq!((first[0].summary.counts.lost, first[0].summary.loss_burst_max), (1, 1));
    closed(&mut windows, ms(3_150));
    windows.record(&event(0, 0, 950, reply(2_200, InTime::Late)));
    let next = closed(&mut windows, ms(4_100));
    let late: Vec<_> = next
        .iter()
        .map(|w| (w.number, w.summary.counts.late_after_close))
        .collect();
    assert_eq!(late, [(3, 1)]);
}

#[test]
fn a_removed_series_closes_incomplete_once_its_probes_are_settled() {
    let mut windows = Windows::new(ms(0), Duration::from_secs(1));
    windows.admit(ms(0), SeriesId::new(0), options(), Duration::from_millis(100));
    windows.record(&event(0, 0, 1_010, SENT));
    windows.remove(SeriesId::new(0), ms(1_050));
    windows.record(&event(0, 0, 1_010, reply(60, InTime::Yes)));
    let all = closed(&mut windows, ms(1_150));
    let ends: Vec<_> = all
        .iter()
        .map(|w| (w.number, w.complete, w.summary.counts.received))
        .collect();
    assert_eq!(ends, [(0, true, 0), (1, false, 1)]);
    assert_eq!(all[1].length, Duration::from_millis(50));
    assert_eq!(windows.next_deadline(), None);
}

#[test]
fn the_end_of_a_run_closes_all_windows_incomplete() {
    let mut windows = Windows::new(ms(0), Duration::from_secs(1));
    for id in 0..3 {
        windows.admit(ms(0), SeriesId::new(id), options(), Duration::from_millis(100));
        windows.record(&event(id, 0, 500, SENT));
    }
    windows.close(ms(600));
    let all = closed(&mut windows, ms(600));
    assert_eq!(all.len(), 3);
    assert!(
        all.iter()
            .all(|w| !w.complete && w.summary.counts.unjudged == 1 && w.summary.counts.sent == 0)
    );
    assert_eq!(windows.next_deadline(), None);
}

/// A probe as the property invents it.
#[derive(Clone, Copy, Debug)]
enum Course {
    Answered(u64),
    Silent,
    NotSent,
}

fn courses() -> impl Strategy<Value = Vec<(u64, Course)>> {
    let course = prop_oneof![
        6 => (1..100_u64).prop_map(Course::Answered),
        2 => (101..3_000_u64).prop_map(Course::Answered),
        2 => Just(Course::Silent),
        1 => Just(Course::NotSent),
    ];
    prop::collection::vec((1..400_u64, course), 0..60)
}

/// What the oracle counts in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Expected {
    sent: u64,
    received: u64,
    late: u64,
    lost: u64,
    late_after_close: u64,
    send_error: u64,
    burst: u64,
}

const LENGTH: u64 = 1_000;
const TIMEOUT: u64 = 100;

/// Counts by definition: from the moments of each probe alone.
fn expected(probes: &[(u64, Course)]) -> BTreeMap<u64, Expected> {
    let mut windows: BTreeMap<u64, Expected> = BTreeMap::new();
    let mut run: BTreeMap<u64, u64> = BTreeMap::new();
    for &(at, course) in probes {
        let number = at / LENGTH;
        let closes = (number + 1) * LENGTH + TIMEOUT;
        let window = windows.entry(number).or_default();
        let mut lost = false;
        match course {
            Course::NotSent => {
                window.send_error += 1;
                continue;
            }
            Course::Answered(rtt) if rtt <= TIMEOUT => window.received += 1,
            Course::Answered(rtt) if at + rtt < closes => window.late += 1,
            Course::Answered(rtt) => {
                lost = true;
                windows.entry((at + rtt) / LENGTH).or_default().late_after_close += 1;
            }
            Course::Silent => lost = true,
        }
        let window = windows.entry(number).or_default();
        window.sent += 1;
        let run = run.entry(number).or_default();
        *run = if lost { *run + 1 } else { 0 };
        window.lost += u64::from(lost);
        window.burst = window.burst.max(*run);
    }
    windows
}

/// What happens to a probe, and when.
fn happenings(probes: &[(u64, Course)]) -> Vec<(u64, usize, What)> {
    let mut all = Vec::new();
    for (seq, &(at, course)) in probes.iter().enumerate() {
        if let Course::NotSent = course {
            all.push((at, seq, What::SendFailed(SendError::NoRoute)));
            continue;
        }
        all.push((at, seq, SENT));
        match course {
            Course::Answered(rtt) if rtt <= TIMEOUT => all.push((at + rtt, seq, reply(rtt, InTime::Yes))),
            Course::Answered(rtt) => {
                all.push((at + TIMEOUT, seq, What::TimedOut));
                all.push((at + rtt, seq, reply(rtt, InTime::Late)));
            }
            Course::Silent | Course::NotSent => all.push((at + TIMEOUT, seq, What::TimedOut)),
        }
    }
    all.sort_by_key(|(at, seq, _)| (*at, *seq));
    all
}

proptest! {
    #[test]
    fn windows_count_as_an_oracle_that_keeps_all_events(gaps in courses()) {
        let mut at = 0;
        let probes: Vec<_> = gaps.iter().map(|&(gap, course)| { at += gap; (at, course) }).collect();
        let mut windows = Windows::new(ms(0), Duration::from_millis(LENGTH));
        windows.admit(ms(0), SeriesId::new(3), options(), Duration::from_millis(TIMEOUT));
        let mut seen = Vec::new();
        let mut most_open = 0;
        for (now, seq, what) in happenings(&probes) {
            seen.extend(closed(&mut windows, ms(now)));
            windows.record(&event(3, seq as u64, probes[seq].0, what));
            most_open = most_open.max(windows.series[&SeriesId::new(3)].open.len());
        }
        seen.extend(closed(&mut windows, ms(at + 10 * LENGTH)));
        prop_assert!(most_open <= 2);
        let numbers: Vec<u64> = seen.iter().map(|window| window.number).collect();
        prop_assert_eq!(numbers, (0..seen.len() as u64).collect::<Vec<_>>());
        let expected = expected(&probes);
        for window in &seen {
            let counts = window.summary.counts;
            let found = Expected {
                sent: counts.sent,
                received: counts.received,
                late: counts.late,
                lost: counts.lost,
                late_after_close: counts.late_after_close,
                send_error: counts.send_error,
                burst: window.summary.loss_burst_max,
            };
            prop_assert_eq!(found, expected.get(&window.number).copied().unwrap_or_default(), "window {}", window.number);
            prop_assert!(window.complete);
        }
    }
}
