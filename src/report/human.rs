//! The lines of `ping`: what `ping` users read without thinking, for ICMP and TCP alike.
//!
//! ICMP lines count `icmp_seq`, TCP lines `tcp_seq`, both from 1. Every line names the address that answered or did not, because one
//! name may have several.

mod summary;

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use super::style::Charset;
use super::text::{address, clean, duration, endpoint};
use super::window::WindowReport;
use crate::outcome::{Answer, Answered, Event, Fate, InTime, StampLoss, Unjudged, What};
use crate::series::{Endpoint, Series};
use crate::units::{ProbeSeq, Wall};

/// Whether lines begin with the time (`ping -D`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimePrefix {
    /// No.
    None,
    /// Unix time in seconds with six digits, in brackets.
    Unix,
}

/// Writes the lines of `ping`. Each ends with a newline.
#[derive(Clone, Copy, Debug)]
pub struct PingText {
    /// Characters to write names with.
    pub charset: Charset,
    /// Whether targets are called by their address alone (`ping -n`).
    pub numeric: bool,
    /// Whether event lines begin with the time.
    pub time_prefix: TimePrefix,
    /// The timeout of the probes, which a missing answer is told with.
    pub timeout: Duration,
    /// Bytes of ICMP payload.
    pub payload_bytes: u16,
}

impl PingText {
    /// The line before the first probe of `series`.
    #[must_use]
    pub fn header(&self, series: &Series) -> String {
        let who = self.who(series);
        match series.endpoint {
            Endpoint::Icmp => {
                let (bytes, header) = match series.address {
                    IpAddr::V4(_) => (self.payload_bytes, IPV4_AND_ICMP_BYTES),
                    IpAddr::V6(_) => (self.payload_bytes, IPV6_AND_ICMP_BYTES),
                };
                format!(
                    "PING {who}: ICMP echo, {bytes}({}) bytes of data\n",
                    u32::from(bytes) + header
                )
            }
            Endpoint::Tcp(port) => format!("PING {who}: TCP SYN to port {port}\n"),
            Endpoint::Udp(port) => format!("PING {who}: UDP to port {port}\n"),
        }
    }

    /// The line of what happened to a probe of `series` at `at`; `None` where it is not worth one.
    #[must_use]
    pub fn event(&self, at: Wall, series: &Series, event: &Event) -> Option<String> {
        let seq = seq(series, event.seq);
        let who = || match series.endpoint {
            Endpoint::Icmp => self.who(series),
            Endpoint::Tcp(_) | Endpoint::Udp(_) => endpoint(series),
        };
        let text = match event.what {
            What::Answered(answered) => self.answered(series, event.seq, &answered),
            What::SendFailed(error) => format!("not sent to {}: {seq}, {error}", who()),
            What::TimedOut => format!("no answer from {}: {seq} (timeout {})", who(), duration(self.timeout)),
            What::Duplicate => format!("another answer from {}: {seq} (DUP!)", who()),
            What::LateAfterClose => format!("answer from {}: {seq} (too late, counted as lost)", who()),
            What::Settled(Fate::Unjudged(Unjudged::ReceiveOverflow)) => {
                format!(
                    "unknown for {}: {seq} (the receive queue of this host overflowed)",
                    who()
                )
            }
            What::Sent { .. }
            | What::Settled(
                Fate::Received(_)
                | Fate::Rejected
                | Fate::Late
                | Fate::Lost
                | Fate::NotSent
                | Fate::Unjudged(Unjudged::Cut | Unjudged::LocalFailure),
            ) => return None,
        };
        Some(format!("{}{text}\n", self.prefix(at)))
    }

    /// The figures of one series at the end.
    #[must_use]
    pub fn summary(&self, report: &WindowReport<'_>) -> String {
        summary::lines(&self.who(report.series), report)
    }

    fn answered(&self, series: &Series, probe: ProbeSeq, answered: &Answered) -> String {
        let seq = seq(series, probe);
        let times = times(answered);
        let mut text = match (answered.answer, series.endpoint) {
            (Answer::Reply, Endpoint::Icmp) => {
                let size = if answered.bytes > 0 {
                    format!("{} bytes", answered.bytes)
                } else {
                    "reply".to_owned()
                };
                format!("{size} from {}: {seq}{times}", self.who(series))
            }
            (Answer::Reply, Endpoint::Tcp(_)) => format!("SYN-ACK from {}: {seq}{times}", endpoint(series)),
            (Answer::Reply, Endpoint::Udp(_)) => format!("UDP from {}: {seq}{times}", endpoint(series)),
            (Answer::Refused, _) => format!("RST from {}: {seq}{times}", endpoint(series)),
            (Answer::Reset, _) => format!("reset by {}: {seq}{times}", endpoint(series)),
            (Answer::Unreachable(unreachable), _) => {
                format!("From {}: {seq} {}", unreachable.from, unreachable.describe())
            }
        };
        for remark in remarks(answered) {
            // Writing to a string never fails.
            let _ = write!(text, " ({remark})");
        }
        text
    }

    /// `name (address)`, or the address alone where it was typed as such.
    fn who(&self, series: &Series) -> String {
        let address = address(series);
        if self.numeric || *series.target == address {
            return address;
        }
        format!("{} ({address})", clean(&series.target, self.charset))
    }

    fn prefix(&self, at: Wall) -> String {
        match self.time_prefix {
            TimePrefix::None => String::new(),
            TimePrefix::Unix => {
                let micros = at.as_nanos() / 1_000;
                format!("[{}.{:06}] ", micros / 1_000_000, micros % 1_000_000)
            }
        }
    }
}

/// `icmp_seq=1` or `tcp_seq=1`, with the flow where it is not the first.
fn seq(series: &Series, probe: ProbeSeq) -> String {
    let name = match series.endpoint {
        Endpoint::Icmp => "icmp_seq",
        Endpoint::Tcp(_) => "tcp_seq",
        Endpoint::Udp(_) => "udp_seq",
    };
    let number = probe.get().saturating_add(1);
    match series.flow {
        0 => format!("{name}={number}"),
        flow => format!("{name}={number} flow={flow}"),
    }
}

/// ` ttl=64 time=0.412 ms`, without the TTL where nobody saw it.
fn times(answered: &Answered) -> String {
    let ttl = answered.ttl.map_or_else(String::new, |ttl| format!(" ttl={ttl}"));
    format!("{ttl} time={}", answered.timing.rtt)
}

/// What else there is to say of an answer.
fn remarks(answered: &Answered) -> impl Iterator<Item = &'static str> {
    let refused = match answered.answer {
        Answer::Refused => Some("connection refused"),
        Answer::Reply | Answer::Reset | Answer::Unreachable(_) => None,
    };
    let late = match answered.in_time {
        InTime::Late => Some("late"),
        InTime::Yes => None,
    };
    let reordered = answered.reordered.then_some("reordered");
    let stamps = answered.stamp_loss.map(|loss| match loss {
        StampLoss::Tx => "user-space time, send stamp lost",
        StampLoss::Rx => "user-space time, receive stamp lost",
        StampLoss::ClockStep => "user-space time, the clock was stepped",
    });
    [refused, late, reordered, stamps].into_iter().flatten()
}

/// 20 bytes of IPv4 header without options (RFC 791), 8 of ICMP header (RFC 792).
const IPV4_AND_ICMP_BYTES: u32 = 20 + 8;

/// 40 bytes of IPv6 header (RFC 8200), 8 of ICMPv6 header (RFC 4443).
const IPV6_AND_ICMP_BYTES: u32 = 40 + 8;

#[cfg(test)]
mod tests;
