//! The lines of `run` for people: one for each event that somebody who watches wants to know of.
//!
//! A line is the time of day, a word that says what it is, and a sentence: `grep INCIDENT` finds all incidents. Single spikes and windows
//! have no lines, for they are many and seldom matter alone; they are in the NDJSON.

use std::time::Duration;

use crossterm::style::{Color, Stylize as _};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::grid::probe;
use super::json::{Degradation, HostNoise, Notice, NoticeKind, Resolve, Severity};
use super::style::Style;
use super::text::{address, clean, duration};
use super::trace::change_words;
use crate::detect::Cause;
use crate::diagnose::{Incident, Stage};
use crate::series::Series;
use crate::sweep::PathChange;
use crate::units::{Rtt, Wall};

/// Writes the lines of `run`. Each ends with a newline.
#[derive(Clone, Debug)]
pub struct RunText {
    /// Colours, and characters to write names with.
    pub style: Style,
    /// Where the reader's clock is.
    pub zone: TimeZone,
}

impl RunText {
    /// An incident: found, better known, or over.
    #[must_use]
    pub fn incident(&self, at: Wall, stage: Stage, incident: &Incident) -> String {
        let (number, verdict) = (incident.number, incident.verdict.as_str());
        // Its first words are the verdict once more.
        let message = &*incident.message;
        let message = message.split_once(": ").map_or(message, |(_, rest)| rest);
        match stage {
            Stage::Open => self.line(at, Tag::INCIDENT, &format!("#{number} {verdict}: {message}")),
            Stage::Update => self.line(at, Tag::UPDATE, &format!("#{number} {verdict}: {message}")),
            Stage::Close => {
                let lasted = lasted(incident.last.since(incident.began));
                self.line(
                    at,
                    Tag::CLOSED,
                    &format!("#{number} after {lasted}, {verdict}: {message}"),
                )
            }
        }
    }

    /// A series that turned bad, or is good again.
    #[must_use]
    pub fn degraded(&self, at: Wall, series: &Series, degradation: &Degradation) -> String {
        let who = who(series);
        if let Some(until) = degradation.until {
            let ns = until.nanos_since(degradation.since).try_into().unwrap_or_default();
            let lasted = lasted(Duration::from_nanos(ns));
            return self.line(at, Tag::GOOD, &format!("{who}: good again after {lasted}"));
        }
        let why = cause_words(degradation.cause);
        self.line(at, Tag::DEGRADED, &format!("{who}: {why}"))
    }

    /// A series that spikes by habit.
    #[must_use]
    pub fn jittery(&self, at: Wall, series: &Series, ratio: f64) -> String {
        let text = format!(
            "{}: {:.1} % of the probes of the last hour spiked",
            who(series),
            ratio * 100.0
        );
        self.line(at, Tag::JITTERY, &text)
    }

    /// A series whose RTTs moved to another level and stay there.
    #[must_use]
    pub fn level_shift(&self, at: Wall, series: &Series, from: Rtt, to: Rtt) -> String {
        let text = format!("{}: RTTs moved from {from} to {to} (medians)", who(series));
        self.line(at, Tag::LEVEL, &text)
    }

    /// A path that took another course.
    #[must_use]
    pub fn path_change(&self, at: Wall, series: &Series, change: &PathChange) -> String {
        self.line(at, Tag::PATH, &change_words(series, change))
    }

    /// This host disturbed its own measurement.
    #[must_use]
    pub fn own_noise(&self, at: Wall, noise: &HostNoise) -> String {
        let text = format!("this host disturbed its own measurement: {}", noise_words(noise));
        self.line(at, Tag::NOISE, &text)
    }

    /// It did so again and again since that was said.
    #[must_use]
    pub fn more_own_noise(&self, at: Wall, times: u64, late: Duration) -> String {
        let late = Rtt::from(late);
        let text = format!("this host disturbed its own measurement {times} times more: late by up to {late}");
        self.line(at, Tag::NOISE, &text)
    }

    /// The program speaks of itself.
    #[must_use]
    pub fn notice(&self, at: Wall, notice: &Notice<'_>) -> String {
        let tag = match (notice.severity, notice.kind) {
            (Severity::Error, _) => Tag::ERROR,
            (Severity::Warning, _) => Tag::WARNING,
            (Severity::Info, NoticeKind::Start) => Tag::START,
            (Severity::Info, NoticeKind::Stop) => Tag::STOP,
            (Severity::Info, NoticeKind::ConfigReload) => Tag::RELOAD,
            (Severity::Info, NoticeKind::Error) => Tag::INFO,
        };
        self.line(at, tag, &with_drops(notice.message, notice.dropped_before))
    }

