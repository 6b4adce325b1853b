//! What a service tells Prometheus: counters and histograms of everything since its start, from windows that are over and from news.
//!
//! Nothing is measured here. A [`Ledger`] adds up what others have finished: the counts and the histogram of each window when it closes, and
//! what the monitor says. So the figures of a series step forward once per window, all of one series together: a ratio of
//! two counters is never between two windows. A scrape turns the ledger into one of three formats ([`Format`]); the caller negotiates.
//!
//! Rules: base units (seconds, bytes); counters and no ratios, which do not add up over targets and hosts; every counter exists at 0 as soon as its
//! series does, so that its first increase is one; outcomes are never lumped together. What stands in labels is bounded by the configuration.

mod buckets;
mod encode;
mod families;
mod format;
mod identity;
mod ledger;
mod lines;
mod smokeping;
#[cfg(test)]
#[expect(clippy::float_cmp, reason = "counts of tests are small whole numbers")]
mod tests;

pub use self::encode::{EncodeError, ProcessFigures};
pub use self::families::{CountOf, FAMILIES, Family, FamilyKind, OUTCOMES};
pub use self::format::{Format, takes_gzip};
pub use self::identity::Identity;
pub use self::ledger::{Ledger, News, Noise};
