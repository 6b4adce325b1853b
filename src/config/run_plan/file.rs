//! The configuration file: TOML in, settings out; unknown keys are refused with their line and column.
//!
//! Each word is checked by itself here ([`words`](super::words)); what the words mean together is for the plan. What may contradict
//! something else keeps its place in the file ([`Spanned`]), so that a contradiction is refused with line and column too.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use toml::Spanned;

use super::words::{self, GivenTarget, LabelName, LabelValue};
use super::{JournalUse, RunEngine, RunError};
use crate::config::nats::NatsAddress;
use crate::config::source::SourceSpec;
use crate::config::syslog::SyslogAddress;
use crate::config::target::{TargetError, TargetSpec};

/// A file that was read: what it says, and where.
#[derive(Debug, Default)]
pub(super) struct ConfigFile {
    path: PathBuf,
    text: String,
    pub(super) settings: Settings,
}

/// A table with the keys of [`Watch`] beside its own: serde can't both flatten a struct and refuse unknown keys.
macro_rules! watched {
    ($(#[$doc:meta])* $vis:vis struct $name:ident { $($(#[$attribute:meta])* $field_vis:vis $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        $vis struct $name {
            $($(#[$attribute])* $field_vis $field: $type,)*
            #[serde(default, deserialize_with = "words::interval")]
            icmp_interval: Option<Duration>,
            #[serde(default, deserialize_with = "words::interval")]
            tcp_interval: Option<Duration>,
            #[serde(default, deserialize_with = "words::timeout")]
            timeout: Option<Duration>,
            #[serde(default, deserialize_with = "words::floor")]
            floor: Option<f64>,
            #[serde(default, deserialize_with = "words::port")]
            tcp: Option<NonZeroU16>,
            icmp: Option<bool>,
            #[serde(default)]
            labels: BTreeMap<LabelName, LabelValue>,
        }

        impl $name {
            /// How its targets are watched.
            $vis fn watch(&self) -> Watch {
                Watch {
                    icmp_interval: self.icmp_interval,
                    tcp_interval: self.tcp_interval,
                    timeout: self.timeout,
                    floor: self.floor,
                    tcp: self.tcp,
                    icmp: self.icmp,
                    labels: self.labels.clone(),
                }
            }
        }
    };
}

/// All that a file may say.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Settings {
    pub(super) defaults: Watch,
    pub(super) probe: Probe,
    pub(super) diagnosis: Diagnosis,
    pub(super) output: Output,
    #[serde(rename = "group")]
    pub(super) groups: Vec<Group>,
    #[serde(rename = "target")]
    pub(super) targets: Vec<Entry>,
}

/// How targets are watched: for all, for a group, or for one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Watch {
    #[serde(deserialize_with = "words::interval")]
    pub(super) icmp_interval: Option<Duration>,
    #[serde(deserialize_with = "words::interval")]
    pub(super) tcp_interval: Option<Duration>,
    #[serde(deserialize_with = "words::timeout")]
    pub(super) timeout: Option<Duration>,
    #[serde(deserialize_with = "words::floor")]
    pub(super) floor: Option<f64>,
    #[serde(deserialize_with = "words::port")]
    pub(super) tcp: Option<NonZeroU16>,
    pub(super) icmp: Option<bool>,
    pub(super) labels: BTreeMap<LabelName, LabelValue>,
}

/// What the packets of all targets have in common.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Probe {
    pub(super) family: Option<FamilyWord>,
    #[serde(deserialize_with = "words::source")]
    pub(super) source: Option<Spanned<SourceSpec>>,
    #[serde(deserialize_with = "words::size")]
    pub(super) size: Option<u16>,
    #[serde(deserialize_with = "words::tos")]
    pub(super) tos: Option<u8>,
    pub(super) engine: Option<RunEngine>,
    #[serde(deserialize_with = "words::slot")]
    pub(super) slot: Option<Duration>,
    #[serde(deserialize_with = "words::rate")]
    pub(super) max_syn_rate: Option<u32>,
    #[serde(deserialize_with = "words::buffer")]
    pub(super) receive_buffer: Option<u32>,
}

/// A family by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FamilyWord {
    Any,
    Ipv4,
    Ipv6,
}

/// How to judge.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Diagnosis {
    #[serde(deserialize_with = "words::false_alarms")]
    pub(super) false_alarms: Option<f64>,
    pub(super) trace: Option<bool>,
    #[serde(deserialize_with = "words::trace_interval")]
    pub(super) trace_interval: Option<Duration>,
    pub(super) gateway: Option<IpAddr>,
}

/// What to write, and where.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Output {
    #[serde(deserialize_with = "words::window")]
    pub(super) window: Option<Duration>,
    pub(super) json: Option<bool>,
    pub(super) each: Option<bool>,
    pub(super) log: Option<PathBuf>,
    pub(super) hlog: Option<PathBuf>,
    #[serde(deserialize_with = "words::listen")]
    pub(super) listen: Option<SocketAddr>,
    pub(super) smokeping_metrics: Option<bool>,
    pub(super) journal: Option<JournalUse>,
    #[serde(deserialize_with = "words::syslog")]
    pub(super) syslog: Option<SyslogAddress>,
    #[serde(deserialize_with = "words::publish")]
    pub(super) publish: Option<NatsAddress>,
    #[serde(deserialize_with = "words::vantage")]
    pub(super) vantage: Option<String>,
    pub(super) state: Option<PathBuf>,
}

