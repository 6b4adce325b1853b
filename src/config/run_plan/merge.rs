//! The file and the command line, put together.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::file::{FamilyWord, Settings, Watch};
use super::{DiagnosisPlan, RunError, RunOutput, RunPlan, WatchedTarget, view};
use crate::config::args::MAX_PAYLOAD_BYTES;
use crate::config::plan::PlanError;
use crate::config::plan::demand::{FamilyDemand, Source};
use crate::config::plan::targets::{self, Setting};
use crate::config::run_args::RunArgs;
use crate::config::surroundings::Surroundings;
use crate::config::target::TargetSpec;
use crate::series::{DEFAULT_PAYLOAD_BYTES, Endpoint, MIN_PAYLOAD_BYTES, PacketOptions};

/// Both, with what is looked up for all targets.
pub(super) struct Merge<'a> {
    args: &'a RunArgs,
    settings: &'a Settings,
    surroundings: &'a Surroundings,
    source: Source,
    demand: FamilyDemand,
}

/// A target as somebody gave it.
struct Given {
    spec: TargetSpec,
    group: Option<Arc<str>>,
    watch: Watch,
}

impl<'a> Merge<'a> {
    pub(super) fn new(
        args: &'a RunArgs,
        settings: &'a Settings,
        surroundings: &'a Surroundings,
    ) -> Result<Self, RunError> {
        if args.icmp && args.no_icmp {
            return Err(PlanError::BothIcmp.into());
        }
        let source = Source::new(args.source.as_ref().or(settings.probe.source.as_ref()), surroundings)?;
        let asked = match (args.ipv4 || args.ipv6, settings.probe.family) {
            (false, Some(FamilyWord::Ipv4)) => (true, false),
            (false, Some(FamilyWord::Ipv6)) => (false, true),
            _ => (args.ipv4, args.ipv6),
        };
        let demand = FamilyDemand::new(asked, source.address)?;
        Ok(Self {
            args,
            settings,
            surroundings,
            source,
            demand,
        })
    }

    pub(super) fn plan(self, file: Option<PathBuf>) -> Result<RunPlan, RunError> {
        let targets = self.targets()?;
        let (args, probe, output) = (self.args, &self.settings.probe, &self.settings.output);
        let window = args.window.or(output.window).unwrap_or(DEFAULT_WINDOW);
        let window = within("window", window, MIN_WINDOW, MAX_WINDOW)?;
        let diagnosis = self.diagnosis()?;
        let packet = self.packet()?;
        let vantage = args.vantage.clone().or_else(|| output.vantage.clone());
        if vantage.as_ref().is_some_and(|name| name.trim().is_empty()) {
            return Err(RunError::NoVantage);
        }
        let slot = args.slot.or(probe.slot).unwrap_or(DEFAULT_SLOT);
        Ok(RunPlan {
            targets,
            family: self.demand.family,
            packet,
            engine: args.engine.or(probe.engine).unwrap_or_default(),
            slot: within("slot", slot, Duration::ZERO, MAX_SLOT)?,
            max_syn_rate: Some(args.max_syn_rate.or(probe.max_syn_rate).unwrap_or(DEFAULT_MAX_SYN_RATE))
                .filter(|rate| *rate != 0),
            receive_buffer: args.receive_buffer.or(probe.receive_buffer),
            window,
            duration: args.duration,
            diagnosis,
            output: RunOutput {
                view: view(args, output.json, self.surroundings.stdout),
                each: args.each || output.each == Some(true),
                log: args.log.clone().or_else(|| output.log.clone()),
                hlog: args.hlog.clone().or_else(|| output.hlog.clone()),
                vantage,
                verbose: args.verbose,
            },
            state: args.state.clone().or_else(|| output.state.clone()),
            file,
        })
    }

    fn packet(&self) -> Result<PacketOptions, RunError> {
        let (args, probe) = (self.args, &self.settings.probe);
        let size = args.payload_bytes.or(probe.size).unwrap_or(DEFAULT_PAYLOAD_BYTES);
        if size < MIN_PAYLOAD_BYTES || i64::from(size) > MAX_PAYLOAD_BYTES {
            return Err(RunError::Size {
                value: size,
                least: MIN_PAYLOAD_BYTES,
                most: MAX_PAYLOAD_BYTES,
            });
        }
        Ok(PacketOptions {
            payload_bytes: size,
            ttl: None,
            traffic_class: args.traffic_class.or(probe.tos).unwrap_or(0),
            interface: self.source.interface.as_ref().map(|(name, _)| name.clone()),
            source: self.source.address,
        })
    }

