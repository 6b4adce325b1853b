//! Whether a file makes sense: what its types cannot say.
//!
//! Each part adds what it finds to the [`Problems`]. Sizes come first: when a file asks for too much, the rest is not looked at, so that
//! no check ever expands more than [`MAX_ELEMENTS`].

mod addresses;
mod effects;
mod events;
mod names;
mod reach;
mod settings;
mod trace;
mod truth;

use super::Topology;
use super::problems::{Place, Problems};
use addresses::Addresses;
use names::Names;

/// Adds everything that is wrong with a topology.
pub(super) fn check(topology: &Topology, problems: &mut Problems<'_>) {
    group_sizes(topology, problems);
    if !problems.is_empty() {
        return;
    }
    let names = Names::collect(topology, problems);
    if names.references(topology) > MAX_ELEMENTS {
        let what = format!(
            "links, routes, events and expectations name more than {MAX_ELEMENTS} elements, each member of a group counted"
        );
        problems.add(&Place::root("link"), &what);
        return;
    }
    problems.expect(!topology.duration.0.is_zero(), &Place::root("duration"), || {
        "nothing can be seen in no time; write 30s or 60s".to_owned()
    });
    let addresses = Addresses::collect(topology, problems);
    settings::check(topology, &addresses, problems);
    reach::check(topology, &names, problems);
    events::check(topology, &names, &addresses, problems);
    truth::check(topology, &names, &addresses, problems);
    trace::check(topology, &names, &addresses, problems);
    // What stands for nothing has no effect either, and has been told by now.
    if problems.is_empty() {
        effects::check(topology, problems);
    }
}

fn group_sizes(topology: &Topology, problems: &mut Problems<'_>) {
    let backends = Place::root("backend");
    let mut total = topology.routers.len() + topology.links.len();
    for (index, backend) in topology.backends.iter().enumerate() {
        let size = backend.size();
        total += size;
        problems.expect(
            (1..=MAX_GROUP).contains(&size),
            &backends.item(index).key("count"),
            || format!("a group of {size}; write 1 to {MAX_GROUP}"),
        );
    }
    problems.expect(total <= MAX_ELEMENTS, &backends, || {
        format!("{total} routers, backends and links; the most is {MAX_ELEMENTS}")
    });
}

/// Ten times the most targets that the prober is made for.
const MAX_ELEMENTS: usize = 100_000;

/// As many as the prober is made for.
const MAX_GROUP: usize = 10_000;
