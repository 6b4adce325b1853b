//! Events of a topology file: faults and changes in time.

use serde::Deserialize;

use super::backend::BackendSettings;
use super::link::LinkSettings;
use super::quantity::Span;
use super::router::RouterSettings;

/// Settings that are laid over some elements for a time, once or again and again.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Event {
    /// When it first begins, from the start of the network: 0.
    #[serde(default)]
    pub at: Span,
    /// How long it lasts: for good.
    #[serde(rename = "for")]
    pub lasts: Option<Span>,
    /// From one beginning to the next: once only.
    pub every: Option<Span>,
    /// Begins and ends at random moments after `at`, instead of `for` and `every`.
    pub random: Option<Random>,
    /// What it concerns: names of links (`a-b`, or one direction `a>b`), routers, backends, groups, or `host`.
    pub on: Vec<String>,
    /// Settings of the links.
    pub link: Option<LinkSettings>,
    /// Settings of the routers.
    pub router: Option<RouterSettings>,
    /// Settings of the backends.
    pub backend: Option<BackendSettings>,
    /// Settings of the host.
    pub host: Option<HostSettings>,
}

/// Exponentially distributed pauses and lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Random {
    /// Mean time from one end to the next beginning.
    pub pause: Span,
    /// Mean length.
    pub lasts: Span,
}

/// What happens to the host itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostSettings {
    /// The prober gets no CPU: `false`. What arrives waits in its receive queue, with the kernel's stamps.
    pub stalled: Option<bool>,
    /// The host as a whole stands still, kernel included, as a virtual machine that gets no CPU: `false`. Stamps are late too.
    pub frozen: Option<bool>,
}
