//! The packet thread's side of `ping`: figures are recorded at once, lines are handed over to be printed.

use std::sync::Arc;

use tokio::sync::mpsc::Sender;

use super::view::Job;
use crate::clock::Reading;
use crate::net::Sink;
use crate::outcome::{Event, StampSource, What};
use crate::series::Series;
use crate::stats::{Recorder, Summary, WindowOptions};
use crate::units::SeriesId;

/// Records all events; passes on those that may become a line.
pub(super) struct PingSink {
    pub(super) recorder: Recorder,
    /// In order of their ids, with the moment at which each began.
    pub(super) series: Vec<(Arc<Series>, Reading)>,
    /// Whether to keep the RTTs as user space saw them.
    user_rtt: bool,
    /// Where lines are wanted: to whom.
    lines: Option<Sender<Job>>,
    /// Events that found the queue of lines full.
    pub(super) dropped: u64,
}

/// What a printer is told.
#[derive(Clone, Debug)]
pub(super) enum Told {
    /// A series has begun.
    Began(Arc<Series>),
    /// Something happened to a probe of it.
    Happened(Arc<Series>, Event),
}

impl PingSink {
    pub(super) fn new(user_rtt: bool, lines: Option<Sender<Job>>) -> Self {
        Self {
            recorder: Recorder::new(),
            series: Vec::new(),
            user_rtt,
            lines,
            dropped: 0,
        }
    }

    /// The figures of every series so far.
    pub(super) fn summaries(&self) -> Vec<(Arc<Series>, Reading, Summary)> {
        let windows = self.recorder.iter().map(|(_, window)| window.summary());
        self.series
            .iter()
            .zip(windows)
            .map(|((series, began), summary)| (Arc::clone(series), *began, summary))
            .collect()
    }

    fn tell(&mut self, told: Told) {
        // A printer that is slower than the network must not slow down the measurement; figures lose nothing.
        if self
            .lines
            .as_ref()
            .is_some_and(|lines| lines.try_send(Job::Told(told)).is_err())
        {
            self.dropped += 1;
        }
    }
}

impl Sink for PingSink {
    fn admitted(&mut self, _: SeriesId, series: &Series, stamp: StampSource, at: Reading) {
        let user_rtt = self.user_rtt;
        self.recorder.push(WindowOptions { stamp, user_rtt });
        let series = Arc::new(series.clone());
        self.series.push((Arc::clone(&series), at));
        self.tell(Told::Began(series));
    }

    #[inline]
    fn event(&mut self, event: &Event) {
        // Events come from series that were admitted, and those have a window each.
        let _ = self.recorder.record(event);
        if self.lines.is_some()
            && !matches!(event.what, What::Sent { .. })
            && let Some((series, _)) = self.series.get(event.series.index())
        {
            let series = Arc::clone(series);
            self.tell(Told::Happened(series, *event));
        }
    }
}
