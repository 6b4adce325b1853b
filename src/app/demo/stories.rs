//! The stories of the demonstration: those of the laboratory, or faster ones.
//!
//! A story of the laboratory is told as its file tells it where a minute is enough for that. The others have files of their own here, whose faults
//! come and go as much faster as probes are sent.

use std::time::Duration;

use anyhow::Context as _;

use crate::simnet::Topology;
use crate::simnet::topology::Span;

/// A story that can be watched.
#[derive(Debug)]
pub(super) struct Story {
    /// What the user calls it.
    pub(super) name: &'static str,
    text: &'static str,
    /// How long it is watched, unless the user says otherwise.
    pub(super) lasts: Duration,
}

impl Story {
    /// The network. What happens in it happens a little later than the file says, so that a baseline is known.
    ///
    /// # Errors
    /// Never, as tests hold: all stories can be read.
    pub(super) fn topology(&self) -> anyhow::Result<Topology> {
        let topology = Topology::read(self.text);
        let mut topology = topology.with_context(|| format!("'{}' is no topology", self.name))?;
        for event in &mut topology.events {
            event.at = Span(event.at.0 + QUIET);
        }
        Ok(topology)
    }
}

/// The story of this name.
pub(super) fn find(name: &str) -> Option<&'static Story> {
    ALL.iter().find(|story| story.name == name)
}

/// The story that is watched where none is named.
pub(super) const fn first() -> &'static Story {
    &ALL[0]
}

macro_rules! story {
    ($folder:literal, $name:literal, $seconds:literal) => {
        Story {
            name: $name,
            text: include_str!(concat!($folder, $name, ".toml")),
            lasts: Duration::from_secs($seconds),
        }
    };
}

/// All of them, the article's first.
pub(super) const ALL: &[Story] = &[
    story!("stories/", "shared-uplink", 45),
    story!("stories/", "sick-backend", 40),
    story!("stories/", "syn-limit", 50),
    story!("../../simnet/topologies/", "restart", 40),
    story!("../../simnet/topologies/", "busy-host", 30),
    story!("../../simnet/topologies/", "rate-limited-hop", 30),
    story!("../../simnet/topologies/", "route-change", 30),
    story!("../../simnet/topologies/", "lossy-uplink", 30),
];

/// Thresholds are there after 20 replies, and hops are known after a few rounds of probes a second apart.
const QUIET: Duration = Duration::from_secs(6);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_story_can_be_read_and_takes_less_than_a_minute() {
        for story in ALL {
            let topology = story.topology().unwrap();
            assert!(story.lasts < Duration::from_mins(1), "{}", story.name);
            assert!(
                topology.events.iter().all(|event| event.at.0 + QUIET < story.lasts),
                "{}: not all of it happens",
                story.name
            );
            assert!(std::ptr::eq(find(story.name).unwrap(), story));
        }
        assert_eq!(first().name, "shared-uplink");
        assert!(find("no-such-story").is_none());
    }
}
