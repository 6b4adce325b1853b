//! The unit that is shipped, judged by systemd's own tools, and its system calls by the kernel.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Lab, PATHJITTER, has_other_users};
use crate::{is_whole_window, read};

const UNIT: &str = include_str!("../../contrib/systemd/pathjitter.service");

/// Runs a program that must succeed; its output.
fn output_of(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{command:?}: {text}");
    text
}

#[test]
fn systemd_understands_every_line_of_the_unit() {
    let folder = tempfile::tempdir().expect("a folder");
    // It also asks whether the program is there.
    let unit = UNIT.replace("/usr/bin/pathjitter", PATHJITTER);
    assert_ne!(unit, UNIT);
    let path = folder.path().join("pathjitter.service");
    fs::write(&path, unit).expect("a file");
    let said = output_of(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path));
    assert_eq!(said.trim(), "", "not a word of blame");
}

#[test]
fn systemd_finds_the_unit_little_exposed() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/systemd/pathjitter.service");
    // In tenths: 2.0 of 10. Raw sockets and network administration cost most of that.
    let said = output_of(
        Command::new("systemd-analyze")
            .args(["security", "--offline=yes", "--threshold=20", "--no-pager"])
            .arg(&path),
    );
    assert!(said.contains("Overall exposure level"), "{said}");
}

/// The system calls that the unit lets through, by systemd's own lists.
fn allowed_calls() -> BTreeSet<String> {
    let mut allowed = BTreeSet::new();
    for filter in UNIT.lines().filter_map(|line| line.strip_prefix("SystemCallFilter=")) {
        let (takes_away, words) = filter.strip_prefix('~').map_or((false, filter), |words| (true, words));
        for call in words.split(' ').flat_map(expanded) {
            if takes_away {
                allowed.remove(&call);
            } else {
                allowed.insert(call);
            }
        }
    }
    allowed
}

/// The system calls of a group, those of groups in it included.
fn expanded(word: &str) -> Vec<String> {
    if !word.starts_with('@') {
        return vec![word.to_owned()];
    }
    let listed = output_of(Command::new("systemd-analyze").args(["syscall-filter", "--no-pager", word]));
    let members = listed.lines().skip(1).map(str::trim);
    members
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .flat_map(expanded)
        .collect()
}

/// Refuses all system calls but those that are named on standard input, and becomes another program.
const FILTERED: &str = "
import os, sys
import seccomp
kernel = seccomp.SyscallFilter(seccomp.ERRNO(1))
for name in open(sys.argv[1]).read().split():
    try:
        kernel.add_rule(seccomp.ALLOW, name)
    except (RuntimeError, ValueError):
        pass  # of another architecture
kernel.load()
os.execv(sys.argv[2], sys.argv[2:])
";

#[test]
fn the_service_does_all_its_work_with_the_system_calls_and_rights_of_the_unit() {
    let Some(lab) = Lab::new().filter(|_| has_other_users()) else {
        return;
    };
    let host = lab.host("alone");
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let allowed: Vec<_> = allowed_calls().into_iter().collect();
    assert!(allowed.iter().any(|call| call == "sendmmsg") && !allowed.iter().any(|call| call == "setuid"));
    fs::write(path("calls"), allowed.join("\n")).expect("a file");
    fs::write(path("filtered.py"), FILTERED).expect("a file");
    let config = "[[target]]\ntarget = \"app=127.0.0.2:9\"\n";
    fs::write(path("config"), config).expect("a file");
    fs::copy(PATHJITTER, path("pathjitter")).expect("a copy");
    host.sh(&format!(
        "mkdir {0}/state && chmod -R a+rX {0} && chmod 777 {0}/state",
        folder.path().display()
    ));
    let mut run = host.spawn_sh(&format!(
        "exec setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=-all,+net_raw,+net_admin \
         --inh-caps=-all,+net_raw,+net_admin --ambient-caps=-all,+net_raw,+net_admin \
         /usr/bin/python3 {} {} {} run --json --no-trace --window 1s -c {} --log {} --state {} --listen 127.0.0.1:0",
        path("filtered.py"),
        path("calls"),
        path("pathjitter"),
        path("config"),
        path("state/log"),
        path("state/baselines"),
    ));
    run.wait_for_many(3, |line| is_whole_window(line, "app"));
    run.signal("HUP");
    run.wait_for(|line| line.contains("\"config_reload\""));
    run.wait_for(|line| is_whole_window(line, "app"));
    run.signal("TERM");
    let report = read(&run.finish());
    assert_eq!(report.stderr, "", "nothing was refused that it would miss");
    let windows = report.events.iter().filter(|event| event["event"] == "window");
    for window in windows {
        assert_eq!(window["stamp"], "kernel", "{window}");
    }
    assert!(fs::metadata(path("state/baselines")).is_ok());
}
