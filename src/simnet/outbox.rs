//! What an element wants to send in answer to a packet, in buffers that are used again.

use std::mem;
use std::time::Duration;

use super::packet::Cause;

/// Packets that an element sends, each some time after the present moment.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    ready: Vec<Outgoing>,
    spare: Vec<Vec<u8>>,
}

/// One of them.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// How long the element takes before it leaves.
    pub(super) after: Duration,
    /// From the IP header on.
    pub(super) bytes: Vec<u8>,
    pub(super) cause: Cause,
}

impl Outbox {
    /// Adds a packet, written by `write` into an empty buffer.
    pub(super) fn emit(&mut self, after: Duration, cause: Cause, write: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.buffer();
        write(&mut bytes);
        self.ready.push(Outgoing { after, bytes, cause });
    }

    /// Takes out the next packet, in the order in which they were added.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Outgoing> + '_ {
        self.ready.drain(..)
    }

    /// Exchanges all packets for an empty list, so that they can be sent while the outbox is in use.
    pub(super) fn swap(&mut self, empty: &mut Vec<Outgoing>) {
        mem::swap(&mut self.ready, empty);
    }

    /// An empty buffer.
    pub(super) fn buffer(&mut self) -> Vec<u8> {
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer
    }

    /// Gives back a buffer.
    pub(super) fn recycle(&mut self, buffer: Vec<u8>) {
        if self.spare.len() < MAX_SPARE && buffer.capacity() <= MAX_KEPT_CAPACITY {
            self.spare.push(buffer);
        }
    }
}

/// More than are on their way at once in all but floods; a flood's memory is given back when it ends.
const MAX_SPARE: usize = 1 << 16;

/// Packets of probes are far smaller; a few huge ones must not make all buffers huge.
const MAX_KEPT_CAPACITY: usize = 2048;
