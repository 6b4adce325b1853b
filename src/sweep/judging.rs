//! What an event means for the node that its probe was sent for, and for the paths that share it.
//!
//! An answer in time, or the timeout, judges a probe. An answer that this host saw too late, although it was in time, takes a loss back.
//! What was sent for a node that the path has left meanwhile judges nothing: neither the course before nor the new one.

use super::budget::Account;
use super::changes::Rival;
use super::course::Place;
use super::flights::{Flight, Stage};
use super::options::Budget;
use super::path::News;
use super::tally::Sample;
use super::tree::{NodeId, PathIndex};
use super::who::{Who, distance};
use super::{Sweeper, tally::Tally};
use crate::outcome::{Answered, Event, Fate, InTime, Proto, SendError, What};
use crate::units::{Mono, ProbeSeq};

/// How an answer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worth {
    /// It judges its probe.
    InTime,
    /// It was in time, but its probe was taken for lost.
    Redeems,
    /// It shows who is there; its probe remains lost.
    Late,
}

impl Sweeper {
    pub(super) fn judge(&mut self, path: PathIndex, event: &Event) {
        match event.what {
            What::Sent { .. } => self.paths[path].has_sent = true,
            What::SendFailed(error) => self.note_failure(path, event.seq, error),
            What::Answered(answered) => self.answer(path, event.seq, &answered),
            What::TimedOut => self.lose(path, event.seq),
            What::LateAfterClose => self.note_late(path, event.seq),
            What::Settled(Fate::Unjudged(_)) => {
                if let Some(flight) = self.close(path, event.seq, Stage::Closed) {
                    self.abandon(path, flight);
                }
            }
            What::Settled(_) | What::Duplicate => {}
        }
    }

    /// Gives up on probes of which nothing was heard for too long. It was this host that lost count of them, so they are no loss.
    pub(super) fn forget_unheard(&mut self, now: Mono) {
        while let Some(&(at, path, seq)) = self.watched.front()
            && at <= now
        {
            self.watched.pop_front();
            if let Some(flight) = self.close(path, seq, Stage::Closed) {
                self.abandon(path, flight);
            }
            if self.is_service() {
                // Hops that never answer would fill the memory of each path with probes that were lost long ago.
                self.paths[path].flights.forget(seq);
            }
        }
        self.release_left();
    }

    /// Nothing can be said of an open probe.
    pub(super) fn abandon(&mut self, path: PathIndex, flight: Flight) {
        let Some((id, generation)) = flight.node else {
            self.learn_distance(path, None);
            return;
        };
        let Some(node) = self.tree.live(id, generation) else {
            return;
        };
        leave_flight(&mut node.tally);
        node.tally.counts.unjudged += 1;
        self.after_judging(id, false);
    }

    pub(super) fn place_mut(&mut self, path: PathIndex, ttl: u8) -> Option<&mut Place> {
        let at = usize::from(ttl.checked_sub(self.options.first_ttl)?);
        self.paths.get_mut(path)?.places.get_mut(at)
    }

    /// A path needs no further probes.
    pub(super) fn finish(&mut self, path: PathIndex) {
        let course = &mut self.paths[path];
        if !course.is_done {
            course.is_done = true;
            self.undone -= 1;
        }
    }

    /// The open probe of this number, which enters another stage.
    fn close(&mut self, path: PathIndex, seq: ProbeSeq, stage: Stage) -> Option<Flight> {
        let flight = self.paths.get_mut(path)?.flights.get_mut(seq)?;
        let was_open = flight.stage == Stage::Open;
        if was_open {
            flight.stage = stage;
        }
        was_open.then_some(*flight)
    }

    fn note_failure(&mut self, path: PathIndex, seq: ProbeSeq, error: SendError) {
        self.paths[path].send_error = Some(error);
        let Some(flight) = self.close(path, seq, Stage::Closed) else {
            return;
        };
        let Some((id, generation)) = flight.node else {
            self.learn_distance(path, None);
            return;
        };
        if let Some(node) = self.tree.live(id, generation) {
            leave_flight(&mut node.tally);
            node.tally.counts.send_errors += 1;
            self.after_judging(id, false);
        }
    }

    fn lose(&mut self, path: PathIndex, seq: ProbeSeq) {
        let Some(flight) = self.close(path, seq, Stage::Lost) else {
            return;
        };
        let Some((id, generation)) = flight.node else {
            self.learn_distance(path, None);
            return;
        };
        let is_here = self.place_mut(path, flight.ttl).is_some_and(|place| place.node == id);
        let Some(node) = self.tree.live(id, generation) else {
            return;
        };
        leave_flight(&mut node.tally);
        let is_silent = node.who.is_none();
        if is_here {
            self.count_loss(path, id, &flight);
        }
        self.after_judging(id, is_silent);
    }

