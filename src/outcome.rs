//! What can become of a probe: the vocabulary that every later stage shares.
//!
//! A probe that left is answered, late or lost; nothing else. A probe that never left is a [`SendError`], which is never loss.
//! [`Event`]s say these things as they happen; [`Fate`] says them once more per probe, in sending order, when they are final.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::units::{Mono, ProbeSeq, Rtt, SeriesId};

/// The protocol of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Proto {
    /// ICMP or ICMPv6 echo.
    Icmp,
    /// TCP SYN.
    Tcp,
    /// UDP datagrams to a port where nothing listens. Only traces send them.
    Udp,
}

impl Proto {
    /// All protocols, in the order of their discriminants.
    pub const ALL: [Self; 3] = [Self::Icmp, Self::Tcp, Self::Udp];

    /// The name in output fields.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Icmp => "icmp",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// Where both stamps of an RTT come from. RTTs of different sources never share a histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StampSource {
    /// Kernel software stamps at both ends (`SO_TIMESTAMPING`).
    Kernel,
    /// The kernel's own handshake RTT (`TCP_INFO.tcpi_rtt`).
    TcpInfo,
    /// User space, before the send call and after the receive call.
    User,
}

impl StampSource {
    /// The name in output fields.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Kernel => "kernel",
            Self::TcpInfo => "tcp_info",
            Self::User => "user",
        }
    }
}

/// An RTT with the source of its stamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The round-trip time.
    pub rtt: Rtt,
    /// Who took both stamps.
    pub source: StampSource,
}

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Echo reply, or SYN-ACK (or a bare ACK of an older probe of the same flow: the backend is reachable).
    Reply,
    /// RST in answer to a SYN: the host is there, the port is closed.
    Refused,
    /// The connection was reset after it had been accepted.
    Reset,
    /// An ICMP error: somebody on the path says that the probe did not reach its target.
    Unreachable(Unreachable),
}

/// An ICMP error (RFC 792, RFC 4443) and the router or host that sent it.
///
/// Destination unreachable is type 3 over IPv4 and type 1 over IPv6; time exceeded (11, 3), packet too big (2 over IPv6) and
/// parameter problem (12, 4) end a probe as surely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// The sender of the error.
    pub from: IpAddr,
    /// ICMP type, as on the wire.
    pub icmp_type: u8,
    /// ICMP code, as on the wire.
    pub code: u8,
}

impl Unreachable {
    /// Whether a policy forbade the packet: codes 9, 10 and 13 over IPv4, 1/1 over IPv6 (also 1/5 and 1/6: policy, reject route).
    #[must_use]
    pub const fn is_prohibited(self) -> bool {
        match (self.from, self.icmp_type) {
            (IpAddr::V4(_), 3) => matches!(self.code, 9 | 10 | 13),
            (IpAddr::V6(_), 1) => matches!(self.code, 1 | 5 | 6),
            _ => false,
        }
    }

    /// The words that `ping` users know.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match (self.from, self.icmp_type, self.code) {
            (IpAddr::V4(_), 3, 0) => "destination net unreachable",
            (IpAddr::V4(_), 3, 1) => "destination host unreachable",
            (IpAddr::V4(_), 3, 2) => "destination protocol unreachable",
            (IpAddr::V4(_), 3, 3) | (IpAddr::V6(_), 1, 4) => "destination port unreachable",
            (IpAddr::V4(_), 3, 4) => "fragmentation needed",
            (IpAddr::V4(_), 3, 9) => "destination net prohibited",
            (IpAddr::V4(_), 3, 10) => "destination host prohibited",
            (IpAddr::V4(_), 3, 13) => "packet filtered",
            (IpAddr::V6(_), 1, 0) => "no route to destination",
            (IpAddr::V6(_), 1, 1) => "destination administratively prohibited",
            (IpAddr::V6(_), 1, 2) => "beyond scope of source address",
            (IpAddr::V6(_), 1, 3) => "destination address unreachable",
            (IpAddr::V6(_), 1, 5) => "source address failed policy",
            (IpAddr::V6(_), 1, 6) => "reject route to destination",
            (IpAddr::V6(_), 2, _) => "packet too big",
            (IpAddr::V4(_), 11, 0) | (IpAddr::V6(_), 3, 0) => "time to live exceeded",
            (IpAddr::V4(_), 11, _) | (IpAddr::V6(_), 3, _) => "fragment reassembly time exceeded",
            (IpAddr::V4(_), 12, _) | (IpAddr::V6(_), 4, _) => "parameter problem",
            _ => "destination unreachable",
        }
    }
}

/// Why a probe did not leave this host. Never loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SendError {
    /// EPERM or EACCES: a local firewall or policy.
    Denied,
    /// ENETUNREACH, EHOSTUNREACH, ENETDOWN: no usable route.
    NoRoute,
    /// ENOBUFS, EAGAIN, ENOMEM: a full queue on this host.
    NoBuffer,
    /// EMSGSIZE: larger than the interface takes.
    TooBig,
    /// EADDRNOTAVAIL: the source address is gone, or no source port is free.
    NoAddress,
    /// Any other errno.
    Other(i32),
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied => f.write_str("not permitted by this host (a local firewall rule?)"),
            Self::NoRoute => f.write_str("no route from this host"),
            Self::NoBuffer => f.write_str("a queue of this host is full"),
            Self::TooBig => f.write_str("packet larger than the interface takes"),
            Self::NoAddress => f.write_str("no usable source address or port"),
            Self::Other(errno) => write!(f, "send failed: {}", std::io::Error::from_raw_os_error(*errno)),
        }
    }
}

