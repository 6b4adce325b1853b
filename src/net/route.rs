//! The source address that this host would use towards a target.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::series::PacketOptions;
use crate::sys;
use crate::units::{Mono, SeriesId};

/// Source addresses by series, looked up again every [`FRESH`]: a stale one would turn an address change into loss.
#[derive(Debug, Default)]
pub(super) struct Sources {
    known: HashMap<SeriesId, (IpAddr, Mono)>,
}

impl Sources {
    /// The source address for packets to `to`.
    ///
    /// # Errors
    /// The errno of `connect`: ENETUNREACH and the like.
    pub(super) fn of(
        &mut self,
        series: SeriesId,
        to: SocketAddr,
        packet: &PacketOptions,
        now: Mono,
    ) -> io::Result<IpAddr> {
        if let Some(source) = packet.source {
            return Ok(source);
        }
        if let Some(&(source, at)) = self.known.get(&series)
            && now.since(at) < FRESH
        {
            return Ok(source);
        }
        let source = lookup(to, packet)?;
        self.known.insert(series, (source, now));
        Ok(source)
    }
}

/// Connecting a datagram socket sends nothing: it only chooses a route and the address that goes with it.
fn lookup(to: SocketAddr, packet: &PacketOptions) -> io::Result<IpAddr> {
    let socket = Socket::new(Domain::for_address(to), Type::DGRAM.cloexec(), None)?;
    if let Some(interface) = &packet.interface {
        sys::options::bind_to_device(std::os::fd::AsFd::as_fd(&socket), interface)?;
    }
    let mut to = to;
    to.set_port(DISCARD);
    socket.connect(&to.into())?;
    let local = socket.local_addr()?.as_socket().map(|local| local.ip());
    local.ok_or_else(|| io::Error::from(io::ErrorKind::AddrNotAvailable))
}

/// How long a source address is believed.
const FRESH: Duration = Duration::from_secs(1);

/// Any port but 0.
const DISCARD: u16 = 9;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing::{in_fresh_network, shell};

    const ANY_SOURCE: PacketOptions = PacketOptions {
        payload_bytes: 56,
        ttl: None,
        traffic_class: 0,
        interface: None,
        source: None,
    };

    fn source(to: &str, packet: &PacketOptions) -> io::Result<IpAddr> {
        let to = SocketAddr::new(to.parse().unwrap(), 0);
        Sources::default().of(SeriesId::new(0), to, packet, Mono::from_nanos(0))
    }

    #[test]
    fn towards_itself_a_host_uses_the_address_it_calls() {
        for address in ["127.0.0.1", "127.3.2.1", "::1"] {
            let found = source(address, &ANY_SOURCE).unwrap();
            // All of 127.0.0.0/8 is this host, which speaks from the first address of it.
            let expected = if address == "::1" { "::1" } else { "127.0.0.1" };
            assert_eq!(found, expected.parse::<IpAddr>().unwrap(), "towards {address}");
        }
    }

    #[test]
    fn a_source_that_was_asked_for_is_not_looked_up() {
        let asked = "192.0.2.99".parse().unwrap();
        let packet = PacketOptions {
            source: Some(asked),
            ..ANY_SOURCE
        };
        assert_eq!(source("127.0.0.1", &packet).unwrap(), asked);
    }

    #[test]
    fn without_a_route_there_is_no_source() {
        in_fresh_network(|| {
            for address in ["192.0.2.1", "2001:db8::1"] {
                let error = source(address, &ANY_SOURCE).unwrap_err();
                assert_eq!(error.raw_os_error(), Some(libc::ENETUNREACH), "{address}: {error}");
            }
        });
    }

    #[test]
    fn an_interface_that_is_not_there_is_an_error() {
        in_fresh_network(|| {
            let packet = PacketOptions {
                interface: Some("nowhere0".to_owned()),
                ..ANY_SOURCE
            };
            let error = source("127.0.0.1", &packet).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::ENODEV), "{error}");
        });
    }

    #[test]
    fn a_change_of_address_is_noticed_after_a_second_and_series_do_not_share_theirs() {
        in_fresh_network(|| {
            shell("ip addr add 192.0.2.1/32 dev lo && ip addr add 192.0.2.2/32 dev lo");
            shell("ip route add 198.51.100.0/24 dev lo src 192.0.2.1");
            let to = SocketAddr::from(([198, 51, 100, 7], 0));
            let mut sources = Sources::default();
            let mut at = |series: u32, millis: u64| {
                let now = Mono::from_nanos(millis * 1_000_000);
                let found = sources.of(SeriesId::new(series), to, &ANY_SOURCE, now);
                found.unwrap().to_string()
            };
            assert_eq!(at(0, 5_000), "192.0.2.1");
            shell("ip route change 198.51.100.0/24 dev lo src 192.0.2.2");
            assert_eq!(at(0, 5_999), "192.0.2.1", "believed for a second");
            assert_eq!(at(1, 5_999), "192.0.2.2");
            assert_eq!(at(0, 6_000), "192.0.2.2");
        });
    }
}
