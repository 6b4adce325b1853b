//! How the rest of the program talks to a thread that sends and receives packets.
//!
//! The thread owns its sockets, the prober and a [`Sink`] that takes events as they happen; others reach it by [`Command`]s through a
//! bounded queue, and wake it. When everything is measured, or when it is told to stop, it returns what it owned.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::clock::Reading;
use crate::engine::{Ignored, Launcher};
use crate::outcome::{Event, StampSource};
use crate::series::{Pace, Series};
use crate::sys::EventFd;
use crate::units::{Mono, SeriesId};

/// Takes what happens, on the packet thread: it must not block.
pub trait Sink: Send {
    /// A series has begun at `at`; `stamp` is the source of its RTTs when nothing goes wrong.
    fn admitted(&mut self, id: SeriesId, series: &Series, stamp: StampSource, at: Reading);

    /// Something happened to a probe.
    fn event(&mut self, event: &Event);

    /// When [`handle_deadline`](Self::handle_deadline) has something to do.
    fn next_deadline(&mut self) -> Option<Mono> {
        None
    }

    /// A moment has come that was asked for. All packets that arrived before `now` were read, and their events told.
    fn handle_deadline(&mut self, _now: Reading) {}

    /// This host has dropped so many packets at full receive queues, at some time between two moments.
    fn receive_dropped(&mut self, _packets: u32, _from: Mono, _to: Mono) {}

    /// Who decides about probes beyond the schedule, if anybody does.
    fn launcher(&mut self) -> Option<&mut dyn Launcher> {
        None
    }
}

/// What a packet thread can be asked for.
pub enum Command<S> {
    /// Probe these as well.
    Admit(Vec<(Series, Pace)>),
    /// Probe these no more. Probes under way are still judged; their ids are not used again.
    Retire(Vec<SeriesId>),
    /// No more series will come: end when all probes are sent and judged.
    Seal,
    /// Send no more; end when the probes under way are judged.
    Stop,
    /// End now. Probes under way are neither answered nor lost.
    Cut,
    /// Look at the sink, between two turns.
    Inspect(Box<dyn FnOnce(&mut S) + Send>),
}

/// The way to a packet thread. Clones reach the same thread.
pub struct Remote<S> {
    commands: SyncSender<Command<S>>,
    waker: Arc<EventFd>,
}

impl<S> Clone for Remote<S> {
    fn clone(&self) -> Self {
        Self {
            commands: self.commands.clone(),
            waker: Arc::clone(&self.waker),
        }
    }
}

impl<S> Remote<S> {
    /// Hands over a command and wakes the thread. Waits while its queue is full; a thread that has ended takes nothing more, which
    /// is no error: it ends on its own when all is measured.
    pub fn send(&self, command: Command<S>) {
        if self.commands.send(command).is_ok() {
            // An eventfd whose counter is full is awake already.
            let _ = self.waker.wake();
        }
    }
}

/// The packet thread's end of a [`Remote`].
pub struct Inbox<S> {
    commands: Receiver<Command<S>>,
    waker: Arc<EventFd>,
}

impl<S> Inbox<S> {
    /// The next command, if there is one.
    #[must_use]
    pub fn try_next(&self) -> Option<Command<S>> {
        self.commands.try_recv().ok()
    }

    /// Becomes readable when a command is sent; reset it before reading commands.
    #[must_use]
    pub fn waker(&self) -> &EventFd {
        &self.waker
    }
}

/// A new way to a thread yet to be started.
///
/// # Errors
/// The errno of `eventfd`.
pub fn control<S>() -> std::io::Result<(Remote<S>, Inbox<S>)> {
    let (sender, receiver) = sync_channel(COMMANDS);
    let waker = Arc::new(EventFd::new()?);
    Ok((
        Remote {
            commands: sender,
            waker: Arc::clone(&waker),
        },
        Inbox {
            commands: receiver,
            waker,
        },
    ))
}

/// What a packet thread leaves behind.
#[derive(Debug)]
pub struct Finished<S> {
    /// Its sink, with all events.
    pub sink: S,
    /// Series that could not be probed at all.
    pub refused: Vec<Refused>,
    /// For each series: whether it sent as many probes as it was asked for.
    pub complete: Vec<bool>,
    /// What this host did to its own measurement.
    pub noise: Noise,
    /// When the last probe was judged.
    pub ended: Mono,
}

/// A series whose sockets could not be opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What was to be probed.
    pub series: Series,
    /// Why it can't be, and what to do.
    pub why: String,
}

/// What this host did to its own measurement. None of it is the network's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Noise {
    /// Packets dropped at the receive queue of ICMP sockets.
    pub icmp_receive_drops: u64,
    /// Packets dropped at the receive queue of TCP sockets.
    pub tcp_receive_drops: u64,
    /// Steps of the wall clock, or suspensions.
    pub clock_steps: u32,
    /// Slots of the schedule that came too late and were skipped.
    pub slots_skipped: u64,
    /// SYN-ACKs that their peer had to send again.
    pub syn_ack_retransmissions: u64,
    /// Answers to probes that this host never sent, although their marks are right.
    pub answers_to_unsent: u64,
    /// Received packets that answered nothing, by reason.
    pub ignored: BTreeMap<Ignored, u64>,
}

impl Noise {
    /// What happened, a sentence each; none where nothing did.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        let counted = [
            (
                self.icmp_receive_drops,
                "packets were dropped at the receive queues for ICMP",
            ),
            (
                self.tcp_receive_drops,
                "packets were dropped at the receive queues for TCP",
            ),
            (u64::from(self.clock_steps), "steps of the wall clock, or suspensions"),
            (
                self.slots_skipped,
                "slots of the schedule came too late and were skipped",
            ),
            (
                self.syn_ack_retransmissions,
                "SYN-ACKs were sent again by their peers: a first one, or our RST, was lost",
            ),
            (
                self.answers_to_unsent,
                "answers were to probes that this host never sent, although their marks are right",
            ),
        ];
        let ignored = self
            .ignored
            .iter()
            .map(|(why, count)| (*count, format!("received packets answered nothing: {why}")));
        let all = counted
            .map(|(count, what)| (count, what.to_owned()))
            .into_iter()
            .chain(ignored);
        all.filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect()
    }
}

/// A queue of commands this long is a caller gone wild.
const COMMANDS: usize = 64;

#[cfg(test)]
mod tests;
