//! A backend that limits SYNs: TCP loses what the limiter dropped, and nothing else does.

use pathjitter::units::SeriesId;

use crate::story::{Line, SECOND, Story, at_rate};

#[test]
fn a_syn_limit_costs_syns_exactly_and_echo_nothing() {
    // A limit as it is meant, and a DROP rule with a limit, which does the opposite.
    for (within, least, most) in [("accepted", 560, 600), ("dropped", 10, 30)] {
        let limit = format!(
            "set.ports = {{ 80 = \"open\" }}\nset.syn_limit = {{ rate = \"10/min\", burst = 5, within = \"{within}\" }}"
        );
        let line = Line {
            backend: &limit,
            ..Line::default()
        };
        let mut story = Story::begin(&line.topology(), 1, at_rate(5));
        let echo = story.probe("app01");
        let syn = story.probe("app01:80");
        story.run_for(60 * SECOND);
        story.end(70 * SECOND);
        let count = |ids: &[SeriesId], of: fn(&pathjitter::stats::Counts) -> u64| -> u64 {
            ids.iter().map(|&id| of(&story.counts(id))).sum()
        };
        assert_eq!(count(&echo, |counts| counts.received), 600);
        assert_eq!(count(&syn, |counts| counts.sent), 600);
        let lost = count(&syn, |counts| counts.lost);
        assert_eq!(lost, story.dropped_by("app01"), "{within}");
        // 5 at once and 10 a minute are within the limit.
        assert!((least..=most).contains(&lost), "{within}: {lost}");
        assert_eq!(count(&syn, |counts| counts.received), 600 - lost);
    }
}

#[test]
fn a_full_table_of_half_open_connections_costs_what_it_dropped() {
    let line = Line {
        backend: r#"set.ports = { 80 = "open" }
set.half_open = { entries = 3, syn_ack_retries = 1 }"#,
        ..Line::default()
    };
    let options = pathjitter::lab::WorldOptions {
        reset_loss: 0.3,
        ..at_rate(2)
    };
    let mut story = Story::begin(&line.topology(), 1, options);
    let echo = story.probe("app01");
    let syn = story.probe("app01:80");
    story.run_for(200 * SECOND);
    story.end(70 * SECOND);
    let lost: u64 = syn.iter().map(|&id| story.counts(id).lost).sum();
    assert!(lost > 20, "{lost}");
    assert_eq!(lost, story.dropped_by("app01"));
    assert!(echo.iter().all(|&id| story.counts(id).received == 400));
}
