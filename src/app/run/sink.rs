//! The packet thread's side of `run`: figures, judgement, and what they have to say, handed over to the writer.

mod host;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use self::host::HostWatch;
pub(in crate::app) use self::host::Upset;
use super::http::Told;
use super::outbox::{Outbox, Worth};
use super::pulse::Vitals;
use super::roster::{Entry, Key, Purpose};
use super::writer::{Job, Known, WindowJob};
use crate::clock::Reading;
use crate::detect::Saved;
use crate::diagnose::{Monitor, News, Watched};
use crate::engine::Launcher;
use crate::net::Sink;
use crate::outcome::{Event, StampSource, What};
use crate::report::Completeness;
use crate::series::Series;
use crate::stats::{WindowOptions, Windows};
use crate::units::{Mono, SeriesId};

/// Measures and judges all series of a service.
pub(in crate::app) struct RunSink {
    windows: Windows,
    monitor: Monitor,
    outbox: Outbox<Job>,
    /// Who serves what happens over HTTP, if anybody does.
    exhibit: Option<Outbox<Told>>,
    /// Whether every probe is a line.
    each: bool,
    /// What is to be admitted next, in that order.
    expected: VecDeque<Expected>,
    /// By id; `None` where the series is long gone.
    members: Vec<Option<Member>>,
    ids: HashMap<Key, SeriesId>,
    /// Ended series with the moment of their end, the oldest first.
    ended: VecDeque<(Mono, SeriesId)>,
    /// How long news of a series may come after its end.
    kept: Duration,
    host: HostWatch,
    /// Probes of all series that left this host, or could not.
    left: u64,
    /// Probes of all series whose fate is decided.
    settled: u64,
    /// How many series that are probed in turn have each interval.
    intervals: BTreeMap<Duration, usize>,
    /// The latest moment that is known.
    now: Mono,
    /// When windows were last told: what was over then and is not told yet is due since then.
    more_at: Mono,
}

/// A series that is about to be admitted.
pub(in crate::app) struct Expected {
    /// What it is.
    pub(in crate::app) entry: Entry,
    /// Its past, if there is one.
    pub(in crate::app) saved: Option<Saved>,
}

/// A series that is admitted.
struct Member {
    known: Arc<Known>,
    purpose: Purpose,
}

impl RunSink {
    /// Of no series yet; `kept` is how long news of a series may come after its end.
    pub(in crate::app) fn new(
        windows: Windows,
        monitor: Monitor,
        outbox: Outbox<Job>,
        each: bool,
        kept: Duration,
    ) -> Self {
        Self {
            windows,
            monitor,
            outbox,
            exhibit: None,
            each,
            expected: VecDeque::new(),
            members: Vec::new(),
            ids: HashMap::new(),
            ended: VecDeque::new(),
            kept,
            host: HostWatch::default(),
            left: 0,
            settled: 0,
            intervals: BTreeMap::new(),
            now: Mono::default(),
            more_at: Mono::default(),
        }
    }

    /// Has somebody told beside the writer of all that is over.
    pub(super) fn shown_by(mut self, exhibit: Option<Outbox<Told>>) -> Self {
        self.exhibit = exhibit;
        self
    }

    /// Tells what will be admitted next, in the order in which it will be.
    pub(in crate::app) fn expect(&mut self, series: Vec<Expected>) {
        self.expected = series.into();
    }

    /// What was expected and not admitted: it can't be probed.
    pub(super) fn take_missing(&mut self) -> Vec<Entry> {
        self.expected.drain(..).map(|expected| expected.entry).collect()
    }

    /// How far this thread has come.
    pub(super) fn vitals(&self) -> Vitals {
        Vitals {
            left: self.left,
            settled: self.settled,
            shortest_interval: self.intervals.keys().next().copied(),
        }
    }

    /// How many series measure a target.
    pub(super) fn backends(&self) -> usize {
        self.ids.keys().filter(|key| key.purpose == Purpose::Backend).count()
    }

    /// Watches these no more: their ids, which are not probed any more from now on, and what they have learned.
    pub(super) fn retire(&mut self, keys: &[Key], now: Mono) -> Vec<(SeriesId, Option<(Series, Saved)>)> {
        let mut gone = Vec::new();
        for key in keys {
            let Some(id) = self.ids.remove(key) else { continue };
            let saved = self.past(key, id);
            self.count_interval(id, false);
            self.monitor.remove(id, now);
            self.windows.remove(id, now);
            self.ended.push_back((now, id));
            if let Some(member) = self.member(id) {
                let known = Arc::clone(&member.known);
                self.show(Worth::Word, || Told::Gone(Arc::clone(&known), now));
                self.outbox.put(Worth::Word, Job::Gone(known, now));
            }
            gone.push((id, saved));
        }
        self.tell(now);
        gone
    }

