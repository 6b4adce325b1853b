//! Arrival stamps need a moment to begin.
//!
//! The kernel stamps arriving packets only while some socket asks for it, and switches that on from a work queue: the first packets after
//! the first such request on a host carry no stamp. So a packet is sent to ourselves until one arrives with a stamp. The sockets of the
//! run, which ask for stamps too, then keep it switched on.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsFd as _;
use std::time::Duration;

use crate::sys::{self, Interest, PollFd, Queue, RecvBatch, Stamps, options};

/// Returns when arriving packets are stamped, or after a tenth of a second: then this kernel does not stamp them.
///
/// # Errors
/// The errno of a socket call; there may be no loopback interface, for example.
pub(super) fn warm_up() -> io::Result<Warmth> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    options::enable_timestamping(socket.as_fd(), Stamps::RxOnly)?;
    let own_address = socket.local_addr()?;
    let mut received = RecvBatch::new(1, 16);
    for _ in 0..ATTEMPTS {
        socket.send_to(b"warm-up", own_address)?;
        sys::poll(&mut [PollFd::new(socket.as_fd(), Interest::Read)], Some(PATIENCE))?;
        received.recv(socket.as_fd(), Queue::Data)?;
        if received.get(0).rx_stamp.is_some() {
            return Ok(Warmth::Stamping);
        }
        // Nothing else arrives: this is a pause for the work queue.
        sys::poll(&mut [PollFd::new(socket.as_fd(), Interest::Read)], Some(PATIENCE))?;
    }
    Ok(Warmth::NoStamps)
}

/// Whether this kernel stamps packets at all, which some that only look like Linux don't.
#[must_use]
pub fn has_kernel_stamps() -> bool {
    // Without a socket there is nothing to conclude; whoever needs one will say what is wrong.
    UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
        .is_ok_and(|socket| options::enable_timestamping(socket.as_fd(), Stamps::TxRx).is_ok())
}

/// Whether arriving packets are stamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Warmth {
    /// Yes, from now on.
    Stamping,
    /// No.
    NoStamps,
}

const ATTEMPTS: u32 = 25;
const PATIENCE: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_kernel_has_stamps() {
        assert!(has_kernel_stamps());
    }

    #[test]
    fn after_the_warm_up_the_first_packet_of_a_new_socket_is_stamped() {
        assert_eq!(warm_up().unwrap(), Warmth::Stamping);
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        options::enable_timestamping(socket.as_fd(), Stamps::RxOnly).unwrap();
        socket.send_to(b"first", socket.local_addr().unwrap()).unwrap();
        let mut received = RecvBatch::new(1, 16);
        assert_eq!(received.recv(socket.as_fd(), Queue::Data).unwrap(), 1);
        assert_eq!(received.get(0).bytes, b"first");
        assert!(received.get(0).rx_stamp.is_some());
    }
}
