//! The TCP of a backend: which port answers what, half-open connections, established ones, and their timers.
//!
//! A segment belongs to an established connection, else to a half-open one, else to a port. Half-open connections and connections
//! are bounded: beyond, SYNs and final ACKs are dropped, as a kernel does without SYN cookies. One table serves all ports.

use std::time::Duration;

use rand::Rng;

use super::super::emit::{self, Reply};
use super::super::ledger::DropReason;
use super::super::outbox::Outbox;
use super::super::packet::{Cause, Packet};
use super::super::random::{self, Stream};
use super::super::topology::Port;
use super::Taken;
use super::behaviour::Behaviour;
use super::connection::{Connection, Reaction};
use super::half_open::{HalfOpen, Meaning};
use super::oow::AckLimit;
use super::segment::{self, Peer};
use super::timed::{Timed, Tuple};
use crate::units::Mono;
use crate::wire::tcp::{Flags, Segment};

/// All TCP state of a backend.
#[derive(Debug)]
pub(super) struct Tcp {
    half_open: Timed<HalfOpen>,
    /// How many half-open connections have never timed out.
    young: usize,
    connections: Timed<Connection>,
    /// What the clock of timestamps started from.
    first_stamp: u32,
}

/// A segment as it arrives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival<'a> {
    pub(super) now: Mono,
    pub(super) tuple: Tuple,
    pub(super) segment: Segment<'a>,
    pub(super) cause: Cause,
}

impl<'a> Arrival<'a> {
    pub(super) fn new(now: Mono, packet: &Packet, segment: Segment<'a>) -> Self {
        let tuple = Tuple {
            addrs: packet.addrs,
            src_port: segment.src_port,
            dst_port: segment.dst_port,
        };
        Self {
            now,
            tuple,
            segment,
            cause: packet.cause,
        }
    }

    fn has(&self, flags: Flags) -> bool {
        self.segment.flags.has(flags)
    }
}

/// What an answer needs beside the state.
pub(super) struct Desk<'a> {
    pub(super) behaviour: &'a Behaviour,
    pub(super) random: &'a mut Stream,
    pub(super) out: &'a mut Outbox,
}

impl Desk<'_> {
    /// Sends a segment without options, but for those of a SYN-ACK.
    fn send(&mut self, after: Duration, cause: Cause, tuple: &Tuple, say: Say) {
        let reply = Reply {
            addrs: tuple.addrs.reversed(),
            src_port: tuple.dst_port,
            dst_port: tuple.src_port,
            seq: say.seq,
            ack: say.ack,
            flags: say.flags,
            window: say.window,
            syn_ack_options: say.options,
            ttl: self.behaviour.ttl,
        };
        self.out.emit(after, cause, |bytes| emit::segment(bytes, &reply));
    }

    /// Sends what answers a SYN, after its delay, which it returns.
    fn send_late(&mut self, cause: Cause, tuple: &Tuple, say: Say) -> Duration {
        let after = random::draw(&self.behaviour.tcp_delay, self.random);
        self.send(after, cause, tuple, say);
        after
    }
}

/// What differs from answer to answer.
#[derive(Clone, Copy, Debug)]
struct Say {
    flags: Flags,
    seq: u32,
    ack: u32,
    window: u16,
    options: Option<emit::SynAckOptions>,
}

impl Say {
    /// The RST to a segment that belongs to nothing (RFC 9293 section 3.5.2, group 1; `tcp_v4_send_reset`).
    fn reset(segment: &Segment<'_>) -> Self {
        let (flags, seq, ack) = if segment.flags.has(Flags::ACK) {
            (Flags::RST, segment.ack, 0)
        } else {
            (Flags::RST.and(Flags::ACK), 0, segment::end(segment))
        };
        Self {
            flags,
            seq,
            ack,
            window: 0,
            options: None,
        }
    }

    const fn ack(seq: u32, ack: u32, peer: &Peer) -> Self {
        Self {
            flags: Flags::ACK,
            seq,
            ack,
            window: peer.scaled_window(),
            options: None,
        }
    }

    fn syn_ack(half_open: &HalfOpen) -> Self {
        Self {
            flags: Flags::SYN.and(Flags::ACK),
            seq: half_open.own_isn,
            ack: half_open.peer_isn.wrapping_add(1),
            window: half_open.peer.window(),
            options: Some(half_open.peer.syn_ack_options(half_open.stamped.1)),
        }
    }
}

impl Tcp {
    pub(super) fn new(random: &mut Stream) -> Self {
        Self {
            half_open: Timed::new(),
            young: 0,
            connections: Timed::new(),
            first_stamp: random.next_u32(),
        }
    }

