//! One turn of the prober's loop: read, time out, send, tell. The order is that of the program, and matters for the same reasons.

use std::time::Duration;

use super::{Driver, World};
use crate::clock::ClockEpoch;
use crate::engine::{Arrival, Codec, Due, Ident, Ignored, Match, Measured, Prober};
use crate::lab::host::{SOCKETS, Socket};
use crate::lab::receive_queue::Received;
use crate::outcome::{SendError, What};
use crate::series::Endpoint;
use crate::simnet::random::draw;
use crate::units::{Mono, Rtt};
use crate::wire::{AddrPair, Family, icmp, ip};

impl World {
    /// The loop runs once.
    pub(super) fn turn(&mut self, driver: &mut dyn Driver) {
        let epoch = self.guard.observe(self.host.read_clock(self.now));
        for socket in SOCKETS {
            self.read_answers(socket, epoch, driver);
            self.note_drops(socket);
        }
        self.prober.handle_deadline(self.now);
        self.tell(driver, None);
        if driver.next_deadline().is_some_and(|at| at <= self.now) {
            driver.handle_deadline(self.now);
        }
        self.send_due(epoch);
        self.send_launched(epoch, driver);
        self.tell(driver, None);
        self.woken = false;
        self.free_at = self.free_at.max(self.now.after(TURN));
        self.plan_wake(planned(driver));
    }

    /// Goes to sleep until the next deadline, of the prober or the driver, unless a packet has woken the loop already.
    pub(super) fn plan_wake(&mut self, of_driver: Option<Mono>) {
        let late = draw(&self.options.wake_up_lateness, &mut self.random);
        let next = self.prober.next_deadline().into_iter().chain(of_driver).min();
        let timer = next.map(|at| at.max(self.now).after(late));
        let packet = self.wake.filter(|_| self.woken);
        self.wake = timer.into_iter().chain(packet).min();
    }

    /// A packet is there to be read.
    pub(super) fn wake_up(&mut self) {
        if !self.woken {
            self.woken = true;
            let at = self.now.after(draw(&self.options.wake_up_lateness, &mut self.random));
            self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
        }
    }

    /// Hands all that has happened to the figures and to the driver; `truth` is that of the answer just handled.
    pub(super) fn tell(&mut self, driver: &mut dyn Driver, truth: Option<Rtt>) {
        while let Some(event) = self.prober.poll_event() {
            // Every series was added on admission.
            let _ = self.recorder.record(&event);
            driver.event(&event, truth.filter(|_| matches!(event.what, What::Answered(_))));
        }
    }

    fn read_answers(&mut self, socket: Socket, epoch: ClockEpoch, driver: &mut dyn Driver) {
        while let Some(packet) = self.host.queue(socket).pop() {
            let Received { bytes, delivery, stamp } = packet;
            match read(&self.codec, &bytes, &self.prober) {
                Ok(found) => {
                    let Match {
                        series, seq, answer, ..
                    } = found;
                    let arrival = Arrival {
                        at: self.now,
                        epoch,
                        measured: Measured::Stamps { rx: Some(stamp) },
                        ttl: found.ttl,
                        bytes: found.bytes,
                        from: found.from,
                        told: found.told,
                    };
                    self.prober.handle_answer(series, seq, answer, arrival);
                    let truth = Rtt::from(delivery.due.since(delivery.cause.sent_at));
                    self.tell(driver, Some(truth));
                }
                Err(why) => *self.noise.ignored.entry(why).or_default() += 1,
            }
            self.host.queue(socket).recycle(bytes);
        }
    }

    fn note_drops(&mut self, socket: Socket) {
        let drops = self.host.queue(socket).take_drops();
        if drops > 0 {
            self.prober.handle_receive_drops(socket.0, drops, self.now);
            self.noise.receive_drops += u64::from(drops);
        }
    }

