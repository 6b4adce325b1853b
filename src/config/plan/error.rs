//! What can be wrong with a command line whose words are right one by one.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use super::{CRON_DEADLINE, MAX_OUTSTANDING};
use crate::config::duration::display;

/// Why a command line makes no plan: what, on what, why, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// `-4 -6`.
    #[error("-4 and -6 exclude each other; give one of them, or none for IPv4 where a name has it and else IPv6")]
    BothFamilies,
    /// `--icmp --no-icmp`.
    #[error("--icmp and --no-icmp exclude each other; give one of them")]
    BothIcmp,
    /// `-4 ::1`, `-6 127.0.0.1`.
    #[error("{target}: {address} is not an {wanted} address, which {option} asks for; drop {option} or this target")]
    WrongFamily {
        /// The target as typed.
        target: String,
        /// Its address.
        address: IpAddr,
        /// The family asked for.
        wanted: &'static str,
        /// The option that asks.
        option: String,
    },
    /// `-I 127.0.0.1 -6`.
    #[error(
        "-I {source_address} cannot send {wanted} packets, which {option} asks for; give an {wanted} address or drop {option}"
    )]
    SourceFamily {
        /// The value of `-I`.
        source_address: IpAddr,
        /// The family asked for.
        wanted: &'static str,
        /// The option that asks.
        option: &'static str,
    },
    /// `-I eth9`.
    #[error("source {0}: there is no such interface; 'ip link' lists them")]
    NoInterface(String),
    /// `-I fe80::1`.
    #[error("-I {0}: a link-local address needs its interface, as in -I {0}%eth0")]
    SourceWithoutZone(IpAddr),
    /// `fe80::1%eth9`.
    #[error("{target}: there is no interface {zone}; 'ip link' lists them")]
    NoZone {
        /// The target as typed.
        target: String,
        /// The interface named.
        zone: String,
    },
    /// `fe80::1`.
    #[error("{target}: a link-local address needs its interface; write {address}%eth0, or give -I eth0")]
    LinkLocalWithoutZone {
        /// The target as typed.
        target: String,
        /// Its address.
        address: Ipv6Addr,
    },
    /// `-I eth0 fe80::1%eth1`.
    #[error("{target}: its interface {zone} is not {interface}, which -I asks for; drop one of them")]
    ZoneAgainstInterface {
        /// The target as typed.
        target: String,
        /// Its interface.
        zone: String,
        /// The interface of `-I`.
        interface: String,
    },
    /// `--no-icmp app01`.
    #[error(
        "{0}: nothing is left to probe, since ICMP is turned off and no port is given; write {0}:PORT or turn one of them on"
    )]
    NothingToProbe(String),
    /// `-i 0` of a user.
    #[error(
        "-i 0 sends as fast as it goes, which takes root; give --flood to do it anyway, or an interval such as 10ms"
    )]
    FloodNeedsRoot,
    /// `-W 0`.
    #[error("-W 0 leaves no time for a reply; give a timeout such as 1s")]
    ZeroTimeout,
    /// `-w 1 -W 1`.
    #[error("-w {} is too small a deadline: sending stops one timeout (-W {}) before it; give a longer -w or a shorter -W", display(*.deadline), display(*.timeout))]
    DeadlineTooSmall {
        /// The value of `-w`.
        deadline: Duration,
        /// The value of `-W`.
        timeout: Duration,
    },
    /// `-q --json -W 60`.
    #[error("-W {} leaves nothing of the {} deadline that -q --json implies; give -w, or a shorter -W", display(*.timeout), display(CRON_DEADLINE))]
    ImpliedDeadlineTooSmall {
        /// The value of `-W`.
        timeout: Duration,
    },
    /// `-i 10us -W 1m`.
    #[error("{target}: -W {} with -i {} keeps {probes} probes under way, of at most {MAX_OUTSTANDING}; shorten -W or lengthen -i", display(*.timeout), display(*.interval))]
    TooManyOutstanding {
        /// The target as typed.
        target: String,
        /// The value of `-W`.
        timeout: Duration,
        /// The value of `-i`.
        interval: Duration,
        /// How many there would be.
        probes: u128,
    },
    /// `-T -u`.
    #[error("-T and -u exclude each other; give one of them, or none for ICMP echo")]
    BothTransports,
    /// `-P 443`.
    #[error("-P {0} is a port, which ICMP echo does not have; give -T or -u with it, or write HOST:{0}")]
    PortWithoutTransport(u16),
    /// `-f 9 -m 8`.
    #[error("-f {first} is beyond -m {max}, so no hop is left to probe; give a smaller -f or a larger -m")]
    FirstBeyondMax {
        /// The value of `-f`.
        first: u8,
        /// The value of `-m`.
        max: u8,
    },
    /// `-i 0` of a trace.
    #[error("-i {}: a cycle probes every hop, and takes {} at least", display(*.interval), display(*.least))]
    CycleTooShort {
        /// The value of `-i`.
        interval: Duration,
        /// The shortest.
        least: Duration,
    },
    /// `-W 2m` of a trace.
    #[error("-W {} is longer than any answer takes; the most is {}", display(*.timeout), display(*.most))]
    TimeoutTooLong {
        /// The value of `-W`.
        timeout: Duration,
        /// The longest.
        most: Duration,
    },
    /// `-c 1 --fail-if jitter>5ms`.
    #[error("--fail-if {threshold} needs at least {needed} probes; give a larger -c")]
    ThresholdNeedsProbes {
        /// The threshold as typed.
        threshold: String,
        /// How many it needs.
        needed: u64,
    },
}
