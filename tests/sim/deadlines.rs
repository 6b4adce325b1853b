//! Drivers that want to run at moments of their own, and series that are retired.

use std::time::Duration;

use pathjitter::engine::{Launch, Launcher};
use pathjitter::lab::{Driver, World, WorldOptions};
use pathjitter::outcome::{Event, What};
use pathjitter::units::{Mono, ProbeSeq, Rtt};

use crate::story::{Line, SECOND};

/// Runs every 300 ms, and notes when it did, and how many probes were settled by then.
struct Clockwork {
    next: Mono,
    rung: Vec<Mono>,
    settled: Vec<Mono>,
}

const STEP: Duration = Duration::from_millis(300);

impl Launcher for Clockwork {
    fn next_launch(&self) -> Option<Mono> {
        None
    }

    fn poll_launch(&mut self, _now: Mono) -> Option<Launch> {
        None
    }

    fn launched(&mut self, _launch: Launch, _seq: Option<ProbeSeq>, _now: Mono) {}

    fn is_done(&self) -> bool {
        true
    }
}

impl Driver for Clockwork {
    fn event(&mut self, event: &Event, _truth: Option<Rtt>) {
        if let What::Settled(_) = event.what {
            self.settled.push(event.sent_at);
        }
    }

    fn next_deadline(&mut self) -> Option<Mono> {
        Some(self.next)
    }

    fn handle_deadline(&mut self, now: Mono) {
        assert!(now >= self.next);
        self.rung.push(now);
        self.next = now.after(STEP);
    }
}

#[test]
fn a_driver_runs_at_its_deadlines_after_all_that_arrived_before() {
    let mut world = World::new(&Line::default().topology(), 1, WorldOptions::default());
    world.admit("app01").unwrap();
    let mut clockwork = Clockwork {
        next: Mono::default().after(STEP),
        rung: Vec::new(),
        settled: Vec::new(),
    };
    world.run_until_with(Mono::default().after(3 * SECOND), &mut clockwork);
    let exact: Vec<_> = (1..10).map(|n| Mono::default().after(STEP * n)).collect();
    assert_eq!(clockwork.rung, exact, "this host wakes up in time");
}

#[test]
fn the_figures_of_a_deadline_hold_every_answer_before_it() {
    // The host stands still over the deadline, while answers arrive: they are told first.
    let mut world = World::new(&Line::default().topology(), 1, WorldOptions::default());
    let ids = world.admit("app01").unwrap();
    let mut clockwork = Clockwork {
        next: Mono::default().after(3 * SECOND),
        rung: Vec::new(),
        settled: Vec::new(),
    };
    world.run_until_with(Mono::default().after(2 * SECOND + STEP), &mut clockwork);
    let before = clockwork.settled.len();
    world.stall_for(SECOND);
    world.run_until_with(Mono::default().after(4 * SECOND), &mut clockwork);
    assert_eq!(clockwork.rung.first(), Some(&Mono::default().after(3 * SECOND + STEP)));
    assert!(clockwork.settled.len() > before);
    world.retire(ids[0]);
    let sent = clockwork.settled.len();
    for &id in &ids {
        world.retire(id);
    }
    clockwork.next = Mono::default().after(60 * SECOND);
    world.run_until_with(Mono::default().after(30 * SECOND), &mut clockwork);
    assert!(world.is_finished());
    assert!(
        clockwork.settled.len() <= sent + ids.len(),
        "no more than was under way"
    );
}
