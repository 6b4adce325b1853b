//! CPUs that don't fall asleep.
//!
//! A CPU with nothing to do goes to sleep, and takes its time to wake up: some ten microseconds on bare metal, and on a virtual machine
//! as long as the host likes, because there a sleeping CPU is given to others. That makes packets late although no thread is before the
//! simulator's. One thread per CPU that spins, and that gives way to every other thread (`SCHED_IDLE`), keeps them awake. The price is all the
//! processor time that nobody else wants.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::{hint, io};

use crate::sys::scheduling;

/// Keeps all CPUs that this thread may use awake, until dropped.
#[derive(Debug)]
pub(super) struct Awake {
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Awake {
    /// Starts the threads.
    ///
    /// # Errors
    /// A thread that can't be started.
    pub(super) fn start() -> io::Result<Self> {
        let mut awake = Self {
            ended: Arc::default(),
            threads: Vec::new(),
        };
        for cpu in scheduling::allowed_cpus()? {
            let ended = Arc::clone(&awake.ended);
            let thread = thread::Builder::new().name(format!("awake{cpu}"));
            awake.threads.push(thread.spawn(move || spin(cpu, &ended))?);
        }
        Ok(awake)
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // Such a thread does nothing that could panic.
            let _ = thread.join();
        }
    }
}

fn spin(cpu: usize, ended: &AtomicBool) {
    // A thread that can't give way to others must not spin.
    if scheduling::run_on(cpu)
        .and_then(|()| scheduling::run_when_idle())
        .is_err()
    {
        return;
    }
    while !ended.load(Ordering::Relaxed) {
        hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_thread_per_cpu_and_all_end() {
        let awake = Awake::start().unwrap();
        assert_eq!(awake.threads.len(), scheduling::allowed_cpus().unwrap().len());
        let ended = Arc::clone(&awake.ended);
        drop(awake);
        // Nobody else holds it: the threads are gone.
        assert_eq!(Arc::strong_count(&ended), 1);
    }
}
