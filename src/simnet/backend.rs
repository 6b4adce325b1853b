//! A backend: answers echo requests and SYNs as its settings say, stalls, restarts.
//!
//! Firewall first, as on a host with an INPUT chain: the SYN limit, then the rule of the port, then the TCP that the rule lets
//! through. What a stalled backend gets is kept in order and answered when the stall ends, so that the answers come late and in a
//! burst; one that is off loses everything, and its memory. Checksums are verified as any kernel does: a prober that sends a wrong
//! one gets no answer.

mod behaviour;
mod connection;
mod half_open;
mod oow;
mod segment;
mod tcp;
mod timed;

use std::collections::VecDeque;
use std::mem;

use self::behaviour::Behaviour;
use self::tcp::{Arrival, Desk, Tcp};
use super::emit::{self, ErrorKind, IcmpError};
use super::icmp_limit::IcmpLimiter;
use super::ledger::DropReason;
use super::limit::Bucket;
use super::outbox::Outbox;
use super::packet::Packet;
use super::random::{self, Stream};
use super::topology::{BackendSettings, Echo, Jitter, Port, Quote, Within};
use crate::units::Mono;
use crate::wire::icmp::{self, Message};
use crate::wire::tcp::{Flags, Segment};
use crate::wire::{Family, ip};

/// A backend of the model.
#[derive(Debug)]
pub(super) struct Backend {
    random: Stream,
    behaviour: Behaviour,
    icmp_limiter: IcmpLimiter,
    syn_bucket: Option<Bucket>,
    tcp: Tcp,
    /// What arrived while it could not answer, at most [`MAX_HELD`].
    held: VecDeque<Packet>,
}

/// What a backend does with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// It answered, or had nothing to say.
    Consumed,
    /// It stands still and keeps it. What becomes of it, [`Backend::reconfigure`] says.
    Held,
    /// It lost it.
    Dropped(DropReason),
}

impl Backend {
    /// A backend. Which addresses are its own is for the network to know: it answers from where a packet went to.
    pub(super) fn new(settings: &BackendSettings, mut random: Stream, now: Mono) -> Self {
        let behaviour = Behaviour::new(settings);
        Self {
            icmp_limiter: IcmpLimiter::new(&behaviour.icmp_limit),
            syn_bucket: behaviour.syn_limit.map(|limit| Bucket::new(&limit.limit(), now)),
            tcp: Tcp::new(&mut random),
            held: VecDeque::new(),
            random,
            behaviour,
        }
    }

    /// The settings changed at `now`: a port closed, a stall began or ended. Returns what became of packets that it had kept, one by
    /// one. Timers that stood still are not looked at: [`handle_deadline`](Self::handle_deadline) may have something to do.
    pub(super) fn reconfigure(&mut self, now: Mono, settings: &BackendSettings, out: &mut Outbox) -> Vec<Taken> {
        let old = mem::replace(&mut self.behaviour, Behaviour::new(settings));
        if old.icmp_limit != self.behaviour.icmp_limit {
            self.icmp_limiter = IcmpLimiter::new(&self.behaviour.icmp_limit);
        }
        let [before, after] = [&old, &self.behaviour].map(|behaviour| behaviour.syn_limit.map(|limit| limit.limit()));
        if before != after {
            self.syn_bucket = after.map(|limit| Bucket::new(&limit, now));
        }
        if self.behaviour.off {
            self.tcp.close(|_| true);
            let lost = self.held.drain(..).map(|_| Taken::Dropped(DropReason::BackendDown));
            return lost.collect();
        }
        self.tcp.close(|port| self.behaviour.port(port) == Port::Closed);
        self.release(now, out)
    }

    /// Whether it is off: it does not even answer ARP.
    pub(super) fn is_off(&self) -> bool {
        self.behaviour.off
    }

    /// A packet for one of its addresses arrives.
    pub(super) fn handle_packet(&mut self, now: Mono, packet: &Packet, out: &mut Outbox) -> Taken {
        if self.behaviour.off {
            return Taken::Dropped(DropReason::BackendDown);
        }
        if !self.is_stalled_for(packet) {
            return self.answer(now, packet, out);
        }
        if self.held.len() >= MAX_HELD {
            return Taken::Dropped(DropReason::BackendDown);
        }
        self.held.push_back(packet.clone());
        Taken::Held
    }

    /// When [`handle_deadline`](Self::handle_deadline) next has something to do: a SYN-ACK to repeat, an entry to forget.
    pub(super) fn next_deadline(&self) -> Option<Mono> {
        // Where TCP stands still, so do its timers. The end of the stall looks after them.
        if self.behaviour.stalls_tcp() {
            return None;
        }
        self.tcp.next_deadline()
    }

    /// Does what is due at `now`.
    pub(super) fn handle_deadline(&mut self, now: Mono, out: &mut Outbox) {
        if !self.behaviour.stalls_tcp() {
            let mut desk = Desk {
                behaviour: &self.behaviour,
                random: &mut self.random,
                out,
            };
            self.tcp.handle_deadline(now, &mut desk);
        }
    }

    /// Answers what was kept, in the order in which it came, as far as the stall is over for it.
    fn release(&mut self, now: Mono, out: &mut Outbox) -> Vec<Taken> {
        let mut taken = Vec::new();
        for packet in mem::take(&mut self.held) {
            if self.is_stalled_for(&packet) {
                self.held.push_back(packet);
            } else {
                taken.push(self.answer(now, &packet, out));
                out.recycle(packet.bytes);
            }
        }
        taken
    }

