//! What this process may do, and where it runs.

use std::ffi::CString;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;
use std::{fs, io};

use super::check;

/// Sets how far the kernel may delay the timers of the **calling thread** (and of threads that it starts later) in
/// order to merge them. The default is 50 us; 1 ns is the least.
///
/// # Errors
///
/// The errno of `prctl`.
pub fn set_timer_slack(slack: Duration) -> io::Result<()> {
    // Zero would mean: back to the default.
    let nanos = libc::c_ulong::try_from(slack.as_nanos().max(1)).unwrap_or(libc::c_ulong::MAX);
    // SAFETY: this operation takes a number and no pointers.
    let returned = unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, nanos) };
    check(returned).map(drop)
}

/// How far the kernel may delay the timers of the **calling thread**. Zero in real time: what such a thread starts later would
/// inherit that.
///
/// # Errors
///
/// The errno of `prctl`.
pub fn timer_slack() -> io::Result<Duration> {
    // SAFETY: this operation takes no further arguments.
    let returned = unsafe { libc::prctl(libc::PR_GET_TIMERSLACK) };
    let nanos = check(returned)?;
    Ok(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
}

/// Raises the limit of open files as far as this process may, and returns it.
///
/// # Errors
///
/// The errno of `getrlimit` or `setrlimit`.
pub fn raise_open_files_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a local of the right type, which outlives the call.
    let returned = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    check(returned)?;
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: the pointer is to a local of the right type, which the kernel only reads.
    let returned = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    check(returned)?;
    Ok(limit.rlim_cur)
}

/// Whether this process may open raw and packet sockets (`CAP_NET_RAW`). `false` where `/proc` does not say.
#[must_use]
pub fn has_capability_net_raw() -> bool {
    has_capability(CAP_NET_RAW)
}

/// Whether this process may override limits and configure the network (`CAP_NET_ADMIN`). `false` where `/proc` does not
/// say.
#[must_use]
pub fn has_capability_net_admin() -> bool {
    has_capability(CAP_NET_ADMIN)
}

/// Lets a command be killed when the **thread** that starts it ends, even where that is killed itself and can clean up nothing.
/// The kernel forgets this when the command becomes a program that gives rights (set-user-ID, file capabilities), and it
/// does not concern what the command starts in turn.
pub fn kill_with_parent(command: &mut Command) {
    let parent = std::process::id();
    let prepare = move || ask_to_be_killed_after(parent);
    // SAFETY: between fork and exec, this makes two system calls, and touches neither the heap nor any lock.
    unsafe { command.pre_exec(prepare) };
}

/// Whether this process was started to ignore a signal, as `nohup` starts it for SIGHUP. `false` where `/proc` does not say.
#[must_use]
pub fn ignores_signal(number: i32) -> bool {
    let set = fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| bits_of("SigIgn:", &status));
    // The lowest bit is of signal 1.
    let bit = u32::try_from(number - 1)
        .ok()
        .and_then(|place| 1_u64.checked_shl(place));
    set.zip(bit).is_some_and(|(set, bit)| set & bit != 0)
}

/// The name of this host, as `hostname` prints it.
///
/// # Errors
///
/// The errno of `gethostname`.
pub fn host_name() -> io::Result<String> {
    // HOST_NAME_MAX is 64 on Linux; the last byte stays 0, so there is always an end.
    let mut name = [0_u8; 65];
    // SAFETY: the pointer and the length describe all of `name` but its last byte.
    let returned = unsafe { libc::gethostname(name.as_mut_ptr().cast(), name.len() - 1) };
    check(returned)?;
    let len = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
    Ok(String::from_utf8_lossy(name.get(..len).unwrap_or_default()).into_owned())
}

/// The index of a network interface.
///
/// # Errors
///
/// The errno of `if_nametoindex`: `ENODEV` where there is no such interface.
pub fn interface_index(name: &str) -> io::Result<u32> {
    let name = CString::new(name).map_err(|_contains_nul| io::Error::from_raw_os_error(libc::ENODEV))?;
    // SAFETY: the pointer is to a string that ends with 0 and outlives the call.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    if index == 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(index)
}

