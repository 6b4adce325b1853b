//! A network that answers probes, and then does to the answers whatever it likes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use pathjitter::engine::Ident;
use pathjitter::units::Mono;

use super::chance::Chance;
use super::handmade::{self, Tcp};
use super::host::{Carrier, OURS, Packet, ROUTERS};

/// A packet on its way to this host.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) at: Mono,
    pub(crate) packet: Packet,
}

pub(crate) struct Network {
    /// All that happens by chance, to this host too.
    pub(crate) chance: Chance,
    under_way: BTreeMap<(Mono, u64), Delivery>,
    sent: u64,
    /// Answers of the past, for replays.
    overheard: Vec<Packet>,
}

impl Network {
    pub(crate) fn new(chance: Chance) -> Self {
        Self {
            chance,
            under_way: BTreeMap::new(),
            sent: 0,
            overheard: Vec::new(),
        }
    }

    /// All that has arrived by `now`, in order of arrival.
    pub(crate) fn arrived(&mut self, now: Mono) -> Vec<Delivery> {
        let later = self.under_way.split_off(&(now, u64::MAX));
        std::mem::replace(&mut self.under_way, later).into_values().collect()
    }

    /// Takes a probe, which begins at its IP header.
    pub(crate) fn carry(&mut self, probe: &[u8], to: IpAddr, now: Mono) {
        let answer = self.answer(probe, to);
        match self.chance.below(20) {
            0..2 => {}
            2..4 => {
                for _ in 0..=self.chance.below(4) {
                    self.send(answer.clone(), now);
                }
            }
            4..6 => self.flood(&answer, now),
            _ => self.send(answer.clone(), now),
        }
        if self.chance.one_in(40) {
            let noise = self.noise(&answer);
            self.send(noise, now);
        }
        if self.chance.one_in(3) {
            let damaged = self.damaged(&answer);
            self.send(damaged, now);
        }
        if self.overheard.len() < OVERHEARD {
            self.overheard.push(answer);
        } else {
            let place = self.chance.place(OVERHEARD);
            let old = std::mem::replace(&mut self.overheard[place], answer);
            if self.chance.one_in(3) {
                self.send(old, now);
            }
        }
    }

    /// Puts a packet on its way, which may take longer than a probe waits.
    fn send(&mut self, packet: Packet, now: Mono) {
        let delay_us = if self.chance.one_in(8) {
            self.chance.below(150_000)
        } else {
            100 + self.chance.below(5_000)
        };
        let at = now.after(Duration::from_micros(delay_us));
        self.sent += 1;
        self.under_way.insert((at, self.sent), Delivery { at, packet });
    }

    fn flood(&mut self, answer: &Packet, now: Mono) {
        for _ in 0..30 {
            let damaged = self.damaged(answer);
            self.send(damaged, now);
        }
    }

    /// What a truthful network sends back: mostly the target's answer, sometimes a router's error.
    fn answer(&mut self, probe: &[u8], to: IpAddr) -> Packet {
        let header_len = if to.is_ipv4() { 20 } else { 40 };
        let transport = &probe[header_len..];
        let protocol = probe[if to.is_ipv4() { 9 } else { 6 }];
        let is_tcp = protocol == 6;
        // Nobody answers a datagram otherwise.
        if protocol == 17 || self.chance.one_in(6) {
            return self.error(probe, header_len);
        }
        let (protocol, answer) = if is_tcp {
            (6, self.segment(transport))
        } else {
            (1, handmade::echo_reply(transport))
        };
        if to.is_ipv6() {
            let carrier = if is_tcp {
                Carrier::Tcp
            } else {
                Carrier::Icmp(Ident::Ours)
            };
            return Packet {
                from: to,
                carrier,
                bytes: answer,
            };
        }
        let options = vec![1; 4 * self.chance.place(4)];
        let bytes = handmade::ip(to, OURS[0].parse().unwrap(), protocol, &options, &answer);
        Packet {
            from: to,
            carrier: Carrier::Packet,
            bytes,
        }
    }

    fn segment(&mut self, syn: &[u8]) -> Vec<u8> {
        let half = |at: usize| u16::from_be_bytes([syn[at], syn[at + 1]]);
        let isn = u32::from_be_bytes([syn[4], syn[5], syn[6], syn[7]]);
        // SYN-ACK, RST-ACK, and now and then what a peer says that still holds an older SYN.
        let flags = match self.chance.below(8) {
            0..5 => 0x12,
            5..7 => 0x14,
            _ => 0x10,
        };
        Tcp {
            src_port: half(2),
            dst_port: half(0),
            seq: 1,
            ack: isn.wrapping_add(1),
            flags,
        }
        .bytes()
    }

    /// Time exceeded or unreachable, with as much of the probe as the router cared to quote.
    fn error(&mut self, probe: &[u8], header_len: usize) -> Packet {
        let least = header_len + 8;
        let quote = &probe[..least + self.chance.place(probe.len() - least + 1)];
        let (from, icmp_type): (&str, u8) = if header_len == 20 {
            (ROUTERS[0], if self.chance.one_in(2) { 11 } else { 3 })
        } else {
            (ROUTERS[1], if self.chance.one_in(2) { 3 } else { 1 })
        };
        let message = if self.chance.one_in(3) {
            let (word, body) = self.extended(quote, header_len == 20);
            handmade::icmp(icmp_type, 1, word, &body)
        } else {
            handmade::icmp(icmp_type, 1, [0; 4], quote)
        };
        let from: IpAddr = from.parse().unwrap();
        let (carrier, bytes) = if header_len == 20 {
            let to = OURS[0].parse().unwrap();
            (Carrier::Packet, handmade::ip(from, to, 1, &[], &message))
        } else {
            (Carrier::Icmp(Ident::Ours), message)
        };
        Packet { from, carrier, bytes }
    }

    /// A quote of 128 bytes with extensions after it (RFC 4884), and the word that says where they begin. Some are broken.
    fn extended(&mut self, quote: &[u8], is_v4: bool) -> ([u8; 4], Vec<u8>) {
        let mut body = quote.to_vec();
        body.resize(128, 0);
        body.extend([0x20, 0, 0, 0]);
        for _ in 0..self.chance.below(4) {
            let entries = self.chance.place(12);
            let len = u8::try_from(4 + 4 * entries).unwrap();
            let len = if self.chance.one_in(5) { len ^ 7 } else { len };
            body.extend([0, len, 1, u8::from(!self.chance.one_in(5))]);
            body.extend(vec![0x11; 4 * entries]);
        }
        let word = if is_v4 { [0, 32, 0, 0] } else { [16, 0, 0, 0] };
        (word, body)
    }

    /// A copy with a few things wrong, and by one in two with its checksum right again.
    fn damaged(&mut self, packet: &Packet) -> Packet {
        let mut copy = packet.clone();
        let bytes = &mut copy.bytes;
        self.chance.damage(bytes);
        if self.chance.one_in(2) && bytes.len() >= 24 && bytes[0] == 0x45 && bytes[9] == 1 {
            handmade::resum(&mut bytes[20..]);
        }
        if self.chance.one_in(8) {
            copy.from = "203.0.113.66".parse().unwrap();
        }
        copy
    }

    /// Bytes that never were a packet, where one was expected; or a packet where another kind was expected.
    fn noise(&mut self, packet: &Packet) -> Packet {
        let mut copy = packet.clone();
        copy.carrier = *self.chance.one_of(&Carrier::ALL);
        if self.chance.one_in(2) {
            copy.bytes = self.chance.bytes(100);
        }
        copy
    }
}

const OVERHEARD: usize = 64;
