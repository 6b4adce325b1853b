//! What windows alone can tell: that several targets were worse than usual at the same time.
//!
//! A window stands out where its longest RTT is far above those before it, or where it lost more. What is worse for several targets in
//! windows that overlap is named. Which of them began first, how unlikely it is by chance, and where its cause lies, only probes tell.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::line::{WindowLine, micros};
use crate::diagnose::{Incident, IncidentMember, Stage, VerdictCode};
use crate::units::{Mono, Rtt, TargetId, Wall, nanos};

/// The windows of one vantage.
#[derive(Debug, Default)]
pub(super) struct Windows {
    numbers: BTreeMap<(Arc<str>, IpAddr, String, u16), usize>,
    series: Vec<Habit>,
    /// Windows that stand out and wait for those of the same time.
    bad: BinaryHeap<Reverse<Bad>>,
    head: u64,
    numbered: u64,
    lone: u64,
    told: VecDeque<(Stage, Wall, Box<Incident>)>,
}

/// What is usual for one series.
#[derive(Debug)]
struct Habit {
    target: Arc<str>,
    address: IpAddr,
    /// Of each of the newest good windows: the median and the longest RTT, in ns.
    rtts: VecDeque<(u64, u64)>,
    sent: u64,
    lost: u64,
}

/// A window that stands out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Bad {
    from: u64,
    to: u64,
    series: usize,
    sent: u64,
    lost: u64,
    peak: Option<u64>,
}

impl Windows {
    /// Takes a window; `false` where it makes no sense.
    pub(super) fn take(&mut self, line: &WindowLine<'_>) -> bool {
        let (Some((start, length)), Ok(address)) = (line.span(), line.address.parse::<IpAddr>()) else {
            return false;
        };
        let from = start.as_nanos();
        let to = from.saturating_add(nanos(length));
        if from.abs_diff(self.head) > FAR && self.head > 0 {
            self.close();
            self.head = 0;
        }
        let key = (
            Arc::from(&*line.target),
            address,
            line.proto.to_owned(),
            line.port.unwrap_or(0),
        );
        let next = self.series.len();
        let series = *self.numbers.entry(key).or_insert(next);
        if series == next {
            self.series.push(Habit {
                target: Arc::from(&*line.target),
                address,
                rtts: VecDeque::new(),
                sent: 0,
                lost: 0,
            });
        }
        let time = |us: Option<f64>| us.and_then(micros).map(nanos);
        let rtts = time(line.rtt_p50_us).zip(time(line.rtt_max_us));
        if let Some(habit) = self.series.get_mut(series).filter(|_| !line.self_noise)
            && habit.stands_out(rtts, line.sent, line.lost)
        {
            self.bad.push(Reverse(Bad {
                from,
                to,
                series,
                sent: line.sent,
                lost: line.lost,
                peak: rtts.map(|(_, longest)| longest),
            }));
        }
        self.head = self.head.max(to);
        while let Some(Reverse(bad)) = self.bad.peek()
            && bad.to.saturating_add(nanos(length).saturating_mul(2)) < self.head
        {
            self.judge_first();
        }
        true
    }

    /// Judges all that is left.
    pub(super) fn close(&mut self) {
        while !self.bad.is_empty() {
            self.judge_first();
        }
    }

    /// How many windows stood out alone.
    pub(super) const fn lone(&self) -> u64 {
        self.lone
    }

    pub(super) fn poll(&mut self) -> Option<(Stage, Wall, Box<Incident>)> {
        self.told.pop_front()
    }

    /// Judges the oldest window that stands out, with all that overlap it or one of those.
    fn judge_first(&mut self) {
        let Some(Reverse(first)) = self.bad.pop() else {
            return;
        };
        let mut until = first.to;
        let mut together = vec![first];
        while let Some(Reverse(next)) = self.bad.peek()
            && next.from < until
        {
            until = until.max(next.to);
            together.extend(self.bad.pop().map(|Reverse(next)| next));
        }
        let mut members: Vec<IncidentMember> = Vec::new();
        for bad in &together {
            let Some(habit) = self.series.get(bad.series) else {
                continue;
            };
            let peak = bad.peak.map(Rtt::from_nanos);
            let known = members
                .iter_mut()
                .find(|known| known.name == habit.target && known.address == habit.address);
            if let Some(known) = known {
                known.sent = known.sent.saturating_add(bad.sent);
                known.lost = known.lost.saturating_add(bad.lost);
                known.peak = known.peak.max(peak);
            } else {
                members.push(IncidentMember {
                    target: TargetId::new(u32::try_from(bad.series).unwrap_or(u32::MAX)),
                    name: Arc::clone(&habit.target),
                    address: habit.address,
                    first: Mono::from_nanos(bad.from),
                    peak,
                    sent: bad.sent,
                    lost: bad.lost,
                });
            }
        }
        let began = together.first().map_or(until, |first| first.from);
        if members.len() < 2 {
            self.lone = self.lone.saturating_add(1);
        } else {
            self.tell(members, began, until);
        }
    }

