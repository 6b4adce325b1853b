//! The stories that come with the program: networks in which one thing is wrong, or nothing, with the truth about each.
//!
//! They are what a diagnosis is measured by, and what demonstrations show. Each is a file of `topologies/`, readable by itself: what
//! happens in words, then the network, then the verdict, then what probes must find, with the sums that it follows from.

use super::topology::{Topology, TopologyError};

/// A story that comes with the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Story {
    /// Its name, which is that of its file: `shared-uplink`.
    pub name: &'static str,
    /// The file.
    pub text: &'static str,
}

impl Story {
    /// The network.
    ///
    /// # Errors
    /// Never, as tests hold: all stories can be read.
    pub fn topology(&self) -> Result<Topology, TopologyError> {
        Topology::read(self.text)
    }
}

/// All stories, by name.
#[must_use]
pub const fn all() -> &'static [Story] {
    &STORIES
}

/// The story of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Story> {
    STORIES.iter().find(|story| story.name == name)
}

/// A story of a file of this name.
macro_rules! story {
    ($name:literal) => {
        Story {
            name: $name,
            text: include_str!(concat!("topologies/", $name, ".toml")),
        }
    };
}

/// In the order of their names.
const STORIES: [Story; 36] = [
    story!("asymmetric-return"),
    story!("busy-host"),
    story!("common-cause"),
    story!("ecmp"),
    story!("every-outcome"),
    story!("firewall-reject"),
    story!("first-hop"),
    story!("icmp-blocked"),
    story!("icmp-only"),
    story!("jittery-return"),
    story!("listen-overflow"),
    story!("loop"),
    story!("lossy-core"),
    story!("lossy-uplink"),
    story!("many-backends"),
    story!("mpls"),
    story!("not-listening"),
    story!("other-address"),
    story!("port-dropped"),
    story!("private-path"),
    story!("prohibited"),
    story!("quiet"),
    story!("rate-limited-hop"),
    story!("restart"),
    story!("route-change"),
    story!("shared-uplink"),
    story!("short-quotes"),
    story!("sick-backend"),
    story!("silent-hops"),
    story!("slow-control-plane"),
    story!("small-mtu"),
    story!("syn-limit"),
    story!("target-edge"),
    story!("target-gone"),
    story!("tcp-path"),
    story!("unknown"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::IpAddr;
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::simnet::Network;
    use crate::simnet::topology::{AnswerKind, Code, PathCode, PathEnd, TraceExpectation};
    use crate::units::Mono;

    fn topologies() -> impl Iterator<Item = (&'static str, Topology)> {
        let read = |story: &Story| match story.topology() {
            Ok(topology) => (story.name, topology),
            Err(why) => panic!("{}:\n{why}", story.name),
        };
        all().iter().map(read)
    }

    #[test]
    fn every_story_can_be_read_and_found_by_its_name() {
        assert_eq!(topologies().count(), all().len());
        for story in all() {
            assert_eq!(find(story.name), Some(story));
        }
        assert_eq!(find("no-such-story"), None);
        assert!(all().is_sorted_by_key(|story| story.name));
    }

    #[test]
    fn every_file_of_the_folder_is_a_story() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/simnet/topologies");
        let files = std::fs::read_dir(folder).unwrap();
        let names: BTreeSet<String> = files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        let stories: BTreeSet<String> = all().iter().map(|story| format!("{}.toml", story.name)).collect();
        assert_eq!(names, stories);
    }

    #[test]
    fn every_verdict_has_a_story() {
        let told: BTreeSet<Code> = topologies().map(|(_, topology)| topology.verdict.code).collect();
        assert_eq!(told, BTreeSet::from(Code::ALL));
    }

    #[test]
    fn no_story_speaks_of_addresses_that_somebody_has() {
        for (name, topology) in topologies() {
            let routers = topology.routers.iter().flat_map(|router| &router.addresses);
            let backends = topology.backends.iter().flat_map(|backend| &backend.addresses);
            for address in topology.host.addresses.iter().chain(routers).chain(backends) {
                let is_private = match address {
                    IpAddr::V4(v4) => v4.is_private() || v4.is_documentation(),
                    IpAddr::V6(v6) => v6.is_unique_local(),
                };
                assert!(is_private, "{name}: {address}");
            }
        }
    }

    #[test]
    fn every_story_is_short_and_says_what_each_of_its_backends_must_show() {
        for (name, topology) in topologies() {
            assert!(topology.duration.0 <= Duration::from_mins(1), "{name}");
            assert!(topology.title.len() <= 80 && topology.story.len() > 100, "{name}");
            for backend in &topology.backends {
                let syn = format!("{}:", backend.name);
                let is_expected = |probe: &str| probe == backend.name || probe.starts_with(&syn);
                let count = topology
                    .expectations
                    .iter()
                    .filter(|expected| is_expected(&expected.probe))
                    .count();
                assert!(count >= 2, "{name}: {} by echo and by SYN", backend.name);
            }
        }
    }

    #[test]
    fn every_path_verdict_and_every_end_of_a_path_has_a_story() {
        let traces: Vec<TraceExpectation> = topologies().flat_map(|(_, topology)| topology.traces).collect();
        let verdicts: BTreeSet<PathCode> = traces.iter().map(|trace| trace.verdict).collect();
        let all = [
            PathCode::Clean,
            PathCode::Loss,
            PathCode::Jitter,
            PathCode::LossAndJitter,
            PathCode::Unreachable,
        ];
        assert_eq!(verdicts, BTreeSet::from(all));
        for end in [PathEnd::Reached, PathEnd::Unreachable, PathEnd::Silent, PathEnd::Loop] {
            assert!(traces.iter().any(|trace| trace.end == end), "{end:?}");
        }
    }

    #[test]
    fn expected_rtts_are_the_delays_there_and_back() {
        // Where most of the time is not as the beginning.
        let others = [("route-change", "app01"), ("route-change", "app02")];
        for (name, topology) in topologies() {
            let mut network = Network::new(&topology, 1, Mono::default());
            for expected in &topology.expectations {
                let target = expected.probe.split(':').next().unwrap();
                let (Some(rtt), AnswerKind::Reply) = (expected.rtt, expected.answer) else {
                    continue;
                };
                if others.contains(&(name, target)) {
                    continue;
                }
                let routers = topology.routers.iter().map(|router| (&router.name, &router.addresses));
                let backends = topology
                    .backends
                    .iter()
                    .map(|backend| (&backend.name, &backend.addresses));
                let (_, addresses) = routers.chain(backends).find(|(name, _)| *name == target).unwrap();
                for address in addresses {
                    assert_eq!(network.base_rtt(*address), Some(rtt.0), "{name}: {}", expected.probe);
                }
            }
        }
    }

    #[test]
    fn who_suffers_is_among_those_who_show_it() {
        for (name, topology) in topologies() {
            let members = &topology.verdict.members;
            let is_bad = |probe: &str| members.iter().any(|member| probe.split(':').next() == Some(member));
            for expected in &topology.expectations {
                let is_clean = expected.answer == AnswerKind::Reply
                    && expected.loss[1] <= 0.0
                    && expected.spikes[1] <= 0.0
                    && expected.refused.is_none();
                let is_backend = topology
                    .backends
                    .iter()
                    .any(|backend| expected.probe.split(':').next() == Some(backend.name.as_str()));
                let may_be_bad =
                    is_bad(&expected.probe) || matches!(topology.verdict.code, Code::Clean | Code::Unknown);
                assert!(
                    is_clean || may_be_bad || !is_backend,
                    "{name}: {} shows something",
                    expected.probe
                );
            }
        }
    }
}
