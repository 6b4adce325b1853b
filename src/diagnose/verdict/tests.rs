//! Per verdict the evidence that its story (`src/simnet/topologies`) gives, and a near miss that must not give it.

mod any;
mod network;
mod services;

use std::net::IpAddr;
use std::time::Duration;

use super::{Verdict, decide};
use crate::correlate::{AnomalyKind, Persistence};
use crate::detect::Cause;
use crate::diagnose::{Evidence, Member, OwnEvidence, PathEvidence, StreamEvidence, VerdictCode};
use crate::localize::{Blame, Part};
use crate::outcome::{Proto, Unreachable};
use crate::units::{Mono, Rtt, TargetId};

const LAST: u64 = 30_000;

fn at(ms: u64) -> Mono {
    Mono::from_nanos(ms * 1_000_000)
}

fn ms(ms: u64) -> Rtt {
    Rtt::from_nanos(ms * 1_000_000)
}

fn ip(address: &str) -> IpAddr {
    address.parse().unwrap()
}

/// A stream of the 28 s from 2 s on, of which so many probes were lost and so many slow, in bursts, the last one over.
fn stream(proto: Proto, sent: u64, lost: u64, slow: u64) -> StreamEvidence {
    StreamEvidence {
        proto: Some(proto),
        interval: Duration::from_millis(if proto == Proto::Icmp { 200 } else { 1_000 }),
        sent,
        replied: sent - lost,
        lost,
        slow,
        ever_replied: true,
        last_reply: Some(at(LAST - 300)),
        last_bad: None,
        usual_loss: 0.001,
        usual_slow: 0.001,
        reply_ttl: Some(62),
        ..StreamEvidence::default()
    }
}

fn pings(lost: u64, slow: u64) -> StreamEvidence {
    stream(Proto::Icmp, 140, lost, slow)
}

fn syns(lost: u64, slow: u64) -> StreamEvidence {
    stream(Proto::Tcp, 28, lost, slow)
}

/// `app01` and `app02` are behind 10.10.1.1, `app03` behind 10.10.2.1, and 10.10.0.1 is before both.
fn app(number: u8, icmp: StreamEvidence, syn: StreamEvidence) -> Member {
    let rack = if number == 3 { 2 } else { 1 };
    Member {
        target: TargetId::new(u32::from(number)),
        name: format!("app0{number}").into(),
        address: IpAddr::from([10, 10, rack, 10 + number]),
        first: Some(at(2_000 + 40 * u64::from(number))),
        persistent: None,
        icmp: Some(icmp),
        syn: Some(syn),
        path: Some(PathEvidence {
            hops: vec![Some(ip("10.10.0.1")), Some(IpAddr::from([10, 10, rack, 1]))],
            presumed_ttls: Vec::new(),
            reached: true,
            before: None,
            starts_at: None,
        }),
    }
}

fn well(number: u8) -> Member {
    app(number, pings(0, 0), syns(0, 0))
}

fn case(kind: AnomalyKind, members: Vec<Member>, healthy: Vec<Member>) -> Evidence {
    Evidence {
        kind,
        began: at(2_000),
        last: at(LAST),
        members,
        healthy,
        ailing: Vec::new(),
        blames: Vec::new(),
        own: OwnEvidence {
            loopback: (0, 140),
            ..OwnEvidence::default()
        },
        chance: None,
        onset_skew: Duration::ZERO,
    }
}

/// Of one backend, `app02` as a rule, while `app01` and `app03` are well.
fn alone(member: Member) -> Evidence {
    case(
        AnomalyKind::Alone(Cause::Frequent),
        vec![member],
        vec![well(1), well(3)],
    )
}

fn app02(icmp: StreamEvidence, syn: StreamEvidence) -> Evidence {
    alone(app(2, icmp, syn))
}

fn segment(from_ttl: u8, to_ttl: u8, address: &str, shared_by: &[u32], cleared_by: &[u32]) -> Blame {
    let targets = |ids: &[u32]| ids.iter().map(|id| TargetId::new(*id)).collect();
    Blame {
        part: Part::Segment {
            from_ttl,
            to_ttl,
            address: Some(ip(address)),
        },
        score: 31.0,
        runner_up: shared_by.first().map(|id| (Part::Target(TargetId::new(*id)), 12.0)),
        shared_by: targets(shared_by),
        cleared_by: targets(cleared_by),
    }
}

fn target(number: u32) -> Blame {
    Blame {
        part: Part::Target(TargetId::new(number)),
        score: 31.0,
        runner_up: None,
        shared_by: vec![TargetId::new(number)],
        cleared_by: Vec::new(),
    }
}

fn error(from: &str, icmp_type: u8, code: u8) -> Unreachable {
    Unreachable {
        from: ip(from),
        icmp_type,
        code,
    }
}

/// Decides, and sees that the sentence is one line that names all members.
fn judge(evidence: &Evidence) -> Verdict {
    let verdict = decide(evidence);
    assert!(verdict.message.ends_with('.') && !verdict.message.contains('\n'));
    for member in evidence.members.iter().take(5) {
        assert!(verdict.message.contains(&*member.name), "{}", verdict.message);
    }
    verdict
}

fn code(evidence: &Evidence) -> VerdictCode {
    judge(evidence).code
}

fn suspect(verdict: &Verdict) -> Option<String> {
    Some(verdict.suspect.as_ref()?.address?.to_string())
}

/// Expects a verdict and a suspect.
fn expect(evidence: &Evidence, code: VerdictCode, address: &str) {
    let verdict = judge(evidence);
    assert_eq!(verdict.code, code, "{}", verdict.message);
    assert_eq!(suspect(&verdict).as_deref(), Some(address), "{}", verdict.message);
}

/// A stream that is refused: from `began` until `ended`, or on and on.
fn refused(count: u64, began: u64, ended: Option<u64>) -> StreamEvidence {
    StreamEvidence {
        replied: 28 - count,
        refused: count,
        refused_in_a_row: if ended.is_some() { 0 } else { count },
        refusal_run: Some((count, at(began), ended.map(at))),
        rst_ttl: Some(62),
        ..syns(0, 0)
    }
}

/// A stream that answered until 24 s and nothing since.
fn gone(of: StreamEvidence) -> StreamEvidence {
    let lost = of.sent * 6 / 28;
    StreamEvidence {
        lost,
        replied: of.sent - lost,
        last_reply: Some(at(24_000)),
        last_bad: None,
        lost_in_a_row: lost,
        ..of
    }
}

/// A stream that never answered.
fn never(of: StreamEvidence) -> StreamEvidence {
    StreamEvidence {
        lost: of.sent,
        replied: 0,
        last_reply: None,
        last_bad: None,
        ever_replied: false,
        lost_in_a_row: of.sent,
        reply_ttl: None,
        ..of
    }
}

/// A stream with nothing but errors of this kind.
fn rejected(of: StreamEvidence, error: Unreachable) -> StreamEvidence {
    StreamEvidence {
        unreachable: of.sent,
        errors: vec![(error, 28)],
        replied: 0,
        last_reply: None,
        last_bad: None,
        ever_replied: false,
        reply_ttl: None,
        ..of
    }
}
