use std::thread;

use super::*;
use crate::sys::testing::{LONG, send, udp};
use crate::sys::{Stamps, options};

#[test]
fn a_wait_for_nothing_ends_at_its_timeout() {
    let idle = EventFd::new().unwrap();
    let mut waiting = [PollFd::new(idle.as_fd(), Interest::Read)];
    assert_eq!(poll(&mut waiting, Some(Duration::ZERO)).unwrap(), 0);
    assert_eq!(poll(&mut waiting, Some(Duration::from_nanos(1))).unwrap(), 0);
    assert_eq!(poll(&mut [], Some(Duration::from_micros(300))).unwrap(), 0);
    assert!(!waiting[0].is_readable());
}

#[test]
fn a_wait_lasts_as_long_as_asked_for_and_not_much_longer() {
    let asked = Duration::from_millis(20);
    let before = monotonic();
    assert_eq!(poll(&mut [], Some(asked)).unwrap(), 0);
    let waited = monotonic().checked_sub(before).unwrap();
    // The upper bound is for a machine under load, where a test thread may wait for its turn.
    assert!(waited >= asked && waited < LONG, "{waited:?}");
}

#[test]
fn the_longest_of_all_timeouts_is_accepted() {
    let event = EventFd::new().unwrap();
    event.wake().unwrap();
    for timeout in [None, Some(Duration::MAX)] {
        let mut waiting = [PollFd::new(event.as_fd(), Interest::Read)];
        assert_eq!(poll(&mut waiting, timeout).unwrap(), 1);
    }
}

#[test]
fn another_thread_ends_a_wait_and_many_wakes_are_one() {
    let event = EventFd::new().unwrap();
    let mut waiting = [PollFd::new(event.as_fd(), Interest::Read)];
    thread::scope(|scope| {
        scope.spawn(|| {
            event.wake().unwrap();
            event.wake().unwrap();
        });
        assert_eq!(poll(&mut waiting, Some(LONG)).unwrap(), 1);
    });
    assert!(waiting[0].is_readable());
    event.reset().unwrap();
    assert_eq!(poll(&mut waiting, Some(Duration::ZERO)).unwrap(), 0);
    assert!(!waiting[0].is_readable());
    event.reset().unwrap();
}

#[test]
fn a_counter_that_is_full_counts_as_awake() {
    let event = EventFd::new().unwrap();
    (&event.0).write_all(&(u64::MAX - 1).to_ne_bytes()).unwrap();
    event.wake().unwrap();
}

#[test]
fn errors_are_told_apart_from_data() {
    let (socket, address) = udp();
    let fd = socket.as_fd();
    let (errors, both) = (PollFd::new(fd, Interest::Errors), PollFd::new(fd, Interest::ReadWrite));
    let mut waiting = [errors, both];

    send(fd, address, b"x").unwrap();
    assert_eq!(poll(&mut waiting[1..], Some(LONG)).unwrap(), 1);
    assert!(waiting[1].is_writable() && !waiting[1].has_errors());
    assert_eq!(
        poll(&mut waiting[..1], Some(Duration::ZERO)).unwrap(),
        0,
        "data are no error"
    );

    options::enable_timestamping(fd, Stamps::TxRx).unwrap();
    send(fd, address, b"x").unwrap();
    assert_eq!(poll(&mut waiting, Some(LONG)).unwrap(), 2);
    assert!(waiting[0].has_errors() && !waiting[0].is_readable());
    assert!(waiting[1].has_errors() && waiting[1].is_readable() && !waiting[1].is_hung_up());
}

#[test]
fn descriptors_do_not_leak_into_children() {
    let event = EventFd::new().unwrap();
    // SAFETY: no pointers are involved.
    let flags = unsafe { libc::fcntl(event.as_fd().as_raw_fd(), libc::F_GETFD) };
    assert_eq!(flags & libc::FD_CLOEXEC, libc::FD_CLOEXEC);
}

/// `CLOCK_MONOTONIC`, asked directly.
fn monotonic() -> Duration {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a local of the right type.
    let returned = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    assert_eq!(returned, 0);
    Duration::new(now.tv_sec.try_into().unwrap(), now.tv_nsec.try_into().unwrap())
}
