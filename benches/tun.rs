//! How many packets a second the simulated network carries behind its TUN device, and how late it is then.
//!
//! A child inside `pathjitter lab` sends echo requests to eight backends with `sendmmsg`, at a pace or as fast as answers come back (never more
//! than a window of requests are unanswered, so that nothing is lost for want of flow control), and counts the replies. Each request and each
//! reply is a packet that crosses the device. The rate is that of the steady phase: without start and end, but nothing may be lost in
//! either, or the bench fails.
#![expect(clippy::disallowed_macros, reason = "a bench prints")]
#![expect(unsafe_code, reason = "the cost of a child is read with wait4")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]

#[path = "support/mod.rs"]
#[allow(dead_code, reason = "each bench uses its own part of it")]
mod support;

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd as _;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::Context;
use pathjitter::sys::options::{force_receive_buffer, set_icmp_filter};
use pathjitter::sys::{Interest, PollFd, Queue, RecvBatch, SendBatch, poll};
use serde_json::{Value, json};
use socket2::{Domain, Protocol, Socket, Type};
use support::child;
use support::figures::float;
use support::lab::{Form, inside_namespace, not_measured};

fn main() -> ExitCode {
    match child::part_of_this_process() {
        Some(part) => flood_child(&part),
        None => inside_namespace(bench),
    }
}

fn bench(form: Form) -> anyhow::Result<()> {
    if let Err(error) = std::fs::File::options().read(true).write(true).open("/dev/net/tun") {
        return not_measured("TUN", &format!("/dev/net/tun: {error}"));
    }
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("network.toml"), topology())?;
    println!(
        "packets/s that cross the device, in both directions; an exchange is two; late: us from due to written, p50/p99/max"
    );
    let mut best = 0.0_f64;
    for offered in [50_000, 100_000, 150_000, 200_000, 0] {
        let carried = measure(folder.path(), offered, form.pick(6, 1))?;
        best = best.max(carried);
    }
    let verdict = if best >= BAR { "met" } else { "MISSED" };
    println!("bar of {BAR:.0} packets/s without loss: {verdict} ({best:.0})");
    Ok(())
}

/// Offers `offered` packets/s for some seconds, half of them requests; 0 is as fast as answers come back. Returns what was carried.
fn measure(folder: &std::path::Path, offered: u32, seconds: u32) -> anyhow::Result<f64> {
    let (network, report) = (folder.join("network.toml"), folder.join("report.json"));
    let flood = child::this_bench_as(&[(offered / 2).to_string(), seconds.to_string()])?;
    let mut lab = Command::new(env!("CARGO_BIN_EXE_pathjitter"));
    lab.arg("lab").arg(&network).arg("--report").arg(&report);
    lab.arg("--").arg(flood.get_program()).args(flood.get_args());
    let finished = child::measure(&mut lab)?;
    anyhow::ensure!(finished.succeeded, "{}", finished.stderr.trim());
    let counts: Value = serde_json::from_str(&finished.stdout).context("what the flood says")?;
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&report)?)?;
    let simulation = &report["simulation"];
    let number = |from: &Value, field: &str| from[field].as_u64().with_context(|| format!("no {field}"));
    let (sent, received) = (number(&counts, "sent")?, number(&counts, "received")?);
    let lost = number(simulation, "unintended_loss")?;
    let carried = counts["carried_per_second"].as_f64().context("no rate")?;
    let late = &simulation["written_late"];
    let us = |field: &str| late[field].as_f64().unwrap_or_default();
    println!(
        "{:>9} offered: {carried:>8.0} carried, {:>7.0} exchanges/s; sent {sent}, received {received}, unintended loss {lost}; \
         late {:.0}/{:.0}/{:.0}; {} late moments",
        if offered == 0 {
            "unpaced".to_owned()
        } else {
            offered.to_string()
        },
        carried / 2.0,
        us("p50_us"),
        us("p99_us"),
        us("max_us"),
        simulation["late_moments"].as_array().map_or(0, Vec::len),
    );
    anyhow::ensure!(
        lost == 0,
        "the simulated network lost {lost} packets that it should not"
    );
    let (inward, outward) = (number(simulation, "packets_in")?, number(simulation, "packets_out")?);
    anyhow::ensure!(
        (inward, outward, received) == (sent, sent, sent),
        "sent {sent}, read {inward}, answered {outward}, received {received}"
    );
    Ok(carried)
}

