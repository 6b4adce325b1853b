//! What the monitor says, as lines.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Known, Writer};
use crate::app::process::wall_of;
use crate::app::run::sink::Upset;
use crate::app::trace::verdict;
use crate::detect::{Cause, SpikeEnd};
use crate::diagnose::{Incident, News, PathKnowledge, SpikeNews, Stage, Stall};
use crate::report::{Degradation, HostNoise, OutputError, TraceReport};
use crate::sweep::{PathChange, PathReport};
use crate::units::{Mono, Rtt};

impl Writer {
    /// Writes what the monitor said at `now`. What is about a series that nobody knows any more is left out.
    pub(super) fn news(&mut self, now: Mono, about: Option<&Known>, news: News) -> Result<(), OutputError> {
        match (news, about) {
            (News::Incident(stage, incident), _) => self.incident(now, stage, &incident),
            (News::OwnNoise(stall), _) => self.own_noise(now, &stall),
            (News::ControlSpiked { at, rtt }, _) => self.control_spiked(now, at, rtt),
            (News::SpikeStart(spike), Some(known)) => self.spike(known, &spike, None),
            (News::SpikeEnd(spike, end), Some(known)) => self.spike(known, &spike, Some(&end)),
            (News::LevelShift { at, from, to, .. }, Some(known)) => self.level_shift(known, at, from, to),
            (News::Degraded { at, cause, .. }, Some(known)) => self.degraded(known, at, cause),
            (News::Recovered { at, .. }, Some(known)) => self.recovered(known, at),
            (News::Jittery { at, ratio, .. }, Some(known)) => self.jittery(known, at, ratio),
            (News::PathChanged(change), Some(known)) => self.path_changed(known, &change),
            (News::Path { at, known: path, .. }, Some(known)) => self.path(known, at, &path),
            (News::Traced { at, report, .. }, Some(known)) => self.traced(known, at, &report),
            (_, None) => Ok(()),
        }
    }

    fn incident(&mut self, now: Mono, stage: Stage, incident: &Incident) -> Result<(), OutputError> {
        self.board.incident(stage, incident);
        let at = wall_of(&*self.clock, now);
        let clock = Arc::clone(&self.clock);
        self.json(|json| Some(json.incident(at, stage, incident, |moment| wall_of(&*clock, moment))))?;
        let line = self.text.incident(at, stage, incident);
        self.text(&line)
    }

    fn own_noise(&mut self, now: Mono, stall: &Stall) -> Result<(), OutputError> {
        let at = wall_of(&*self.clock, now);
        let noise = HostNoise {
            from: wall_of(&*self.clock, stall.from),
            to: wall_of(&*self.clock, stall.to),
            late: Some(stall.late_by),
            ..HostNoise::default()
        };
        self.json(|json| Some(json.own_noise(at, &noise)))?;
        self.tell_stalls()?;
        if !self.stalls.is_news(self.clock.mono(), stall.late_by) {
            return Ok(());
        }
        let line = self.text.own_noise(at, &noise);
        self.text(&line)
    }

    /// What this host did that is no stall.
    pub(super) fn upset(&mut self, upset: &Upset) -> Result<(), OutputError> {
        let noise = HostNoise {
            from: wall_of(&*self.clock, upset.from),
            to: wall_of(&*self.clock, upset.to),
            receive_drops: upset.receive_drops,
            send_errors: upset.send_errors,
            clock_stepped: upset.clock_stepped,
            ..HostNoise::default()
        };
        self.json(|json| Some(json.own_noise(noise.to, &noise)))?;
        let line = self.text.own_noise(noise.to, &noise);
        self.text(&line)
    }

    /// Tells a person of the stalls since the last one that was told, when it is time.
    pub(super) fn tell_stalls(&mut self) -> Result<(), OutputError> {
        let now = self.clock.mono();
        let Some((times, late)) = self.stalls.poll(now) else {
            return Ok(());
        };
        let line = self.text.more_own_noise(wall_of(&*self.clock, now), times, late);
        self.text(&line)
    }

