//! Whatever arrives: no panic, and nothing counts as an answer without the proof in it.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

/// A world with echo and SYN probes under way in both families, and every kind of packet that answers one of them.
fn busy_world() -> (World, Vec<Packet>) {
    let mut world = World::new(&[
        (V4.target, Endpoint::Icmp, 0),
        (V4.target, Endpoint::Tcp(BACKEND), 0),
        (V6.target, Endpoint::Icmp, 0),
        (V6.target, Endpoint::Tcp(BACKEND), 1),
    ]);
    let mut packets = Vec::new();
    for _ in 0..8 {
        let (series, seq) = world.send();
        let addresses = if series.get() < 2 { V4 } else { V6 };
        if series.get() % 2 == 0 {
            packets.extend(echo_answers(addresses, &world.echo_request(series, seq)));
        } else {
            packets.extend(syn_answers(addresses, &world.syn_packet(series, seq, addresses.ours)));
        }
    }
    (world, packets)
}

/// A packet as a socket delivers it.
#[derive(Clone, Debug)]
struct Packet {
    from: IpAddr,
    carrier: Carrier,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Carrier {
    Ip,
    Icmp(Ident),
    Tcp,
    ErrorQueue,
}

fn echo_answers(addresses: Addresses, request: &[u8]) -> Vec<Packet> {
    let is_v4 = addresses.target.is_ipv4();
    let quoted = handmade::ip(
        addresses.ours,
        addresses.target,
        if is_v4 { 1 } else { 58 },
        &[],
        request,
    );
    let error = |quote: &[u8]| handmade::icmp(if is_v4 { 11 } else { 3 }, 0, [0; 4], quote);
    let short = quoted.len() - request.len() + 8;
    let messages = [
        (addresses.target, handmade::echo_reply(request)),
        (addresses.router, error(&quoted)),
        // Over IPv6 a quote is never as short as this, and not believed where it is.
        (addresses.router, error(if is_v4 { &quoted[..short] } else { &quoted })),
    ];
    let mut packets = vec![Packet {
        from: addresses.router,
        carrier: Carrier::ErrorQueue,
        bytes: request.to_vec(),
    }];
    for (from, message) in messages {
        packets.extend([Ident::Ours, Ident::Kernels].map(|ident| Packet {
            from,
            carrier: Carrier::Icmp(ident),
            bytes: message.clone(),
        }));
        packets.push(Packet {
            from,
            carrier: Carrier::Ip,
            bytes: handmade::ip(from, addresses.ours, 1, &[], &message),
        });
    }
    packets
}

fn syn_answers(addresses: Addresses, syn: &[u8]) -> Vec<Packet> {
    let tcp = &syn[syn.len() - 40..];
    let word = |at: usize| u32::from_be_bytes([tcp[at], tcp[at + 1], tcp[at + 2], tcp[at + 3]]);
    let half = |at: usize| u16::from_be_bytes([tcp[at], tcp[at + 1]]);
    let mut packets = vec![Packet {
        from: addresses.router,
        carrier: Carrier::Icmp(Ident::Ours),
        bytes: handmade::icmp(if addresses.target.is_ipv4() { 3 } else { 1 }, 1, [0; 4], syn),
    }];
    for flags in [0x12, 0x14, 0x10] {
        let bytes = Tcp {
            src_port: half(2),
            dst_port: half(0),
            seq: 1,
            ack: word(4).wrapping_add(1),
            flags,
        }
        .bytes();
        packets.push(Packet {
            from: addresses.target,
            carrier: Carrier::Ip,
            bytes: handmade::ip(addresses.target, addresses.ours, 6, &[], &bytes),
        });
        packets.push(Packet {
            from: addresses.target,
            carrier: Carrier::Tcp,
            bytes,
        });
    }
    packets
}

impl World {
    fn read(&self, packet: &Packet) -> Result<Match, Ignored> {
        let Packet { from, carrier, bytes } = packet;
        match *carrier {
            Carrier::Ip => self.codec.read_packet(bytes, &self.prober),
            Carrier::Icmp(ident) => self.codec.read_icmp(*from, bytes, ident, &self.prober),
            Carrier::Tcp => self.codec.read_tcp(*from, bytes, &self.prober),
            Carrier::ErrorQueue => {
                let error = Unreachable {
                    from: *from,
                    icmp_type: 3,
                    code: 1,
                };
                self.codec.read_queued_error(error, bytes)
            }
        }
    }

