//! From the command line to a plan.
//!
//! [`args`] is syntax: each word is checked by itself. [`PingPlan`] is meaning: the words together, with every
//! default filled in and every contradiction refused, so that nothing after it needs to ask whether a setting is
//! valid.

pub mod args;
mod bytes;
pub(crate) mod decimal;
pub mod duration;
pub mod help;
mod lab;
mod plan;
mod source;
mod surroundings;
mod target;
mod threshold;
mod traffic_class;

pub use lab::{LabPlan, LabRun};
pub use plan::{EngineChoice, Family, Host, OutputOptions, PingPlan, PlanError, Target};
pub use source::{SourceError, SourceSpec};
pub use surroundings::{Stdout, Surroundings, User};
pub use target::{HostSpec, TargetError, TargetSpec};
pub use threshold::{Judgement, Threshold, ThresholdError};
