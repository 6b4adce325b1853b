//! The pages name what the schema and the configuration name: neither may run ahead of the other.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use pathjitter::config::{DEFAULTS_TEXT, RunPlan, Surroundings};
use pathjitter::diagnose::VerdictCode;
use pathjitter::metrics::{FAMILIES, Family, FamilyKind, OUTCOMES};
use pathjitter::report::MESSAGE_IDS;
use serde_json::Value;

const SCHEMA: &str = include_str!("../schemas/pathjitter-1.schema.json");
const REFERENCE: &str = include_str!("../docs/measuring.md");
const EVENTS: &str = include_str!("../docs/events.md");

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

/// The fields of `definition` and of all objects in it, but for those that stand under a name of their own.
fn all_properties(definition: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (field, sub) in definition["properties"].as_object().into_iter().flatten() {
        found.insert(field.clone());
        found.extend(all_properties(sub));
        found.extend(all_properties(&sub["items"]));
    }
    found
}

/// Where `docs/events.md` speaks of which definition of the schema, and of which parts of it.
const SECTIONS: [(&str, &str, &[&str]); 14] = [
    ("\n## Incidents", "incident", &["member", "suspect"]),
    ("\n## Spikes", "spike", &[]),
    ("\n## Level shifts", "level_shift", &[]),
    ("\n## Degraded", "degraded", &[]),
    ("\n## Jittery", "jittery", &[]),
    ("\n## Own noise", "own_noise", &[]),
    ("\n## The program itself", "notice", &[]),
    ("\n## Names", "resolve", &[]),
    ("\n## Window", "window", &[]),
    ("\n## Probe", "probe", &[]),
    ("\n## Trace", "trace", &["hop", "segment"]),
    ("\n## Path changes", "path_change", &[]),
    ("\n## Series", "series", &[]),
    ("\n## Paths", "path", &[]),
];

/// What stands between the headings of `section` and of the next one of its level.
fn section<'a>(text: &'a str, section: &str) -> &'a str {
    let (_, rest) = text
        .split_once(&format!("{section}\n"))
        .unwrap_or_else(|| panic!("no section {section:?}"));
    rest.split("\n## ").next().unwrap_or(rest)
}

/// The fields that `docs/events.md` explains once for many events.
fn explained_once(definition: &Value) -> BTreeSet<&'static str> {
    let common = quoted(section(EVENTS, "\n## In every line"));
    let of_series = quoted(section(EVENTS, "\n## In every line about one series"));
    if definition["properties"].get("flow").is_some() {
        common.union(&of_series).copied().collect()
    } else {
        common
    }
}

#[test]
fn every_event_has_its_fields_on_the_page_of_all_events() {
    let schema = schema();
    let mut definitions: BTreeSet<&str> = BTreeSet::new();
    for (heading, name, parts) in SECTIONS {
        let definition = &schema["$defs"][name];
        let mut fields = all_properties(definition);
        for part in parts {
            fields.extend(all_properties(&schema["$defs"][part]));
        }
        let mut explained = quoted(section(EVENTS, heading));
        explained.extend(explained_once(definition));
        if name == "resolve" {
            explained.extend(quoted(section(EVENTS, "\n## The program itself")));
        }
        let missing: Vec<_> = fields
            .iter()
            .filter(|field| !explained.contains(field.as_str()))
            .collect();
        assert!(missing.is_empty(), "{heading:?}: {missing:?}");
        definitions.insert(name);
    }
    let (page, events) = (
        quoted(EVENTS),
        schema["properties"]["event"]["enum"].as_array().unwrap(),
    );
    assert!(events.len() > 15, "{events:?}");
    for event in events.iter().filter_map(Value::as_str) {
        assert!(page.contains(event), "{event} is not on the page");
    }
    for rule in schema["allOf"].as_array().unwrap() {
        let used = rule["then"]["$ref"].as_str().unwrap().rsplit('/').next().unwrap();
        assert!(definitions.contains(used), "{used} has no section");
    }
}

