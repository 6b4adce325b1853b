//! The thread that prints, so that a reader who takes nothing blocks nobody else.
//!
//! It waits for jobs and for its output, and ends after the last job or when the output fails. If it is blocked at the end of a run, the
//! program ends without it; nothing but its own lines is lost.

use anyhow::Context as _;
use tokio::sync::{mpsc, oneshot};

use super::sink::Told;
use super::view::{Ended, Row, View};
use crate::report::OutputError;

/// What can be printed.
pub(super) enum Job {
    /// What happened to a probe.
    Told(Told),
    /// The table of a run under way.
    Draw(Vec<Row>),
    /// The figures of a run that goes on.
    SoFar(Vec<Row>),
    /// The figures at the end; the last job.
    Finish(Box<Ended>),
}

/// A printing thread.
pub(super) struct Printer {
    jobs: mpsc::Sender<Job>,
    done: oneshot::Receiver<Result<(), OutputError>>,
}

impl Printer {
    /// Starts a thread that prints to `view`.
    pub(super) fn start(view: View) -> anyhow::Result<Self> {
        let (jobs, queue) = mpsc::channel(JOBS);
        let (ended, done) = oneshot::channel();
        let thread = std::thread::Builder::new().name("printer".to_owned());
        // Whoever waits for the end may be gone: then nobody misses it.
        let print = move || drop(ended.send(print_all(view, queue)));
        thread
            .spawn(print)
            .context("the printing thread could not be started")?;
        Ok(Self { jobs, done })
    }

    /// A way to the printer for other threads.
    pub(super) fn jobs(&self) -> mpsc::Sender<Job> {
        self.jobs.clone()
    }

    /// Prints something that can as well be left out: where the queue is full, it is.
    pub(super) fn offer(&self, job: Job) {
        // The next frame will show the same and more.
        let _ = self.jobs.try_send(job);
    }

    /// Prints the last job and waits for it.
    pub(super) async fn finish(&mut self, ended: Ended) -> anyhow::Result<()> {
        // If the printer is gone, `done` says why.
        let _ = self.jobs.send(Job::Finish(Box::new(ended))).await;
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

fn print_all(mut view: View, mut queue: mpsc::Receiver<Job>) -> Result<(), OutputError> {
    while let Some(job) = queue.blocking_recv() {
        match job {
            Job::Told(told) => view.tell(&told)?,
            Job::Draw(rows) => view.draw(&rows)?,
            Job::SoFar(rows) => view.so_far(&rows)?,
            Job::Finish(ended) => return view.finish(&ended),
        }
    }
    Ok(())
}

/// Lines that wait for a slow reader before lines are left out, and counted.
const JOBS: usize = 1 << 16;
