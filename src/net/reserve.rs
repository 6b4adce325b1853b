//! Source ports that nobody else on this host can take while we probe from them.
//!
//! A bound TCP socket that neither listens nor connects reserves its port. To the kernel, a SYN-ACK to such a port belongs to no
//! connection: it answers with a RST, which closes the half-open entry at the backend as HAProxy's own layer-4 check does.
//!
//! A bound UDP socket reserves its port for UDP. Its filter lets nothing in, so that its queue stays empty; because it is there, the
//! kernel does not answer a reply to that port with port unreachable.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsFd as _;

use socket2::{Domain, Socket, Type};

use super::filter::PortBlock;
use crate::sys::options;

/// Reserved ports; dropping this frees them.
#[derive(Debug)]
pub(super) struct Reservation {
    pub(super) block: PortBlock,
    pub(super) ports: Vec<u16>,
    #[cfg_attr(not(test), expect(dead_code, reason = "they hold the ports until they are dropped"))]
    holders: Vec<Socket>,
}

/// Which ports to reserve.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    /// How many would be good.
    pub(super) wanted: usize,
    /// How many there must be, at most `wanted`.
    pub(super) least: usize,
    /// Whether nobody else may send TCP from them.
    pub(super) tcp: bool,
    /// Whether nobody else may send UDP from them.
    pub(super) udp: bool,
}

/// Reserves ports of an aligned block within the range that this host uses for outgoing connections anyway.
///
/// `random` chooses the block. A block of which others hold too many ports is passed over for another.
pub(super) fn reserve(demand: Demand, random: impl FnMut() -> u32) -> io::Result<Reservation> {
    reserve_in(ephemeral_range(), demand, random)
}

fn reserve_in(range: (u16, u16), demand: Demand, mut random: impl FnMut() -> u32) -> io::Result<Reservation> {
    let (first, end) = (u32::from(range.0), u32::from(range.1) + 1);
    // Where none may be missing, a block has room for ports that others hold.
    let spare = if demand.least == demand.wanted { 2 } else { 1 };
    let mut size = u32::try_from(demand.wanted.saturating_mul(spare).next_power_of_two())
        .unwrap_or(u32::MAX)
        .clamp(8, 16_384);
    let blocks_of = |size: u32| (end / size).saturating_sub(first.div_ceil(size));
    // A range too narrow for an aligned block of this size has one of a smaller size: at worst each port is one.
    while size > 1 && blocks_of(size) == 0 {
        size /= 2;
    }
    let blocks = blocks_of(size).max(1);
    let demand = Demand {
        wanted: demand.wanted.min(usize::try_from(size).unwrap_or(usize::MAX)),
        ..demand
    };
    let mut last_error = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..ATTEMPTS {
        let base = (first.div_ceil(size) + random() % blocks) * size;
        // Blocks lie within the range, and so do their ends.
        let (Ok(base), Ok(size)) = (u16::try_from(base), u16::try_from(size)) else {
            break;
        };
        let (ports, holders, error) = hold(base, size, demand);
        if ports.len() >= demand.least.clamp(1, demand.wanted) {
            return Ok(Reservation {
                block: PortBlock {
                    base,
                    mask: !(size - 1),
                },
                ports,
                holders,
            });
        }
        last_error = error.unwrap_or(last_error);
    }
    Err(last_error)
}

/// Binds ports of a block; passes over those that are taken, stops at any other error.
fn hold(base: u16, size: u16, demand: Demand) -> (Vec<u16>, Vec<Socket>, Option<io::Error>) {
    let (mut ports, mut holders) = (Vec::with_capacity(demand.wanted), Vec::new());
    for offset in 0..size {
        if ports.len() == demand.wanted {
            break;
        }
        let Some(port) = base.checked_add(offset) else { break };
        match bind_each(port, demand) {
            Ok(bound) => {
                ports.push(port);
                holders.extend(bound.into_iter().flatten());
            }
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return (ports, holders, Some(error)),
        }
    }
    (ports, holders, None)
}

