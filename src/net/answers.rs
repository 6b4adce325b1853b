//! From what the sockets give to answers for the prober.

use super::channel::{Channel, QueuedError};
use super::connect::{Concluded, Connector, How};
use super::control::Noise;
use super::sockets::{ChannelKind, IcmpAccess};
use crate::clock::{Clock as _, StepGuard, SystemClock};
use crate::engine::{Arrival, Codec, Ident, Ignored, Match, Measured, Prober};
use crate::outcome::Answer;
use crate::sys::Family;

/// Turns received packets into answers.
pub(super) struct Answers<'a> {
    pub(super) codec: &'a Codec,
    pub(super) noise: &'a mut Noise,
    pub(super) clock: &'a SystemClock,
    pub(super) guard: &'a mut StepGuard,
}

impl Answers<'_> {
    /// Hands the answers of one batch to the prober; counts what answers nothing.
    pub(super) fn handle_batch(&mut self, kind: ChannelKind, channel: &Channel, prober: &mut Prober) {
        if channel.incoming.is_empty() {
            return;
        }
        let now = self.clock.read();
        let epoch = self.guard.observe(now);
        for packet in channel.incoming.iter() {
            let read = match (kind, packet.from.map(|from| from.ip())) {
                (ChannelKind::Icmp(Family::V4, IcmpAccess::Raw) | ChannelKind::Syn(Family::V4), _) => {
                    self.codec.read_packet(packet.bytes, prober)
                }
                (ChannelKind::Icmp(Family::V6, IcmpAccess::Raw), Some(from)) => {
                    self.codec.read_icmp(from, packet.bytes, Ident::Ours, prober)
                }
                (ChannelKind::Syn(Family::V6), Some(from)) => self.codec.read_tcp(from, packet.bytes, prober),
                (ChannelKind::Icmp(_, IcmpAccess::Datagram), Some(from)) => {
                    self.codec.read_icmp(from, packet.bytes, Ident::Kernels, prober)
                }
                (ChannelKind::Icmp(..) | ChannelKind::Syn(_) | ChannelKind::Udp(_) | ChannelKind::Connect, _) => {
                    Err(Ignored::Foreign)
                }
            };
            let arrival = Arrival {
                at: now.mono,
                epoch,
                measured: Measured::Stamps { rx: packet.rx_stamp },
                ttl: packet.ttl,
                bytes: 0,
                from: None,
                told: None,
            };
            self.deliver(read, arrival, prober);
        }
    }

    /// A raw socket receives ICMP errors as packets; those in its error queue are the same ones again.
    pub(super) fn queued_error(&mut self, kind: ChannelKind, queued: &QueuedError<'_>, prober: &mut Prober) {
        if !matches!(kind, ChannelKind::Icmp(_, IcmpAccess::Datagram)) {
            return;
        }
        let now = self.clock.read();
        let epoch = self.guard.observe(now);
        let arrival = Arrival {
            at: now.mono,
            epoch,
            measured: Measured::Stamps { rx: queued.rx_stamp },
            ttl: queued.ttl,
            bytes: 0,
            from: None,
            told: None,
        };
        let read = queued
            .error
            .ok_or(Ignored::Offender)
            .and_then(|error| self.codec.read_queued_error(error, queued.to, queued.message, prober));
        self.deliver(read, arrival, prober);
    }

    /// Hands an answer to the prober, with what the packet itself shows of its arrival; counts what answers nothing.
    fn deliver(&mut self, read: Result<Match, Ignored>, arrival: Arrival, prober: &mut Prober) {
        match read {
            Ok(Match {
                series,
                seq,
                answer,
                ttl,
                bytes,
                from,
                told,
            }) => {
                let arrival = Arrival {
                    ttl: ttl.or(arrival.ttl),
                    bytes,
                    from,
                    told,
                    ..arrival
                };
                prober.handle_answer(series, seq, answer, arrival);
            }
            Err(why) => *self.noise.ignored.entry(why).or_default() += 1,
        }
    }
}

/// Takes over what became of connection attempts.
pub(super) fn conclude(connector: &mut Connector, prober: &mut Prober, clock: &SystemClock, guard: &mut StepGuard) {
    // Only a broken epoll descriptor fails, and then probes time out.
    let _ = connector.poll(
        |Concluded {
             probe: (series, seq),
             how,
         }| {
            let now = clock.read();
            let epoch = guard.observe(now);
            let mut answer = |answer, measured| {
                let arrival = Arrival {
                    at: now.mono,
                    epoch,
                    measured,
                    ttl: None,
                    bytes: 0,
                    from: None,
                    told: None,
                };
                prober.handle_answer(series, seq, answer, arrival);
            };
            match how {
                How::Connected(rtt) => answer(Answer::Reply, Measured::TcpInfo(rtt)),
                How::Refused => answer(Answer::Refused, Measured::User),
                How::Reset => answer(Answer::Reset, Measured::User),
                How::Unreachable(error) => answer(Answer::Unreachable(error), Measured::User),
                How::Retransmitted => prober.handle_retransmitted(series, seq, now.mono),
                How::SendFailed(_) => prober.handle_send_failure(series, seq),
            }
        },
    );
}

#[cfg(test)]
mod tests;
