//! The course of one path: its places from the first TTL on, how far it is worth probing, and how it ends.
//!
//! The way to the target is found a few TTLs at a time, because what is sent beyond the target hits the target. One probe with the
//! largest TTL goes ahead: the TTL of the target's reply tells how far away it is, if the reply took as many hops. That is a hint and
//! no more; the end is the smallest TTL that the target answers.

use std::net::IpAddr;

use super::changes::Rival;
use super::flights::Flights;
use super::hop::Hop;
use super::options::SweepOptions;
use super::path::{End, PathReport};
use super::tree::{Node, NodeId, Tree};
use super::who::Who;
use crate::outcome::{Proto, SendError};
use crate::series::Series;
use crate::units::{Mono, SeriesId};

/// One path.
#[derive(Debug)]
pub(super) struct Course {
    pub(super) id: SeriesId,
    pub(super) target: IpAddr,
    pub(super) proto: Proto,
    /// Where in the interval its turns begin.
    pub(super) offset: f64,
    /// From the first TTL on, without gaps.
    pub(super) places: Vec<Place>,
    /// The last TTL worth probing, where that is known.
    pub(super) limit: Option<u8>,
    /// The TTL that probably reaches the target.
    pub(super) hint: Option<u8>,
    /// Whether the probe that asks for the distance is to be sent, or under way.
    pub(super) is_asking: bool,
    pub(super) circle: Option<Circle>,
    pub(super) has_sent: bool,
    pub(super) send_error: Option<SendError>,
    pub(super) changed_at: Option<Mono>,
    /// What was known of the course before.
    pub(super) former: Option<Box<PathReport>>,
    /// Cycles that were told.
    pub(super) told: u64,
    pub(super) is_done: bool,
    pub(super) flights: Flights,
}

/// One TTL of a path.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) node: NodeId,
    /// Whether a probe of this path was answered by this node.
    pub(super) is_verified: bool,
    /// Whether this path has sent a probe here.
    pub(super) has_asked: bool,
    pub(super) rival: Option<Box<Rival>>,
    /// Rounds whose probe was lost while this path only presumed its router, or did not know it.
    pub(super) doubts: Vec<u64>,
}

/// A way that leads back to where it was.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circle {
    pub(super) first_ttl: u8,
    pub(super) again_ttl: u8,
    pub(super) address: IpAddr,
}

impl Course {
    pub(super) fn new(id: SeriesId, series: &Series, offset: f64) -> Self {
        Self {
            id,
            target: series.address,
            proto: series.endpoint.proto(),
            offset,
            places: Vec::new(),
            limit: None,
            hint: None,
            is_asking: true,
            circle: None,
            has_sent: false,
            send_error: None,
            changed_at: None,
            former: None,
            told: 0,
            is_done: false,
            flights: Flights::default(),
        }
    }

    /// The largest TTL that is worth probing by what is known now.
    pub(super) fn goal(&self, tree: &Tree, options: &SweepOptions) -> u8 {
        if let Some(limit) = self.limit {
            return limit.min(options.max_ttl);
        }
        let first = options.first_ttl;
        let answered = self
            .places
            .iter()
            .rposition(|place| tree.node(place.node).who.is_some());
        let mut known = answered.map_or(0, |at| at + 1);
        if let Some(hint) = self.hint {
            let before = usize::from(hint.saturating_sub(first));
            let is_judged = |place: &Place| tree.node(place.node).tally.counts.sent > 0;
            if known <= before && !self.places.get(before).is_some_and(is_judged) {
                return hint.min(options.max_ttl);
            }
            known = known.max(before);
        }
        let silent = self.places.iter().skip(known);
        let silent = silent
            .take_while(|place| tree.node(place.node).tally.counts.sent > 0)
            .count();
        let ahead = (silent + AHEAD).min(usize::from(options.max_silent.max(1)));
        let open = u8::try_from(known + ahead).unwrap_or(u8::MAX);
        first.saturating_add(open.saturating_sub(1)).min(options.max_ttl)
    }

    /// Who is at each TTL, as far as this path has seen it.
    pub(super) fn addresses(&self, tree: &Tree) -> Vec<Option<IpAddr>> {
        let seen = |place: &Place| {
            let who = tree.node(place.node).who.filter(|_| place.is_verified);
            who.map(Who::address)
        };
        let mut addresses: Vec<_> = self.places.iter().map(seen).collect();
        let answered = addresses.iter().rposition(Option::is_some);
        addresses.truncate(answered.map_or(0, |at| at + 1));
        addresses
    }

