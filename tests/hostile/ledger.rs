//! What each probe has been through, and what it must not go through any more.

use std::collections::{HashMap, HashSet};

use pathjitter::outcome::{Event, Fate, What};
use pathjitter::stats::Counts;
use pathjitter::units::{ProbeSeq, SeriesId};

type Probe = (SeriesId, ProbeSeq);

#[derive(Default)]
pub(crate) struct Ledger {
    lives: HashMap<Probe, Life>,
    /// Probes to which an answer with proof has been handed over.
    proven: HashSet<Probe>,
    /// By series: the probe that is to be settled next.
    next_settled: HashMap<SeriesId, u64>,
    fates: HashMap<&'static str, u64>,
    duplicates: u64,
    /// The most that the prober had on its heap.
    pub(crate) heap_high: usize,
}

#[derive(Clone, Copy, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each may have happened or not, whatever the others did"
)]
struct Life {
    timed_out: bool,
    answered: bool,
    settled: Option<Fate>,
    not_sent: bool,
    /// Answered when its fate was sealed, although older probes kept it from being told.
    answered_too_late: bool,
}

impl Ledger {
    pub(crate) fn proven(&mut self, series: SeriesId, seq: ProbeSeq) {
        self.proven.insert((series, seq));
    }

    pub(crate) fn record(&mut self, event: &Event) {
        let probe = (event.series, event.seq);
        let is_new = !self.lives.contains_key(&probe);
        let life = self.lives.entry(probe).or_default();
        match event.what {
            What::Sent { .. } => assert!(is_new, "{event:?}: begun twice"),
            What::SendFailed(_) => {
                assert!(is_new, "{event:?}: begun twice");
                life.not_sent = true;
            }
            _ => assert!(!is_new, "{event:?}: never begun"),
        }
        match event.what {
            What::Sent { .. } | What::SendFailed(_) => {}
            What::TimedOut => {
                assert!(!life.timed_out && !life.answered && life.settled.is_none(), "{event:?}");
                life.timed_out = true;
            }
            What::Answered(answered) => {
                assert!(!life.answered && !life.not_sent && life.settled.is_none(), "{event:?}");
                assert_eq!(answered.timed_out, life.timed_out, "{event:?}");
                assert!(self.proven.contains(&probe), "{event:?}: nothing proved it");
                life.answered = true;
            }
            What::Duplicate => {
                assert!(life.answered, "{event:?}: nothing to be a duplicate of");
                self.duplicates += 1;
            }
            What::LateAfterClose => life.answered_too_late |= life.settled.is_none(),
            What::Settled(fate) => {
                assert!(life.settled.is_none(), "{event:?}: settled twice");
                life.settled = Some(fate);
                let next = self.next_settled.entry(event.series).or_default();
                assert_eq!(event.seq.get(), *next, "{event:?}: out of order");
                *next += 1;
                self.settle(event, fate);
            }
        }
    }

    fn settle(&mut self, event: &Event, fate: Fate) {
        let probe = (event.series, event.seq);
        let Life {
            answered,
            not_sent,
            timed_out,
            answered_too_late,
            ..
        } = self.lives[&probe];
        let name = match fate {
            Fate::Received(_) => "received",
            Fate::Rejected => "rejected",
            Fate::Late => "late",
            Fate::Lost => "lost",
            Fate::NotSent => "not sent",
            Fate::Unjudged(_) => "unjudged",
        };
        let (should_be_answered, should_be_unsent) = match fate {
            Fate::Received(_) | Fate::Rejected | Fate::Late => (true, false),
            Fate::Lost | Fate::Unjudged(_) => (false, false),
            Fate::NotSent => (false, true),
        };
        assert_eq!(
            (answered, not_sent),
            (should_be_answered, should_be_unsent),
            "{event:?}"
        );
        if answered_too_late {
            assert!(
                matches!(fate, Fate::Unjudged(_)),
                "{event:?}: still open when it was answered"
            );
        }
        if fate == Fate::Lost {
            assert!(timed_out, "{event:?}: lost before its time");
            assert!(
                !self.proven.contains(&probe),
                "{event:?}: lost, although it was answered"
            );
        }
        *self.fates.entry(name).or_default() += 1;
    }

    /// Compares the figures of a series with what happened to its probes.
    pub(crate) fn check_closed(&self, series: SeriesId, counts: &Counts) {
        let lives: Vec<&Life> = self
            .lives
            .iter()
            .filter_map(|((of, _), life)| (*of == series).then_some(life))
            .collect();
        assert!(
            lives.iter().all(|life| life.settled.is_some()),
            "{series:?}: left unsettled"
        );
        let begun = u64::try_from(lives.len()).unwrap();
        assert_eq!(
            counts.sent + counts.unjudged + counts.send_error,
            begun,
            "{series:?}: {counts:?}"
        );
        let with = |wanted: fn(&Fate) -> bool| {
            let found = lives.iter().filter(|life| life.settled.as_ref().is_some_and(wanted));
            u64::try_from(found.count()).unwrap()
        };
        assert_eq!(counts.received, with(|fate| matches!(fate, Fate::Received(_))));
        assert_eq!(
            counts.refused + counts.reset + counts.unreachable,
            with(|fate| *fate == Fate::Rejected)
        );
        assert_eq!(counts.late, with(|fate| *fate == Fate::Late));
        assert_eq!(counts.lost, with(|fate| *fate == Fate::Lost));
        assert_eq!(counts.unjudged, with(|fate| matches!(fate, Fate::Unjudged(_))));
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (name, count) in &other.fates {
            *self.fates.entry(name).or_default() += count;
        }
        self.duplicates += other.duplicates;
    }

    /// A run in which something never happened has not tested it.
    pub(crate) fn assert_varied(&self) {
        for name in ["received", "rejected", "late", "lost", "not sent", "unjudged"] {
            let count = self.fates.get(name).copied().unwrap_or_default();
            assert!(count >= 10, "only {count} probes were {name}: {:?}", self.fates);
        }
        assert!(self.duplicates >= 10);
    }
}
