//! `incident_*` lines say what is known of an incident.

use std::time::Duration;

use pathjitter::diagnose::{Incident, IncidentMember, Stage, Suspect, VerdictCode};
use pathjitter::report::{JsonLines, RunIdentity, SCHEMA_TEXT, Seen};
use pathjitter::units::{Mono, TargetId, Wall};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{AT, SCHEMA, checked, lines, us};

/// [`AT`] is the monotonic moment 1,000 s.
pub(crate) fn wall(moment: Mono) -> Wall {
    let start = AT.as_nanos() - 1_000_000_000_000;
    Wall::from_nanos(start.saturating_add(moment.as_nanos()))
}

fn ms(milliseconds: u64) -> Mono {
    Mono::from_nanos(milliseconds * 1_000_000)
}

fn member(index: u32, name: &str, address: &str) -> IncidentMember {
    IncidentMember {
        target: TargetId::new(index),
        name: name.into(),
        address: address.parse().unwrap(),
        first: ms(1_000_000 + u64::from(index) * 40),
        peak: Some(us(84_312)),
        sent: 25,
        lost: 2,
    }
}

/// Two targets, one of them with two addresses, behind a router.
fn incident() -> Incident {
    Incident {
        number: 3,
        verdict: VerdictCode::SharedPath,
        began: ms(1_000_000),
        last: ms(1_004_250),
        group: Some("app".into()),
        members: vec![
            member(0, "app01", "10.10.1.11"),
            member(1, "app02", "10.10.1.12"),
            member(2, "app01", "2001:db8::11"),
        ],
        healthy: vec!["db01".into()],
        chance: Some(3.2e-12),
        onset_skew: Duration::from_micros(40_100),
        suspect: Some(suspect()),
        ruled_out: vec!["this host: its loopback was quiet".to_owned()],
        message: "app01 and app02 spiked together behind 10.0.0.1".to_owned(),
    }
}

fn suspect() -> Suspect {
    Suspect {
        address: Some("10.0.0.2".parse().unwrap()),
        ttl: Some(2),
        from_ttl: Some(1),
        name: Some("r2".into()),
        score: Some(41.234_56),
        runner_up: Some(("the first hop".to_owned(), 12.5)),
        shared_by: vec!["app01".into(), "app02".into()],
        cleared_by: vec!["db01".into()],
    }
}

/// A line with everything present that can be.
pub(crate) fn incident_line(stage: Stage) -> Value {
    checked(lines().incident(AT, stage, &incident(), wall))
}

