//! Socket options that the standard library and `socket2` don't cover.

use std::io;
use std::mem::{offset_of, size_of};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use socket2::SockRef;

use super::{Family, check, socklen_of};

/// Which kernel stamps a socket asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamps {
    /// Send stamps, numbered from 0 by datagram, on the error queue; and arrival stamps.
    TxRx,
    /// Arrival stamps alone.
    RxOnly,
}

/// A receive buffer as the kernel set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveBuffer {
    /// Its size by the kernel's account, which is of buffers with all their overhead: twice what was asked for, if it
    /// was granted.
    pub bytes: usize,
    /// Whether the limit `net.core.rmem_max` was overridden (needs `CAP_NET_ADMIN`).
    pub forced: bool,
}

/// One instruction of a classic BPF program (`struct sock_filter`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterInstruction {
    /// Operation.
    pub code: u16,
    /// Instructions to skip where a comparison holds.
    pub jt: u8,
    /// Instructions to skip where it does not.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

/// What the kernel knows of a TCP connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpInfo {
    /// The smoothed RTT. Before any data was exchanged it is the first sample: that of the handshake, unless a
    /// retransmission made it ambiguous.
    pub rtt: Duration,
    /// How many segments were sent again, the SYN included.
    pub total_retransmits: u32,
}

/// Asks for software stamps by the kernel.
///
/// Send stamps come alone, without a copy of the packet (`OPT_TSONLY`), so that they take little of the receive buffer
/// that they share with the replies; they are dropped silently where it is full. Arrival stamps are switched on for the
/// whole host by the first socket that asks, from a work queue: packets that arrive within the next moments may carry
/// none.
///
/// # Errors
///
/// The errno of `setsockopt`.
pub fn enable_timestamping(fd: BorrowedFd<'_>, stamps: Stamps) -> io::Result<()> {
    let receive = libc::SOF_TIMESTAMPING_RX_SOFTWARE | libc::SOF_TIMESTAMPING_SOFTWARE;
    let flags = match stamps {
        Stamps::RxOnly => receive,
        Stamps::TxRx => {
            receive
                | libc::SOF_TIMESTAMPING_TX_SOFTWARE
                | libc::SOF_TIMESTAMPING_OPT_ID
                | libc::SOF_TIMESTAMPING_OPT_TSONLY
        }
    };
    set(fd, libc::SOL_SOCKET, libc::SO_TIMESTAMPING, &flags)
}

/// Makes the number of the next send stamp 0. Stamps of earlier datagrams may still arrive, with their old numbers.
///
/// The kernel restarts its counter (`sk_tskey`) where `OPT_ID` is set and was not set before.
///
/// # Errors
///
/// The errno of `getsockopt` or `setsockopt`.
pub fn restart_tx_counter(fd: BorrowedFd<'_>) -> io::Result<()> {
    // Since Linux 5.14 a second word follows (the clock of hardware stamps), which is not used here.
    let (value, _len) = get::<8>(fd, libc::SOL_SOCKET, libc::SO_TIMESTAMPING)?;
    let flags = word(&value, 0);
    let without = flags & !libc::SOF_TIMESTAMPING_OPT_ID;
    set(fd, libc::SOL_SOCKET, libc::SO_TIMESTAMPING, &without)?;
    let with = flags | libc::SOF_TIMESTAMPING_OPT_ID;
    set(fd, libc::SOL_SOCKET, libc::SO_TIMESTAMPING, &with)
}

/// Asks for a receive buffer of `bytes` bytes: beyond the limit of the system where privilege allows it, else up to the
/// limit.
///
/// # Errors
///
/// The errno of `getsockopt` or `setsockopt`, but not the refusal to go beyond the limit.
pub fn force_receive_buffer(fd: BorrowedFd<'_>, bytes: usize) -> io::Result<ReceiveBuffer> {
    let wanted = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    let forced = match set(fd, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &wanted) {
        Ok(()) => true,
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => {
            set(fd, libc::SOL_SOCKET, libc::SO_RCVBUF, &wanted)?;
            false
        }
        Err(error) => return Err(error),
    };
    let bytes = SockRef::from(&fd).recv_buffer_size()?;
    Ok(ReceiveBuffer { bytes, forced })
}

/// How many packets for this socket the kernel has dropped because its receive buffer was full, since it was opened;
/// wraps at 32 bits.
///
/// # Errors
///
/// The errno of `getsockopt`; `InvalidData` where the kernel is too old to say.
pub fn receive_drops(fd: BorrowedFd<'_>) -> io::Result<u32> {
    let (value, len) = get::<MEMINFO_BYTES>(fd, libc::SOL_SOCKET, libc::SO_MEMINFO)?;
    if len < DROPS_OFFSET + size_of::<u32>() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(word(&value, DROPS_OFFSET))
}

