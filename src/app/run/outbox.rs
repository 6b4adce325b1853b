//! The way from the packet thread to the writer: bounded, and what matters least is dropped first.
//!
//! One queue, so that lines keep their order. Its last places are kept for what matters more: probes find it full first, then windows. What
//! has to be said in any case is refused only by a queue whose every place is taken by its like, which takes a writer that stands
//! still for days; that is counted as well.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc::Sender;

/// What is lost when it is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::app) enum Worth {
    /// One of many, whose sum is in a window.
    Probe,
    /// The figures of a window.
    Window,
    /// What the service is for.
    Word,
}

/// Where to put what is to be written. Clones fill the same queue.
pub(in crate::app) struct Outbox<J> {
    jobs: Sender<J>,
    dropped: Arc<Dropped>,
}

/// What was dropped: since somebody looked, and in all.
#[derive(Debug, Default)]
pub(in crate::app) struct Dropped {
    untold: AtomicU64,
    all: AtomicU64,
}

impl Dropped {
    /// How many lines, which are then forgotten.
    pub(super) fn take(&self) -> u64 {
        self.untold.swap(0, Ordering::Relaxed)
    }

    /// How many lines since the start.
    pub(super) fn all(&self) -> u64 {
        self.all.load(Ordering::Relaxed)
    }

    fn add(&self) {
        self.untold.fetch_add(1, Ordering::Relaxed);
        self.all.fetch_add(1, Ordering::Relaxed);
    }
}

impl<J> Clone for Outbox<J> {
    fn clone(&self) -> Self {
        Self {
            jobs: self.jobs.clone(),
            dropped: Arc::clone(&self.dropped),
        }
    }
}

impl<J> Outbox<J> {
    /// Fills the queue of `jobs`, and counts in `dropped`.
    pub(in crate::app) const fn new(jobs: Sender<J>, dropped: Arc<Dropped>) -> Self {
        Self { jobs, dropped }
    }

    /// Hands over a job, or counts it as dropped. Never waits.
    pub(in crate::app) fn put(&self, worth: Worth, job: J) {
        let reserved = match worth {
            Worth::Probe => self.jobs.max_capacity() / 2,
            Worth::Window => self.jobs.max_capacity() / 4,
            Worth::Word => 0,
        };
        if self.jobs.capacity() <= reserved || self.jobs.try_send(job).is_err() {
            self.dropped.add();
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[test]
    fn probes_are_dropped_first_then_windows_and_words_last_and_all_are_counted() {
        let (jobs, mut queue) = mpsc::channel(8);
        let dropped = Arc::new(Dropped::default());
        let outbox = Outbox::new(jobs, Arc::clone(&dropped));
        for worth in [Worth::Probe, Worth::Window, Worth::Word] {
            (0..8).for_each(|_| outbox.put(worth, worth));
        }
        // Half of the places for probes, a quarter that windows have beside them, and the rest.
        let mut written = Vec::new();
        while let Ok(worth) = queue.try_recv() {
            written.push(worth);
        }
        let count = |wanted| written.iter().filter(|worth| **worth == wanted).count();
        assert_eq!(
            (count(Worth::Probe), count(Worth::Window), count(Worth::Word)),
            (4, 2, 2)
        );
        assert!(written.is_sorted(), "lines keep their order");
        assert_eq!((dropped.take(), dropped.take(), dropped.all()), (24 - 8, 0, 24 - 8));
    }
}
