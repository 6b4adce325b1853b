//! The floor: one thread, one raw ICMP socket, sendmmsg and recvmmsg, both kernel stamps, and an array of RTTs.
//!
//! It checks nothing that a prober has to check (no cookies, no timeouts, no histogram), so no correct engine on the same
//! system calls can be faster. Requests of its own are kept out by the socket's ICMP type filter, before the kernel copies them.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::support::lab::loopback_target;
use crate::support::sys::set_option;

/// Sends `probes` echo requests to `targets` addresses in turn; returns (sent, RTTs known).
pub(crate) fn run(targets: u32, probes: u32, batch: u32) -> anyhow::Result<(u64, u64)> {
    let socket = open_socket()?;
    let addresses: Vec<SockAddr> = (0..targets)
        .map(|index| std::net::SocketAddr::from((loopback_target(index), 0)).into())
        .collect();
    let mut table = Table::new(probes);
    let mut sending = Batch::new(batch, Stage::Send);
    let mut replies = Batch::new(batch, Stage::Replies);
    let mut stamps = Batch::new(batch, Stage::Stamps);
    let mut next = 0;
    while next < probes {
        sending.fill(next, probes, &addresses);
        next += sending.send(&socket)?;
        stamps.drain(&socket, &mut table)?;
        replies.drain(&socket, &mut table)?;
    }
    let end = Instant::now() + Duration::from_secs(1);
    while table.known < u64::from(probes) && Instant::now() < end {
        stamps.drain(&socket, &mut table)?;
        replies.drain(&socket, &mut table)?;
    }
    Ok((u64::from(next), table.known))
}

/// Both stamps and the RTT by sequence number, and nothing else. Either stamp may be read first.
struct Table {
    sent_ns: Vec<u64>,
    received_ns: Vec<u64>,
    rtt_ns: Vec<u64>,
    known: u64,
}

impl Table {
    fn new(probes: u32) -> Self {
        let len = usize::try_from(probes).unwrap_or(0);
        Self {
            sent_ns: vec![0; len],
            received_ns: vec![0; len],
            rtt_ns: vec![0; len],
            known: 0,
        }
    }

    fn note_sent(&mut self, sequence: u32, at_ns: u64) {
        if let Some(sent) = slot(&mut self.sent_ns, sequence) {
            *sent = at_ns;
        }
        self.complete(sequence);
    }

    fn note_reply(&mut self, sequence: u32, at_ns: u64) {
        if let Some(received) = slot(&mut self.received_ns, sequence) {
            *received = at_ns;
        }
        self.complete(sequence);
    }

    fn complete(&mut self, sequence: u32) {
        let sent = slot(&mut self.sent_ns, sequence).map_or(0, |at| *at);
        let received = slot(&mut self.received_ns, sequence).map_or(0, |at| *at);
        if let Some(rtt) = slot(&mut self.rtt_ns, sequence)
            && sent != 0
            && received > sent
        {
            *rtt = received - sent;
            self.known += 1;
        }
    }
}

fn slot(values: &mut [u64], sequence: u32) -> Option<&mut u64> {
    values.get_mut(usize::try_from(sequence).ok()?)
}

/// What a batch of message headers is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Send,
    Replies,
    Stamps,
}

/// Message headers with their buffers. The headers point into the boxed buffers beside them, which never move or grow.
struct Batch {
    stage: Stage,
    filled: usize,
    headers: Vec<libc::mmsghdr>,
    packets: Vec<[u8; PACKET_LEN]>,
    controls: Vec<[u64; CONTROL_WORDS]>,
    _vectors: Vec<libc::iovec>,
}

