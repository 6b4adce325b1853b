//! When the kernel lets a thread run.

use std::io;

use super::check;

/// Lets the **calling thread** run before all ordinary ones (`SCHED_FIFO` with this priority, 1 to 99). Threads and
/// processes that it starts later are ordinary (`SCHED_RESET_ON_FORK`).
///
/// `CAP_SYS_NICE` is judged in the initial user namespace (`user_check_sched_setscheduler`), so ask for this before
/// entering another. `RLIMIT_RTPRIO` counts everywhere.
///
/// # Errors
///
/// The errno of `sched_setscheduler`: `EPERM` where neither allows it.
pub fn run_in_real_time(priority: u8) -> io::Result<()> {
    let parameter = libc::sched_param {
        sched_priority: priority.into(),
    };
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: the pointer is to a local that outlives the call; 0 is the calling thread.
    let returned = unsafe { libc::sched_setscheduler(0, policy, &raw const parameter) };
    check(returned).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> libc::c_int {
        // SAFETY: no pointers are involved; 0 is the calling thread.
        unsafe { libc::sched_getscheduler(0) }
    }

    #[test]
    fn a_thread_in_real_time_starts_ordinary_ones() {
        let outcome = std::thread::spawn(|| {
            run_in_real_time(1)?;
            let own = policy();
            let of_child = std::thread::spawn(policy).join().unwrap();
            io::Result::Ok((own, of_child))
        });
        match outcome.join().unwrap() {
            Ok(policies) => assert_eq!(
                policies,
                (libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, libc::SCHED_OTHER)
            ),
            // An ordinary user: that he is told so is all there is to test.
            Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EPERM)),
        }
    }

    #[test]
    fn a_priority_beyond_the_highest_is_refused() {
        assert_eq!(run_in_real_time(100).unwrap_err().raw_os_error(), Some(libc::EINVAL));
    }
}
