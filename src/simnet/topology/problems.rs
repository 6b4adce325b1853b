//! What is wrong with a file, and where.
//!
//! Types and syntax are the TOML reader's to judge, and it stops at the first fault. What makes no sense although it can be read is
//! collected, so that a file is edited once, and told with the line and column of the value, which are looked up in the file again.

use std::fmt::Write;

use toml::de::{DeTable, DeValue};

/// The way to a value in a file, from the root on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Key(&'a str),
    At(usize),
}

impl<'a> Place<'a> {
    /// A key of the file itself.
    pub(super) const fn root(key: &'a str) -> Self {
        Self {
            parent: None,
            step: Step::Key(key),
        }
    }

    /// A key of the table here.
    pub(super) const fn key(&'a self, key: &'a str) -> Self {
        Self {
            parent: Some(self),
            step: Step::Key(key),
        }
    }

    /// An item of the array here, from 0.
    pub(super) const fn item(&'a self, index: usize) -> Self {
        Self {
            parent: Some(self),
            step: Step::At(index),
        }
    }

    fn steps(&self) -> Vec<Step<'a>> {
        let mut steps = vec![self.step];
        let mut place = self;
        while let Some(parent) = place.parent {
            steps.push(parent.step);
            place = parent;
        }
        steps.reverse();
        steps
    }
}

/// All that is wrong with a file.
#[derive(Debug)]
pub(super) struct Problems<'t> {
    text: &'t str,
    table: DeTable<'t>,
    /// By offset in the text.
    found: Vec<(usize, String)>,
    count: usize,
}

impl<'t> Problems<'t> {
    /// No problem so far with this file.
    pub(super) const fn new(text: &'t str, table: DeTable<'t>) -> Self {
        Self {
            text,
            table,
            found: Vec::new(),
            count: 0,
        }
    }

    /// Something is wrong here. `what` also says what would be right.
    pub(super) fn add(&mut self, place: &Place<'_>, what: &str) {
        self.count += 1;
        if self.found.len() < MAX_KEPT {
            let steps = place.steps();
            let offset = self.offset_of(&steps);
            let whose = self.name_of(&steps);
            self.found.push((offset, format!("{whose}: {what}")));
        }
    }

    /// Adds where the condition does not hold.
    pub(super) fn expect(&mut self, holds: bool, place: &Place<'_>, what: impl FnOnce() -> String) {
        if !holds {
            self.add(place, &what());
        }
    }

    /// Whether anything is wrong.
    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The first ones, one a line, in the order of the file.
    pub(super) fn told(mut self) -> String {
        self.found.sort();
        let mut told = String::new();
        for (offset, what) in self.found.iter().take(MAX_TOLD) {
            let (line, column) = line_and_column(self.text, *offset);
            // Writing to a string cannot fail.
            let _ = writeln!(told, "line {line}, column {column}: {what}");
        }
        if self.count > MAX_TOLD {
            let _ = writeln!(told, "and {} more", self.count - MAX_TOLD);
        }
        told.truncate(told.trim_end().len());
        told
    }

    /// Where the value begins, or the innermost table around it that is there.
    fn offset_of(&self, steps: &[Step<'_>]) -> usize {
        let mut offset = 0;
        let mut here: Option<&DeValue<'t>> = None;
        for step in steps {
            let next = match (step, here) {
                (Step::Key(key), None) => self.table.get(*key),
                (Step::Key(key), Some(value)) => value.as_table().and_then(|table| table.get(*key)),
                (Step::At(index), Some(value)) => value.as_array().and_then(|array| array.get(*index)),
                (Step::At(_), None) => None,
            };
            let Some(next) = next else { break };
            offset = next.span().start;
            here = Some(next.get_ref());
        }
        offset
    }

    /// `link host-agg1, set.delay`: the element by its name where it has one, else by its number, and the way from there on.
    fn name_of(&self, steps: &[Step<'_>]) -> String {
        let mut name = String::new();
        let rest = match steps {
            [Step::Key(table), Step::At(index), rest @ ..] => {
                let element = self.table.get(*table).and_then(|all| all.get_ref().as_array());
                let element = element.and_then(|all| all.get(*index)).map(toml::Spanned::get_ref);
                let given = element.and_then(given_name).unwrap_or_else(|| (index + 1).to_string());
                let _ = write!(name, "{table} {given}");
                rest
            }
            rest => rest,
        };
        for step in rest {
            let _ = match step {
                Step::Key(key) if name.is_empty() => write!(name, "{key}"),
                Step::Key(key) if name.contains(',') => write!(name, ".{key}"),
                Step::Key(key) => write!(name, ", {key}"),
                Step::At(index) => write!(name, "[{index}]"),
            };
        }
        name
    }
}

/// What an element calls itself.
fn given_name(element: &DeValue<'_>) -> Option<String> {
    let table = element.as_table()?;
    let text = |key: &str| table.get(key).and_then(|value| value.get_ref().as_str());
    let name = text("name").or_else(|| text("probe")).map(str::to_owned);
    name.or_else(|| {
        let ends = table.get("between")?.get_ref().as_array()?;
        let [a, b] = [ends.get(0)?, ends.get(1)?].map(|end| end.get_ref().as_str());
        Some(format!("{}-{}", a?, b?))
    })
    .map(|name| name.chars().take(MAX_NAME_SHOWN).collect::<String>())
    .map(|name| name.escape_debug().to_string())
}

/// Both from 1; the column in characters.
pub(super) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_at = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.matches('\n').count() + 1;
    let column = before.get(line_at..).unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// As many as fit a screen next to the file; the rest mostly follows from them.
const MAX_TOLD: usize = 10;

/// A file of nonsense has a problem on each line, and there is no use in keeping them all.
const MAX_KEPT: usize = 1_000;

/// Enough of a name to recognize it.
const MAX_NAME_SHOWN: usize = 60;