    /// Counts a loss, unless the path only presumes the router of this node: a silent one beside it would look like a lossy one. Such
    /// a path is asked again at once, until it is answered, and all is counted; or is not, and belongs elsewhere.
    fn count_loss(&mut self, path: PathIndex, id: NodeId, flight: &Flight) {
        let node = self.tree.node_mut(id);
        let is_presumable = node.who.is_some() && !node.is_private;
        let at = usize::from(flight.ttl.saturating_sub(self.options.first_ttl));
        let place = &mut self.paths[path].places[at];
        if !is_presumable || place.is_verified {
            return node.lose(path, flight.round);
        }
        place.doubts.push(flight.round);
        if place.doubts.len() < MAX_DOUBTS {
            self.move_to_front(path, id);
        } else {
            let doubts = std::mem::take(&mut place.doubts);
            let node = self.disbelieve(path, at);
            for round in doubts {
                self.tree.node_mut(node).lose(path, round);
            }
            self.after_judging(node, true);
        }
    }

    fn note_late(&mut self, path: PathIndex, seq: ProbeSeq) {
        let Some(flight) = self.paths[path].flights.get_mut(seq) else {
            return;
        };
        if flight.stage == Stage::Lost {
            flight.stage = Stage::Closed;
            if let Some((id, generation)) = flight.node
                && let Some(node) = self.tree.live(id, generation)
            {
                node.tally.counts.late += 1;
            }
        }
    }

    fn answer(&mut self, path: PathIndex, seq: ProbeSeq, answered: &Answered) {
        let Some(entry) = self.paths[path].flights.get_mut(seq) else {
            return;
        };
        let flight = *entry;
        entry.stage = Stage::Closed;
        if flight.stage == Stage::Closed {
            return;
        }
        let who = Who::of(answered, self.paths[path].target, self.paths[path].proto);
        self.charge_sender(path, who, &flight);
        let Some((id, generation)) = flight.node else {
            let reply_ttl = answered.ttl.filter(|_| matches!(who, Who::Target(_)));
            self.learn_distance(path, reply_ttl);
            return;
        };
        let is_here = self.place_mut(path, flight.ttl).is_some_and(|place| place.node == id);
        let Some(node) = self.tree.live(id, generation) else {
            return;
        };
        if flight.stage == Stage::Open {
            leave_flight(&mut node.tally);
        }
        let worth = match (answered.in_time, flight.stage) {
            (InTime::Late, _) => Worth::Late,
            (InTime::Yes, Stage::Open) => Worth::InTime,
            (InTime::Yes, _) => Worth::Redeems,
        };
        if is_here {
            let sample = Sample {
                round: flight.round,
                from: who.address(),
                timing: answered.timing,
                mpls: answered.told.map(|told| told.mpls).unwrap_or_default(),
            };
            self.attribute(path, &flight, (who, worth), sample);
            if let (Who::Dead(_), Some(told)) = (who, answered.told)
                && let Some(at) = self.place_mut(path, flight.ttl).map(|place| place.node)
            {
                let node = self.tree.node_mut(at);
                node.mtu = told.mtu.or(node.mtu);
            }
        }
        self.after_judging(id, false);
    }

    /// Who answered by an ICMP error bears what was to another's expense.
    fn charge_sender(&mut self, path: PathIndex, who: Who, flight: &Flight) {
        let sender = Account::Router(who.address());
        let is_reply = matches!(who, Who::Target(_)) && self.paths[path].proto != Proto::Udp;
        let is_borne = is_reply || flight.account == Some(sender);
        if self.options.budget == Budget::Fast || is_borne {
            return;
        }
        self.accounts.charge(sender, flight.sent_at, false);
        let node = self.place_mut(path, flight.ttl).map(|place| place.node);
        let before = node.into_iter().flat_map(|id| self.tree.known_before(id)).map(Some);
        for known in before.chain([None]) {
            for account in [Account::Unknown, Account::Expected] {
                self.accounts.hold(account(flight.ttl, known), sender);
            }
        }
    }

    fn learn_distance(&mut self, path: PathIndex, reply_ttl: Option<u8>) {
        let (first, max) = (self.options.first_ttl, self.options.max_ttl);
        let course = &mut self.paths[path];
        course.is_asking = false;
        if let Some(ttl) = reply_ttl {
            course.hint = Some(distance(ttl).clamp(first, max));
            self.expect_target(path);
        }
        self.open_places(path);
        self.check(path);
    }