watched! {
    /// Targets that belong together.
    pub(super) struct Group {
        #[serde(deserialize_with = "words::group_name")]
        pub(super) name: Spanned<String>,
        /// Texts, since the parser of TOML gives errors in them the place of the whole list.
        #[serde(default)]
        pub(super) targets: Vec<Spanned<String>>,
    }
}

watched! {
    /// One target with settings of its own.
    pub(super) struct Entry {
        pub(super) target: Spanned<GivenTarget>,
        pub(super) group: Option<Spanned<String>>,
    }
}

impl Watch {
    /// These settings, and where they say nothing those of `general`.
    pub(super) fn over(&self, general: &Self) -> Self {
        let mut labels = general.labels.clone();
        labels.extend(self.labels.clone());
        Self {
            icmp_interval: self.icmp_interval.or(general.icmp_interval),
            tcp_interval: self.tcp_interval.or(general.tcp_interval),
            timeout: self.timeout.or(general.timeout),
            floor: self.floor.or(general.floor),
            tcp: self.tcp.or(general.tcp),
            icmp: self.icmp.or(general.icmp),
            labels,
        }
    }
}

impl ConfigFile {
    /// Reads a file.
    ///
    /// # Errors
    /// What can't be read, and what makes no sense in it.
    pub(super) fn read(path: &Path) -> Result<Self, RunError> {
        let unreadable = |why: std::io::Error| RunError::Unreadable {
            path: path.to_owned(),
            next: next_step(why.kind()),
            why: why.to_string(),
        };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(unreadable)?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(RunError::TooLarge { path: path.to_owned() });
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let good = error.utf8_error().valid_up_to();
            let (line, column) = place(&String::from_utf8_lossy(&error.as_bytes()[..good]), good);
            let why = "what stands here is no UTF-8; save the file in that encoding".to_owned();
            let path = path.to_owned();
            RunError::InFile {
                path,
                line,
                column,
                why,
            }
        })?;
        Self::parse(path, text)
    }

    /// Reads a text that stands in `path`.
    pub(super) fn parse(path: &Path, text: String) -> Result<Self, RunError> {
        let mut file = Self {
            path: path.to_owned(),
            text,
            settings: Settings::default(),
        };
        match toml::from_str(&file.text) {
            Ok(settings) => file.settings = settings,
            Err(error) => {
                return Err(file.wrong_at(error.span().map_or(0, |span| span.start), explained(error.message())));
            }
        }
        Ok(file)
    }

    /// A target of a list.
    pub(super) fn target(&self, text: &Spanned<String>) -> Result<TargetSpec, RunError> {
        let wrong = |why| self.wrong_at(text.span().start, format!("{}: {why}", text.get_ref()));
        text.get_ref().parse().map_err(|why: TargetError| wrong(why))
    }

    /// What is wrong where there is nothing to probe.
    pub(super) fn without_targets(&self) -> RunError {
        if self.path.as_os_str().is_empty() {
            return RunError::NoTargets;
        }
        let path = self.path.clone();
        RunError::NoTargetsInFile { path }
    }

    /// What is wrong at the byte `offset`.
    pub(super) fn wrong_at(&self, offset: usize, why: impl Display) -> RunError {
        let (line, column) = place(&self.text, offset);
        RunError::InFile {
            path: self.path.clone(),
            line,
            column,
            why: in_one_line(&why.to_string()),
        }
    }
}

/// The line and the column, from 1 and in characters, of a byte of `text`.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or(before);
    (
        before.matches('\n').count() + 1,
        line.trim_start_matches('\u{feff}').chars().count() + 1,
    )
}

/// What the parser says, and what to do where its words do not say it.
fn explained(message: &str) -> String {
    let next = match message {
        "invalid type: map, expected a sequence" => {
            "; there may be several of it: write two brackets, as in [[target]]"
        }
        _ => "",
    };
    format!("{message}{next}")
}

/// A message as every other one: without line breaks, and without characters of the file that a terminal would act on.
fn in_one_line(text: &str) -> String {
    let line = text.trim().replace('\n', ", ");
    let shown = line.chars().flat_map(|c| {
        let escaped = c.is_control().then(|| c.escape_default());
        let plain = escaped.is_none().then_some(c);
        escaped.into_iter().flatten().chain(plain)
    });
    shown.collect()
}

fn next_step(why: ErrorKind) -> &'static str {
    match why {
        ErrorKind::NotFound => "'pathjitter config print' prints a file to begin with",
        ErrorKind::PermissionDenied => "let this user read it, or start as one who may",
        ErrorKind::IsADirectory => "name a file in it",
        _ => "see to it, or name another file",
    }
}

/// Ten thousand targets with labels take a tenth of it.
const MAX_BYTES: u64 = 16 << 20;
