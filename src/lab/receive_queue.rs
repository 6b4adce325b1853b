//! What has arrived at a socket and was not read yet: of finite length, so that a prober that gets no CPU loses what comes beyond it,
//! and learns from the kernel's counter (`SO_RXQ_OVFL`) how much that was.

use std::collections::VecDeque;

use crate::simnet::Delivery;
use crate::units::Wall;

/// The receive queue of a socket.
#[derive(Debug)]
pub(super) struct ReceiveQueue {
    waiting: VecDeque<Received>,
    /// Packets.
    capacity: usize,
    dropped: u32,
    /// Buffers to be used again.
    spare: Vec<Vec<u8>>,
}

/// A packet in a receive queue.
#[derive(Debug)]
pub(super) struct Received {
    /// From the IP header on.
    pub(super) bytes: Vec<u8>,
    /// Where it comes from, and when it arrived.
    pub(super) delivery: Delivery,
    /// The kernel's receive stamp.
    pub(super) stamp: Wall,
}

impl ReceiveQueue {
    /// An empty queue for so many packets.
    pub(super) const fn new(capacity: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            capacity,
            dropped: 0,
            spare: Vec::new(),
        }
    }

    /// Takes the bytes of a packet and leaves an empty buffer in their place; drops and counts what finds no room.
    pub(super) fn push(&mut self, bytes: &mut Vec<u8>, delivery: Delivery, stamp: Wall) {
        if self.waiting.len() >= self.capacity {
            self.dropped = self.dropped.saturating_add(1);
            return;
        }
        let bytes = std::mem::replace(bytes, self.spare.pop().unwrap_or_default());
        self.waiting.push_back(Received { bytes, delivery, stamp });
    }

    /// The packet that waits longest.
    pub(super) fn pop(&mut self) -> Option<Received> {
        self.waiting.pop_front()
    }

    /// Gives back the buffer of a packet.
    pub(super) fn recycle(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.spare.push(buffer);
    }

    /// How many packets were dropped since the last call.
    pub(super) const fn take_drops(&mut self) -> u32 {
        std::mem::replace(&mut self.dropped, 0)
    }

    /// Bytes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let buffers = self.waiting.iter().map(|packet| &packet.bytes).chain(&self.spare);
        self.waiting.capacity() * size_of::<Received>()
            + self.spare.capacity() * size_of::<Vec<u8>>()
            + buffers.map(Vec::capacity).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simnet::Cause;
    use crate::units::Mono;

    fn arrival(serial: u64) -> Delivery {
        let moment = Mono::from_nanos(serial);
        Delivery {
            due: moment,
            cause: Cause {
                serial,
                sent_at: moment,
            },
        }
    }

    #[test]
    fn what_finds_no_room_is_dropped_and_counted_once() {
        let mut queue = ReceiveQueue::new(2);
        for serial in 0..5 {
            queue.push(&mut vec![7; 60], arrival(serial), Wall::from_nanos(serial));
        }
        assert_eq!((queue.take_drops(), queue.take_drops()), (3, 0));
        let kept: Vec<u64> = std::iter::from_fn(|| queue.pop())
            .map(|packet| packet.delivery.cause.serial)
            .collect();
        assert_eq!(kept, [0, 1], "the oldest stay, as in a socket's queue");
    }

    #[test]
    fn buffers_are_used_again() {
        let mut queue = ReceiveQueue::new(8);
        let mut incoming = Vec::new();
        for serial in 0..100 {
            incoming.resize(60, 7);
            queue.push(&mut incoming, arrival(serial), Wall::default());
            let packet = queue.pop().unwrap();
            queue.recycle(packet.bytes);
        }
        // One in the queue, one at the caller's.
        assert!(queue.spare.len() <= 2, "{} buffers", queue.spare.len());
    }
}