/// Holds a port for each transport that is demanded.
fn bind_each(port: u16, demand: Demand) -> io::Result<[Option<Socket>; 2]> {
    let tcp = demand.tcp.then(|| bind(Type::STREAM, port)).transpose()?;
    let udp = demand.udp.then(|| bind(Type::DGRAM, port)).transpose()?;
    if let Some(socket) = &udp {
        options::attach_drop_all(socket.as_fd())?;
    }
    Ok([tcp, udp])
}

/// One socket holds a port for both families, where there is IPv6.
fn bind(transport: Type, port: u16) -> io::Result<Socket> {
    if let Ok(socket) = Socket::new(Domain::IPV6, transport.cloexec(), None) {
        socket.set_only_v6(false)?;
        match socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into()) {
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {}
            result => return result.map(|()| socket),
        }
    }
    let socket = Socket::new(Domain::IPV4, transport.cloexec(), None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())?;
    Ok(socket)
}

/// `net.ipv4.ip_local_port_range`, which holds for both families.
fn ephemeral_range() -> (u16, u16) {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let mut bounds = text.split_whitespace().filter_map(|bound| bound.parse().ok());
    match (bounds.next(), bounds.next()) {
        (Some(low), Some(high)) if low < high => (low, high),
        _ => DEFAULT_RANGE,
    }
}

const DEFAULT_RANGE: (u16, u16) = (32_768, 60_999);

const ATTEMPTS: usize = 32;

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::*;

    fn tcp(wanted: usize) -> Demand {
        Demand {
            wanted,
            least: 1,
            tcp: true,
            udp: false,
        }
    }

    #[test]
    fn no_port_outside_of_a_narrow_range_is_taken() {
        for range in [(60_000, 60_999), (65_000, 65_535), (50_001, 50_030)] {
            let reservation = reserve_in(range, tcp(4096), || 7).unwrap();
            assert!(!reservation.ports.is_empty());
            for &port in &reservation.ports {
                assert!((range.0..=range.1).contains(&port), "port {port} of {range:?}");
            }
        }
    }

    #[test]
    fn reserved_ports_lie_in_their_block_and_nobody_else_gets_them() {
        let mut state = 12_345_u32;
        let demand = Demand { least: 18, ..tcp(24) };
        let reservation = reserve(demand, || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 8
        })
        .unwrap();
        assert!(reservation.ports.len() >= 18);
        for &port in &reservation.ports {
            assert_eq!(port & reservation.block.mask, reservation.block.base);
            assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err(), "port {port}");
        }
        let port = reservation.ports[0];
        assert!(
            UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok(),
            "UDP was not asked for"
        );
        drop(reservation);
        assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok());
    }

    #[test]
    fn where_no_port_may_be_missing_a_port_that_others_hold_is_replaced() {
        let taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let first = taken.local_addr().unwrap().port() & !15;
        let demand = Demand {
            wanted: 8,
            least: 8,
            tcp: false,
            udp: true,
        };
        let held = reserve_in((first, first + 15), demand, || 0).unwrap();
        assert_eq!(held.ports.len(), 8);
        assert!(!held.ports.contains(&taken.local_addr().unwrap().port()));
    }

    #[test]
    fn a_reserved_udp_port_takes_nothing_in_and_answers_nothing() {
        let demand = Demand {
            wanted: 1,
            least: 1,
            tcp: false,
            udp: true,
        };
        let held = reserve(demand, || 0).unwrap();
        let port = held.ports[0];
        assert!(UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_err(), "it is taken");
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        sender.connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        // Port unreachable would fail the second; loopback delivers both, and any answer, before `send` returns.
        assert_eq!(sender.send(b"1").unwrap() + sender.send(b"2").unwrap(), 2);
        held.holders[0].set_nonblocking(true).unwrap();
        let received = held.holders[0].recv(&mut [std::mem::MaybeUninit::uninit(); 4]);
        assert_eq!(received.unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}
