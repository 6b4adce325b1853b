//! Rows 1 to 8: this host, and the way.

use super::*;

#[test]
fn busy_host_stalls_again_and_again() {
    let mut evidence = case(AnomalyKind::Coincidence, vec![well(1), well(2), well(3)], Vec::new());
    evidence.own.stalls = 3;
    evidence.own.longest = Duration::from_millis(150);
    let verdict = judge(&evidence);
    assert_eq!(verdict.code, VerdictCode::ProberHost);
    assert!(
        verdict.message.contains("3 times, for up to 150 ms"),
        "{}",
        verdict.message
    );
    assert_eq!(verdict.ruled_out, Vec::<String>::new());
    evidence.own.stalls = 2;
    assert_ne!(code(&evidence), VerdictCode::ProberHost);
}

#[test]
fn a_slow_loopback_or_delays_above_the_kernel_accuse_this_host() {
    let slow = || vec![app(1, pings(0, 9), syns(0, 2)), app(2, pings(0, 9), syns(0, 2))];
    let mut loopback = case(AnomalyKind::Coincidence, slow(), vec![well(3)]);
    // P(X >= 6) of 140 at 0.5 % is 9e-5, and P(X >= 4) is 6e-3.
    loopback.own.loopback = (6, 140);
    assert_eq!(code(&loopback), VerdictCode::ProberHost);
    loopback.own.loopback = (4, 140);
    assert_ne!(code(&loopback), VerdictCode::ProberHost);
    let mut delays = case(AnomalyKind::Coincidence, slow(), vec![well(3)]);
    (delays.own.spikes, delays.own.own_delay_ratio) = (22, 0.6);
    assert_eq!(code(&delays), VerdictCode::ProberHost);
    delays.own.own_delay_ratio = 0.4;
    assert_ne!(code(&delays), VerdictCode::ProberHost);
}

#[test]
fn losses_are_not_excused_by_stalls_of_this_host() {
    let lossy = |number| app(number, pings(40, 20), syns(8, 4));
    let mut evidence = case(AnomalyKind::Coincidence, vec![lossy(1), lossy(2), lossy(3)], Vec::new());
    (evidence.own.stalls, evidence.own.spikes, evidence.own.own_delay_ratio) = (9, 30, 0.7);
    evidence.blames = vec![segment(0, 1, "10.10.0.1", &[1, 2, 3], &[])];
    expect(&evidence, VerdictCode::FirstHop, "10.10.0.1");
}

#[test]
fn first_hop_is_blamed_by_likelihood_or_by_the_gateway_control() {
    let lossy = |number| app(number, pings(26, 9), syns(5, 2));
    let members = || vec![lossy(1), lossy(2), lossy(3)];
    let mut blamed = case(AnomalyKind::Repeated { times: 5 }, members(), Vec::new());
    blamed.blames = vec![segment(0, 1, "10.10.0.1", &[1, 2, 3], &[])];
    expect(&blamed, VerdictCode::FirstHop, "10.10.0.1");
    let mut control = case(AnomalyKind::Repeated { times: 5 }, members(), Vec::new());
    control.own.gateway = Some((30, 140));
    expect(&control, VerdictCode::FirstHop, "10.10.0.1");
    // The gateway drops pings to itself, but somebody behind it is well.
    control.healthy = vec![well(4)];
    assert_eq!(code(&control), VerdictCode::CommonCause);
    // Both first hops look alike from here.
    blamed.blames = vec![segment(0, 2, "10.10.1.1", &[1, 2, 3], &[])];
    expect(&blamed, VerdictCode::SharedPath, "10.10.1.1");
}

/// app01 and app02, six bursts of 700 ms.
fn shared_uplink() -> Evidence {
    let choked = |number| app(number, pings(4, 11), syns(1, 2));
    let members = vec![choked(1), choked(2)];
    let mut evidence = case(AnomalyKind::Repeated { times: 4 }, members, vec![well(3)]);
    evidence.blames = vec![segment(1, 2, "10.10.1.1", &[1, 2], &[3])];
    evidence.chance = Some(1e-9);
    evidence.onset_skew = Duration::from_millis(340);
    // Some burst or other missed app02, which does not make them less simultaneous.
    evidence.members[1].first = Some(at(40_000));
    evidence
}

#[test]
fn shared_uplink_is_told_in_one_sentence_for_a_ticket() {
    let verdict = judge(&shared_uplink());
    assert_eq!(verdict.code, VerdictCode::SharedPath);
    let suspect = verdict.suspect.unwrap();
    assert_eq!(
        (suspect.from_ttl, suspect.ttl, suspect.score),
        (Some(1), Some(2), Some(31.0))
    );
    let names = |names: &[std::sync::Arc<str>]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&suspect.shared_by), ["app01", "app02"]);
    assert_eq!(names(&suspect.cleared_by), ["app03"]);
    assert_eq!(suspect.runner_up, Some(("app01 itself".into(), 12.0)));
    assert_eq!(verdict.ruled_out[1], "hop 1 (app03 uses it and suffered nothing)");
    for part in [
        "app01 and app02",
        "within 340 ms of each other",
        "10.10.1.1 (hop 2)",
        "the odds that this is chance: 1 in 1 billion",
        "confidence in the place: high",
        "next: ",
    ] {
        assert!(verdict.message.contains(part), "{part}: {}", verdict.message);
    }
}

#[test]
fn a_segment_that_one_member_alone_uses_is_no_shared_path() {
    let mut evidence = shared_uplink();
    evidence.blames = vec![segment(1, 2, "10.10.1.1", &[1], &[3])];
    assert_eq!(code(&evidence), VerdictCode::CommonCause);
}

