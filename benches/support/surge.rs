//! surge-ping at its best: one shared datagram socket with a large buffer, and as many pingers at once as pay off.

use std::net::IpAddr;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use surge_ping::{Client, Config, PingIdentifier, PingSequence};
use tokio::runtime::{Builder, Runtime};

use super::lab::loopback_target;
use super::sys::set_option;

/// The tokio runtime that carries the pingers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavor {
    /// Everything on the calling thread.
    CurrentThread,
    /// Two worker threads.
    MultiThread,
}

impl Flavor {
    /// Both, by the name that [`Flavor::from_name`] takes.
    pub(crate) const NAMES: [&str; 2] = ["current-thread", "multi-thread"];

    /// The flavor of that name.
    pub(crate) fn from_name(name: &str) -> anyhow::Result<Self> {
        match name {
            "current-thread" => Ok(Self::CurrentThread),
            "multi-thread" => Ok(Self::MultiThread),
            other => anyhow::bail!("no runtime flavor {other}"),
        }
    }

    fn runtime(self) -> std::io::Result<Runtime> {
        match self {
            Self::CurrentThread => Builder::new_current_thread().enable_all().build(),
            Self::MultiThread => Builder::new_multi_thread().worker_threads(2).enable_all().build(),
        }
    }
}

/// One flood: every worker pings its own targets in turn, the next as soon as the last is answered or given up.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flood {
    /// Targets, from 127.1.0.0 on.
    pub(crate) targets: u32,
    /// Probes in all.
    pub(crate) probes: u32,
    /// Pingers at once; a power of two, so that workers on one target never share a sequence number.
    pub(crate) workers: u32,
}

/// Floods and returns (sent, received).
pub(crate) fn flood(flavor: Flavor, flood: Flood) -> anyhow::Result<(u64, u64)> {
    flavor.runtime()?.block_on(async move {
        let client = Arc::new(client()?);
        let share = flood.probes / flood.workers;
        let workers: Vec<_> = (0..flood.workers)
            .map(|worker| tokio::spawn(work(Arc::clone(&client), flood, worker, share)))
            .collect();
        let mut received = 0;
        for worker in workers {
            received += worker.await?;
        }
        Ok((u64::from(share) * u64::from(flood.workers), received))
    })
}

/// Pings `target` every `interval` and returns when each probe was sent (ns since the Unix epoch) and its RTT in microseconds; probes that
/// failed are missing.
pub(crate) fn paced(target: IpAddr, count: u32, interval: Duration) -> anyhow::Result<Vec<(u128, f64)>> {
    Flavor::CurrentThread.runtime()?.block_on(async move {
        let client = client()?;
        let mut pinger = client.pinger(target, PingIdentifier(1)).await;
        let mut ticks = tokio::time::interval(interval);
        let mut probes = Vec::new();
        for number in 0..count {
            ticks.tick().await;
            let sent = SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos();
            if let Ok((_, rtt)) = pinger.ping(PingSequence(low_bits(number)), &PAYLOAD).await {
                probes.push((sent, rtt.as_secs_f64() * 1e6));
            }
        }
        Ok(probes)
    })
}

async fn work(client: Arc<Client>, flood: Flood, worker: u32, share: u32) -> u64 {
    let mut pingers = Vec::new();
    for target in targets_of(worker, flood) {
        let mut pinger = client
            .pinger(IpAddr::V4(loopback_target(target)), PingIdentifier(low_bits(worker)))
            .await;
        pinger.timeout(Duration::from_secs(1));
        pingers.push(pinger);
    }
    let mut received = 0;
    for number in 0..share {
        let turn = usize::try_from(number).unwrap_or(0) % pingers.len();
        let sequence = PingSequence(low_bits(number.wrapping_mul(flood.workers).wrapping_add(worker)));
        received += u64::from(pingers[turn].ping(sequence, &PAYLOAD).await.is_ok());
    }
    received
}

/// Every `workers`-th target; where there are fewer targets than workers, several workers share one.
fn targets_of(worker: u32, flood: Flood) -> impl Iterator<Item = u32> {
    let step = usize::try_from(flood.workers).unwrap_or(usize::MAX);
    (worker % flood.targets..flood.targets).step_by(if flood.targets < flood.workers {
        usize::MAX
    } else {
        step
    })
}

fn client() -> anyhow::Result<Client> {
    let client = Client::new(&Config::builder().sock_type_hint(socket2::Type::DGRAM).build())
        .context("surge-ping's datagram socket (net.ipv4.ping_group_range)")?;
    let descriptor = client.get_socket().get_native_sock();
    // SAFETY: the client owns the descriptor and lives longer than this borrow.
    let socket = unsafe { BorrowedFd::borrow_raw(descriptor) };
    let size: libc::c_int = 16 << 20;
    if set_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, &size).is_err() {
        set_option(socket, libc::SOL_SOCKET, libc::SO_RCVBUF, &size)?;
    }
    Ok(client)
}

fn low_bits(number: u32) -> u16 {
    let [.., high, low] = number.to_be_bytes();
    u16::from_be_bytes([high, low])
}

/// As much as ping sends.
const PAYLOAD: [u8; 56] = [0; 56];
