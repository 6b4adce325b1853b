//! When which node has its turn, and which of its paths sends the probe.

use std::cmp::Ordering;
use std::time::Duration;

use super::Sweeper;
use super::budget::{Account, PERIOD};
use super::flights::{Flight, Stage};
use super::options::Budget;
use super::tree::{NodeId, PathIndex};
use super::who::Who;
use crate::engine::Launch;
use crate::outcome::Proto;
use crate::units::{Mono, ProbeSeq, nanos};

/// Something that has its turn at some moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) at: Mono,
    /// Turns of one moment are taken in the order in which they were asked for.
    order: u64,
    of: TurnOf,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum TurnOf {
    /// A node probes its router.
    Node(NodeId, u32),
    /// A path asks how far away its target is.
    Distance(PathIndex),
    /// A path waits no longer.
    Deadline(PathIndex),
}

/// A launch of which nothing was said yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    path: PathIndex,
    /// `None` asks for the distance.
    node: Option<(NodeId, u32)>,
    account: Option<Account>,
}

impl Sweeper {
    pub(super) fn push_turn(&mut self, at: Mono, of: TurnOf) {
        self.order += 1;
        let order = self.order;
        self.turns.push(Turn { at, order, of });
    }

    /// A node that has no turn gets one, soon: it has a new member, or is new itself.
    pub(super) fn wake(&mut self, id: NodeId, spread: Duration) {
        let now = self.now;
        let node = self.tree.node_mut(id);
        if node.has_turn {
            return;
        }
        node.has_turn = true;
        let (generation, phase) = (node.generation, node.phase);
        let at = now.after(spread.mul_f64(phase));
        node.turn_at = at;
        self.push_turn(at, TurnOf::Node(id, generation));
    }

    /// What a turn launches, if anything.
    pub(super) fn take(&mut self, turn: Turn, now: Mono) -> Option<Launch> {
        match turn.of {
            TurnOf::Deadline(path) => {
                self.finish(path);
                None
            }
            TurnOf::Distance(path) => self.take_distance(path, now),
            TurnOf::Node(id, generation) => {
                let node = self.tree.live(id, generation)?;
                // It may have an earlier one by now.
                if node.turn_at != turn.at {
                    return None;
                }
                node.has_turn = false;
                self.take_node(id, generation, now)
            }
        }
    }

    /// What became of a launch.
    pub(super) fn note_launch(&mut self, launch: Launch, seq: Option<ProbeSeq>, now: Mono) {
        let Some(Pending { path, node, account }) = self.pending.take() else {
            return;
        };
        let Some(seq) = seq else {
            if let Some(account) = account {
                self.accounts.refund(account);
            }
            match node {
                None => self.push_turn(now.after(RETRY), TurnOf::Distance(path)),
                Some((id, generation)) => self.push_node_turn(id, generation, now.after(RETRY)),
            }
            return;
        };
        let flight = Flight {
            seq,
            ttl: launch.ttl,
            node,
            round: self.round_of(node.map(|(id, _)| id), now),
            sent_at: now,
            account,
            stage: Stage::Open,
        };
        if let Some(forgotten) = self.paths[path].flights.push(flight) {
            self.abandon(path, forgotten);
        }
        self.watched
            .push_back((now.after(self.options.timeout * 2 + PATIENCE), path, seq));
        if let Some((id, generation)) = node {
            self.note_node_launch(id, generation, path, now);
        }
    }

    /// Which round a probe of a node belongs to that is sent at some moment. Where the node is hurried, it is one within the usual round.
    fn round_of(&self, node: Option<NodeId>, at: Mono) -> u64 {
        let since = nanos(at.since(self.started.unwrap_or(at)));
        let usual = nanos(self.options.interval).max(1);
        let hurried = node.map_or(usual, |id| nanos(self.interval_of(id)).max(1));
        let within = (since % usual / hurried).min(self.fineness - 1);
        (since / usual).saturating_mul(self.fineness).saturating_add(within)
    }

