//! Events of one series in, figures of one window out.
//!
//! Nothing here knows a clock, a socket or a random number: the same events always give the same figures, live or replayed.
//!
//! | figure | definition | where |
//! |---|---|---|
//! | RTT | difference of two stamps of one source (RFC 2681); sources never mix | [`WindowStats`] |
//! | quantile `q` | lower edge of the HDR cell (1 ns..60 s, 3 digits) that holds rank `ceil(q n)` | [`Histogram`] |
//! | min, mean, max | exact | [`Moments`] |
//! | `mdev`, `stddev` | population and sample (`n - 1`) standard deviation, exact sums | [`Moments`] |
//! | loss | probes without any answer over probes sent and judged (RFC 6673), Wilson 95 % interval | [`Proportion`] |
//! | jitter | RFC 3550, section 6.4.1, over replies in order of arrival, from the second on | [`Jitter`] |
//! | IPDV | RFC 3393, "consecutive": magnitudes over consecutive probes, both received | [`Ipdv`] |
//! | loss burst | longest loss period of RFC 3357 (loss episode of RFC 6534) | [`LossRuns`] |
//! | reordered | a reply that a later-sent probe's reply overtook (RFC 4737) | [`Counts`] |
//! | send lateness | departure behind the schedule: this host's noise, in no RTT | [`Lateness`] |
//!
//! Every one of them merges: two windows give the figures of one window over both ([`WindowStats::merge`] names the exceptions).

mod distribution;
mod histogram;
mod interval;
mod interval_log;
mod jitter;
mod lateness;
mod loss;
mod moments;
mod quantile;
mod recorder;
mod summary;
mod window;
mod windows;

pub use distribution::Distribution;
pub use histogram::Histogram;
pub use interval_log::IntervalLines;
pub use jitter::{Ipdv, Jitter};
pub use lateness::Lateness;
pub use loss::LossRuns;
pub use moments::Moments;
pub use recorder::{Recorder, UnknownSeries};
pub use summary::{Counts, IpdvSummary, LatenessSummary, Proportion, RttSummary, Summary};
pub use window::{WindowOptions, WindowStats};
pub use windows::{ClosedWindow, Windows};