    /// Rounds of which every probe is judged.
    pub(super) fn cycles(&self, tree: &Tree) -> u64 {
        let judged = self.nodes(tree).map(|node| node.tally.counts.sent);
        judged.min().unwrap_or(0)
    }

    /// How the path ends, by what is known now.
    pub(super) fn end(&self, tree: &Tree, options: &SweepOptions) -> End {
        for node in self.nodes(tree) {
            match node.who {
                Some(Who::Target(from)) => return End::Reached { ttl: node.ttl, from },
                Some(Who::Dead(error)) => {
                    return End::Unreachable {
                        ttl: node.ttl,
                        error,
                        mtu: node.mtu,
                    };
                }
                Some(Who::Router(_)) | None => {}
            }
        }
        if let Some(Circle {
            first_ttl,
            again_ttl,
            address,
        }) = self.circle
        {
            return End::Loop {
                first_ttl,
                again_ttl,
                address,
            };
        }
        match self.send_error {
            Some(error) if !self.has_sent => End::NotSent(error),
            _ => self.open_end(tree, options),
        }
    }

    /// What is known of the path.
    pub(super) fn report(&self, tree: &Tree, options: &SweepOptions) -> PathReport {
        self.report_with(tree, options, |node, presumed| node.tally.snapshot(node.ttl, presumed))
    }

    /// The same with what is to be said of each hop; that is told whether the path only presumes its router.
    pub(super) fn report_with(
        &self,
        tree: &Tree,
        options: &SweepOptions,
        hop: impl Fn(&Node, bool) -> Hop,
    ) -> PathReport {
        let last = self
            .places
            .iter()
            .rposition(|place| tree.node(place.node).who.is_some());
        let end = self.end(tree, options);
        let shown = match (end, last) {
            (End::Reached { .. } | End::Unreachable { .. } | End::Loop { .. }, _) => self.places.len(),
            (_, Some(last)) => last + 2,
            (_, None) => 1,
        };
        let places = self.places.iter().take(shown);
        let hops: Vec<_> = places
            .map(|place| {
                let node = tree.node(place.node);
                hop(node, node.who.is_some() && !place.is_verified)
            })
            .collect();
        PathReport {
            cycles: hops.iter().map(|hop| hop.counts.sent).min().unwrap_or(0),
            hops,
            end,
            changed_at: self.changed_at,
        }
    }

    /// Looks for a circle among what this path has seen.
    pub(super) fn find_circle(&self, tree: &Tree, first_ttl: u8) -> Option<Circle> {
        let router = |at: usize| {
            let place = self.places.get(at).filter(|place| place.is_verified)?;
            let who = tree.node(place.node).who.filter(|who| who.is_router())?;
            Some(who.address())
        };
        let ttl = |at: usize| u8::try_from(at).map_or(u8::MAX, |at| first_ttl.saturating_add(at));
        let repeats = |at: usize, by: usize| router(at).is_some() && router(at) == router(at + by);
        for at in 0..self.places.len() {
            // A router that forwards what it should not shows its neighbour twice, so once is not enough.
            let by = (1..self.places.len() - at).find(|&by| {
                let times = if by == 1 { 3 } else { 2 };
                // All between must be known, or a circle of two looks like one of four while answers are under way.
                (0..by).all(|step| router(at + step).is_some()) && (0..times).all(|step| repeats(at + step, by))
            });
            if let Some(by) = by {
                return Some(Circle {
                    first_ttl: ttl(at),
                    again_ttl: ttl(at + by),
                    address: router(at)?,
                });
            }
        }
        None
    }

    fn nodes<'a>(&'a self, tree: &'a Tree) -> impl Iterator<Item = &'a Node> {
        self.places.iter().map(|place| tree.node(place.node))
    }

    fn open_end(&self, tree: &Tree, options: &SweepOptions) -> End {
        let Some(last) = self.places.last() else {
            return End::Unknown;
        };
        let is_at_maximum = tree.node(last.node).ttl >= options.max_ttl;
        if is_at_maximum && tree.node(last.node).who.is_some() {
            return End::TooFar;
        }
        let tail = self.places.iter().rev();
        let silent = tail
            .take_while(|place| {
                let node = tree.node(place.node);
                node.who.is_none() && node.tally.counts.sent > 0
            })
            .count();
        let is_silent = silent >= usize::from(options.max_silent.max(1)) || is_at_maximum && silent > 0;
        if !is_silent {
            return End::Unknown;
        }
        let after = self.nodes(tree).filter(|node| node.who.is_some()).last();
        End::Silent {
            after_ttl: after.map_or(0, |node| node.ttl),
        }
    }
}

/// So many TTLs beyond the last known one are probed while the end is unknown.
const AHEAD: usize = 3;