/// One thing that happened to one probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The series that the probe belongs to.
    pub series: SeriesId,
    /// The probe within its series.
    pub seq: ProbeSeq,
    /// When the probe was sent (or its send was tried): the moment that decides the window.
    pub sent_at: Mono,
    /// What happened.
    pub what: What,
}

/// What happened to a probe. Every probe begins with `Sent` or `SendFailed` and ends with exactly one `Settled`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It left this host, `late_by` after its slot in the schedule.
    Sent {
        /// Send lateness.
        late_by: Duration,
    },
    /// It did not leave this host.
    SendFailed(SendError),
    /// The first answer arrived.
    Answered(Answered),
    /// Its timeout passed without an answer. It may still be answered late.
    TimedOut,
    /// A further answer to a probe that was answered already.
    Duplicate,
    /// An answer to a probe that is settled as lost, or so old that its record is gone. `seq` says which.
    LateAfterClose,
    /// Nothing can change any more. Given once per probe, in sending order within a series.
    Settled(Fate),
}

/// The first answer to a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered {
    /// What came back.
    pub answer: Answer,
    /// The RTT at the best source this answer has.
    pub timing: Timing,
    /// The same round trip as user space saw it: `timing` or longer. The difference is this host's own delay.
    pub user_rtt: Rtt,
    /// Whether it came within the timeout.
    pub in_time: InTime,
    /// Whether [`What::TimedOut`] was said of the probe before.
    pub timed_out: bool,
    /// Whether a probe sent later was answered earlier (RFC 4737, type-P-reordered).
    pub reordered: bool,
    /// TTL or hop limit of the answer, where it is known.
    pub ttl: Option<u8>,
    /// Bytes of the answer from its ICMP or TCP header on; 0 where it was no packet of ours to see.
    pub bytes: u32,
    /// Why the kernel's stamps, which this engine normally has, are missing here.
    pub stamp_loss: Option<StampLoss>,
    /// Who answered, where the packet itself shows it.
    pub from: Option<IpAddr>,
    /// What an ICMP error tells beyond its type, if it is one.
    pub told: Option<Told>,
}

/// What an ICMP error tells beyond its type and code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// TTL or hop limit of the probe when the sender of the error had it: 1 (or 0) as a rule.
    pub quoted_ttl: u8,
    /// The MTU that the probe was too large for (RFC 1191, RFC 8201).
    pub mtu: Option<u32>,
    /// The MPLS label stack that the probe arrived with (RFC 4950).
    pub mpls: MplsStack,
}

/// An MPLS label stack, outermost first, as far as it fits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MplsStack {
    entries: [u32; MAX_LABELS],
    len: u8,
}

impl MplsStack {
    /// Adds an entry as on the wire (RFC 3032, section 2.1). What does not fit is left out.
    pub fn push(&mut self, entry: u32) {
        if let Some(place) = self.entries.get_mut(usize::from(self.len)) {
            *place = entry;
            self.len += 1;
        }
    }

    /// The entries, outermost first.
    pub fn iter(&self) -> impl Iterator<Item = MplsLabel> + '_ {
        let used = self.entries.iter().take(usize::from(self.len));
        used.map(|&entry| MplsLabel(entry))
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

/// One entry of a label stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MplsLabel(u32);

impl MplsLabel {
    /// The label, 20 bits.
    #[must_use]
    pub const fn label(self) -> u32 {
        self.0 >> 12
    }

    /// The traffic class, 3 bits.
    #[must_use]
    pub const fn traffic_class(self) -> u8 {
        ((self.0 >> 9) & 7) as u8
    }

    /// Whether this entry is the bottom of the stack.
    #[must_use]
    pub const fn is_bottom(self) -> bool {
        (self.0 >> 8) & 1 == 1
    }

    /// Its TTL.
    #[must_use]
    pub const fn ttl(self) -> u8 {
        (self.0 & 0xff) as u8
    }
}

/// More than networks stack, and as many as others show.
const MAX_LABELS: usize = 8;

/// Whether an answer came within the timeout of its probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InTime {
    /// Within the timeout.
    Yes,
    /// After the timeout, before the window closed.
    Late,
}

/// Why an answer has no kernel stamps although its engine takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StampLoss {
    /// The send stamp never came back (a full error queue).
    Tx,
    /// The packet carried no receive stamp.
    Rx,
    /// The wall clock was stepped, or the machine suspended, between the two stamps.
    ClockStep,
}

/// The final state of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Replied in time, with this RTT.
    Received(Timing),
    /// Refused, reset or unreachable.
    Rejected,
    /// Answered after its timeout.
    Late,
    /// Never answered.
    Lost,
    /// Never left this host.
    NotSent,
    /// It left, but nothing can be said of it. Not counted as sent, so that it can't pose as loss.
    Unjudged(Unjudged),
}

/// Why a probe without an answer is not lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unjudged {
    /// This host's own receive queue overflowed while the answer was due.
    ReceiveOverflow,
    /// The measurement was cut short before the timeout.
    Cut,
    /// This host took the probe and failed afterwards.
    LocalFailure,
}
