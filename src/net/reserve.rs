//! Source ports that nobody else on this host can take while we probe from them.
//!
//! A bound TCP socket that neither listens nor connects reserves its port. To the kernel, a SYN-ACK to such a port belongs to no
//! connection: it answers with a RST, which closes the half-open entry at the backend as HAProxy's own layer-4 check does.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

use super::filter::PortBlock;

/// Reserved ports; dropping this frees them.
#[derive(Debug)]
pub(super) struct Reservation {
    pub(super) block: PortBlock,
    pub(super) ports: Vec<u16>,
    _holders: Vec<Socket>,
}

/// Reserves `wanted` ports, of an aligned block within the range that this host uses for outgoing connections anyway.
///
/// `random` chooses the block. A block of which others hold more than a few ports is passed over for another.
pub(super) fn reserve(wanted: usize, random: impl FnMut() -> u32) -> io::Result<Reservation> {
    reserve_in(ephemeral_range(), wanted, random)
}

fn reserve_in(range: (u16, u16), wanted: usize, mut random: impl FnMut() -> u32) -> io::Result<Reservation> {
    let (first, end) = (u32::from(range.0), u32::from(range.1) + 1);
    let mut size = u32::try_from(wanted.next_power_of_two())
        .unwrap_or(u32::MAX)
        .clamp(8, 16_384);
    let blocks_of = |size: u32| (end / size).saturating_sub(first.div_ceil(size));
    // A range too narrow for an aligned block of this size has one of a smaller size: at worst each port is one.
    while size > 1 && blocks_of(size) == 0 {
        size /= 2;
    }
    let blocks = blocks_of(size).max(1);
    let wanted = wanted.min(usize::try_from(size).unwrap_or(usize::MAX));
    let mut last_error = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..ATTEMPTS {
        let base = (first.div_ceil(size) + random() % blocks) * size;
        // Blocks lie within the range, and so do their ends.
        let (Ok(base), Ok(size)) = (u16::try_from(base), u16::try_from(size)) else {
            break;
        };
        let (holders, error) = hold(base, size, wanted);
        // Fewer ports than wanted only make each rest for less.
        if holders.len() >= (wanted * 3 / 4).clamp(1, wanted) {
            let (ports, holders) = holders.into_iter().unzip();
            return Ok(Reservation {
                block: PortBlock {
                    base,
                    mask: !(size - 1),
                },
                ports,
                _holders: holders,
            });
        }
        last_error = error.unwrap_or(last_error);
    }
    Err(last_error)
}

/// Binds up to `wanted` ports of a block; passes over those that are taken, stops at any other error.
fn hold(base: u16, size: u16, wanted: usize) -> (Vec<(u16, Socket)>, Option<io::Error>) {
    let mut held = Vec::with_capacity(wanted);
    for offset in 0..size {
        if held.len() == wanted {
            break;
        }
        let Some(port) = base.checked_add(offset) else { break };
        match bind(port) {
            Ok(socket) => held.push((port, socket)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(error) => return (held, Some(error)),
        }
    }
    (held, None)
}

/// One socket holds a port for both families, where there is IPv6.
fn bind(port: u16) -> io::Result<Socket> {
    if let Ok(socket) = Socket::new(Domain::IPV6, Type::STREAM.cloexec(), None) {
        socket.set_only_v6(false)?;
        match socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into()) {
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {}
            result => return result.map(|()| socket),
        }
    }
    let socket = Socket::new(Domain::IPV4, Type::STREAM.cloexec(), None)?;
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
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn no_port_outside_of_a_narrow_range_is_taken() {
        for range in [(60_000, 60_999), (65_000, 65_535), (50_001, 50_030)] {
            let reservation = reserve_in(range, 4096, || 7).unwrap();
            assert!(!reservation.ports.is_empty());
            for &port in &reservation.ports {
                assert!((range.0..=range.1).contains(&port), "port {port} of {range:?}");
            }
        }
    }

    #[test]
    fn reserved_ports_lie_in_their_block_and_nobody_else_gets_them() {
        let mut state = 12_345_u32;
        let reservation = reserve(24, || {
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
        drop(reservation);
        assert!(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok());
    }
}