    /// The addresses of a name were looked up.
    #[must_use]
    pub fn resolve(&self, at: Wall, resolve: &Resolve<'_>) -> String {
        let tag = match resolve.severity {
            Severity::Error => Tag::ERROR,
            Severity::Warning => Tag::WARNING,
            Severity::Info => Tag::RESOLVE,
        };
        let text = format!("{}: {}", resolve.target, resolve.message);
        self.line(at, tag, &with_drops(&text, resolve.dropped_before))
    }

    fn line(&self, at: Wall, tag: Tag, text: &str) -> String {
        let word = format!("{:TAG_CELLS$}", tag.word);
        let word = match tag.color {
            Some(color) if self.style.color => word.with(color).to_string(),
            Some(_) | None => word,
        };
        format!("{} {word} {}\n", self.time(at), clean(text, self.style.charset))
    }

    /// Date and time where the reader is; `Z` says that it is UTC.
    fn time(&self, at: Wall) -> String {
        let timestamp = Timestamp::from_nanosecond(i128::from(at.as_nanos())).unwrap_or(Timestamp::MAX);
        let local = timestamp.to_zoned(self.zone.clone());
        let mark = if self.zone == TimeZone::UTC { "Z" } else { "" };
        format!("{}{mark}", local.strftime("%Y-%m-%d %H:%M:%S"))
    }
}

/// The word of a line, in capitals where something is wrong, and its colour.
#[derive(Clone, Copy)]
struct Tag {
    word: &'static str,
    color: Option<Color>,
}

impl Tag {
    const INCIDENT: Self = Self::new("INCIDENT", Some(Color::Red));
    const UPDATE: Self = Self::new("update", Some(Color::Red));
    const CLOSED: Self = Self::new("closed", Some(Color::Green));
    const DEGRADED: Self = Self::new("DEGRADED", Some(Color::Yellow));
    const GOOD: Self = Self::new("good", Some(Color::Green));
    const JITTERY: Self = Self::new("jittery", Some(Color::Yellow));
    const LEVEL: Self = Self::new("level", Some(Color::Yellow));
    const PATH: Self = Self::new("path", Some(Color::Yellow));
    const NOISE: Self = Self::new("noise", Some(Color::Yellow));
    const ERROR: Self = Self::new("ERROR", Some(Color::Red));
    const WARNING: Self = Self::new("WARNING", Some(Color::Yellow));
    const RESOLVE: Self = Self::new("resolve", None);
    const START: Self = Self::new("start", None);
    const STOP: Self = Self::new("stop", None);
    const RELOAD: Self = Self::new("reload", None);
    const INFO: Self = Self::new("info", None);

    const fn new(word: &'static str, color: Option<Color>) -> Self {
        Self { word, color }
    }
}

/// The longest word of a line.
const TAG_CELLS: usize = "INCIDENT".len();

/// `name (address) tcp/443`, with the flow where it is not the first; the address alone where it was typed as such.
fn who(series: &Series) -> String {
    let address = address(series);
    let name = if *series.target == address {
        address
    } else {
        format!("{} ({address})", series.target)
    };
    let flow = match series.flow {
        0 => String::new(),
        flow => format!(" #{flow}"),
    };
    format!("{name} {}{flow}", probe(series.endpoint))
}

/// Why a series is degraded.
const fn cause_words(cause: Cause) -> &'static str {
    match cause {
        Cause::Frequent => "3 of its last 20 probes were slow, lost or refused",
        Cause::Silent => "2 probes in a row were not answered in time",
        Cause::Refusing => "2 probes in a row were refused",
    }
}

fn noise_words(noise: &HostNoise) -> String {
    let mut parts = Vec::new();
    if let Some(late) = noise.late {
        parts.push(format!("late by {}", Rtt::from(late)));
    }
    if let Some(rtt) = noise.control_rtt {
        parts.push(format!("its loopback took {rtt}"));
    }
    for (count, what) in [
        (noise.receive_drops, "packets dropped by a full receive queue"),
        (noise.send_errors, "probes not sent"),
        (noise.stamps_lost, "answers without usable kernel stamps"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    if noise.clock_stepped {
        parts.push("its clock was stepped".to_owned());
    }
    parts.join("; ")
}

fn with_drops(message: &str, dropped: u64) -> String {
    match dropped {
        0 => message.to_owned(),
        dropped => format!("{message} ({dropped} lines were dropped before)"),
    }
}

/// A time in the coarsest unit that keeps two digits: nobody wants to know the ms of an hour.
pub(super) fn lasted(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..10 => duration(Duration::from_millis(
            u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
        )),
        10..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests;
