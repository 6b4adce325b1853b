//! An engine's loop in virtual time, against a network that lies and on a host that fails.

use std::time::Duration;

use pathjitter::clock::{ClockEpoch, Reading, StepGuard};
use pathjitter::engine::{Arrival, CookieKey, Due, Launch, Match, Measured};
use pathjitter::outcome::{Proto, SendError, StampSource};
use pathjitter::series::{Endpoint, Pace};
use pathjitter::stats::{Recorder, WindowOptions};
use pathjitter::units::{Mono, Wall};

use super::chance::Chance;
use super::host::{Host, TARGETS, Tally};
use super::ledger::Ledger;
use super::network::{Delivery, Network};

/// An engine without sockets, and all that is needed to judge it.
pub(crate) struct Run {
    host: Host,
    recorder: Recorder,
    network: Network,
    ledger: Ledger,
    guard: StepGuard,
    now: Mono,
    /// What the wall clock shows at the origin of the monotonic one.
    wall_offset: u64,
    /// Send stamps that the kernel has not handed over yet.
    stamps: Vec<(Due, Wall)>,
    is_stopped: bool,
}

impl Run {
    pub(crate) fn new(mut chance: Chance) -> Self {
        let key = CookieKey::new([chance.number(), chance.number()]);
        let mut run = Self {
            host: Host::new(key),
            recorder: Recorder::new(),
            network: Network::new(chance),
            ledger: Ledger::default(),
            guard: StepGuard::default(),
            now: Mono::from_nanos(1_000_000_000),
            wall_offset: 1_700_000_000_000_000_000,
            stamps: Vec::new(),
            is_stopped: false,
        };
        for target in 0..TARGETS.len() {
            for probed in PROBED {
                run.admit(target, probed, None);
            }
            for traced in TRACED {
                run.admit(target, traced, Some(0));
            }
        }
        run
    }

    fn admit(&mut self, target: usize, probed: (Endpoint, u16), count: Option<u64>) {
        let pace = Pace {
            interval: Duration::from_millis(1 + self.network.chance.below(9)),
            timeout: TIMEOUT,
            count,
        };
        self.host
            .admit(self.now, TARGETS[target].parse().unwrap(), probed, pace);
        self.recorder.push(WindowOptions {
            stamp: StampSource::Kernel,
            user_rtt: true,
        });
    }

    /// Turns the engine's loop until the tape of its chance is at its end; at most `turns` times.
    #[allow(dead_code, reason = "for the fuzz targets")]
    pub(crate) fn play(&mut self, turns: u32) {
        for _ in 0..turns {
            if self.network.chance.is_spent() {
                return;
            }
            self.turn();
            self.check_counts();
        }
    }

    /// One turn of an engine's loop.
    pub(crate) fn turn(&mut self) {
        self.pass_time();
        let epoch = self.guard.observe(Reading {
            mono: self.now,
            wall: self.wall(self.now),
            spread: Duration::from_nanos(40),
        });
        for delivery in self.network.arrived(self.now) {
            let measured = Measured::Stamps {
                rx: (!self.network.chance.one_in(50)).then(|| self.wall(delivery.at)),
            };
            self.deliver(&delivery, |at, bytes| Arrival {
                at,
                epoch,
                measured,
                ttl: None,
                bytes,
                from: None,
                told: None,
            });
        }
        self.suffer();
        self.host.prober.handle_deadline(self.now);
        self.tell();
        let mut sent = 0;
        loop {
            let Host { codec, prober, .. } = &mut self.host;
            let Some(due) = prober.poll_due(self.now, epoch, |series, seq| codec.isn(series, seq)) else {
                break;
            };
            self.send(due);
            sent += 1;
            assert!(sent <= self.host.series.len() * BURST, "{sent} probes in one turn");
        }
        self.launch(epoch);
        self.tell();
        let next = self.host.prober.next_deadline();
        assert!(
            next.is_none_or(|next| next > self.now),
            "{next:?} is over at {:?}",
            self.now
        );
        let heap = self.host.prober.heap_bytes();
        self.ledger.heap_high = self.ledger.heap_high.max(heap);
        assert!(heap <= HEAP_LIMIT, "{heap} bytes");
    }

    fn pass_time(&mut self) {
        let chance = &mut self.network.chance;
        // Mostly in time; sometimes stopped for longer than any timeout.
        let pause_us = if chance.one_in(100) {
            300_000
        } else {
            chance.below(4_000)
        };
        self.now = self.now.after(Duration::from_micros(pause_us));
        if chance.one_in(60) {
            self.wall_offset = self
                .wall_offset
                .wrapping_add(chance.below(80_000_000))
                .wrapping_sub(40_000_000);
        }
    }

    /// What this host does to its own measurement, and what its user does.
    fn suffer(&mut self) {
        let chance = &mut self.network.chance;
        if chance.one_in(40) {
            let proto = if chance.one_in(2) { Proto::Tcp } else { Proto::Icmp };
            let packets = u32::try_from(chance.below(3)).unwrap();
            self.host.prober.handle_receive_drops(proto, packets, self.now);
        }
        for (due, stamp) in std::mem::take(&mut self.stamps) {
            self.host.prober.handle_tx_stamp(due.series, due.seq, stamp);
        }
        let chance = &mut self.network.chance;
        if chance.one_in(200) && self.host.series.len() < SERIES_MAX && !self.is_stopped {
            let (target, probed) = (chance.place(TARGETS.len()), *chance.one_of(&PROBED));
            self.admit(target, probed, None);
        }
        if self.network.chance.one_in(1000) {
            self.is_stopped = true;
            self.host.prober.stop_sending();
        }
    }