    fn is_stalled_for(&self, packet: &Packet) -> bool {
        match packet.protocol {
            ip::TCP => self.behaviour.stalls_tcp(),
            _ => self.behaviour.stalls_icmp(),
        }
    }

    fn answer(&mut self, now: Mono, packet: &Packet, out: &mut Outbox) -> Taken {
        if !packet.is_whole() {
            return Taken::Dropped(DropReason::Fragment);
        }
        match (packet.protocol, packet.addrs.family()) {
            (ip::TCP, _) => self.answer_tcp(now, packet, out),
            (ip::ICMP, Family::V4) | (ip::ICMPV6, Family::V6) => self.answer_icmp(now, packet, out),
            (ip::UDP, _) => {
                let delay = self.behaviour.icmp_delay;
                if self.refuse(now, packet, (ErrorKind::PortUnreachable, delay), out) {
                    Taken::Consumed
                } else {
                    Taken::Dropped(DropReason::Limited)
                }
            }
            (_, _) => Taken::Consumed,
        }
    }

    fn answer_icmp(&mut self, now: Mono, packet: &Packet, out: &mut Outbox) -> Taken {
        let intact = match packet.addrs.family() {
            Family::V4 => icmp::checksum_ok(packet.transport()),
            Family::V6 => icmp::v6_checksum_ok(packet.transport(), packet.addrs),
        };
        let message = icmp::parse(packet.addrs.family(), packet.transport())
            .ok()
            .filter(|_| intact);
        let Some(message) = message else {
            return Taken::Dropped(DropReason::Malformed);
        };
        let Message::EchoRequest { .. } = message else {
            return Taken::Consumed;
        };
        let delay = self.behaviour.icmp_delay;
        match self.behaviour.echo {
            Echo::Answered => {
                let after = random::draw(&delay, &mut self.random);
                let ttl = self.behaviour.ttl;
                out.emit(after, packet.cause, |bytes| emit::echo_reply(bytes, packet, ttl));
                return Taken::Consumed;
            }
            Echo::Dropped => {}
            Echo::Prohibited => {
                self.refuse(now, packet, (ErrorKind::Prohibited, delay), out);
            }
        }
        Taken::Dropped(DropReason::Filtered)
    }

    fn answer_tcp(&mut self, now: Mono, packet: &Packet, out: &mut Outbox) -> Taken {
        let intact = crate::wire::tcp::checksum_ok(packet.addrs, packet.transport());
        let Some(segment) = crate::wire::tcp::parse(packet.transport()).ok().filter(|_| intact) else {
            return Taken::Dropped(DropReason::Malformed);
        };
        if let Some(reason) = self.filter(now, packet, &segment, out) {
            return Taken::Dropped(reason);
        }
        let mut desk = Desk {
            behaviour: &self.behaviour,
            random: &mut self.random,
            out,
        };
        self.tcp.take(&Arrival::new(now, packet, segment), &mut desk)
    }

    /// Why the firewall stops a segment, if it does. Its rules are about SYNs (iptables' `--syn`), of whatever connection.
    fn filter(&mut self, now: Mono, packet: &Packet, segment: &Segment<'_>, out: &mut Outbox) -> Option<DropReason> {
        let others = [Flags::RST, Flags::ACK, Flags::FIN];
        if !segment.flags.has(Flags::SYN) || others.into_iter().any(|flag| segment.flags.has(flag)) {
            return None;
        }
        if !self.is_within_syn_limit(now) {
            return Some(DropReason::Limited);
        }
        let kind = match self.behaviour.port(segment.dst_port) {
            Port::Open | Port::Closed => return None,
            Port::Dropped => return Some(DropReason::Filtered),
            Port::Rejected => ErrorKind::PortUnreachable,
            Port::Prohibited => ErrorKind::Prohibited,
        };
        let delay = self.behaviour.tcp_delay;
        self.refuse(now, packet, (kind, delay), out);
        Some(DropReason::Filtered)
    }

    /// Whether a SYN passes the limit.
    fn is_within_syn_limit(&mut self, now: Mono) -> bool {
        let (Some(limit), Some(bucket)) = (self.behaviour.syn_limit, &mut self.syn_bucket) else {
            return true;
        };
        match limit.within {
            Within::Accepted => bucket.matches(now),
            Within::Dropped => !bucket.matches(now),
        }
    }

    /// Sends an ICMP error after a delay, within the limit of such errors. Returns whether it did.
    fn refuse(&mut self, now: Mono, packet: &Packet, answer: (ErrorKind, Jitter), out: &mut Outbox) -> bool {
        let (kind, delay) = answer;
        if !emit::may_be_answered(packet) || !self.icmp_limiter.allows(now, packet.addrs.src(), &mut self.random) {
            return false;
        }
        let error = IcmpError {
            kind,
            from: packet.addrs.dst(),
            about: packet,
            quote: Quote::Full,
            mpls: &[],
            ttl: self.behaviour.ttl,
        };
        let after = random::draw(&delay, &mut self.random);
        out.emit(after, packet.cause, |bytes| emit::icmp_error(bytes, &error));
        true
    }
}

/// `netdev_max_backlog`, what Linux keeps of packets that it has no time for.
const MAX_HELD: usize = 1000;

#[cfg(test)]
mod tests;
