//! How paths find their places in the tree, and change them.
//!
//! Invariants: the node of a place is a child of the node of the place before; who is in a shared node without having seen its router
//! only presumes it, and does so only while that router is the only one known behind the node before.

use std::time::Duration;

use super::Sweeper;
use super::changes::Rival;
use super::course::Place;
use super::options::Budget;
use super::path::{News, PathChange};
use super::tree::{NodeId, PathIndex, Tree};
use super::who::Who;
use crate::outcome::Proto;

impl Sweeper {
    /// Opens the TTLs that are worth probing by now.
    pub(super) fn open_places(&mut self, path: PathIndex) {
        loop {
            let course = &self.paths[path];
            let ttl = self.ttl_at(course.places.len());
            if course.is_done || ttl > course.goal(&self.tree, &self.options) || ttl == 0 {
                return;
            }
            let parent = self.parent_at(path, course.places.len());
            let node = self.unverified(path, parent, ttl);
            self.paths[path].places.push(Place::of(node));
            self.join(path, node);
        }
    }

    /// The same for all paths of a node.
    pub(super) fn open_members(&mut self, id: NodeId) {
        let mut at = 0;
        while let Some(&path) = self.tree.node(id).members.get(at) {
            self.open_places(path);
            at += 1;
        }
    }

    /// The place that the hint means is of this path only: its probes reach the target and burden no router.
    pub(super) fn expect_target(&mut self, path: PathIndex) {
        let course = &self.paths[path];
        // The end that is known may be that of a probe beyond the target.
        let Some(ttl) = course
            .hint
            .filter(|&hint| course.limit.is_none_or(|limit| hint < limit))
        else {
            return;
        };
        let at = usize::from(ttl.saturating_sub(self.options.first_ttl));
        let Some(place) = course.places.get(at) else { return };
        let node = self.tree.node(place.node);
        if !place.is_verified && node.members.len() > 1 {
            self.ask_alone(path, at);
        }
    }

    /// A node without an address answers a path. Returns the node that the path is in now.
    pub(super) fn identify(&mut self, path: PathIndex, at: usize, who: Who) -> NodeId {
        let id = self.paths[path].places[at].node;
        if matches!(who, Who::Target(_)) && self.paths[path].proto == Proto::Udp {
            // It limits these answers as a router does, and nobody could tell before whose budget the probes were at.
            drop(self.tree.node_mut(id).take_losses(path));
            self.paths[path].places[at].doubts.clear();
        }
        let node = self.tree.node(id);
        let parent = node.parent;
        let is_alone = node.members.len() == 1;
        let is_first = who.is_router() && !node.is_private && self.tree.children(parent).is_empty();
        let is_known = self.is_shared(who) && self.tree.child(parent, who.address()).is_some();
        if is_known || !is_alone && !is_first {
            let losses = self.tree.node_mut(id).take_losses(path);
            self.paths[path].places[at].doubts.extend(losses);
            return self.relocate(path, at, who);
        }
        self.tree.delist(id);
        let is_shared = self.is_shared(who);
        let node = self.tree.node_mut(id);
        node.who = Some(who);
        node.is_private = !is_shared;
        for (other, round) in node.disown(path) {
            let place = self.paths[other].places.get_mut(at).filter(|place| place.node == id);
            if let Some(place) = place {
                place.doubts.push(round);
                self.move_to_front(other, id);
            }
        }
        self.tree.enlist(id);
        self.arrive(path, at, who);
        id
    }

    /// A path turns out to be elsewhere than it presumed. Returns the node that it is in now.
    pub(super) fn relocate(&mut self, path: PathIndex, at: usize, who: Who) -> NodeId {
        let parent = self.parent_at(path, at);
        let node = self.node_of(path, parent, at, who);
        self.put(path, at, node);
        self.reparent(path, at + 1);
        self.arrive(path, at, who);
        node
    }

    /// A path goes among those who don't know who is there, although all others agree. Returns the node that it is in now.
    pub(super) fn disbelieve(&mut self, path: PathIndex, at: usize) -> NodeId {
        let parent = self.parent_at(path, at);
        let node = self.tree.unknown(parent).unwrap_or_else(|| {
            let node = self.add_node(path, parent, self.ttl_at(at), false);
            self.tree.enlist(node);
            node
        });
        self.put(path, at, node);
        self.reparent(path, at + 1);
        node
    }

    /// Nothing beyond this TTL belongs to the path.
    pub(super) fn end_at(&mut self, path: PathIndex, ttl: u8) {
        let course = &mut self.paths[path];
        course.limit = Some(ttl);
        course.circle = course.circle.filter(|circle| circle.again_ttl <= ttl);
        let keep = usize::from(ttl.saturating_sub(self.options.first_ttl)) + 1;
        while self.paths[path].places.len() > keep {
            if let Some(place) = self.paths[path].places.pop() {
                self.leave(path, place.node);
            }
        }
    }

