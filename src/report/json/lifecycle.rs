//! Lines about the program itself.

use std::net::IpAddr;

use serde::Serialize;

use super::Body;

/// How much a line matters to somebody who watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Normal.
    Info,
    /// Works, but not as asked.
    Warning,
    /// Does not work.
    Error,
}

/// What a [`Notice`] tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// The run began.
    Start,
    /// The run ended.
    Stop,
    /// The configuration was read again.
    ConfigReload,
    /// Something failed.
    Error,
}

/// A `start`, `stop`, `config_reload` or `error` line.
#[derive(Clone, Debug, Serialize)]
pub struct Notice<'a> {
    /// Which of them.
    #[serde(skip)]
    pub kind: NoticeKind,
    /// How much it matters.
    pub severity: Severity,
    /// One sentence for people.
    pub message: &'a str,
    /// Lines that a full queue dropped since the last line.
    pub dropped_before: u64,
}

impl Body for Notice<'_> {
    fn event(&self) -> &'static str {
        match self.kind {
            NoticeKind::Start => "start",
            NoticeKind::Stop => "stop",
            NoticeKind::ConfigReload => "config_reload",
            NoticeKind::Error => "error",
        }
    }
}

/// A `resolve` line: the addresses of a name were looked up.
#[derive(Clone, Debug, Serialize)]
pub struct Resolve<'a> {
    /// How much it matters.
    pub severity: Severity,
    /// One sentence for people.
    pub message: &'a str,
    /// Lines that a full queue dropped since the last line.
    pub dropped_before: u64,
    /// The target whose name it is.
    pub target: &'a str,
    /// All its addresses now; none where the look-up failed.
    pub addresses: &'a [IpAddr],
}

impl Body for Resolve<'_> {
    fn event(&self) -> &'static str {
        "resolve"
    }
}