    /// Finds the node that an answer belongs to, and counts it there.
    fn attribute(&mut self, path: PathIndex, flight: &Flight, (who, worth): (Who, Worth), sample: Sample) {
        let Some((id, _)) = flight.node else { return };
        let at = usize::from(flight.ttl.saturating_sub(self.options.first_ttl));
        let is_verified = self.paths[path].places[at].is_verified;
        let node = self.tree.node(id);
        let is_known = |known: Who| {
            known.is_same_place(who) || known.is_router() && who.is_router() && node.tally.knows(who.address())
        };
        let node = match (node.who, who) {
            (Some(known), _) if is_known(known) => {
                self.confirm(path, at);
                id
            }
            (None, _) => self.identify(path, at, who),
            (Some(Who::Dead(_)), Who::Target(_)) => {
                self.tree.node_mut(id).who = Some(who);
                self.end_at(path, flight.ttl);
                id
            }
            (Some(Who::Target(_)), Who::Dead(_)) => {
                if worth == Worth::InTime {
                    self.tree.node_mut(id).tally.lose(flight.round);
                }
                return;
            }
            (Some(_), _) if !is_verified => self.relocate(path, at, who),
            (Some(_), _) => {
                if worth == Worth::InTime {
                    self.hear_rival(path, at, (who, flight.sent_at), sample);
                }
                return;
            }
        };
        let tally = &mut self.tree.node_mut(node).tally;
        match worth {
            Worth::Redeems if node == id => tally.redeem(sample),
            Worth::InTime | Worth::Redeems => tally.receive(sample),
            Worth::Late if node == id => tally.counts.late += 1,
            Worth::Late => {}
        }
        if node != id {
            self.after_judging(node, true);
        } else if !is_verified {
            self.open_members(id);
        }
    }

    /// The known one answered: a rival beside it is another router of the same hop.
    fn confirm(&mut self, path: PathIndex, at: usize) {
        let place = &mut self.paths[path].places[at];
        let is_news = !std::mem::replace(&mut place.is_verified, true);
        let node = place.node;
        for round in place.doubts.drain(..) {
            self.tree.node_mut(node).tally.lose(round);
        }
        if let Some(rival) = place.rival.take() {
            rival.pour_into(&mut self.tree.node_mut(node).tally);
        }
        if is_news {
            self.look_for_circle(path);
        }
    }

    fn hear_rival(&mut self, path: PathIndex, at: usize, (who, sent_at): (Who, Mono), sample: Sample) {
        let place = &mut self.paths[path].places[at];
        let node = place.node;
        if let Some(other) = place.rival.take_if(|rival| !rival.who.is_same_place(who)) {
            // A third one: they take turns.
            other.pour_into(&mut self.tree.node_mut(node).tally);
        }
        let rival = place.rival.get_or_insert_with(|| Box::new(Rival::new(who, sent_at)));
        let before = self.tree.node(node).tally.counts.received;
        if rival.prevails(sample, before) {
            self.change_course(path);
        } else {
            self.move_to_front(path, node);
        }
    }

    /// Tells the paths of a node that a probe was judged, or will not be.
    fn after_judging(&mut self, id: NodeId, opens: bool) {
        if opens {
            self.open_members(id);
        }
        let node = self.tree.node(id);
        let (sent, in_flight) = (node.tally.counts.sent, node.tally.counts.in_flight);
        let is_sated = in_flight == 0 && self.is_sated(id);
        if !is_sated && !self.tree.node(id).members.is_empty() {
            self.ensure_turn(id);
        }
        let mut at = 0;
        while let Some(&path) = self.tree.node(id).members.get(at) {
            if is_sated || sent > self.paths[path].told {
                self.check(path);
            }
            at += 1;
        }
    }

    /// Looks whether a cycle of a path is complete, or all of them.
    fn check(&mut self, path: PathIndex) {
        let course = &mut self.paths[path];
        let cycles = course.cycles(&self.tree);
        if cycles > course.told {
            course.told = cycles;
            let series = course.id;
            self.tell(News::CycleEnded { series, cycles });
        }
        let course = &self.paths[path];
        let is_complete = |place: &Place| {
            let counts = self.tree.node(place.node).tally.counts;
            counts.in_flight == 0 && self.is_sated(place.node)
        };
        if !course.is_asking && course.places.iter().all(is_complete) {
            self.finish(path);
        }
    }
}

pub(super) fn leave_flight(tally: &mut Tally) {
    tally.counts.in_flight = tally.counts.in_flight.saturating_sub(1);
}

/// A path whose probes are lost so often in a row where others are answered goes elsewhere.
const MAX_DOUBTS: usize = 3;
