//! The file of histograms, which is begun anew after each rotation.

use crate::app::run::destination::Destination;
use crate::clock::Clock;
use crate::report::WindowReport;
use crate::stats::IntervalLines;

/// A file of histograms.
pub(super) struct IntervalLog {
    destination: Destination,
    lines: IntervalLines,
}

impl IntervalLog {
    /// One that is open.
    pub(super) fn new(destination: Destination, clock: &dyn Clock) -> Self {
        let lines = IntervalLines::default();
        let mut log = Self { destination, lines };
        log.begin(clock);
        log
    }

    /// Opens it again, by its name.
    pub(super) fn reopen(&mut self, clock: &dyn Clock) {
        self.destination.reopen();
        self.begin(clock);
    }

    /// Readers take a header in the middle of a file as well.
    fn begin(&mut self, clock: &dyn Clock) {
        let header = IntervalLines::header(clock.read().wall);
        self.destination.write(header.as_bytes());
    }

    /// Appends the histogram of a window, if anything replied in it.
    pub(super) fn window(&mut self, report: &WindowReport<'_>) {
        let line = self
            .lines
            .window(report.series, report.start, report.length, report.summary);
        if let Some(line) = line {
            self.destination.write(line);
        }
    }
}