fn has_capability(number: u32) -> bool {
    // Of the calling thread: capabilities belong to threads, and /proc/self would tell of the first one.
    fs::read_to_string("/proc/thread-self/status")
        .ok()
        .and_then(|status| bits_of("CapEff:", &status))
        .is_some_and(|set| set >> number & 1 == 1)
}

/// A set in the text of `/proc/PID/status`.
fn bits_of(set: &str, status: &str) -> Option<u64> {
    let hex = status.lines().find_map(|line| line.strip_prefix(set))?;
    u64::from_str_radix(hex.trim(), 16).ok()
}

/// Asks the kernel to kill the calling process once the thread that forked it has ended.
fn ask_to_be_killed_after(parent: u32) -> io::Result<()> {
    // SAFETY: this operation takes a number and no pointers.
    let returned = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, KILL) };
    check(returned)?;
    // SAFETY: this call takes nothing and can't fail.
    let now = unsafe { libc::getppid() };
    // It may have ended before the kernel was asked.
    if u32::try_from(now) == Ok(parent) {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(libc::ESRCH))
    }
}

/// As `prctl` takes it: 9.
const KILL: libc::c_ulong = libc::SIGKILL as libc::c_ulong;

/// `linux/capability.h`.
const CAP_NET_ADMIN: u32 = 12;
/// `linux/capability.h`.
const CAP_NET_RAW: u32 = 13;

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn the_effective_capabilities_are_read_from_their_own_line() {
        let status = "CapInh:\tffffffffffffffff\nCapPrm:\tffffffffffffffff\nCapEff:\t0000000000002000\nCapBnd:\t0\n";
        let set = bits_of("CapEff:", status).unwrap();
        assert_eq!(set >> CAP_NET_RAW & 1, 1);
        assert_eq!(set >> CAP_NET_ADMIN & 1, 0);
        assert_eq!(bits_of("CapEff:", "CapEff:\tnonsense\n"), None);
        assert_eq!(bits_of("CapEff:", ""), None);
    }

    #[test]
    fn the_runtime_ignores_broken_pipes_and_no_number_beyond_the_signals() {
        assert!(ignores_signal(libc::SIGPIPE), "Rust programs start so");
        assert!(!ignores_signal(libc::SIGSEGV));
        for none in [i32::MIN + 1, 0, 65, i32::MAX] {
            assert!(!ignores_signal(none), "{none}");
        }
    }

    #[test]
    fn a_thread_that_gave_up_its_capabilities_has_none() {
        crate::sys::testing::without_capabilities(|| {
            assert!(!has_capability_net_raw());
            assert!(!has_capability_net_admin());
        });
    }

    #[test]
    fn the_host_name_is_that_of_the_kernel() {
        let kernel = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
        assert_eq!(host_name().unwrap(), kernel.trim_end());
    }

    #[test]
    fn interfaces_are_found_by_name_and_unknown_ones_are_no_device() {
        let kernel = fs::read_to_string("/sys/class/net/lo/ifindex").unwrap();
        assert_eq!(interface_index("lo").unwrap().to_string(), kernel.trim_end());
        assert_eq!(
            interface_index("no-such-if").unwrap_err().raw_os_error(),
            Some(libc::ENODEV)
        );
        assert_eq!(interface_index("l\0o").unwrap_err().raw_os_error(), Some(libc::ENODEV));
    }

    #[test]
    fn the_timer_slack_of_a_thread_is_what_was_asked_for() {
        std::thread::spawn(|| {
            let slack = || {
                // SAFETY: this operation takes no further arguments.
                unsafe { libc::prctl(libc::PR_GET_TIMERSLACK) }
            };
            set_timer_slack(Duration::from_micros(7)).unwrap();
            assert_eq!(slack(), 7_000);
            set_timer_slack(Duration::ZERO).unwrap();
            assert_eq!(slack(), 1);
        })
        .join()
        .unwrap();
    }

    #[test]
    fn the_open_files_limit_becomes_the_hard_limit() {
        let granted = raise_open_files_limit().unwrap();
        let limits = fs::read_to_string("/proc/self/limits").unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        let columns: Vec<_> = line["Max open files".len()..].split_whitespace().collect();
        assert_eq!(columns[0], granted.to_string());
        assert_eq!(columns[1], granted.to_string());
    }
}
