//! The file and the command line, put together.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::file::{ConfigFile, FamilyWord, Watch};
use super::limits::{self, OutOfLimits};
use super::{DiagnosisPlan, RunError, RunOutput, RunPlan, WatchedTarget, view};
use crate::config::plan::PlanError;
use crate::config::plan::demand::{FamilyDemand, Source};
use crate::config::plan::targets::{self, Setting};
use crate::config::run_args::RunArgs;
use crate::config::surroundings::Surroundings;
use crate::config::target::TargetSpec;
use crate::series::{DEFAULT_PAYLOAD_BYTES, Endpoint, PacketOptions};

/// Both, with what is looked up for all targets.
pub(super) struct Merge<'a> {
    args: &'a RunArgs,
    file: &'a ConfigFile,
    surroundings: &'a Surroundings,
    source: Source,
    demand: FamilyDemand,
}

/// A target as somebody gave it.
struct Given {
    spec: TargetSpec,
    /// Where in the file; `None` on the command line.
    at: Option<usize>,
    group: Option<Arc<str>>,
    watch: Watch,
}

impl<'a> Merge<'a> {
    pub(super) fn new(
        args: &'a RunArgs,
        file: &'a ConfigFile,
        surroundings: &'a Surroundings,
    ) -> Result<Self, RunError> {
        if args.icmp && args.no_icmp {
            return Err(PlanError::BothIcmp.into());
        }
        check_options(args)?;
        let probe = &file.settings.probe;
        let source = match (&args.source, &probe.source) {
            (None, Some(source)) => Source::new(Some(source.get_ref()), surroundings)
                .map_err(|why| file.wrong_at(source.span().start, why))?,
            (source, _) => Source::new(source.as_ref(), surroundings)?,
        };
        let (asked, key) = match (args.ipv4 || args.ipv6, probe.family) {
            (false, Some(FamilyWord::Ipv4)) => ((true, false), Some("family = \"ipv4\"")),
            (false, Some(FamilyWord::Ipv6)) => ((false, true), Some("family = \"ipv6\"")),
            _ => ((args.ipv4, args.ipv6), None),
        };
        let mut demand = FamilyDemand::new(asked, source.address)?;
        if let Some(key) = key {
            key.clone_into(&mut demand.option);
        }
        Ok(Self {
            args,
            file,
            surroundings,
            source,
            demand,
        })
    }

    pub(super) fn plan(self, file: Option<PathBuf>) -> Result<RunPlan, RunError> {
        let targets = self.targets()?;
        let (args, probe, output) = (self.args, &self.file.settings.probe, &self.file.settings.output);
        let journal = args.journal.or(output.journal).unwrap_or_default();
        let plan = RunPlan {
            targets,
            family: self.demand.family,
            packet: self.packet(),
            engine: args.engine.or(probe.engine).unwrap_or_default(),
            slot: args.slot.or(probe.slot).unwrap_or(DEFAULT_SLOT),
            max_syn_rate: Some(args.max_syn_rate.or(probe.max_syn_rate).unwrap_or(DEFAULT_MAX_SYN_RATE))
                .filter(|rate| *rate != 0),
            receive_buffer: args.receive_buffer.or(probe.receive_buffer),
            window: args.window.or(output.window).unwrap_or(DEFAULT_WINDOW),
            duration: args.duration,
            diagnosis: self.diagnosis(),
            output: RunOutput {
                view: view(args, output.json, journal, self.surroundings.stdout),
                each: args.each || output.each == Some(true),
                log: args.log.clone().or_else(|| output.log.clone()),
                hlog: args.hlog.clone().or_else(|| output.hlog.clone()),
                listen: args.listen.or(output.listen),
                smokeping_metrics: args.smokeping_metrics || output.smokeping_metrics.unwrap_or_default(),
                journal: journal.is_on(args, output.json, self.surroundings.stdout),
                syslog: args.syslog.clone().or_else(|| output.syslog.clone()),
                publish: args.publish.clone().or_else(|| output.publish.clone()),
                vantage: args.vantage.clone().or_else(|| output.vantage.clone()),
                verbose: args.verbose,
            },
            state: args.state.clone().or_else(|| output.state.clone()),
            file,
        };
        each_file_is_one_thing(&plan)?;
        Ok(plan)
    }

    fn packet(&self) -> PacketOptions {
        let (args, probe) = (self.args, &self.file.settings.probe);
        let size = args.payload_bytes.or(probe.size).unwrap_or(DEFAULT_PAYLOAD_BYTES);
        PacketOptions {
            payload_bytes: size,
            ttl: None,
            traffic_class: args.traffic_class.or(probe.tos).unwrap_or(0),
            interface: self.source.interface.as_ref().map(|(name, _)| name.clone()),
            source: self.source.address,
        }
    }

