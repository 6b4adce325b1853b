//! What is told, and when.

use std::collections::BTreeSet;
use std::time::Duration;

use super::case::Case;
use super::judging::Records;
use super::tracing::Traced;
use super::{Monitor, News, SpikeNews};
use crate::detect::{Finding, Found, Level};
use crate::diagnose::Stage;
use crate::localize::Unit;
use crate::units::{Mono, TargetId};

impl Monitor {
    /// Tells what stands out in one series. Spikes that are its habit are no news.
    pub(super) fn tell_finding(&mut self, finding: &Finding, level: Option<Level>) {
        let Finding { series, at, found } = *finding;
        let Some(entry) = self.table.entry_mut(series) else {
            return;
        };
        let news = match found {
            Found::SpikeStart(start) if start.jittery => return,
            Found::SpikeStart(start) => {
                entry.told.push(start.kind);
                News::SpikeStart(SpikeNews {
                    series,
                    at,
                    kind: start.kind,
                    level: start.level,
                })
            }
            Found::SpikeEnd(end) => {
                let before = entry.told.len();
                entry.told.retain(|kind| *kind != end.kind);
                if entry.told.len() == before {
                    return;
                }
                let kind = end.kind;
                News::SpikeEnd(
                    SpikeNews {
                        series,
                        at,
                        kind,
                        level,
                    },
                    end,
                )
            }
            Found::LevelShift { from, to } => News::LevelShift { series, at, from, to },
            Found::Degraded(cause) => News::Degraded { series, at, cause },
            Found::Recovered => News::Recovered { series, at },
            Found::Jittery { ratio } => News::Jittery { series, at, ratio },
            Found::Overdue(_) | Found::Withdrawn(_) | Found::Spiked(..) => return,
        };
        self.tell(news);
    }

    /// Tells of a spike of the loopback, which a judgement of a log must know of.
    pub(super) fn tell_control(&mut self, finding: &Finding) {
        if let Found::Spiked(seq, _) = finding.found
            && self.own.is_loopback(finding.series)
        {
            let rtt = self.own.loopback_rtt(seq);
            self.tell(News::ControlSpiked { at: finding.at, rtt });
        }
    }

    /// Says something, unless nobody listens: incidents are said in any case.
    pub(super) fn tell(&mut self, news: News) {
        if self.news.len() < MAX_NEWS || matches!(news, News::Incident(..)) {
            self.news.push_back(news);
        }
    }

    /// Takes what traces found: incidents of these backends are judged again.
    pub(super) fn take_traces(&mut self, now: Mono) {
        while let Some(traced) = self.tracing.poll(now) {
            let target = match traced {
                Traced::Renewed(target) => target,
                Traced::Changed(target, change) => {
                    self.tell(News::PathChanged(change));
                    target
                }
            };
            self.judge_soon(target, now);
        }
    }

    /// Incidents with this backend are to be judged again.
    pub(super) fn judge_soon(&mut self, target: TargetId, now: Mono) {
        for case in self.cases.open.iter_mut().filter(|case| case.traced.contains(&target)) {
            case.judge_at = case.judge_at.min(now.after(SOON));
        }
    }

    /// Tells what is known of paths, where that is new.
    pub(super) fn tell_paths(&mut self, now: Mono) {
        for (series, known) in self.tracing.take_renewed() {
            self.tell(News::Path {
                series,
                at: now,
                known: Box::new(known),
            });
        }
    }

    /// Judges incidents that are due, and tells what is new of them.
    pub(super) fn look_after_cases(&mut self, now: Mono) {
        if self.cases.next_deadline().is_none_or(|due| due > now) {
            return;
        }
        self.judge_due(now);
        self.cases.merge_same(now);
        self.tell_merged(now);
        let mut open = std::mem::take(&mut self.cases.open);
        for case in &mut open {
            self.tell_case(case, now);
        }
        open.retain(|case| !case.is_over(now));
        self.cases.open = open;
        self.hurry(now);
    }

