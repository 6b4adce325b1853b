//! A service under load: 10,000 targets while it is scraped, and 1,000 HTTP clients at once beside 100 targets.
//!
//! Everything is on loopback and on the same processors: the answering stack, whoever scrapes, the clients, and the reader of the lines. So the
//! figures are upper bounds of what a service pays, and a lower bound of what it stands. The bars: no probe lost that was not, and round-trip times that
//! do not show the clients.
#![expect(unsafe_code, reason = "the cost of a child is read with wait4")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![expect(clippy::disallowed_macros, reason = "a bench prints")]

#[path = "support/mod.rs"]
#[allow(dead_code, reason = "each bench uses its own part of it")]
mod support;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::Value;
use support::figures::float;
use support::lab::{Form, inside_namespace, listen, loopback_target};
use support::sys::{self, Usage};

fn main() -> ExitCode {
    inside_namespace(bench)
}

fn bench(form: Form) -> anyhow::Result<()> {
    many_targets(form)?;
    many_clients(form)
}

/// All targets by ICMP and SYN, once a second each, while somebody scrapes.
fn many_targets(form: Form) -> anyhow::Result<()> {
    let (targets, seconds, every) = (form.pick(10_000, 300), form.pick(600, 6), form.pick(5, 1));
    let port = listen()?;
    let addresses = (0..targets).map(|index| format!("{}:{port}", loopback_target(index)));
    let window = form.pick("10s", "1s");
    let args = format!("-i 1s --tcp-interval 1s --window {window} --duration {seconds}s");
    let service = Service::start(&args, addresses)?;
    let (mut took, mut bytes) = (Vec::new(), 0);
    let end = Instant::now() + Duration::from_secs(seconds - every);
    let mut formats = [TEXT, PROTOBUF].into_iter().cycle();
    while Instant::now() < end {
        thread::sleep(Duration::from_secs(every));
        let began = Instant::now();
        bytes = bytes.max(get(service.address, formats.next().unwrap_or(TEXT))?.len());
        took.push(began.elapsed().as_secs_f64());
    }
    let scrapes = took.len();
    let longest = took.iter().copied().fold(0.0, f64::max);
    let (usage, wall, phases) = service.finish()?;
    let [all, _] = phases;
    println!(
        "\n{targets} targets x (ICMP + SYN) x 1/s for {seconds} s, scraped every {every} s\n\
         sent {}, received {}, lost {}, late {}, not sent {}; windows {}, disturbed by this host {}; incidents {}",
        all.sent, all.received, all.lost, all.late, all.send_error, all.windows, all.disturbed, all.incidents
    );
    println!(
        "CPU {:.1} % of a core, max RSS {:.0} MiB; {scrapes} scrapes of up to {:.1} MB as gzip, the longest took {longest:.2} s",
        100.0 * usage.cpu().as_secs_f64() / wall.as_secs_f64(),
        float(usage.max_rss_kib) / 1024.0,
        float(u64::try_from(bytes)?) / 1e6,
    );
    anyhow::ensure!(
        all.sent > 0 && all.lost == 0,
        "{} of {} probes lost on loopback",
        all.lost,
        all.sent
    );
    Ok(())
}

/// Rounds without clients and with a thousand, in turn.
fn many_clients(form: Form) -> anyhow::Result<()> {
    let (clients, rounds, seconds) = (form.pick(1_000, 50), form.pick(4, 1), form.pick(20, 3));
    let total = rounds * 2 * (seconds + SETTLING_S) + SETTLING_S;
    let addresses = (0..100).map(|index| loopback_target(index).to_string());
    let args = format!("-i 20ms --window 1s --no-trace --duration {total}s");
    let service = Service::start(&args, addresses)?;
    let answered = Arc::new(AtomicU64::new(0));
    for _ in 0..rounds {
        for (phase, count) in [(ALONE, 0), (CROWDED, clients)] {
            let crowd = Crowd::enter(count, service.address, &answered)?;
            thread::sleep(Duration::from_secs(SETTLING_S));
            service.phase.store(phase, Ordering::Relaxed);
            thread::sleep(Duration::from_secs(seconds));
            service.phase.store(BETWEEN, Ordering::Relaxed);
            crowd.leave();
        }
    }
    let (_, _, [alone, crowded]) = service.finish()?;
    let answers = answered.load(Ordering::Relaxed) / (rounds * (seconds + SETTLING_S));
    println!(
        "\n100 targets x ICMP x 50/s, alone and beside {clients} HTTP clients ({answers} whole answers/s), {rounds} rounds of {seconds} s"
    );
    println!(
        "{:>8} {:>10} {:>6} {:>9} {:>9} {:>9} {:>10}",
        "", "sent", "lost", "p50 us", "p99 us", "p99.9 us", "disturbed"
    );
    for (name, phase) in [("alone", &alone), ("crowded", &crowded)] {
        let [p50, p99, p999] = [500, 990, 999].map(|per_mille| phase.quantile_us(per_mille));
        println!(
            "{name:>8} {:>10} {:>6} {p50:>9.1} {p99:>9.1} {p999:>9.1} {:>10}",
            phase.sent, phase.lost, phase.disturbed
        );
    }
    anyhow::ensure!(alone.sent > 0 && crowded.sent > 0, "a phase without windows");
    anyhow::ensure!(alone.lost + crowded.lost == 0, "probes lost on loopback");
    Ok(())
}

/// `pathjitter run`, its lines read as they come.
struct Service {
    child: Child,
    address: SocketAddr,
    began: Instant,
    /// Which phase the windows that arrive belong to.
    phase: Arc<AtomicUsize>,
    phases: Arc<Mutex<[Totals; 2]>>,
    reader: JoinHandle<()>,
}