    fn diagnosis(&self) -> Result<DiagnosisPlan, RunError> {
        let (args, file) = (self.args, &self.settings.diagnosis);
        let false_alarms = args.false_alarms.or(file.false_alarms).unwrap_or(DEFAULT_FALSE_ALARMS);
        if !(false_alarms > 0.0 && false_alarms <= MAX_FALSE_ALARMS) {
            return Err(RunError::FalseAlarms(false_alarms.to_string()));
        }
        let floor = file.floor.unwrap_or(DEFAULT_FLOOR);
        if !(0.0..=1.0).contains(&floor) {
            return Err(RunError::Floor(floor.to_string()));
        }
        let interval = args
            .trace_interval
            .or(file.trace_interval)
            .unwrap_or(DEFAULT_TRACE_INTERVAL);
        let interval = within("trace_interval", interval, MIN_TRACE_INTERVAL, MAX_INTERVAL)?;
        let traces = !args.no_trace && (args.trace_interval.is_some() || file.trace != Some(false));
        Ok(DiagnosisPlan {
            false_alarms_per_30_days: false_alarms,
            floor,
            trace: traces.then_some(interval),
            gateway: args.gateway.or(file.gateway),
        })
    }

    /// One target per name and host, in the order of the file and then of the command line.
    fn targets(&self) -> Result<Vec<WatchedTarget>, RunError> {
        let setting = Setting {
            source: &self.source,
            demand: &self.demand,
            surroundings: self.surroundings,
        };
        let mut all: Vec<WatchedTarget> = Vec::new();
        let mut known = HashMap::new();
        for given in self.given()? {
            let watch = &given.watch;
            let endpoints = |spec: &TargetSpec| self.endpoints(spec, watch);
            for target in targets::build(std::slice::from_ref(&given.spec), &setting, endpoints)? {
                let watched = self.watched(target, &given)?;
                let key = (Arc::clone(&watched.target.name), watched.target.host.clone());
                match known.get(&key) {
                    None => {
                        known.insert(key, all.len());
                        all.push(watched);
                    }
                    Some(&at) => join(&mut all[at], watched)?,
                }
            }
        }
        if all.is_empty() {
            return Err(RunError::NoTargets);
        }
        Ok(all)
    }

    /// All targets, with the settings that hold for each.
    fn given(&self) -> Result<Vec<Given>, RunError> {
        let file = self.settings;
        let mut groups: HashMap<&str, (Arc<str>, Watch)> = HashMap::new();
        for group in &file.groups {
            let watch = group.watch().over(&file.defaults);
            if groups
                .insert(&group.name, (group.name.as_str().into(), watch))
                .is_some()
            {
                return Err(RunError::TwoGroups(group.name.clone()));
            }
        }
        let mut all = Vec::new();
        for group in &file.groups {
            let (name, watch) = &groups[group.name.as_str()];
            all.extend(group.targets.iter().map(|spec| Given {
                spec: spec.clone(),
                group: Some(Arc::clone(name)),
                watch: watch.clone(),
            }));
        }
        for entry in &file.targets {
            let (group, general) = match entry.group.as_deref().map(|name| (name, groups.get(name))) {
                None => (None, &file.defaults),
                Some((_, Some((name, watch)))) => (Some(Arc::clone(name)), watch),
                Some((name, None)) => {
                    return Err(RunError::NoGroup {
                        target: entry.target.to_string(),
                        group: name.to_owned(),
                    });
                }
            };
            all.push(Given {
                spec: entry.target.clone(),
                group,
                watch: entry.watch().over(general),
            });
        }
        all.extend(self.args.targets.iter().map(|spec| Given {
            spec: spec.clone(),
            group: None,
            watch: file.defaults.clone(),
        }));
        Ok(all)
    }

    /// As for `ping`: `--tcp` gives its port to targets without one, and replaces ICMP for them unless that is asked for.
    fn endpoints(&self, spec: &TargetSpec, watch: &Watch) -> Result<Vec<Endpoint>, PlanError> {
        let own = spec.port;
        let port = own.or(self.args.tcp).or(watch.tcp);
        let asked = if self.args.icmp {
            Some(true)
        } else if self.args.no_icmp {
            Some(false)
        } else {
            watch.icmp
        };
        let icmp = asked.unwrap_or(own.is_some() || port.is_none());
        if !icmp && port.is_none() {
            return Err(PlanError::NothingToProbe(spec.to_string()));
        }
        let tcp = port.map(|port| Endpoint::Tcp(port.get()));
        Ok(icmp.then_some(Endpoint::Icmp).into_iter().chain(tcp).collect())
    }

