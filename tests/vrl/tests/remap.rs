//! The program that is shipped for Vector, compiled and run as Vector does, on lines of a demonstration.

use std::collections::BTreeMap;
use std::process::Command;

use serde_json::Value as Json;
use vrl::compiler::{Context, Program, TargetValue, TimeZone, state::RuntimeState};
use vrl::value;
use vrl::value::{Secrets, Value};

const REMAP: &str = include_str!("../../../contrib/vector/pathjitter.vrl");

fn program() -> Program {
    let compiled = vrl::compiler::compile(REMAP, &vrl::stdlib::all());
    let result = compiled.unwrap_or_else(|diagnostics| panic!("{diagnostics:?}"));
    assert!(result.warnings.is_empty(), "{:?}", result.warnings);
    result.program
}

/// What becomes of a line, or why nothing does.
fn remapped(program: &Program, line: &str) -> Result<Json, String> {
    let mut target = TargetValue {
        value: value!({ message: line, file: "/var/log/pathjitter/pathjitter.ndjson" }),
        metadata: Value::Object(BTreeMap::new()),
        secrets: Secrets::default(),
    };
    let (mut state, zone) = (RuntimeState::default(), TimeZone::default());
    let resolved = program.resolve(&mut Context::new(&mut target, &mut state, &zone));
    resolved.map_err(|error| error.to_string())?;
    Ok(serde_json::to_value(&target.value).expect("JSON"))
}

/// The lines of a demonstration; `PATHJITTER` is the program.
fn lines() -> Vec<String> {
    let program = std::env::var_os("PATHJITTER").expect("PATHJITTER: see tests/run");
    let output = Command::new(program)
        .args(["demo", "--json", "--each", "--virtual-time", "lossy-uplink"])
        .output()
        .expect("pathjitter");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(str::to_owned).collect()
}

#[test]
fn every_line_keeps_its_fields_and_gets_a_time_a_name_and_a_severity() {
    let program = program();
    let mut severities: BTreeMap<String, String> = BTreeMap::new();
    for line in lines() {
        let before: Json = serde_json::from_str(&line).expect("JSON");
        let after = remapped(&program, &line).unwrap_or_else(|why| panic!("{why}: {line}"));
        let id = format!("{}/{}", before["run_id"].as_str().expect("a run"), before["seq"]);
        assert_eq!(after["id"], id);
        let severity = after["severity"].as_str().expect("a severity").to_owned();
        let kind = before["event"].as_str().expect("a kind").to_owned();
        severities.insert(kind, severity);
        for (key, value) in before.as_object().expect("an object") {
            match key.as_str() {
                // A time, and no text any more; written as one it has no trailing zeros.
                "timestamp" => assert_eq!(
                    after[key]
                        .as_str()
                        .expect("a time")
                        .trim_end_matches('Z')
                        .trim_end_matches('0'),
                    value
                        .as_str()
                        .expect("a time")
                        .trim_end_matches('Z')
                        .trim_end_matches('0'),
                ),
                "severity" => {}
                _ => assert_eq!(&after[key], value, "{key} of {line}"),
            }
        }
    }
    for (kind, severity) in [
        ("incident_open", "warning"),
        ("trace", "debug"),
        ("incident_close", "info"),
        ("window", "debug"),
        ("probe", "debug"),
        ("start", "info"),
    ] {
        assert_eq!(severities.get(kind).map(String::as_str), Some(severity), "{kind}");
    }
}

/// As the table in `docs/logs.md` has it.
#[test]
fn severities_are_those_of_the_journal_and_of_syslog() {
    let program = program();
    for (fields, severity) in [
        (r#""event":"incident_open","verdict":"target_unreachable""#, "err"),
        (r#""event":"incident_update","verdict":"prober_host""#, "notice"),
        (r#""event":"degraded","until":null"#, "notice"),
        (r#""event":"degraded","until":"2026-01-01T00:00:00.000000Z""#, "info"),
        (r#""event":"own_noise","control_rtt_us":null"#, "info"),
        (r#""event":"own_noise","control_rtt_us":5.0"#, "debug"),
        (r#""event":"error","severity":"error""#, "err"),
        (r#""event":"config_reload","severity":"warning""#, "warning"),
    ] {
        let line = format!(r#"{{"timestamp":"2026-01-01T00:00:00.000000Z","run_id":"x","seq":1,{fields}}}"#);
        assert_eq!(
            remapped(&program, &line).expect("a line")["severity"],
            severity,
            "{line}"
        );
    }
}

#[test]
fn what_is_no_line_of_ours_is_an_error_that_vector_reroutes() {
    let program = program();
    for line in [
        "",
        "{\"event\":",
        "[]",
        "{\"event\":\"window\",\"timestamp\":\"yesterday\"}",
    ] {
        assert!(remapped(&program, line).is_err(), "{line}");
    }
}