    /// Whether a packet holds what only somebody who saw the probe can know.
    fn holds_proof(found: &Match, bytes: &[u8]) -> bool {
        let contains = |proof: &[u8]| bytes.windows(proof.len()).any(|window| window == proof);
        if found.series.get().is_multiple_of(2) {
            // Eight quoted bytes hold no cookie but a keyed checksum.
            let sequence = wire_sequence(found.seq).to_be_bytes();
            let header = [IDENT.to_be_bytes(), sequence].concat();
            contains(&KEY.echo(found.series, found.seq).to_be_bytes())
                || matches!(found.answer, Answer::Unreachable(_)) && (contains(&header) || contains(&sequence))
        } else {
            // A bare ACK of an older SYN of the same port counts for the newest.
            let isns = (0..=found.seq.get()).map(|seq| KEY.isn(found.series, ProbeSeq::new(seq)));
            match found.answer {
                Answer::Unreachable(_) => contains(&KEY.isn(found.series, found.seq).to_be_bytes()),
                Answer::Reply | Answer::Refused | Answer::Reset => {
                    isns.into_iter().any(|isn| contains(&isn.wrapping_add(1).to_be_bytes()))
                }
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Mutation {
    Flip(Index, u8),
    Cut(Index),
    Insert(Index, Vec<u8>),
    Remove(Index),
}

impl Mutation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Flip(place, bits) if !bytes.is_empty() => {
                let place = place.index(bytes.len());
                bytes[place] ^= bits;
            }
            Self::Remove(place) if !bytes.is_empty() => {
                bytes.remove(place.index(bytes.len()));
            }
            Self::Flip(..) | Self::Remove(_) => {}
            Self::Cut(place) => bytes.truncate(place.index(bytes.len() + 1)),
            Self::Insert(place, more) => {
                let place = place.index(bytes.len() + 1);
                bytes.splice(place..place, more.iter().copied());
            }
        }
    }
}

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let mutation = prop_oneof![
        6 => (any::<Index>(), 1..=u8::MAX).prop_map(|(place, bits)| Mutation::Flip(place, bits)),
        1 => any::<Index>().prop_map(Mutation::Cut),
        1 => (any::<Index>(), vec(any::<u8>(), 1..5)).prop_map(|(place, more)| Mutation::Insert(place, more)),
        1 => any::<Index>().prop_map(Mutation::Remove),
    ];
    vec(mutation, 1..5)
}

fn carriers() -> impl Strategy<Value = Carrier> {
    select(vec![
        Carrier::Ip,
        Carrier::Icmp(Ident::Ours),
        Carrier::Icmp(Ident::Kernels),
        Carrier::Tcp,
        Carrier::ErrorQueue,
    ])
}

#[test]
fn untouched_answers_all_match() {
    let (world, packets) = busy_world();
    // A raw socket shows ICMPv6 without its IP header.
    let v6_icmp =
        |packet: &&Packet| matches!(packet.carrier, Carrier::Ip) && packet.bytes[0] == 0x60 && packet.bytes[6] == 1;
    let (unreadable, readable): (Vec<_>, Vec<_>) = packets.iter().partition(v6_icmp);
    assert!(
        unreadable
            .iter()
            .all(|packet| world.read(packet) == Err(Ignored::Foreign))
    );
    assert!(readable.len() > 50);
    for packet in readable {
        let found = world.read(packet);
        assert!(
            found.is_ok_and(|found| World::holds_proof(&found, &packet.bytes)),
            "{packet:?}: {found:?}"
        );
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_answer_nothing(
        carrier in carriers(),
        from in select(vec![V4.target, V4.router, V6.target, V6.router]),
        bytes in vec(any::<u8>(), 0..120),
    ) {
        let (world, _) = busy_world();
        let read = world.read(&Packet { from, carrier, bytes });
        prop_assert!(read.is_err(), "{:?}", read);
    }

    #[test]
    fn mutated_answers_match_only_with_the_proof_in_them(
        which in any::<Index>(),
        mutations in mutations(),
        carrier in prop::option::weighted(0.1, carriers()),
        resum in any::<bool>(),
    ) {
        let (world, packets) = busy_world();
        let mut packet = packets[which.index(packets.len())].clone();
        for mutation in &mutations {
            mutation.apply(&mut packet.bytes);
        }
        if let Some(carrier) = carrier {
            packet.carrier = carrier;
        }
        // A forger gets the checksum right.
        if resum && packet.bytes.len() >= 24 && packet.bytes[0] == 0x45 && packet.bytes[9] == 1 {
            handmade::resum(&mut packet.bytes[20..]);
        }
        if let Ok(found) = world.read(&packet) {
            prop_assert!(World::holds_proof(&found, &packet.bytes), "{:?} from {:?}", found, packet);
        }
    }
}
