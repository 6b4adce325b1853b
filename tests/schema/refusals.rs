//! What the schema itself demands and refuses.

use pathjitter::diagnose::Stage;
use pathjitter::outcome::What;
use pathjitter::report::{Notice, NoticeKind, SCHEMA_TEXT, Severity};
use serde_json::{Value, json};

use super::incidents::incident_line;
use super::spikes::state_lines;
use super::traces::{change_line, full_line};
use super::{AT, SCHEMA, checked, lines, probe_line, reply, tcp_series, window_line};

#[test]
fn the_schema_is_valid_under_its_own_draft() {
    let schema: Value = serde_json::from_str(SCHEMA_TEXT).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert!(jsonschema::meta::is_valid(&schema));
}

#[test]
fn no_field_may_be_missing_and_none_may_be_added() {
    let probe = probe_line(&tcp_series(), What::TimedOut).unwrap();
    let notice = Notice {
        kind: NoticeKind::Stop,
        severity: Severity::Info,
        message: "end",
        dropped_before: 0,
    };
    let notice = checked(lines().encode(AT, &notice));
    let incident = incident_line(Stage::Open);
    let lines = [window_line(), probe, notice, full_line(), change_line(), incident];
    for line in lines.into_iter().chain(state_lines()) {
        for field in line.as_object().unwrap().keys() {
            let mut without = line.clone();
            without.as_object_mut().unwrap().remove(field);
            assert!(
                !SCHEMA.is_valid(&without),
                "{field} of {} may not be missing",
                line["event"]
            );
        }
        let mut with = line.clone();
        with["surprise"] = json!(1);
        assert!(!SCHEMA.is_valid(&with), "{} takes a field more", line["event"]);
    }
}

#[test]
fn a_number_may_not_become_a_string_nor_anything_else_a_number() {
    let probe = probe_line(&tcp_series(), What::Answered(reply())).unwrap();
    let incident = incident_line(Stage::Open);
    let lines = [window_line(), probe, full_line(), change_line(), incident];
    for line in lines.into_iter().chain(state_lines()) {
        for (field, value) in line.as_object().unwrap() {
            let wrong = match value {
                Value::Number(number) => json!(number.to_string()),
                Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => json!(-1),
            };
            let mut changed = line.clone();
            changed[field] = wrong;
            assert!(
                !SCHEMA.is_valid(&changed),
                "{field} of {} takes {}",
                line["event"],
                changed[field]
            );
        }
    }
}

#[test]
fn values_that_no_line_may_hold_are_refused() {
    let wrong = [
        ("timestamp", json!("2023-11-14T22:13:20Z")),
        ("timestamp", json!("2023-11-14T22:13:20.123456+00:00")),
        ("schema", json!("pathjitter/2")),
        ("event", json!("probe")),
        ("event", json!("wimdow")),
        ("port", Value::Null),
        ("port", json!(0)),
        ("proto", json!("udp")),
        ("proto", json!("icmp")),
        ("loss_ratio", json!(1.5)),
        ("sent", json!(2.5)),
        ("sent", Value::Null),
        ("stamp", Value::Null),
        ("rtt_hist_ns", json!({"values": [1]})),
        ("rtt_hist_ns", json!({"values": [1.5], "counts": [1]})),
        ("rtt_hist_ns", json!({"389120": 1})),
    ];
    for (field, value) in wrong {
        let mut line = window_line();
        line[field] = value;
        assert!(!SCHEMA.is_valid(&line), "{field}: {}", line[field]);
    }
    assert!(!SCHEMA.is_valid(&json!({})));
}

#[test]
fn every_field_is_described_and_every_unit_is_named() {
    fn walk(name: &str, schema: &Value) {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
            return;
        };
        for (field, sub) in properties {
            let described = sub.get("description").and_then(Value::as_str);
            let text = described.or_else(|| sub.get("$ref").and_then(Value::as_str));
            let text = text.unwrap_or_else(|| panic!("{name}.{field} has no description"));
            for (suffix, unit) in [("_us", " us"), ("_s", " s"), ("_ms", " ms")] {
                assert!(
                    !field.ends_with(suffix) || text.contains(unit),
                    "{name}.{field} names no unit: {text}"
                );
            }
            walk(field, sub);
        }
    }
    let schema: Value = serde_json::from_str(SCHEMA_TEXT).unwrap();
    for (name, definition) in schema["$defs"].as_object().unwrap() {
        walk(name, definition);
    }
}