#[test]
fn an_incident_line_has_the_fields_of_the_contract_and_no_others() {
    let line = incident_line(Stage::Open);
    for (object, contract) in [
        (
            &line,
            "timestamp schema event vantage run_id seq incident_id vantages verdict targets healthy group began last duration_s members \
             chance onset_skew_ms suspect ruled_out message",
        ),
        (&line["members"][0], "target address first peak_us sent lost"),
        (
            &line["suspect"],
            "address ttl from_ttl name score runner_up runner_up_score shared_by cleared_by",
        ),
    ] {
        let mut expected: Vec<_> = contract.split_whitespace().collect();
        expected.sort_unstable();
        let found: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn an_incident_line_says_what_is_known() {
    for (stage, event) in [
        (Stage::Open, "incident_open"),
        (Stage::Update, "incident_update"),
        (Stage::Close, "incident_close"),
    ] {
        let line = incident_line(stage);
        for (field, value) in [
            ("event", json!(event)),
            ("incident_id", json!("00000000-0000-0000-0000-000000000007-3")),
            ("verdict", json!("shared_path")),
            ("targets", json!(["app01", "app02"])),
            ("healthy", json!(["db01"])),
            ("group", json!("app")),
            ("began", json!("2023-11-14T22:13:20.123456Z")),
            ("last", json!("2023-11-14T22:13:24.373456Z")),
            ("duration_s", json!(4.25)),
            ("chance", json!(3.2e-12)),
            ("onset_skew_ms", json!(40.1)),
            ("ruled_out", json!(["this host: its loopback was quiet"])),
            ("message", json!("app01 and app02 spiked together behind 10.0.0.1")),
        ] {
            assert_eq!(line[field], value, "{field}");
        }
        assert_eq!(
            line["members"][1],
            json!({
                "target": "app02", "address": "10.10.1.12", "first": "2023-11-14T22:13:20.163456Z",
                "peak_us": 84_312.0, "sent": 25, "lost": 2
            })
        );
        assert_eq!(
            line["suspect"],
            json!({
                "address": "10.0.0.2", "ttl": 2, "from_ttl": 1, "name": "r2", "score": 41.235,
                "runner_up": "the first hop", "runner_up_score": 12.5,
                "shared_by": ["app01", "app02"], "cleared_by": ["db01"]
            })
        );
    }
}

#[test]
fn an_incident_of_which_nothing_is_known_is_nulls_and_empty_lists() {
    let unknown = Incident {
        verdict: VerdictCode::Unknown,
        group: None,
        members: vec![IncidentMember {
            peak: None,
            ..member(0, "app01", "10.10.1.11")
        }],
        healthy: Vec::new(),
        chance: None,
        suspect: None,
        ruled_out: Vec::new(),
        ..incident()
    };
    let line = checked(lines().incident(AT, Stage::Open, &unknown, wall));
    for field in ["group", "chance", "suspect"] {
        assert_eq!(line[field], Value::Null, "{field}");
    }
    assert_eq!(line["members"][0]["peak_us"], Value::Null);
    let nameless = Suspect {
        address: None,
        ttl: None,
        from_ttl: None,
        name: None,
        score: Some(f64::INFINITY),
        runner_up: None,
        ..suspect()
    };
    let incident = Incident {
        suspect: Some(nameless),
        ..incident()
    };
    let line = checked(lines().incident(AT, Stage::Open, &incident, wall));
    for field in [
        "address",
        "ttl",
        "from_ttl",
        "name",
        "score",
        "runner_up",
        "runner_up_score",
    ] {
        assert_eq!(line["suspect"][field], Value::Null, "{field}");
    }
}

#[test]
fn the_schema_names_every_verdict_and_no_other() {
    let schema: Value = serde_json::from_str(SCHEMA_TEXT).unwrap();
    let named = schema["$defs"]["incident"]["properties"]["verdict"]["enum"].clone();
    assert_eq!(named, json!(VerdictCode::ALL.map(VerdictCode::as_str)));
}

#[test]
fn incidents_of_two_runs_never_have_the_same_id() {
    let other = RunIdentity::new("lb1", Uuid::from_u128(8));
    let line = checked(JsonLines::new(other).incident(AT, Stage::Open, &incident(), wall));
    assert_eq!(line["incident_id"], "00000000-0000-0000-0000-000000000008-3");
    for wrong in [
        "3",
        "00000000-0000-0000-0000-000000000007",
        "00000000-0000-0000-0000-000000000007-x",
    ] {
        let mut line = line.clone();
        line["incident_id"] = json!(wrong);
        assert!(!SCHEMA.is_valid(&line), "{wrong}");
    }
}

#[test]
fn what_an_incident_can_not_be_is_refused() {
    let wrong = [
        ("/verdict", json!("clean")),
        ("/targets", json!("app01")),
        ("/targets", json!([{"name": "app01"}])),
        ("/chance", json!(1.1)),
        ("/onset_skew_ms", json!(-1.0)),
        ("/vantages", json!([])),
        ("/vantages", json!("lb1")),
        ("/duration_s", json!(-1.0)),
        ("/began", Value::Null),
        ("/members/0/address", Value::Null),
        ("/members/0/first", json!("yesterday")),
        ("/members/0/sent", json!(1.5)),
        ("/members/0/peak_us", json!("84312")),
        ("/suspect/ttl", json!(256)),
        ("/suspect/score", json!("high")),
        ("/suspect/shared_by", json!([1])),
        ("/suspect/runner_up", json!(2)),
    ];
    for (pointer, value) in wrong {
        let mut line = incident_line(Stage::Update);
        *line.pointer_mut(pointer).unwrap() = value;
        assert!(!SCHEMA.is_valid(&line), "{pointer}: {:?}", line.pointer(pointer));
    }
}

#[test]
fn members_and_suspects_lack_no_field_and_have_no_other() {
    for pointer in ["/members/0", "/suspect"] {
        let line = incident_line(Stage::Close);
        let fields: Vec<String> = line
            .pointer(pointer)
            .unwrap()
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        for field in fields {
            let mut without = line.clone();
            let object = without.pointer_mut(pointer).unwrap().as_object_mut().unwrap();
            object.remove(&field);
            assert!(!SCHEMA.is_valid(&without), "{pointer} may lack {field}");
        }
        let mut with = line.clone();
        with.pointer_mut(pointer).unwrap()["surprise"] = json!(1);
        assert!(!SCHEMA.is_valid(&with), "{pointer} takes a field more");
    }
}

#[test]
fn an_incident_names_those_who_saw_it_and_windows_know_no_onset() {
    let own = checked(lines().incident(AT, Stage::Open, &incident(), wall));
    assert_eq!(own["vantages"], json!([own["vantage"]]));
    let seen = Seen {
        vantages: &["lb1", "lb2"],
        by_windows: true,
    };
    let line = checked(lines().incident_seen(AT, &seen, (Stage::Close, &incident()), wall));
    assert_eq!(line["vantages"], json!(["lb1", "lb2"]));
    assert_eq!(line["onset_skew_ms"], Value::Null);
}
