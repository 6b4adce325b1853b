//! The engine in a simulated network, in virtual time.
//!
//! A [`World`] is a run of the prober as [`net::Native`](crate::net::Native) makes it, with the kernel and the network replaced by
//! models and the clock by a number that jumps from deadline to deadline. A turn of its loop is the same: read what has arrived, time
//! out what has not, send what is due, tell what happened. The kernel stamps packets when they pass; the loop runs when the scheduler
//! lets it, which may be later ([`WorldOptions::wake_up_lateness`]) or not for a while ([`World::stall_for`], or an event of the
//! topology). What arrives meanwhile waits in receive queues of finite length.
//!
//! What the program does besides is left out: probes leave each at its own moment, as without `--slot`; sends never block; and the
//! receive queue of a socket holds packets, where the kernel's counts bytes with their bookkeeping (`skb->truesize`).
//!
//! All randomness comes from one seed, so a run can be repeated to the bit. And the truth is known: with each answer the observer is
//! told the round trip that the packet really made, to compare with the one that was measured.

mod driver;
mod options;
mod turn;

use std::collections::BTreeMap;
use std::time::Duration;

use rand::{Rng as _, RngExt as _};

pub use self::driver::Driver;
use self::driver::Watched;
pub use self::options::WorldOptions;
use super::host::{Host, receiver, write_reset};
use super::targets::{UnknownProbe, series_of};
use crate::clock::StepGuard;
use crate::engine::{Admission, Codec, CookieKey, Ignored, Prober};
use crate::outcome::{Event, SendError, StampSource};
use crate::series::{Pace, Series};
use crate::simnet::{Network, Topology, random};
use crate::stats::{Recorder, Summary, WindowOptions};
use crate::units::{Mono, Rtt, SeriesId};

/// The engine, a host and a network in virtual time.
#[derive(Debug)]
pub struct World {
    topology: Topology,
    network: Network,
    host: Host,
    guard: StepGuard,
    codec: Codec,
    prober: Prober,
    recorder: Recorder,
    series: Vec<Series>,
    options: WorldOptions,
    random: random::Stream,
    now: Mono,
    /// When the prober's loop runs next, if it gets the CPU then.
    wake: Option<Mono>,
    /// Whether `wake` is because of packets: those that follow wake nobody.
    woken: bool,
    /// When the loop may run again at the earliest.
    free_at: Mono,
    noise: Noise,
    /// For packets on their way out.
    outgoing: Vec<u8>,
    /// For packets on their way in.
    incoming: Vec<u8>,
    /// For answers of the kernel's own.
    reset: Vec<u8>,
}

/// What happened on this host besides the outcomes of probes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Noise {
    /// Packets that answered nothing, by reason.
    pub ignored: BTreeMap<Ignored, u64>,
    /// Packets dropped at full receive queues.
    pub receive_drops: u64,
    /// Send stamps withheld.
    pub tx_stamps_lost: u64,
    /// RSTs that left for SYN-ACKs for which there was no socket.
    pub resets: u64,
    /// Steps of the wall clock that were noticed.
    pub clock_steps: u32,
    /// SYN-ACKs that their peer sent again.
    pub syn_ack_retransmissions: u64,
    /// Slots that the loop came too late for.
    pub slots_skipped: u64,
}

impl World {
    /// A world at rest at the origin of time; nothing is probed yet. The events of the topology count from there.
    #[must_use]
    pub fn new(topology: &Topology, seed: u64, options: WorldOptions) -> Self {
        let mut random = random::stream(seed, "the prober's host");
        let key = CookieKey::new([random.next_u64(), random.next_u64()]);
        let codec = Codec::new(key, IDENT, options.packet.clone(), options.source_ports());
        let host = Host::new(&topology.host.addresses, options.packet.clone(), options.receive_queue);
        Self {
            network: Network::new(topology, seed, Mono::default()),
            topology: topology.clone(),
            host,
            guard: StepGuard::default(),
            codec: codec.with_udp_ports(options.udp_source_ports()),
            prober: Prober::new(options.max_syn_rate),
            recorder: Recorder::new(),
            series: Vec::new(),
            outgoing: vec![0; options.longest_packet()],
            incoming: Vec::new(),
            reset: Vec::new(),
            options,
            random,
            now: Mono::default(),
            wake: None,
            woken: false,
            free_at: Mono::default(),
            noise: Noise::default(),
        }
    }

    /// Starts to probe what the expectations of the topology call `probe`, over all families, at the usual pace. The ids are those of
    /// the series in order of members, then of addresses.
    ///
    /// # Errors
    /// [`UnknownProbe`] where the topology has no such target.
    pub fn admit(&mut self, probe: &str) -> Result<Vec<SeriesId>, UnknownProbe> {
        let pace = self.options.pace;
        let series = series_of(&self.topology, probe)?;
        Ok(series
            .into_iter()
            .map(|series| self.admit_series(series, pace))
            .collect())
    }

    /// Starts a series at a pace of its own. SYNs at a shorter interval than [`WorldOptions::pace`] use source ports again sooner.
    pub fn admit_series(&mut self, series: Series, pace: Pace) -> SeriesId {
        self.codec.admit(&series);
        let id = self.prober.admit(
            self.now,
            Admission {
                proto: series.endpoint.proto(),
                pace,
                stamp: StampSource::Kernel,
                memory: self.options.memory,
                window: self.options.window,
            },
        );
        // Both number from 0; there is no room for 2^32 series.
        let _ = self.recorder.push(WindowOptions {
            stamp: StampSource::Kernel,
            user_rtt: self.options.user_rtt,
        });
        self.series.push(series);
        self.plan_wake(None);
        id
    }

