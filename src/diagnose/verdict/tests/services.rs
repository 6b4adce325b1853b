//! Rows 5 and 9 to 17: the service, its port, and who stands before it.

use super::*;

#[test]
fn target_gone_answers_nothing_any_more() {
    expect(
        &app02(gone(pings(0, 0)), gone(syns(0, 0))),
        VerdictCode::TargetUnreachable,
        "10.10.1.12",
    );
    // The same, judged when the incident's last word is old.
    let mut old = app02(gone(pings(0, 0)), gone(syns(0, 0)));
    old.last = at(24_800);
    expect(&old, VerdictCode::TargetUnreachable, "10.10.1.12");
    // A burst of loss that began 1.5 s ago may be only that.
    let burst = |of: StreamEvidence| {
        let lost_in_a_row = if of.proto == Some(Proto::Icmp) { 7 } else { 1 };
        StreamEvidence {
            last_reply: Some(at(LAST - 1_500)),
            lost_in_a_row,
            ..gone(of)
        }
    };
    assert_eq!(
        code(&app02(burst(pings(0, 0)), burst(syns(0, 0)))),
        VerdictCode::TargetEdge
    );
}

#[test]
fn a_loop_is_the_fault_of_the_router_that_sends_packets_back() {
    let expired = error("10.10.0.1", 11, 0);
    let mut evidence = app02(rejected(pings(0, 0), expired), rejected(syns(0, 0), expired));
    expect(&evidence, VerdictCode::TargetUnreachable, "10.10.0.1");
    let (gw, agg1) = (Some(ip("10.10.0.1")), Some(ip("10.10.1.1")));
    evidence.members[0].path = Some(PathEvidence {
        hops: vec![gw, agg1, gw, agg1, gw],
        presumed_ttls: Vec::new(),
        reached: false,
        before: None,
        starts_at: None,
    });
    expect(&evidence, VerdictCode::TargetUnreachable, "10.10.1.1");
}

#[test]
fn host_unreachable_for_pings_and_syns_is_a_dead_host_and_for_syns_alone_a_rule() {
    let dead = error("10.10.1.1", 3, 1);
    let both = app02(rejected(pings(0, 0), dead), rejected(syns(0, 0), dead));
    expect(&both, VerdictCode::TargetUnreachable, "10.10.1.12");
    let syns_alone = app02(pings(0, 0), rejected(syns(0, 0), dead));
    expect(&syns_alone, VerdictCode::FirewallReject, "10.10.1.1");
}

#[test]
fn icmp_blocked_is_up_by_its_syns() {
    expect(
        &app02(never(pings(0, 0)), syns(0, 0)),
        VerdictCode::IcmpBlocked,
        "10.10.1.12",
    );
    // It answered once.
    let mute = StreamEvidence {
        ever_replied: true,
        ..never(pings(0, 0))
    };
    assert_ne!(code(&app02(mute, syns(0, 0))), VerdictCode::IcmpBlocked);
    let neither = app02(never(pings(0, 0)), never(syns(0, 0)));
    expect(&neither, VerdictCode::TargetUnreachable, "10.10.1.12");
}

#[test]
fn prohibited_is_the_word_of_a_router() {
    let prohibited = rejected(syns(0, 0), error("10.10.1.1", 3, 13));
    expect(&app02(pings(0, 0), prohibited), VerdictCode::Prohibited, "10.10.1.1");
    let port_closed = rejected(syns(0, 0), error("10.10.1.1", 3, 3));
    expect(
        &app02(pings(0, 0), port_closed),
        VerdictCode::FirewallReject,
        "10.10.1.1",
    );
    let too_big = rejected(syns(0, 0), error("10.10.1.1", 3, 4));
    assert_eq!(code(&app02(pings(0, 0), too_big)), VerdictCode::Unknown);
}

#[test]
fn firewall_reject_shows_by_the_ttl_of_its_rst() {
    let rst = |ttl| StreamEvidence {
        replied: 0,
        last_reply: None,
        ever_replied: false,
        reply_ttl: None,
        rst_ttl: Some(ttl),
        ..refused(28, 2_000, None)
    };
    // Pings come with 62. From one hop nearer, and from there with another initial TTL.
    expect(&app02(pings(0, 0), rst(63)), VerdictCode::FirewallReject, "10.10.1.1");
    expect(&app02(pings(0, 0), rst(254)), VerdictCode::FirewallReject, "10.10.1.1");
    expect(&app02(pings(0, 0), rst(64)), VerdictCode::FirewallReject, "10.10.0.1");
    // A router that is only presumed to be on this path is not blamed by its TTL.
    let mut presumed = app02(pings(0, 0), rst(63));
    presumed.members[0].path.as_mut().unwrap().presumed_ttls = vec![2];
    let verdict = decide(&presumed);
    assert_eq!((verdict.code, verdict.suspect), (VerdictCode::FirewallReject, None));
    expect(&app02(pings(0, 0), rst(62)), VerdictCode::NotListening, "10.10.1.12");
}

