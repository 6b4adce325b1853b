//! A network that answers probes, and then does to the answers whatever it likes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use pathjitter::units::Mono;

use super::handmade::{self, Tcp};

/// Numbers from a seed (`SplitMix64`).
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `end`, which is not included.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn place(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }
}

/// How a socket hands over a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Carrier {
    /// From its IP header on.
    Packet,
    /// An ICMP message, from its header on.
    Icmp,
    /// A TCP segment, from its header on.
    Tcp,
}

/// A packet that reaches this host.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) at: Mono,
    pub(crate) from: IpAddr,
    pub(crate) carrier: Carrier,
    pub(crate) bytes: Vec<u8>,
}

pub(crate) struct Network {
    rng: Rng,
    under_way: BTreeMap<(Mono, u64), Delivery>,
    sent: u64,
    /// Answers of the past, for replays.
    overheard: Vec<Delivery>,
}

impl Network {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            rng: Rng::new(seed),
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
        let answer = self.answer(probe, to, now);
        match self.rng.below(20) {
            0..2 => {}
            2..4 => {
                for _ in 0..=self.rng.below(4) {
                    self.send(answer.clone(), now);
                }
            }
            4..6 => self.flood(&answer, now),
            _ => self.send(answer.clone(), now),
        }
        if self.rng.one_in(3) {
            let damaged = self.damaged(&answer);
            self.send(damaged, now);
        }
        if self.overheard.len() < OVERHEARD {
            self.overheard.push(answer);
        } else {
            let place = self.rng.place(OVERHEARD);
            let old = std::mem::replace(&mut self.overheard[place], answer);
            if self.rng.one_in(3) {
                self.send(old, now);
            }
        }
    }

    /// Puts a packet on its way, which may take longer than a probe waits.
    fn send(&mut self, delivery: Delivery, now: Mono) {
        let delay_us = if self.rng.one_in(8) {
            self.rng.below(150_000)
        } else {
            100 + self.rng.below(5_000)
        };
        let at = now.after(Duration::from_micros(delay_us));
        self.sent += 1;
        self.under_way.insert((at, self.sent), Delivery { at, ..delivery });
    }

    fn flood(&mut self, answer: &Delivery, now: Mono) {
        for _ in 0..30 {
            let damaged = self.damaged(answer);
            self.send(damaged, now);
        }
    }

    /// What a truthful network sends back: mostly the target's answer, sometimes a router's error.
    fn answer(&mut self, probe: &[u8], to: IpAddr, at: Mono) -> Delivery {
        let header_len = if to.is_ipv4() { 20 } else { 40 };
        let transport = &probe[header_len..];
        let is_tcp = probe[if to.is_ipv4() { 9 } else { 6 }] == 6;
        if self.rng.one_in(6) {
            return self.error(probe, header_len, at);
        }
        let (protocol, answer) = if is_tcp {
            (6, self.segment(transport))
        } else {
            (1, handmade::echo_reply(transport))
        };
        if to.is_ipv6() {
            let carrier = if is_tcp { Carrier::Tcp } else { Carrier::Icmp };
            return Delivery {
                at,
                from: to,
                carrier,
                bytes: answer,
            };
        }
        let options = vec![1; 4 * self.rng.place(4)];
        let bytes = handmade::ip(to, "192.0.2.1".parse().unwrap(), protocol, &options, &answer);
        Delivery {
            at,
            from: to,
            carrier: Carrier::Packet,
            bytes,
        }
    }

    fn segment(&mut self, syn: &[u8]) -> Vec<u8> {
        let half = |at: usize| u16::from_be_bytes([syn[at], syn[at + 1]]);
        let isn = u32::from_be_bytes([syn[4], syn[5], syn[6], syn[7]]);
        // SYN-ACK, RST-ACK, and now and then what a peer says that still holds an older SYN.
        let flags = match self.rng.below(8) {
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
    fn error(&mut self, probe: &[u8], header_len: usize, at: Mono) -> Delivery {
        let least = header_len + 8;
        let quote = &probe[..least + self.rng.place(probe.len() - least + 1)];
        let (from, icmp_type): (&str, u8) = if header_len == 20 {
            ("203.0.113.9", if self.rng.one_in(2) { 11 } else { 3 })
        } else {
            ("2001:db8:ff::9", if self.rng.one_in(2) { 3 } else { 1 })
        };
        let message = handmade::icmp(icmp_type, 1, [0; 4], quote);
        let from: IpAddr = from.parse().unwrap();
        let (carrier, bytes) = if header_len == 20 {
            let to = "192.0.2.1".parse().unwrap();
            (Carrier::Packet, handmade::ip(from, to, 1, &[], &message))
        } else {
            (Carrier::Icmp, message)
        };
        Delivery {
            at,
            from,
            carrier,
            bytes,
        }
    }

    /// A copy with a few things wrong, and by one in two with its checksum right again.
    fn damaged(&mut self, delivery: &Delivery) -> Delivery {
        let mut copy = delivery.clone();
        let bytes = &mut copy.bytes;
        for _ in 0..=self.rng.below(3) {
            if bytes.is_empty() {
                break;
            }
            let place = self.rng.place(bytes.len());
            match self.rng.below(8) {
                0 => bytes.truncate(place),
                1 => bytes.insert(place, self.rng.byte()),
                2 => drop(bytes.remove(place)),
                3 => bytes.extend_from_within(place..),
                _ => bytes[place] ^= self.rng.byte(),
            }
        }
        if self.rng.one_in(2) && bytes.len() >= 24 && bytes[0] == 0x45 && bytes[9] == 1 {
            handmade::resum(&mut bytes[20..]);
        }
        if self.rng.one_in(8) {
            copy.from = "203.0.113.66".parse().unwrap();
        }
        copy
    }
}

const OVERHEARD: usize = 64;