impl Batch {
    fn new(batch: u32, stage: Stage) -> Self {
        let len = usize::try_from(batch).unwrap_or(1);
        let mut packets = vec![[0; PACKET_LEN]; len];
        let mut controls = vec![[0; CONTROL_WORDS]; len];
        let packet_len = if stage == Stage::Send { ECHO_LEN } else { PACKET_LEN };
        let mut vectors: Vec<libc::iovec> = packets
            .iter_mut()
            .map(|packet| libc::iovec {
                iov_base: packet.as_mut_ptr().cast(),
                iov_len: packet_len,
            })
            .collect();
        let headers = vectors
            .iter_mut()
            .zip(&mut controls)
            .map(|(vector, control)| {
                // SAFETY: mmsghdr is a plain struct of integers and pointers, valid as zeroes.
                let mut header: libc::mmsghdr = unsafe { std::mem::zeroed() };
                header.msg_hdr.msg_iov = vector;
                header.msg_hdr.msg_iovlen = 1;
                if stage != Stage::Send {
                    header.msg_hdr.msg_control = control.as_mut_ptr().cast();
                    header.msg_hdr.msg_controllen = CONTROL_LEN;
                }
                header
            })
            .collect();
        Self {
            stage,
            filled: 0,
            headers,
            packets,
            controls,
            _vectors: vectors,
        }
    }

    /// Writes the echo requests from `next` on.
    fn fill(&mut self, next: u32, end: u32, addresses: &[SockAddr]) {
        self.filled = 0;
        for (sequence, (packet, header)) in (next..end).zip(self.packets.iter_mut().zip(&mut self.headers)) {
            write_echo(packet, sequence);
            let index = usize::try_from(sequence).unwrap_or(0) % addresses.len();
            header.msg_hdr.msg_name = addresses[index].as_ptr().cast_mut().cast();
            header.msg_hdr.msg_namelen = addresses[index].len();
            self.filled += 1;
        }
    }

    /// Sends what is filled and returns how many left; a full buffer is no error, the caller drains and comes again.
    fn send(&mut self, socket: &Socket) -> io::Result<u32> {
        let len = u32::try_from(self.filled).map_err(io::Error::other)?;
        // SAFETY: the first `filled` headers point to live buffers and addresses; see the type.
        let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), self.headers.as_mut_ptr(), len, libc::MSG_DONTWAIT) };
        count_or_none(sent)
    }

    /// Reads until the queue is empty.
    fn drain(&mut self, socket: &Socket, table: &mut Table) -> io::Result<()> {
        let flags = if self.stage == Stage::Stamps {
            libc::MSG_DONTWAIT | libc::MSG_ERRQUEUE
        } else {
            libc::MSG_DONTWAIT
        };
        loop {
            for header in &mut self.headers {
                header.msg_hdr.msg_controllen = CONTROL_LEN;
            }
            let len = u32::try_from(self.headers.len()).map_err(io::Error::other)?;
            // SAFETY: every header points to live buffers of the lengths it names; the timeout may be null.
            let read = unsafe {
                libc::recvmmsg(
                    socket.as_raw_fd(),
                    self.headers.as_mut_ptr(),
                    len,
                    flags,
                    std::ptr::null_mut(),
                )
            };
            let read = usize::try_from(count_or_none(read)?).unwrap_or(0);
            for index in 0..read {
                self.note(index, table);
            }
            if read < self.headers.len() {
                return Ok(());
            }
        }
    }

    fn note(&self, index: usize, table: &mut Table) {
        let control = &self.controls[index];
        let Some(at_ns) = find_stamp(control, self.headers[index].msg_hdr.msg_controllen) else {
            return;
        };
        match self.stage {
            Stage::Send => {}
            Stage::Replies => table.note_reply(sequence_of_reply(&self.packets[index]), at_ns),
            Stage::Stamps => {
                if let Some(id) = find_stamp_id(control, self.headers[index].msg_hdr.msg_controllen) {
                    table.note_sent(id, at_ns);
                }
            }
        }
    }
}

