//! A packet socket that is handed a copy of every packet that leaves by one interface, with the kernel's stamp.
//!
//! The kernel copies and stamps an outgoing packet right before it gives it to the driver (`dev_queue_xmit_nit`), where the software send
//! stamps of sockets are made a moment later. Packets have their final checksums and sizes there (`validate_xmit_skb` comes before).

use std::io;
use std::mem::zeroed;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};

use socket2::{Domain, Socket, Type};

use super::options::{FilterInstruction, ReceiveBuffer, Stamps, attach_filter, enable_timestamping};
use super::{check, options, socklen_of};

/// Opens such a socket on the interface with this index, with a receive buffer of about `buffer_bytes` bytes. Read it with
/// [`RecvBatch`](super::RecvBatch), never waiting; packets begin at their IP header where the interface has no header of its own.
/// [`receive_drops`](options::receive_drops) counts what found the buffer full.
///
/// # Errors
///
/// The errno of the call that failed: `EPERM` without `CAP_NET_RAW` in the network namespace, `ENODEV` without the interface.
pub fn open_departures(interface: u32, buffer_bytes: usize) -> io::Result<(OwnedFd, ReceiveBuffer)> {
    // Of no protocol: it receives nothing until it is bound, when all else is in place.
    let socket = Socket::new(Domain::PACKET, Type::DGRAM.nonblocking().cloexec(), None)?;
    attach_filter(socket.as_fd(), &OUTGOING)?;
    enable_timestamping(socket.as_fd(), Stamps::RxOnly)?;
    let buffer = options::force_receive_buffer(socket.as_fd(), buffer_bytes)?;
    bind_to_all_protocols(&socket, interface)?;
    Ok((socket.into(), buffer))
}

fn bind_to_all_protocols(socket: &Socket, interface: u32) -> io::Result<()> {
    let invalid = |_| io::Error::from_raw_os_error(libc::ENODEV);
    // SAFETY: all fields are integers, of which zero is a valid value.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    address.sll_family = u16::try_from(libc::AF_PACKET).map_err(invalid)?;
    address.sll_protocol = u16::try_from(libc::ETH_P_ALL).map_err(invalid)?.to_be();
    address.sll_ifindex = i32::try_from(interface).map_err(invalid)?;
    let len = socklen_of::<libc::sockaddr_ll>();
    // SAFETY: the pointer and the length describe a local that outlives the call, which only reads it.
    let returned = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), len) };
    check(returned).map(drop)
}

/// Lets pass what leaves, in full. What arrives is seen by the same hook.
const OUTGOING: [FilterInstruction; 4] = [
    instruction(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 0, 0, PACKET_TYPE),
    instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, PACKET_OUTGOING),
    instruction(libc::BPF_RET | libc::BPF_K, 0, 0, u32::MAX),
    instruction(libc::BPF_RET | libc::BPF_K, 0, 0, 0),
];

#[expect(clippy::cast_possible_truncation, reason = "BPF operation codes have 16 bits")]
const fn instruction(code: u32, jt: u8, jf: u8, k: u32) -> FilterInstruction {
    FilterInstruction {
        code: code as u16,
        jt,
        jf,
        k,
    }
}

/// `SKF_AD_OFF + SKF_AD_PKTTYPE` (`linux/filter.h`): where a filter finds `skb->pkt_type`.
const PACKET_TYPE: u32 = (-0x1000_i32 + 4).cast_unsigned();
/// `linux/if_packet.h`.
const PACKET_OUTGOING: u32 = 4;

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;
    use crate::sys::testing::{in_fresh_network, shell, without_capabilities};
    use crate::sys::{Queue, RecvBatch, TunNode, process};

    #[test]
    fn what_leaves_is_seen_with_a_stamp_and_what_arrives_is_not() {
        in_fresh_network(|| {
            let tun = TunNode::open().unwrap().create("lab0").unwrap();
            shell("ip link set lab0 addrgenmode none multicast off up && ip addr add 10.9.0.1/24 dev lab0");
            let (departures, buffer) = open_departures(process::interface_index("lab0").unwrap(), 1 << 20).unwrap();
            assert!(buffer.bytes >= 1 << 16, "{buffer:?}");
            let socket = UdpSocket::bind("10.9.0.1:0").unwrap();
            socket.send_to(b"out", "10.9.0.2:9").unwrap();
            // It comes back, from an address of this host, and is dropped.
            let is_v4 = |packet: &[u8]| packet.first() == Some(&0x45);
            // The kernel may say something of its own over IPv6.
            let mut buffer = [0; 128];
            let mut next = || tun.read(&mut buffer).unwrap().map(<[u8]>::to_vec);
            let left = std::iter::from_fn(&mut next).find(|packet| is_v4(packet)).unwrap();
            tun.write(&left).unwrap();
            let mut batch = RecvBatch::new(8, 1_500);
            batch.recv(departures.as_fd(), Queue::Data).unwrap();
            let seen: Vec<_> = batch.iter().filter(|seen| is_v4(seen.bytes)).collect();
            assert_eq!(seen.len(), 1);
            assert_eq!(seen[0].bytes, left);
            assert!(seen[0].rx_stamp.is_some());
        });
    }

    #[test]
    fn without_capabilities_it_is_refused() {
        without_capabilities(|| {
            assert_eq!(open_departures(1, 4_096).unwrap_err().raw_os_error(), Some(libc::EPERM));
        });
    }
}
