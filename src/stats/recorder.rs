//! The windows of all series of a run, by series.

#[cfg(test)]
mod tests;

use super::window::{WindowOptions, WindowStats};
use crate::outcome::Event;
use crate::units::SeriesId;

/// One open window per series. Series may be added while it runs; ids are dense from 0 and never reused.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    windows: Vec<WindowStats>,
}

/// An event of a series that was never added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no series {}", .0.get())]
pub struct UnknownSeries(pub SeriesId);

impl Recorder {
    /// A recorder without series.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a series and opens its window; `None` once 2^32 series exist.
    pub fn push(&mut self, options: WindowOptions) -> Option<SeriesId> {
        let id = u32::try_from(self.windows.len()).ok()?;
        self.windows.push(WindowStats::new(options));
        Some(SeriesId::new(id))
    }

    /// Hands an event to the window of its series.
    ///
    /// # Errors
    ///
    /// [`UnknownSeries`] if the series was never added; nothing is recorded then.
    #[inline]
    pub fn record(&mut self, event: &Event) -> Result<(), UnknownSeries> {
        let window = self.windows.get_mut(event.series.index());
        window.ok_or(UnknownSeries(event.series))?.record(event);
        Ok(())
    }

    /// The open window of a series.
    #[must_use]
    pub fn get(&self, id: SeriesId) -> Option<&WindowStats> {
        self.windows.get(id.index())
    }

    /// Closes the window of a series and opens the next one with the same options.
    pub fn take(&mut self, id: SeriesId) -> Option<WindowStats> {
        let window = self.windows.get_mut(id.index())?;
        let next = WindowStats::new(window.options());
        Some(std::mem::replace(window, next))
    }

    /// All open windows in order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (SeriesId, &WindowStats)> {
        let ids = self.windows.iter().zip(0..);
        ids.map(|(window, id)| (SeriesId::new(id), window))
    }

    /// How many series there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.windows.len()
    }

    /// Whether there is no series.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty()
    }
}