    /// Probes a series no more; its probes under way are still awaited.
    pub fn retire(&mut self, series: SeriesId) {
        self.prober.retire(series);
    }

    /// Lets time pass up to `end`, without what happens at that moment itself. The observer is given each event as it happens, and
    /// with an answer the true round trip of its packet: from the moment a probe entered the network to that when its answer had
    /// reached this host.
    pub fn run_until(&mut self, end: Mono, observer: impl FnMut(&Event, Option<Rtt>)) {
        self.run_until_with(end, &mut Watched(observer));
    }

    /// As [`run_until`](Self::run_until), with a driver that launches probes of series whose pace has a count of 0, and is told what
    /// becomes of them. It may change between two calls.
    pub fn run_until_with(&mut self, end: Mono, driver: &mut dyn Driver) {
        if let Some(at) = turn::planned(driver) {
            let at = at.max(self.now);
            self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
        }
        while let Some(next) = self.next_moment().filter(|&at| at < end) {
            self.now = self.now.max(next);
            self.take_in();
            if self.next_turn().is_some_and(|at| at <= self.now) {
                self.turn(driver);
            }
        }
        self.now = self.now.max(end);
    }

    /// Lets so much time pass: see [`run_until`](Self::run_until).
    pub fn run_for(&mut self, duration: Duration, observer: impl FnMut(&Event, Option<Rtt>)) {
        self.run_until(self.now.after(duration), observer);
    }

    /// Plans no further probes; those under way are still awaited.
    pub fn stop_sending(&mut self) {
        self.prober.stop_sending();
    }

    /// Ends the run: reads what waits, and settles all that is left. What is not answered by now is lost, or unjudged where its
    /// timeout has not passed.
    pub fn close(&mut self, observer: impl FnMut(&Event, Option<Rtt>)) {
        let mut observer = Watched(observer);
        self.turn(&mut observer);
        self.prober.close();
        self.tell(&mut observer, None);
    }

    /// The prober gets no CPU for so long from now. The kernel does.
    pub fn stall_for(&mut self, duration: Duration) {
        self.free_at = self.free_at.max(self.now.after(duration));
    }

    /// Steps the wall clock, back where `by_ns` is negative.
    pub const fn step_wall_clock(&mut self, by_ns: i64) {
        self.host.step_wall(by_ns);
    }

    /// From now on this host refuses to send, as with a local firewall rule; `None` ends it.
    pub const fn refuse_sends(&mut self, with: Option<SendError>) {
        self.host.refuse_sends(with);
    }

    /// The present moment.
    #[must_use]
    pub const fn now(&self) -> Mono {
        self.now
    }

    /// What is probed, by [`SeriesId`].
    #[must_use]
    pub fn series(&self) -> &[Series] {
        &self.series
    }

    /// The figures of a series so far: final after [`close`](Self::close).
    #[must_use]
    pub fn summary(&self, series: SeriesId) -> Option<Summary> {
        self.recorder.get(series).map(crate::stats::WindowStats::summary)
    }

    /// The open windows of all series, for callers that close windows as they go.
    pub const fn recorder(&mut self) -> &mut Recorder {
        &mut self.recorder
    }

    /// The network, with its ledger of what really happened.
    #[must_use]
    pub const fn network(&self) -> &Network {
        &self.network
    }

    /// What happened on this host besides the outcomes of probes.
    #[must_use]
    pub fn noise(&self) -> Noise {
        let counters = self.prober.counters();
        Noise {
            clock_steps: self.guard.epoch().steps(),
            syn_ack_retransmissions: counters.syn_ack_retransmissions,
            slots_skipped: counters.slots_skipped,
            ..self.noise.clone()
        }
    }

    /// Whether every probe that was asked for has been sent and either answered or timed out.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.prober.is_finished()
    }

    /// Bytes on the heap of the engine, the host's queues and the figures; the network is not counted.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let windows: usize = self.recorder.iter().map(|(_, window)| window.heap_bytes()).sum();
        self.prober.heap_bytes() + self.host.heap_bytes() + windows
    }

    /// When something happens next, in the network or on the host.
    fn next_moment(&self) -> Option<Mono> {
        [self.network.next_deadline(), self.next_turn()]
            .into_iter()
            .flatten()
            .min()
    }

    /// When the prober's loop runs next; unknown while the host stands still, for only the network knows how long.
    fn next_turn(&self) -> Option<Mono> {
        if self.network.host_is_stalled() {
            return None;
        }
        self.wake.map(|wake| wake.max(self.free_at))
    }

    /// The kernel's part: stamps and keeps what has arrived, and answers what no socket wants.
    fn take_in(&mut self) {
        while let Some(delivery) = self.network.poll_delivery(self.now, &mut self.incoming) {
            let Some(socket) = receiver(&self.incoming) else {
                continue;
            };
            if write_reset(&self.incoming, &mut self.reset) && !self.happens(self.options.reset_loss) {
                self.noise.resets += 1;
                self.network.handle_packet(self.now, &self.reset);
            }
            let stamp = self.host.wall(delivery.due);
            self.host.queue(socket).push(&mut self.incoming, delivery, stamp);
            self.wake_up();
        }
    }

    /// Whether something happens that happens in this share of cases.
    fn happens(&mut self, share: f64) -> bool {
        share > 0.0 && self.random.random_bool(share.min(1.0))
    }
}

/// The identifier of echo requests: nobody else sends any here.
const IDENT: u16 = 0x4a17;
