//! The control messages (`cmsg(3)`) that come with a received message, decoded without pointers; and the one that sets a TTL.
//!
//! The layout is the kernel's: a header (`size_t` length that includes the header, `int` level, `int` type), data,
//! padding to the size of a `long`. The walk ends at the first header that is cut short, or that claims less than a
//! header or more than is left. Messages that nobody here asked for are skipped.

use std::mem::{align_of, offset_of, size_of};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::Family;
use super::batch_recv::{QueuedIcmpError, TxStamp};
use crate::units::Wall;

/// What the control messages of one received message say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Control {
    /// TTL or hop limit.
    pub(super) ttl: Option<u8>,
    /// The software stamp: of the arrival, or of the sending if `error` says so.
    stamp: Option<Wall>,
    error: Option<ExtendedError>,
}

/// `struct sock_extended_err`, with the address that follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ExtendedError {
    errno: u32,
    origin: u8,
    icmp_type: u8,
    code: u8,
    info: u32,
    data: u32,
    offender: Option<IpAddr>,
}

impl Control {
    /// The stamp of the arrival of a packet, be it a datagram or an ICMP error.
    pub(super) fn rx_stamp(&self) -> Option<Wall> {
        match self.error {
            Some(error) if error.origin == libc::SO_EE_ORIGIN_TIMESTAMPING => None,
            _ => self.stamp,
        }
    }

    /// The stamp of a packet that was handed to the network interface.
    pub(super) fn tx_stamp(&self) -> Option<TxStamp> {
        let error = self.error?;
        let is_ours = error.origin == libc::SO_EE_ORIGIN_TIMESTAMPING && error.info == SCM_TSTAMP_SND;
        let at = self.stamp.filter(|_| is_ours)?;
        Some(TxStamp { id: error.data, at })
    }

    /// The ICMP error that the message is about.
    pub(super) fn icmp_error(&self) -> Option<QueuedIcmpError> {
        let error = self.error?;
        matches!(error.origin, libc::SO_EE_ORIGIN_ICMP | libc::SO_EE_ORIGIN_ICMP6).then_some(QueuedIcmpError {
            icmp_type: error.icmp_type,
            code: error.code,
            offender: error.offender,
            errno: error.errno.cast_signed(),
        })
    }
}

/// Decodes a control buffer, up to the length that the kernel reported.
pub(super) fn decode(mut buffer: &[u8]) -> Control {
    let mut control = Control::default();
    while let Some((message, rest)) = split_message(buffer) {
        match (message.level, message.kind) {
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPING) => control.stamp = decode_software_stamp(message.data),
            (libc::IPPROTO_IP, libc::IP_TTL) | (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
                control.ttl = read(message.data, 0).and_then(|bytes| u8::try_from(i32::from_ne_bytes(bytes)).ok());
            }
            (libc::IPPROTO_IP, libc::IP_RECVERR)
            | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR)
            | (libc::SOL_PACKET, libc::PACKET_TX_TIMESTAMP) => control.error = decode_extended_error(message.data),
            _ => {}
        }
        buffer = rest;
    }
    control
}

/// Decodes a socket address: IPv4 and IPv6 give `Some`, all other families and all cut ones `None`.
pub(super) fn decode_address(name: &[u8]) -> Option<SocketAddr> {
    match i32::from(u16::from_ne_bytes(read(name, 0)?)) {
        libc::AF_INET => {
            let port = u16::from_be_bytes(read(name, offset_of!(libc::sockaddr_in, sin_port))?);
            let ip: [u8; 4] = read(name, offset_of!(libc::sockaddr_in, sin_addr))?;
            Some(SocketAddrV4::new(Ipv4Addr::from(ip), port).into())
        }
        libc::AF_INET6 => {
            let port = u16::from_be_bytes(read(name, offset_of!(libc::sockaddr_in6, sin6_port))?);
            let flow = u32::from_ne_bytes(read(name, offset_of!(libc::sockaddr_in6, sin6_flowinfo))?);
            let ip: [u8; 16] = read(name, offset_of!(libc::sockaddr_in6, sin6_addr))?;
            let scope = u32::from_ne_bytes(read(name, offset_of!(libc::sockaddr_in6, sin6_scope_id))?);
            Some(SocketAddrV6::new(Ipv6Addr::from(ip), port, flow, scope).into())
        }
        _ => None,
    }
}

