//! The `series` line: what a run probes, how, and what for.
//!
//! Who judges a log later must know how often a series was probed and how long an answer could take: neither can be read off its probes
//! before some have come.

use serde::Serialize;

use super::{Body, SeriesFields, number, timestamp};
use crate::diagnose::{Role, Watched};
use crate::series::Series;
use crate::units::{Mono, Wall};

#[derive(Serialize)]
pub(super) struct SeriesBody<'a> {
    #[serde(flatten)]
    series: SeriesFields<'a>,
    role: &'static str,
    group: Option<&'a str>,
    interval_s: f64,
    timeout_s: f64,
    floor_ratio: f64,
    stamp: &'static str,
    since: String,
    since_clock_s: f64,
    until: Option<String>,
}

impl Body for SeriesBody<'_> {
    fn event(&self) -> &'static str {
        "series"
    }
}

impl<'a> SeriesBody<'a> {
    pub(super) fn new(
        series: &'a Series,
        role: &'a Role,
        watched: &Watched,
        (since, clock, until): (Wall, Mono, Option<Wall>),
    ) -> Self {
        let group = match role {
            Role::Backend { group } => group.as_deref(),
            Role::Path | Role::Loopback | Role::Gateway => None,
        };
        Self {
            series: SeriesFields::new(series),
            role: word(role),
            group,
            interval_s: number::seconds(watched.interval),
            timeout_s: number::seconds(watched.timeout),
            floor_ratio: watched.floor,
            stamp: watched.stamp.as_str(),
            since: timestamp(since),
            since_clock_s: number::seconds(clock.since(Mono::default())),
            until: until.map(timestamp),
        }
    }
}

const fn word(role: &Role) -> &'static str {
    match role {
        Role::Backend { .. } => "backend",
        Role::Path => "path",
        Role::Loopback => "loopback",
        Role::Gateway => "gateway",
    }
}