    fn watched(&self, target: crate::config::Target, given: &Given) -> Result<WatchedTarget, RunError> {
        let (args, watch) = (self.args, &given.watch);
        let what = |key: &str| format!("target {}: {key}", given.spec);
        let icmp = args.interval.or(watch.icmp_interval).unwrap_or(DEFAULT_ICMP_INTERVAL);
        let tcp = args.tcp_interval.or(watch.tcp_interval).unwrap_or(DEFAULT_TCP_INTERVAL);
        let timeout = args.timeout.or(watch.timeout).unwrap_or(DEFAULT_TIMEOUT);
        Ok(WatchedTarget {
            target,
            group: given.group.clone(),
            labels: watch.labels.clone().into_iter().collect(),
            icmp_interval: within(&what("icmp_interval"), icmp, MIN_INTERVAL, MAX_INTERVAL)?,
            tcp_interval: within(&what("tcp_interval"), tcp, MIN_INTERVAL, MAX_INTERVAL)?,
            timeout: within(&what("timeout"), timeout, MIN_TIMEOUT, MAX_TIMEOUT)?,
        })
    }
}

/// Adds the endpoints of the same target, given once more.
fn join(first: &mut WatchedTarget, again: WatchedTarget) -> Result<(), RunError> {
    let how = |watched: &WatchedTarget| {
        (
            watched.icmp_interval,
            watched.tcp_interval,
            watched.timeout,
            watched.group.clone(),
        )
    };
    if how(first) != how(&again) {
        return Err(RunError::TwoTargets(first.target.name.to_string()));
    }
    let known: HashSet<Endpoint> = first.target.endpoints.iter().copied().collect();
    let new = again
        .target
        .endpoints
        .into_iter()
        .filter(|endpoint| !known.contains(endpoint));
    first.target.endpoints.extend(new);
    first
        .target
        .endpoints
        .sort_by_key(|endpoint| *endpoint != Endpoint::Icmp);
    Ok(())
}

fn within(what: &str, value: Duration, least: Duration, most: Duration) -> Result<Duration, RunError> {
    let what = || what.to_owned();
    if value < least {
        Err(RunError::TooShort {
            what: what(),
            value,
            least,
        })
    } else if value > most {
        Err(RunError::TooLong {
            what: what(),
            value,
            most,
        })
    } else {
        Ok(value)
    }
}

/// Five echoes a second see bursts of half a second for what they are, and cost a backend nothing.
pub(super) const DEFAULT_ICMP_INTERVAL: Duration = Duration::from_millis(200);

/// SYNs count against limits that real clients need.
pub(super) const DEFAULT_TCP_INTERVAL: Duration = Duration::from_secs(1);

/// Longer than any round trip around the earth, satellites included.
pub(super) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);

/// As scrapes and log pipelines expect it.
pub(super) const DEFAULT_WINDOW: Duration = Duration::from_secs(10);

/// Batches of a hundredth of a second halve the cost of a thousand targets, and hide nothing from the kernel's stamps.
pub(in crate::config) const DEFAULT_SLOT: Duration = Duration::from_millis(10);

/// Enough to probe 10,000 ports once a second; not enough to be taken for a SYN flood by mistake.
pub(super) const DEFAULT_MAX_SYN_RATE: u32 = 10_000;

/// A false incident a month is what an operator forgives.
pub(in crate::config) const DEFAULT_FALSE_ALARMS: f64 = 1.0;

/// Beyond that, every minute has one.
pub(in crate::config) const MAX_FALSE_ALARMS: f64 = 1000.0;

/// Loss that nobody notices.
pub(in crate::config) const DEFAULT_FLOOR: f64 = 0.005;

/// Paths change seldom, and routers have other things to do.
pub(super) const DEFAULT_TRACE_INTERVAL: Duration = Duration::from_secs(10);

/// Routers answer so often, and no more (Linux: `net.ipv4.icmp_ratelimit`).
const MIN_TRACE_INTERVAL: Duration = Duration::from_secs(1);

/// A thousand probes a second to one target are a flood.
const MIN_INTERVAL: Duration = Duration::from_millis(1);

/// What is probed once a day is not watched.
const MAX_INTERVAL: Duration = Duration::from_hours(1);

/// Less is no time to answer in.
const MIN_TIMEOUT: Duration = Duration::from_millis(1);

/// No answer takes longer; probes under way cost memory until then.
const MAX_TIMEOUT: Duration = Duration::from_mins(1);

/// Shorter windows are the events themselves.
const MIN_WINDOW: Duration = Duration::from_secs(1);

/// Longer windows are for whoever merges histograms.
const MAX_WINDOW: Duration = Duration::from_hours(24);

/// Longer slots would be a schedule of their own.
const MAX_SLOT: Duration = Duration::from_secs(1);
