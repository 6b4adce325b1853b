//! A router: TTL, ICMP errors within its limits, filters.
//!
//! A packet for one of its addresses is answered as a Linux host without services does: echo replies, resets, port unreachable.
//! Any other meets, in this order (`ip_forward`, `ip6_forward`):
//! 1. the TTL, which expires at 1 or below; a hidden router leaves it alone;
//! 2. the decrement;
//! 3. the filters, like the rules of the FORWARD chain, so that what they refuse is quoted with the decremented TTL;
//! 4. what the network says of its way on: no route, too large, a neighbour that is off.
//!
//! Linux looks at the route before 1 and at the MTU before 2. Errors about either therefore quote the TTL that the packet arrived
//! with, here too; but a packet that a filter would refuse and that is also too large gets the answer of the filter here.
//!
//! Each ICMP error passes one gate, which knows what is silent, limited, lost or delayed. Errors that path MTU discovery needs are
//! not limited (`icmpv4_mask_allow`, `icmpv6_mask_allow`), nor are echo replies. Resets are no ICMP: they pass none of this.

use std::net::IpAddr;
use std::time::Duration;

use super::emit::{self, ErrorKind, IcmpError};
use super::icmp_limit::IcmpLimiter;
use super::ledger::DropReason;
use super::limit::Bucket;
use super::outbox::Outbox;
use super::packet::Packet;
use super::random::{self, Stream};
use super::topology::{Action, Balance, Filter, IcmpLimit, Proto, Quote, RouterSettings};
use crate::units::Mono;
use crate::wire::tcp::{self, Flags};
use crate::wire::{AddrPair, Family, icmp, ip};

/// A router of the model. Where packets go is decided in `routes`.
#[derive(Debug)]
pub(super) struct Router {
    addresses: Vec<IpAddr>,
    settings: RouterSettings,
    limiter: IcmpLimiter,
    rules: Vec<Rule>,
    random: Stream,
}

/// A filter with the state of its limit.
#[derive(Debug)]
struct Rule {
    filter: Filter,
    bucket: Option<Bucket>,
}

/// What a router does with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transit {
    /// Forwards it; its TTL has been decremented.
    Forward,
    /// Keeps it, and may have answered.
    Dropped(DropReason),
    /// It was for this router, which has answered or had nothing to say.
    Consumed,
}

impl Router {
    /// A router with these addresses.
    pub(super) fn new(addresses: &[IpAddr], settings: &RouterSettings, random: Stream, now: Mono) -> Self {
        Self {
            addresses: addresses.to_vec(),
            settings: settings.clone(),
            limiter: IcmpLimiter::new(&limit(settings)),
            rules: filters(settings).iter().map(|filter| Rule::new(filter, now)).collect(),
            random,
        }
    }

    /// The settings changed at `now`. Buckets whose limit stays the same keep their state: that of ICMP errors, and those of filters
    /// that are in both settings, wherever they stand in the list.
    pub(super) fn reconfigure(&mut self, now: Mono, settings: &RouterSettings) {
        if limit(&self.settings) != limit(settings) {
            self.limiter = IcmpLimiter::new(&limit(settings));
        }
        let mut old = std::mem::take(&mut self.rules);
        self.rules = filters(settings)
            .iter()
            .map(|filter| match old.iter().position(|rule| rule.filter == *filter) {
                Some(at) => old.remove(at),
                None => Rule::new(filter, now),
            })
            .collect();
        self.settings = settings.clone();
    }

    /// A packet arrives, to be forwarded or for this router itself.
    pub(super) fn handle_packet(&mut self, now: Mono, packet: &mut Packet, out: &mut Outbox) -> Transit {
        if self.addresses.contains(&packet.addrs.dst()) {
            return self.handle_own(now, packet, out);
        }
        if !self.is_hidden() {
            if packet.ttl <= 1 {
                self.send_error(now, ErrorKind::TimeExceeded, packet, out);
                return Transit::Dropped(DropReason::TtlExpired);
            }
            packet.set_ttl(packet.ttl - 1);
        }
        match self.judge(now, packet) {
            Judgement::Pass => Transit::Forward,
            Judgement::Refuse(action, why) => {
                self.refuse(now, action, packet, out);
                Transit::Dropped(why)
            }
        }
    }

    /// There is no route for a packet that [`Transit::Forward`] was said of.
    pub(super) fn handle_no_route(&mut self, now: Mono, packet: &Packet, out: &mut Outbox) {
        let arrived = self.as_it_arrived(packet);
        self.send_error(now, ErrorKind::NoRoute, &arrived, out);
    }

