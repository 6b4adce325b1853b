//! The arrows between modules point one way, and what is dangerous stays where it belongs.
//!
//! Rust checks privacy, not direction, so this reads the source: every path that begins at the crate root, whatever syntax it
//! hides in, must be in the table below. Comments and string literals are blanked first. Tests inside modules are not bound.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules at the crate's root and what each may use of the others, in the order of the data flow. A module may always
/// use itself; `*` is everything.
const MAY_USE: [(&str, &[&str]); 23] = [
    // The vocabulary.
    ("units", &[]),
    ("outcome", &["units"]),
    ("series", &["units", "outcome"]),
    ("clock", &["units"]),
    // Bytes and decisions: time is an argument. What the engine uses of `clock` is the name of an epoch; reading one is below.
    ("schedule", &["units"]),
    ("wire", &["units", "outcome", "series"]),
    ("engine", &["units", "outcome", "series", "clock", "schedule", "wire"]),
    ("simnet", &["units", "outcome", "series", "wire", "config"]),
    // The kernel.
    ("sys", &["units", "outcome", "series"]),
    (
        "net",
        &["units", "outcome", "series", "wire", "engine", "sys", "clock", "config"],
    ),
    // What it means.
    ("stats", &["units", "outcome", "series"]),
    ("sweep", &["units", "outcome", "series", "engine", "stats"]),
    ("detect", &["units", "outcome", "series", "stats"]),
    ("correlate", &["units", "outcome", "series", "stats", "detect"]),
    (
        "localize",
        &["units", "outcome", "series", "stats", "detect", "correlate"],
    ),
    (
        "diagnose",
        &[
            "units",
            "outcome",
            "series",
            "engine",
            "stats",
            "sweep",
            "detect",
            "correlate",
            "localize",
        ],
    ),
    (
        "replay",
        &[
            "units",
            "outcome",
            "series",
            "stats",
            "sweep",
            "detect",
            "correlate",
            "localize",
            "diagnose",
        ],
    ),
    // The simulated network, with the engine or with real sockets on the other side.
    (
        "lab",
        &[
            "units",
            "outcome",
            "series",
            "clock",
            "schedule",
            "wire",
            "engine",
            "simnet",
            "sys",
            "stats",
            "config",
            "sweep",
            "detect",
            "correlate",
            "localize",
            "diagnose",
        ],
    ),
    // What the user asked for, and what he gets to see.
    ("config", &["units", "outcome", "series", "stats"]),
    (
        "report",
        &[
            "units",
            "outcome",
            "series",
            "stats",
            "detect",
            "correlate",
            "localize",
            "sweep",
            "diagnose",
            "config",
        ],
    ),
    (
        "metrics",
        &["units", "outcome", "series", "stats", "detect", "diagnose"],
    ),
    // The assembly.
    ("app", &["*"]),
    ("main", &["app", "config"]),
];

/// Crates that only some modules may touch. A folder stands for everything in it, `net/portable` also for `net/portable.rs`.
const CRATE_HOMES: [(&str, &[&str]); 18] = [
    ("tokio", &["net", "lab", "app"]),
    ("surge_ping", &["net/portable"]),
    ("hickory_resolver", &["net"]),
    ("rtnetlink", &["lab"]),
    ("socket2", &["net", "sys"]),
    ("libc", &["net", "sys"]),
    ("getrandom", &["net", "sys", "app"]),
    ("hdrhistogram", &["stats"]),
    ("statrs", &["localize", "correlate", "diagnose"]),
    ("clap", &["config", "app", "main"]),
    ("comfy_table", &["report"]),
    ("prometheus_client", &["metrics"]),
    ("async_nats", &["app/bus", "app/run/outlet/nats"]),
    ("futures_util", &["app/bus"]),
    ("hyper", &["app/run/http"]),
    ("hyper_util", &["app/run/http"]),
    ("flate2", &["app/run/http"]),
    ("anyhow", &["app", "main"]),
];