    /// Ends a path where it leads back to where it was. What it shares with others is seen later than what follows, and may show that
    /// the circle begins sooner.
    pub(super) fn look_for_circle(&mut self, path: PathIndex) {
        let course = &self.paths[path];
        if course.limit.is_some() && course.circle.is_none() {
            return;
        }
        let known = course.circle.map(|circle| circle.again_ttl);
        let found = course.find_circle(&self.tree, self.options.first_ttl);
        if let Some(circle) = found.filter(|circle| known.is_none_or(|known| circle.again_ttl < known)) {
            self.paths[path].circle = Some(circle);
            self.end_at(path, circle.again_ttl);
        }
    }

    /// A rival has replaced the router that a path knew: the course is another from the first hop on that has a rival.
    pub(super) fn change_course(&mut self, path: PathIndex) {
        let course = &mut self.paths[path];
        let Some(from) = course.places.iter().position(|place| place.rival.is_some()) else {
            return;
        };
        let old = course.addresses(&self.tree);
        course.former = Some(Box::new(course.report(&self.tree, &self.options)));
        let reached = course.places.last().map(|place| self.tree.node(place.node));
        let reached = reached.filter(|node| matches!(node.who, Some(Who::Target(_))));
        course.hint = reached.map(|node| node.ttl).or(course.hint);
        course.limit = None;
        course.circle = None;
        let rivals: Vec<_> = course.places[from..]
            .iter_mut()
            .map(|place| place.rival.take())
            .collect();
        let at = rivals
            .iter()
            .flatten()
            .map(|rival| rival.since)
            .min()
            .unwrap_or(self.now);
        for (place, rival) in (from..).zip(rivals) {
            if place < self.paths[path].places.len() {
                self.renew(path, place, rival.as_deref());
            }
        }
        self.open_places(path);
        let course = &mut self.paths[path];
        course.changed_at = Some(at);
        let change = PathChange {
            series: course.id,
            at,
            old,
            new: course.addresses(&self.tree),
        };
        self.tell(News::PathChanged(change));
    }

    /// A path takes the next turn of its node.
    pub(super) fn move_to_front(&mut self, path: PathIndex, id: NodeId) {
        let members = &mut self.tree.node_mut(id).members;
        if let Some(at) = members.iter().position(|&member| member == path) {
            members.remove(at);
            members.push_front(path);
        }
    }

    /// Gives up nodes without members, now that nobody is about to join them.
    pub(super) fn release_left(&mut self) {
        while let Some(id) = self.left.pop() {
            self.tree.release(id);
        }
    }

    /// A place begins anew, with what the rival answered, if there was one.
    fn renew(&mut self, path: PathIndex, at: usize, rival: Option<&Rival>) {
        let parent = self.parent_at(path, at);
        self.paths[path].places[at].doubts.clear();
        let Some(rival) = rival else {
            let node = self.unverified(path, parent, self.ttl_at(at));
            return self.put(path, at, node);
        };
        let node = self.node_of(path, parent, at, rival.who);
        self.put(path, at, node);
        rival.pour_into(&mut self.tree.node_mut(node).tally);
        self.arrive(path, at, rival.who);
    }

    /// What follows once a path has seen who is at one of its places.
    fn arrive(&mut self, path: PathIndex, at: usize, who: Who) {
        let place = &mut self.paths[path].places[at];
        place.is_verified = true;
        let node = place.node;
        for round in place.doubts.drain(..) {
            self.tree.node_mut(node).tally.lose(round);
        }
        if self.is_shared(who) {
            self.part_siblings(self.parent_at(path, at));
        }
        if who.is_router() {
            self.look_for_circle(path);
        } else {
            self.end_at(path, self.ttl_at(at));
            self.doubt_end(path, at);
        }
    }

    /// Others may have routers where this path has its target already. Unless the distance says the same, the TTL before is asked.
    fn doubt_end(&mut self, path: PathIndex, at: usize) {
        let course = &self.paths[path];
        let Some(before) = at.checked_sub(1) else { return };
        let place = &course.places[before];
        let is_presumed = !place.is_verified && self.tree.node(place.node).who.is_some();
        if is_presumed && course.hint != Some(self.ttl_at(at)) {
            self.ask_alone(path, before);
        }
    }

    /// A path finds out by itself who is at one of its places.
    fn ask_alone(&mut self, path: PathIndex, at: usize) {
        let parent = self.parent_at(path, at);
        let node = self.add_node(path, parent, self.ttl_at(at), true);
        self.put(path, at, node);
        self.reparent(path, at + 1);
    }

    /// Those who presumed the only known router behind a node can't do so any more where there are two.
    fn part_siblings(&mut self, parent: NodeId) {
        if self.tree.children(parent).len() < 2 {
            return;
        }
        for id in self.tree.children(parent).to_vec() {
            let at = usize::from(self.tree.node(id).ttl.saturating_sub(self.options.first_ttl));
            let members = self.tree.node(id).members.iter().copied();
            let presuming: Vec<_> = members
                .filter(|&path| !self.paths[path].places[at].is_verified)
                .collect();
            for path in presuming {
                let node = self.unverified(path, parent, self.ttl_at(at));
                self.put(path, at, node);
                self.reparent(path, at + 1);
            }
        }
    }

