//! The few system calls that the benches need and std does not offer.

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// What a process and the children it waited for have used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Processor time in user space.
    pub(crate) user: Duration,
    /// Processor time in the kernel.
    pub(crate) system: Duration,
    /// The largest resident size it reached.
    pub(crate) max_rss_kib: u64,
}

impl Usage {
    /// User and kernel time together.
    pub(crate) fn cpu(&self) -> Duration {
        self.user + self.system
    }
}

/// Waits for a child of ours and returns whether it succeeded, with its cost.
pub(crate) fn wait_with_usage(child: &std::process::Child) -> io::Result<(bool, Usage)> {
    let pid = i32::try_from(child.id()).map_err(io::Error::other)?;
    let mut status = 0;
    // SAFETY: rusage is a plain struct of integers, valid as zeroes.
    let mut usage: libc::rusage = unsafe { zeroed() };
    loop {
        // SAFETY: both pointers are to live locals of the right type; the pid is a child that nobody has waited for.
        let waited = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
        if waited == pid {
            break;
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
    let succeeded = libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0;
    let max_rss_kib = u64::try_from(usage.ru_maxrss).unwrap_or(0);
    Ok((
        succeeded,
        Usage {
            user: duration(usage.ru_utime),
            system: duration(usage.ru_stime),
            max_rss_kib,
        },
    ))
}

/// The core to measure on: the last, because the first takes the interrupts on most machines.
pub(crate) fn last_core() -> usize {
    std::thread::available_parallelism().map_or(0, |cores| cores.get() - 1)
}

/// Binds this thread, and every thread and process it starts later, to one core.
pub(crate) fn pin_to_core(core: usize) -> io::Result<()> {
    // SAFETY: cpu_set_t is a plain bit array, valid as zeroes.
    let mut set: libc::cpu_set_t = unsafe { zeroed() };
    // SAFETY: CPU_SET checks the core against the size of the set.
    unsafe { libc::CPU_SET(core, &mut set) };
    // SAFETY: the set is a live local and its size is passed with it.
    check(unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set) })
}

/// Real-time priority for this thread, or the ordinary class again. Needs `CAP_SYS_NICE`.
pub(crate) fn set_real_time(on: bool) -> io::Result<()> {
    let param = libc::sched_param {
        sched_priority: i32::from(on),
    };
    let class = if on { libc::SCHED_FIFO } else { libc::SCHED_OTHER };
    // SAFETY: the parameter is a live local; pid 0 is the calling thread.
    check(unsafe { libc::sched_setscheduler(0, class, &raw const param) })
}

/// `setsockopt` with a plain value.
pub(crate) fn set_option<T: Copy>(socket: BorrowedFd<'_>, level: i32, name: i32, value: &T) -> io::Result<()> {
    let size = libc::socklen_t::try_from(size_of::<T>()).map_err(io::Error::other)?;
    // SAFETY: the pointer is to a live value of `size` bytes; the kernel copies it before it returns.
    check(unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, std::ptr::from_ref(value).cast(), size) })
}

/// Attaches a classic BPF program, written as (code, jump if true, jump if false, operand).
pub(crate) fn attach_filter(socket: BorrowedFd<'_>, program: &[(u16, u8, u8, u32)]) -> io::Result<()> {
    let mut program: Vec<libc::sock_filter> = program
        .iter()
        .map(|&(code, jt, jf, k)| libc::sock_filter { code, jt, jf, k })
        .collect();
    let len = u16::try_from(program.len()).map_err(io::Error::other)?;
    let filter = libc::sock_fprog {
        len,
        filter: program.as_mut_ptr(),
    };
    set_option(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &filter)
}

/// Binds a packet socket to one `EtherType` on every interface.
pub(crate) fn bind_packet(socket: BorrowedFd<'_>, ether_type: i32) -> io::Result<()> {
    // SAFETY: sockaddr_ll is a plain struct of integers, valid as zeroes.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    address.sll_family = u16::try_from(libc::AF_PACKET).map_err(io::Error::other)?;
    address.sll_protocol = u16::try_from(ether_type).map_err(io::Error::other)?.to_be();
    let size = libc::socklen_t::try_from(size_of::<libc::sockaddr_ll>()).map_err(io::Error::other)?;
    // SAFETY: the pointer is to a live sockaddr_ll of `size` bytes.
    check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), size) })
}

fn check(result: i32) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

fn duration(time: libc::timeval) -> Duration {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
}
