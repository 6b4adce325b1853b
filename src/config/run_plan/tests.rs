use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use clap::Parser as _;
use proptest::prelude::*;

use super::*;
use crate::config::User;
use crate::config::args::{Cli, Command};
use crate::series::Endpoint;

const HERE: Surroundings = Surroundings {
    stdout: Stdout::Elsewhere,
    user: User::Other,
    interface_index: |name| (name == "eth0").then_some(2),
};

fn args(words: &str) -> RunArgs {
    let words = ["pathjitter", "run"].into_iter().chain(words.split_whitespace());
    match Cli::try_parse_from(words).unwrap().command {
        Command::Run(args) => *args,
        other => panic!("{other:?} is not run"),
    }
}

/// The plan of a file with this text, and these words.
fn plan(text: &str, words: &str) -> Result<RunPlan, RunError> {
    plan_at(&HERE, text, words)
}

fn plan_at(surroundings: &Surroundings, text: &str, words: &str) -> Result<RunPlan, RunError> {
    let file = ConfigFile::parse(Path::new("test.toml"), text.to_owned())?;
    Merge::new(&args(words), &file, surroundings)?.plan(None)
}

fn why(text: &str, words: &str) -> String {
    plan(text, words).unwrap_err().to_string()
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let plan = plan("", "10.0.0.1:80").unwrap();
    let target = &plan.targets[0];
    assert_eq!(target.target.endpoints, [Endpoint::Icmp, Endpoint::Tcp(80)]);
    assert_eq!(target.icmp_interval, Duration::from_millis(200));
    assert_eq!(target.tcp_interval, Duration::from_secs(1));
    assert_eq!(target.timeout, Duration::from_secs(1));
    assert_eq!(plan.window, Duration::from_secs(10));
    assert_eq!(plan.slot, Duration::from_millis(10));
    assert_eq!(plan.max_syn_rate, Some(10_000));
    assert_eq!(plan.output.view, RunView::Lines);
    assert!((plan.diagnosis.false_alarms_per_30_days - 1.0).abs() < f64::EPSILON);
}

#[test]
fn the_file_with_all_settings_says_what_holds_without_it() {
    let mut text = String::new();
    for line in DEFAULTS_TEXT.lines() {
        let setting = line.strip_prefix('#').unwrap_or(line);
        let is_prose = line.starts_with("# ");
        // What has no default is an example only.
        let examples = [
            "tcp =",
            "icmp =",
            "labels",
            "source",
            "receive_buffer",
            "gateway",
            "log",
            "hlog",
            "listen",
            "syslog",
            "publish",
            "vantage",
            "state",
        ];
        let is_example = examples.iter().any(|key| setting.starts_with(key)) || line.starts_with("#[[");
        if line.starts_with("#[[group]]") {
            break;
        }
        if !is_prose && !is_example {
            text.push_str(setting);
            text.push('\n');
        }
    }
    assert!(
        text.contains("tcp_interval = \"1s\"") && text.contains("[output]"),
        "{text}"
    );
    assert_eq!(plan(&text, "app01:8080"), plan("", "app01:8080"));
}

#[test]
fn the_whole_example_file_makes_sense() {
    let text: String = DEFAULTS_TEXT
        .lines()
        .map(|line| {
            if line.starts_with("# ") {
                ""
            } else {
                line.trim_start_matches('#')
            }
        })
        .collect::<Vec<_>>()
        .join("\n");
    let plan = plan(&text, "").unwrap();
    assert_eq!(plan.summary(), "3 targets with 6 endpoints, 1 group");
    assert_eq!(plan.targets[2].timeout, Duration::from_secs(2));
    assert_eq!(
        plan.targets[2].tcp_interval,
        Duration::from_millis(500),
        "that of its group"
    );
    assert_eq!(
        plan.targets[2].labels,
        [("site", "ams1"), ("team", "shop")].map(|(k, v)| (k.to_owned(), v.to_owned()))
    );
    assert_eq!(plan.diagnosis.gateway, Some(IpAddr::from([192, 0, 2, 1])));
}