    /// The past of up to `count` series from the `from`-th on, and how many there are in all.
    pub(super) fn baselines(&self, from: usize, count: usize) -> (Vec<(Series, Saved)>, usize) {
        let some = self.members.iter().enumerate().skip(from).take(count);
        let pasts = some.filter_map(|(index, member)| {
            let member = member.as_ref()?;
            let key = member.key();
            let id = SeriesId::new(u32::try_from(index).ok()?);
            (self.ids.get(&key) == Some(&id)).then(|| self.past(&key, id))?
        });
        (pasts.collect(), self.members.len())
    }

    /// No more probes are sent from `now` on: windows that are open then do not become whole.
    pub(in crate::app) fn stop(&mut self, now: Mono) {
        let backends = self.ids.iter().filter(|(key, _)| key.purpose == Purpose::Backend);
        backends.for_each(|(_, id)| self.windows.remove(*id, now));
    }

    /// Ends all at `now`, when no more events come.
    pub(in crate::app) fn close(&mut self, now: Mono) {
        self.monitor.handle_deadline(now);
        self.tell(now);
        let upset = self.host.take_rest();
        self.tell_upset(upset);
        self.windows.close(now);
        self.tell_windows(now, usize::MAX);
        self.monitor.close(now);
        self.tell(now);
    }

    /// Who judges.
    pub(in crate::app) const fn monitor(&self) -> &Monitor {
        &self.monitor
    }

    fn past(&self, key: &Key, id: SeriesId) -> Option<(Series, Saved)> {
        if key.purpose != Purpose::Backend {
            return None;
        }
        Some((key.series.clone(), self.monitor.save(id)?))
    }

    fn member(&self, id: SeriesId) -> Option<&Member> {
        self.members.get(id.index())?.as_ref()
    }

    /// A series begins, or ends.
    fn count_interval(&mut self, id: SeriesId, begins: bool) {
        let Some(member) = self.members.get(id.index()).and_then(Option::as_ref) else {
            return;
        };
        // Paths are traced when the monitor wants it.
        if member.purpose == Purpose::Path {
            return;
        }
        let count = self.intervals.entry(member.known.watched.interval).or_default();
        *count = if begins { *count + 1 } else { count.saturating_sub(1) };
        self.intervals.retain(|_, count| *count > 0);
    }

    /// Hands over all that the monitor has to say, at `now` or later.
    fn tell(&mut self, now: Mono) {
        self.now = self.now.max(now);
        while let Some(news) = self.monitor.poll() {
            if let News::OwnNoise(stall) = news {
                self.host.note(stall);
            }
            if let Some(exhibit) = &self.exhibit
                && let Some(told) = Told::of(&news)
            {
                exhibit.put(Worth::Word, told);
            }
            let about = series_of(&news).and_then(|id| self.member(id));
            let about = about.map(|member| Arc::clone(&member.known));
            self.outbox.put(Worth::Word, Job::News(self.now, about, Box::new(news)));
        }
    }

    /// Hands over what this host did that is no stall.
    fn tell_upset(&self, upset: Option<Upset>) {
        if let Some(upset) = upset {
            if upset.clock_stepped {
                self.show(Worth::Word, || Told::ClockStepped);
            }
            self.outbox.put(Worth::Word, Job::Upset(upset));
        }
    }

    /// Hands over the windows that are over, up to so many: packets don't wait for the figures of ten thousand targets.
    fn tell_windows(&mut self, now: Mono, most: usize) {
        self.more_at = now;
        for _ in 0..most {
            let Some(closed) = self.windows.poll_closed(now) else {
                return;
            };
            let Some(member) = self.member(closed.series) else {
                continue;
            };
            let known = Arc::clone(&member.known);
            let window = WindowJob {
                learning: self.monitor.level(closed.series).is_none(),
                completeness: if closed.complete {
                    Completeness::Complete
                } else {
                    Completeness::Cut
                },
                host: self.host.during(closed.start, closed.start.after(closed.length)),
                closed,
            };
            let window = Arc::new(window);
            self.show(Worth::Window, || Told::Window(Arc::clone(&known), Arc::clone(&window)));
            self.outbox.put(Worth::Window, Job::Window(known, window));
        }
    }

    /// Tells whoever serves over HTTP, if anybody does.
    fn show(&self, worth: Worth, told: impl FnOnce() -> Told) {
        if let Some(exhibit) = &self.exhibit {
            exhibit.put(worth, told());
        }
    }

