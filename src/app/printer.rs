//! The thread that prints, so that a reader who takes nothing blocks nobody else.
//!
//! It waits for jobs and for its output, and ends after the last job or when the output fails. If it is blocked at the end of a run, the
//! program ends without it; nothing but its own lines is lost.

use std::ops::ControlFlow;

use anyhow::Context as _;
use tokio::sync::{mpsc, oneshot};

use crate::report::OutputError;
use crate::sys::rights;

/// Prints what a run has to show.
pub(super) trait Shows: Send + 'static {
    /// What can be printed.
    type Job: Send + 'static;

    /// Prints it; breaks after the last job.
    fn show(&mut self, job: Self::Job) -> Result<ControlFlow<()>, OutputError>;
}

/// A printing thread.
pub(super) struct Printer<V: Shows> {
    jobs: mpsc::Sender<V::Job>,
    done: oneshot::Receiver<Result<(), OutputError>>,
}

impl<V: Shows> Printer<V> {
    /// Starts a thread that prints to `view`.
    pub(super) fn start(view: V) -> anyhow::Result<Self> {
        let (jobs, queue) = mpsc::channel(JOBS);
        let (ended, done) = oneshot::channel();
        let thread = std::thread::Builder::new().name("printer".to_owned());
        // Whoever waits for the end may be gone: then nobody misses it.
        let print = move || {
            // It needs none, and whoever opens sockets says so where it fails.
            let _ = rights::give_up();
            drop(ended.send(print_all(view, queue)));
        };
        thread
            .spawn(print)
            .context("the printing thread could not be started")?;
        Ok(Self { jobs, done })
    }

    /// A way to the printer for other threads.
    pub(super) fn jobs(&self) -> mpsc::Sender<V::Job> {
        self.jobs.clone()
    }

    /// Prints something that can as well be left out: where the queue is full, it is.
    pub(super) fn offer(&self, job: V::Job) {
        // The next frame will show the same and more.
        let _ = self.jobs.try_send(job);
    }

    /// Whether nothing waits to be printed.
    pub(super) fn is_idle(&self) -> bool {
        self.jobs.capacity() == self.jobs.max_capacity()
    }

    /// Prints the last job and waits for it.
    pub(super) async fn finish(&mut self, last: V::Job) -> anyhow::Result<()> {
        // If the printer is gone, `done` says why.
        let _ = self.jobs.send(last).await;
        self.failed().await
    }

    /// Waits for the printer to end, which before the last job means that its output failed.
    pub(super) async fn failed(&mut self) -> anyhow::Result<()> {
        (&mut self.done)
            .await
            .context("the printing thread ended without a result")??;
        Ok(())
    }
}

fn print_all<V: Shows>(mut view: V, mut queue: mpsc::Receiver<V::Job>) -> Result<(), OutputError> {
    while let Some(job) = queue.blocking_recv() {
        if view.show(job)?.is_break() {
            break;
        }
    }
    Ok(())
}

/// Why the last figures of a run were not printed.
pub(super) fn blocked() -> anyhow::Error {
    anyhow::anyhow!("the figures could not be printed: whoever reads the output takes nothing")
}

/// Lines that wait for a slow reader before lines are left out, and counted.
const JOBS: usize = 1 << 16;