    /// Moves the places from `from` on behind the node that is now before them.
    fn reparent(&mut self, path: PathIndex, from: usize) {
        for at in from..self.paths[path].places.len() {
            let parent = self.parent_at(path, at);
            let Place {
                node: id, is_verified, ..
            } = self.paths[path].places[at];
            let node = self.tree.node(id);
            if node.parent == parent {
                return;
            }
            let (who, is_alone) = (node.who.filter(|_| is_verified), node.members.len() == 1);
            let there = match who {
                _ if node.is_private => None,
                Some(who) => self.tree.child(parent, who.address()),
                None => self.tree.default_child(parent),
            };
            if let Some(there) = there {
                self.put(path, at, there);
            } else if is_alone && (is_verified || node.who.is_none()) {
                self.tree.delist(id);
                self.tree.node_mut(id).parent = parent;
                self.tree.enlist(id);
            } else {
                self.split(path, at, who);
            }
            self.paths[path].places[at].is_verified = is_verified;
            if who.is_some() {
                self.part_siblings(parent);
            }
        }
    }

    /// A path takes what was credited to it along to a node of its own.
    fn split(&mut self, path: PathIndex, at: usize, who: Option<Who>) {
        let parent = self.parent_at(path, at);
        let old = self.paths[path].places[at].node;
        let node = match who {
            Some(who) => self.node_of(path, parent, at, who),
            None => self.unverified(path, parent, self.ttl_at(at)),
        };
        if who.is_some() {
            self.tree.node_mut(node).tally = self.tree.node(old).tally.continued();
        }
        self.put(path, at, node);
    }

    /// Where a path goes that has not seen who is there.
    fn unverified(&mut self, path: PathIndex, parent: NodeId, ttl: u8) -> NodeId {
        let is_private = self.options.budget == Budget::Fast || self.paths[path].hint == Some(ttl);
        let known = self.tree.default_child(parent).filter(|_| !is_private);
        known.unwrap_or_else(|| {
            let node = self.add_node(path, parent, ttl, is_private);
            self.tree.enlist(node);
            node
        })
    }

    /// The node of somebody behind a node.
    fn node_of(&mut self, path: PathIndex, parent: NodeId, at: usize, who: Who) -> NodeId {
        let is_shared = self.is_shared(who);
        let known = self.tree.child(parent, who.address()).filter(|_| is_shared);
        known.unwrap_or_else(|| {
            let node = self.add_node(path, parent, self.ttl_at(at), !is_shared);
            self.tree.node_mut(node).who = Some(who);
            self.tree.enlist(node);
            node
        })
    }

    fn add_node(&mut self, path: PathIndex, parent: NodeId, ttl: u8, is_private: bool) -> NodeId {
        let phase = (self.paths[path].offset + f64::from(ttl) * GOLDEN).fract();
        self.tree.add(parent, ttl, is_private, phase)
    }

    fn put(&mut self, path: PathIndex, at: usize, node: NodeId) {
        let old = std::mem::replace(&mut self.paths[path].places[at], Place::of(node));
        self.paths[path].places[at].doubts = old.doubts;
        if old.node != node {
            self.leave(path, old.node);
            self.join(path, node);
        }
    }

    pub(super) fn leave(&mut self, path: PathIndex, id: NodeId) {
        self.tree.node_mut(id).members.retain(|&member| member != path);
        self.left.push(id);
    }

    fn join(&mut self, path: PathIndex, id: NodeId) {
        self.tree.node_mut(id).members.push_front(path);
        let most = if self.paths[path].hint.is_some() { SPREAD } else { HASTE };
        self.wake(id, self.options.interval.min(most));
    }

    fn is_shared(&self, who: Who) -> bool {
        who.is_router() && self.options.budget == Budget::Gentle
    }

    fn parent_at(&self, path: PathIndex, at: usize) -> NodeId {
        let course = &self.paths[path];
        let before = at.checked_sub(1).and_then(|before| course.places.get(before));
        before.map_or_else(|| Tree::root(course.target), |place| place.node)
    }

    /// The TTL of a place; 0 where there is none so large.
    fn ttl_at(&self, at: usize) -> u8 {
        let ttl = usize::from(self.options.first_ttl) + at;
        u8::try_from(ttl).unwrap_or(0)
    }
}

impl Place {
    const fn of(node: NodeId) -> Self {
        Self {
            node,
            is_verified: false,
            has_asked: false,
            rival: None,
            doubts: Vec::new(),
        }
    }
}

/// Steps of this fraction are spread evenly over an interval, however many there are.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// First probes of hops go within this time where it is known how many there are.
const SPREAD: Duration = Duration::from_secs(1);

/// And within this one while the end is to be found.
const HASTE: Duration = Duration::from_millis(250);
