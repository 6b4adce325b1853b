use std::time::Duration;

use super::{Recorder, UnknownSeries};
use crate::outcome::{Event, StampSource, What};
use crate::stats::WindowOptions;
use crate::units::{Mono, ProbeSeq, SeriesId};

const OPTIONS: WindowOptions = WindowOptions {
    stamp: StampSource::Kernel,
    user_rtt: false,
};

fn sent(series: SeriesId) -> Event {
    Event {
        series,
        seq: ProbeSeq::new(0),
        sent_at: Mono::default(),
        what: What::Sent {
            late_by: Duration::ZERO,
        },
    }
}

fn in_flight(recorder: &Recorder) -> Vec<u64> {
    recorder.iter().map(|(_, window)| window.in_flight()).collect()
}

#[test]
fn series_added_while_running_have_windows_of_their_own() {
    let mut recorder = Recorder::new();
    let first = recorder.push(OPTIONS).unwrap();
    recorder.record(&sent(first)).unwrap();
    let second = recorder.push(OPTIONS).unwrap();
    for id in [first, second, first] {
        recorder.record(&sent(id)).unwrap();
    }
    assert_eq!(in_flight(&recorder), [3, 1]);
}

#[test]
fn an_event_of_an_unknown_series_is_refused_and_changes_nothing() {
    let mut recorder = Recorder::new();
    recorder.push(OPTIONS).unwrap();
    let unknown = SeriesId::new(u32::MAX);
    assert_eq!(recorder.record(&sent(unknown)), Err(UnknownSeries(unknown)));
    assert_eq!(in_flight(&recorder), [0]);
    assert!(recorder.get(unknown).is_none() && recorder.take(unknown).is_none());
}

#[test]
fn taking_a_window_opens_an_empty_one_with_the_same_options() {
    let mut recorder = Recorder::new();
    let id = recorder.push(OPTIONS).unwrap();
    recorder.record(&sent(id)).unwrap();
    let taken = recorder.take(id).unwrap();
    assert_eq!((taken.in_flight(), in_flight(&recorder)), (1, vec![0]));
    assert_eq!(recorder.get(id).unwrap().options(), OPTIONS);
}
