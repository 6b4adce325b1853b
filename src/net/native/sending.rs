//! Sending what is due, batch by batch.

use std::io;

use super::Native;
use crate::clock::{ClockEpoch, Reading};
use crate::engine::Due;
use crate::net::answers::Answers;
use crate::net::channel::{BATCH, Channel};
use crate::net::control::Sink;
use crate::net::sockets::ChannelKind;
use crate::outcome::SendError;
use crate::sys;

impl<S: Sink> Native<S> {
    /// Sends what is due, then what is launched: a batch holds only one or the other.
    pub(super) fn send_due(&mut self) {
        self.send_each(Self::next_scheduled);
        if !self.stopped && self.sink.launcher().is_some() {
            self.send_each(Self::next_launched);
        }
    }

    /// Sends what `next` gives, at most [`MAX_SENDS`] before looking at the sockets again.
    fn send_each(&mut self, next: fn(&mut Self, Reading, ClockEpoch) -> Option<Due>) {
        let mut now = self.read_clock();
        let epoch = self.guard.epoch();
        for _ in 0..MAX_SENDS {
            let Some(due) = next(self, now, epoch) else { break };
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

    /// The next probe that the schedule has due.
    fn next_scheduled(&mut self, now: Reading, epoch: ClockEpoch) -> Option<Due> {
        let codec = &self.codec;
        let due = self
            .prober
            .poll_due(now.mono, epoch, |series, seq| codec.isn(series, seq))?;
        // Waiting for the end of a slot is no lateness.
        let late_by = due.late_by.saturating_sub(self.slot);
        Some(Due { late_by, ..due })
    }

    /// The next probe that the launcher asks for. Launches that the prober puts off are no reason to end the turn.
    fn next_launched(&mut self, now: Reading, epoch: ClockEpoch) -> Option<Due> {
        let Self {
            sink, prober, codec, ..
        } = self;
        let launcher = sink.launcher()?;
        for _ in 0..MAX_SENDS {
            let launch = launcher.poll_launch(now.mono)?;
            let due = prober.launch(now.mono, epoch, launch, |series, seq| codec.isn(series, seq));
            launcher.launched(launch, due.map(|due| due.seq), now.mono);
            if due.is_some() {
                return due;
            }
        }
        None
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
        self.try_queue(due, now).unwrap_or_else(|error| {
            self.prober.handle_send_error(due, error);
            Queued::RoomLeft
        })
    }

    fn try_queue(&mut self, due: Due, now: Reading) -> Result<Queued, SendError> {
        let Self {
            sockets,
            codec,
            sources,
            packet,
            prober,
            ..
        } = self;
        let Due { series, seq, .. } = due;
        let to = codec.destination(series);
        let mut source = || {
            let failed = |error: io::Error| {
                error
                    .raw_os_error()
                    .map_or(SendError::NoRoute, sys::send_error_from_errno)
            };
            sources.of(series, to, packet, now.mono).map_err(failed)
        };
        let kind = self.kinds[series.index()];
        if kind == ChannelKind::Connect {
            sockets.connect((series, seq), codec.backend(series), now.mono)?;
            prober.handle_sent(due);
            return Ok(Queued::RoomLeft);
        }
        // Admission opened the channel; without it there would be no such series.
        let channel = sockets.channel(kind).ok_or(SendError::NoAddress)?;
        match kind {
            ChannelKind::Icmp(..) => channel.push(due, to, |buf| codec.write_echo(series, seq, buf)),
            ChannelKind::Syn(_) => {
                let source = source()?;
                channel.push(due, to, |buf| codec.write_syn(due, source, now.mono, buf));
            }
            ChannelKind::Udp(_) => {
                let source = source()?;
                channel.push(due, to, |buf| codec.write_udp(due, source, buf));
            }
            ChannelKind::Connect => {}
        }
        Ok(Queued::of(channel))
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
