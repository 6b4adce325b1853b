//! What a prober costs the traffic that is not its own.
//!
//! A TCP answer can be received on a raw socket or on a packet socket, each with a filter; either way the kernel does some work
//! for every foreign segment of the host. The foreground here is one thread that sends small segments to itself over
//! loopback, in short bursts at real-time priority: all the work for a segment, sending, receiving and the taps between, is
//! on that thread, so the time per segment is the whole price. No foreign packet passes a filter.
#![expect(unsafe_code, reason = "packet sockets, filters and priorities are system calls")]
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![expect(clippy::disallowed_macros, reason = "a bench prints")]

#[path = "foreign_traffic/foreground.rs"]
mod foreground;
#[path = "support/mod.rs"]
#[allow(dead_code, reason = "each bench uses its own part of it")]
mod support;
#[path = "foreign_traffic/tap.rs"]
mod tap;

use std::net::TcpListener;
use std::process::ExitCode;
use std::time::Duration;

use foreground::Foreground;
use support::figures::{float, median, quantile, shown, sorted};
use support::lab::{Form, inside_namespace, loopback_target, not_measured};
use support::{ours, sys};
use tap::Tap;

fn main() -> ExitCode {
    inside_namespace(bench)
}

fn bench(form: Form) -> anyhow::Result<()> {
    sys::pin_to_core(sys::last_core())?;
    let mut foreground = Foreground::new()?;
    foreground.burst(WARM_UP)?;
    compare_taps(form, &mut foreground)?;
    measure_prober(form, &mut foreground)
}

/// Every way to receive, open but idle, beside the foreground at full speed.
fn compare_taps(form: Form, foreground: &mut Foreground) -> anyhow::Result<()> {
    let rounds = form.pick(200, 20);
    let mut costs = vec![Vec::new(); Tap::ALL.len()];
    for round in 0..rounds {
        for turn in 0..Tap::ALL.len() {
            // Whoever comes first differs from round to round.
            let index = (round + turn) % Tap::ALL.len();
            let _open = Tap::ALL[index].open()?;
            foreground.burst(BURST / 4)?;
            costs[index].push(foreground.burst(BURST)?);
        }
    }
    println!(
        "idle taps, {rounds} interleaved bursts each; ns per foreground segment; extra: median of the differences per round"
    );
    print_heading();
    let extra = |index: usize| {
        let differences = costs[index].iter().zip(&costs[0]).map(|(with, without)| with - without);
        median(&differences.collect::<Vec<_>>()).unwrap_or(f64::NAN)
    };
    for (index, tap) in Tap::ALL.iter().enumerate() {
        print_row(tap.label(), Quantiles::of(&costs[index]), extra(index));
    }
    let of_tap = |tap: Tap| Tap::ALL.iter().position(|other| *other == tap).map(extra);
    let ratio = of_tap(Tap::PacketAll)
        .zip(of_tap(Tap::Raw))
        .map(|(packet, raw)| packet / raw);
    println!(
        "extra of the packet socket for all protocols : extra of the raw socket = {}",
        shown(ratio, 2)
    );
    Ok(())
}

/// The whole prober at one SYN a second to each of 100 targets, on the other core, in turn with nothing.
fn measure_prober(form: Form, foreground: &mut Foreground) -> anyhow::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:0")?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let (mut without, mut with, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..form.pick(5, 1) {
        bursts_while(foreground, &mut without, |bursts| bursts < 100)?;
        let prober = std::thread::spawn(move || run_prober(form.pick(5, 2), port));
        bursts_while(foreground, &mut with, |_| !prober.is_finished())?;
        match prober.join().unwrap_or_else(|_| Err(anyhow::anyhow!("panicked"))) {
            Ok(share) => shares.push(share),
            Err(error) => return not_measured("pathjitter ping --tcp beside foreign traffic", &format!("{error:#}")),
        }
    }
    println!(
        "\npathjitter, 100 targets x 1 SYN/s; its own process: {} % of a core",
        shown(median(&shares), 2)
    );
    let (without, with) = (Quantiles::of(&without), Quantiles::of(&with));
    print_heading();
    print_row("without the prober", without, 0.0);
    print_row("beside the prober", with, with.median - without.median);
    Ok(())
}

/// Runs the prober on the other core and returns what share of a core it used, in per cent.
fn run_prober(seconds: u32, port: u16) -> anyhow::Result<f64> {
    sys::pin_to_core(PROBER_CORE)?;
    let (count, port) = (seconds.to_string(), port.to_string());
    let arguments = ["-q", "--json", "-i", "1", "-c", &count, "-w", "600", "--tcp", &port];
    let targets = (0..100).map(|index| loopback_target(index).to_string());
    let (finished, sums) = ours::measure(&mut ours::ping_command(&arguments, targets))?;
    anyhow::ensure!(
        sums.received == sums.sent,
        "{} of {} SYNs unanswered on loopback",
        sums.sent - sums.received,
        sums.sent
    );
    Ok(100.0 * finished.usage.cpu().as_secs_f64() / finished.wall.as_secs_f64())
}

fn bursts_while(
    foreground: &mut Foreground,
    costs: &mut Vec<f64>,
    go_on: impl Fn(usize) -> bool,
) -> anyhow::Result<()> {
    let mut bursts = 0;
    while go_on(bursts) {
        costs.push(foreground.burst(BURST)?);
        bursts += 1;
        // Real-time bursts back to back would starve the rest of the machine.
        std::thread::sleep(BURST);
    }
    Ok(())
}

/// Nanoseconds per segment over many bursts. The low quantiles are those that other work on the machine disturbs least.
#[derive(Clone, Copy, Debug)]
struct Quantiles {
    min: f64,
    p10: f64,
    median: f64,
}

impl Quantiles {
    fn of(costs: &[f64]) -> Self {
        let sorted = sorted(costs);
        let at = |per_mille| quantile(&sorted, per_mille).unwrap_or(f64::NAN);
        Self {
            min: at(0),
            p10: at(100),
            median: at(500),
        }
    }
}

fn print_heading() {
    println!(
        "{:<38} {:>8} {:>8} {:>8} {:>9} {:>16} {:>12}",
        "tap", "min", "p10", "median", "extra", "core % at 200k/s", "fewer seg/s"
    );
}

/// One line: what a segment costs, and what `extra_ns` of that mean at the foreign rate and at full speed.
fn print_row(label: &str, cost: Quantiles, extra_ns: f64) {
    println!(
        "{label:<38} {:>8.0} {:>8.0} {:>8.0} {extra_ns:>+9.0} {:>16.2} {:>10.2} %",
        cost.min,
        cost.p10,
        cost.median,
        extra_ns * float(FOREIGN_RATE) / 1e7,
        100.0 * extra_ns / cost.median,
    );
}

/// The foreign load that the service bar names, in segments a second.
const FOREIGN_RATE: u64 = 200_000;
/// The foreground has the last core.
const PROBER_CORE: usize = 0;
const BURST: Duration = Duration::from_millis(10);
const WARM_UP: Duration = Duration::from_millis(100);
