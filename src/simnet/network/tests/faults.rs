//! Faults begin and end at their moments.

use super::*;
use crate::simnet::Element;

/// Whether an echo that is sent at these moments, at least 2 ms apart, is answered.
fn answered(network: &mut Network, at_ms: &[u64]) -> Vec<bool> {
    let mut answered = Vec::new();
    for &at in at_ms {
        let cause = network.handle_packet(ms(at), &echo("10.0.9.1", 0));
        let answers = deliveries(network, ms(at).after(us(1300)));
        assert!(answers.iter().all(|(delivery, _)| delivery.cause == cause));
        answered.push(!answers.is_empty());
    }
    answered
}

#[test]
fn a_link_that_is_down_loses_all_for_as_long_as_the_event_lasts() {
    let text = format!("{LINE}[[event]]\nat = \"10ms\"\nfor = \"20ms\"\non = [\"host>r1\"]\nlink.down = true\n");
    let mut network = network(&text, 1);
    assert_eq!(
        answered(&mut network, &[0, 8, 10, 28, 30, 100]),
        [true, true, false, false, true, true]
    );
    assert_eq!(network.ledger().element("host>r1").map(Element::dropped), Some(2));
}

#[test]
fn an_event_with_a_rhythm_comes_back() {
    let text =
        format!("{LINE}[[event]]\nat = \"10ms\"\nfor = \"4ms\"\nevery = \"20ms\"\non = [\"r1-r2\"]\nlink.loss = 1.0\n");
    let mut network = network(&text, 1);
    let when = [5, 11, 15, 31, 35, 51, 55, 10_011, 10_015];
    assert_eq!(
        answered(&mut network, &when),
        [true, false, true, false, true, false, true, false, true]
    );
}

#[test]
fn later_events_win_while_they_last() {
    let event = |at, lasts, down| {
        format!("[[event]]\nat = \"{at}ms\"\nfor = \"{lasts}ms\"\non = [\"r1-r2\"]\nlink.down = {down}\n")
    };
    let text = format!("{LINE}{}{}", event(10, 40, true), event(20, 10, false));
    let mut network = network(&text, 1);
    assert_eq!(
        answered(&mut network, &[5, 15, 25, 35, 55]),
        [true, false, true, false, true]
    );
}

#[test]
fn a_random_event_is_active_for_its_share_of_time() {
    let text = format!(
        "{LINE}[[event]]\nrandom = {{ pause = \"30ms\", lasts = \"10ms\" }}\non = [\"r1-r2\"]\nlink.down = true\n"
    );
    let mut network = network(&text, 3);
    let when: Vec<u64> = (0..20_000).map(|n| n * 5).collect();
    let lost = answered(&mut network, &when)
        .iter()
        .filter(|answered| !**answered)
        .count();
    // 100 s are 2,500 cycles. Of an alternating renewal process with exponential times of mean a (up) and b (down), the time down in
    // T has mean T b / (a + b) and variance T 2 a^2 b^2 / (a + b)^3: 25 s and 0.53 s here, 2.1 %; four of those. The way over takes
    // 0.1 ms there and 1.0 ms until the way back, so that up to 1.0 ms more of each cycle is lost: at most 2.5 s.
    assert!(
        (20_000 * 25 / 100 - 420..=20_000 * 275 / 1000 + 420).contains(&lost),
        "{lost}"
    );
}

#[test]
fn a_change_of_cost_changes_the_route_at_its_moment() {
    let text = format!(
        "{LINE}[[link]]\nbetween = [\"r1\", \"r3\"]\nset.cost = 5\nset.delay = \"2ms\"\n\
         [[event]]\nat = \"10ms\"\nfor = \"1s\"\non = [\"r1>r2\"]\nlink.cost = 9\n"
    );
    let mut network = network(&text, 1);
    let mut rtt_at = |at| {
        network.handle_packet(at, &echo("10.0.9.1", 0));
        let all = deliveries(&mut network, at.after(us(4000)));
        all[0].0.due.since(at)
    };
    assert_eq!(rtt_at(ms(0)), us(1300));
    // r1 is 100 us away: what is there by 10 ms still goes the old way.
    assert_eq!(rtt_at(ms(10).before(us(101))), us(1300));
    // There by 2 ms, back by 500 us.
    assert_eq!(rtt_at(ms(15)), us(100 + 2000 + 50 + 50 + 500 + 100));
    assert_eq!(rtt_at(ms(1010)), us(1300));
}

#[test]
fn what_comes_to_a_frozen_host_waits_until_it_thaws() {
    let text = format!("{LINE}[[event]]\nat = \"10ms\"\nfor = \"50ms\"\non = [\"host\"]\nhost.frozen = true\n");
    let mut network = network(&text, 1);
    network.handle_packet(ms(9), &echo("10.0.9.1", 0));
    network.handle_packet(ms(9), &echo("10.0.9.1", 1));
    assert!(deliveries(&mut network, ms(59)).is_empty());
    assert!(network.host_is_stalled());
    assert!(network.host_is_frozen());
    assert_eq!(network.next_deadline(), Some(ms(60)));
    let late = deliveries(&mut network, ms(100));
    assert_eq!(
        late.iter().map(|(delivery, _)| delivery.due).collect::<Vec<_>>(),
        [ms(60), ms(60)]
    );
    assert_eq!(
        late.iter()
            .map(|(delivery, _)| delivery.cause.serial)
            .collect::<Vec<_>>(),
        [0, 1]
    );
    assert!(!network.host_is_stalled());
}

#[test]
fn a_stalled_host_still_gets_its_packets_in_time() {
    let text = format!("{LINE}[[event]]\nat = \"10ms\"\nfor = \"50ms\"\non = [\"host\"]\nhost.stalled = true\n");
    let mut network = network(&text, 1);
    assert_eq!(answered(&mut network, &[20]), [true]);
    assert!(network.host_is_stalled());
    assert!(!network.host_is_frozen());
}

#[test]
fn a_backend_that_is_off_is_reported_by_its_last_router() {
    let text = format!("{LINE}[[event]]\nat = \"10ms\"\non = [\"app\"]\nbackend.off = true\n");
    let mut network = network(&text, 1);
    assert_eq!(answered(&mut network, &[5]), [true]);
    network.handle_packet(ms(10), &echo("10.0.9.1", 0));
    let answers = deliveries(&mut network, ms(10_000));
    assert_eq!(answers.len(), 1);
    assert_eq!(source(&answers[0].1), address("10.0.3.1"));
    assert_eq!(network.ledger().element("app").map(Element::dropped), Some(1));
}

#[test]
fn duplicates_arrive_twice() {
    let text = LINE.replace(
        "set.delay = \"300us\"",
        "set.delay = \"300us\"\nforward.duplicate = 1.0",
    );
    let mut network = network(&text, 1);
    assert_eq!(rtts(&mut network, ms(0), &echo("10.0.9.1", 0)), [us(1300), us(1300)]);
    assert_eq!(network.ledger().totals().duplicated, 1);
}

#[test]
fn each_deadline_makes_progress_until_nothing_is_left() {
    let mut network = network(LINE, 1);
    network.handle_packet(ms(0), &echo("10.0.9.1", 0));
    let mut packet = Vec::new();
    let mut deadlines = 0;
    while let Some(at) = network.next_deadline() {
        while network.poll_delivery(at, &mut packet).is_some() {}
        assert!(network.next_deadline().is_none_or(|next| next > at));
        deadlines += 1;
    }
    // Seven nodes after the host on the way there and back, and the host.
    assert_eq!(deadlines, 8);
}
