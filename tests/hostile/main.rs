//! The engine in a network that lies: packets are lost, late, repeated, replayed, reordered, damaged and forged in floods, the clock is
//! set, the process stalls. Whatever happens, every probe begins once and is settled once, the counts add up, nothing counts as
//! an answer that proves nothing, and memory stays where it was.
//!
//! `PATHJITTER_CASES=20000 cargo test --test hostile` runs more seeds than the usual ones.

#[path = "../../src/wire/handmade.rs"]
#[allow(dead_code, reason = "shared with the unit tests, which use more of it")]
mod handmade;
mod ledger;
mod network;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use pathjitter::clock::{Reading, StepGuard};
use pathjitter::engine::{Admission, Arrival, Codec, CookieKey, Ident, Match, Measured, Prober, SourcePorts};
use pathjitter::outcome::{Answer, SendError, StampSource};
use pathjitter::series::{Endpoint, Pace, PacketOptions, Series};
use pathjitter::stats::{Recorder, WindowOptions};
use pathjitter::units::{Mono, ProbeSeq, SeriesId, Wall};

use ledger::Ledger;
use network::{Carrier, Delivery, Network, Rng};

const IDENT: u16 = 0x4a17;
const TIMEOUT: Duration = Duration::from_millis(50);
const TURNS: u32 = 300;

/// This host and the targets, by family.
const OURS: [&str; 2] = ["192.0.2.1", "2001:db8::1"];
const TARGETS: [&str; 2] = ["198.51.100.7", "2001:db8:7::7"];

/// An engine without sockets, and all that is needed to judge it.
struct Run {
    rng: Rng,
    key: CookieKey,
    codec: Codec,
    prober: Prober,
    recorder: Recorder,
    series: Vec<Series>,
    network: Network,
    ledger: Ledger,
    guard: StepGuard,
    now: Mono,
    /// What the wall clock shows at the origin of the monotonic one.
    wall_offset: u64,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let key = CookieKey::new([rng.next(), rng.next()]);
        let packet = PacketOptions {
            payload_bytes: 56,
            ttl: None,
            traffic_class: 0,
            interface: None,
            source: None,
        };
        let ports = SourcePorts::new((40_000..40_016).collect(), 2);
        let mut run = Self {
            key,
            codec: Codec::new(key, IDENT, packet, ports),
            prober: Prober::new(None),
            recorder: Recorder::new(),
            series: Vec::new(),
            network: Network::new(rng.next()),
            ledger: Ledger::default(),
            guard: StepGuard::default(),
            now: Mono::from_nanos(1_000_000_000),
            wall_offset: 1_700_000_000_000_000_000,
            rng,
        };
        for target in TARGETS {
            for (endpoint, flow) in [
                (Endpoint::Icmp, 0),
                (Endpoint::Icmp, 1),
                (Endpoint::Tcp(443), 0),
                (Endpoint::Tcp(443), 1),
            ] {
                run.admit(target.parse().unwrap(), endpoint, flow);
            }
        }
        run
    }

    fn admit(&mut self, address: IpAddr, endpoint: Endpoint, flow: u16) {
        let series = Series {
            target: Arc::from("app01"),
            address,
            scope_id: 0,
            endpoint,
            flow,
        };
        let interval = Duration::from_millis(1 + self.rng.below(9));
        self.codec.admit(&series);
        self.prober.admit(
            self.now,
            Admission {
                proto: endpoint.proto(),
                pace: Pace {
                    interval,
                    timeout: TIMEOUT,
                    count: None,
                },
                stamp: StampSource::Kernel,
                memory: 16,
                window: 16,
            },
        );
        self.recorder.push(WindowOptions {
            stamp: StampSource::Kernel,
            user_rtt: true,
        });
        self.series.push(series);
    }

    /// One turn of an engine's loop.
    fn turn(&mut self) {
        // Mostly in time; sometimes stopped for longer than any timeout.
        let pause_us = if self.rng.one_in(100) {
            300_000
        } else {
            self.rng.below(4_000)
        };
        self.now = self.now.after(Duration::from_micros(pause_us));
        if self.rng.one_in(60) {
            self.wall_offset = self
                .wall_offset
                .wrapping_add(self.rng.below(80_000_000))
                .wrapping_sub(40_000_000);
        }
        let epoch = self.guard.observe(Reading {
            mono: self.now,
            wall: self.wall(self.now),
            spread: Duration::from_nanos(40),
        });
        for delivery in self.network.arrived(self.now) {
            let measured = Measured::Stamps {
                rx: (!self.rng.one_in(50)).then(|| self.wall(delivery.at)),
            };
            self.deliver(&delivery, |at, bytes| Arrival {
                at,
                epoch,
                measured,
                ttl: None,
                bytes,
            });
        }
        if self.rng.one_in(40) {
            let proto = self.series[0].endpoint.proto();
            self.prober.handle_receive_drops(proto, 1, self.now);
        }
        self.prober.handle_deadline(self.now);
        self.tell();
        let codec = &self.codec;
        while let Some(due) = self
            .prober
            .poll_due(self.now, epoch, |series, seq| codec.isn(series, seq))
        {
            if self.rng.one_in(30) {
                self.prober.handle_send_error(due, SendError::NoBuffer);
                continue;
            }
            self.prober.handle_sent(due);
            if !self.rng.one_in(50) {
                let stamp = Wall::from_nanos(self.now.as_nanos().wrapping_add(self.wall_offset));
                self.prober.handle_tx_stamp(due.series, due.seq, stamp);
            }
            let (packet, to) = written(codec, &self.series[due.series.index()], due.series, due.seq, self.now);
            self.network.carry(&packet, to, self.now);
        }
        self.tell();
        self.ledger.heap_high = self.ledger.heap_high.max(self.prober.heap_bytes());
    }

    fn wall(&self, at: Mono) -> Wall {
        Wall::from_nanos(at.as_nanos().wrapping_add(self.wall_offset))
    }

    fn deliver(&mut self, delivery: &Delivery, arrival: impl FnOnce(Mono, u32) -> Arrival) {
        let Delivery {
            from, carrier, bytes, ..
        } = delivery;
        let read = match carrier {
            Carrier::Packet => self.codec.read_packet(bytes, &self.prober),
            Carrier::Icmp => self.codec.read_icmp(*from, bytes, Ident::Ours, &self.prober),
            Carrier::Tcp => self.codec.read_tcp(*from, bytes, &self.prober),
        };
        let Ok(found) = read else { return };
        assert!(self.is_proven(&found, bytes), "{found:?} from {bytes:02x?}");
        let retransmissions = self.prober.counters().syn_ack_retransmissions;
        let Match {
            series,
            seq,
            answer,
            bytes,
            ..
        } = found;
        self.prober.handle_answer(series, seq, answer, arrival(self.now, bytes));
        // A SYN-ACK replayed a second after its SYN can't be told from the peer's retransmission, and proves nothing.
        if self.prober.counters().syn_ack_retransmissions == retransmissions {
            self.ledger.proven(series, seq);
        }
        self.tell();
    }

    /// Whether a packet holds what nobody can know who has not seen a probe of this series.
    fn is_proven(&self, found: &Match, bytes: &[u8]) -> bool {
        let holds = |proof: &[u8]| bytes.windows(proof.len()).any(|window| window == proof);
        let Match {
            series, seq, answer, ..
        } = *found;
        let is_error = matches!(answer, Answer::Unreachable(_));
        if self.series[series.index()].endpoint == Endpoint::Icmp {
            // The eight bytes that RFC 792 has routers quote hold identifier and sequence number, but no cookie.
            let header = [IDENT.to_be_bytes(), u16::try_from(seq.get() + 1).unwrap().to_be_bytes()].concat();
            holds(&self.key.echo(series, seq).to_be_bytes()) || is_error && holds(&header)
        } else if is_error {
            holds(&self.key.isn(series, seq).to_be_bytes())
        } else {
            // A bare ACK of an older SYN of the same port counts for the newest.
            let acknowledged = |older| self.key.isn(series, ProbeSeq::new(older)).wrapping_add(1);
            (seq.get().saturating_sub(REMEMBERED)..=seq.get()).any(|older| holds(&acknowledged(older).to_be_bytes()))
        }
    }

    /// Hands on what happened.
    fn tell(&mut self) {
        while let Some(event) = self.prober.poll_event() {
            self.ledger.record(&event);
            self.recorder.record(&event).unwrap();
        }
    }

    /// What must hold at every moment.
    fn check_counts(&self) {
        for (id, window) in self.recorder.iter() {
            let counts = window.summary().counts;
            let fates =
                counts.received + counts.refused + counts.reset + counts.unreachable + counts.late + counts.lost;
            assert_eq!(counts.sent, fates, "{id:?}: {counts:?}");
        }
    }

    fn finish(mut self) -> Ledger {
        self.prober.close();
        self.tell();
        self.check_counts();
        for (id, window) in self.recorder.iter() {
            assert_eq!(window.in_flight(), 0);
            self.ledger.check_closed(id, &window.summary().counts);
        }
        self.ledger
    }
}

