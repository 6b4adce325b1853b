//! The TUN device of a laboratory: made, given the host's addresses, and made the way to everywhere.
//!
//! The kernel on this side of the device has habits of its own: a link-local address, router solicitations, multicast reports. They are
//! switched off, as they are no part of the network that is simulated: no link-local address (`addr_gen_mode` none) means no router
//! solicitations, and a device without multicast needs no reports.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rtnetlink::packet_route::address::AddressHeaderFlags;
use rtnetlink::packet_route::link::{AfSpecInet6, AfSpecUnspec, In6AddrGenMode, LinkAttribute};
use rtnetlink::packet_route::route::RouteMessage;
use rtnetlink::{Handle, LinkUnspec, RouteMessageBuilder};

use super::departures::Departures;
use super::error::LabError;
use super::namespace::advice_without_capabilities;
use crate::clock::Clock;
use crate::sys::tun::DEVICE_NODE;
use crate::sys::{Tun, TunNode, process};

/// What the device is called.
pub(super) const NAME: &str = "lab0";

/// Makes the device in the network namespace of this thread, with these addresses and a default route for each family. Brings up the
/// loopback interface, too.
///
/// # Errors
/// What is missing for it, and how to get it.
pub(super) fn open(addresses: &[IpAddr], clock: &impl Clock) -> Result<Device, LabError> {
    let node = TunNode::open().map_err(no_node)?;
    let tun = node.create(NAME).map_err(|error| {
        let advice = (error.kind() == io::ErrorKind::PermissionDenied).then(advice_without_capabilities);
        LabError::new("a TUN device could not be made", error).advise(advice.flatten())
    })?;
    configure_blocking(addresses).map_err(|error| LabError::new(format!("{NAME} could not be set up"), error))?;
    let departures = process::interface_index(NAME).and_then(|index| Departures::open(index, clock));
    let departures = departures.map_err(|error| LabError::new(format!("{NAME} could not be tapped"), error))?;
    Ok(Device { tun, departures })
}

/// Both sides of the device: what is written to it arrives at the host, and what the host sends is seen by a tap. The ring of the device has
/// that as well, and has to be emptied.
#[derive(Debug)]
pub(super) struct Device {
    pub(super) tun: Tun,
    pub(super) departures: Departures,
}

/// Packets that the device lost, by its own counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct DeviceLoss {
    /// From the simulated network to the kernel: refused or dropped.
    pub to_kernel: u64,
    /// From the kernel to the simulated network: for want of room in the device's ring.
    pub from_kernel: u64,
}

impl DeviceLoss {
    /// What the device of this thread's network namespace has lost so far.
    ///
    /// # Errors
    /// That of reading `/proc/thread-self/net/dev`, or that the device is not in it. (`/sys` may show another namespace.)
    pub fn read() -> io::Result<Self> {
        let table = std::fs::read_to_string("/proc/thread-self/net/dev")?;
        Self::in_table(&table).ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the device is gone"))
    }

    /// Columns of each direction (`dev_seq_printf_stats`): bytes, packets, errs, drop, and four others.
    fn in_table(table: &str) -> Option<Self> {
        let mut devices = table.lines().filter_map(|line| line.trim_start().split_once(':'));
        let (_, columns) = devices.find(|(name, _)| *name == NAME)?;
        let columns: Vec<u64> = columns
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()
            .ok()?;
        let lost = |first: usize| Some(columns.get(first + 2)?.saturating_add(*columns.get(first + 3)?));
        Some(Self {
            to_kernel: lost(0)?,
            from_kernel: lost(8)?,
        })
    }
}

