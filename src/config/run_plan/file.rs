//! The configuration file: TOML in, settings out; unknown keys are refused with their line and column.
//!
//! Each word is checked by itself here; what the words mean together is for the plan. Durations always have a unit, because a file
//! outlives what its author had in mind.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use super::{RunEngine, RunError};
use crate::config::source::SourceSpec;
use crate::config::target::TargetSpec;
use crate::config::{bytes, duration, traffic_class};

/// A table with the keys of [`Watch`] beside its own: serde can't both flatten a struct and refuse unknown keys.
macro_rules! watched {
    ($(#[$doc:meta])* $vis:vis struct $name:ident { $($(#[$attribute:meta])* $field_vis:vis $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        $vis struct $name {
            $($(#[$attribute])* $field_vis $field: $type,)*
            #[serde(default, deserialize_with = "duration_with_unit")]
            icmp_interval: Option<Duration>,
            #[serde(default, deserialize_with = "duration_with_unit")]
            tcp_interval: Option<Duration>,
            #[serde(default, deserialize_with = "duration_with_unit")]
            timeout: Option<Duration>,
            tcp: Option<NonZeroU16>,
            icmp: Option<bool>,
            #[serde(default)]
            labels: BTreeMap<String, String>,
        }

        impl $name {
            /// How its targets are watched.
            $vis fn watch(&self) -> Watch {
                Watch {
                    icmp_interval: self.icmp_interval,
                    tcp_interval: self.tcp_interval,
                    timeout: self.timeout,
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
    #[serde(deserialize_with = "duration_with_unit")]
    pub(super) icmp_interval: Option<Duration>,
    #[serde(deserialize_with = "duration_with_unit")]
    pub(super) tcp_interval: Option<Duration>,
    #[serde(deserialize_with = "duration_with_unit")]
    pub(super) timeout: Option<Duration>,
    pub(super) tcp: Option<NonZeroU16>,
    pub(super) icmp: Option<bool>,
    pub(super) labels: BTreeMap<String, String>,
}

/// What the packets of all targets have in common.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Probe {
    pub(super) family: Option<FamilyWord>,
    #[serde(deserialize_with = "parsed")]
    pub(super) source: Option<SourceSpec>,
    pub(super) size: Option<u16>,
    #[serde(deserialize_with = "tos")]
    pub(super) tos: Option<u8>,
    pub(super) engine: Option<RunEngine>,
    #[serde(deserialize_with = "duration_with_unit")]
    pub(super) slot: Option<Duration>,
    pub(super) max_syn_rate: Option<u32>,
    #[serde(deserialize_with = "buffer")]
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
    pub(super) false_alarms: Option<f64>,
    pub(super) floor: Option<f64>,
    pub(super) trace: Option<bool>,
    #[serde(deserialize_with = "duration_with_unit")]
    pub(super) trace_interval: Option<Duration>,
    pub(super) gateway: Option<IpAddr>,
}

/// What to write, and where.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Output {
    #[serde(deserialize_with = "duration_with_unit")]
    pub(super) window: Option<Duration>,
    pub(super) json: Option<bool>,
    pub(super) each: Option<bool>,
    pub(super) log: Option<PathBuf>,
    pub(super) hlog: Option<PathBuf>,
    pub(super) vantage: Option<String>,
    pub(super) state: Option<PathBuf>,
}

watched! {
    /// Targets that belong together.
    pub(super) struct Group {
        pub(super) name: String,
        #[serde(default, deserialize_with = "all_parsed")]
        pub(super) targets: Vec<TargetSpec>,
    }
}

watched! {
    /// One target with settings of its own.
    pub(super) struct Entry {
        #[serde(deserialize_with = "one_parsed")]
        pub(super) target: TargetSpec,
        pub(super) group: Option<String>,
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
            tcp: self.tcp.or(general.tcp),
            icmp: self.icmp.or(general.icmp),
            labels,
        }
    }
}

/// Reads a file.
///
/// # Errors
/// What can't be read, and what makes no sense in it.
pub(super) fn read(path: &Path) -> Result<Settings, RunError> {
    let unreadable = |why: std::io::Error| RunError::Unreadable {
        path: path.to_owned(),
        why: why.to_string(),
    };
    let mut text = String::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(RunError::TooLarge { path: path.to_owned() });
    }
    parse(&text).map_err(|why| RunError::Syntax {
        path: path.to_owned(),
        why: why.to_string().trim_end().to_owned(),
    })
}

/// Reads a text.
pub(super) fn parse(text: &str) -> Result<Settings, toml::de::Error> {
    toml::from_str(text)
}

fn duration_with_unit<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    if text.ends_with(|last: char| last.is_ascii_digit()) {
        return Err(D::Error::custom(format!(
            "{text}: a duration needs a unit, as in 200ms, 1.5s or 1m"
        )));
    }
    duration::parse(&text).map(Some).map_err(D::Error::custom)
}

fn tos<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u8>, D::Error> {
    let text = String::deserialize(from)?;
    traffic_class::parse(&text).map(Some).map_err(D::Error::custom)
}

fn buffer<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    let text = String::deserialize(from)?;
    bytes::parse(&text).map(Some).map_err(D::Error::custom)
}

fn parsed<'de, D: Deserializer<'de>, T: FromStr<Err: std::fmt::Display>>(from: D) -> Result<Option<T>, D::Error> {
    one_parsed(from).map(Some)
}

fn one_parsed<'de, D: Deserializer<'de>, T: FromStr<Err: std::fmt::Display>>(from: D) -> Result<T, D::Error> {
    let text = String::deserialize(from)?;
    text.parse().map_err(|why| D::Error::custom(format!("{text}: {why}")))
}

fn all_parsed<'de, D: Deserializer<'de>, T: FromStr<Err: std::fmt::Display>>(from: D) -> Result<Vec<T>, D::Error> {
    let texts = Vec::<String>::deserialize(from)?;
    let parse = |text: String| text.parse().map_err(|why| D::Error::custom(format!("{text}: {why}")));
    texts.into_iter().map(parse).collect()
}

/// Ten thousand targets with labels take a tenth of it.
const MAX_BYTES: u64 = 16 << 20;