    /// A spike of the loopback is for machines: it matters only to the judgement of other spikes.
    fn control_spiked(&mut self, now: Mono, sent_at: Mono, rtt: Option<Rtt>) -> Result<(), OutputError> {
        let at = wall_of(&*self.clock, now);
        let sent_at = wall_of(&*self.clock, sent_at);
        let noise = HostNoise {
            from: sent_at,
            to: sent_at,
            control_rtt: rtt,
            ..HostNoise::default()
        };
        self.json(|json| Some(json.own_noise(at, &noise)))
    }

    fn path(&mut self, known: &Known, at: Mono, path: &PathKnowledge) -> Result<(), OutputError> {
        let at = wall_of(&*self.clock, at);
        let clock = Arc::clone(&self.clock);
        self.json(|json| Some(json.path(at, &known.series, path, |moment| wall_of(&*clock, moment))))
    }

    /// Episodes of spikes are for machines: a person hears of them when they are more than that.
    fn spike(&mut self, known: &Known, spike: &SpikeNews, end: Option<&SpikeEnd>) -> Result<(), OutputError> {
        self.board.spike(known.id, spike.kind, end.is_none());
        let at = wall_of(&*self.clock, spike.at);
        self.json(|json| {
            Some(match end {
                None => json.spike_start(at, &known.series, spike.kind, spike.level),
                Some(end) => json.spike_end(at, &known.series, spike.level, end),
            })
        })
    }

    fn level_shift(&mut self, known: &Known, at: Mono, from: Rtt, to: Rtt) -> Result<(), OutputError> {
        let at = wall_of(&*self.clock, at);
        self.json(|json| Some(json.level_shift(at, &known.series, from, to)))?;
        let line = self.text.level_shift(at, &known.series, from, to);
        self.text(&line)
    }

    fn degraded(&mut self, known: &Known, at: Mono, cause: Cause) -> Result<(), OutputError> {
        self.board.degraded(known.id, cause, at);
        self.degradation(known, at, cause, None)
    }

    fn recovered(&mut self, known: &Known, at: Mono) -> Result<(), OutputError> {
        match self.board.recovered(known.id) {
            Some((cause, since)) => self.degradation(known, since, cause, Some(at)),
            None => Ok(()),
        }
    }

    fn degradation(
        &mut self,
        known: &Known,
        since: Mono,
        cause: Cause,
        until: Option<Mono>,
    ) -> Result<(), OutputError> {
        let at = wall_of(&*self.clock, until.unwrap_or(since));
        let degradation = Degradation {
            cause,
            since: wall_of(&*self.clock, since),
            until: until.map(|until| wall_of(&*self.clock, until)),
            ratio: None,
        };
        self.json(|json| Some(json.degraded(at, &known.series, &degradation)))?;
        let line = self.text.degraded(at, &known.series, &degradation);
        self.text(&line)
    }

    fn jittery(&mut self, known: &Known, at: Mono, ratio: f64) -> Result<(), OutputError> {
        self.board.jittery(known.id);
        let at = wall_of(&*self.clock, at);
        self.json(|json| Some(json.jittery(at, &known.series, at, ratio)))?;
        let line = self.text.jittery(at, &known.series, ratio);
        self.text(&line)
    }

    fn path_changed(&mut self, known: &Known, change: &PathChange) -> Result<(), OutputError> {
        let at = wall_of(&*self.clock, change.at);
        self.json(|json| Some(json.path_change(at, &known.series, change)))?;
        let line = self.text.path_change(at, &known.series, change);
        self.text(&line)
    }

    /// A trace is for machines, too: what it found is in the sentence of its incident.
    fn traced(&mut self, known: &Known, at: Mono, path: &PathReport) -> Result<(), OutputError> {
        if !self.writes_json() {
            return Ok(());
        }
        let at = wall_of(&*self.clock, at);
        let report = TraceReport {
            series: &known.series,
            path,
            verdict: &verdict(&known.series, path),
            names: &HashMap::new(),
            stamp: Some(known.watched.stamp),
        };
        self.json(|json| Some(json.trace(at, &report)))
    }
}
