//! The configurations in `contrib/`, each given to the program that it is for, where Debian or `PyPI` have it; else held against the schema.

#[path = "../support/mod.rs"]
mod support;

mod clickhouse;
mod fields;
mod rotation;
mod rsyslog;

use std::path::{Path, PathBuf};

/// A file that is shipped.
fn contrib(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib").join(name)
}

/// What is in it.
fn text(name: &str) -> String {
    let path = contrib(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Its lines that are no comments.
fn settings(name: &str) -> Vec<String> {
    let text = text(name);
    let lines = text
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    lines.map(str::to_owned).collect()
}