    fn send(&mut self, due: Due) {
        let chance = &mut self.network.chance;
        if chance.one_in(30) {
            self.host.prober.handle_send_error(due, SendError::NoBuffer);
            return;
        }
        let stamp = Wall::from_nanos(self.now.as_nanos().wrapping_add(self.wall_offset));
        // The error queue may be read before the return of the call.
        let is_early = chance.one_in(30);
        if is_early {
            self.host.prober.handle_tx_stamp(due.series, due.seq, stamp);
        }
        self.host.prober.handle_sent(due);
        match self.network.chance.below(50) {
            1 => {}
            2..6 => self.stamps.push((due, stamp)),
            _ => self.host.prober.handle_tx_stamp(due.series, due.seq, stamp),
        }
        if self.network.chance.one_in(200) {
            self.host.prober.handle_send_failure(due.series, due.seq);
        }
        let packet = self.host.written(due, self.now);
        let to = self.host.series[due.series.index()].address;
        self.network.carry(&packet, to, self.now);
    }

    /// Launches a few probes of traces, sometimes more than there is room for.
    fn launch(&mut self, epoch: ClockEpoch) {
        for place in 0..self.host.launched.len() {
            let launches = match self.network.chance.below(100) {
                0 => 100,
                1..40 => 1,
                _ => 0,
            };
            for _ in 0..launches {
                let launch = Launch {
                    series: self.host.launched[place],
                    ttl: u8::try_from(1 + self.network.chance.below(255)).unwrap(),
                };
                let Host { codec, prober, .. } = &mut self.host;
                let due = prober.launch(self.now, epoch, launch, |series, seq| codec.isn(series, seq));
                let Some(due) = due else { break };
                assert_eq!((due.series, due.ttl), (launch.series, Some(launch.ttl)));
                self.send(due);
            }
        }
    }

    fn wall(&self, at: Mono) -> Wall {
        Wall::from_nanos(at.as_nanos().wrapping_add(self.wall_offset))
    }

    fn deliver(&mut self, delivery: &Delivery, arrival: impl FnOnce(Mono, u32) -> Arrival) {
        let Some(Match {
            series,
            seq,
            answer,
            bytes,
            from,
            told,
            ..
        }) = self.host.read(&delivery.packet)
        else {
            return;
        };
        let prober = &mut self.host.prober;
        let retransmissions = prober.counters().syn_ack_retransmissions;
        let arrival = Arrival {
            from,
            told,
            ..arrival(self.now, bytes)
        };
        prober.handle_answer(series, seq, answer, arrival);
        // A SYN-ACK replayed a second after its SYN can't be told from the peer's retransmission, and proves nothing.
        if prober.counters().syn_ack_retransmissions == retransmissions {
            self.ledger.proven(series, seq);
        }
        self.tell();
    }

    /// Hands on what happened.
    fn tell(&mut self) {
        while let Some(event) = self.host.prober.poll_event() {
            self.ledger.record(&event);
            self.recorder.record(&event).unwrap();
        }
    }

    /// What must hold at every moment.
    pub(crate) fn check_counts(&self) {
        self.host.tally.check();
        for (id, window) in self.recorder.iter() {
            let counts = window.summary().counts;
            let fates =
                counts.received + counts.refused + counts.reset + counts.unreachable + counts.late + counts.lost;
            assert_eq!(counts.sent, fates, "{id:?}: {counts:?}");
        }
    }

    /// Ends the run, at once or when the last probe is judged, which silence can't put off.
    pub(crate) fn finish(mut self) -> (Ledger, Tally) {
        if self.network.chance.one_in(2) {
            let prober = &mut self.host.prober;
            prober.stop_sending();
            self.now = self.now.after(2 * TIMEOUT);
            prober.handle_deadline(self.now);
            assert!(prober.is_finished());
            assert_eq!(prober.next_deadline(), None);
        }
        self.host.prober.close();
        self.tell();
        self.check_counts();
        for (id, window) in self.recorder.iter() {
            assert_eq!(window.in_flight(), 0);
            self.ledger.check_closed(id, &window.summary().counts);
        }
        (self.ledger, self.host.tally)
    }
}

const TIMEOUT: Duration = Duration::from_millis(50);

/// What is probed at each target, and by which flow.
const PROBED: [(Endpoint, u16); 4] = [
    (Endpoint::Icmp, 0),
    (Endpoint::Icmp, 1),
    (Endpoint::Tcp(443), 0),
    (Endpoint::Tcp(443), 1),
];

/// What is traced to each target: at times by the flow of another series, which has the same ports.
const TRACED: [(Endpoint, u16); 3] = [(Endpoint::Icmp, 0), (Endpoint::Tcp(443), 1), (Endpoint::Udp(33_434), 0)];

const SERIES_MAX: usize = 18;

/// Slots that were missed are skipped: a turn sends one probe of a series, and one more where its slot fell into the turn.
const BURST: usize = 2;

/// Up to eighteen series: the rings hold 64 probes each, and no more than the probes of one timeout wait in queues.
const HEAP_LIMIT: usize = 288 << 10;
