//! The program as a black box: help, manual, completions, and one line for each mistake.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use assert_cmd::cargo::cargo_bin_cmd;

/// Runs the program off a terminal, with an environment that holds no settings.
fn pathjitter(args: &[&str]) -> Output {
    pathjitter_with(args, &[])
}

fn pathjitter_with(args: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = cargo_bin_cmd!("pathjitter");
    for (key, _) in std::env::vars_os().filter(|(key, _)| key.to_string_lossy().starts_with("PATHJITTER_")) {
        command.env_remove(key);
    }
    command
        .env("COLUMNS", "110")
        .envs(env.iter().copied())
        .args(args)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The one line that a mistake is answered with, without the name of the program.
fn mistake_in(args: &[&str], env: &[(&str, &str)]) -> String {
    let output = pathjitter_with(args, env);
    let line = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {line}");
    assert_eq!(stdout(&output), "", "{args:?}: results only on stdout");
    assert_eq!(line.matches('\n').count(), 1, "{args:?}: {line}");
    line.trim_end()
        .strip_prefix("pathjitter: ")
        .unwrap_or_else(|| panic!("{args:?}: {line}"))
        .to_owned()
}

fn mistake(args: &[&str]) -> String {
    mistake_in(args, &[])
}

#[test]
fn help_goes_to_stdout_and_is_a_success() {
    for args in [
        &["--help"][..],
        &["-h"],
        &["help"],
        &["ping", "--help"],
        &["help", "ping"],
        &["trace", "-h"],
        &["help", "trace"],
        &["man", "-h"],
        &["-V"],
    ] {
        let output = pathjitter(args);
        assert_eq!(
            (output.status.code(), stderr(&output).as_str()),
            (Some(0), ""),
            "{args:?}"
        );
        assert!(!stdout(&output).is_empty(), "{args:?}");
    }
    assert_eq!(
        stdout(&pathjitter(&["--version"])),
        format!("pathjitter {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn short_help_reads_as_reviewed() {
    insta::assert_snapshot!("help", stdout(&pathjitter(&["--help"])));
    insta::assert_snapshot!("ping_help", stdout(&pathjitter(&["ping", "--help"])));
    insta::assert_snapshot!("trace_help", stdout(&pathjitter(&["trace", "--help"])));
    insta::assert_snapshot!("run_help", stdout(&pathjitter(&["run", "--help"])));
    insta::assert_snapshot!("config_help", stdout(&pathjitter(&["config", "--help"])));
    insta::assert_snapshot!("config_check_help", stdout(&pathjitter(&["config", "check", "--help"])));
    insta::assert_snapshot!("demo_help", stdout(&pathjitter(&["demo", "--help"])));
    insta::assert_snapshot!("correlate_help", stdout(&pathjitter(&["correlate", "--help"])));
    insta::assert_snapshot!("lab_help", stdout(&pathjitter(&["lab", "--help"])));
}

#[test]
fn long_help_reads_as_reviewed() {
    insta::assert_snapshot!("help_long", stdout(&pathjitter(&["help"])));
    insta::assert_snapshot!("ping_help_long", stdout(&pathjitter(&["help", "ping"])));
    insta::assert_snapshot!("trace_help_long", stdout(&pathjitter(&["help", "trace"])));
    insta::assert_snapshot!("run_help_long", stdout(&pathjitter(&["help", "run"])));
    insta::assert_snapshot!("demo_help_long", stdout(&pathjitter(&["help", "demo"])));
    insta::assert_snapshot!("correlate_help_long", stdout(&pathjitter(&["help", "correlate"])));
    insta::assert_snapshot!("lab_help_long", stdout(&pathjitter(&["help", "lab"])));
}

#[test]
fn without_a_command_the_help_goes_to_stderr_and_the_exit_code_says_so() {
    let output = pathjitter(&[]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""));
    assert!(stderr(&output).contains("Usage: pathjitter"));
}

#[test]
fn each_mistake_on_the_command_line_is_one_line_that_names_it() {
    for (args, expected) in [
        (&["ping"][..], &["TARGET"][..]),
        (&["pong"], &["'pong'", "ping"]),
        (&["ping", "--cuont", "3", "a"], &["--cuont", "--count"]),
        (&["ping", "-i", "-1", "a"], &["-1", "--interval", "negative"]),
        (&["ping", "-i", "-1s", "a"], &["-1s", "negative"]),
        (&["ping", "-i", "nan", "a"], &["nan", "not a duration", "200ms"]),
        (&["ping", "-W", "2d", "a"], &["unknown unit 'd'"]),
        (&["ping", "-w", "1000h", "a"], &["longer than a day"]),
        (&["ping", "-c", "0", "a"], &["0", "--count"]),
        (&["ping", "-c", "ten", "a"], &["ten", "--count"]),
        (&["ping", "-s", "23", "a"], &["23", "--size", "24..=65507"]),
        (&["ping", "-s", "65508", "a"], &["65508", "24..=65507"]),
        (&["ping", "-t", "0", "a"], &["--ttl"]),
        (&["ping", "-t", "256", "a"], &["256", "--ttl"]),
        (&["ping", "-Q", "af14", "a"], &["af14", "--tos", "ef"]),
        (&["ping", "--tcp", "0", "a"], &["--tcp", "1 to 65535"]),
        (&["ping", "--flows", "0", "a"], &["--flows", "1..=256"]),
        (&["ping", "--engine", "warp", "a"], &["warp", "--engine", "portable"]),
        (&["ping", "--receive-buffer", "1k", "a"], &["1k", "least is 4k"]),
        (&["ping", "--fail-if", "loss>5", "a"], &["loss>5", "percentage"]),
        (&["ping", "--fail-if", "p99>20", "a"], &["p99>20", "unit is missing"]),
        (&["ping", "a:0"], &["a:0", "1 to 65535"]),
        (&["ping", "=a"], &["=a", "empty"]),
        (&["ping", ""], &["no host"]),
        (&["ping", "10.0.0.256"], &["10.0.0.256", "IPv4"]),
        (&["ping", "[::1"], &["[::1", "brackets"]),
        (&["ping", "-I", "no such if", "a"], &["no such if", "interface"]),
        (&["ping", "-I", "no-such-if", "a"], &["no-such-if", "no such interface"]),
        (&["ping", "-4", "-6", "a"], &["-4 and -6"]),
        (&["ping", "-4", "::1"], &["::1", "IPv4", "-4"]),
        (&["ping", "--no-icmp", "a"], &["a", "nothing is left"]),
        (&["ping", "-w", "1", "-W", "1", "a"], &["-w 1s", "deadline"]),
        (
            &["ping", "-c", "99999999", "-i", "1us", "-W", "1m", "a"],
            &["-W 1m", "-i 1us", "60000000"],
        ),
        (&["trace"], &["TARGET"]),
        (&["trace", "-T", "-u", "a"], &["-T and -u", "exclude"]),
        (&["trace", "-P", "443", "a"], &["-P 443", "-T or -u", "HOST:443"]),
        (&["trace", "-T", "-P", "0", "a"], &["--port", "1 to 65535"]),
        (&["trace", "-f", "9", "-m", "8", "a"], &["-f 9", "-m 8", "no hop"]),
        (&["trace", "-f", "0", "a"], &["--first-ttl"]),
        (&["trace", "-m", "256", "a"], &["256", "--max-ttl"]),
        (&["trace", "-c", "0", "a"], &["0", "--cycles"]),
        (&["trace", "-i", "1ms", "a"], &["-i 1ms", "10ms"]),
        (&["trace", "-W", "0", "a"], &["-W 0", "timeout"]),
        (&["trace", "-W", "2m", "a"], &["-W 2m", "1m"]),
        (&["trace", "--flows", "0", "a"], &["--flows", "1..=256"]),
        (
            &["trace", "--engine", "portable", "a"],
            &["portable", "--engine", "unprivileged"],
        ),
        (&["trace", "-4", "-6", "a"], &["-4 and -6"]),
        (&["trace", "-6", "127.0.0.1"], &["127.0.0.1", "IPv6", "-6"]),
        (&["trace", "10.0.0.256"], &["10.0.0.256", "IPv4"]),
        (&["trace", "fe80::1"], &["fe80::1", "interface"]),
        (&["run", "-i", "0", "a"], &["-i: 0s", "the least is 1ms"]),
        (&["run", "-c", "/no/such/file"], &["/no/such/file: ", "config print"]),
        (&["run", "-q", "--json", "a"], &["--quiet", "--json"]),
        (&["run", "--log", "/x", "--hlog", "/x", "a"], &["/x: ", "log and hlog"]),
        (
            &["config", "check", "/no/such/file"],
            &["/no/such/file: ", "config print"],
        ),
        (&["config", "check", "/"], &["/: ", "name a file"]),
        (&["lab"], &["STORY|FILE"]),
        (
            &["lab", "no-such-story"],
            &["'no-such-story'", "lab --list", "No such file"],
        ),
        (
            &["lab", "no-such-story", "--show"],
            &["'no-such-story'", "lab --list", "No such file"],
        ),
        (&["lab", "quiet", "true"], &["'true'"]),
        (&["lab", "quiet", "--seed", "x"], &["x", "--seed"]),
        (
            &["lab", "quiet", "--report", "/no/such/folder/report", "--", "true"],
            &["the report", "/no/such/folder/report", "No such file"],
        ),
        (&["man", "pong"], &["'pong'"]),
        (&["completions", "tcsh"], &["tcsh", "bash"]),
    ] {
        let line = mistake(args);
        for part in expected {
            assert!(line.contains(part), "{args:?}: {line:?} lacks {part:?}");
        }
        assert!(line.len() < 300, "{args:?}: {line}");
    }
}

#[test]
fn the_environment_sets_options_and_the_command_line_beats_it() {
    let wrong = [("PATHJITTER_INTERVAL", "soon")];
    assert!(mistake_in(&["ping", "a"], &wrong).contains("soon"));
    // With the interval given, the next mistake shows.
    assert!(mistake_in(&["ping", "-i", "1", "-w", "1", "-W", "1", "a"], &wrong).contains("deadline"));
    assert!(mistake_in(&["ping", "a"], &[("PATHJITTER_FAIL_IF", "loss>5%,p42>1s")]).contains("p42"));
    let cron = [("PATHJITTER_JSON", "1"), ("PATHJITTER_TIMEOUT", "50s")];
    assert!(
        mistake_in(&["ping", "-q", "a"], &cron).contains("49s deadline"),
        "a flag is set by 1"
    );
    let off = [
        ("PATHJITTER_JSON", "0"),
        ("PATHJITTER_TIMEOUT", "50s"),
        ("PATHJITTER_DEADLINE", "50s"),
    ];
    assert!(mistake_in(&["ping", "-q", "a"], &off).contains("-w 50s"));
}

#[test]
fn messages_hold_no_control_characters_whatever_was_typed() {
    for arg in ["a\nb", "\u{1b}[31mred", "x\r=y", "a:\u{7}"] {
        let line = mistake(&["ping", arg]);
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
}

#[test]
fn a_story_is_shown_as_it_can_be_read_again_and_all_are_listed() {
    let list = stdout(&pathjitter(&["lab", "--list"]));
    let names: Vec<&str> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains(&"quiet") && names.is_sorted(), "{list}");
    for name in names {
        let shown = pathjitter(&["lab", name, "--show"]);
        assert_eq!((shown.status.code(), stderr(&shown).as_str()), (Some(0), ""), "{name}");
        let text = stdout(&shown);
        pathjitter::simnet::Topology::read(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn every_option_is_in_the_environment_section_or_needs_no_value() {
    for (command, least) in [("ping", 14), ("trace", 10)] {
        let help = stdout(&pathjitter(&["help", command]));
        let (options, section) = help.split_once("Environment:").unwrap();
        let options = options.lines().filter_map(|line| line.trim_start().split_once("--"));
        let with_value = options.filter(|(before, after)| {
            (before.is_empty() || (before.len() == 4 && before.starts_with('-'))) && after.contains(" <")
        });
        let names: Vec<String> = with_value
            .map(|(_, after)| after.split(' ').next().unwrap().to_uppercase().replace('-', "_"))
            .collect();
        assert!(names.len() >= least, "{names:?}");
        for name in names {
            let is_listed = section.contains(&format!("_{name},")) || section.contains(&format!("_{name}\n"));
            assert!(is_listed, "{command}: {name} is not in {section}");
            let variable = format!("PATHJITTER_{name}");
            let bad = [(variable.as_str(), "\u{b7}")];
            assert!(
                mistake_in(&[command, "a"], &bad).contains('\u{b7}'),
                "{command}: {variable} is not read"
            );
        }
    }
}

#[test]
fn manual_pages_render_without_warnings_and_hold_what_the_help_holds() {
    for (args, expected) in [
        (
            &["man"][..],
            &["pathjitter ping", "pathjitter trace", "EXIT STATUS", "ENVIRONMENT"][..],
        ),
        (
            &["man", "ping"],
            &[
                "--max-syn-rate",
                "EXAMPLES",
                "EXIT STATUS",
                "a refusal is no answer",
                "PATHJITTER_COUNT",
            ],
        ),
        (
            &["man", "trace"],
            &[
                "--first-ttl",
                "--fast",
                "EXAMPLES",
                "was not reached",
                "PATHJITTER_CYCLES",
            ],
        ),
        (&["man", "lab"], &["--seed", "lossy-uplink", "EXIT STATUS", "SHELL"]),
        (&["man", "completions"], &["bash"]),
    ] {
        let output = pathjitter(args);
        assert_eq!(output.status.code(), Some(0), "{args:?}");
        let source = stdout(&output);
        assert!(source.contains(".TH "), "{args:?}: {source}");
        let Some(text) = rendered(&source) else {
            continue;
        };
        for part in expected {
            assert!(text.contains(part), "{args:?} lacks {part:?}: {text}");
        }
    }
}

/// The page as a reader sees it, if groff is installed.
fn rendered(source: &str) -> Option<String> {
    let groff = ["/usr/bin/groff", "/usr/local/bin/groff"]
        .into_iter()
        .find(|path| Path::new(path).exists())?;
    let mut child = Command::new(groff)
        .args(["-man", "-Tascii", "-P-cbou", "-rLL=200n", "-ww", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(source.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(stderr(&output), "", "groff warns");
    Some(stdout(&output))
}

#[test]
fn the_printed_configuration_is_checked_once_it_has_a_target() {
    let printed = stdout(&pathjitter(&["config", "print"]));
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    std::fs::write(path, &printed).unwrap();
    assert!(mistake(&["config", "check", path]).contains("it has no targets"));
    std::fs::write(path, format!("{printed}\n[[target]]\ntarget = \"a:1\"\n")).unwrap();
    let output = pathjitter(&["config", "check", path]);
    assert_eq!(
        stdout(&output),
        format!("{path}: good: 1 target with 2 endpoints, 0 groups\n"),
        "{}",
        stderr(&output)
    );
    // The file may also come from the environment.
    assert!(mistake_in(&["config", "check"], &[("PATHJITTER_CONFIG", "/no/such/file")]).contains("/no/such/file"));
}

#[test]
fn completion_scripts_are_accepted_by_their_shells() {
    for (shell, check) in [("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")] {
        let output = pathjitter(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        let script = stdout(&output);
        for option in ["max-syn-rate", "first-ttl"] {
            assert!(script.contains(option), "{shell}: {script}");
        }
        let Ok(mut child) = Command::new(shell)
            .arg(check)
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
        else {
            // The shell is not installed here.
            assert_ne!(shell, "bash", "bash is everywhere");
            continue;
        };
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let verdict = child.wait_with_output().unwrap();
        assert!(verdict.status.success(), "{shell}: {}", stderr(&verdict));
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    for args in [&["man", "ping"][..], &["completions", "bash"], &["help", "ping"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = Command::new(assert_cmd::cargo::cargo_bin!("pathjitter"))
            .args(args)
            .stdout(writer)
            .output()
            .unwrap();
        assert_eq!(
            (output.status.code(), stderr(&output).as_str()),
            (Some(0), ""),
            "{args:?}"
        );
    }
}