fn no_node(error: io::Error) -> LabError {
    use std::os::unix::fs::MetadataExt as _;

    let advice = match error.kind() {
        io::ErrorKind::NotFound => {
            "load the driver ('modprobe tun', CONFIG_TUN), or give the container the device".to_owned()
        }
        io::ErrorKind::PermissionDenied => match std::fs::metadata(DEVICE_NODE) {
            Ok(node) => format!(
                "its mode is {:04o}: run as root, or 'chmod 0666 {DEVICE_NODE}' (the usual mode)",
                node.mode() & 0o7777
            ),
            Err(_) => "run as root".to_owned(),
        },
        _ => "the kernel may lack the driver (CONFIG_TUN)".to_owned(),
    };
    LabError::new(format!("{DEVICE_NODE} could not be opened"), error).advise(Some(advice))
}

fn configure_blocking(addresses: &[IpAddr]) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        let (connection, handle, _notices) = rtnetlink::new_connection()?;
        // Ends with the runtime, whose only task it is.
        tokio::spawn(connection);
        configure(&handle, addresses).await
    })
}

async fn configure(handle: &Handle, addresses: &[IpAddr]) -> io::Result<()> {
    let set = |link| handle.link().set(link).execute();
    set(LinkUnspec::new_with_name("lo").up().build())
        .await
        .map_err(io_error)?;
    let index = process::interface_index(NAME)?;
    let quiet = LinkUnspec::new_with_index(index)
        .mtu(MTU)
        .txqueuelen(RING_PACKETS)
        .multicast(false);
    set(quiet.build()).await.map_err(io_error)?;
    if addresses.iter().any(IpAddr::is_ipv6) {
        let no_link_local = AfSpecUnspec::Inet6(vec![AfSpecInet6::AddrGenMode(In6AddrGenMode::None)]);
        let attribute = LinkAttribute::AfSpecUnspec(vec![no_link_local]);
        let link = LinkUnspec::new_with_index(index).append_extra_attribute(attribute);
        set(link.build()).await.map_err(io_error)?;
    }
    set(LinkUnspec::new_with_index(index).up().build())
        .await
        .map_err(io_error)?;
    for address in addresses {
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let mut request = handle.address().add(index, *address, whole);
        // Nobody else is here, and a tentative address could not be used for a second.
        request.message_mut().header.flags |= AddressHeaderFlags::Nodad;
        request.execute().await.map_err(io_error)?;
        let route = handle.route().add(default_route(*address, index));
        route.execute().await.map_err(io_error)?;
    }
    Ok(())
}

/// To everywhere by this interface, from `address`.
fn default_route(address: IpAddr, index: u32) -> RouteMessage {
    match address {
        IpAddr::V4(address) => RouteMessageBuilder::<Ipv4Addr>::new()
            .output_interface(index)
            .pref_source(address)
            .build(),
        IpAddr::V6(address) => RouteMessageBuilder::<Ipv6Addr>::new()
            .output_interface(index)
            .pref_source(address)
            .build(),
    }
}

fn io_error(error: rtnetlink::Error) -> io::Error {
    match error {
        rtnetlink::Error::NetlinkError(message) => message.to_io(),
        other => io::Error::other(other),
    }
}

/// Ethernet's, which is what most paths have at their ends.
const MTU: u32 = 1500;

/// Room for bursts in the device's ring (500 by default): what finds it full is dropped without a word to the sender. At 100,000
/// packets a second, this is as long as a pause of 160 ms.
const RING_PACKETS: u32 = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:    1000      20    0    0    0     0          0         0     1000      20    0    0    0     0       0          0
  lab0:    8400     100    1    2    0     0          0         0     9240     110    4    8    0     0       0          0
";

    #[test]
    fn losses_are_errors_and_drops_of_each_direction_of_the_device() {
        assert_eq!(
            DeviceLoss::in_table(TABLE),
            Some(DeviceLoss {
                to_kernel: 3,
                from_kernel: 12
            })
        );
        assert_eq!(DeviceLoss::in_table(TABLE.split_once("lab0").unwrap().0), None);
        assert_eq!(DeviceLoss::in_table("  lab0: 1 2 x"), None);
        assert_eq!(DeviceLoss::in_table("  lab0: 1 2 3"), None);
    }
}