/// Words of code that only some places may contain.
const WORD_HOMES: [(&str, &[&str]); 8] = [
    ("unsafe", &["sys"]),
    ("Instant::now", &["clock"]),
    ("SystemTime::now", &["clock"]),
    ("clock_gettime", &["clock", "sys"]),
    ("println!", &[]),
    ("print!", &[]),
    ("dbg!", &[]),
    ("todo!", &[]),
];

/// Everything wrong with one file, whose `path` is relative to `src`.
fn violations(path: &str, source: &str) -> Vec<String> {
    let place = path.trim_end_matches(".rs").trim_end_matches("/mod");
    let code = without_tests(&blank_comments_and_literals(source));
    let mut found = Vec::new();
    if place != "lib" {
        let module = place.split('/').next().unwrap_or(place);
        match MAY_USE.iter().find(|(name, _)| *name == module) {
            None => found.push(format!("{path}: module `{module}` is not in the table")),
            Some((_, allowed)) => found.extend(
                used_modules(place, &code)
                    .into_iter()
                    .filter(|used| used != module && !allowed.contains(&"*") && !allowed.contains(&used.as_str()))
                    .map(|used| format!("{path}: `{module}` may not use `{used}`")),
            ),
        }
    }
    let uses_crate = |name: &str| words(&code, name).any(|at| code[at + name.len()..].trim_start().starts_with("::"));
    found.extend(
        CRATE_HOMES
            .iter()
            .filter(|(name, homes)| uses_crate(name) && !is_in(place, homes))
            .map(|(name, _)| format!("{path}: the crate `{name}` does not belong here")),
    );
    found.extend(
        WORD_HOMES
            .iter()
            .filter(|(word, homes)| words(&code, word).next().is_some() && !is_in(place, homes))
            .map(|(word, _)| format!("{path}: `{word}` does not belong here")),
    );
    found
}

