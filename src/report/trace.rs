//! One path for every output: what was measured, what it means, and names.
//!
//! [`trace_text`] is the report that `mtr --report` users know, [`live::trace_frame`](super::live::trace_frame) the same redrawn in place.

mod change;
mod end;
mod flows;
mod hops;
mod host;
#[cfg(test)]
mod props;
#[cfg(test)]
mod tests;
mod text;

pub use self::change::change_words;
pub use self::end::end_words;
pub(super) use self::text::Block;
pub use self::text::{TraceTextOptions, trace_text};

use std::collections::HashMap;
use std::net::IpAddr;

use crate::localize::{HopLabels, PathVerdict};
use crate::outcome::StampSource;
use crate::series::Series;
use crate::sweep::PathReport;

/// What is said of one path.
#[derive(Clone, Copy, Debug)]
pub struct TraceReport<'a> {
    /// Which path.
    pub series: &'a Series,
    /// What was measured.
    pub path: &'a PathReport,
    /// What it means.
    pub verdict: &'a PathVerdict,
    /// Names of addresses, as far as they are known.
    pub names: &'a HashMap<IpAddr, String>,
    /// Who took both stamps of the RTTs; `None` where that is not known.
    pub stamp: Option<StampSource>,
}

impl TraceReport<'_> {
    /// What is odd about the hop at `index`.
    pub(super) fn labels(&self, index: usize) -> HopLabels {
        self.verdict.labels.get(index).copied().unwrap_or_default()
    }
}