#[test]
fn the_command_line_comes_before_the_target_its_group_and_the_defaults() {
    let text = r#"
        [defaults]
        timeout = "4s"
        icmp_interval = "4s"
        tcp_interval = "4s"
        [[group]]
        name = "g"
        timeout = "3s"
        icmp_interval = "3s"
        [[target]]
        target = "a:1"
        group = "g"
        timeout = "2s"
    "#;
    let of = |words| {
        let plan = plan(text, words).unwrap();
        let target = &plan.targets[0];
        (target.timeout, target.icmp_interval, target.tcp_interval)
    };
    let s = Duration::from_secs;
    assert_eq!(of(""), (s(2), s(3), s(4)));
    assert_eq!(of("-W 1 -i 1 --tcp-interval 1"), (s(1), s(1), s(1)));
}

#[test]
fn a_port_for_all_replaces_icmp_where_none_is_asked_for() {
    let endpoints = |text, words| plan(text, words).unwrap().targets[0].target.endpoints.clone();
    assert_eq!(endpoints("", "a"), [Endpoint::Icmp]);
    assert_eq!(endpoints("", "--tcp 443 a"), [Endpoint::Tcp(443)]);
    assert_eq!(
        endpoints("", "--tcp 443 --icmp a"),
        [Endpoint::Icmp, Endpoint::Tcp(443)]
    );
    assert_eq!(
        endpoints("[defaults]\ntcp = 443\nicmp = true", "a"),
        [Endpoint::Icmp, Endpoint::Tcp(443)]
    );
    assert_eq!(endpoints("[defaults]\nicmp = false", "a:80"), [Endpoint::Tcp(80)]);
    assert!(why("", "--no-icmp a").contains("nothing is left to probe"));
}

#[test]
fn a_target_given_twice_is_one_with_all_endpoints_if_it_is_watched_in_one_way() {
    let plan_of_two = plan("", "a=10.0.0.1:80 a=10.0.0.1:443").unwrap();
    assert_eq!(plan_of_two.targets.len(), 1);
    assert_eq!(
        plan_of_two.targets[0].target.endpoints,
        [Endpoint::Icmp, Endpoint::Tcp(80), Endpoint::Tcp(443)]
    );
    let text = "[[target]]\ntarget = \"a:80\"\ntimeout = \"2s\"\n[[target]]\ntarget = \"a:81\"";
    assert!(why(text, "").contains("it is there twice"));
}

#[test]
fn mistakes_in_a_file_are_refused_with_their_place() {
    let message = why("[defaults]\nicmp_intervall = \"1s\"\n", "a");
    assert!(
        message.contains("line 2") && message.contains("icmp_intervall"),
        "{message}"
    );
    let message = why("[[target]]\ntarget = \"a\"\ntimeoutt = \"1s\"\n", "");
    assert!(message.contains("timeoutt") && message.contains("line"), "{message}");
    assert!(why("[defaults]\ntimeout = \"1\"", "a").contains("a unit is missing"));
    assert!(why("[[target]]\ntarget = \"a\"\ngroup = \"w\"", "").contains("there is no group w"));
    assert!(why("[[group]]\nname = \"g\"\n[[group]]\nname = \"g\"", "a").contains("two of this name"));
    assert!(why("[[target]]\ntarget = \"a:99999\"", "").contains("a:99999"));
}

