//! Events of many series in, what stands out of them out: spikes, level shifts, states.
//!
//! A backend is compared with its own past and with nothing else: 84 ms are a catastrophe in a data centre and a good day over a
//! satellite. Nothing here knows a clock, a socket or a random number, so that a log replays as the live run was judged.
//!
//! | what is said | rule | where |
//! |---|---|---|
//! | baseline | median, 90th and 99th percentile of the last 10 busy minutes, in cells of 2 digits | `baseline` |
//! | threshold `T` | median `m` + max(floor, 4 sigma from the 90th percentile, 0.2 `m`, 1.5 (99th percentile - `m`)), bounded | `threshold` |
//! | RTT spike | a reply slower than `T`; how much slower is its [`Severity`] | `series` |
//! | loss, refusal | no answer in time; an answer that is no reply. Channels of their own, no severities of an RTT | `series` |
//! | overdue | no answer `T` after sending, whatever it comes to | `pending` |
//! | episode | spikes of one kind with gaps below max(3 intervals, 2 s): one start, one end | `episode` |
//! | level shift | the last 32 replies lie beside the baseline: said once, then they are the baseline | `shift` |
//! | degraded | 3 of the last 20 probes stood out, or 2 in a row were not answered; over at 0 of 20 | `condition` |
//! | jittery | 0.5 % of the probes of an hour spike, in half of its 5-minute parts | `chronic` |
//!
//! Failure modes, and what is done about them:
//! - **The threshold learns the fault.** A sample above `T` counts as `T` at most, `T - m` may not exceed twice its lowest of 24 hours, and
//!   samples above `T` wait for 10 s before they count at all: [`Detector::exclude`] says meanwhile that they belong to a suspected
//!   coincidence, and then they never do.
//! - **A backend that was never up.** Nothing is judged before its first reply.
//! - **This host.** Probes that were not sent, or of which nothing can be said, are no part of anything; an RTT whose stamps are of another
//!   source than those of its series is an answer without an RTT.
//! - **A restart.** [`Detector::save`] and [`Detector::restore`] carry the baseline over.
//! - **Spikes shorter than the interval** are sampled, not seen; nothing here can help that.

mod baseline;
mod cells;
mod chronic;
mod condition;
mod detector;
mod episode;
mod finding;
mod pending;
mod saved;
mod series;
mod shift;
mod threshold;

pub use detector::{Detector, Watch};
pub use finding::{Cause, Finding, Found, Kind, Severity, SpikeEnd, SpikeStart, Symptom};
pub use saved::Saved;
pub use threshold::Level;

#[cfg(test)]
mod tests;