    /// Forgets series that ended long ago.
    fn forget(&mut self, now: Mono) {
        while let Some(&(ended, id)) = self.ended.front()
            && now.since(ended) >= self.kept
        {
            self.ended.pop_front();
            if let Some(member) = self.members.get_mut(id.index()) {
                *member = None;
            }
        }
    }
}

impl Member {
    fn key(&self) -> Key {
        Key {
            series: self.known.series.clone(),
            purpose: self.purpose,
        }
    }
}

impl Sink for RunSink {
    fn admitted(&mut self, id: SeriesId, series: &Series, stamp: StampSource, at: Reading) {
        // What could not be admitted was left out, the order is the same.
        let found = self.expected.iter().position(|next| next.entry.series == *series);
        let expected = found.and_then(|place| self.expected.remove(place));
        self.members.resize_with(id.index() + 1, || None);
        let Some(Expected { entry, saved }) = expected else {
            return;
        };
        let purpose = entry.purpose();
        let watched = Watched {
            interval: entry.pace.interval,
            timeout: entry.pace.timeout,
            stamp,
            floor: entry.floor,
        };
        let known = Known {
            id,
            series: entry.series.clone(),
            labels: Arc::clone(&entry.labels),
            role: entry.role.clone(),
            watched,
            since: at.mono,
        };
        self.ids.insert(entry.key(), id);
        let known = Arc::new(known);
        self.show(Worth::Word, || Told::Admitted(Arc::clone(&known)));
        self.outbox.put(Worth::Word, Job::Admitted(Arc::clone(&known)));
        if let Some(place) = self.members.get_mut(id.index()) {
            *place = Some(Member { known, purpose });
        }
        self.count_interval(id, true);
        // The kernel gives the SYNs of a connection attempt no TTL of ours: such a path can't be traced.
        if purpose == Purpose::Path && stamp == StampSource::TcpInfo {
            return;
        }
        self.monitor.admit(at.mono, id, series, entry.role, watched);
        if let Some(saved) = saved {
            self.monitor.restore(id, &saved, at.mono);
        }
        if purpose == Purpose::Backend {
            let options = WindowOptions { stamp, user_rtt: false };
            self.windows.admit(at.mono, id, options, entry.pace.timeout);
        }
    }

    #[inline]
    fn event(&mut self, event: &Event) {
        match event.what {
            What::Sent { .. } | What::SendFailed(_) => self.left += 1,
            What::Settled(_) => self.settled += 1,
            What::Answered(_) | What::TimedOut | What::Duplicate | What::LateAfterClose => {}
        }
        let Some(member) = self.members.get(event.series.index()).and_then(Option::as_ref) else {
            return;
        };
        if member.purpose == Purpose::Backend {
            if self.each && !matches!(event.what, What::Sent { .. }) {
                let known = Arc::clone(&member.known);
                self.outbox.put(Worth::Probe, Job::Probe(known, *event));
            }
            if matches!(event.what, What::SendFailed(_)) {
                self.host.not_sent(event.sent_at);
            }
            self.windows.record(event);
        }
        self.monitor.handle_event(event);
        self.tell(event.sent_at);
    }

    fn next_deadline(&mut self) -> Option<Mono> {
        let windows = self.windows.next_deadline();
        let windows = windows.map(|at| self.host.not_before(at).max(self.more_at));
        windows.into_iter().chain(self.monitor.next_deadline()).min()
    }

    fn handle_deadline(&mut self, now: Reading) {
        let due = self.next_deadline();
        self.host.observe(now, due);
        self.monitor.handle_deadline(now.mono);
        self.tell(now.mono);
        let upset = self.host.take(now.mono);
        self.tell_upset(upset);
        if self.host.is_known(now.mono) {
            self.tell_windows(now.mono, WINDOWS_AT_ONCE);
        }
        self.forget(now.mono);
    }

    fn receive_dropped(&mut self, packets: u32, from: Mono, to: Mono) {
        self.host.dropped(packets, from, to);
        self.show(Worth::Word, || Told::ReceiveDropped(packets));
    }

    fn launcher(&mut self) -> Option<&mut dyn Launcher> {
        Some(&mut self.monitor)
    }
}

/// Whom news are about, where that is one series.
const fn series_of(news: &News) -> Option<SeriesId> {
    match news {
        News::SpikeStart(spike) | News::SpikeEnd(spike, _) => Some(spike.series),
        News::LevelShift { series, .. }
        | News::Degraded { series, .. }
        | News::Recovered { series, .. }
        | News::Jittery { series, .. }
        | News::Path { series, .. }
        | News::Traced { series, .. } => Some(*series),
        News::PathChanged(change) => Some(change.series),
        News::Incident(..) | News::OwnNoise(_) | News::ControlSpiked { .. } => None,
    }
}

/// Two milliseconds' work.
const WINDOWS_AT_ONCE: usize = 256;