    /// The longest that a path may take.
    pub(super) fn longest(&self, cycles: u64) -> Duration {
        let slowest = match self.options.budget {
            Budget::Gentle => self.options.interval.max(PERIOD),
            Budget::Fast => self.options.interval,
        };
        let twice = u32::try_from(cycles.saturating_mul(2)).unwrap_or(u32::MAX);
        slowest
            .saturating_mul(twice)
            .saturating_add(self.options.timeout * 2)
            .saturating_add(DISCOVERY)
    }

    /// Whether a node needs no further probes.
    pub(super) fn is_sated(&self, id: NodeId) -> bool {
        let counts = self.tree.node(id).tally.counts;
        self.options.cycles.is_some_and(|cycles| {
            let spent = counts.sent + counts.send_errors + counts.in_flight;
            spent >= cycles || spent + counts.unjudged >= cycles.saturating_mul(2)
        })
    }

    fn take_distance(&mut self, path: PathIndex, now: Mono) -> Option<Launch> {
        let course = self.paths.get(path).filter(|course| course.is_asking)?;
        let (series, ttl) = (course.id, self.options.max_ttl);
        // A target answers datagrams by an ICMP error, and those are limited, too.
        let account = match course.proto {
            Proto::Udp => Account::Unknown,
            Proto::Icmp | Proto::Tcp => Account::Expected,
        };
        let account = (self.options.budget == Budget::Gentle).then(|| account(ttl, None));
        if let Some(account) = account {
            let ready = self.accounts.ready_at(account);
            if ready > now {
                self.push_turn(ready, TurnOf::Distance(path));
                return None;
            }
            self.accounts.charge(account, now, false);
        }
        let node = None;
        self.pending = Some(Pending { path, node, account });
        Some(Launch { series, ttl })
    }

    fn take_node(&mut self, id: NodeId, generation: u32, now: Mono) -> Option<Launch> {
        if self.is_sated(id) {
            return None;
        }
        if self.is_premature(id) {
            self.push_node_turn(id, generation, now.after(WAIT));
            return None;
        }
        let path = self.next_member(id)?;
        let account = self.account_of(id, path);
        if let Some(account) = account {
            let ready = self.accounts.ready_at(account);
            if ready > now {
                self.push_node_turn(id, generation, ready);
                return None;
            }
            let node = self.tree.node(id);
            let is_first = node.who.is_none() && self.tree.children(node.parent).is_empty();
            self.accounts.charge(account, now, is_first);
        }
        let node = self.tree.node(id);
        self.pending = Some(Pending {
            path,
            node: Some((id, generation)),
            account,
        });
        Some(Launch {
            series: self.paths[path].id,
            ttl: node.ttl,
        })
    }

    /// Whether it will soon be known which of several routers is before this node: until then, its probes may go to a router behind
    /// any of them, to nobody's expense.
    fn is_premature(&self, id: NodeId) -> bool {
        let node = self.tree.node(id);
        let before = self.tree.node(node.parent);
        let is_undecided = before.who.is_none() && before.tally.counts.sent == 0;
        let is_expected = node.is_private && node.who.is_none() || matches!(node.who, Some(Who::Target(_)));
        self.options.budget == Budget::Gentle
            && before.ttl > 0
            && is_undecided
            && !is_expected
            && !self.tree.children(before.parent).is_empty()
    }

    /// The member whose turn it is; it will be the last next time.
    fn next_member(&mut self, id: NodeId) -> Option<PathIndex> {
        for _ in 0..self.tree.node(id).members.len() {
            let members = &mut self.tree.node_mut(id).members;
            let path = *members.front()?;
            if !self.paths[path].is_done {
                return Some(path);
            }
            members.rotate_left(1);
        }
        None
    }