    /// Ends all incidents.
    pub(super) fn close_cases(&mut self, now: Mono) {
        let mut open = std::mem::take(&mut self.cases.open);
        for case in &mut open {
            let records = self.records();
            case.judge(&records, now);
            case.give_up(now);
            self.tell_case(case, now);
        }
    }

    /// What the judgement of an open incident rests on.
    pub(super) fn units_of(&self, number: u64) -> Vec<Unit> {
        let case = self.cases.open.iter().find(|case| case.number == number);
        let evidence = case.and_then(|case| case.evidence.as_ref());
        evidence.map_or_else(Vec::new, |evidence| self.records().units(evidence))
    }

    const fn records(&self) -> Records<'_> {
        Records {
            table: &self.table,
            detector: &self.detector,
            history: &self.history,
            own: &self.own,
            tracing: &self.tracing,
        }
    }

    fn judge_due(&mut self, now: Mono) {
        let mut open = std::mem::take(&mut self.cases.open);
        let records = self.records();
        for case in open.iter_mut().filter(|case| case.next_deadline() <= now) {
            case.judge(&records, now);
        }
        self.cases.open = open;
    }

    /// Incidents that turned out to be part of another one end with its verdict.
    fn tell_merged(&mut self, now: Mono) {
        for (mut part, verdict) in std::mem::take(&mut self.cases.merged) {
            if let Some(mut incident) = part.told.take() {
                incident.last = part.last;
                if let Some(verdict) = verdict {
                    incident.verdict = verdict.code;
                    incident.suspect = verdict.suspect;
                    incident.ruled_out = verdict.ruled_out;
                    incident.message = verdict.message;
                }
                self.tell_traces(&mut part, 1, now);
                self.tell(News::Incident(Stage::Close, incident));
            }
        }
    }

    fn tell_case(&mut self, case: &mut Case, now: Mono) {
        if case.judge_at <= now {
            // It has grown since.
            return;
        }
        let is_over = case.is_over(now);
        if !case.is_ripe(now) && !is_over {
            return;
        }
        let incident = self.records().incident(case).map(Box::new);
        // Who was watched no more before it could be told, can't be named.
        let Some(mut incident) = incident.filter(|incident| case.told.is_some() || !incident.members.is_empty()) else {
            return;
        };
        let stage = if case.told.is_none() {
            case.number = self.cases.next_number();
            incident.number = case.number;
            Stage::Open
        } else {
            Stage::Update
        };
        if case.differs_from_told(&incident) {
            self.tell(News::Incident(stage, incident.clone()));
            case.told = Some(incident.clone());
        }
        self.tell_traces(case, if is_over { 1 } else { ROUNDS }, now);
        if is_over {
            self.tell(News::Incident(Stage::Close, incident));
        }
    }

    /// Tells traces of an incident's members that have so many rounds, once each.
    fn tell_traces(&mut self, case: &mut Case, rounds: u64, now: Mono) {
        for target in case.traced.difference(&case.trace_told.clone()) {
            if let Some((series, report)) = self.tracing.fast_report(*target, rounds) {
                case.trace_told.insert(*target);
                let report = Box::new(report);
                self.tell(News::Traced {
                    series,
                    at: now,
                    report,
                });
            }
        }
    }

    /// Traces of open incidents hurry, and no others.
    fn hurry(&mut self, now: Mono) {
        let targets = self.cases.open.iter().flat_map(|case| &case.traced);
        let wanted: BTreeSet<TargetId> = targets.copied().take(MAX_HURRIED).collect();
        self.tracing.hurry_only(wanted, now);
    }
}

/// So many rounds of a trace tell who is on the way, and what is gross.
const ROUNDS: u64 = 10;

/// Routers have a budget; with more traces in a hurry none is fast.
const MAX_HURRIED: usize = 64;

/// Judged as soon as other news of the same moment are in.
const SOON: Duration = Duration::from_millis(100);

/// More than a run says between two looks of whoever writes it.
const MAX_NEWS: usize = 1 << 16;
