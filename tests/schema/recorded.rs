//! `series` and `path` lines, and incidents that others saw: what a log needs to be judged, and what comes of it.

use std::time::Duration;

use pathjitter::diagnose::{PathKnowledge, Role, Watched};
use pathjitter::outcome::StampSource;
use pathjitter::units::{Mono, Wall};
use serde_json::{Value, json};

use super::incidents::wall;
use super::{AT, checked, icmp_series, lines, tcp_series};

const WATCHED: Watched = Watched {
    interval: Duration::from_millis(200),
    timeout: Duration::from_secs(1),
    stamp: StampSource::Kernel,
    floor: 0.005,
};

const CLOCK: Mono = Mono::from_nanos(1_500_000_000);

#[test]
fn a_series_line_says_how_often_and_what_for() {
    let group = Some("web".into());
    let line = checked(lines().series(&tcp_series(), &Role::Backend { group }, &WATCHED, (AT, CLOCK, None)));
    assert_eq!((&line["role"], &line["group"]), (&json!("backend"), &json!("web")));
    assert_eq!((&line["interval_s"], &line["timeout_s"]), (&json!(0.2), &json!(1.0)));
    assert_eq!(
        (&line["since_clock_s"], &line["floor_ratio"]),
        (&json!(1.5), &json!(0.005))
    );
    assert_eq!((&line["since"], &line["until"]), (&line["timestamp"], &Value::Null));
    let end = Wall::from_nanos(AT.as_nanos() + 5_000_000_000);
    for (role, word) in [
        (Role::Path, "path"),
        (Role::Loopback, "loopback"),
        (Role::Gateway, "gateway"),
    ] {
        let line = checked(lines().series(&icmp_series(), &role, &WATCHED, (AT, CLOCK, Some(end))));
        assert_eq!(line["role"], word);
        assert_eq!(line["until"], line["timestamp"], "it speaks of its end");
    }
}

#[test]
fn a_path_line_says_all_that_is_known_and_null_where_nothing_is() {
    let hops = vec![Some("10.0.0.1".parse().unwrap()), None];
    let known = PathKnowledge {
        hops: hops.clone(),
        presumed_ttls: vec![1],
        reached: true,
        starts_at: Some((1, 2)),
        before: Some((Mono::from_nanos(1_000_000_000_000), hops)),
    };
    let line = checked(lines().path(AT, &icmp_series(), &known, wall));
    assert_eq!(line["hops"], json!(["10.0.0.1", null]));
    assert_eq!(line["presumed_ttls"], json!([1]));
    assert_eq!(
        (&line["starts_from_ttl"], &line["starts_to_ttl"]),
        (&json!(1), &json!(2))
    );
    assert_eq!((&line["changed_at"], &line["old"]), (&line["timestamp"], &line["hops"]));
    let line = checked(lines().path(AT, &icmp_series(), &PathKnowledge::default(), wall));
    for field in ["starts_from_ttl", "starts_to_ttl", "changed_at", "old"] {
        assert_eq!(line[field], Value::Null, "{field}");
    }
}