/// Whether a place is one of these, or inside one.
fn is_in(place: &str, homes: &[&str]) -> bool {
    homes.iter().any(|home| {
        place
            .strip_prefix(home)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// The root modules that the code of a place names, by `crate::`, `pathjitter::` or enough `super::`.
fn used_modules(place: &str, code: &str) -> Vec<String> {
    let mut used: Vec<String> = ["crate::", "pathjitter::"]
        .into_iter()
        .flat_map(|root| words(code, root).map(move |at| &code[at + root.len()..]))
        .flat_map(first_segments)
        .collect();
    // `super` from `a::b` is `a`, twice that is the root. A `mod` block inside a file goes deeper than this knows, but such a
    // path would leave the file only by more `super`s, which style forbids anyway.
    let to_root = "super::".repeat(place.split('/').count());
    used.extend(words(code, &to_root).flat_map(|at| first_segments(&code[at + to_root.len()..])));
    used.sort();
    used.dedup();
    used
}

/// `a` of `a::b`, and `a` and `c` of `{a::b, c::{d, e}}`.
fn first_segments(path: &str) -> Vec<String> {
    let identifier = |text: &str| -> String { text.trim().chars().take_while(|c| is_word(*c)).collect() };
    let Some(group) = path.strip_prefix('{') else {
        return vec![identifier(path)];
    };
    let mut depth = 0_u32;
    let mut starts = vec![0];
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => starts.push(at + 1),
            _ => {}
        }
    }
    starts
        .into_iter()
        .map(|at| identifier(&group[at..]))
        .filter(|name| !name.is_empty())
        .collect()
}

/// Where `word` stands as a word of its own.
fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = code[..*at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        let ends_open = word.ends_with(is_word) && after.is_some_and(is_word);
        // A longer path, as `super::super::` before `super::`, is another word too.
        !before.is_some_and(|c| is_word(c) || c == ':' && word.starts_with("super")) && !ends_open
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Code without the items that exist for tests alone.
fn without_tests(code: &str) -> String {
    let mut rest = code;
    let mut kept = String::new();
    while let Some((before, item)) = rest.split_once("#[cfg(test)]") {
        kept.push_str(before);
        rest = after_item(item);
    }
    kept + rest
}

/// What follows the first item: after its block, or after its semicolon.
fn after_item(code: &str) -> &str {
    let mut depth = 0_u32;
    for (at, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && (c == '}' || c == ';') {
            return &code[at + c.len_utf8()..];
        }
    }
    ""
}

/// Code with blanks for comments, strings and character literals.
fn blank_comments_and_literals(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let skipped = match c {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment_length(rest),
            '"' => string_length(rest),
            'r' if !out.ends_with(is_word) || out.ends_with('b') => raw_string_length(rest),
            '\'' => character_length(rest),
            _ => 0,
        };
        if skipped == 0 {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        } else {
            out.push(' ');
            rest = &rest[skipped..];
        }
    }
    out
}

/// Length of a block comment with those nested in it.
fn block_comment_length(text: &str) -> usize {
    let mut depth = 0_u32;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Length of a string literal with its quotes.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Length of `r"..."` or `r#"..."#`; 0 where it is neither.
fn raw_string_length(text: &str) -> usize {
    let hashes = text[1..].chars().take_while(|c| *c == '#').count();
    let Some(body) = text[1 + hashes..].strip_prefix('"') else {
        return 0;
    };
    let end = format!("\"{}", "#".repeat(hashes));
    body.find(&end).map_or(text.len(), |at| 1 + hashes + 1 + at + end.len())
}

/// Length of a character literal; 0 where the quote begins a lifetime.
fn character_length(text: &str) -> usize {
    let mut chars = text[1..].char_indices();
    match chars.next() {
        Some((_, '\\')) => text[2..]
            .char_indices()
            .skip(1)
            .find(|(_, c)| *c == '\'')
            .map_or(0, |(at, _)| at + 3),
        Some(_) => chars.next().filter(|(_, c)| *c == '\'').map_or(0, |(at, _)| at + 2),
        None => 0,
    }
}

/// Every Rust file under a folder.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    entries
        .map(|entry| entry.expect("a readable folder").path())
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .collect()
}

#[test]
fn every_arrow_points_one_way() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&src);
    assert!(files.len() > 10, "the source is not where it was");
    let of_tests = |path: &str| path.ends_with("/tests.rs") || path.contains("/tests/");
    let found: Vec<_> = files
        .iter()
        .map(|file| {
            (
                file,
                file.strip_prefix(&src)
                    .expect("found there")
                    .to_str()
                    .expect("UTF-8 names"),
            )
        })
        .filter(|(_, path)| !of_tests(path))
        .flat_map(|(file, path)| violations(path, &fs::read_to_string(file).expect("a readable file")))
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_table_itself_has_no_cycle() {
    let allowed = |name: &str| {
        MAY_USE
            .iter()
            .find(|(module, _)| *module == name)
            .map_or(&[][..], |(_, uses)| uses)
    };
    for (module, uses) in MAY_USE {
        let mut reached: Vec<&str> = uses.to_vec();
        let mut next = 0;
        while let Some(name) = reached.get(next).copied() {
            assert!(name != module, "{module} uses itself by a detour");
            reached.extend(
                allowed(name)
                    .iter()
                    .filter(|n| !reached.contains(*n))
                    .copied()
                    .collect::<Vec<_>>(),
            );
            next += 1;
        }
    }
}