/// One control message.
struct Message<'a> {
    level: i32,
    kind: i32,
    data: &'a [u8],
}

/// The first control message of a buffer, and what follows it.
fn split_message(buffer: &[u8]) -> Option<(Message<'_>, &[u8])> {
    let len = usize::from_ne_bytes(read(buffer, 0)?);
    let level = i32::from_ne_bytes(read(buffer, LEVEL_OFFSET)?);
    let kind = i32::from_ne_bytes(read(buffer, KIND_OFFSET)?);
    let data = buffer.get(HEADER_BYTES..len)?;
    // The padding of the last message may be missing; its length is at most that of the buffer, so this can't overflow.
    let rest = buffer.get(len.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
    Some((Message { level, kind, data }, rest))
}

/// The first of the three `timespec` of `struct scm_timestamping`; zero stands for no software stamp.
fn decode_software_stamp(data: &[u8]) -> Option<Wall> {
    let seconds = u64::try_from(i64::from_ne_bytes(read(data, 0)?)).ok()?;
    let nanos = u64::try_from(i64::from_ne_bytes(read(data, size_of::<i64>())?)).ok()?;
    let nanos = seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?;
    (nanos != 0).then_some(Wall::from_nanos(nanos))
}

fn decode_extended_error(data: &[u8]) -> Option<ExtendedError> {
    use libc::sock_extended_err as Layout;
    let byte = |offset| data.get(offset).copied();
    let word = |offset| read(data, offset).map(u32::from_ne_bytes);
    // What SO_EE_OFFENDER points at: it follows directly. Errors without an offender have AF_UNSPEC there.
    let offender = data.get(size_of::<Layout>()..).and_then(decode_address);
    Some(ExtendedError {
        errno: word(offset_of!(Layout, ee_errno))?,
        origin: byte(offset_of!(Layout, ee_origin))?,
        icmp_type: byte(offset_of!(Layout, ee_type))?,
        code: byte(offset_of!(Layout, ee_code))?,
        info: word(offset_of!(Layout, ee_info))?,
        data: word(offset_of!(Layout, ee_data))?,
        offender: offender.map(|address| address.ip()),
    })
}

/// `N` bytes at `offset`, if they are there.
fn read<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

/// The control message that sets the TTL or hop limit of one sent message, aligned like the kernel's headers.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub(super) struct TtlMessage([u8; TTL_MESSAGE_BYTES]);

impl TtlMessage {
    pub(super) const EMPTY: Self = Self([0; TTL_MESSAGE_BYTES]);

    pub(super) fn new(family: Family, ttl: u8) -> Self {
        let (level, kind) = match family {
            Family::V4 => (libc::IPPROTO_IP, libc::IP_TTL),
            Family::V6 => (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT),
        };
        let mut bytes = [0; TTL_MESSAGE_BYTES];
        bytes[..LEVEL_OFFSET].copy_from_slice(&(HEADER_BYTES + size_of::<libc::c_int>()).to_ne_bytes());
        bytes[LEVEL_OFFSET..KIND_OFFSET].copy_from_slice(&level.to_ne_bytes());
        bytes[KIND_OFFSET..HEADER_BYTES].copy_from_slice(&kind.to_ne_bytes());
        bytes[HEADER_BYTES..HEADER_BYTES + size_of::<libc::c_int>()]
            .copy_from_slice(&libc::c_int::from(ttl).to_ne_bytes());
        Self(bytes)
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut libc::c_void {
        self.0.as_mut_ptr().cast()
    }
}

/// Room for the control messages of one received message, aligned like the kernel's headers.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub(super) struct ControlBuffer([u8; CONTROL_BYTES]);

impl ControlBuffer {
    pub(super) const EMPTY: Self = Self([0; CONTROL_BYTES]);

    pub(super) fn as_mut_ptr(&mut self) -> *mut libc::c_void {
        self.0.as_mut_ptr().cast()
    }

    /// The first `len` bytes, or as many as there are. (The type of such lengths differs between C libraries.)
    pub(super) fn filled(&self, len: impl TryInto<usize>) -> &[u8] {
        prefix(&self.0, len)
    }
}

/// Room for the address of the sender of one received message, aligned like any socket address.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub(super) struct NameBuffer([u8; NAME_BYTES]);

impl NameBuffer {
    pub(super) const EMPTY: Self = Self([0; NAME_BYTES]);

    pub(super) fn as_mut_ptr(&mut self) -> *mut libc::c_void {
        self.0.as_mut_ptr().cast()
    }

    /// The first `len` bytes, or as many as there are: the kernel reports the length that it would have liked.
    pub(super) fn filled(&self, len: impl TryInto<usize>) -> &[u8] {
        prefix(&self.0, len)
    }
}

fn prefix(bytes: &[u8], len: impl TryInto<usize>) -> &[u8] {
    let len = len.try_into().unwrap_or(usize::MAX).min(bytes.len());
    bytes.get(..len).unwrap_or_default()
}

/// Size of a [`ControlBuffer`]: more than the largest set of messages that the options of this module can cause at
/// once.
pub(super) const CONTROL_BYTES: usize = 256;

/// Size of a [`TtlMessage`]: one `int`.
pub(super) const TTL_MESSAGE_BYTES: usize = space(size_of::<libc::c_int>());

/// Size of a [`NameBuffer`]: the largest address of the families used here is that of IPv6.
const NAME_BYTES: usize = 32;

/// `SCM_TSTAMP_SND` of `linux/errqueue.h`: the packet was handed to the driver.
const SCM_TSTAMP_SND: u32 = 0;

const ALIGNMENT: usize = size_of::<usize>();
const LEVEL_OFFSET: usize = size_of::<usize>();
const KIND_OFFSET: usize = LEVEL_OFFSET + size_of::<i32>();
const HEADER_BYTES: usize = KIND_OFFSET + size_of::<i32>();

/// `CMSG_SPACE`.
const fn space(data: usize) -> usize {
    (HEADER_BYTES + data).next_multiple_of(ALIGNMENT)
}

const _: () = {
    assert!(HEADER_BYTES == size_of::<libc::cmsghdr>());
    assert!(LEVEL_OFFSET == offset_of!(libc::cmsghdr, cmsg_level));
    assert!(KIND_OFFSET == offset_of!(libc::cmsghdr, cmsg_type));
    assert!(HEADER_BYTES.is_multiple_of(ALIGNMENT));
    assert!(align_of::<ControlBuffer>() >= align_of::<libc::cmsghdr>());
    assert!(align_of::<TtlMessage>() >= align_of::<libc::cmsghdr>());
    assert!(align_of::<ControlBuffer>() >= ALIGNMENT);
    assert!(align_of::<NameBuffer>() >= align_of::<libc::sockaddr_storage>());
    assert!(NAME_BYTES >= size_of::<libc::sockaddr_in6>());
    assert!(NAME_BYTES >= size_of::<libc::sockaddr_ll>());
    assert!(
        size_of::<libc::timespec>() == 2 * size_of::<i64>(),
        "stamps are read as pairs of 64-bit numbers"
    );
    let stamp = space(3 * size_of::<libc::timespec>());
    let hop_limit = space(size_of::<libc::c_int>());
    let error = space(size_of::<libc::sock_extended_err>() + size_of::<libc::sockaddr_in6>());
    // An IPv6 socket that carries mapped IPv4 traffic gives both kinds of hop limit.
    assert!(CONTROL_BYTES >= stamp + 2 * hop_limit + error);
};

#[cfg(test)]
mod tests;
