//! Links of a topology file.

use serde::Deserialize;

use super::quantity::{BitRate, Bytes, Span};

/// A link between two nodes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Its ends: names of routers, backends, or `host`. A group of backends stands for a link to each.
    pub between: [String; 2],
    /// Its name; that of its ends joined by `-` where absent.
    pub name: Option<String>,
    /// Settings of both directions.
    #[serde(default)]
    pub set: LinkSettings,
    /// Further settings from the first end to the second.
    #[serde(default)]
    pub forward: LinkSettings,
    /// Further settings from the second end to the first.
    #[serde(default)]
    pub reverse: LinkSettings,
}

/// Settings of one direction of a link. What is absent is as in the layer below, and at the bottom as said here.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkSettings {
    /// Propagation delay: 0.
    pub delay: Option<Span>,
    /// Random delay on top: none. Packets stay in order all the same, as on a wire.
    pub jitter: Option<Jitter>,
    /// Share of packets lost at random: 0.
    pub loss: Option<f64>,
    /// Loss in bursts (Gilbert-Elliott), on top of `loss`: none.
    pub bursts: Option<Bursts>,
    /// Share of packets that arrive twice: 0.
    pub duplicate: Option<f64>,
    /// Packets that others overtake: none.
    pub reorder: Option<Reorder>,
    /// Bits a second: unlimited.
    pub bandwidth: Option<BitRate>,
    /// How much the queue holds, where there is a bandwidth: 256 KiB.
    pub queue: Option<Bytes>,
    /// Traffic of others into the same queue, as a steady flow: none. More than `bandwidth` fills the queue and overflows it.
    pub cross_traffic: Option<BitRate>,
    /// Largest packet: 1500.
    pub mtu: Option<u16>,
    /// Cut, and nobody has noticed: packets go in and none come out. `false`.
    pub down: Option<bool>,
    /// What routing pays to use it: 1. Changing it changes routes.
    pub cost: Option<u32>,
}

/// Distributions of random delay.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Jitter {
    /// None (to end the jitter of a layer below).
    None,
    /// Uniform between 0 and this.
    Uniform(Span),
    /// Exponential with this mean.
    Exponential(Span),
    /// Normal around 0 with this standard deviation; what falls below 0 is mirrored (half-normal).
    Normal(Span),
    /// Log-normal: `exp(N(ln median, sigma^2))`.
    Lognormal {
        /// Median.
        median: Span,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
    /// Gamma.
    Gamma {
        /// Mean.
        mean: Span,
        /// Shape.
        shape: f64,
    },
    /// Pareto, less its least value, so that it begins at 0; cut off at `most`.
    Pareto {
        /// Scale.
        scale: Span,
        /// Shape (tail index).
        shape: f64,
        /// No delay is longer.
        most: Span,
    },
    /// Nothing, or for this share of packets `by`, as where per-packet balancing has a long leg.
    Bimodal {
        /// The longer delay.
        by: Span,
        /// Share of packets that get it.
        share: f64,
    },
}

/// Gilbert-Elliott loss: a good state without loss and a bad one. The state changes packet by packet.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bursts {
    /// Probability, packet by packet, to go from good to bad.
    pub start: f64,
    /// Probability, packet by packet, to go from bad to good: the mean burst is `1 / end` packets long.
    pub end: f64,
    /// Share of packets lost in the bad state: 1.
    #[serde(default = "certain")]
    pub loss: f64,
}

/// Packets that others overtake.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reorder {
    /// Share of packets that are held up, alone.
    pub share: f64,
    /// For how long.
    pub by: Span,
}

const fn certain() -> f64 {
    1.0
}