#[test]
fn arrows_against_the_flow_are_found_in_every_syntax() {
    let bad = [
        ("wire/icmp.rs", "use crate::engine::Engine;"),
        ("wire/icmp.rs", "use crate::{units::Rtt, engine::{self, Engine}};"),
        ("wire/icmp.rs", "use crate::{\n    units::{Mono, Rtt},\n    net,\n};"),
        ("wire/icmp.rs", "fn f(e: &crate::engine::Engine) {}"),
        ("wire/mod.rs", "use super::engine::Engine;"),
        ("wire/icmp.rs", "use super::super::engine::Engine;"),
        ("units.rs", "use super::outcome::Event;"),
        ("engine/echo.rs", "use crate::net::Sink;"),
        ("stats/window.rs", "pub(crate) use crate::report::Output;"),
        ("report/json.rs", "use crate::app::run;"),
        ("main.rs", "use pathjitter::engine::Engine;"),
        ("novelty.rs", "fn f() {}"),
        ("wire/icmp.rs", "#[cfg(test)]\nmod tests;\nuse crate::engine::Engine;"),
        (
            "wire/icmp.rs",
            "#[cfg(test)]\nmod tests { fn f() {} }\nuse crate::engine::Engine;",
        ),
    ];
    for (path, source) in bad {
        assert_eq!(
            violations(path, source).len(),
            1,
            "{path}: {source}: {:?}",
            violations(path, source)
        );
    }
}

#[test]
fn misplaced_crates_and_words_are_found() {
    let bad = [
        ("engine/mod.rs", "use tokio::time::sleep;"),
        ("net/driver.rs", "let p = surge_ping::Client::new();"),
        ("wire/mod.rs", "use libc::c_int;"),
        ("report/mod.rs", "use hdrhistogram::Histogram;"),
        ("net/driver.rs", "unsafe { f() }"),
        ("net/driver.rs", "let now = Instant::now();"),
        ("net/driver.rs", "let now = std::time::SystemTime::now();"),
        ("app/mod.rs", "println!(\"{}\", 1);"),
        ("app/mod.rs", "dbg!(1);"),
        (
            "app/mod.rs",
            "let lifetime: &'static str = x; unsafe { f() } let c = 'c';",
        ),
        ("app/mod.rs", "let quote = '\"'; unsafe { f() } let other = '\"';"),
        ("app/mod.rs", "let escaped = \"\\\"\"; unsafe { f() }"),
        ("app/mod.rs", "let raw = r#\"\"\"#; unsafe { f() }"),
    ];
    for (path, source) in bad {
        assert_eq!(
            violations(path, source).len(),
            1,
            "{path}: {source}: {:?}",
            violations(path, source)
        );
    }
}

#[test]
fn what_is_allowed_passes() {
    let good = [
        (
            "engine/echo.rs",
            "use crate::{outcome::Event, units::Mono, wire};\nuse super::inflight::Inflight;",
        ),
        ("engine/echo/late.rs", "use super::super::inflight::Inflight;"),
        ("engine/echo.rs", "use crate::engine::inflight;"),
        ("app/mod.rs", "use crate::{config, engine, net, report, stats};"),
        (
            "wire/icmp.rs",
            "//! See [`crate::engine`].\n/* crate::net /* crate::app */ crate::net */\nfn f() {}",
        ),
        ("wire/icmp.rs", "const HELP: &str = \"crate::engine unsafe println!\";"),
        ("wire/icmp.rs", "const HELP: &str = r##\"crate::engine \"# unsafe\"##;"),
        (
            "wire/icmp.rs",
            "fn f() {}\n#[cfg(test)]\nmod tests { use crate::engine::Engine; fn g() {} }",
        ),
        ("main.rs", "#![forbid(unsafe_code)]\nuse pathjitter::app;"),
        ("net/portable.rs", "use surge_ping::Client;"),
        ("net/portable/v6.rs", "use surge_ping::Client;"),
        ("sys/mod.rs", "#![allow(unsafe_code)]\nunsafe { libc::close(3) }"),
        ("clock.rs", "Instant::now()"),
        ("lib.rs", "pub mod app;\npub use crate::app::run;"),
    ];
    for (path, source) in good {
        assert_eq!(violations(path, source), Vec::<String>::new(), "{path}: {source}");
    }
}
