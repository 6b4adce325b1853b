//! The portable engine: `surge-ping` for echoes, `tokio` for TCP, and times that user space takes.
//!
//! The same [`Prober`] paces, times out and accounts as in the native engine; only the packets go another way. Everything that
//! comes from here says so: its stamps are [`StampSource::User`], from just before the send call to the moment when the task that
//! waited runs again. (`surge-ping` gives a time of its own, which is not used: it starts after the send call has returned,
//! and so is too short, down to zero, by what the host did in between. A time that includes the delays of this host is at
//! least never better than the network.) What else this engine can't do, because its libraries don't:
//!
//! - An echo reply is told by address, identifier and sequence number; there is no cookie to prove it.
//! - On a datagram socket the kernel keeps ICMP errors to itself: such probes time out. So do TCP probes that end by an ICMP
//!   error other than port unreachable, which in turn looks like a RST: the sender of an error is never known.
//! - Each kind of ICMP message about a probe ends the wait for its reply. One that says nothing against the target (a redirect)
//!   leaves the probe unjudged.
//! - Timers tick in milliseconds; flows are not kept apart; the traffic class of echoes can't be set.
//! - A TCP answer after the first second may as well answer a SYN that was sent again (RFC 6298, section 2.1), so it is none.

mod wire;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::task::Poll;
use std::time::Duration;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use self::wire::{Heard, Probe, What, Wire};
use super::control::{Command, Finished, Inbox, Noise, Refused, Sink};
use crate::clock::{Clock as _, ClockEpoch, SystemClock};
use crate::engine::{Admission, Arrival, Due, Measured, Prober};
use crate::outcome::{Proto, SendError, StampSource};
use crate::series::{Pace, PacketOptions, Series};
use crate::sys;
use crate::units::{Mono, SeriesId};

/// What a portable run needs to know.
#[derive(Clone, Debug)]
pub struct PortableOptions {
    /// The clock of the program.
    pub clock: SystemClock,
    /// What packets look like.
    pub packet: PacketOptions,
    /// SYNs a second of the whole run.
    pub max_syn_rate: Option<u32>,
}

/// Why the portable engine can't measure.
#[derive(Debug, thiserror::Error)]
pub enum PortableError {
    /// The event loop could not be started.
    #[error("cannot start the event loop of the portable engine: {0}")]
    Runtime(#[source] io::Error),
    /// It may open neither datagram nor raw ICMP sockets, or not with these options.
    #[error("cannot open an {family} echo socket: {source}")]
    Echo {
        /// `ICMP` or `ICMPv6`.
        family: &'static str,
        /// What the kernel says.
        source: io::Error,
    },
    /// Its library has no way to set it.
    #[error("the portable engine can't set the traffic class of echo requests; use another engine")]
    TrafficClass,
}

/// Whether this process may send echoes over IPv4 with this engine.
///
/// # Errors
/// [`PortableError`], saying why not.
pub fn is_available() -> Result<(), PortableError> {
    let runtime = runtime()?;
    let _in_runtime = runtime.enter();
    wire::try_open()
}

/// Measures on the calling thread until all is measured, or until it is told to stop.
///
/// # Errors
/// [`PortableError`], where a socket can't be opened that is needed.
pub fn run<S: Sink>(inbox: Inbox<S>, sink: S, options: PortableOptions) -> Result<Finished<S>, PortableError> {
    // One socket carries each connection attempt. With fewer files allowed, those beyond are send errors.
    let _ = sys::process::raise_open_files_limit();
    let runtime = runtime()?;
    // Not counted against the budget that tasks have: a send that waits for its turn there would look like a full queue.
    runtime.block_on(tokio::task::unconstrained(Portable::new(sink, options).run(inbox)))
}

fn runtime() -> Result<Runtime, PortableError> {
    let built = Builder::new_current_thread().enable_all().build();
    built.map_err(PortableError::Runtime)
}

/// A descriptor that tasks can wait for.
#[expect(
    deprecated,
    reason = "sound for a borrowed descriptor, which stays open for as long as it is registered; the other constructor is unsafe"
)]
fn readiness_of(fd: BorrowedFd<'_>) -> io::Result<AsyncFd<BorrowedFd<'_>>> {
    AsyncFd::with_interest(fd, Interest::READABLE)
}

struct Portable<S> {
    clock: SystemClock,
    prober: Prober,
    wire: Wire,
    /// Probes that are out. Each ends by itself after its patience; all are dropped with the run, which leaves nothing behind.
    waiting: JoinSet<Heard>,
    noise: Noise,
    series: u32,
    sink: S,
    sealed: bool,
    stopped: bool,
    refused: Vec<Refused>,
}

/// Whether a run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    On,
    Cut,
}

