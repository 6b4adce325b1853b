//! Whatever the evidence: a verdict, and one line.

use proptest::prelude::*;

use super::*;

fn moment() -> impl Strategy<Value = Mono> {
    prop_oneof![(0..100_000_u64).prop_map(at), any::<u64>().prop_map(Mono::from_nanos)]
}

fn count() -> impl Strategy<Value = u64> {
    prop_oneof![0..4_u64, 0..500_u64, Just(u64::MAX)]
}

fn ratio() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), 0.0..1.0, Just(f64::NAN), Just(f64::INFINITY), Just(-1.0)]
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        (0..4_u8).prop_map(|n| IpAddr::from([10, 10, 1, n])),
        Just(ip("fd00::1"))
    ]
}

fn hops() -> impl Strategy<Value = Vec<Option<IpAddr>>> {
    prop_oneof![
        proptest::collection::vec(proptest::option::of(address()), 0..6),
        proptest::collection::vec(proptest::option::of(address()), 250..300)
    ]
}

fn kind() -> impl Strategy<Value = AnomalyKind> {
    prop_oneof![
        Just(AnomalyKind::Coincidence),
        any::<u32>().prop_map(|times| AnomalyKind::Repeated { times }),
        Just(AnomalyKind::Alone(Cause::Silent)),
        Just(AnomalyKind::Persistent(Persistence::Spikes)),
        Just(AnomalyKind::Shifted { from: ms(1), to: ms(3) }),
        Just(AnomalyKind::NeverAnswered(Proto::Icmp)),
    ]
}

prop_compose! {
    fn any_stream()(
        counts in [count(), count(), count(), count(), count(), count()],
        rows in [count(), count(), count()],
        usual in [ratio(), ratio()],
        at in [moment(), moment(), moment()],
        minority_at in proptest::collection::vec(moment(), 0..20),
        ttls in [any::<Option<u8>>(), any::<Option<u8>>()],
        errors in proptest::collection::vec((address(), 0..13_u8, 0..14_u8), 0..3),
        flags in any::<[bool; 4]>(),
    ) -> StreamEvidence {
        StreamEvidence {
            proto: Some(Proto::Tcp),
            interval: Duration::from_millis(counts[0] % 2_000),
            sent: counts[0],
            replied: counts[1],
            lost: counts[2],
            slow: counts[3],
            refused: counts[4],
            unreachable: counts[5],
            errors: errors.into_iter().map(|(from, icmp_type, code)| (Unreachable { from, icmp_type, code }, 1)).collect(),
            peak: flags[0].then(|| ms(80)),
            ever_replied: flags[1],
            last_reply: flags[2].then_some(at[0]),
            last_bad: None,
            lost_in_a_row: rows[0],
            refused_in_a_row: rows[1],
            refusal_run: flags[3].then_some((rows[2], at[1], flags[0].then_some(at[2]))),
            usual_loss: usual[0],
            usual_slow: usual[1],
            minority_at,
            reply_ttl: ttls[0],
            rst_ttl: ttls[1],
            retransmission_like: rows[2],
            level: None,
            shift: flags[1].then(|| (ms(1), ms(3))),
        }
    }
}

prop_compose! {
    fn any_member()(
        target in 0..4_u32,
        name in ".{0,12}",
        address in address(),
        first in proptest::option::of(moment()),
        icmp in proptest::option::of(any_stream()),
        syn in proptest::option::of(any_stream()),
        path in proptest::option::of((hops(), any::<bool>(), proptest::option::of(hops()), any::<Option<(u8, u8)>>())),
    ) -> Member {
        Member {
            target: TargetId::new(target),
            name: name.into(),
            address,
            first,
            persistent: None,
            icmp,
            syn,
            path: path.map(|(hops, reached, before, starts_at)| PathEvidence { hops, presumed_ttls: vec![2], reached, before, starts_at }),
        }
    }
}

prop_compose! {
    fn any_blame()(
        ttls in any::<(u8, u8)>(),
        target in proptest::option::of(0..4_u32),
        address in proptest::option::of(address()),
        score in ratio(),
        shared_by in proptest::collection::vec(0..4_u32, 0..4),
    ) -> Blame {
        let targets: Vec<TargetId> = shared_by.into_iter().map(TargetId::new).collect();
        let segment = Part::Segment { from_ttl: ttls.0, to_ttl: ttls.1, address };
        Blame {
            part: target.map_or(segment.clone(), |id| Part::Target(TargetId::new(id))),
            score,
            runner_up: Some((segment, score)),
            shared_by: targets.clone(),
            cleared_by: targets,
        }
    }
}

prop_compose! {
    fn any_evidence()(
        kind in kind(),
        began in moment(),
        last in moment(),
        members in proptest::collection::vec(any_member(), 0..4),
        healthy in proptest::collection::vec(any_member(), 0..3),
        ailing in proptest::collection::vec(any_member(), 0..3),
        blames in proptest::collection::vec(any_blame(), 0..3),
        own in ([count(), count(), count(), count()], ratio(), proptest::option::of((count(), count()))),
        chance in proptest::option::of(ratio()),
    ) -> Evidence {
        let ([stalls, spikes, slow, all], own_delay_ratio, gateway) = own;
        let longest = Duration::from_millis(stalls);
        Evidence {
            kind, began, last, members, healthy, ailing, blames, chance, onset_skew: longest,
            own: OwnEvidence { stalls, longest, loopback: (slow, all), spikes, own_delay_ratio, faults: 0, gateway },
        }
    }
}

proptest! {
    #[test]
    fn any_evidence_gives_a_verdict_of_one_line(evidence in any_evidence()) {
        let verdict = decide(&evidence);
        prop_assert!(verdict.message.len() > 20);
        prop_assert!(!verdict.message.chars().any(char::is_control));
        prop_assert!(verdict.message.ends_with('.'));
        prop_assert_eq!(decide(&evidence).message, verdict.message);
    }
}