#[test]
fn the_example_of_an_incident_is_one() {
    let example = EVENTS
        .split("```json\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let line: Value = serde_json::from_str(example.expect("an example")).expect("JSON");
    let validator = jsonschema::validator_for(&schema()).expect("a schema");
    let errors: Vec<String> = validator.iter_errors(&line).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    assert_eq!(line["event"], "incident_open");
}

#[test]
fn every_word_that_a_field_may_hold_is_on_the_page_of_all_events() {
    let schema = schema();
    for (heading, name, _) in SECTIONS {
        let explained = quoted(section(EVENTS, heading));
        for (field, sub) in schema["$defs"][name]["properties"].as_object().unwrap() {
            if ["event", "family", "proto"].contains(&field.as_str()) || name == "resolve" {
                continue;
            }
            let words = sub["enum"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let missing: Vec<_> = words.filter(|word| !explained.contains(word)).collect();
            assert!(missing.is_empty(), "{heading:?}: {field}: {missing:?}");
        }
    }
}

#[test]
fn the_page_of_all_events_explains_no_field_that_does_not_exist() {
    let schema = schema();
    for (heading, name, parts) in SECTIONS {
        let mut known = all_properties(&schema["$defs"][name]);
        for part in parts {
            known.extend(all_properties(&schema["$defs"][part]));
        }
        let verdicts = schema["$defs"][name]["properties"]["verdict"]["enum"].as_array();
        known.extend(
            verdicts
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned),
        );
        let explained = first_cells(EVENTS, &format!("{heading}\n"));
        assert!(explained.len() > 1, "{heading:?} explains only {explained:?}");
        let unknown: Vec<_> = explained.iter().filter(|word| !known.contains(**word)).collect();
        assert!(unknown.is_empty(), "{heading:?}: {unknown:?}");
    }
}

#[test]
fn every_field_of_a_trace_is_explained_down_to_the_innermost() {
    let (schema, explained) = (schema(), quoted(REFERENCE));
    for (definition, least) in [("trace", 25), ("hop", 20), ("segment", 4), ("path_change", 10)] {
        let fields = all_properties(&schema["$defs"][definition]);
        assert!(fields.len() >= least, "{definition} has {} fields only", fields.len());
        let missing: Vec<_> = fields
            .iter()
            .filter(|field| !explained.contains(field.as_str()))
            .collect();
        assert!(missing.is_empty(), "{definition}: {missing:?}");
    }
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
        "/$defs/trace/properties/end/enum",
        "/$defs/trace/properties/verdict/enum",
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
    let [windows, probes, changes] = ["window", "probe", "path_change"].map(|event| properties(&schema, event));
    let mut traces = properties(&schema, "trace");
    traces.extend(properties(&schema, "hop"));
    let mut values: BTreeSet<String> = BTreeSet::new();
    for pointer in [
        "/$defs/probe/properties/outcome/enum",
        "/$defs/stamp/enum",
        "/$defs/trace/properties/end/enum",
        "/$defs/trace/properties/verdict/enum",
    ] {
        let found = schema.pointer(pointer).and_then(Value::as_array).expect(pointer);
        values.extend(found.iter().filter_map(Value::as_str).map(str::to_owned));
    }
    for (section, known, least) in [
        ("\n## In every line", &windows, 6),
        ("\n## Which series", &windows, 6),
        ("\n## `window`", &windows, 30),
        ("\n## `probe`", &probes, 6),
        ("\n## `trace`", &traces, 30),
        ("\n## `path_change`", &changes, 3),
    ] {
        let explained = first_cells(REFERENCE, section);
        assert!(explained.len() >= least, "{section:?} explains only {explained:?}");
        let unknown: Vec<_> = explained
            .iter()
            .filter(|word| !known.contains(**word) && !values.contains(**word))
            .collect();
        assert!(unknown.is_empty(), "{section:?}: {unknown:?}");
    }
}

const CONFIGURATION: &str = include_str!("../docs/configuration.md");

/// What the program says of a file with this text.
fn config_check(text: &str) -> Result<RunPlan, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("test.toml");
    std::fs::write(&path, text).expect("a file");
    RunPlan::of_file(Some(&path), &Surroundings::of_this_process()).map_err(|error| error.to_string())
}

/// The keys that the program knows where `table` begins: it names them all when it refuses one.
fn keys_after(table: &str) -> BTreeSet<String> {
    let refusal = config_check(&format!("{table}\nno_such_key = 1\n")).expect_err("an unknown key");
    let (_, expected) = refusal
        .split_once("unknown field `no_such_key`, expected ")
        .expect(&refusal);
    quoted(expected).into_iter().map(str::to_owned).collect()
}