/// The packet of a probe, from its IP header on, and where it goes.
fn written(codec: &Codec, series: &Series, id: SeriesId, seq: ProbeSeq, now: Mono) -> (Vec<u8>, IpAddr) {
    let ours: IpAddr = OURS[usize::from(series.address.is_ipv6())].parse().unwrap();
    let mut buf = vec![0; 128];
    let packet = match series.endpoint {
        Endpoint::Icmp => {
            let len = codec.write_echo(id, seq, &mut buf);
            let protocol = if ours.is_ipv4() { 1 } else { 58 };
            handmade::ip(ours, series.address, protocol, &[], &buf[..len])
        }
        Endpoint::Tcp(_) => {
            let len = codec.write_syn(id, seq, ours, now, &mut buf);
            buf[..len].to_vec()
        }
    };
    (packet, series.address)
}

fn cases() -> u64 {
    let asked = std::env::var("PATHJITTER_CASES").ok();
    asked.map_or(USUAL_CASES, |text| text.parse().expect("PATHJITTER_CASES is a number"))
}

const USUAL_CASES: u64 = 16;

/// More probes than a series remembers at these intervals.
const REMEMBERED: u64 = 64;

/// Eight series: the rings hold 64 probes each, and no more than the probes of one timeout wait in queues.
const HEAP_LIMIT: usize = 128 << 10;

#[test]
fn whatever_the_network_does_every_probe_is_accounted_for() {
    let mut seen = Ledger::default();
    for seed in 0..cases() {
        let mut run = Run::new(seed);
        for turn in 0..TURNS {
            run.turn();
            if turn % 16 == 0 {
                run.check_counts();
            }
        }
        let ledger = run.finish();
        assert!(
            ledger.heap_high <= HEAP_LIMIT,
            "seed {seed}: {} bytes",
            ledger.heap_high
        );
        seen.add(&ledger);
    }
    seen.assert_varied();
}

#[test]
fn memory_does_not_grow_with_time() {
    let high_after = |turns: u32| {
        let mut run = Run::new(7);
        (0..turns).for_each(|_| run.turn());
        run.finish().heap_high
    };
    // A stall in the longer run may find queues a little fuller; five times as many probes must not.
    assert!(high_after(5 * TURNS) <= 2 * high_after(TURNS));
}
