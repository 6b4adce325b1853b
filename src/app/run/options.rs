//! What the parts of a service are started with.

use std::time::Duration;

use crate::clock::SystemClock;
use crate::config::{RunEngine, RunPlan, Target, WatchedTarget};
use crate::correlate::{CoincidenceOptions, TroubleOptions};
use crate::diagnose::MonitorOptions;
use crate::net::{Capacity, NativeOptions, Needs, PortUse, Privilege};
use crate::sweep::{Budget, SweepOptions};

use crate::app::packets::{has_open_family, known_families};

/// How packets are sent and received.
pub(super) fn native(plan: &RunPlan, clock: SystemClock) -> NativeOptions {
    let targets: Vec<Target> = plan.targets.iter().map(|watched| watched.target.clone()).collect();
    let endpoints = targets.iter().flat_map(|target| target.endpoints.iter().copied());
    let needs = Needs::of(endpoints);
    NativeOptions {
        clock,
        privilege: match plan.engine {
            RunEngine::Auto => Privilege::Auto,
            RunEngine::Raw => Privilege::Raw,
            RunEngine::Unprivileged => Privilege::Unprivileged,
        },
        packet: plan.packet.clone(),
        needs: Needs {
            tcp: needs.tcp || plan.file.is_some(),
            icmp: needs.icmp || plan.file.is_some(),
            ..needs
        },
        families: known_families(&targets, plan.family),
        // What is read from a file may be another next time.
        spare_families: plan.file.is_some() || has_open_family(&targets, plan.family),
        flows: 1,
        interval: shortest(plan, |target| target.tcp_interval),
        source_ports: PortUse::Rotating,
        slot: plan.slot,
        max_syn_rate: plan.max_syn_rate,
        receive_buffer: plan
            .receive_buffer
            .and_then(|bytes| usize::try_from(bytes).ok())
            .unwrap_or(RECEIVE_BUFFER),
        capacity: capacity(plan),
    }
}

/// How a run is judged.
pub(in crate::app) fn monitor(plan: &RunPlan) -> MonitorOptions {
    // Half for what several do at once, half for what one does.
    let false_alarms_per_30_days = plan.diagnosis.false_alarms_per_30_days / 2.0;
    MonitorOptions {
        coincidences: CoincidenceOptions {
            false_alarms_per_30_days,
        },
        troubles: TroubleOptions {
            false_alarms_per_30_days,
        },
        sweep: plan.diagnosis.trace.map(|interval| SweepOptions {
            first_ttl: 1,
            max_ttl: MAX_TTL,
            cycles: None,
            interval,
            timeout: longest_timeout(plan),
            budget: Budget::Gentle,
            max_silent: MAX_SILENT,
        }),
        slot: plan.slot,
    }
}

/// The longest time that an answer may take.
pub(in crate::app) fn longest_timeout(plan: &RunPlan) -> Duration {
    let timeouts = plan.targets.iter().map(|target| target.timeout);
    timeouts.max().unwrap_or_default()
}

/// How much to remember: the probes of two timeouts, so that late answers are known as such, and those of a path of many hops.
fn capacity(plan: &RunPlan) -> Capacity {
    let interval = shortest(plan, |target| target.icmp_interval.min(target.tcp_interval));
    let probes = (longest_timeout(plan).as_nanos() * 2).div_ceil(interval.as_nanos().max(1));
    let probes = usize::try_from(probes).unwrap_or(usize::MAX);
    let series: usize = plan
        .targets
        .iter()
        .map(|target| target.target.endpoints.len() + 1)
        .sum();
    let most = (MEMORY_PROBES / series.max(1)).max(LEAST_MEMORY);
    Capacity {
        memory: probes.clamp(LEAST_MEMORY, most),
        window: 1,
    }
}

fn shortest(plan: &RunPlan, interval: impl Fn(&WatchedTarget) -> Duration) -> Duration {
    plan.targets.iter().map(interval).min().unwrap_or_default()
}

/// 8 MiB hold 10,000 packets with the kernel's overhead: more than answer within a scheduling delay.
const RECEIVE_BUFFER: usize = 8 << 20;

/// As traces have it.
const MAX_TTL: u8 = 30;

/// As traces have it: firewalls hide a handful of hops in a row before what is behind them answers again.
const MAX_SILENT: u8 = 12;

/// Two probes under way at each hop of a long path: 3 KiB a series.
const LEAST_MEMORY: usize = 64;

/// Probes remembered by all series together: 200 MiB at most.
const MEMORY_PROBES: usize = 1 << 22;
