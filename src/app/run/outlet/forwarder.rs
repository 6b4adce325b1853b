//! An outlet whose other end may be slow, or away: a bounded queue, and a thread that empties it.
//!
//! Nobody waits for the other end but that thread. While it takes nothing, records wait in the queue; once that is full, further ones are counted
//! as lost until half of the queue is free again, so that a slow end is not told of its losses after every record. A record stays at
//! the head of the queue until it is taken, so that order is kept.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::Outlet;
use crate::app::complaints::complain;
use crate::app::run::destination::Written;
use crate::sys::rights;

/// A way to the other end. It may block for some seconds.
pub(super) trait Way: Send + 'static {
    /// Hands a record over.
    fn send(&mut self, record: &[u8]) -> Result<(), Refusal>;

    /// Records that wait together are handed over as one, one behind the other, up to so many bytes; 0 hands each over alone.
    fn most_at_once(&self) -> usize {
        0
    }
}

/// Why a record was not taken.
#[derive(Debug)]
pub(super) enum Refusal {
    /// It never will be: it is too long.
    Record(io::Error),
    /// Nothing is taken now.
    Peer(io::Error),
}

/// Makes a record of a line; `None` where there is nothing to send.
pub(super) type Form = Box<dyn FnMut(&[u8]) -> Option<Vec<u8>> + Send>;

/// The outlet.
pub(super) struct Forwarder {
    name: String,
    form: Form,
    /// Bytes that may wait.
    room: usize,
    /// The queue was full, and has not been half empty since.
    is_full: bool,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Vec<u8>>,
    bytes: usize,
    /// Records that were lost and not told of.
    lost: u64,
    /// No more records come.
    is_ending: bool,
    /// The thread is gone.
    is_over: bool,
}

impl Forwarder {
    /// Starts the thread.
    ///
    /// # Errors
    /// If the system has none left.
    pub(super) fn start(name: String, form: Form, way: impl Way) -> io::Result<Self> {
        Self::start_with_room(name, form, way, ROOM)
    }

    /// Starts the thread, with room for so many bytes that wait.
    ///
    /// # Errors
    /// If the system has none left.
    pub(super) fn start_with_room(name: String, form: Form, way: impl Way, room: usize) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (told, theirs) = (name.clone(), Arc::clone(&shared));
        thread::Builder::new().name("outlet".to_owned()).spawn(move || {
            // It talks to others, and is there before the sockets of probes are.
            let _ = rights::give_up();
            forward(way, &told, &theirs);
        })?;
        Ok(Self {
            name,
            form,
            room,
            is_full: false,
            shared,
        })
    }
}

impl Outlet for Forwarder {
    fn write(&mut self, line: &[u8]) -> Written {
        let Some(record) = (self.form)(line) else {
            return Written::AsBefore;
        };
        let mut state = self.shared.lock();
        let room = if self.is_full { self.room / 2 } else { self.room };
        self.is_full = state.bytes + record.len() > room;
        if self.is_full {
            state.lost = state.lost.saturating_add(1);
            return Written::AsBefore;
        }
        state.bytes += record.len();
        state.queue.push_back(record);
        self.shared.changed.notify_all();
        match std::mem::take(&mut state.lost) {
            0 => Written::AsBefore,
            lost => Written::After(lost),
        }
    }

    fn name(&self) -> String {
        self.name.clone()
    }

    fn finish(&mut self) {
        let mut state = self.shared.lock();
        state.is_ending = true;
        self.shared.changed.notify_all();
        let waited = self
            .shared
            .changed
            .wait_timeout_while(state, END, |state| !state.is_over);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let left = u64::try_from(state.queue.len()).unwrap_or(u64::MAX);
        match state.lost.saturating_add(left) {
            0 => {}
            lost => complain(&format!("{}: {lost} events are missing there at the end", self.name)),
        }
    }
}

impl Shared {
    /// What is in the queue makes sense at any moment, so a thread that panicked has left no harm.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The record that is next, and those behind it that go with it; `None` where no more come. They stay in the queue.
    fn next(&self, most_at_once: usize) -> Option<Load> {
        let wait = |state: &mut State| state.queue.is_empty() && !state.is_ending;
        let state = self.changed.wait_while(self.lock(), wait);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        // Their places are kept; the bytes of a lone record are not copied.
        let mut waiting = state.queue.iter_mut();
        let mut load = Load {
            bytes: std::mem::take(waiting.next()?),
            records: 1,
        };
        for record in waiting {
            if load.bytes.len() + record.len() > most_at_once {
                break;
            }
            load.bytes.append(record);
            load.records += 1;
        }
        Some(load)
    }

    /// It was taken, or never will be.
    fn done(&self, load: &Load, is_lost: bool) {
        let mut state = self.lock();
        state.queue.drain(..load.records);
        state.bytes -= load.bytes.len();
        if is_lost {
            state.lost = state
                .lost
                .saturating_add(u64::try_from(load.records).unwrap_or(u64::MAX));
        }
    }

    /// Waits before the next try, but for one last try at the end; `false` where that was made.
    fn pause(&self, pause: Duration) -> bool {
        let state = self.lock();
        if state.is_ending {
            return false;
        }
        let waited = self.changed.wait_timeout_while(state, pause, |state| !state.is_ending);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        true
    }
}

/// Records that are handed over together.
struct Load {
    bytes: Vec<u8>,
    records: usize,
}

/// Hands records over until no more come.
fn forward(mut way: impl Way, name: &str, shared: &Shared) {
    let mut is_complained = false;
    'records: while let Some(load) = shared.next(way.most_at_once()) {
        let mut pause = FIRST_PAUSE;
        loop {
            match way.send(&load.bytes) {
                Ok(()) => {
                    is_complained = false;
                    shared.done(&load, false);
                    break;
                }
                Err(Refusal::Record(error)) => {
                    complain(&format!(
                        "{name}: {} bytes of events are not taken: {error}",
                        load.bytes.len()
                    ));
                    shared.done(&load, true);
                    break;
                }
                Err(Refusal::Peer(error)) => {
                    if !is_complained {
                        complain(&format!(
                            "{name}: {error}; measuring goes on, and events wait, as many as there is room for, until they are taken again"
                        ));
                        is_complained = true;
                    }
                    if !shared.pause(pause) {
                        break 'records;
                    }
                    pause = (pause * 2).min(LAST_PAUSE);
                }
            }
        }
    }
    shared.lock().is_over = true;
    shared.changed.notify_all();
}

/// The windows of some thousand series at once.
const ROOM: usize = 8 << 20;

/// The first try after a refusal: the other end may just have been restarted.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Later tries: seldom enough to cost nothing.
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// How long an end may take for what still waits.
const END: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