#[test]
fn every_mistake_in_a_file_has_a_line_and_a_column() {
    // Line and column of the mistake, counted by hand.
    for (text, place, part) in [
        ("[defaults]\ntimeoutt = \"1s\"", (2, 1), "timeoutt"),
        ("[defaults]\r\ntimeout = 5\r\n", (2, 11), "a duration in quotes"),
        ("[defaults]\ntimeout = \"2m\"", (2, 11), "the most is 1m"),
        ("[defaults]\nicmp_interval = \"0s\"", (2, 17), "the least is 1ms"),
        ("[defaults]\ntimeout = \"5 \"", (2, 11), "a unit is missing"),
        ("[defaults]\nlabels = { 1a = \"x\" }", (2, 12), "the name of a label"),
        ("[defaults]\nlabels = { a = 1 }", (2, 16), "a text in quotes"),
        ("[probe]\nsize = 100000", (2, 8), "24 to 65507"),
        ("[probe]\nsize = -1", (2, 8), "24 to 65507"),
        ("[probe]\nmax_syn_rate = -1", (2, 16), "0 for no limit"),
        ("[defaults]\ntcp = 70000", (2, 7), "1 to 65535"),
        ("[target]\ntarget = \"a\"", (1, 1), "[[target]]"),
        ("[probe]\nreceive_buffer = \"1k\"", (2, 18), "the least is 4k"),
        ("[probe]\nsource = \"eth9\"", (2, 10), "no such interface"),
        ("[diagnosis]\nfalse_alarms = 0", (2, 16), "above 0"),
        ("[defaults]\nfloor = nan", (2, 9), "no share"),
        ("[output]\nvantage = \"\"", (2, 11), "a name is needed"),
        ("[output]\nwindow = \"1ms\"", (2, 10), "the least is 1s"),
        ("[[target]]\ntarget = \"\u{e4}\"; x", (2, 10), ""),
        (
            "[[target]]\ntarget = \"a\"\ngroup = \"w\"",
            (3, 9),
            "there is no group w",
        ),
        ("[[target]]\ntarget = \"a\"\nicmp = false", (2, 10), "nothing is left"),
        ("[[group]]\nname = \"\"", (2, 8), "needs a name"),
        (
            "[[group]]\nname = \"g\"\n[[group]]\nname = \"g\"",
            (4, 8),
            "two of this name",
        ),
        (
            "[[group]]\nname = \"g\"\ntargets = [\"a\", \"b:99999\"]",
            (3, 17),
            "not a port",
        ),
        (
            "[[target]]\ntarget = \"a:1\"\n[[target]]\ntarget = \"a:2\"\ntimeout = \"2s\"",
            (4, 10),
            "there twice",
        ),
        ("[[target]]\ntarget = \"fe80::1\"", (2, 10), "needs its interface"),
        (
            "[probe]\nfamily = \"ipv6\"\n[[target]]\ntarget = \"10.0.0.1\"",
            (4, 10),
            "family = \"ipv6\"",
        ),
    ] {
        let message = why(text, "");
        let (line, column) = place;
        let start = format!("test.toml: line {line}, column {column}: ");
        if part.is_empty() {
            assert!(
                message.starts_with(&format!("test.toml: line {line}, ")),
                "{text:?}: {message}"
            );
        } else {
            assert!(
                message.starts_with(&start) && message.contains(part),
                "{text:?}: {message}"
            );
        }
        assert!(!message.contains(char::is_control), "{message:?}");
    }
}

#[test]
fn a_byte_order_mark_and_the_line_ends_of_windows_are_no_mistakes() {
    let text = "\u{feff}[[target]]\r\ntarget = \"a\"\r\n";
    assert_eq!(plan(text, "").unwrap().targets.len(), 1);
}

#[test]
fn bytes_that_are_no_text_are_named_by_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latin1.toml");
    std::fs::write(&path, b"[[target]]\ntarget = \"caf\xe9\"\n").unwrap();
    let message = RunPlan::of_file(Some(&path), &HERE).unwrap_err().to_string();
    assert!(
        message.contains("line 2, column 14: ") && message.contains("UTF-8"),
        "{message}"
    );
}