    fn diagnosis(&self) -> DiagnosisPlan {
        let (args, file) = (self.args, &self.file.settings.diagnosis);
        let interval = args.trace_interval.or(file.trace_interval);
        let traces = !args.no_trace && (args.trace_interval.is_some() || file.trace != Some(false));
        DiagnosisPlan {
            false_alarms_per_30_days: args.false_alarms.or(file.false_alarms).unwrap_or(DEFAULT_FALSE_ALARMS),
            trace: traces.then_some(interval.unwrap_or(DEFAULT_TRACE_INTERVAL)),
            gateway: args.gateway.or(file.gateway),
        }
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
            let wrong = |why: RunError| given.at.map_or_else(|| why.clone(), |at| self.file.wrong_at(at, &why));
            let endpoints = |spec: &TargetSpec| self.endpoints(spec, &given.watch);
            let built = targets::build(std::slice::from_ref(&given.spec), &setting, endpoints);
            for target in built.map_err(|why| wrong(why.into()))? {
                let watched = self.watched(target, &given);
                let key = (Arc::clone(&watched.target.name), watched.target.host.clone());
                match known.get(&key) {
                    None => {
                        known.insert(key, all.len());
                        all.push(watched);
                    }
                    Some(&at) => join(&mut all[at], watched).map_err(wrong)?,
                }
            }
        }
        if all.is_empty() {
            return Err(self.file.without_targets());
        }
        Ok(all)
    }

    /// All targets, with the settings that hold for each.
    fn given(&self) -> Result<Vec<Given>, RunError> {
        let settings = &self.file.settings;
        let mut groups: HashMap<&str, (Arc<str>, Watch)> = HashMap::new();
        let mut all = Vec::new();
        for group in &settings.groups {
            let name: &str = group.name.get_ref();
            let (shared, watch): (Arc<str>, _) = (name.into(), group.watch().over(&settings.defaults));
            for target in &group.targets {
                all.push(Given {
                    spec: self.file.target(target)?,
                    at: Some(target.span().start),
                    group: Some(Arc::clone(&shared)),
                    watch: watch.clone(),
                });
            }
            if groups.insert(name, (shared, watch)).is_some() {
                let why = RunError::TwoGroups(name.to_owned());
                return Err(self.file.wrong_at(group.name.span().start, why));
            }
        }
        for entry in &settings.targets {
            let spec = &entry.target.get_ref().0;
            let (group, general) = match entry
                .group
                .as_ref()
                .map(|name| (name, groups.get(name.get_ref().as_str())))
            {
                None => (None, &settings.defaults),
                Some((_, Some((name, watch)))) => (Some(Arc::clone(name)), watch),
                Some((name, None)) => {
                    let (target, group) = (spec.to_string(), name.get_ref().clone());
                    let why = RunError::NoGroup { target, group };
                    return Err(self.file.wrong_at(name.span().start, why));
                }
            };
            all.push(Given {
                spec: spec.clone(),
                at: Some(entry.target.span().start),
                group,
                watch: entry.watch().over(general),
            });
        }
        all.extend(self.args.targets.iter().map(|spec| Given {
            spec: spec.clone(),
            at: None,
            group: None,
            watch: settings.defaults.clone(),
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

    fn watched(&self, target: crate::config::Target, given: &Given) -> WatchedTarget {
        let (args, watch) = (self.args, &given.watch);
        let labels = watch.labels.iter();
        WatchedTarget {
            target,
            group: given.group.clone(),
            labels: labels.map(|(name, value)| (name.0.clone(), value.0.clone())).collect(),
            icmp_interval: args.interval.or(watch.icmp_interval).unwrap_or(DEFAULT_ICMP_INTERVAL),
            tcp_interval: args.tcp_interval.or(watch.tcp_interval).unwrap_or(DEFAULT_TCP_INTERVAL),
            timeout: args.timeout.or(watch.timeout).unwrap_or(DEFAULT_TIMEOUT),
            floor: watch.floor.unwrap_or(DEFAULT_FLOOR),
        }
    }
}

/// What the parser of the command line lets pass. (The file is checked while it is read.)
fn check_options(args: &RunArgs) -> Result<(), RunError> {
    let durations = [
        ("-i", args.interval, limits::INTERVAL),
        ("--tcp-interval", args.tcp_interval, limits::INTERVAL),
        ("-W", args.timeout, limits::TIMEOUT),
        ("--slot", args.slot, limits::SLOT),
        ("--trace-interval", args.trace_interval, limits::TRACE_INTERVAL),
        ("--window", args.window, limits::WINDOW),
    ];
    for (option, value, limits) in durations {
        checked(option, value, |value| limits.check(value))?;
    }
    checked("--false-alarms", args.false_alarms, limits::false_alarms)?;
    checked("--vantage", args.vantage.as_deref(), limits::vantage)
}

pub(in crate::config) fn checked<T>(
    option: &'static str,
    value: Option<T>,
    check: impl FnOnce(T) -> Result<T, OutOfLimits>,
) -> Result<(), RunError> {
    let why = |why: OutOfLimits| RunError::Option {
        option,
        why: why.to_string(),
    };
    value.map_or(Ok(()), |value| check(value).map(drop).map_err(why))
}

/// Two outputs in one file would spoil each other, and the configuration.
fn each_file_is_one_thing(plan: &RunPlan) -> Result<(), RunError> {
    let files = [
        ("the configuration", &plan.file),
        ("log", &plan.output.log),
        ("hlog", &plan.output.hlog),
        ("state", &plan.state),
    ];
    for (at, (what, path)) in files.iter().enumerate() {
        for (other, same) in &files[..at] {
            if let (Some(path), true) = (path, path == same) {
                let path = path.clone();
                return Err(RunError::SameFile { other, what, path });
            }
        }
    }
    Ok(())
}

/// Adds the endpoints of the same target, given once more.
fn join(first: &mut WatchedTarget, again: WatchedTarget) -> Result<(), RunError> {
    let how = |watched: &WatchedTarget| {
        (
            watched.icmp_interval,
            watched.tcp_interval,
            watched.timeout,
            watched.floor.to_bits(),
            watched.group.clone(),
            watched.labels.clone(),
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

/// Loss that nobody notices.
pub(super) const DEFAULT_FLOOR: f64 = 0.005;

/// Paths change seldom, and routers have other things to do.
pub(super) const DEFAULT_TRACE_INTERVAL: Duration = Duration::from_secs(10);
