//! Events: what they concern, how they lay settings over it, and when.

use super::super::problems::{Place, Problems};
use super::super::{Event, Topology};
use super::addresses::Addresses;
use super::names::{Kind, Names, unknown};
use super::settings::{check_backend, check_link, check_router, check_span};
use std::time::Duration;

/// Adds what is wrong with events.
pub(super) fn check(topology: &Topology, names: &Names, addresses: &Addresses<'_>, problems: &mut Problems<'_>) {
    let events = Place::root("event");
    for (index, event) in topology.events.iter().enumerate() {
        let place = events.item(index);
        check_times(event, &place, problems);
        check_subjects(event, names, &place, problems);
        if let Some(settings) = &event.link {
            check_link(settings, addresses, &place.key("link"), problems);
        }
        if let Some(settings) = &event.router {
            check_router(settings, addresses, &place.key("router"), problems);
        }
        if let Some(settings) = &event.backend {
            check_backend(settings, &place.key("backend"), problems);
        }
    }
}

fn check_times(event: &Event, place: &Place<'_>, problems: &mut Problems<'_>) {
    check_span(event.lasts, &place.key("for"), problems);
    if let Some(random) = &event.random {
        let place = place.key("random");
        problems.expect(event.lasts.is_none() && event.every.is_none(), &place, || {
            "random moments and set ones; leave out `for` and `every`, or `random`".to_owned()
        });
        check_span(Some(random.lasts), &place.key("lasts"), problems);
        problems.expect(random.pause.0 >= MIN_RHYTHM, &place.key("pause"), too_fast);
    }
    let Some(every) = event.every else { return };
    let place = place.key("every");
    problems.expect(every.0 >= MIN_RHYTHM, &place, too_fast);
    match event.lasts {
        None => problems.add(&place, "what repeats must end; say `for` how long it lasts"),
        Some(lasts) => problems.expect(every > lasts, &place, || {
            "begins again before it has ended; make `every` longer than `for`".to_owned()
        }),
    }
}

fn too_fast() -> String {
    "too fast a rhythm; write 1ms or more".to_owned()
}

/// Each name of `on` has its table, and each table a name.
fn check_subjects(event: &Event, names: &Names, place: &Place<'_>, problems: &mut Problems<'_>) {
    let tables = [
        ("link", event.link.is_some()),
        ("router", event.router.is_some()),
        ("backend", event.backend.is_some()),
        ("host", event.host.is_some()),
    ];
    let mut used = Vec::new();
    let on = place.key("on");
    problems.expect(!event.on.is_empty(), &on, || {
        "concerns nothing; name what it happens to".to_owned()
    });
    for (index, name) in event.on.iter().enumerate() {
        let place = on.item(index);
        let Some(kind) = names.any(name) else {
            let right = "a link (a-b, or a>b for one direction), a router, a backend or group, or host";
            problems.add(&place, &unknown(name, right));
            continue;
        };
        let table = table_of(kind);
        used.push(table);
        problems.expect(tables.contains(&(table, true)), &place, || {
            format!("nothing happens to `{name}`; add `{table} = {{ .. }}`")
        });
    }
    for (table, _) in tables
        .iter()
        .filter(|(table, is_there)| *is_there && !used.contains(table))
    {
        problems.add(
            &place.key(table),
            &format!("settings of a {table}, and `on` names none; add its name there"),
        );
    }
}

const fn table_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Host => "host",
        Kind::Router => "router",
        Kind::Backend | Kind::Group(_) => "backend",
        Kind::Link(_) => "link",
    }
}

/// An event that repeats faster than this is no event but a setting, and an endless file of moments.
const MIN_RHYTHM: Duration = Duration::from_millis(1);
