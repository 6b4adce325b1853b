//! What the tests of this module share: a network of their own, and sockets in it.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::process::Command;
use std::time::Duration;
use std::{env, io, panic, thread};

use socket2::{Domain, Protocol, Socket, Type};

use super::{Interest, PollFd, Pushed, Queue, RecvBatch, SendBatch, TxStamp, check, poll, process};

/// Runs `test` on a thread with a network namespace of its own, in which only the loopback interface is up.
///
/// Without the privilege for that, says so and runs nothing; or panics, where the environment says that this is the
/// lab.
pub(crate) fn in_fresh_network(test: impl FnOnce() + Send + 'static) {
    let name = thread::current().name().unwrap_or("a test").to_owned();
    let in_it = move || match enter_fresh_network() {
        Ok(()) => test(),
        Err(error) => skip(&format!("no network of its own: {error}")),
    };
    let outcome = thread::Builder::new().name(name).spawn(in_it).unwrap().join();
    if let Err(cause) = outcome {
        panic::resume_unwind(cause);
    }
}

/// Runs `test` on a thread without any capability. (Capabilities belong to threads.)
pub(crate) fn without_capabilities(test: impl FnOnce() + Send) {
    // `struct __user_cap_header_struct` of version 3 for the calling thread, and two empty `__user_cap_data_struct`.
    let (mut header, nothing) = ([0x2008_0522_u32, 0], [0_u32; 6]);
    let in_it = move || {
        // SAFETY: the pointers are to locals of the right size, which outlive the call.
        let returned = unsafe { libc::syscall(libc::SYS_capset, header.as_mut_ptr(), nothing.as_ptr()) };
        assert_eq!(returned, 0);
        test();
    };
    thread::scope(|scope| scope.spawn(in_it).join()).unwrap_or_else(|cause| panic::resume_unwind(cause));
}

fn enter_fresh_network() -> io::Result<()> {
    if !process::has_capability_net_raw() {
        return Err(io::Error::from_raw_os_error(libc::EPERM));
    }
    // SAFETY: no pointers are involved; only the calling thread gets another network.
    let returned = unsafe { libc::unshare(libc::CLONE_NEWNET) };
    check(returned)?;
    shell("ip link set lo up");
    Ok(())
}

fn skip(why: &str) {
    let what = thread::current().name().unwrap_or("a test").to_owned();
    assert_ne!(env::var("PATHJITTER_LAB").as_deref(), Ok("required"), "{what}: {why}");
    // Not captured by the test harness, unlike eprintln.
    writeln!(io::stderr(), "SKIPPED {what}: {why}").unwrap();
}

/// Runs a shell command in the network namespace of this thread.
pub(crate) fn shell(command: &str) {
    let output = Command::new("sh").args(["-c", command]).output().unwrap();
    assert!(
        output.status.success(),
        "{command}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// A UDP socket on IPv4 loopback, at a port that the kernel chose.
pub(super) fn udp() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// A raw socket.
pub(super) fn raw(domain: Domain, protocol: Protocol) -> Socket {
    Socket::new(domain, Type::RAW.cloexec(), Some(protocol)).unwrap()
}

/// An echo request with a valid IPv4 checksum. (The kernel computes that of ICMPv6 on raw sockets.)
pub(super) fn echo_request(icmp_type: u8, sequence: u8) -> [u8; 8] {
    let sum = u16::from_be_bytes([icmp_type, 0]) + u16::from(sequence);
    let [high, low] = (!sum).to_be_bytes();
    [icmp_type, 0, high, low, 0, 0, 0, sequence]
}

/// Sends one datagram in a batch of its own; the errno if that fails.
pub(super) fn send(fd: BorrowedFd<'_>, to: SocketAddr, bytes: &[u8]) -> Result<(), i32> {
    let mut batch = SendBatch::new(1, bytes.len());
    let pushed = batch.push(to, |slot| {
        slot[..bytes.len()].copy_from_slice(bytes);
        bytes.len()
    });
    assert_eq!(pushed, Pushed::Queued);
    let progress = batch.send(fd);
    match progress.failed {
        None => {
            assert_eq!(progress.sent, 1);
            Ok(())
        }
        Some(errno) => Err(errno),
    }
}

/// Waits for a queue of a socket to have something, and receives it.
pub(super) fn receive(fd: BorrowedFd<'_>, queue: Queue, batch: &mut RecvBatch) -> usize {
    let interest = match queue {
        Queue::Data => Interest::Read,
        Queue::Errors => Interest::Errors,
    };
    let ready = poll(&mut [PollFd::new(fd, interest)], Some(LONG)).unwrap();
    assert_eq!(ready, 1, "nothing came within {LONG:?}");
    batch.recv(fd, queue).unwrap()
}

/// All send stamps that are there already.
pub(super) fn tx_stamps(fd: BorrowedFd<'_>) -> Vec<TxStamp> {
    let mut batch = RecvBatch::new(64, 64);
    batch.recv(fd, Queue::Errors).unwrap();
    batch.iter().filter_map(|message| message.tx_stamp).collect()
}

/// Their numbers.
pub(super) fn tx_ids(fd: BorrowedFd<'_>) -> Vec<u32> {
    tx_stamps(fd).iter().map(|stamp| stamp.id).collect()
}

/// Sends to itself until an arrival carries a stamp: the kernel switches stamping on from a work queue, for the whole
/// host. Leave the socket open, and stamps stay on.
pub(super) fn keep_stamps_on() -> UdpSocket {
    let (socket, address) = udp();
    super::options::enable_timestamping(socket.as_fd(), super::Stamps::RxOnly).unwrap();
    let mut batch = RecvBatch::new(1, 8);
    for _ in 0..1_000_000 {
        send(socket.as_fd(), address, b"?").unwrap();
        receive(socket.as_fd(), Queue::Data, &mut batch);
        if batch.get(0).rx_stamp.is_some() {
            return socket;
        }
    }
    panic!("the kernel stamps no arrivals");
}

/// Long enough that nothing which is going to happen on loopback takes longer.
pub(crate) const LONG: Duration = Duration::from_secs(10);
