//! The packet thread of Linux: one loop over all sockets of a run.
//!
//! A turn of the loop: read what has arrived, time out what has not, send what is due, tell the sink, then sleep until the next
//! deadline or packet. What is due is what the schedule says, and what the [`Launcher`](crate::engine::Launcher) of the sink asks for beside it. Reading comes before timing out, and only what was due before the reading began is timed out: a process that was
//! stopped for a second finds its answers in the queue, with the kernel's stamps on them, and loses none.

mod sending;
mod waiting;

use std::io;
use std::time::Duration;

use self::waiting::Readiness;
use super::answers::{Answers, conclude};
use super::channel::BATCH;
use super::control::{Command, Finished, Inbox, Noise, Refused, Sink};
use super::route::Sources;
use super::sockets::{ChannelKind, Sockets};
use crate::clock::{Clock, Reading, StepGuard, SystemClock};
use crate::engine::{Admission, Codec, Prober};
use crate::outcome::{Proto, StampSource};
use crate::series::{Pace, PacketOptions, Series};
use crate::sys;
use crate::units::{Mono, SeriesId};

/// What a native run is made of.
pub struct Native<S> {
    clock: SystemClock,
    guard: StepGuard,
    codec: Codec,
    prober: Prober,
    sockets: Sockets,
    sources: Sources,
    packet: PacketOptions,
    capacity: Capacity,
    /// Sends and reads are put off to the end of slots of this length; zero is not at all.
    slot: Duration,
    /// By series: where its probes go out.
    kinds: Vec<ChannelKind>,
    noise: Noise,
    inbox: Inbox<S>,
    sink: S,
    sealed: bool,
    stopped: bool,
    refused: Vec<Refused>,
    /// Connections are awaited for as long again, so that late ones are seen.
    longest_timeout: Duration,
    /// Until when a SYN that has timed out may be answered late.
    listen_until: Mono,
    drops_noted_at: Mono,
}

/// How much a run remembers.
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    /// Probes remembered per series, at least.
    pub memory: usize,
    /// Unanswered probes per series that sends as fast as answers come.
    pub window: u32,
}

/// Why a run ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Waiting for packets failed.
    #[error("cannot wait for packets: {0}")]
    Wait(#[source] io::Error),
}

impl<S: Sink> Native<S> {
    /// A run over opened sockets.
    pub(super) fn new(parts: Parts, inbox: Inbox<S>, sink: S) -> Self {
        let Parts {
            clock,
            codec,
            prober,
            sockets,
            packet,
            capacity,
            slot,
        } = parts;
        Self {
            clock,
            guard: StepGuard::default(),
            codec,
            prober,
            sockets,
            sources: Sources::default(),
            packet,
            capacity,
            slot,
            kinds: Vec::new(),
            noise: Noise::default(),
            inbox,
            sink,
            sealed: false,
            stopped: false,
            refused: Vec::new(),
            longest_timeout: Duration::ZERO,
            listen_until: Mono::default(),
            drops_noted_at: Mono::default(),
        }
    }

    /// Measures until all is measured, or until it is told to stop.
    ///
    /// # Errors
    /// [`RunError`] where a socket that is first needed now can't be opened, or waiting fails.
    pub fn run(mut self) -> Result<Finished<S>, RunError> {
        // The default slack of 50 us would be added to every send time. A kernel that refuses only costs accuracy of the schedule.
        let _ = sys::process::set_timer_slack(Duration::from_nanos(1));
        let mut readiness = Readiness::Unknown;
        while self.handle_commands() == Course::GoOn && !self.is_over() {
            let turn = self.read_clock();
            let timeout_due = self.prober.next_timeout().is_some_and(|at| at <= turn.mono);
            let sink_due = self.sink.next_deadline().is_some_and(|at| at <= turn.mono);
            if timeout_due || sink_due {
                self.receive_all(ALL_ROUNDS);
                self.time_out(turn.mono);
                self.tell();
            } else if readiness != Readiness::TimerOnly {
                self.receive_all(SOME_ROUNDS);
            }
            if turn.mono.since(self.drops_noted_at) >= DROPS_INTERVAL {
                self.note_drops(turn.mono);
            }
            if sink_due {
                self.sink.handle_deadline(turn);
            }
            self.rest(turn.mono);
            self.send_due();
            self.tell();
            readiness = self.wait().map_err(RunError::Wait)?;
        }
        let end = self.read_clock();
        self.receive_all(ALL_ROUNDS);
        self.note_drops(end.mono);
        self.prober.close();
        self.tell();
        Ok(self.finish(end))
    }

    /// Whether no more series will come, no more probes be sent, and all that were are judged.
    fn is_over(&mut self) -> bool {
        let will_launch = !self.stopped && self.sink.launcher().is_some_and(|launcher| !launcher.is_done());
        self.sealed && self.prober.is_finished() && !will_launch
    }

    fn finish(mut self, end: Reading) -> Finished<S> {
        let counters = self.prober.counters();
        self.noise.slots_skipped = counters.slots_skipped;
        self.noise.syn_ack_retransmissions = counters.syn_ack_retransmissions;
        self.noise.answers_to_unsent = counters.answers_to_unsent;
        self.noise.clock_steps = self.guard.epoch().steps();
        let ids = (0..self.kinds.len()).map(|index| SeriesId::new(u32::try_from(index).unwrap_or(u32::MAX)));
        let complete = ids.map(|id| self.prober.is_complete(id)).collect();
        Finished {
            sink: self.sink,
            refused: self.refused,
            complete,
            noise: self.noise,
            ended: end.mono,
        }
    }

