//! When the kernel lets a thread run.

use std::io;
use std::mem::{size_of, zeroed};

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

/// Lets the **calling thread** run only where no other thread wants the CPU (`SCHED_IDLE`). Anyone may.
///
/// # Errors
///
/// The errno of `sched_setscheduler`.
pub fn run_when_idle() -> io::Result<()> {
    let parameter = libc::sched_param { sched_priority: 0 };
    // SAFETY: the pointer is to a local that outlives the call; 0 is the calling thread.
    let returned = unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const parameter) };
    check(returned).map(drop)
}

/// The CPUs that the calling thread may run on, by number; beyond 1023 none.
///
/// # Errors
///
/// The errno of `sched_getaffinity`.
pub fn allowed_cpus() -> io::Result<Vec<usize>> {
    let mut set = no_cpus();
    // SAFETY: the pointer and the size describe a local that outlives the call.
    let returned = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut set) };
    check(returned)?;
    let most = usize::try_from(libc::CPU_SETSIZE).unwrap_or_default();
    // SAFETY: the number is below `CPU_SETSIZE`.
    let is_allowed = |cpu: &usize| unsafe { libc::CPU_ISSET(*cpu, &set) };
    Ok((0..most).filter(is_allowed).collect())
}

/// Lets the **calling thread** run on this CPU only.
///
/// # Errors
///
/// The errno of `sched_setaffinity`: `EINVAL` for a CPU that does not exist or is not allowed.
pub fn run_on(cpu: usize) -> io::Result<()> {
    let mut set = no_cpus();
    if cpu < usize::try_from(libc::CPU_SETSIZE).unwrap_or_default() {
        // SAFETY: the number is below `CPU_SETSIZE`.
        unsafe { libc::CPU_SET(cpu, &mut set) };
    }
    // SAFETY: the pointer and the size describe a local that outlives the call.
    let returned = unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) };
    check(returned).map(drop)
}

fn no_cpus() -> libc::cpu_set_t {
    // SAFETY: a set of CPUs is an array of bits, of which zero is a valid value.
    unsafe { zeroed() }
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

    #[test]
    fn a_thread_that_may_run_on_one_cpu_when_idle_is_there_and_idle() {
        let cpu = *allowed_cpus().unwrap().last().unwrap();
        let seen = std::thread::spawn(move || {
            run_on(cpu)?;
            run_when_idle()?;
            io::Result::Ok((allowed_cpus()?, policy()))
        });
        assert_eq!(seen.join().unwrap().unwrap(), (vec![cpu], libc::SCHED_IDLE));
    }

    #[test]
    fn a_cpu_beyond_all_is_refused() {
        for cpu in [1023, 1024, usize::MAX] {
            let refused = std::thread::spawn(move || run_on(cpu)).join().unwrap();
            assert_eq!(refused.unwrap_err().raw_os_error(), Some(libc::EINVAL), "{cpu}");
        }
    }
}