    fn tell(&mut self, members: Vec<IncidentMember>, began: u64, until: u64) {
        let is_member = |habit: &Habit| {
            members
                .iter()
                .any(|member| member.address == habit.address && member.name == habit.target)
        };
        let mut healthy: Vec<Arc<str>> = Vec::new();
        for habit in self.series.iter().filter(|habit| !is_member(habit)) {
            if !healthy.contains(&habit.target) {
                healthy.push(Arc::clone(&habit.target));
            }
        }
        self.numbered += 1;
        let length = Duration::from_nanos(until.saturating_sub(began)).as_secs();
        let names: Vec<&str> = members.iter().map(|member| &*member.name).collect();
        let message = format!(
            "{} were worse than usual in windows of the same {length} s; windows do not tell which began first, how unlikely that is by chance, or where the cause lies (record probes with --each for that)",
            listed(&names)
        );
        let incident = Incident {
            number: self.numbered,
            verdict: VerdictCode::CommonCause,
            began: Mono::from_nanos(began),
            last: Mono::from_nanos(until),
            group: None,
            members,
            healthy,
            chance: None,
            onset_skew: Duration::ZERO,
            suspect: None,
            ruled_out: Vec::new(),
            message,
        };
        let at = Wall::from_nanos(until);
        self.told.push_back((Stage::Open, at, Box::new(incident.clone())));
        self.told.push_back((Stage::Close, at, Box::new(incident)));
    }
}

impl Habit {
    /// Whether a window is worse than usual. If it is not, it is what is usual from now on.
    fn stands_out(&mut self, rtts: Option<(u64, u64)>, sent: u64, lost: u64) -> bool {
        let is_slow = rtts.is_some_and(|(_, longest)| self.limit().is_some_and(|limit| longest > limit));
        // More than three times the usual share, where one more lost probe would be no surprise.
        let usual = self.lost.saturating_add(1).saturating_mul(sent) / self.sent.max(1);
        let is_lossy = self.sent > 0 && lost >= 2 && lost > usual.saturating_mul(3).saturating_add(1);
        if is_slow || is_lossy {
            return true;
        }
        if let Some(rtts) = rtts {
            if self.rtts.len() == REMEMBERED {
                self.rtts.pop_front();
            }
            self.rtts.push_back(rtts);
        }
        self.sent = self.sent.saturating_add(sent);
        self.lost = self.lost.saturating_add(lost);
        false
    }

    /// The longest RTT that is no surprise, once a minute of windows is known.
    fn limit(&self) -> Option<u64> {
        if self.rtts.len() < LEAST {
            return None;
        }
        let median = |mut all: Vec<u64>| {
            all.sort_unstable();
            all.get(all.len() / 2).copied()
        };
        let usual = median(self.rtts.iter().map(|(median, _)| *median).collect())?;
        let longest = median(self.rtts.iter().map(|(_, longest)| *longest).collect())?;
        let spread = longest.saturating_sub(usual).saturating_mul(3).max(FLOOR);
        Some(usual.saturating_add(spread))
    }
}

/// `a, b and c`.
pub(super) fn listed(names: &[&str]) -> String {
    match names {
        [] => "nobody".to_owned(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// Windows of ten minutes, as the baseline of probes.
const REMEMBERED: usize = 60;

/// A minute of windows of 10 s.
const LEAST: usize = 6;

/// 1 ms, as the least excess of a probe that is a spike.
const FLOOR: u64 = 1_000_000;

/// Ten minutes: what was so long ago is another time.
const FAR: u64 = 600_000_000_000;
