//! TTL sweeps: which hop of which path is probed when, and what is known of each hop.
//!
//! A path is one series: a target by one protocol over one flow. Each cycle probes each of its hops once, by a probe whose TTL ends
//! there. A [`Sweeper`] decides about all paths of a run together, because they share routers, and a router answers our host so
//! often a second and no more, whatever the probe was for. It is a [`Launcher`]: the loop of the packet thread, or the virtual one of the
//! lab, asks it what to send, and hands it every event.
//!
//! | question | answer | where |
//! |---|---|---|
//! | which TTLs are probed | up to the target, a few at a time until it is known | `course` |
//! | what paths have in common | a tree of routers, each probed and counted once | `tree`, `moves` |
//! | when | each node once an interval, all of one round together, at most one probe a second and router | `turns`, `budget` |
//! | what an answer means | router, target, or the end of the way | `who`, `judging` |
//! | whether the way changed | the new router replaces the old one, not alternates with it | `changes` |
//! | what of a run without end | paths come and go, are hurried, and are reported since a moment | `service` |
//!
//! A run of n cycles ends when each hop of each path has n judged rounds. What could not get that many, because others took the budget
//! of its router or because it was discovered late, waits no longer than twice the time that n cycles take, and `DISCOVERY`.

mod budget;
mod changes;
mod course;
mod flights;
mod hop;
mod judging;
mod moves;
mod options;
mod path;
mod service;
mod tally;
#[cfg(test)]
mod tests;
mod tree;
mod turns;
mod who;

pub use self::hop::{Hop, HopCounts, Responder, RoundMark};
pub use self::options::{Budget, SweepOptions};
pub use self::path::{End, News, PathChange, PathReport};

use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use self::budget::Accounts;
use self::course::Course;
use self::tree::{NodeId, PathIndex, Tree};
use self::turns::{Turn, TurnOf};
use crate::engine::{Launch, Launcher};
use crate::outcome::Event;
use crate::series::Series;
use crate::units::{Mono, ProbeSeq, SeriesId};

/// The sweeps of all paths of a run.
#[derive(Debug)]
pub struct Sweeper {
    options: SweepOptions,
    random: ChaCha8Rng,
    paths: Vec<Course>,
    index: HashMap<SeriesId, PathIndex>,
    tree: Tree,
    accounts: Accounts,
    /// The next turn first.
    turns: BinaryHeap<Turn>,
    /// Probes in order of sending, with the moment after which nothing is heard of them any more.
    watched: VecDeque<(Mono, PathIndex, ProbeSeq)>,
    pending: Option<turns::Pending>,
    news: VecDeque<News>,
    /// Nodes that may have lost their last member.
    left: Vec<NodeId>,
    /// Round 0 begins here.
    started: Option<Mono>,
    /// When the next path may ask for its distance.
    next_ask: Mono,
    /// Paths that are swept faster than others, and how often.
    hurried: HashMap<PathIndex, Duration>,
    /// Numbers that a round of the usual interval takes.
    fineness: u64,
    /// The latest moment that anybody told.
    now: Mono,
    undone: usize,
    /// Turns that were asked for so far.
    order: u64,
    is_stopped: bool,
}

impl Sweeper {
    /// Sweeps of nothing yet; `seed` decides in which order hops have their turn.
    #[must_use]
    pub fn new(options: SweepOptions, seed: u64) -> Self {
        Self {
            options: options.valid(),
            random: ChaCha8Rng::seed_from_u64(seed),
            paths: Vec::new(),
            index: HashMap::new(),
            tree: Tree::new(),
            accounts: Accounts::default(),
            turns: BinaryHeap::new(),
            watched: VecDeque::new(),
            pending: None,
            news: VecDeque::new(),
            left: Vec::new(),
            started: None,
            next_ask: Mono::default(),
            hurried: HashMap::new(),
            fineness: 1,
            now: Mono::default(),
            undone: 0,
            order: 0,
            is_stopped: false,
        }
    }

    /// The same for a service, where paths come and go, and may be [hurried](Self::hurry): rounds are numbered in steps of
    /// [`FINENESS`](Self::FINENESS), so that there are numbers for those in between.
    #[must_use]
    pub fn for_service(options: SweepOptions, seed: u64) -> Self {
        Self {
            fineness: Self::FINENESS,
            ..Self::new(options, seed)
        }
    }

    /// Starts to sweep the path of a series, which the prober has admitted with a pace of no probes. A series is added once.
    pub fn add_path(&mut self, now: Mono, id: SeriesId, series: &Series) {
        if self.index.contains_key(&id) {
            return;
        }
        self.now = self.now.max(now);
        self.started.get_or_insert(now);
        let path = self.paths.len();
        self.paths.push(Course::new(id, series, self.random.random()));
        self.index.insert(id, path);
        self.undone += 1;
        let ask_at = self.next_ask.max(now);
        self.next_ask = ask_at.after(turns::STAGGER);
        self.push_turn(ask_at, TurnOf::Distance(path));
        if let Some(cycles) = self.options.cycles {
            self.push_turn(now.after(self.longest(cycles)), TurnOf::Deadline(path));
        }
        self.open_places(path);
    }

    /// Something happened to a probe. Events of series that were not added are ignored.
    pub fn handle_event(&mut self, event: &Event) {
        if let Some(&path) = self.index.get(&event.series) {
            self.judge(path, event);
            self.release_left();
        }
    }

    /// What is worth telling, in order. Whoever does not ask misses the oldest.
    pub fn poll_news(&mut self) -> Option<News> {
        self.news.pop_front()
    }

    /// Launches no more probes.
    pub const fn stop(&mut self) {
        self.is_stopped = true;
    }

    /// What is known of a path by now; `None` where the series was not added.
    #[must_use]
    pub fn report(&self, id: SeriesId) -> Option<PathReport> {
        let path = self.paths.get(*self.index.get(&id)?)?;
        Some(path.report(&self.tree, &self.options))
    }

    /// What was known of a path when its course changed last; `None` where it never did.
    #[must_use]
    pub fn former(&self, id: SeriesId) -> Option<&PathReport> {
        self.paths.get(*self.index.get(&id)?)?.former.as_deref()
    }

    fn tell(&mut self, news: News) {
        if self.news.len() >= MAX_NEWS {
            self.news.pop_front();
        }
        self.news.push_back(news);
    }
}

impl Launcher for Sweeper {
    fn next_launch(&self) -> Option<Mono> {
        if self.is_done() {
            return None;
        }
        let turn = self.turns.peek().map(|turn| turn.at);
        let watched = self.watched.front().map(|(at, ..)| *at);
        [turn, watched].into_iter().flatten().min()
    }

    fn poll_launch(&mut self, now: Mono) -> Option<Launch> {
        if self.is_done() {
            return None;
        }
        self.now = self.now.max(now);
        self.forget_unheard(now);
        while self.turns.peek().is_some_and(|turn| turn.at <= now) {
            let turn = self.turns.pop()?;
            if let Some(launch) = self.take(turn, now) {
                return Some(launch);
            }
        }
        None
    }

    fn launched(&mut self, launch: Launch, seq: Option<ProbeSeq>, now: Mono) {
        self.now = self.now.max(now);
        self.note_launch(launch, seq, now);
    }

    fn is_done(&self) -> bool {
        self.is_stopped || self.undone == 0
    }
}

/// News that nobody asks for.
const MAX_NEWS: usize = 1 << 12;
