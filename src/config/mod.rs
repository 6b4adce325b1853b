//! From the command line to a plan.
//!
//! [`args`] is syntax: each word is checked by itself. [`PingPlan`] and its like are meaning: the words together, with every
//! default filled in and every contradiction refused, so that nothing after it needs to ask whether a setting is
//! valid.

pub mod args;
mod bytes;
mod correlate_args;
pub(crate) mod decimal;
mod demo;
pub mod duration;
pub mod help;
mod lab;
mod nats;
mod plan;
mod run_args;
mod run_plan;
mod source;
mod surroundings;
mod syslog;
mod target;
mod threshold;
mod trace_args;
mod trace_plan;
mod traffic_class;

pub use correlate_args::{CorrelateArgs, CorrelatePlan, Input};
pub use demo::{DemoPlan, DemoWatch};
pub use lab::{LabPlan, LabRun};
pub use nats::{NatsAddress, NatsCredentials, NatsError};
pub use plan::{EngineChoice, Family, Host, OutputOptions, PingPlan, PlanError, Target};
pub use run_args::{CheckArgs, ConfigAction, ConfigArgs, RunArgs};
pub use run_plan::{
    DEFAULTS_TEXT, DiagnosisPlan, JournalUse, RunEngine, RunError, RunOutput, RunPlan, RunView, SYSTEM_FILE,
    WatchedTarget,
};
pub use source::{SourceError, SourceSpec};
pub use surroundings::{Stdout, Surroundings, User};
pub use syslog::{SyslogAddress, SyslogError};
pub use target::{HostSpec, TargetError, TargetSpec};
pub use threshold::{Judgement, Threshold, ThresholdError};
pub use trace_plan::{TraceEngine, TracePlan, TraceView};
