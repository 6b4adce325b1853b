//! The lines that a watch writes, as `run --each` writes them.

use std::collections::HashMap;

use pathjitter::diagnose::{News, Role, Watched};
use pathjitter::outcome::Event;
use pathjitter::report::{HostNoise, JsonLines, Notice, NoticeKind, RunIdentity, Severity};
use pathjitter::series::Series;
use pathjitter::units::{Mono, SeriesId, Wall};
use uuid::Uuid;

/// NDJSON of one run.
#[derive(Debug)]
pub(crate) struct Log {
    lines: JsonLines,
    series: HashMap<SeriesId, (Series, Role)>,
    bytes: Vec<u8>,
}

impl Log {
    pub(crate) fn new(vantage: &str, seed: u64) -> Self {
        let identity = RunIdentity::new(vantage, Uuid::from_u128(u128::from(seed) + 1));
        Self {
            lines: JsonLines::new(identity),
            series: HashMap::new(),
            bytes: Vec::new(),
        }
    }

    pub(crate) fn admitted(&mut self, now: Mono, id: SeriesId, series: &Series, role: &Role, watched: Watched) {
        self.series.insert(id, (series.clone(), role.clone()));
        self.bytes
            .extend_from_slice(self.lines.series(series, role, &watched, (wall(now), now, None)));
    }

    pub(crate) fn event(&mut self, event: &Event) {
        let Some((series, Role::Backend { .. })) = self.series.get(&event.series) else {
            return;
        };
        if let Some(line) = self.lines.probe(wall(event.sent_at), series, event) {
            self.bytes.extend_from_slice(line);
        }
    }

    pub(crate) fn news(&mut self, now: Mono, news: &News) {
        let line = match news {
            News::Incident(stage, incident) => self.lines.incident(wall(now), *stage, incident, wall),
            News::Path { series, at, known } => {
                let (series, _) = self.series.get(series).expect("it was admitted");
                self.lines.path(wall(*at), series, known, wall)
            }
            News::OwnNoise(stall) => {
                let noise = HostNoise {
                    from: wall(stall.from),
                    to: wall(stall.to),
                    late: Some(stall.late_by),
                    ..HostNoise::default()
                };
                self.lines.own_noise(wall(now), &noise)
            }
            _ => return,
        };
        self.bytes.extend_from_slice(line);
    }

    /// The run is over.
    pub(crate) fn end(mut self, at: Mono) -> Vec<u8> {
        let notice = Notice {
            kind: NoticeKind::Stop,
            severity: Severity::Info,
            message: "the end",
            dropped_before: 0,
        };
        self.bytes.extend_from_slice(self.lines.encode(wall(at), &notice));
        self.bytes
    }
}

/// Virtual time begins on 14 November 2023, at a whole part of the day.
pub(crate) fn wall(at: Mono) -> Wall {
    Wall::from_nanos(1_700_000_400_000_000_000 + at.as_nanos())
}
