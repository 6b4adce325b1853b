//! Namespaces of this process's own.

use std::io;

use super::check;

/// Moves the calling thread into a new network namespace, without interfaces but a loopback that is down. Threads and
/// processes that it starts later are there too. Other threads stay where they are.
///
/// # Errors
///
/// The errno of `unshare`: `EPERM` without `CAP_SYS_ADMIN`, `ENOSPC` beyond `user.max_net_namespaces`.
pub fn unshare_network() -> io::Result<()> {
    unshare(libc::CLONE_NEWNET)
}

/// Moves the whole process into a new user namespace, where it has all capabilities, and a network namespace that
/// belongs to that. User and group IDs are unmapped until someone writes the maps.
///
/// # Errors
///
/// The errno of `unshare`: `EINVAL` where the process has several threads, `EPERM` or `ENOSPC` where user namespaces are
/// closed to this user.
pub fn unshare_user_and_network() -> io::Result<()> {
    unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET)
}

/// Makes the files of this process in `/proc` its own again. They are root's for programs with file capabilities, which
/// could then not map their own IDs.
///
/// # Errors
///
/// The errno of `prctl`.
pub fn own_proc_files() -> io::Result<()> {
    let dumpable: libc::c_ulong = 1;
    // SAFETY: this operation takes a number and no pointers.
    let returned = unsafe { libc::prctl(libc::PR_SET_DUMPABLE, dumpable) };
    check(returned).map(drop)
}

fn unshare(flags: libc::c_int) -> io::Result<()> {
    // SAFETY: no pointers are involved, and none of the flags here takes memory or files from other threads.
    let returned = unsafe { libc::unshare(flags) };
    check(returned).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_of_many_threads_gets_no_user_namespace() {
        // The threads of the test runner are enough.
        let several = std::thread::spawn(unshare_user_and_network).join().unwrap();
        let errno = several.unwrap_err().raw_os_error();
        assert!(matches!(errno, Some(libc::EINVAL | libc::EPERM)), "{errno:?}");
    }

    #[test]
    fn a_thread_without_capabilities_gets_no_network_namespace() {
        crate::sys::testing::without_capabilities(|| {
            assert_eq!(unshare_network().unwrap_err().raw_os_error(), Some(libc::EPERM));
        });
    }
}