    /// Takes a segment that no firewall objected to.
    pub(super) fn take(&mut self, arrival: &Arrival<'_>, desk: &mut Desk<'_>) -> Taken {
        if let Some(connection) = self.connections.get_mut(&arrival.tuple) {
            let reaction = connection.take(arrival.now, &arrival.segment);
            self.react(reaction, arrival, desk);
            return Taken::Consumed;
        }
        match self.half_open.get_mut(&arrival.tuple) {
            Some(half_open) => match half_open.judge(arrival.now, &arrival.segment) {
                Meaning::NotHere => self.listen(arrival, desk),
                meaning => self.follow(meaning, arrival, desk),
            },
            None => self.listen(arrival, desk),
        }
    }

    /// When a timer runs out next.
    pub(super) fn next_deadline(&self) -> Option<Mono> {
        let both = [self.half_open.next_deadline(), self.connections.next_deadline()];
        both.into_iter().flatten().min()
    }

    /// Repeats SYN-ACKs and forgets what is too old (`reqsk_timer_handler`).
    pub(super) fn handle_deadline(&mut self, now: Mono, desk: &mut Desk<'_>) {
        while let Some((tuple, mut half_open)) = self.half_open.take_due(now) {
            let retries = self.retries(desk.behaviour);
            if half_open.timeouts == 0 {
                self.young = self.young.saturating_sub(1);
            }
            if half_open.timeouts >= retries {
                continue;
            }
            half_open.timeouts += 1;
            half_open.stamped.1 = self.stamp(now);
            desk.send(Duration::ZERO, half_open.cause, &tuple, Say::syn_ack(&half_open));
            self.half_open.insert(tuple, half_open, now.after(half_open.timeout()));
        }
        while self.connections.take_due(now).is_some() {}
    }

    /// Forgets the connections of ports that `is_closed` says so of, without a word to their peers.
    pub(super) fn close(&mut self, is_closed: impl Fn(u16) -> bool) {
        self.half_open.retain(|tuple| !is_closed(tuple.dst_port));
        self.connections.retain(|tuple| !is_closed(tuple.dst_port));
        self.young = self.half_open.values().filter(|entry| entry.timeouts == 0).count();
    }

    /// How often SYN-ACKs are repeated: less often while the table is more than half full and most of it is old, since then old
    /// entries are hardly going to become connections (`reqsk_timer_handler`).
    fn retries(&self, behaviour: &Behaviour) -> u8 {
        let mut retries = behaviour.half_open.syn_ack_retries;
        // The entry in hand has been taken out.
        let held = self.half_open.len().saturating_add(1);
        let entries = usize::try_from(behaviour.half_open.entries).unwrap_or(usize::MAX);
        if held.saturating_mul(2) > entries.max(LEAST_ROOM) {
            let mut young = self.young.saturating_mul(2);
            while retries > LEAST_RETRIES && held >= young {
                retries -= 1;
                young = young.saturating_mul(2);
            }
        }
        retries
    }

    /// Does what a segment means for a half-open connection.
    fn follow(&mut self, meaning: Meaning, arrival: &Arrival<'_>, desk: &mut Desk<'_>) -> Taken {
        let stamp = self.stamp(arrival.now);
        let Some(half_open) = self.half_open.get_mut(&arrival.tuple) else {
            return Taken::Consumed;
        };
        match meaning {
            Meaning::Nothing | Meaning::NotHere => {}
            Meaning::Again => {
                half_open.stamped.1 = stamp;
                let (say, timeout) = (Say::syn_ack(half_open), half_open.timeout());
                let leaves = arrival.now.after(desk.send_late(arrival.cause, &arrival.tuple, say));
                self.half_open.postpone(&arrival.tuple, leaves.after(timeout));
            }
            Meaning::Challenge => {
                let (seq, ack) = (half_open.own_isn.wrapping_add(1), half_open.peer_isn.wrapping_add(1));
                let say = Say::ack(seq, ack, &half_open.peer);
                desk.send_late(arrival.cause, &arrival.tuple, say);
            }
            Meaning::End => self.forget_half_open(&arrival.tuple),
            Meaning::Reset => {
                self.forget_half_open(&arrival.tuple);
                desk.send_late(arrival.cause, &arrival.tuple, Say::reset(&arrival.segment));
            }
            Meaning::Complete => return self.complete(arrival, desk),
        }
        Taken::Consumed
    }

    /// The final ACK of a handshake. While the accept queue is full it is ignored, and the SYN-ACK will be repeated.
    fn complete(&mut self, arrival: &Arrival<'_>, desk: &mut Desk<'_>) -> Taken {
        if desk.behaviour.accept_queue_is_full() || self.connections.len() >= MAX_CONNECTIONS {
            return Taken::Dropped(DropReason::ListenOverflow);
        }
        let Some(half_open) = self.half_open.get_mut(&arrival.tuple).copied() else {
            return Taken::Consumed;
        };
        self.forget_half_open(&arrival.tuple);
        let mut connection = Connection::new(&half_open);
        let reaction = connection.take(arrival.now, &arrival.segment);
        self.connections
            .insert(arrival.tuple, connection, arrival.now.after(MAX_IDLE));
        self.react(reaction, arrival, desk);
        Taken::Consumed
    }

