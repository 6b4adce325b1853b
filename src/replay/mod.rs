//! From recorded lines back to what they mean: the judgement of [`diagnose`](crate::diagnose) after the fact.
//!
//! Lines of NDJSON in, incidents out, sans-IO. Each run of each vantage is judged by a monitor of its own, as it was live (`player`); incidents
//! that several vantages saw are joined into one ([`Joiner`]). Of vantages that recorded windows and no probes, windows that are bad at the same time are
//! named, and no more is claimed (`windows`).
//!
//! | what is not recorded | what is done |
//! |---|---|
//! | send lateness of single probes | `own_noise` lines have it where it matters |
//! | digits of send times below a microsecond | none: no window of judgement is that short |
//! | what a late answer said, but for ICMP errors | it counts as a reply, which was late either way |
//! | the gateway control | it is as if there were none |
//!
//! Nothing in a line is believed: what makes no sense is counted and left out, and memory is bounded by the number of series.

mod join;
mod line;
mod moment;
mod outcomes;
mod player;
mod queue;
mod runs;
#[cfg(test)]
mod tests;
mod whom;
mod windows;

pub use self::join::{Joined, Joiner};
pub use self::runs::{Counts, Replay, Told, time_of};
