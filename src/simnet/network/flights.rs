//! Packets on their way, in places that are used again.

use super::super::ledger::Target;
use super::super::packet::Packet;
use super::super::topology::expand::NodeId;

/// All packets on their way.
#[derive(Debug, Default)]
pub(super) struct Flights {
    places: Vec<Option<Flight>>,
    free: Vec<FlightId>,
}

/// A packet on its way, by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FlightId(u32);

/// A packet on its way.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) packet: Packet,
    /// The node that it is for; `None` where no other node has that address.
    pub(super) to: Option<NodeId>,
    /// On whose account it goes.
    pub(super) target: Target,
    /// Nodes that it has come to.
    pub(super) hops: u16,
    /// Links that have duplicated it.
    pub(super) copied: u8,
}

impl Flights {
    /// Gives a packet a place, or itself back where [`MAX_IN_FLIGHT`] are on their way.
    pub(super) fn insert(&mut self, flight: Flight) -> Result<FlightId, Flight> {
        if let Some(id) = self.free.pop() {
            self.places[id.0 as usize] = Some(flight);
            return Ok(id);
        }
        match u32::try_from(self.places.len()) {
            Ok(place) if place < MAX_IN_FLIGHT => {
                self.places.push(Some(flight));
                Ok(FlightId(place))
            }
            _ => Err(flight),
        }
    }

    pub(super) fn get(&self, id: FlightId) -> Option<&Flight> {
        self.places.get(id.0 as usize)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, id: FlightId) -> Option<&mut Flight> {
        self.places.get_mut(id.0 as usize)?.as_mut()
    }

    /// Takes a packet out.
    pub(super) fn remove(&mut self, id: FlightId) -> Option<Flight> {
        let flight = self.places.get_mut(id.0 as usize)?.take()?;
        self.free.push(id);
        Some(flight)
    }
}

/// Packets on their way at once. At 1,000,000 packets/s, a second of delay.
const MAX_IN_FLIGHT: u32 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::super::super::packet::testing::{HOST4, TARGET4, read, udp};
    use super::*;

    fn flight(packet: &Packet) -> Flight {
        Flight {
            packet: packet.clone(),
            to: None,
            target: None,
            hops: 0,
            copied: 0,
        }
    }

    #[test]
    fn a_place_is_used_again_when_its_packet_has_left() {
        let packet = read(udp(HOST4, TARGET4, [1, 2], b""));
        let mut flights = Flights::default();
        let [first, second] = [0; 2].map(|_| flights.insert(flight(&packet)).expect("room"));
        assert_ne!(first, second);
        assert!(flights.remove(first).is_some());
        assert!(flights.get(first).is_none() && flights.get(second).is_some());
        assert!(flights.remove(first).is_none(), "it must not become free twice");
        assert_eq!(flights.insert(flight(&packet)).expect("room"), first);
        assert_eq!(flights.places.len(), 2);
    }

    #[test]
    fn there_is_room_for_a_million_packets_and_no_more() {
        let mut packet = read(udp(HOST4, TARGET4, [1, 2], b""));
        // Without bytes a million of them are small.
        packet.bytes = Vec::new();
        let mut flights = Flights::default();
        let room = (0..=MAX_IN_FLIGHT).filter(|_| flights.insert(flight(&packet)).is_ok());
        assert_eq!(room.count(), 1_048_576);
        assert!(flights.remove(FlightId(7)).is_some());
        assert_eq!(flights.insert(flight(&packet)).ok(), Some(FlightId(7)));
        assert!(flights.insert(flight(&packet)).is_err());
    }
}