/// The tables of the file: the heading on the page, and how one begins.
const TABLES: [(&str, &str); 6] = [
    ("\n## `[defaults]`", "[defaults]"),
    ("\n## `[[group]]`", "[[group]]"),
    ("\n## `[[target]]`", "[[target]]"),
    ("\n## `[probe]`", "[probe]"),
    ("\n## `[diagnosis]`", "[diagnosis]"),
    ("\n## `[output]`", "[output]"),
];

#[test]
fn every_key_of_the_configuration_is_on_its_page_and_no_other() {
    let tables: BTreeSet<String> = TABLES
        .iter()
        .map(|(_, table)| table.trim_matches(['[', ']']).to_owned())
        .collect();
    assert_eq!(keys_after(""), tables, "the page has a section for each table");
    let shared = keys_after("[defaults]");
    assert!(shared.contains("timeout"), "{shared:?}");
    for (heading, table) in TABLES {
        let mut known = keys_after(table);
        if table.starts_with("[[") {
            assert!(known.is_superset(&shared), "{table}: {known:?}");
            known.retain(|key| !shared.contains(key));
        }
        let explained: BTreeSet<String> = first_cells(CONFIGURATION, &format!("{heading}\n"))
            .into_iter()
            .map(str::to_owned)
            .collect();
        assert_eq!(explained, known, "{table}");
    }
}

#[test]
fn the_printed_configuration_has_every_key_with_the_default_of_the_page() {
    for (heading, table) in TABLES {
        let (_, printed) = DEFAULTS_TEXT
            .split_once(table)
            .unwrap_or_else(|| panic!("no {table} is printed"));
        let printed = printed.split("\n[").next().unwrap_or(printed);
        for row in section(CONFIGURATION, heading)
            .lines()
            .filter(|row| row.starts_with("| `"))
        {
            let cells: Vec<&str> = row.split(" | ").collect();
            let key = cells[0].trim_start_matches("| ").trim_matches('`');
            let line = printed
                .lines()
                .find_map(|line| line.trim_start_matches('#').strip_prefix(&format!("{key} = ")));
            let line = line.unwrap_or_else(|| panic!("{table}: {key} is not printed"));
            if let Some(default) = cells[1].strip_prefix('`') {
                let printed = line.split(" #").next().unwrap_or(line).trim();
                assert_eq!(default.trim_end_matches('`'), printed, "{table}: {key}");
            }
        }
    }
}

#[test]
fn the_examples_of_configurations_are_accepted() {
    for (page, least) in [(CONFIGURATION, 1), (include_str!("../README.md"), 1)] {
        let examples: Vec<&str> = page
            .split("```toml\n")
            .skip(1)
            .filter_map(|rest| rest.split("```").next())
            .filter(|example| example.contains("[[target]]") || example.contains("[[group]]"))
            .collect();
        assert!(examples.len() >= least, "{examples:?}");
        for example in examples {
            if let Err(error) = config_check(example) {
                panic!("{error}: {example}");
            }
        }
    }
}

/// A file of the project.
fn text(path: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(file).unwrap_or_else(|why| panic!("{path}: {why}"))
}

#[test]
fn each_verdict_has_a_page_with_the_sentence_that_it_is_told_with() {
    let overview = text("docs/verdicts.md");
    for code in VerdictCode::ALL.map(VerdictCode::as_str) {
        let page = text(&format!("docs/verdicts/{code}.md"));
        assert!(page.starts_with(&format!("# {code}\n")), "{code}");
        let headings: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(headings, PAGE, "docs/verdicts/{code}.md");
        // The last word on its story, which `tests/diagnosis` holds to what the program says.
        let snapshot = text(&format!("tests/diagnosis/snapshots/diagnosis__words__{code}.snap"));
        let (_, end) = snapshot.split_once("\nClose: ").expect("a last word");
        let sentence = end.lines().nth(1).expect("a sentence");
        assert!(
            page.lines().any(|line| line == format!("> {sentence}")),
            "docs/verdicts/{code}.md should quote: {sentence}"
        );
        assert!(
            overview.contains(&format!("(verdicts/{code}.md)")),
            "docs/verdicts.md has no link to {code}.md"
        );
    }
}

