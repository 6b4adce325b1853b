//! From all events of a run to incidents with a verdict, a suspect, and one sentence.
//!
//! [`Monitor`] is the whole of it, sans-IO: events of probes in, [`News`] out. It drives the detector, the judges of
//! [`correlate`](crate::correlate), the traces of [`sweep`](crate::sweep) and the blame of [`localize`](crate::localize), and keeps of each
//! stream what a verdict needs ([`History`]). The same probes give the same news, live or from a log.
//!
//! A verdict is a pure function of the evidence ([`decide`]); so is its sentence.

mod evidence;
mod history;
mod incident;
mod monitor;
mod own_noise;
mod verdict;

pub use self::evidence::{Evidence, Member, OwnEvidence, PathEvidence, StreamEvidence};
pub use self::history::History;
pub use self::incident::{Incident, IncidentMember, Stage, Suspect, VerdictCode};
pub use self::monitor::{Monitor, MonitorOptions, News, PathKnowledge, Role, SpikeNews, Watched};
pub use self::own_noise::{OwnNoise, Stall};
pub use self::verdict::{Verdict, decide};
