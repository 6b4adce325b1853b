//! `AF_PACKET` sockets: packets before the IP stack sees them.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use socket2::{Domain, Socket, Type};

use super::{FilterInstruction, check, options, socklen_of};

/// Opens a packet socket that receives what `program` lets pass of the packets of one ethertype, from their network
/// header on, at one interface or at all of them (`None`); never what this host itself sends. It does not block.
///
/// The socket is bound only after the filter is attached, so not even the first packet in its queue has escaped the
/// filter.
///
/// # Errors
///
/// The errno of `socket` (`EPERM` without `CAP_NET_RAW`), of `setsockopt`, or of `bind` (`ENODEV`: no such interface).
pub fn open(ethertype: u16, interface: Option<u32>, program: &[FilterInstruction]) -> io::Result<OwnedFd> {
    // Protocol 0: such a socket receives nothing until it is bound to one.
    let socket = Socket::new(Domain::PACKET, Type::DGRAM.cloexec().nonblocking(), None)?;
    let fd = socket.as_fd();
    options::attach_filter(fd, program)?;
    options::ignore_outgoing(fd)?;
    let address = libc::sockaddr_ll {
        sll_family: AF_PACKET,
        sll_protocol: ethertype.to_be(),
        sll_ifindex: i32::try_from(interface.unwrap_or(0)).map_err(|_| io::Error::from_raw_os_error(libc::ENODEV))?,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    // SAFETY: the pointer and the length describe `address`, which the kernel only reads.
    let returned = unsafe {
        libc::bind(
            fd.as_raw_fd(),
            std::ptr::from_ref(&address).cast(),
            socklen_of::<libc::sockaddr_ll>(),
        )
    };
    check(returned)?;
    Ok(socket.into())
}

/// The address family of packet sockets, as it stands in an address.
const AF_PACKET: libc::sa_family_t = 17;
const _: () = assert!(libc::AF_PACKET == 17 && size_of::<libc::sa_family_t>() == 2);

#[cfg(test)]
mod tests;