    /// Does what a connection wants done.
    fn react(&mut self, reaction: Reaction, arrival: &Arrival<'_>, desk: &mut Desk<'_>) {
        let Some(connection) = self.connections.get_mut(&arrival.tuple).copied() else {
            return;
        };
        let mut say = Say::ack(connection.own_next, connection.peer_next, &connection.peer);
        match reaction {
            Reaction::Nothing => {}
            Reaction::Ack => desk.send(Duration::ZERO, arrival.cause, &arrival.tuple, say),
            Reaction::FinAck => {
                say.flags = Flags::FIN.and(Flags::ACK);
                say.seq = connection.own_next.wrapping_sub(1);
                desk.send(Duration::ZERO, arrival.cause, &arrival.tuple, say);
            }
            Reaction::End => {
                self.connections.remove(&arrival.tuple);
                return;
            }
        }
        self.connections.postpone(&arrival.tuple, arrival.now.after(MAX_IDLE));
    }

    /// A segment for a port (`tcp_rcv_state_process` in `TCP_LISTEN`, and `tcp_v4_rcv` without a socket).
    fn listen(&mut self, arrival: &Arrival<'_>, desk: &mut Desk<'_>) -> Taken {
        if arrival.has(Flags::RST) {
            return Taken::Consumed;
        }
        let is_open = desk.behaviour.port(arrival.tuple.dst_port) == Port::Open;
        if !is_open || arrival.has(Flags::ACK) {
            desk.send_late(arrival.cause, &arrival.tuple, Say::reset(&arrival.segment));
            return Taken::Consumed;
        }
        if arrival.has(Flags::SYN) && !arrival.has(Flags::FIN) {
            return self.open(arrival, desk);
        }
        Taken::Consumed
    }

    /// A SYN to an open port (`tcp_conn_request`).
    fn open(&mut self, arrival: &Arrival<'_>, desk: &mut Desk<'_>) -> Taken {
        let entries = usize::try_from(desk.behaviour.half_open.entries).unwrap_or(usize::MAX);
        if self.half_open.len() >= entries.min(MAX_HALF_OPEN) || desk.behaviour.accept_queue_is_full() {
            return Taken::Dropped(DropReason::ListenOverflow);
        }
        let stamp = self.stamp(arrival.now);
        let half_open = HalfOpen {
            peer_isn: arrival.segment.seq,
            own_isn: desk.random.next_u32(),
            peer: Peer::of_syn(arrival.tuple.addrs.family(), &arrival.segment),
            cause: arrival.cause,
            stamped: (stamp, stamp),
            timeouts: 0,
            ack_limit: AckLimit::default(),
        };
        let leaves = arrival
            .now
            .after(desk.send_late(arrival.cause, &arrival.tuple, Say::syn_ack(&half_open)));
        self.young += 1;
        // The timer runs from the SYN-ACK on: a slow backend must not repeat what it has not said yet.
        self.half_open
            .insert(arrival.tuple, half_open, leaves.after(half_open.timeout()));
        Taken::Consumed
    }

    /// Whether the tables are in order and within their bounds.
    #[cfg(test)]
    pub(super) fn is_consistent(&self) -> bool {
        let young = self.half_open.values().filter(|entry| entry.timeouts == 0).count();
        let bounded = self.half_open.len() <= MAX_HALF_OPEN && self.connections.len() <= MAX_CONNECTIONS;
        young == self.young && bounded && self.half_open.is_consistent() && self.connections.is_consistent()
    }

    fn forget_half_open(&mut self, tuple: &Tuple) {
        if self.half_open.remove(tuple).is_some_and(|entry| entry.timeouts == 0) {
            self.young = self.young.saturating_sub(1);
        }
    }

    /// The clock of the timestamps option: ms, from a random start.
    fn stamp(&self, now: Mono) -> u32 {
        let [.., a, b, c, d] = (now.as_nanos() / 1_000_000).to_be_bytes();
        self.first_stamp.wrapping_add(u32::from_be_bytes([a, b, c, d]))
    }
}

/// No file makes the table larger: about 200 bytes each, 13 MB.
const MAX_HALF_OPEN: usize = 65_536;
/// As many connections as half-open ones by default: a prober closes each at once.
const MAX_CONNECTIONS: usize = 4096;
/// Long enough for any keep-alive that a test would send, short enough that abandoned connections do not pile up.
const MAX_IDLE: Duration = Duration::from_mins(10);
/// Below so many entries the table is never short of room.
const LEAST_ROOM: usize = 8;
/// What is left of the retries at least.
const LEAST_RETRIES: u8 = 2;