#[test]
fn what_is_no_file_and_what_has_no_targets_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let of = |path: &Path| RunPlan::of_file(Some(path), &HERE).unwrap_err().to_string();
    let message = of(folder.path());
    assert!(
        message.contains("irectory") && message.ends_with("name a file in it"),
        "{message}"
    );
    assert!(of(&folder.path().join("none.toml")).contains("config print"));
    let empty = folder.path().join("empty.toml");
    std::fs::write(&empty, "").unwrap();
    let message = of(&empty);
    assert!(
        message.contains("empty.toml: ") && message.contains("[[target]]"),
        "{message}"
    );
}

#[test]
fn one_file_is_not_two_outputs() {
    let message = why("[output]\nlog = \"/x\"", "--state /x a");
    assert!(
        message.contains("/x: ") && message.contains("log") && message.contains("state"),
        "{message}"
    );
    assert!(plan("", "--log /x --hlog /y --state /z a").is_ok());
}

#[test]
fn nothing_is_served_unless_an_address_is_given_and_that_of_the_command_line_counts() {
    let listen = |text: &str, words: &str| plan(text, words).unwrap().output.listen.map(|to| to.to_string());
    let file = "[output]\nlisten = \"127.0.0.1:9911\"\n";
    assert_eq!(listen("", "a"), None);
    assert_eq!(listen(file, "a").as_deref(), Some("127.0.0.1:9911"));
    assert_eq!(listen(file, "--listen [::]:80 a").as_deref(), Some("[::]:80"));
    for address in ["localhost:9911", "127.0.0.1", ":9911", "9911", "127.0.0.1:65536"] {
        let message = why(&format!("[output]\nlisten = \"{address}\"\n"), "a");
        assert!(
            message.starts_with("test.toml: line 2, column 10: give an address and a port"),
            "{message}"
        );
    }
}

#[test]
fn a_group_and_a_target_have_thresholds_of_their_own() {
    let text = "[defaults]\nfloor = 0.02\n[[group]]\nname = \"g\"\nfloor = 0.1\ntargets = [\"a\"]\n\
                [[target]]\ntarget = \"b\"\ngroup = \"g\"\nfloor = 0\n[[target]]\ntarget = \"c\"\n";
    let plan = plan(text, "").unwrap();
    let floors: Vec<String> = plan.targets.iter().map(|watched| watched.floor.to_string()).collect();
    assert_eq!(floors, ["0.1", "0", "0.02"]);
}

#[test]
fn labels_come_from_all_levels_and_the_most_special_one_counts() {
    let text = "[defaults]\nlabels = { a = \"1\", b = \"1\", c = \"1\" }\n[[group]]\nname = \"g\"\nlabels = { b = \"2\", c = \"2\" }\n\
                [[target]]\ntarget = \"x\"\ngroup = \"g\"\nlabels = { c = \"3\" }\n";
    let labels = &plan(text, "").unwrap().targets[0].labels;
    assert_eq!(
        labels,
        &[("a", "1"), ("b", "2"), ("c", "3")].map(|(k, v)| (k.to_owned(), v.to_owned()))
    );
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (text, words, part) in [
        ("", "", "nothing to probe"),
        ("", "-i 0 a", "too short"),
        ("", "-W 2m a", "too long"),
        ("", "--window 0 a", "too short"),
        ("", "--slot 2s a", "too long"),
        ("", "--false-alarms 0 a", "above 0"),
        ("", "--false-alarms nan a", "above 0"),
        ("", "--trace-interval 10ms a", "too short"),
        ("[defaults]\nfloor = 2.0", "a", "no share"),
        ("[probe]\nsize = 3", "a", "24 to"),
        ("[output]\nvantage = \" \"", "a", "a name is needed"),
        ("[probe]\nsource = \"eth9\"", "a", "no such interface"),
        ("[probe]\nfamily = \"ipv6\"", "10.0.0.1", "not an IPv6 address"),
    ] {
        let message = why(text, words);
        assert!(message.contains(part), "{text} {words}: {message}");
    }
}

