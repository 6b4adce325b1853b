//! The stories of the demonstration: those of the laboratory, or faster ones.
//!
//! A story of the laboratory is told as its file tells it where a minute is enough for that. The others have files of their own here: where
//! probes are sent ten times as often, a fault must be a tenth as long to hit as many of them, for that is what a verdict counts.

use std::time::Duration;

use anyhow::Context as _;

use crate::simnet::Topology;

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
    /// The network.
    ///
    /// # Errors
    /// Never, as tests hold: all stories can be read.
    pub(super) fn topology(&self) -> anyhow::Result<Topology> {
        Topology::read(self.text).with_context(|| format!("'{}' is no topology", self.name))
    }
}

/// The story of this name.
pub(super) fn find(name: &str) -> Option<&'static Story> {
    ALL.iter().find(|story| story.name == name)
}

/// The story that is watched where none is named.
pub(super) fn first() -> &'static Story {
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
pub(super) static ALL: &[Story] = &[
    story!("stories/", "shared-uplink", 45),
    story!("stories/", "sick-backend", 40),
    story!("stories/", "syn-limit", 50),
    story!("../../simnet/topologies/", "restart", 40),
    story!("../../simnet/topologies/", "busy-host", 30),
    story!("../../simnet/topologies/", "rate-limited-hop", 30),
    story!("../../simnet/topologies/", "route-change", 30),
    story!("../../simnet/topologies/", "lossy-uplink", 30),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_story_can_be_read_and_takes_less_than_a_minute() {
        for story in ALL {
            let topology = story.topology().unwrap();
            assert!(story.lasts < Duration::from_mins(1), "{}", story.name);
            assert!(
                topology.events.iter().all(|event| event.at.0 < story.lasts / 2),
                "{}: not all of it happens",
                story.name
            );
            assert!(std::ptr::eq(find(story.name).unwrap(), story));
        }
        assert_eq!(first().name, "shared-uplink");
        assert!(find("no-such-story").is_none());
    }
}
