//! Events of one series in, figures of one window out.

mod summary;

pub use summary::{Counts, IpdvSummary, LatenessSummary, Proportion, RttSummary, Summary};