    fn read_clock(&mut self) -> Reading {
        let reading = self.clock.read();
        self.guard.observe(reading);
        reading
    }

    /// Handles all commands that wait.
    fn handle_commands(&mut self) -> Course {
        while let Some(command) = self.inbox.try_next() {
            match command {
                // A name may be resolved after the end of sending was ordered.
                Command::Admit(series) if self.stopped => {
                    let refused = series.into_iter().map(|(series, _)| Refused {
                        series,
                        why: TOO_LATE.to_owned(),
                    });
                    self.refused.extend(refused);
                }
                Command::Admit(series) => series.iter().for_each(|(series, pace)| self.admit(series, *pace)),
                Command::Retire(series) => series.into_iter().for_each(|id| self.retire(id)),
                Command::Seal => self.sealed = true,
                Command::Stop => {
                    self.sealed = true;
                    self.stopped = true;
                    self.prober.stop_sending();
                }
                Command::Cut => return Course::End,
                Command::Inspect(look) => look(&mut self.sink),
            }
        }
        Course::GoOn
    }

    fn admit(&mut self, series: &Series, pace: Pace) {
        let kind = match self.sockets.open(series) {
            Ok(kind) => kind,
            Err(why) => {
                self.refused.push(Refused {
                    series: series.clone(),
                    why,
                });
                return;
            }
        };
        let stamp = match kind {
            ChannelKind::Icmp(..) | ChannelKind::Syn(_) | ChannelKind::Udp(_) => StampSource::Kernel,
            ChannelKind::Connect => StampSource::TcpInfo,
        };
        let now = self.read_clock();
        let Capacity { memory, window } = self.capacity;
        self.longest_timeout = self.longest_timeout.max(pace.timeout);
        self.codec.admit(series);
        let proto = series.endpoint.proto();
        let id = self.prober.admit(
            now.mono,
            Admission {
                proto,
                pace,
                stamp,
                memory,
                window,
            },
        );
        self.kinds.push(kind);
        self.sink.admitted(id, series, stamp, now);
    }

    /// Probes a series no more. Its ports are those of its flow, which other series use too, so they stay reserved; what the codec knows of
    /// it stays, because answers may still come.
    fn retire(&mut self, id: SeriesId) {
        self.prober.retire(id);
        self.sources.forget(id);
    }

    /// Reads all sockets until they are empty, at most so many batches each.
    fn receive_all(&mut self, rounds: usize) {
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
            for _ in 0..rounds {
                let mut answers = Answers {
                    codec,
                    noise,
                    clock,
                    guard,
                };
                let received = channel.receive(prober, |prober, queued| answers.queued_error(kind, &queued, prober));
                answers.handle_batch(kind, channel, prober);
                if received < BATCH {
                    break;
                }
            }
        }
        if let Some(connector) = sockets.connector() {
            conclude(connector, prober, clock, guard);
        }
    }

    /// Reads the counters of dropped packets: answers that this host has dropped itself are not loss.
    fn note_drops(&mut self, now: Mono) {
        let before = std::mem::replace(&mut self.drops_noted_at, now);
        for (_, channel) in self.sockets.channels() {
            // Where the kernel can't say (before Linux 4.12), drops stay unknown.
            let Ok(drops @ 1..) = channel.take_drops() else {
                continue;
            };
            self.prober.handle_receive_drops(channel.proto(), drops, now);
            self.sink.receive_dropped(drops, before, now);
            match channel.proto() {
                Proto::Icmp | Proto::Udp => self.noise.icmp_receive_drops += u64::from(drops),
                Proto::Tcp => self.noise.tcp_receive_drops += u64::from(drops),
            }
        }
    }

    /// Times out what was due before `now`, when all sockets were read.
    fn time_out(&mut self, now: Mono) {
        let syns = self.prober.in_flight(Proto::Tcp);
        self.note_drops(now);
        self.prober.handle_deadline(now);
        if self.prober.in_flight(Proto::Tcp) < syns {
            self.listen_until = now.after(self.longest_timeout);
        }
        if let Some(connector) = self.sockets.connector() {
            connector.close_before(now.before(self.longest_timeout * 2));
        }
    }

    /// Stops listening for TCP answers while none can come: no SYN is under way, and those timed out are too old to be answered late.
    fn rest(&mut self, now: Mono) {
        if self.prober.in_flight(Proto::Tcp) == 0 && now >= self.listen_until {
            for (_, channel) in self.sockets.channels() {
                channel.rest();
            }
        }
    }

    fn tell(&mut self) {
        while let Some(event) = self.prober.poll_event() {
            self.sink.event(&event);
        }
    }
}

/// Whether a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    GoOn,
    End,
}

/// All that a run starts with.
pub(super) struct Parts {
    pub(super) clock: SystemClock,
    pub(super) codec: Codec,
    pub(super) prober: Prober,
    pub(super) sockets: Sockets,
    pub(super) packet: PacketOptions,
    pub(super) capacity: Capacity,
    pub(super) slot: Duration,
}

/// Batches read from one socket before it is time to send again.
const SOME_ROUNDS: usize = 32;

/// Batches that empty any queue: before probes time out, every answer that waits must be read, and the largest receive buffer holds no
/// more. A flood can't keep this from ending.
const ALL_ROUNDS: usize = 1024;

/// How often the counters of dropped packets are read, so that drops excuse the probes of their moment and no later ones.
const DROPS_INTERVAL: Duration = Duration::from_millis(100);

/// Why a series that comes after the end of sending is not probed.
const TOO_LATE: &str = "its name was resolved after the end of sending";

#[cfg(test)]
mod tests;