impl<S: Sink> Portable<S> {
    fn new(sink: S, options: PortableOptions) -> Self {
        let PortableOptions {
            clock,
            packet,
            max_syn_rate,
        } = options;
        Self {
            clock,
            prober: Prober::new(max_syn_rate),
            wire: Wire::new(packet),
            waiting: JoinSet::new(),
            noise: Noise::default(),
            series: 0,
            sink,
            sealed: false,
            stopped: false,
            refused: Vec::new(),
        }
    }

    async fn run(mut self, inbox: Inbox<S>) -> Result<Finished<S>, PortableError> {
        let waker = readiness_of(inbox.waker().as_fd()).map_err(PortableError::Runtime)?;
        while self.handle_commands(&inbox).await == Course::On {
            self.time_out().await;
            self.send_due().await;
            self.tell();
            // Asked last: once nothing is under way and nothing will be, nothing would end the wait.
            if self.sealed && self.prober.is_finished() {
                break;
            }
            self.wait(&waker, &inbox).await;
        }
        let ended = self.clock.mono();
        self.receive_all().await;
        self.prober.close();
        self.tell();
        let counters = self.prober.counters();
        self.noise.slots_skipped = counters.slots_skipped;
        self.noise.syn_ack_retransmissions = counters.syn_ack_retransmissions;
        self.noise.answers_to_unsent = counters.answers_to_unsent;
        let complete = (0..self.series).map(|id| self.prober.is_complete(SeriesId::new(id)));
        Ok(Finished {
            complete: complete.collect(),
            refused: self.refused,
            sink: self.sink,
            noise: self.noise,
            ended,
        })
    }

    async fn handle_commands(&mut self, inbox: &Inbox<S>) -> Course {
        while let Some(command) = inbox.try_next() {
            match command {
                // A name may be resolved after the end of sending was ordered.
                Command::Admit(_) if self.stopped => {}
                Command::Admit(series) => {
                    for (series, pace) in series {
                        if let Err(error) = self.admit(&series, pace) {
                            self.refused.push(Refused {
                                series,
                                why: error.to_string(),
                            });
                        }
                    }
                    // The event loop has to see a new socket once before anything can be sent on it.
                    tokio::task::yield_now().await;
                }
                Command::Retire(series) => series.into_iter().for_each(|id| self.prober.retire(id)),
                Command::Seal => self.sealed = true,
                Command::Stop => {
                    self.sealed = true;
                    self.stopped = true;
                    self.prober.stop_sending();
                }
                Command::Cut => return Course::Cut,
                Command::Inspect(look) => look(&mut self.sink),
            }
        }
        Course::On
    }

    fn admit(&mut self, series: &Series, pace: Pace) -> Result<(), PortableError> {
        self.wire.admit(series, pace.timeout)?;
        let admission = Admission {
            proto: series.endpoint.proto(),
            pace,
            stamp: StampSource::User,
            memory: MEMORY,
            window: WINDOW,
        };
        let now = self.clock.read();
        let id = self.prober.admit(now.mono, admission);
        self.series += 1;
        self.sink.admitted(id, series, StampSource::User, now);
        Ok(())
    }

    /// Times out what was due before all that has arrived was handled, and lets the sink do what is due.
    async fn time_out(&mut self) {
        let now = self.clock.read();
        let is_due = |at: Option<Mono>| at.is_some_and(|at| at <= now.mono);
        let sink_due = is_due(self.sink.next_deadline());
        if sink_due || is_due(self.prober.next_timeout()) {
            self.receive_all().await;
            self.prober.handle_deadline(now.mono);
        }
        if sink_due {
            self.tell();
            self.sink.handle_deadline(now);
        }
    }