    fn send_due(&mut self, epoch: ClockEpoch) {
        loop {
            let codec = &self.codec;
            let isn = |series, seq| codec.isn(series, seq);
            let Some(due) = self.prober.poll_due(self.now, epoch, isn) else {
                return;
            };
            self.begin(due);
        }
    }

    /// Sends what the driver wants to launch; what is beyond [`MAX_LAUNCHES`] has to wait for the next turn.
    fn send_launched(&mut self, epoch: ClockEpoch, driver: &mut dyn Driver) {
        for _ in 0..MAX_LAUNCHES {
            let Some(launch) = driver.poll_launch(self.now) else {
                return;
            };
            let codec = &self.codec;
            let isn = |series, seq| codec.isn(series, seq);
            let due = self.prober.launch(self.now, epoch, launch, isn);
            driver.launched(launch, due.map(|due| due.seq), self.now);
            if let Some(due) = due {
                self.begin(due);
            }
        }
    }

    fn begin(&mut self, due: Due) {
        match self.send(due) {
            Ok(()) => {
                self.prober.handle_sent(due);
                self.stamp(due);
            }
            Err(error) => self.prober.handle_send_error(due, error),
        }
    }

    fn send(&mut self, due: Due) -> Result<(), SendError> {
        let Due {
            series: id, seq, ttl, ..
        } = due;
        let Self {
            codec, host, outgoing, ..
        } = self;
        // Due probes are of series that were admitted.
        let series = self.series.get(id.index()).ok_or(SendError::NoAddress)?;
        let source = host.source_of(series.address)?;
        let addrs = AddrPair::new(source, series.address).ok_or(SendError::NoRoute)?;
        let len = match series.endpoint {
            Endpoint::Icmp => host.write_echo(addrs, ttl, outgoing, |buf| codec.write_echo(id, seq, buf)),
            Endpoint::Tcp(_) => codec.write_syn(due, source, self.now, outgoing),
            Endpoint::Udp(_) => codec.write_udp(due, source, outgoing),
        };
        host.check_send(len)?;
        match outgoing.get(..len) {
            Some(packet) if len > 0 => {
                self.network.handle_packet(self.now, packet);
                Ok(())
            }
            _ => Err(SendError::NoAddress),
        }
    }

    /// Gives the prober the send stamp of a probe that has just entered the network.
    fn stamp(&mut self, due: Due) {
        if self.happens(self.options.tx_stamp_loss) {
            self.noise.tx_stamps_lost += 1;
        } else {
            let stamp = self.host.wall(self.now);
            self.prober.handle_tx_stamp(due.series, due.seq, stamp);
        }
    }
}

/// When a driver wants to run next.
pub(super) fn planned(driver: &mut dyn Driver) -> Option<Mono> {
    driver.next_launch().into_iter().chain(driver.next_deadline()).min()
}

/// Reads a packet as the sockets give it to the engine: raw ICMPv6 sockets without IP header, and with its checksum verified.
fn read(codec: &Codec, packet: &[u8], prober: &Prober) -> Result<Match, Ignored> {
    let datagram = ip::parse(packet).map_err(Ignored::Malformed)?;
    if (datagram.addrs.family(), datagram.protocol) != (Family::V6, ip::ICMPV6) {
        return codec.read_packet(packet, prober);
    }
    if !icmp::v6_checksum_ok(datagram.payload, datagram.addrs) {
        return Err(Ignored::Checksum);
    }
    let found = codec.read_icmp(datagram.addrs.src(), datagram.payload, Ident::Ours, prober)?;
    Ok(Match {
        ttl: Some(datagram.ttl),
        ..found
    })
}

/// A turn takes time. This is less than any does, but without it a series that sends as fast as answers come would stop the clock in a
/// network without delay.
const TURN: Duration = Duration::from_micros(1);

/// More than a sweep launches at a moment; a driver that never ends does not stop the clock either.
const MAX_LAUNCHES: usize = 1024;
