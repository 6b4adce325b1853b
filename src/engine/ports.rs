//! Which source port a SYN leaves from.
//!
//! A 4-tuple must rest while the peer may still hold a half-open entry for it: a new initial sequence number on such a tuple is
//! answered by an ACK of the old one, or, rate limited (RFC 5961, section 7), by nothing, and one lost packet would count three
//! times. So every flow owns a set of reserved ports and takes them in turn; a set lasts for at least [`REST`] where it can. A trace
//! gives each flow one port, because another port may be another path, and lives with such answers.

use std::collections::HashMap;
use std::time::Duration;

use super::progress::Stride;
use crate::units::{ProbeSeq, SeriesId};

/// The reserved source ports of a run, the same number for each flow.
#[derive(Clone, Debug, Default)]
pub struct SourcePorts {
    ports: Vec<u16>,
    places: HashMap<u16, usize>,
    per_flow: usize,
}

impl SourcePorts {
    /// Splits reserved ports evenly over `flows` flows; what does not divide is left over.
    #[must_use]
    pub fn new(ports: Vec<u16>, flows: u16) -> Self {
        let per_flow = ports.len() / usize::from(flows.max(1));
        let places = ports.iter().enumerate().map(|(place, &port)| (port, place)).collect();
        Self {
            ports,
            places,
            per_flow,
        }
    }

    /// How many ports a flow wants so that each rests for [`REST`] between two SYNs of a series.
    #[must_use]
    pub fn wanted(interval: Duration) -> usize {
        let turns = REST.as_nanos().checked_div(interval.as_nanos()).unwrap_or(u128::MAX);
        usize::try_from(turns).unwrap_or(usize::MAX).clamp(MIN_PORTS, MAX_PORTS)
    }

    /// The port of a probe; `None` where no port is reserved.
    #[must_use]
    pub fn of(&self, flow: u16, series: SeriesId, seq: ProbeSeq) -> Option<u16> {
        let turn = seq.get().wrapping_add(start(series)) % u64::try_from(self.per_flow).ok().filter(|&n| n > 0)?;
        self.ports
            .get(usize::from(flow) * self.per_flow + usize::try_from(turn).ok()?)
            .copied()
    }

    /// How many flows have ports.
    pub(super) fn flows(&self) -> u16 {
        let flows = self.ports.len().checked_div(self.per_flow).unwrap_or(0);
        u16::try_from(flows).unwrap_or(u16::MAX)
    }

    /// The flow that a port belongs to, and its turn within the flow.
    pub(super) fn find(&self, port: u16) -> Option<(u16, u64)> {
        let place = *self.places.get(&port)?;
        let flow = u16::try_from(place.checked_div(self.per_flow)?).ok()?;
        Some((flow, u64::try_from(place % self.per_flow).ok()?))
    }

    /// The probes of a series that leave from the port whose turn in its flow is `turn`.
    pub(super) fn probes(&self, series: SeriesId, turn: u64) -> Stride {
        let every = u64::try_from(self.per_flow).unwrap_or(1).max(1);
        Stride {
            offset: (turn + every - start(series) % every) % every,
            every,
        }
    }
}

/// Two series that probe one address and port start at different ports.
fn start(series: SeriesId) -> u64 {
    u64::from(series.get()) * 5
}

/// How long a 4-tuple rests: past the first three retransmissions of a SYN-ACK whose RST was lost (1, 3 and 7 s), each of which
/// is answered by another RST.
pub const REST: Duration = Duration::from_secs(8);

/// At long intervals even few ports rest for long; a set has some so that one lost RST never meets the next probe.
const MIN_PORTS: usize = 8;

/// At short intervals ports rest for less, and an answer to an older SYN is recognised instead.
const MAX_PORTS: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_rests_for_eight_seconds_where_the_interval_allows() {
        assert_eq!(SourcePorts::wanted(Duration::from_secs(1)), 8);
        assert_eq!(SourcePorts::wanted(Duration::from_millis(100)), 80);
        assert_eq!(SourcePorts::wanted(Duration::from_millis(1)), 1024);
        assert_eq!(SourcePorts::wanted(Duration::ZERO), 1024);
        assert_eq!(SourcePorts::wanted(Duration::from_mins(1)), 8);
    }

    #[test]
    fn the_probes_of_a_port_are_those_that_leave_from_it() {
        let ports = SourcePorts::new((61_000..61_021).collect(), 3);
        for (flow, series) in [(0, 0), (1, 3), (2, 8)] {
            let series = SeriesId::new(series);
            for seq in 0..50 {
                let port = ports.of(flow, series, ProbeSeq::new(seq)).unwrap();
                let (found, turn) = ports.find(port).unwrap();
                let Stride { offset, every } = ports.probes(series, turn);
                assert_eq!(
                    (found, seq % every),
                    (flow, offset),
                    "flow {flow}, {series:?}, probe {seq}"
                );
            }
        }
        assert_eq!(ports.find(60_999), None);
    }

    #[test]
    fn without_ports_there_is_no_port() {
        assert_eq!(
            SourcePorts::new(Vec::new(), 1).of(0, SeriesId::new(0), ProbeSeq::new(0)),
            None
        );
    }
}