#[test]
fn evenly_lossy_uplink_is_a_shared_path_though_nothing_coincides() {
    let lossy = |number| Member {
        persistent: Some(Persistence::Loss),
        ..app(number, stream(Proto::Icmp, 300, 15, 0), stream(Proto::Tcp, 60, 3, 0))
    };
    let members = vec![lossy(1), lossy(2)];
    let mut evidence = case(AnomalyKind::Persistent(Persistence::Loss), members, vec![well(3)]);
    evidence.blames = vec![segment(1, 2, "10.10.1.1", &[1, 2], &[3])];
    expect(&evidence, VerdictCode::SharedPath, "10.10.1.1");
}

#[test]
fn common_cause_is_all_that_can_be_said_where_only_targets_explain_it() {
    let stalled = |number| app(number, pings(0, 18), syns(0, 4));
    let mut evidence = case(AnomalyKind::Coincidence, vec![stalled(1), stalled(3)], vec![well(2)]);
    evidence.blames = vec![target(1), target(3)];
    let verdict = judge(&evidence);
    assert_eq!((verdict.code, verdict.suspect), (VerdictCode::CommonCause, None));
    // Where one of the two has quite another complaint, it is no common cause.
    evidence.members[1].syn = Some(refused(5, 4_000, Some(9_000)));
    evidence.members[1].icmp = Some(pings(0, 0));
    assert_eq!(code(&evidence), VerdictCode::Unknown);
}

#[test]
fn route_change_names_the_new_hop() {
    let moved = |number| {
        let shifted = |of| StreamEvidence {
            shift: Some((Rtt::from_nanos(400_000), Rtt::from_nanos(2_200_000))),
            ..of
        };
        let mut member = app(number, shifted(pings(0, 0)), syns(0, 6));
        let path = member.path.as_mut().unwrap();
        path.before = Some(path.hops.clone());
        path.hops = vec![Some(ip("10.10.0.1")), Some(ip("10.10.9.1")), Some(ip("10.10.1.1"))];
        member
    };
    let shift = AnomalyKind::Shifted {
        from: Rtt::from_nanos(400_000),
        to: Rtt::from_nanos(2_200_000),
    };
    let mut evidence = case(shift, vec![moved(1), moved(2)], vec![well(3)]);
    expect(&evidence, VerdictCode::RouteChange, "10.10.9.1");
    assert!(judge(&evidence).message.contains("from 0.40 ms to 2.2 ms"));
    expect(&alone(moved(2)), VerdictCode::RouteChange, "10.10.9.1");
    // Loss is more than another way.
    evidence.members[0].syn = Some(syns(6, 0));
    assert_ne!(code(&evidence), VerdictCode::RouteChange);
}

#[test]
fn private_path_needs_a_trace_that_tells_the_router_from_the_backend() {
    let traced = |starts_at| {
        let mut member = app(3, pings(27, 17), syns(6, 3));
        member.path.as_mut().unwrap().starts_at = starts_at;
        let healthy = vec![well(1), well(2)];
        let mut evidence = case(AnomalyKind::Alone(Cause::Frequent), vec![member], healthy);
        evidence.blames = vec![target(3)];
        evidence
    };
    expect(&traced(Some((1, 2))), VerdictCode::PrivatePath, "10.10.2.1");
    expect(&traced(Some((2, 3))), VerdictCode::TargetEdge, "10.10.2.13");
    expect(&traced(None), VerdictCode::TargetEdge, "10.10.2.13");
    // Others use hop 1 and are well, whatever a trace saw there.
    expect(&traced(Some((0, 1))), VerdictCode::TargetEdge, "10.10.2.13");
}

#[test]
fn target_edge_loses_and_a_slow_backend_does_not() {
    let blamed = |icmp, syn| {
        let mut evidence = app02(icmp, syn);
        evidence.blames = vec![target(2)];
        evidence
    };
    expect(
        &blamed(pings(27, 17), syns(6, 3)),
        VerdictCode::TargetEdge,
        "10.10.1.12",
    );
    expect(
        &blamed(pings(0, 40), syns(0, 8)),
        VerdictCode::SlowBackend,
        "10.10.1.12",
    );
    let few = stream(Proto::Tcp, 9, 0, 1);
    expect(&blamed(pings(0, 40), few), VerdictCode::SlowBackend, "10.10.1.12");
    let mut syn_only = blamed(pings(0, 40), syns(0, 8));
    syn_only.members[0].icmp = None;
    expect(&syn_only, VerdictCode::SlowBackend, "10.10.1.12");
    // Nobody else behind its last hop: that hop may be the slow one.
    let mut lonely = blamed(pings(0, 40), syns(0, 8));
    lonely.healthy = vec![well(3)];
    expect(&lonely, VerdictCode::TargetEdge, "10.10.1.12");
    // No trace at all.
    lonely.members[0].path = None;
    expect(&lonely, VerdictCode::TargetEdge, "10.10.1.12");
}

#[test]
fn icmp_only_takes_fifty_syns() {
    let seen = |sent| app02(pings(36, 0), stream(Proto::Tcp, sent, 0, 0));
    expect(&seen(50), VerdictCode::IcmpOnly, "10.10.1.12");
    assert_eq!(code(&seen(49)), VerdictCode::Unknown);
    assert_eq!(
        code(&seen(9)),
        VerdictCode::TargetEdge,
        "too few SYNs contradict nothing"
    );
    // SYNs that suffer alike.
    assert_eq!(
        code(&app02(pings(36, 0), stream(Proto::Tcp, 60, 14, 0))),
        VerdictCode::TargetEdge
    );
}
