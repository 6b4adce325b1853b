//! A world with all that was seen of it, and the rules that hold for every story.

use std::collections::HashMap;
use std::time::Duration;

use pathjitter::lab::{World, WorldOptions};
use pathjitter::outcome::{Answered, Event, Fate, InTime, What};
use pathjitter::series::Pace;
use pathjitter::simnet::Topology;
use pathjitter::simnet::topology::Jitter;
use pathjitter::stats::{Counts, Summary};
use pathjitter::units::{ProbeSeq, Rtt, SeriesId};

/// Host, two routers and a backend in a row, a link of 1 ms after the other. What is given is added to the tables of the first link
/// (`host` to `agg1`), of the last (`edge1` to `app01`), and of the backend; `more` is added at the end.
#[derive(Default)]
pub(crate) struct Line<'a> {
    pub(crate) uplink: &'a str,
    pub(crate) last_link: &'a str,
    pub(crate) edge: &'a str,
    pub(crate) backend: &'a str,
    pub(crate) more: &'a str,
}

impl Line<'_> {
    pub(crate) fn topology(&self) -> Topology {
        let Self {
            uplink,
            last_link,
            edge,
            backend,
            more,
        } = self;
        read(&format!(
            r#"
title = "A line"
story = "Host, two routers and a backend in a row."
duration = "60s"

[host]
addresses = ["10.10.0.5", "fd00:10::5"]

[[router]]
name = "agg1"
addresses = ["10.10.1.1", "fd00:10:1::1"]
set.icmp_limit = "none"

[[router]]
name = "edge1"
addresses = ["10.10.2.1", "fd00:10:2::1"]
set.icmp_limit = "none"
{edge}

[[backend]]
name = "app01"
addresses = ["10.10.2.11", "fd00:10:2::11"]
set.icmp_limit = "none"
{backend}

[[link]]
between = ["host", "agg1"]
set.delay = "1ms"
{uplink}

[[link]]
between = ["agg1", "edge1"]
set.delay = "1ms"

[[link]]
between = ["edge1", "app01"]
set.delay = "1ms"
{last_link}

{more}

[verdict]
code = "clean"
"#
        ))
    }
}

pub(crate) fn read(text: &str) -> Topology {
    Topology::read(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A delay that is always the same.
pub(crate) fn always(by: &str) -> String {
    format!("{{ bimodal = {{ by = \"{by}\", share = 1.0 }} }}")
}

pub(crate) fn jitter_ms(ms: u64) -> Jitter {
    Jitter::Uniform(pathjitter::simnet::topology::Span(Duration::from_millis(ms)))
}

/// A run, with everything that was seen.
pub(crate) struct Story {
    pub(crate) world: World,
    pub(crate) events: Vec<(Event, Option<Rtt>)>,
}

impl Story {
    pub(crate) fn begin(topology: &Topology, seed: u64, options: WorldOptions) -> Self {
        Self {
            world: World::new(topology, seed, options),
            events: Vec::new(),
        }
    }

    /// The series of a probe: over IPv4, then over IPv6.
    pub(crate) fn probe(&mut self, probe: &str) -> Vec<SeriesId> {
        self.world.admit(probe).unwrap()
    }

    pub(crate) fn run_for(&mut self, duration: Duration) {
        let events = &mut self.events;
        self.world
            .run_for(duration, |event, truth| events.push((*event, truth)));
    }

    /// Ends the story `patience` after its last probe, and checks what holds for all stories.
    pub(crate) fn end(&mut self, patience: Duration) {
        self.world.stop_sending();
        self.run_for(patience);
        let events = &mut self.events;
        self.world.close(|event, truth| events.push((*event, truth)));
        self.check_lives();
        assert_eq!(
            self.world.noise().ignored,
            std::collections::BTreeMap::new(),
            "the network sends nothing that proves nothing"
        );
    }

    /// Every probe begins once, is settled once and in order, and the counts are those of the fates.
    fn check_lives(&self) {
        let mut begun: HashMap<SeriesId, u64> = HashMap::new();
        let mut settled: HashMap<SeriesId, u64> = HashMap::new();
        for (event, _) in &self.events {
            let counter = match event.what {
                What::Sent { .. } | What::SendFailed(_) => begun.entry(event.series),
                What::Settled(_) => settled.entry(event.series),
                _ => continue,
            };
            let next = counter.or_default();
            assert_eq!(event.seq, ProbeSeq::new(*next), "{event:?}");
            *next += 1;
        }
        assert_eq!(begun, settled);
        for (index, series) in self.world.series().iter().enumerate() {
            let id = SeriesId::new(u32::try_from(index).unwrap());
            let counts = self.counts(id);
            let fates =
                counts.received + counts.refused + counts.reset + counts.unreachable + counts.late + counts.lost;
            assert_eq!(counts.sent, fates, "{series:?}: {counts:?}");
            let begun = begun.get(&id).copied().unwrap_or_default();
            assert_eq!(begun, counts.sent + counts.send_error + counts.unjudged, "{series:?}");
        }
    }

    pub(crate) fn summary(&self, series: SeriesId) -> Summary {
        self.world.summary(series).unwrap()
    }

    pub(crate) fn counts(&self, series: SeriesId) -> Counts {
        self.summary(series).counts
    }

    /// What was answered, with the truth about its round trip.
    pub(crate) fn answers(&self, series: SeriesId) -> impl Iterator<Item = (ProbeSeq, Answered, Rtt)> {
        self.events
            .iter()
            .filter(move |(event, _)| event.series == series)
            .filter_map(|(event, truth)| match event.what {
                What::Answered(answered) => Some((event.seq, answered, truth.unwrap())),
                _ => None,
            })
    }

    /// True round trips of the replies that came in time.
    pub(crate) fn true_rtts(&self, series: SeriesId) -> Vec<Rtt> {
        self.answers(series)
            .filter(|(_, answered, _)| answered.in_time == InTime::Yes)
            .map(|(_, _, truth)| truth)
            .collect()
    }

    pub(crate) fn fates(&self, series: SeriesId) -> Vec<Fate> {
        let of_series = self.events.iter().filter(|(event, _)| event.series == series);
        of_series
            .filter_map(|(event, _)| match event.what {
                What::Settled(fate) => Some(fate),
                _ => None,
            })
            .collect()
    }

    /// Packets that an element dropped.
    pub(crate) fn dropped_by(&self, element: &str) -> u64 {
        let ledger = self.world.network().ledger();
        ledger
            .element(element)
            .unwrap_or_else(|| panic!("no element {element}"))
            .dropped()
    }
}

/// So many probes a second, each of which waits for a second.
pub(crate) fn rate(per_second: u32) -> Pace {
    Pace {
        interval: Duration::from_secs(1) / per_second,
        timeout: SECOND,
        count: None,
    }
}

pub(crate) fn at_rate(per_second: u32) -> WorldOptions {
    WorldOptions {
        pace: rate(per_second),
        ..WorldOptions::default()
    }
}

pub(crate) const SECOND: Duration = Duration::from_secs(1);
