//! The reference of the output names what the schema names: neither may run ahead of the other.

use std::collections::BTreeSet;

use serde_json::Value;

const SCHEMA: &str = include_str!("../schemas/pathjitter-1.schema.json");
const REFERENCE: &str = include_str!("../docs/measuring.md");

fn schema() -> Value {
    serde_json::from_str(SCHEMA).expect("the schema is JSON")
}

/// The words in backticks.
fn quoted(text: &str) -> BTreeSet<&str> {
    text.lines()
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect()
}

/// The words in backticks in the first cells of tables, between the headings of `section` and of the next one of its level.
fn first_cells<'a>(text: &'a str, section: &str) -> BTreeSet<&'a str> {
    let (_, rest) = text
        .split_once(section)
        .unwrap_or_else(|| panic!("no section {section:?}"));
    let section = rest.split("\n## ").next().unwrap_or(rest);
    let cells = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once(" |"));
    cells
        .flat_map(|(cell, _)| cell.split(['`', ',', ' ']).filter(|word| !word.is_empty()))
        .collect()
}

fn properties(schema: &Value, event: &str) -> BTreeSet<String> {
    let fields = schema["$defs"][event]["properties"].as_object();
    let fields = fields.unwrap_or_else(|| panic!("the schema has no fields of {event}"));
    fields.keys().cloned().collect()
}

#[test]
fn every_field_of_a_window_and_of_a_probe_is_explained() {
    let (schema, explained) = (schema(), quoted(REFERENCE));
    for event in ["window", "probe"] {
        let fields = properties(&schema, event);
        assert!(fields.len() > 15, "{event} has {} fields only", fields.len());
        let missing: Vec<_> = fields
            .iter()
            .filter(|field| !explained.contains(field.as_str()))
            .collect();
        assert!(missing.is_empty(), "{event}: {missing:?}");
    }
}

#[test]
fn every_value_of_an_enumeration_is_explained() {
    let (schema, explained) = (schema(), quoted(REFERENCE));
    for pointer in [
        "/$defs/probe/properties/outcome/enum",
        "/$defs/probe/properties/stamp_loss/enum",
        "/$defs/stamp/enum",
    ] {
        let values = schema.pointer(pointer).and_then(Value::as_array).expect(pointer);
        let missing: Vec<_> = values
            .iter()
            .filter_map(Value::as_str)
            .filter(|v| !explained.contains(v))
            .collect();
        assert!(missing.is_empty(), "{pointer}: {missing:?}");
    }
}

#[test]
fn no_field_is_explained_that_does_not_exist() {
    let schema = schema();
    let [windows, probes] = ["window", "probe"].map(|event| properties(&schema, event));
    let mut values: BTreeSet<String> = BTreeSet::new();
    for pointer in ["/$defs/probe/properties/outcome/enum", "/$defs/stamp/enum"] {
        let found = schema.pointer(pointer).and_then(Value::as_array).expect(pointer);
        values.extend(found.iter().filter_map(Value::as_str).map(str::to_owned));
    }
    for (section, known) in [
        ("\n## In every line", &windows),
        ("\n## Which series", &windows),
        ("\n## `window`", &windows),
        ("\n## `probe`", &probes),
    ] {
        let explained = first_cells(REFERENCE, section);
        assert!(explained.len() > 5, "{section:?} explains only {explained:?}");
        let unknown: Vec<_> = explained
            .iter()
            .filter(|word| !known.contains(**word) && !values.contains(**word))
            .collect();
        assert!(unknown.is_empty(), "{section:?}: {unknown:?}");
    }
}