fn flood_child(part: &[String]) -> ExitCode {
    let number = |index: usize| part.get(index).and_then(|word| word.parse().ok()).unwrap_or(0);
    match flood(number(0), Duration::from_secs(number(1))) {
        Ok(counts) => {
            println!("{counts}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What the flood has done.
struct Flood {
    socket: Socket,
    requests: SendBatch,
    replies: RecvBatch,
    sent: u64,
    received: u64,
}

/// Sends `rate` requests a second (0: no pace), waits for the last reply, and says what was carried.
fn flood(rate: u64, time: Duration) -> anyhow::Result<Value> {
    let mut flood = Flood::new()?;
    let start = Instant::now();
    flood.run(rate, start, WARM_UP)?;
    let (begin, before) = (start.elapsed(), flood.sent + flood.received);
    flood.run(rate, start, WARM_UP + time)?;
    let (end, after) = (start.elapsed(), flood.sent + flood.received);
    while flood.sent > flood.received && start.elapsed() < end + LAST_REPLIES {
        flood.receive(Duration::from_millis(10))?;
    }
    Ok(json!({
        "sent": flood.sent,
        "received": flood.received,
        "carried_per_second": float(after - before) / end.saturating_sub(begin).as_secs_f64(),
    }))
}

impl Flood {
    fn new() -> anyhow::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::RAW.nonblocking(), Some(Protocol::ICMPV4))?;
        // All but echo replies.
        set_icmp_filter(socket.as_fd(), !1)?;
        force_receive_buffer(socket.as_fd(), 16 << 20)?;
        Ok(Self {
            socket,
            requests: SendBatch::new(BATCH, REQUEST.len()),
            replies: RecvBatch::new(256, 128),
            sent: 0,
            received: 0,
        })
    }

    fn run(&mut self, rate: u64, start: Instant, until: Duration) -> anyhow::Result<()> {
        loop {
            let elapsed = start.elapsed();
            if elapsed >= until {
                return Ok(());
            }
            let micros = u64::try_from(elapsed.as_micros())?;
            let due = if rate == 0 { u64::MAX } else { rate * micros / 1_000_000 };
            let room = WINDOW.saturating_sub(self.sent - self.received);
            let now = room.min(due.saturating_sub(self.sent));
            if now > 0 {
                self.send(now)?;
            }
            let pause = if now > 0 {
                Duration::ZERO
            } else {
                Duration::from_micros(50)
            };
            self.receive(pause)?;
        }
    }

    /// Sends up to `most` requests, in turn to all backends.
    fn send(&mut self, most: u64) -> anyhow::Result<()> {
        self.requests.clear();
        for number in self.sent..self.sent + most {
            let backend = u8::try_from(number % u64::from(BACKENDS))?;
            let to = SocketAddr::new(Ipv4Addr::new(10, 10, 1, 11 + backend).into(), 0);
            let _ = self.requests.push(to, |slot| {
                slot.copy_from_slice(&REQUEST);
                slot.len()
            });
        }
        while self.requests.unsent() > 0 {
            let progress = self.requests.send(self.socket.as_fd());
            self.sent += u64::try_from(progress.sent)?;
            anyhow::ensure!(progress.failed.is_none(), "send: errno {:?}", progress.failed);
        }
        Ok(())
    }

    /// Counts what is there, after waiting for it up to `pause`.
    fn receive(&mut self, pause: Duration) -> anyhow::Result<()> {
        if !pause.is_zero() {
            poll(&mut [PollFd::new(self.socket.as_fd(), Interest::Read)], Some(pause))?;
        }
        let count = self.replies.recv(self.socket.as_fd(), Queue::Data)?;
        self.received += u64::try_from(count)?;
        Ok(())
    }
}

/// Backends behind one router, 2 ms there and back.
fn topology() -> String {
    let mut text = "title = \"Eight backends\"\nstory = \"Nothing happens.\"\nduration = \"10s\"\n\
        [host]\naddresses = [\"10.10.0.5\"]\n\
        [[router]]\nname = \"agg\"\naddresses = [\"10.10.1.1\"]\n\
        [[link]]\nbetween = [\"host\", \"agg\"]\nset.delay = \"600us\"\n\
        [verdict]\ncode = \"clean\"\n"
        .to_owned();
    for n in 0..BACKENDS {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "[[backend]]\nname = \"app{n}\"\naddresses = [\"10.10.1.{}\"]\n\
             [[link]]\nbetween = [\"agg\", \"app{n}\"]\nset.delay = \"400us\"\n",
            11 + n
        );
    }
    text
}

const BACKENDS: u32 = 8;

/// What the lab has to carry.
const BAR: f64 = 100_000.0;

/// Requests of one `sendmmsg`.
const BATCH: usize = 64;

/// Requests on their way at most: enough for 400,000 packets/s at 2 ms.
const WINDOW: u64 = 400;

const WARM_UP: Duration = Duration::from_millis(500);
const LAST_REPLIES: Duration = Duration::from_secs(2);

/// An echo request of identifier 1 with 56 empty bytes: type 8, and the complement of 0x0800 + 1 as checksum.
const REQUEST: [u8; 64] = {
    let mut request = [0; 64];
    request[0] = 8;
    [request[2], request[3]] = 0xf7fe_u16.to_be_bytes();
    request[5] = 1;
    request
};