#[test]
fn tracing_can_be_turned_off_and_on() {
    let trace = |text, words| plan(text, words).unwrap().diagnosis.trace;
    assert_eq!(trace("", "a"), Some(Duration::from_secs(10)));
    assert_eq!(trace("", "--no-trace a"), None);
    assert_eq!(trace("[diagnosis]\ntrace = false", "a"), None);
    assert_eq!(
        trace("[diagnosis]\ntrace = false", "--trace-interval 5 a"),
        Some(Duration::from_secs(5))
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let error = RunPlan::of_file(Some(Path::new("/nowhere/pathjitter.toml")), &HERE).unwrap_err();
    assert!(error.to_string().starts_with("/nowhere/pathjitter.toml: "), "{error}");
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,60}|[\\[\\]a-z_=\"\n0-9. ]{0,120}") {
        let _ = plan(&text, "a");
    }
}

#[test]
fn the_journal_takes_the_place_of_lines_for_people_that_would_end_there_and_of_nothing_else() {
    use RunView::{Json, Lines, Live, Quiet};
    let chosen = |stdout, text: &str, words: &str| {
        let output = plan_at(&Surroundings { stdout, ..HERE }, text, words).unwrap().output;
        (output.journal, output.view)
    };
    let unit = |text: &str, words: &str| chosen(Stdout::Journal, text, words);
    assert_eq!(unit("", "a"), (true, Quiet));
    assert_eq!(unit("", "--journal=off a"), (false, Lines));
    assert_eq!(unit("[output]\njournal = \"off\"\n", "a"), (false, Lines));
    assert_eq!(unit("[output]\njournal = \"off\"\n", "--journal a"), (true, Quiet));
    assert_eq!(unit("", "--json a"), (false, Json));
    assert_eq!(unit("[output]\njson = true\n", "--journal a"), (true, Json));
    assert_eq!(unit("", "-q a"), (false, Quiet));
    assert_eq!(unit("", "-q --journal=on a"), (true, Quiet));
    assert_eq!(chosen(Stdout::Elsewhere, "", "a"), (false, Lines));
    assert_eq!(chosen(Stdout::Elsewhere, "", "--journal a"), (true, Lines));
    assert_eq!(chosen(Stdout::Terminal, "", "--journal=auto a"), (false, Live));
}

#[cfg(feature = "nats")]
#[test]
fn the_bus_of_the_command_line_counts() {
    let publish = |text: &str, words: &str| plan(text, words).unwrap().output.publish.map(|to| to.to_string());
    let file = "[output]\npublish = \"nats://lb1:secret@192.0.2.1\"\n";
    assert_eq!(publish("", "a"), None);
    assert_eq!(publish(file, "a").as_deref(), Some("nats://192.0.2.1"));
    assert_eq!(publish(file, "--publish tls://bus a").as_deref(), Some("tls://bus"));
    let message = why("[output]\npublish = \"bus\"\n", "a");
    assert!(
        message.starts_with("test.toml: line 2, column 11: give nats://"),
        "{message}"
    );
}

#[test]
fn the_syslog_server_of_the_command_line_counts() {
    let syslog = |text: &str, words: &str| plan(text, words).unwrap().output.syslog.map(|to| to.to_string());
    let file = "[output]\nsyslog = \"udp://192.0.2.1:514\"\n";
    assert_eq!(syslog("", "a"), None);
    assert_eq!(syslog(file, "a").as_deref(), Some("udp://192.0.2.1:514"));
    assert_eq!(
        syslog(file, "--syslog unix:/dev/log a").as_deref(),
        Some("unix:/dev/log")
    );
    let message = why("[output]\nsyslog = \"loghost\"\n", "a");
    assert!(
        message.starts_with("test.toml: line 2, column 10: give udp://"),
        "{message}"
    );
}