    /// Who has to bear a probe of this node; nobody where it reaches the target, unless that answers by an ICMP error, too.
    fn account_of(&self, id: NodeId, path: PathIndex) -> Option<Account> {
        if self.options.budget == Budget::Fast {
            return None;
        }
        let node = self.tree.node(id);
        let is_udp = self.paths[path].proto == Proto::Udp;
        match node.who {
            Some(who) if who.is_router() => Some(Account::Router(who.address())),
            Some(Who::Dead(error)) => Some(Account::Router(error.from)),
            Some(Who::Target(from)) if is_udp => Some(Account::Router(from)),
            Some(_) => None,
            None => {
                let before = self.tree.known_before(id).next();
                let is_expected = self.paths[path].hint == Some(node.ttl) && !is_udp;
                let account = if is_expected {
                    Account::Expected
                } else {
                    Account::Unknown
                };
                Some(account(node.ttl, before))
            }
        }
    }

    /// A node that is still to be probed has a turn.
    pub(super) fn ensure_turn(&mut self, id: NodeId) {
        if !self.tree.node(id).has_turn && !self.is_sated(id) {
            let at = self.next_slot(id, self.now);
            self.push_node_turn(id, self.tree.node(id).generation, at);
        }
    }

    fn push_node_turn(&mut self, id: NodeId, generation: u32, at: Mono) {
        let Some(node) = self.tree.live(id, generation) else {
            return;
        };
        if !node.has_turn {
            node.has_turn = true;
            node.turn_at = at;
            self.push_turn(at, TurnOf::Node(id, generation));
        }
    }

    fn note_node_launch(&mut self, id: NodeId, generation: u32, path: PathIndex, now: Mono) {
        let Some(node) = self.tree.live(id, generation) else {
            return;
        };
        node.tally.counts.in_flight += 1;
        if node.members.front() == Some(&path) {
            node.members.rotate_left(1);
        }
        let (ttl, next) = (node.ttl, node.members.front().copied());
        if let Some(place) = self.place_mut(path, ttl) {
            place.has_asked = true;
        }
        // Who was never asked need not wait for the next round; the budget decides.
        let is_new = next.is_some_and(|next| self.place_mut(next, ttl).is_some_and(|place| !place.has_asked));
        let at = if is_new {
            now.after(SOON)
        } else {
            self.next_slot(id, now)
        };
        self.push_node_turn(id, generation, at);
    }

    /// The turn of a node after one at `now`: in the next round, at its place in the interval.
    pub(super) fn next_slot(&self, id: NodeId, now: Mono) -> Mono {
        let interval = self.interval_of(id);
        let started = self.started.unwrap_or(now);
        let phase = nanos(interval.mul_f64(self.tree.node(id).phase));
        let earliest = nanos(now.since(started)) + nanos(interval) / 8 * 7;
        let rounds = earliest.saturating_sub(phase).div_ceil(nanos(interval).max(1));
        started.after(Duration::from_nanos(
            rounds.saturating_mul(nanos(interval)).saturating_add(phase),
        ))
    }
}

impl Ord for Turn {
    /// The earliest is the greatest, for a heap that gives the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.order).cmp(&(self.at, self.order))
    }
}

impl PartialOrd for Turn {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Turn {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Turn {}

/// After this, a launch that found no room is tried again.
const RETRY: Duration = Duration::from_millis(20);

/// Between probes that ask for distances: where they go in circles, the first answer comes before the last probe.
pub(super) const STAGGER: Duration = Duration::from_millis(5);

/// After this, a node looks again whether it is known who is before it.
const WAIT: Duration = Duration::from_millis(200);

/// Between probes of several paths to find out whether they share a router.
const SOON: Duration = Duration::from_millis(20);

/// How much later than twice its timeout a probe may be judged by a host that is busy.
const PATIENCE: Duration = Duration::from_secs(1);

/// What finding a way may take beyond the cycles themselves: some timeouts in a row, for gaps of silent hops.
const DISCOVERY: Duration = Duration::from_secs(10);
