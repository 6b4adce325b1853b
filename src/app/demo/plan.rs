//! The service of a demonstration: what a user would have typed.

use std::net::IpAddr;
use std::time::Duration;

use anyhow::Context as _;

use crate::config::{HostSpec, RunArgs, RunPlan, Stdout, Surroundings, TargetSpec};
use crate::simnet::Topology;

/// Watches all backends of a network for so long, ten times as closely as by default.
///
/// # Errors
/// Never, as tests hold: all stories can be watched.
pub(super) fn of(topology: &Topology, duration: Duration, (json, each): (bool, bool)) -> anyhow::Result<RunPlan> {
    let mut args = RunArgs::default();
    args.targets = targets(topology);
    args.interval = Some(ICMP_INTERVAL);
    args.tcp_interval = Some(TCP_INTERVAL);
    args.trace_interval = Some(TRACE_INTERVAL);
    args.duration = Some(duration);
    args.vantage = Some(VANTAGE.to_owned());
    args.json = json;
    args.each = each;
    let surroundings = Surroundings {
        // Lines, also on a terminal: they can be read again when all is over.
        stdout: Stdout::Elsewhere,
        ..Surroundings::of_this_process()
    };
    RunPlan::new(&args, &surroundings).context("the story can't be watched")
}

/// Each backend by ping, and by SYN to each of its ports.
fn targets(topology: &Topology) -> Vec<TargetSpec> {
    let backends = topology.backends.iter().filter(|backend| !backend.is_group());
    let all = backends.filter_map(|backend| {
        let address = backend.addresses.iter().find_map(|address| match address {
            IpAddr::V4(v4) => Some(*v4),
            IpAddr::V6(_) => None,
        })?;
        let ports = backend.set.ports.iter().flatten();
        Some(ports.map(move |(port, _)| TargetSpec {
            name: Some(backend.name.clone()),
            host: HostSpec::V4(address),
            port: (*port).try_into().ok(),
        }))
    });
    all.flatten().collect()
}

/// A tenth of the defaults of `run`.
const ICMP_INTERVAL: Duration = Duration::from_millis(20);
const TCP_INTERVAL: Duration = Duration::from_millis(100);
const TRACE_INTERVAL: Duration = Duration::from_secs(1);

/// What happens here happened nowhere.
const VANTAGE: &str = "demo";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::demo::stories;
    use crate::series::Endpoint;

    #[test]
    fn every_backend_of_every_story_is_watched_by_ping_and_by_syn() {
        for story in stories::ALL {
            let topology = story.topology().unwrap();
            let plan = of(&topology, story.lasts, (false, false)).unwrap();
            let names: Vec<_> = plan.targets.iter().map(|watched| &*watched.target.name).collect();
            assert_eq!(names, ["app01", "app02", "app03"], "{}", story.name);
            for watched in &plan.targets {
                assert_eq!(watched.target.endpoints, [Endpoint::Icmp, Endpoint::Tcp(8080)]);
            }
        }
    }
}