    /// The next link is too small for a packet. Returns whether it goes on all the same, as fragments that nobody here tells apart
    /// from the whole (IPv4 without DF).
    pub(super) fn handle_too_big(&mut self, now: Mono, packet: &Packet, mtu: u16, out: &mut Outbox) -> bool {
        let goes_on = packet.may_be_fragmented();
        if !goes_on {
            let arrived = self.as_it_arrived(packet);
            self.send_error(now, ErrorKind::TooBig { mtu }, &arrived, out);
        }
        goes_on
    }

    /// The next hop is the destination itself and does not answer ARP or neighbour solicitation. The error leaves when the router
    /// gives up; whether its limit allows it is decided now.
    pub(super) fn handle_dead_neighbour(&mut self, now: Mono, packet: &Packet, out: &mut Outbox) {
        self.send_error(now, ErrorKind::HostUnreachable, packet, out);
    }

    /// Whether each packet is balanced for itself, instead of each flow.
    pub(super) fn balances_packets(&self) -> bool {
        self.settings.balance == Some(Balance::Packet)
    }

    /// A packet for one of its own addresses. What arrives damaged is dropped, and so are fragments.
    fn handle_own(&mut self, now: Mono, packet: &Packet, out: &mut Outbox) -> Transit {
        if !packet.is_whole() {
            return Transit::Dropped(DropReason::Fragment);
        }
        if !checksum_ok(packet) {
            return Transit::Dropped(DropReason::Malformed);
        }
        match packet.protocol {
            ip::TCP => self.send_reset(packet, out),
            ip::UDP => self.send_error(now, ErrorKind::PortUnreachable, packet, out),
            _ if is_echo_request(packet) => self.send_echo_reply(packet, out),
            _ => {}
        }
        Transit::Consumed
    }

    /// What the filters say: the first that matches.
    fn judge(&mut self, now: Mono, packet: &Packet) -> Judgement {
        let mut over_limit = false;
        for rule in &mut self.rules {
            if !matches(&rule.filter, packet) {
                continue;
            }
            let within = rule.bucket.as_mut().is_none_or(|bucket| bucket.matches(now));
            match rule.filter.action {
                // Whatever refuses it further down does so for this limit.
                Action::Accept if !within => over_limit = true,
                _ if !within => {}
                Action::Accept => return Judgement::Pass,
                action if over_limit => return Judgement::Refuse(action, DropReason::Limited),
                action => return Judgement::Refuse(action, DropReason::Filtered),
            }
        }
        Judgement::Pass
    }

    fn refuse(&mut self, now: Mono, action: Action, packet: &Packet, out: &mut Outbox) {
        match action {
            Action::Reject => self.send_error(now, ErrorKind::PortUnreachable, packet, out),
            Action::Prohibit => self.send_error(now, ErrorKind::Prohibited, packet, out),
            Action::Reset => self.send_reset(packet, out),
            Action::Accept | Action::Drop => {}
        }
    }

    /// The gate of all ICMP errors.
    fn send_error(&mut self, now: Mono, kind: ErrorKind, about: &Packet, out: &mut Outbox) {
        let Some(from) = self.source_of_errors(about.addrs.family()) else {
            return;
        };
        if self.settings.silent.unwrap_or(false) || !emit::may_be_answered(about) {
            return;
        }
        let unlimited = matches!(kind, ErrorKind::TooBig { .. });
        let allowed = unlimited || self.limiter.allows(now, about.addrs.src(), &mut self.random);
        if !allowed || self.loses_icmp() {
            return;
        }
        let mut after = self.icmp_delay();
        if kind == ErrorKind::HostUnreachable {
            after = after.saturating_add(self.neighbour_timeout());
        }
        let mut mpls = self.settings.mpls.as_deref().unwrap_or_default();
        if kind != ErrorKind::TimeExceeded {
            mpls = &[];
        }
        let error = IcmpError {
            kind,
            from,
            about,
            quote: self.settings.quote.unwrap_or(Quote::Full),
            mpls,
            ttl: self.ttl(),
        };
        out.emit(after, about.cause, |bytes| emit::icmp_error(bytes, &error));
    }

    fn send_echo_reply(&mut self, request: &Packet, out: &mut Outbox) {
        if !self.loses_icmp() {
            let (after, ttl) = (self.icmp_delay(), self.ttl());
            out.emit(after, request.cause, |bytes| emit::echo_reply(bytes, request, ttl));
        }
    }

    fn send_reset(&self, packet: &Packet, out: &mut Outbox) {
        if let Some(reset) = emit::reset_for(packet, self.ttl()) {
            out.emit(Duration::ZERO, packet.cause, |bytes| emit::segment(bytes, &reset));
        }
    }

