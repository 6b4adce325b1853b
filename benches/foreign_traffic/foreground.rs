//! The foreign traffic: small TCP segments from one thread to itself over loopback, and the price of each.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use anyhow::Context;
use socket2::SockRef;

use crate::support::figures::float;
use crate::support::sys;

/// A connection whose two ends are here.
#[derive(Debug)]
pub(crate) struct Foreground {
    sender: TcpStream,
    receiver: TcpStream,
}

impl Foreground {
    /// A connection that sends every write as a segment, without pacing by its congestion control.
    pub(crate) fn new() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let sender = TcpStream::connect(listener.local_addr()?)?;
        let (receiver, _) = listener.accept()?;
        sender.set_nodelay(true)?;
        SockRef::from(&sender)
            .set_tcp_congestion(b"reno")
            .context("congestion control reno")?;
        Ok(Self { sender, receiver })
    }

    /// Sends at full speed and returns the nanoseconds per segment, acknowledgements counted as segments.
    pub(crate) fn burst(&mut self, duration: Duration) -> anyhow::Result<f64> {
        let before = segments_received()?;
        // Without the privilege the burst is only noisier.
        let is_real_time = sys::set_real_time(true).is_ok();
        let elapsed = self.exchange(duration);
        if is_real_time {
            sys::set_real_time(false)?;
        }
        let segments = segments_received()? - before;
        Ok(elapsed?.as_secs_f64() * 1e9 / float(segments))
    }

    fn exchange(&mut self, duration: Duration) -> std::io::Result<Duration> {
        let mut segment = [0; SEGMENT];
        let start = Instant::now();
        loop {
            self.sender.write_all(&segment)?;
            self.receiver.read_exact(&mut segment)?;
            let elapsed = start.elapsed();
            if elapsed >= duration {
                return Ok(elapsed);
            }
        }
    }
}

/// `InSegs` of this namespace.
fn segments_received() -> anyhow::Result<u64> {
    let snmp = std::fs::read_to_string("/proc/self/net/snmp")?;
    let mut lines = snmp.lines().filter(|line| line.starts_with("Tcp:"));
    let (names, values) = lines
        .next()
        .zip(lines.next())
        .context("no Tcp lines in /proc/self/net/snmp")?;
    let column = names
        .split(' ')
        .position(|name| name == "InSegs")
        .context("no InSegs")?;
    Ok(values.split(' ').nth(column).context("no value of InSegs")?.parse()?)
}

/// As small as a chatty protocol's.
const SEGMENT: usize = 64;
