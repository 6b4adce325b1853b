//! The values of a configuration file, each checked by itself. An error here has the line and column of the value for free.
//!
//! Durations always have a unit, because a file outlives what its author had in mind.

use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use toml::Spanned;

use super::limits::{self, Limits};
use crate::config::args::parse_buffer;
use crate::config::duration::DurationError;
use crate::config::nats::NatsAddress;
use crate::config::run_args::parse_listen;
use crate::config::source::SourceSpec;
use crate::config::syslog::SyslogAddress;
use crate::config::target::TargetSpec;
use crate::config::{duration, traffic_class};

/// A target as it stands in the file.
#[derive(Clone, Debug)]
pub(super) struct GivenTarget(pub(super) TargetSpec);

/// What a label is called. The names of labels in Prometheus are such words, and nothing else needs more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct LabelName(pub(super) String);

/// What a label says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LabelValue(pub(super) String);

impl<'de> Deserialize<'de> for GivenTarget {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = text(from, "a target in quotes, as in \"app01=10.10.1.11:8080\"")?;
        let target = text.parse().map(Self);
        target.map_err(|why| D::Error::custom(format!("{text}: {why}")))
    }
}

impl<'de> Deserialize<'de> for LabelName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = text(from, "the name of a label")?;
        let is_word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if is_word && name.starts_with(|c: char| !c.is_ascii_digit()) {
            Ok(Self(name))
        } else {
            Err(D::Error::custom(format!(
                "{name:?} can't be the name of a label; use letters, digits and _, and no digit at its start"
            )))
        }
    }
}

impl<'de> Deserialize<'de> for LabelValue {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        text(from, "a text in quotes, as in site = \"ams1\"").map(Self)
    }
}

pub(super) fn interval<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    within(from, limits::INTERVAL)
}

pub(super) fn timeout<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    within(from, limits::TIMEOUT)
}

pub(super) fn window<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    within(from, limits::WINDOW)
}

pub(super) fn slot<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    within(from, limits::SLOT)
}

pub(super) fn trace_interval<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    within(from, limits::TRACE_INTERVAL)
}

pub(super) fn port<'de, D: Deserializer<'de>>(from: D) -> Result<Option<NonZeroU16>, D::Error> {
    checked(i64::deserialize(from)?, |number| {
        let port = u16::try_from(number).ok().and_then(NonZeroU16::new);
        port.ok_or_else(|| format!("{number} is not a port; ports are 1 to 65535"))
    })
}

pub(super) fn rate<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    checked(i64::deserialize(from)?, |number| {
        let wrong = |_| {
            format!(
                "{number} is no number of SYNs a second; give 1 to {}, or 0 for no limit",
                u32::MAX
            )
        };
        u32::try_from(number).map_err(wrong)
    })
}

pub(super) fn size<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u16>, D::Error> {
    checked(i64::deserialize(from)?, limits::size)
}

pub(super) fn false_alarms<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    checked(f64::deserialize(from)?, limits::false_alarms)
}

pub(super) fn floor<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    checked(f64::deserialize(from)?, limits::floor)
}

pub(super) fn vantage<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    checked(text(from, "a name in quotes")?, limits::vantage)
}

pub(super) fn listen<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = text(from, "an address with a port in quotes, as in \"127.0.0.1:9911\"")?;
    checked(text, |text| parse_listen(&text))
}

pub(super) fn syslog<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SyslogAddress>, D::Error> {
    let text = text(from, "an address in quotes, as in \"tcp://192.0.2.10:514\"")?;
    checked(text, |text| text.parse::<SyslogAddress>())
}

pub(super) fn publish<'de, D: Deserializer<'de>>(from: D) -> Result<Option<NatsAddress>, D::Error> {
    let text = text(from, "an address in quotes, as in \"nats://192.0.2.10:4222\"")?;
    checked(text, |text| text.parse::<NatsAddress>())
}

pub(super) fn tos<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u8>, D::Error> {
    let text = text(from, "a TOS byte in quotes, as in \"0xb8\" or \"ef\"")?;
    checked(text, |text| traffic_class::parse(&text))
}

pub(super) fn buffer<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    let text = text(from, "a size in quotes, as in \"8m\"")?;
    checked(text, |text| parse_buffer(&text))
}

pub(super) fn source<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Spanned<SourceSpec>>, D::Error> {
    let text = Spanned::<String>::deserialize(from)?;
    let span = text.span();
    let source = checked(text.into_inner(), |text| text.parse::<SourceSpec>())?;
    Ok(source.map(|source| Spanned::new(span, source)))
}

pub(super) fn group_name<'de, D: Deserializer<'de>>(from: D) -> Result<Spanned<String>, D::Error> {
    let name = Spanned::<String>::deserialize(from)?;
    if name.get_ref().trim().is_empty() || name.get_ref().contains(char::is_control) {
        return Err(D::Error::custom("a group needs a name that can be read"));
    }
    Ok(name)
}

fn within<'de, D: Deserializer<'de>>(from: D, limits: Limits) -> Result<Option<Duration>, D::Error> {
    let text = text(from, "a duration in quotes, as in \"200ms\", \"1.5s\" or \"1m\"")?;
    let duration = duration::parse_with_unit(&text).map_err(|why| match why {
        // The words for the command line would offer a number without a unit.
        DurationError::UnknownUnit(unit) => format!("unknown unit '{unit}'; the units are us, ms, s, m and h"),
        why => why.to_string(),
    });
    checked(
        duration.map_err(|why| D::Error::custom(format!("{text:?}: {why}")))?,
        |value| limits.check(value),
    )
}

fn checked<T, U, W: Display, E: Error>(value: T, check: impl FnOnce(T) -> Result<U, W>) -> Result<Option<U>, E> {
    check(value).map(Some).map_err(E::custom)
}

/// A text; where there is something else, the error says what is expected instead.
fn text<'de, D: Deserializer<'de>>(from: D, expected: &'static str) -> Result<String, D::Error> {
    from.deserialize_str(Text(expected))
}

struct Text(&'static str);

impl Visitor<'_> for Text {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }
}
