//! Writers: figures and events in, bytes out.
//!
//! Nothing here measures, decides or reads a clock. Machine output is NDJSON of one versioned schema ([`JsonLines`]); people read live
//! lines and summaries ([`PingText`]), one table of many targets ([`table()`]), the hops of paths ([`trace_text`]), what a service has to
//! say ([`RunText`]), or its state and these tables redrawn in place ([`live`]).
//! All of it reaches the outside through [`Output`], which writes whole lines and ends quietly when its reader leaves.
//!
//! Names come from users and from DNS, so every writer for people passes them through [`clean`] first; NDJSON escapes what a
//! terminal would obey, so that `cat` of a log is harmless too.

mod grid;
mod human;
mod identity;
mod journal;
mod json;
mod layout;
pub mod live;
mod logged;
mod output;
mod run_text;
#[cfg(test)]
mod samples;
mod style;
mod syslog;
mod table;
mod text;
mod trace;
mod verdict;
mod window;

pub use human::{PingText, TimePrefix};
pub use identity::RunIdentity;
pub use journal::journal_entry;
pub use json::{
    Body, Degradation, HostNoise, JsonLines, NoiseStatus, Notice, NoticeKind, Resolve, SCHEMA, SCHEMA_TEXT, Seen,
    Severity, StatusReport, TargetStatus,
};
pub use logged::{Logged, MESSAGE_IDS, Priority};
pub use output::{Output, OutputError};
pub use run_text::RunText;
pub use style::{Charset, ColorChoice, Style};
pub use syslog::SyslogForm;
pub use table::table;
pub use text::clean;
pub use trace::{TraceReport, TraceTextOptions, change_words, end_words, trace_text};
pub use window::{Completeness, HostTrouble, WindowReport};