    /// The packet with the TTL that it had before this router took one.
    fn as_it_arrived(&self, packet: &Packet) -> Packet {
        let mut arrived = packet.clone();
        if !self.is_hidden() {
            arrived.set_ttl(packet.ttl.saturating_add(1));
        }
        arrived
    }

    /// `None` where it has no address of the family: then it can't send any.
    fn source_of_errors(&self, family: Family) -> Option<IpAddr> {
        let of_family = |address: &&IpAddr| address.is_ipv4() == (family == Family::V4);
        let configured = self.settings.answers_from.as_deref().unwrap_or_default();
        configured.iter().chain(&self.addresses).find(of_family).copied()
    }

    fn is_hidden(&self) -> bool {
        self.settings.hidden.unwrap_or(false)
    }

    fn loses_icmp(&mut self) -> bool {
        random::chance(self.settings.icmp_loss.unwrap_or(0.0), &mut self.random)
    }

    fn icmp_delay(&mut self) -> Duration {
        let jitter = self.settings.icmp_delay.as_ref();
        jitter.map_or(Duration::ZERO, |jitter| random::draw(jitter, &mut self.random))
    }

    fn neighbour_timeout(&self) -> Duration {
        self.settings
            .neighbour_timeout
            .map_or(NEIGHBOUR_TIMEOUT, |timeout| timeout.0)
    }

    fn ttl(&self) -> u8 {
        self.settings.ttl.unwrap_or(DEFAULT_TTL)
    }
}

impl Rule {
    fn new(filter: &Filter, now: Mono) -> Self {
        Self {
            filter: filter.clone(),
            bucket: filter.limit.as_ref().map(|limit| Bucket::new(limit, now)),
        }
    }
}

/// What the filters say of a packet.
enum Judgement {
    Pass,
    /// Never with [`Action::Accept`].
    Refuse(Action, DropReason),
}

fn limit(settings: &RouterSettings) -> IcmpLimit {
    settings.icmp_limit.unwrap_or(IcmpLimit::Linux)
}

fn filters(settings: &RouterSettings) -> &[Filter] {
    settings.filters.as_deref().unwrap_or_default()
}

/// Whether a filter means a packet, its limit aside. A port is that of TCP or UDP: no other packet has one.
fn matches(filter: &Filter, packet: &Packet) -> bool {
    let destination = filter.to.is_empty() || filter.to.contains(&packet.addrs.dst());
    let protocol = match filter.proto {
        None => true,
        Some(Proto::Icmp) => is_icmp(packet),
        Some(Proto::Tcp) => is_syn(packet),
        Some(Proto::Udp) => packet.protocol == ip::UDP,
    };
    destination && protocol && filter.port.is_none_or(|port| destination_port(packet) == Some(port))
}

fn is_icmp(packet: &Packet) -> bool {
    match packet.addrs {
        AddrPair::V4 { .. } => packet.protocol == ip::ICMP,
        AddrPair::V6 { .. } => packet.protocol == ip::ICMPV6,
    }
}

fn is_syn(packet: &Packet) -> bool {
    let flags = tcp::parse(packet.transport()).map(|segment| segment.flags);
    packet.protocol == ip::TCP && flags.is_ok_and(|flags| flags.has(Flags::SYN) && !flags.has(Flags::ACK))
}

fn destination_port(packet: &Packet) -> Option<u16> {
    let has_ports = matches!(packet.protocol, ip::TCP | ip::UDP);
    match *packet.transport() {
        [_, _, high, low, ..] if has_ports => Some(u16::from_be_bytes([high, low])),
        _ => None,
    }
}

fn is_echo_request(packet: &Packet) -> bool {
    let message = icmp::parse(packet.addrs.family(), packet.transport());
    is_icmp(packet) && matches!(message, Ok(icmp::Message::EchoRequest { .. }))
}

/// Whether a host would take a packet. TCP is verified where it is answered, UDP not at all: over IPv4 it may come without.
fn checksum_ok(packet: &Packet) -> bool {
    match packet.protocol {
        ip::ICMP => icmp::checksum_ok(packet.transport()),
        ip::ICMPV6 => icmp::v6_checksum_ok(packet.transport(), packet.addrs),
        _ => true,
    }
}

/// `ip_default_ttl` and the default hop limit of Linux.
const DEFAULT_TTL: u8 = 64;
/// Three solicitations, one a second (`mcast_solicit`, `retrans_time`).
const NEIGHBOUR_TIMEOUT: Duration = Duration::from_secs(3);

#[cfg(test)]
mod tests;