/// What each page of a verdict tells.
const PAGE: [&str; 5] = [
    "What you read",
    "How it is decided",
    "What it is confused with",
    "What to do next",
    "What it can't tell",
];

const METRICS: &str = include_str!("../docs/metrics.md");

#[test]
fn every_metric_is_on_its_page_with_its_kind_and_no_other() {
    let rows = METRICS.lines().filter_map(|line| {
        let (name, rest) = line.strip_prefix("| `")?.split_once("` | ")?;
        let (kind, _) = rest.split_once(" | ")?;
        Some((name.to_owned(), kind.to_owned()))
    });
    let explained: BTreeSet<(String, String)> = rows.collect();
    let known: BTreeSet<(String, String)> = FAMILIES
        .iter()
        .map(|family| {
            let kind = match family.kind {
                FamilyKind::Counter => "counter",
                FamilyKind::Gauge => "gauge",
                FamilyKind::Histogram => "histogram",
            };
            (family.name(), kind.to_owned())
        })
        .collect();
    assert_eq!(explained, known);
}

#[test]
fn every_outcome_is_on_the_page_of_metrics_and_every_metric_of_the_rules_exists() {
    let explained = quoted(METRICS);
    let missing: Vec<_> = OUTCOMES
        .iter()
        .filter(|(outcome, _)| !explained.contains(outcome))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
    let known: BTreeSet<String> = FAMILIES.iter().map(Family::name).collect();
    let rules = include_str!("../contrib/prometheus/rules.yml");
    for text in [rules, METRICS] {
        let code = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        let words = code.flat_map(|line| line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')));
        let names = words.filter(|word| word.starts_with("pathjitter_") && !word.contains(':'));
        let mut used = 0;
        for name in names {
            let family = ["_bucket", "_count", "_sum"]
                .iter()
                .find_map(|suffix| name.strip_suffix(suffix));
            assert!(known.contains(family.unwrap_or(name)), "{name}");
            used += 1;
        }
        assert!(used > 10, "{used} names");
    }
}

#[test]
fn the_rules_of_prometheus_do_what_their_tests_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/prometheus");
    for args in [["check", "rules", "rules.yml"], ["test", "rules", "rules_test.yml"]] {
        let ended = Command::new("promtool").args(args).current_dir(&folder).output();
        let ended = match ended {
            Ok(ended) => ended,
            Err(error) => {
                let advice = format!("NOT TESTED: promtool (package prometheus): {error}; run `bash tests/run`");
                assert!(
                    std::env::var_os("PATHJITTER_LAB").is_none_or(|lab| lab != "required"),
                    "{advice}"
                );
                eprintln!("{advice}");
                return;
            }
        };
        let said = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{said}");
    }
}

const LOGS: &str = include_str!("../docs/logs.md");
const CATALOG: &str = include_str!("../contrib/systemd/pathjitter.catalog");

#[test]
fn the_ids_of_all_kinds_of_events_are_on_the_page_of_logs_and_the_catalog_has_no_other() {
    for (event, id) in MESSAGE_IDS {
        assert!(LOGS.contains(&format!("| `{event}` | `{id}` |\n")), "{event}");
    }
    let ids = CATALOG.lines().filter_map(|line| line.strip_prefix("-- "));
    let mut explained = 0;
    for id in ids {
        assert!(MESSAGE_IDS.iter().any(|(_, known)| *known == id), "{id}");
        explained += 1;
    }
    assert!(explained >= 10, "{explained}");
    assert!(CATALOG.contains(MESSAGE_IDS[0].1), "incidents are what it is for");
}

#[test]
fn the_catalog_speaks_of_fields_that_entries_have() {
    let schema = schema();
    let definitions = schema["$defs"].as_object().expect("definitions");
    let fields = definitions
        .values()
        .filter_map(|definition| definition["properties"].as_object());
    let fields: BTreeSet<String> = fields.flat_map(|fields| fields.keys().cloned()).collect();
    let words: Vec<&str> = CATALOG.split('@').skip(1).step_by(2).collect();
    assert!(words.len() > 10, "{words:?}");
    for word in words {
        let known = word
            .strip_prefix("PATHJITTER_")
            .is_some_and(|key| fields.contains(&key.to_lowercase()));
        assert!(known || word == "MESSAGE", "{word}");
    }
}
