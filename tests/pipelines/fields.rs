//! What no program here can try: that it names fields which there are, in the way that their types need.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::{contrib, settings, text};

/// The kinds of lines, and the types of their fields.
fn fields() -> BTreeMap<String, BTreeMap<String, Value>> {
    let schema: Value = serde_json::from_str(pathjitter::report::SCHEMA_TEXT).expect("the schema is JSON");
    let kinds = schema["allOf"].as_array().expect("a list").iter().filter_map(|rule| {
        let reference = rule["then"]["$ref"].as_str()?;
        reference.strip_prefix("#/$defs/").map(str::to_owned)
    });
    let of_kind = |kind: String| {
        let properties = schema["$defs"][&kind]["properties"].as_object().expect("fields");
        (kind, properties.clone().into_iter().collect())
    };
    kinds.map(of_kind).collect()
}

/// The type of a field that is there.
fn type_of(field: &Value) -> Option<&str> {
    match &field["type"] {
        Value::String(one) => Some(one),
        Value::Array(several) => several.iter().filter_map(Value::as_str).find(|one| *one != "null"),
        _ => None,
    }
}

#[test]
fn elasticsearch_has_a_mapping_of_each_field_of_all_lines_but_probes_and_traces() {
    let template: Value = serde_json::from_str(&text("elasticsearch/template.json")).expect("JSON");
    let mappings = &template["template"]["mappings"];
    // A field that a later version adds is kept, and makes no mapping.
    assert_eq!(mappings["dynamic"], false);
    let mapped = mappings["properties"].as_object().expect("fields");
    let mut known = BTreeSet::from(["@timestamp".to_owned()]);
    for (kind, fields) in fields()
        .into_iter()
        .filter(|(kind, _)| kind != "probe" && kind != "trace")
    {
        for (name, field) in fields {
            let mapping = mapped
                .get(&name)
                .unwrap_or_else(|| panic!("{kind}: {name} has no mapping"));
            let given = mapping["type"].as_str().unwrap_or("object");
            let fits: &[&str] = match type_of(&field) {
                Some("integer") => &["long"],
                Some("number") => &["double"],
                Some("boolean") => &["boolean"],
                Some("string") | None if mapping["type"].is_string() => &["keyword", "text", "date", "ip", "object"],
                Some("array") => &["keyword", "text", "ip", "long", "object", "nested"],
                _ => &["object", "histogram"],
            };
            assert!(fits.contains(&given), "{kind}: {name} is {field}, and not {given}");
            known.insert(name);
        }
    }
    let unknown: Vec<_> = mapped.keys().filter(|name| !known.contains(*name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    // Its own type for what `rtt_hist_ns` is, so that it computes percentiles.
    assert_eq!(mapped["rtt_hist_ns"]["type"], "histogram");
}

#[test]
fn clickhouse_has_a_column_for_each_field_of_a_window() {
    let tables = text("clickhouse/table.sql");
    let (windows, _) = tables.split_once("ENGINE").expect("a table");
    for name in fields()["window"]
        .keys()
        .filter(|name| !["schema", "event"].contains(&name.as_str()))
    {
        let is_there = |line: &str| {
            line.split_whitespace()
                .next()
                .is_some_and(|word| word.trim_matches('`') == name)
        };
        assert!(windows.lines().any(is_there), "{name}");
    }
}

#[test]
fn pipelines_name_fields_that_there_are() {
    let known: BTreeSet<String> = fields().into_values().flat_map(BTreeMap::into_keys).collect();
    let rsyslog = settings("rsyslog/pathjitter.conf").join("\n");
    let named = rsyslog.split("$!").skip(1).map(|rest| {
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        rest[..end].to_owned()
    });
    let of_rsyslog: BTreeSet<String> = named.filter(|name| !name.is_empty()).collect();
    assert!(of_rsyslog.len() > 3 && of_rsyslog.is_subset(&known), "{of_rsyslog:?}");

    let mut check = Command::new("/usr/sbin/rsyslogd");
    check.arg("-N1").arg("-f").arg(contrib("rsyslog/pathjitter.conf"));
    let checked = check.output().expect("rsyslogd");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));

    // Probes and traces stay out, for some of their fields have other types.
    let fluent = settings("fluent-bit/pathjitter.conf").join("\n");
    assert!(fluent.contains("exclude           event ^(probe|trace)$"), "{fluent}");
    let parser = settings("fluent-bit/parsers.conf").join("\n");
    assert!(parser.contains("time_key          timestamp"), "{parser}");
}
