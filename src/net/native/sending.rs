//! Sending what is due, batch by batch.

use super::Native;
use crate::clock::Reading;
use crate::engine::Due;
use crate::net::answers::Answers;
use crate::net::channel::{BATCH, Channel};
use crate::net::control::Sink;
use crate::net::sockets::ChannelKind;
use crate::outcome::SendError;
use crate::sys;

impl<S: Sink> Native<S> {
    /// Sends what is due, at most [`MAX_SENDS`] before looking at the sockets again.
    pub(super) fn send_due(&mut self) {
        let mut now = self.read_clock();
        let epoch = self.guard.epoch();
        for _ in 0..MAX_SENDS {
            let codec = &self.codec;
            let next = self
                .prober
                .poll_due(now.mono, epoch, |series, seq| codec.isn(series, seq));
            let Some(mut due) = next else { break };
            // Waiting for the end of a slot is no lateness.
            due.late_by = due.late_by.saturating_sub(self.slot);
            if self.queue(due, now) == Queued::BatchFull {
                self.flush(now);
                now = self.read_clock();
                if self.guard.epoch() != epoch {
                    break;
                }
            }
        }
        self.flush(now);
    }

    fn flush(&mut self, now: Reading) {
        let Self {
            sockets,
            prober,
            codec,
            clock,
            guard,
            noise,
            ..
        } = self;
        for (kind, channel) in sockets.channels() {
            let mut answers = Answers {
                codec,
                noise,
                clock,
                guard,
            };
            channel.flush(now.wall, prober, |prober, queued| {
                answers.queued_error(kind, &queued, prober);
            });
        }
    }

    /// Puts the packet of a probe into the next batch of its channel, or starts its connection.
    fn queue(&mut self, due: Due, now: Reading) -> Queued {
        let Self {
            sockets,
            codec,
            sources,
            packet,
            prober,
            ..
        } = self;
        let Due { series, seq, .. } = due;
        let kind = self.kinds[series.index()];
        let to = codec.destination(series);
        match (kind, sockets.channel(kind)) {
            (ChannelKind::Icmp(..), Some(channel)) => {
                channel.push(due, to, |buf| codec.write_echo(series, seq, buf));
                Queued::of(channel)
            }
            (ChannelKind::Syn(_), Some(channel)) => match sources.of(series, to, packet, now.mono) {
                Ok(source) => {
                    channel.push(due, to, |buf| codec.write_syn(due, source, now.mono, buf));
                    Queued::of(channel)
                }
                Err(error) => {
                    let error = error
                        .raw_os_error()
                        .map_or(SendError::NoRoute, sys::send_error_from_errno);
                    prober.handle_send_error(due, error);
                    Queued::RoomLeft
                }
            },
            (ChannelKind::Connect, _) => {
                let started = sockets.connect((series, seq), codec.backend(series), now.mono);
                match started {
                    Ok(()) => prober.handle_sent(due),
                    Err(error) => prober.handle_send_error(due, error),
                }
                Queued::RoomLeft
            }
            (ChannelKind::Icmp(..) | ChannelKind::Syn(_), None) => {
                // Admission opened the channel; without it there would be no such series.
                prober.handle_send_error(due, SendError::NoAddress);
                Queued::RoomLeft
            }
        }
    }
}

/// Whether the batch of a channel must be sent now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Queued {
    RoomLeft,
    BatchFull,
}

impl Queued {
    fn of(channel: &Channel) -> Self {
        if channel.is_full() {
            Self::BatchFull
        } else {
            Self::RoomLeft
        }
    }
}

/// Probes sent before the sockets are read again.
const MAX_SENDS: usize = 2 * BATCH;