#[test]
fn restart_ends_and_not_listening_does_not() {
    expect(
        &app02(pings(0, 0), refused(3, 5_000, Some(8_000))),
        VerdictCode::Restart,
        "10.10.1.12",
    );
    expect(
        &app02(pings(0, 0), refused(20, 10_000, None)),
        VerdictCode::NotListening,
        "10.10.1.12",
    );
    // One refusal is no restart; neither is an outage of three minutes.
    assert_eq!(
        code(&app02(pings(0, 0), refused(1, 5_000, Some(6_000)))),
        VerdictCode::Unknown
    );
    let mut long = app02(pings(0, 0), refused(20, 10_000, Some(190_000)));
    long.last = at(195_000);
    expect(&long, VerdictCode::NotListening, "10.10.1.12");
}

#[test]
fn rolling_restarts_are_one_verdict() {
    let members = vec![
        app(1, pings(0, 0), refused(3, 5_000, Some(8_000))),
        app(2, pings(0, 0), refused(3, 12_000, Some(15_000))),
    ];
    let verdict = judge(&case(AnomalyKind::Alone(Cause::Refusing), members, vec![well(3)]));
    assert_eq!((verdict.code, &verdict.suspect), (VerdictCode::Restart, &None));
    assert!(verdict.message.contains("one after the other"), "{}", verdict.message);
}

/// SYNs of a minute, with drops at these seconds.
fn dropping(seconds: &[u64]) -> Evidence {
    let lost = u64::try_from(seconds.len()).unwrap();
    let syn = StreamEvidence {
        minority_at: seconds.iter().map(|s| at(s * 1_000)).collect(),
        last_reply: Some(at(61_000)),
        ..stream(Proto::Tcp, 60, lost, 0)
    };
    let mut evidence = app02(stream(Proto::Icmp, 300, 0, 0), syn);
    evidence.last = at(61_000);
    evidence
}

#[test]
fn syn_rate_limit_shows_by_even_gaps_after_its_burst() {
    let limited = dropping(&[0, 1, 2, 3, 4, 6, 12, 18, 25, 31, 37, 43, 49, 55]);
    expect(&limited, VerdictCode::SynRateLimited, "10.10.1.12");
    let message = judge(&limited).message;
    assert!(
        message.contains("about 10 a minute") && message.contains("one each 6.0 s"),
        "{message}"
    );
    // Seven are not enough.
    assert_eq!(
        code(&dropping(&[24, 30, 36, 42, 48, 54, 60])),
        VerdictCode::ListenOverflow
    );
    // Chance is not even, and losses in a row are as even as the probes are.
    assert_eq!(
        code(&dropping(&[3, 4, 11, 13, 22, 24, 25, 40, 47, 60])),
        VerdictCode::ListenOverflow
    );
    assert_eq!(
        code(&dropping(&[51, 52, 53, 54, 55, 56, 57, 58, 59, 60])),
        VerdictCode::ListenOverflow
    );
    // Pings are lost as well.
    let mut both = limited;
    both.members[0].icmp = Some(stream(Proto::Icmp, 300, 70, 0));
    assert_eq!(code(&both), VerdictCode::TargetEdge);
}

#[test]
fn port_dropped_lasts_five_seconds_and_listen_overflow_comes_and_goes() {
    let silent = StreamEvidence {
        lost: 18,
        replied: 10,
        last_reply: Some(at(12_000)),
        lost_in_a_row: 18,
        ..syns(0, 0)
    };
    expect(
        &app02(pings(0, 0), silent.clone()),
        VerdictCode::PortDropped,
        "10.10.1.12",
    );
    expect(
        &app02(pings(0, 0), never(syns(0, 0))),
        VerdictCode::PortDropped,
        "10.10.1.12",
    );
    let came_back = StreamEvidence {
        lost: 7,
        replied: 21,
        lost_in_a_row: 0,
        ..syns(0, 0)
    };
    expect(
        &app02(pings(0, 0), came_back),
        VerdictCode::ListenOverflow,
        "10.10.1.12",
    );
    // Silent for 4 s only: it is too early.
    let early = StreamEvidence {
        lost: 4,
        replied: 24,
        last_reply: Some(at(LAST - 4_000)),
        lost_in_a_row: 4,
        ..syns(0, 0)
    };
    assert_eq!(code(&app02(pings(0, 0), early)), VerdictCode::Unknown);
}

#[test]
fn tcp_path_is_slow_and_loses_less_than_it_delays() {
    expect(&app02(pings(0, 0), syns(0, 9)), VerdictCode::TcpPath, "10.10.1.12");
    // Who is late more often than silent is slow; a full queue drops, and delays nothing.
    assert_eq!(code(&app02(pings(0, 0), syns(3, 9))), VerdictCode::TcpPath);
    assert_eq!(code(&app02(pings(0, 0), syns(9, 3))), VerdictCode::ListenOverflow);
    assert_ne!(code(&app02(pings(0, 45), syns(0, 9))), VerdictCode::TcpPath);
}

#[test]
fn two_faults_that_hide_each_other_are_not_guessed_at() {
    let mut refused_now_and_then = refused(6, 20_000, Some(22_000));
    refused_now_and_then.refusal_run = Some((2, at(20_000), Some(at(22_000))));
    let verdict = judge(&app02(pings(24, 0), refused_now_and_then.clone()));
    assert_eq!(
        (verdict.code, &verdict.suspect),
        (VerdictCode::Unknown, &None),
        "{}",
        verdict.message
    );
    expect(
        &app02(pings(0, 0), refused_now_and_then),
        VerdictCode::Restart,
        "10.10.1.12",
    );
}