/// An echo request of ping's size whose payload starts with the sequence number.
fn write_echo(packet: &mut [u8; PACKET_LEN], sequence: u32) {
    const ECHO_REQUEST: u8 = 8;
    packet[0] = ECHO_REQUEST;
    packet[8..12].copy_from_slice(&sequence.to_be_bytes());
    // Everything else is zero, so the sum has three words (RFC 1071).
    let sum = u32::from(ECHO_REQUEST) * 256 + (sequence >> 16) + (sequence & 0xffff);
    let folded = (sum >> 16) + (sum & 0xffff);
    let folded = (folded >> 16) + (folded & 0xffff);
    let [_, _, high, low] = (!folded).to_be_bytes();
    packet[2..4].copy_from_slice(&[high, low]);
}

/// A raw socket's packet starts with the IP header, which has no options here.
fn sequence_of_reply(packet: &[u8; PACKET_LEN]) -> u32 {
    u32::from_be_bytes([packet[28], packet[29], packet[30], packet[31]])
}

/// The software stamp among the control messages: `SCM_TIMESTAMPING` holds three timespecs, the first is software.
fn find_stamp(control: &[u64; CONTROL_WORDS], len: usize) -> Option<u64> {
    let at = find_control(control, len, libc::SOL_SOCKET, libc::SCM_TIMESTAMPING)?;
    Some(control.get(at)? * 1_000_000_000 + control.get(at + 1)?)
}

/// `ee_data` of the extended error: the count of the packet on this socket (`OPT_ID`).
fn find_stamp_id(control: &[u64; CONTROL_WORDS], len: usize) -> Option<u32> {
    let at = find_control(control, len, libc::SOL_IP, libc::IP_RECVERR)?;
    // The second word holds ee_info, then ee_data.
    let [.., a, b, c, d] = control.get(at + 1)?.to_ne_bytes();
    Some(u32::from_ne_bytes([a, b, c, d]))
}

/// The word where the data of a control message begins. Headers are a length word, then level and type in one word (64-bit).
fn find_control(control: &[u64; CONTROL_WORDS], len: usize, level: i32, kind: i32) -> Option<usize> {
    let mut at = 0;
    while at * 8 < len {
        let message_len = usize::try_from(*control.get(at)?).ok().filter(|&length| length >= 16)?;
        let level_and_kind = control.get(at + 1)?.to_ne_bytes();
        if level_and_kind[..4] == level.to_ne_bytes() && level_and_kind[4..] == kind.to_ne_bytes() {
            return Some(at + 2);
        }
        at += message_len.div_ceil(8);
    }
    None
}

fn open_socket() -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))?;
    // linux/icmp.h: ICMP_FILTER is option 1 at level SOL_RAW (255), a bit set of the types to drop; type 0 is the reply.
    set_option(socket.as_fd(), 255, 1, &!1_u32)?;
    let size: libc::c_int = 8 << 20;
    set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &size)?;
    let flags = libc::SOF_TIMESTAMPING_TX_SOFTWARE
        | libc::SOF_TIMESTAMPING_RX_SOFTWARE
        | libc::SOF_TIMESTAMPING_SOFTWARE
        | libc::SOF_TIMESTAMPING_OPT_ID
        | libc::SOF_TIMESTAMPING_OPT_TSONLY;
    set_option(socket.as_fd(), libc::SOL_SOCKET, libc::SO_TIMESTAMPING, &flags)?;
    Ok(socket)
}

fn count_or_none(result: i32) -> io::Result<u32> {
    match u32::try_from(result) {
        Ok(count) => Ok(count),
        Err(_) => match io::Error::last_os_error() {
            error if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(0),
            error => Err(error),
        },
    }
}

/// Eight bytes of ICMP header and the 56 of payload that ping sends.
const ECHO_LEN: usize = 64;
/// A reply with its IP header, with room to spare.
const PACKET_LEN: usize = 128;
/// `SCM_TIMESTAMPING` takes 64 bytes and `IP_RECVERR` with its address 48.
const CONTROL_WORDS: usize = 32;
const CONTROL_LEN: usize = CONTROL_WORDS * 8;
