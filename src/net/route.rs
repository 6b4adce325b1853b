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
