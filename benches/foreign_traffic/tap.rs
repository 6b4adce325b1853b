//! The ways in which a prober can receive TCP answers, each opened and filtered so that no foreign packet passes.

use std::io;
use std::os::fd::AsFd;

use socket2::{Domain, Protocol, Socket, Type};

use crate::support::sys::{attach_filter, bind_packet, set_option};

/// One way to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tap {
    /// No prober at all.
    Nothing,
    /// A raw TCP socket: the kernel clones the segment, then filters the clone.
    Raw,
    /// The same with receive and send stamps.
    RawStamped,
    /// A packet socket for IPv4: since packet sockets are listed per namespace it runs after the IP stack has been handed the
    /// buffer, which therefore is shared and gets cloned.
    PacketIpv4,
    /// A packet socket for every protocol, without outgoing packets: it runs before the IP stack, and a refusal leaves no trace.
    PacketAll,
    /// The same with receive and send stamps.
    PacketAllStamped,
    /// The same with outgoing packets, to show what leaving them out saves.
    PacketAllBothWays,
    /// A socket that only sends, with its own IP headers.
    SendOnly,
    /// Nothing once more: how far two equal rows differ.
    NothingAgain,
}

impl Tap {
    pub(crate) const ALL: [Self; 9] = [
        Self::Nothing,
        Self::Raw,
        Self::RawStamped,
        Self::PacketIpv4,
        Self::PacketAll,
        Self::PacketAllStamped,
        Self::PacketAllBothWays,
        Self::SendOnly,
        Self::NothingAgain,
    ];

    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Nothing => "none",
            Self::Raw => "raw TCP, filter",
            Self::RawStamped => "raw TCP, filter, stamps",
            Self::PacketIpv4 => "packet, IPv4, filter",
            Self::PacketAll => "packet, all, incoming, filter",
            Self::PacketAllStamped => "packet, all, incoming, filter, stamps",
            Self::PacketAllBothWays => "packet, all, both ways, filter",
            Self::SendOnly => "raw, send only, stamps",
            Self::NothingAgain => "none again",
        }
    }

    /// The open socket, closed when dropped.
    pub(crate) fn open(self) -> io::Result<Option<Socket>> {
        let socket = match self {
            Self::Nothing | Self::NothingAgain => return Ok(None),
            Self::Raw | Self::RawStamped => {
                let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::TCP))?;
                attach_filter(socket.as_fd(), &IPV4_FILTER)?;
                socket
            }
            Self::PacketIpv4 => packet_socket(libc::ETH_P_IP, Outgoing::Ignored)?,
            Self::PacketAll | Self::PacketAllStamped => packet_socket(libc::ETH_P_ALL, Outgoing::Ignored)?,
            Self::PacketAllBothWays => packet_socket(libc::ETH_P_ALL, Outgoing::Seen)?,
            Self::SendOnly => Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(libc::IPPROTO_RAW)))?,
        };
        match self {
            Self::RawStamped | Self::PacketAllStamped | Self::SendOnly => enable_stamps(&socket)?,
            Self::Nothing
            | Self::NothingAgain
            | Self::Raw
            | Self::PacketIpv4
            | Self::PacketAll
            | Self::PacketAllBothWays => {}
        }
        Ok(Some(socket))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outgoing {
    Ignored,
    Seen,
}

/// Protocol 0 hears nothing, so the filter is in place before the socket is bound.
fn packet_socket(ether_type: i32, outgoing: Outgoing) -> io::Result<Socket> {
    let socket = Socket::new(Domain::PACKET, Type::DGRAM, None)?;
    if ether_type == libc::ETH_P_ALL {
        let mut filter = vec![(LOAD_HALF, 0, 0, SKF_AD_PROTOCOL), (IF_EQUAL, 0, 8, 0x0800)];
        filter.extend(IPV4_FILTER);
        attach_filter(socket.as_fd(), &filter)?;
    } else {
        attach_filter(socket.as_fd(), &IPV4_FILTER)?;
    }
    set_option(
        socket.as_fd(),
        libc::SOL_PACKET,
        PACKET_IGNORE_OUTGOING,
        &i32::from(outgoing == Outgoing::Ignored),
    )?;
    bind_packet(socket.as_fd(), ether_type)?;
    Ok(socket)
}

fn enable_stamps(socket: &Socket) -> io::Result<()> {
    let flags = libc::SOF_TIMESTAMPING_TX_SOFTWARE
        | libc::SOF_TIMESTAMPING_RX_SOFTWARE
        | libc::SOF_TIMESTAMPING_SOFTWARE
        | libc::SOF_TIMESTAMPING_OPT_ID
        | libc::SOF_TIMESTAMPING_OPT_TSONLY;
    set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPING, &flags)
}

/// TCP, not a later fragment, destination port in a block of 32; offsets count from the IP header.
const IPV4_FILTER: [(u16, u8, u8, u32); 10] = [
    (0x30, 0, 0, 9),          // A = protocol
    (IF_EQUAL, 0, 6, 6),      // TCP, else drop
    (LOAD_HALF, 0, 0, 6),     // A = fragment word
    (0x45, 4, 0, 0x1fff),     // an offset: drop
    (0xb1, 0, 0, 0),          // X = length of the IP header
    (0x48, 0, 0, 2),          // A = destination port
    (0x54, 0, 0, 0xffe0),     // its block
    (IF_EQUAL, 1, 0, 0xefe0), // 61408..61440
    (0x06, 0, 0, 0),          // drop
    (0x06, 0, 0, 96),         // keep the headers
];

const LOAD_HALF: u16 = 0x28;
const IF_EQUAL: u16 = 0x15;
/// `linux/filter.h`: the packet's `EtherType`, by the negative offset `SKF_AD_OFF + SKF_AD_PROTOCOL`.
const SKF_AD_PROTOCOL: u32 = 0xffff_f000;
/// `linux/if_packet.h`; not in libc.
const PACKET_IGNORE_OUTGOING: i32 = 23;