    /// Lets what waits in sockets reach its tasks, and handles what they heard.
    async fn receive_all(&mut self) {
        for _ in 0..HOPS {
            tokio::task::yield_now().await;
        }
        while let Some(heard) = self.waiting.try_join_next() {
            self.handle(heard.ok());
        }
    }

    /// Sends what is due, at most [`MAX_SENDS`] before looking at the sockets again.
    async fn send_due(&mut self) {
        for _ in 0..MAX_SENDS {
            // No kernel stamps, so no clock that could step.
            let due = self.prober.poll_due(self.clock.mono(), ClockEpoch::default(), |_, _| 0);
            let Some(due) = due else { return };
            if self.waiting.len() >= MAX_WAITING {
                self.prober.handle_send_error(due, SendError::NoBuffer);
                continue;
            }
            match self.wire.probe(due, self.clock.clone()).await {
                Ok(probe) => self.send(due, probe).await,
                Err(error) => self.prober.handle_send_error(due, error),
            }
        }
    }

    /// Runs a probe up to its first wait, so that it is sent here and now, or fails here and now.
    async fn send(&mut self, due: Due, mut probe: Probe) {
        match std::future::poll_fn(|context| Poll::Ready(probe.as_mut().poll(context))).await {
            Poll::Ready(Heard {
                what: What::Failed(error) | What::Unreached(error),
                ..
            }) => self.prober.handle_send_error(due, error),
            Poll::Ready(heard) => {
                self.prober.handle_sent(due);
                self.handle(Some(heard));
            }
            Poll::Pending => {
                self.prober.handle_sent(due);
                self.waiting.spawn(probe);
            }
        }
    }

    /// `None` is a probe whose task was lost: its timeout speaks for it.
    fn handle(&mut self, heard: Option<Heard>) {
        let Some(Heard { due, at, what }) = heard else { return };
        let Due { series, seq, .. } = due;
        match what {
            What::Answer { answer, ttl, bytes } => {
                let arrival = Arrival {
                    at,
                    epoch: ClockEpoch::default(),
                    measured: Measured::User,
                    ttl,
                    bytes,
                    from: None,
                    told: None,
                };
                self.prober.handle_answer(series, seq, answer, arrival);
            }
            What::Displaced => {
                self.noise.icmp_receive_drops += 1;
                self.prober.handle_receive_drops(Proto::Icmp, 1, at);
            }
            What::Nothing | What::Unreached(_) => {}
            What::Failed(_) => self.prober.handle_send_failure(series, seq),
        }
    }

    fn tell(&mut self) {
        while let Some(event) = self.prober.poll_event() {
            self.sink.event(&event);
        }
    }

    /// Sleeps until a probe has heard something, a command has come, or it is time for something.
    async fn wait(&mut self, waker: &AsyncFd<BorrowedFd<'_>>, inbox: &Inbox<S>) {
        let now = self.clock.mono();
        let deadlines = [self.prober.next_deadline(), self.sink.next_deadline()];
        let next = deadlines.into_iter().flatten().min();
        let sleep = next.map_or(IDLE, |at| at.since(now));
        let heard = tokio::select! {
            Some(heard) = self.waiting.join_next() => Some(heard),
            woken = waker.readable() => {
                if let Ok(mut woken) = woken {
                    // An eventfd that can't be read stays readable: its commands are looked at all the same.
                    let _ = inbox.waker().reset();
                    woken.clear_ready();
                }
                None
            }
            () = tokio::time::sleep(sleep) => None,
        };
        self.handle(heard.and_then(Result::ok));
        while let Some(heard) = self.waiting.try_join_next() {
            self.handle(heard.ok());
        }
    }
}

/// From a socket to what a probe heard: the event loop, the task that receives, the task of the probe, and this one.
const HOPS: usize = 4;

/// Probes sent before the sockets are read again.
const MAX_SENDS: usize = 64;

/// Probes out at once: 4,000 series each second with a timeout of a second and a path that lost all of them.
const MAX_WAITING: usize = 16_384;

/// Probes remembered per series, at least.
const MEMORY: usize = 64;

/// Unanswered probes of a series that sends as fast as answers come.
const WINDOW: u32 = 8;

/// How long to sleep where there is nothing to wait for but commands.
const IDLE: Duration = Duration::from_hours(1);

#[cfg(test)]
mod tests;
