//! Incidents that tests write down by hand.

use std::net::IpAddr;
use std::time::Duration;

use super::us;
use crate::diagnose::{Incident, IncidentMember, Suspect, VerdictCode};
use crate::units::{Mono, TargetId};

/// `count` targets that spiked for 4.25 s behind one router.
pub(in crate::report) fn shared(number: u64, count: u8) -> Incident {
    let began = Mono::from_nanos(1_000_000_000_000);
    let members = (1..=count).map(|index| IncidentMember {
        target: TargetId::new(u32::from(index)),
        name: format!("app{index:02}").into(),
        address: IpAddr::from([10, 10, 1, index]),
        first: began,
        peak: Some(us(84_312)),
        sent: 25,
        lost: 2,
    });
    Incident {
        number,
        verdict: VerdictCode::SharedPath,
        began,
        last: began.after(Duration::from_millis(4_250)),
        group: None,
        members: members.collect(),
        healthy: vec!["db01".into()],
        chance: Some(3.2e-12),
        onset_skew: Duration::from_millis(40),
        suspect: Some(Suspect {
            address: Some(IpAddr::from([10, 0, 0, 2])),
            ttl: Some(2),
            from_ttl: Some(1),
            name: None,
            score: Some(41.2),
            runner_up: None,
            shared_by: vec!["app01".into(), "app02".into()],
            cleared_by: vec!["db01".into()],
        }),
        ruled_out: Vec::new(),
        message: format!(
            "{count} targets became slow at the same moment behind 10.0.0.2, which all of them share and db01 does not use"
        ),
    }
}