/// Attaches a packet filter, in place of any that is there.
///
/// # Errors
///
/// The errno of `setsockopt`: `EINVAL` for a program that the kernel does not accept, an empty one included.
pub fn attach_filter(fd: BorrowedFd<'_>, program: &[FilterInstruction]) -> io::Result<()> {
    let mut instructions: Vec<libc::sock_filter> = program
        .iter()
        .map(|&FilterInstruction { code, jt, jf, k }| libc::sock_filter { code, jt, jf, k })
        .collect();
    let len = u16::try_from(instructions.len()).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    // `instructions` outlives the call, and the kernel copies them.
    let program = libc::sock_fprog {
        len,
        filter: instructions.as_mut_ptr(),
    };
    set(fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
}

/// Attaches a filter that lets nothing pass. With [`drain`] after it, nothing is left in the queue of what came before
/// the real filter.
///
/// # Errors
///
/// The errno of `setsockopt`.
pub fn attach_drop_all(fd: BorrowedFd<'_>) -> io::Result<()> {
    let return_zero = FilterInstruction {
        code: BPF_RET | BPF_K,
        jt: 0,
        jf: 0,
        k: 0,
    };
    attach_filter(fd, &[return_zero])
}

/// Throws away what waits in the receive queue, and returns how many datagrams that were. Ends when the queue is empty;
/// call it behind [`attach_drop_all`], or it might be filled as fast as it is emptied (it ends anyway, after a million
/// datagrams).
///
/// # Errors
///
/// The errno of `recv`.
pub fn drain(fd: BorrowedFd<'_>) -> io::Result<usize> {
    let socket = SockRef::from(&fd);
    let mut drained = 0;
    while drained < MOST_DRAINED {
        // Datagrams are cut to the buffer; an empty one still takes them off the queue.
        match socket.recv_with_flags(&mut [], libc::MSG_DONTWAIT) {
            Ok(_) => drained += 1,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(drained)
}

/// Sets which ICMP types a raw ICMP socket does **not** deliver: bit n is type n; types above 31 always pass.
///
/// # Errors
///
/// The errno of `setsockopt`.
pub fn set_icmp_filter(fd: BorrowedFd<'_>, blocked: u32) -> io::Result<()> {
    set(fd, libc::SOL_RAW, ICMP_FILTER, &blocked)
}

/// Sets which ICMPv6 types a raw ICMPv6 socket does **not** deliver: bit n of word m is type 32 m + n (RFC 3542,
/// section 3.2).
///
/// # Errors
///
/// The errno of `setsockopt`.
pub fn set_icmp6_filter(fd: BorrowedFd<'_>, blocked: [u32; 8]) -> io::Result<()> {
    set(fd, libc::IPPROTO_ICMPV6, ICMPV6_FILTER, &blocked)
}

/// Sets the hop limit of what an IPv6 socket sends; `None` is the host's default.
///
/// # Errors
///
/// The errno of `setsockopt`.
pub fn set_hop_limit(fd: BorrowedFd<'_>, hop_limit: Option<u8>) -> io::Result<()> {
    // RFC 3493, section 5.1: -1 is the default of the kernel.
    let hop_limit: libc::c_int = hop_limit.map_or(-1, libc::c_int::from);
    set(fd, libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS, &hop_limit)
}

/// Asks for the TTL or hop limit of each received packet.
///
/// # Errors
///
/// The errno of `setsockopt`.
pub fn recv_ttl(fd: BorrowedFd<'_>, family: Family) -> io::Result<()> {
    match family {
        Family::V4 => set(fd, libc::IPPROTO_IP, libc::IP_RECVTTL, &ON),
        Family::V6 => set(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT, &ON),
    }
}

/// Asks for ICMP errors about the socket's own datagrams on its error queue. Each is also raised once as the errno of a
/// later send or receive, unless the error queue is read first.
///
/// # Errors
///
/// The errno of `setsockopt`.
pub fn recv_err(fd: BorrowedFd<'_>, family: Family) -> io::Result<()> {
    match family {
        Family::V4 => set(fd, libc::IPPROTO_IP, libc::IP_RECVERR, &ON),
        Family::V6 => set(fd, libc::IPPROTO_IPV6, libc::IPV6_RECVERR, &ON),
    }
}

/// Sends whole packets or none: larger than the interface takes is `EMSGSIZE`; what routers said of the path's MTU is ignored (`ip(7)`,
/// `IP_PMTUDISC_PROBE`), and they are not permitted to fragment.
///
/// # Errors
///
/// The errno of `setsockopt`.
pub fn never_fragment(fd: BorrowedFd<'_>, family: Family) -> io::Result<()> {
    match family {
        Family::V4 => set(fd, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, &libc::IP_PMTUDISC_PROBE),
        Family::V6 => {
            set(
                fd,
                libc::IPPROTO_IPV6,
                libc::IPV6_MTU_DISCOVER,
                &libc::IPV6_PMTUDISC_PROBE,
            )?;
            set(fd, libc::IPPROTO_IPV6, libc::IPV6_DONTFRAG, &ON)
        }
    }
}

/// States that what is sent on a raw socket begins with its IP header.
///
/// # Errors
///
/// The errno of `setsockopt`.
pub fn header_included(fd: BorrowedFd<'_>, family: Family) -> io::Result<()> {
    match family {
        Family::V4 => set(fd, libc::IPPROTO_IP, libc::IP_HDRINCL, &ON),
        Family::V6 => set(fd, libc::IPPROTO_IPV6, libc::IPV6_HDRINCL, &ON),
    }
}

/// Makes closing a TCP connection send a RST, and leave nothing behind on either side.
///
/// # Errors
///
/// The errno of `setsockopt`.
pub fn set_linger_reset(fd: BorrowedFd<'_>) -> io::Result<()> {
    SockRef::from(&fd).set_linger(Some(Duration::ZERO))
}

/// Sets how often the SYN of a connection attempt is sent again before the attempt fails; the kernel takes no 0.
///
/// # Errors
///
/// The errno of `setsockopt`.
pub fn set_syn_retries(fd: BorrowedFd<'_>, retries: u8) -> io::Result<()> {
    let retries = libc::c_int::from(retries);
    set(fd, libc::IPPROTO_TCP, libc::TCP_SYNCNT, &retries)
}

/// Makes binding to a source address leave the port to `connect`, which takes any that is free *for that destination*; a
/// port chosen by `bind` would be taken for all of them.
///
/// # Errors
///
/// The errno of `setsockopt`.
pub fn bind_address_only(fd: BorrowedFd<'_>) -> io::Result<()> {
    set(fd, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, &ON)
}

/// Sends and receives by one interface alone.
///
/// # Errors
///
/// The errno of `setsockopt`: `ENODEV` where there is no such interface.
pub fn bind_to_device(fd: BorrowedFd<'_>, interface: &str) -> io::Result<()> {
    SockRef::from(&fd).bind_device(Some(interface.as_bytes()))
}

/// What the kernel knows of a TCP connection.
///
/// # Errors
///
/// The errno of `getsockopt`.
pub fn tcp_info(fd: BorrowedFd<'_>) -> io::Result<TcpInfo> {
    let (value, len) = get::<{ size_of::<libc::tcp_info>() }>(fd, libc::IPPROTO_TCP, libc::TCP_INFO)?;
    let rtt = offset_of!(libc::tcp_info, tcpi_rtt);
    let total_retransmits = offset_of!(libc::tcp_info, tcpi_total_retrans);
    if len < total_retransmits + size_of::<u32>() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(TcpInfo {
        rtt: Duration::from_micros(word(&value, rtt).into()),
        total_retransmits: word(&value, total_retransmits),
    })
}

/// Sets one option to a value of the type that the kernel expects there.
fn set<T>(fd: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int, value: &T) -> io::Result<()> {
    // SAFETY: the pointer and the length describe `value`, which the kernel only reads; what `value` itself points at
    // (the instructions of a filter) is alive in the caller.
    let returned = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            std::ptr::from_ref(value).cast(),
            socklen_of::<T>(),
        )
    };
    check(returned).map(drop)
}

/// Reads one option of at most `N` bytes, and how many the kernel wrote; the others are 0.
fn get<const N: usize>(fd: BorrowedFd<'_>, level: libc::c_int, name: libc::c_int) -> io::Result<([u8; N], usize)> {
    let mut value = [0_u8; N];
    let mut len = socklen_of::<[u8; N]>();
    // SAFETY: the pointer and the length describe `value`, and the kernel writes at most that much; `len` is its own.
    let returned = unsafe { libc::getsockopt(fd.as_raw_fd(), level, name, value.as_mut_ptr().cast(), &raw mut len) };
    check(returned)?;
    Ok((value, usize::try_from(len).unwrap_or(N).min(N)))
}

/// The 32-bit word at `offset`; 0 beyond the end.
fn word(bytes: &[u8], offset: usize) -> u32 {
    let word = bytes.get(offset..).and_then(|rest| rest.first_chunk());
    u32::from_ne_bytes(word.copied().unwrap_or_default())
}

/// The value of a switch.
const ON: libc::c_int = 1;

/// `SK_MEMINFO_DROPS` is the word with index 8, behind eight other counters.
const DROPS_OFFSET: usize = size_of::<[u32; 8]>();
/// All words up to that one.
const MEMINFO_BYTES: usize = size_of::<[u32; 9]>();
const _: () = assert!(libc::SK_MEMINFO_DROPS == 8);

/// Many times what any receive buffer can hold.
const MOST_DRAINED: usize = 1_000_000;

/// `linux/icmp.h`.
const ICMP_FILTER: libc::c_int = 1;
/// `linux/icmpv6.h`.
const ICMPV6_FILTER: libc::c_int = 1;
/// `linux/bpf_common.h`: return.
const BPF_RET: u16 = 0x06;
/// `linux/bpf_common.h`: with a constant.
const BPF_K: u16 = 0x00;

#[cfg(test)]
mod tests;
