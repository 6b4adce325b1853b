//! What the states of a connection have in common: where a segment lies, and what the peer's SYN offered.

use super::super::emit::SynAckOptions;
use crate::wire::Family;
use crate::wire::tcp::{self, Flags, Segment, TcpOption};

/// The sequence number after a segment: SYN and FIN count as one each.
pub(super) fn end(segment: &Segment<'_>) -> u32 {
    let flags = u32::from(segment.flags.has(Flags::SYN)) + u32::from(segment.flags.has(Flags::FIN));
    // IP can't carry more than 65,535 bytes.
    let payload = u32::try_from(segment.payload.len()).unwrap_or(u32::MAX);
    segment.seq.wrapping_add(payload).wrapping_add(flags)
}

/// Whether a segment touches the window of `size` from `start` on, as `tcp_in_window` sees it: at its start, overlapping it, or empty
/// at its end.
pub(super) fn is_in_window(segment: &Segment<'_>, start: u32, size: u16) -> bool {
    let (seq, end, limit) = (segment.seq, end(segment), start.wrapping_add(size.into()));
    seq == start || (is_before(start, end) && is_before(seq, limit)) || (seq == limit && seq == end)
}

/// Whether `a` comes before `b` in the circle of sequence numbers (RFC 9293 section 3.4).
pub(super) const fn is_before(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() < 0
}

/// What the SYN of a peer offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    family: Family,
    /// `TSval` of the SYN.
    timestamp: Option<u32>,
    sack_permitted: bool,
    scales_window: bool,
}

impl Peer {
    pub(super) fn of_syn(family: Family, syn: &Segment<'_>) -> Self {
        let mut peer = Self {
            family,
            timestamp: None,
            sack_permitted: false,
            scales_window: false,
        };
        for option in tcp::options(syn.options) {
            match option {
                TcpOption::Timestamps(timestamps) => peer.timestamp = Some(timestamps.val),
                TcpOption::SackPermitted => peer.sack_permitted = true,
                TcpOption::WindowScale(_) => peer.scales_window = true,
                TcpOption::Nop | TcpOption::Mss(_) | TcpOption::Other { .. } => {}
            }
        }
        peer
    }

    pub(super) const fn has_timestamps(&self) -> bool {
        self.timestamp.is_some()
    }

    /// The options of the SYN-ACK; `ts_val` is the own clock.
    pub(super) fn syn_ack_options(&self, ts_val: u32) -> SynAckOptions {
        SynAckOptions {
            mss: tcp::default_mss(self.family),
            timestamps: self.timestamp.map(|echo| (ts_val, echo)),
            sack_permitted: self.sack_permitted,
            window_scale: self.scales_window.then_some(WINDOW_SHIFT),
        }
    }

    /// The window of the SYN-ACK, in bytes: 64 KiB in whole segments (`tcp_select_initial_window`).
    pub(super) const fn window(&self) -> u16 {
        let options = if self.has_timestamps() { TIMESTAMPS_LEN } else { 0 };
        let payload = tcp::default_mss(self.family) - options;
        u16::MAX - u16::MAX % payload
    }

    /// The same window as later segments say it.
    pub(super) const fn scaled_window(&self) -> u16 {
        if self.scales_window {
            self.window() >> WINDOW_SHIFT
        } else {
            self.window()
        }
    }

    /// Whether a segment's timestamp lies before that of the SYN (`tcp_paws_check`).
    pub(super) fn is_stale(&self, segment: &Segment<'_>) -> bool {
        match (self.timestamp, segment.timestamps()) {
            (None | Some(0), _) | (_, None) => false,
            (Some(recent), Some(timestamps)) => is_before(timestamps.val, recent),
        }
    }
}

/// Window scale of Linux with its default buffers of up to 6 MiB.
const WINDOW_SHIFT: u8 = 7;
/// The timestamps option with its padding: `TCPOLEN_TSTAMP_ALIGNED`.
const TIMESTAMPS_LEN: u16 = 12;
