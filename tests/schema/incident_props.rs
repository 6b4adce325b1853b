//! Any incident at all makes a valid line that reads back.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use pathjitter::diagnose::{Incident, IncidentMember, Stage, Suspect, VerdictCode};
use pathjitter::units::{Mono, Rtt, TargetId, Wall};
use proptest::prelude::*;

use super::incidents::wall;
use super::{checked, lines};

fn names() -> impl Strategy<Value = Vec<Arc<str>>> {
    prop::collection::vec(any::<String>().prop_map(Arc::from), 0..4)
}

fn floats() -> impl Strategy<Value = Option<f64>> {
    prop::option::of(prop_oneof![0.0..1.0_f64, prop::num::f64::ANY])
}

prop_compose! {
    fn members()(
        name: String, address: IpAddr, (index, first, sent, lost) in any::<(u32, u64, u64, u64)>(), peak: Option<u64>,
    ) -> IncidentMember {
        IncidentMember {
            target: TargetId::new(index), name: name.into(), address, first: Mono::from_nanos(first),
            peak: peak.map(Rtt::from_nanos), sent, lost,
        }
    }
}

prop_compose! {
    fn suspects()(
        address: Option<IpAddr>, (ttl, from_ttl) in any::<(Option<u8>, Option<u8>)>(), name: Option<String>, score in floats(),
        runner_up in prop::option::of((any::<String>(), prop::num::f64::ANY)), shared_by in names(), cleared_by in names(),
    ) -> Suspect {
        Suspect { address, ttl, from_ttl, name: name.map(Arc::from), score, runner_up, shared_by, cleared_by }
    }
}

prop_compose! {
    fn incidents()(
        (number, began, last) in any::<(u64, u64, u64)>(),
        verdict in prop::sample::select(VerdictCode::ALL.to_vec()),
        group: Option<String>,
        members in prop::collection::vec(members(), 0..4),
        healthy in names(),
        chance in floats(),
        onset_skew: Duration,
        suspect in prop::option::of(suspects()),
        ruled_out in prop::collection::vec(any::<String>(), 0..3),
        message: String,
    ) -> Incident {
        Incident {
            number, verdict, began: Mono::from_nanos(began), last: Mono::from_nanos(last), group: group.map(Arc::from), members,
            healthy, chance, onset_skew, suspect, ruled_out, message,
        }
    }
}

proptest! {
    #[test]
    fn any_incident_makes_one_valid_line_that_reads_back(
        incident in incidents(), at: u64, stage in prop::sample::select(vec![Stage::Open, Stage::Update, Stage::Close]),
    ) {
        let line = checked(lines().incident(Wall::from_nanos(at), stage, &incident, wall));
        let id = format!("00000000-0000-0000-0000-000000000007-{}", incident.number);
        prop_assert_eq!(line["incident_id"].as_str(), Some(&*id));
        prop_assert_eq!(line["message"].as_str(), Some(&*incident.message));
        prop_assert_eq!(line["group"].as_str(), incident.group.as_deref());
        let strings = |field: &serde_json::Value| -> Vec<String> {
            field.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
        };
        let healthy: Vec<_> = incident.healthy.iter().map(ToString::to_string).collect();
        prop_assert_eq!(strings(&line["healthy"]), healthy);
        // The oracle looks for each name among all before it.
        let mut targets: Vec<String> = Vec::new();
        for member in &incident.members {
            if !targets.contains(&member.name.to_string()) {
                targets.push(member.name.to_string());
            }
        }
        prop_assert_eq!(strings(&line["targets"]), targets);
        let members = line["members"].as_array().unwrap();
        prop_assert_eq!(members.len(), incident.members.len());
        for (read, member) in members.iter().zip(&incident.members) {
            prop_assert_eq!(read["address"].as_str().unwrap().parse::<IpAddr>().unwrap(), member.address);
            prop_assert_eq!((read["sent"].as_u64(), read["lost"].as_u64()), (Some(member.sent), Some(member.lost)));
        }
        prop_assert_eq!(line["suspect"].is_null(), incident.suspect.is_none());
        // A reader of JSON may err by a last digit.
        let chance = incident.chance.filter(|chance| chance.is_finite()).map(|chance| chance.clamp(0.0, 1.0));
        let same_chance = match (line["chance"].as_f64(), chance) {
            (None, None) => true,
            (Some(read), Some(chance)) => (read - chance).abs() <= chance * 1e-12,
            (Some(_), None) | (None, Some(_)) => false,
        };
        prop_assert!(same_chance, "{} for {:?}", line["chance"], chance);
    }
}