impl Service {
    fn start(args: &str, targets: impl Iterator<Item = String>) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let config = folder.path().join("targets.toml");
        let targets: Vec<_> = targets.map(|target| format!("{target:?}")).collect();
        let group = format!("[[group]]\nname = \"all\"\ntargets = [{}]\n", targets.join(", "));
        std::fs::write(&config, group)?;
        let mut child = Command::new(env!("CARGO_BIN_EXE_pathjitter"))
            .args(["run", "--json", "--listen", "127.0.0.1:0", "-c"])
            .arg(&config)
            .args(args.split(' '))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("pathjitter run")?;
        let stdout = child.stdout.take().context("a pipe")?;
        let (phase, phases) = (Arc::new(AtomicUsize::new(ALONE)), Arc::new(Mutex::default()));
        let (tell, told) = mpsc::channel();
        let (phase_now, totals) = (Arc::clone(&phase), Arc::clone(&phases));
        let read = move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let Ok(event) = serde_json::from_str::<Value>(&line) else {
                    continue;
                };
                if event["event"] == "start" {
                    let _ = tell.send(event["message"].as_str().unwrap_or_default().to_owned());
                }
                let mut totals = totals.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let totals: &mut [Totals; 2] = &mut totals;
                if let Some(phase) = totals.get_mut(phase_now.load(Ordering::Relaxed)) {
                    phase.add(&event);
                }
            }
        };
        let reader = thread::spawn(read);
        let message = told.recv_timeout(Duration::from_mins(1)).context("no first line")?;
        let address = message.split("http://").nth(1).and_then(|rest| rest.split('/').next());
        Ok(Self {
            child,
            address: address.context("no address in the first line")?.parse()?,
            began: Instant::now(),
            phase,
            phases,
            reader,
        })
    }

    /// Waits for its end: what it used, for how long, and what it said in each phase.
    fn finish(self) -> anyhow::Result<(Usage, Duration, [Totals; 2])> {
        let (succeeded, usage) = sys::wait_with_usage(&self.child)?;
        let wall = self.began.elapsed();
        anyhow::ensure!(succeeded, "pathjitter run failed");
        self.reader
            .join()
            .map_err(|_| anyhow::anyhow!("the reader of the lines panicked"))?;
        let mut phases = self.phases.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Ok((usage, wall, std::mem::take(&mut *phases)))
    }
}

/// The sums of the windows of a phase.
#[derive(Default)]
struct Totals {
    windows: u64,
    sent: u64,
    received: u64,
    lost: u64,
    late: u64,
    send_error: u64,
    disturbed: u64,
    incidents: u64,
    /// Lower edges in ns, with counts.
    cells: BTreeMap<u64, u64>,
}

impl Totals {
    fn add(&mut self, event: &Value) {
        if event["event"] == "incident_open" {
            self.incidents += 1;
        }
        if event["event"] != "window" {
            return;
        }
        let count = |key: &str| event[key].as_u64().unwrap_or_default();
        self.windows += 1;
        self.sent += count("sent");
        self.received += count("received");
        self.lost += count("lost");
        self.late += count("late");
        self.send_error += count("send_error");
        self.disturbed += u64::from(event["self_noise"] == true);
        let numbers = |key: &str| event["rtt_hist_ns"][key].as_array().cloned().unwrap_or_default();
        for (edge, n) in numbers("values").iter().zip(&numbers("counts")) {
            *self.cells.entry(edge.as_u64().unwrap_or_default()).or_default() += n.as_u64().unwrap_or_default();
        }
    }

    fn quantile_us(&self, per_mille: u64) -> f64 {
        let wanted = (self.cells.values().sum::<u64>() * per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        let edge = self.cells.iter().find_map(|(edge, n)| {
            seen += n;
            (seen >= wanted).then_some(*edge)
        });
        float(edge.unwrap_or_default()) / 1e3
    }
}

/// Clients that ask again as soon as they are answered.
struct Crowd {
    leave: Arc<AtomicBool>,
    clients: Vec<JoinHandle<()>>,
}

impl Crowd {
    fn enter(count: usize, server: SocketAddr, answered: &Arc<AtomicU64>) -> anyhow::Result<Self> {
        let leave = Arc::new(AtomicBool::new(false));
        let client = || {
            let (leave, answered) = (Arc::clone(&leave), Arc::clone(answered));
            let ask = move || {
                while !leave.load(Ordering::Relaxed) {
                    // One that is refused is a client all the same.
                    if get(server, TEXT).is_ok_and(|page| page.len() > 1_000) {
                        answered.fetch_add(1, Ordering::Relaxed);
                    }
                }
            };
            thread::Builder::new().stack_size(128 << 10).spawn(ask)
        };
        let clients = (0..count).map(|_| client()).collect::<Result<_, _>>()?;
        Ok(Self { leave, clients })
    }

    fn leave(self) {
        self.leave.store(true, Ordering::Relaxed);
        for client in self.clients {
            let _ = client.join();
        }
    }
}

/// Asks for all metrics in a format.
fn get(server: SocketAddr, accept: &str) -> anyhow::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&server, Duration::from_secs(10))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nHost: {server}\r\nAccept: {accept}\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

const TEXT: &str = "text/plain";
const PROTOBUF: &str = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// Phases, by their place; windows between two of them are of neither.
const ALONE: usize = 0;
const CROWDED: usize = 1;
const BETWEEN: usize = 2;

/// A window that began before a phase has arrived by then: it is a second long, and comes a second after its end.
const SETTLING_S: u64 = 3;
