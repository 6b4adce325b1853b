//! SIGHUP: what changes in the file changes, and nothing else does.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::{Guest, Lab, PATHJITTER};
use crate::{is, is_whole_window, messages, named, read, running, sum, windows_of};

/// A service with a file of its own.
struct Configured {
    folder: tempfile::TempDir,
}

impl Configured {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("pathjitter.toml")
    }

    fn write(&self, targets: &[(&str, &str)], interval: &str) {
        let tables = targets
            .iter()
            .map(|(name, host)| format!("[[target]]\ntarget = \"{name}={host}\"\nicmp_interval = \"{interval}\"\n"));
        fs::write(self.path(), tables.collect::<String>()).expect("a file");
    }

    fn args(&self) -> String {
        format!("--json --window 1s -c {}", self.path().display())
    }
}

fn reload(run: &mut Guest) {
    run.signal("HUP");
    run.wait_for(|line| line.contains("\"config_reload\""));
}

#[test]
fn targets_come_and_go_and_those_that_stay_notice_nothing() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let file = Configured::new();
    file.write(&[("stays", "127.0.0.2"), ("goes", "127.0.0.3")], "50ms");
    let mut run = running(&host, &file.args());
    run.wait_for(|line| is_whole_window(line, "goes"));
    file.write(&[("stays", "127.0.0.2"), ("comes", "127.0.0.4")], "50ms");
    reload(&mut run);
    run.wait_for(|line| is_whole_window(line, "comes"));
    run.signal("TERM");
    let report = read(&run.finish());
    let completeness = |target: &str| -> Vec<bool> {
        let windows = windows_of(&report.events, target, "icmp");
        windows.iter().map(|window| window["complete"] == true).collect()
    };
    let gone = completeness("goes");
    assert_eq!(gone.iter().filter(|complete| !**complete).count(), 1, "{gone:?}");
    assert_eq!(gone.last(), Some(&false), "its last window was cut by the reload");
    let stayed = completeness("stays");
    assert!(
        stayed[..stayed.len() - 1].iter().all(|complete| *complete),
        "{stayed:?}"
    );
    let reloads: Vec<_> = report
        .events
        .iter()
        .filter(|event| event["event"] == "config_reload")
        .collect();
    assert_eq!(reloads.len(), 1);
    assert_eq!(reloads[0]["severity"], "info");
}

#[test]
fn a_mistake_in_the_file_changes_nothing_and_says_where_it_is() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let file = Configured::new();
    file.write(&[("stays", "127.0.0.2")], "50ms");
    let mut run = running(&host, &file.args());
    run.wait_for(|line| is_whole_window(line, "stays"));
    fs::write(file.path(), "[[target]]\ntarget = \"127.0.0.9\"\nno_such_key = 1\n").expect("a file");
    reload(&mut run);
    run.wait_for(|line| is_whole_window(line, "stays"));
    fs::remove_file(file.path()).expect("a file");
    reload(&mut run);
    run.wait_for(|line| is_whole_window(line, "stays"));
    run.signal("TERM");
    let report = read(&run.finish());
    let errors = messages(&report.events, "config_reload");
    assert!(
        errors[0].contains("no_such_key") && errors[0].contains("nothing was changed"),
        "{errors:?}"
    );
    assert!(errors[1].contains("pathjitter.toml"), "{errors:?}");
    let windows = windows_of(&report.events, "stays", "icmp");
    let whole = &windows[..windows.len() - 1];
    assert!(whole.iter().all(|window| window["complete"] == true), "{whole:?}");
}

#[test]
fn a_target_with_another_interval_begins_anew() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let file = Configured::new();
    file.write(&[("app", "127.0.0.2")], "100ms");
    let mut run = running(&host, &file.args());
    run.wait_for(|line| is_whole_window(line, "app"));
    file.write(&[("app", "127.0.0.2")], "20ms");
    reload(&mut run);
    run.wait_for(|line| is_whole_window(line, "app") && sent(line) > 40);
    run.signal("TERM");
    let report = read(&run.finish());
    let windows = windows_of(&report.events, "app", "icmp");
    let cut = windows.iter().filter(|window| window["complete"] == false).count();
    // The old series and the end cut one each; the new one has a whole first window where it began with it.
    assert!((2..=3).contains(&cut), "{windows:?}");
}

#[test]
fn windows_have_the_labels_of_the_file_and_those_of_the_next_one_after_a_reload() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let file = Configured::new();
    let write = |team: &str| {
        let text = format!(
            "[[group]]\nname = \"web\"\nlabels = {{ site = \"ams1\", team = \"all\" }}\n\
             [[target]]\ntarget = \"app=127.0.0.2\"\ngroup = \"web\"\nlabels = {{ team = \"{team}\" }}\n\
             [[target]]\ntarget = \"plain=127.0.0.3\"\n"
        );
        fs::write(file.path(), text).expect("a file");
    };
    let labels = |team: &str| json!([{"name": "site", "value": "ams1"}, {"name": "team", "value": team}]);
    write("shop");
    let mut run = running(&host, &file.args());
    run.wait_for(|line| is_whole_window(line, "app"));
    write("pay");
    reload(&mut run);
    run.wait_for(|line| is(line, "window", "app") && line.contains("\"pay\""));
    run.signal("TERM");
    let report = read(&run.finish());
    let mut seen: Vec<_> = windows_of(&report.events, "app", "icmp")
        .iter()
        .map(|window| window["labels"].clone())
        .collect();
    seen.dedup();
    assert_eq!(seen, [labels("shop"), labels("pay")]);
    let plain = windows_of(&report.events, "plain", "icmp");
    assert!(
        plain.iter().all(|window| window.get("labels").is_none()),
        "it has none: {plain:?}"
    );
    let whole = &plain[..plain.len() - 1];
    assert!(
        whole.iter().all(|window| window["complete"] == true),
        "nothing of it has changed: {plain:?}"
    );
}

fn sent(line: &str) -> u64 {
    let line: Value = serde_json::from_str(line).expect("JSON");
    line["sent"].as_u64().unwrap_or(0)
}

#[test]
fn settings_that_need_a_restart_are_named() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let file = Configured::new();
    file.write(&[("app", "127.0.0.2")], "100ms");
    let mut run = running(&host, &file.args());
    run.wait_for(|line| is(line, "window", "app"));
    let text = fs::read_to_string(file.path()).expect("a file");
    fs::write(file.path(), text + "[probe]\nsize = 1000\n").expect("a file");
    reload(&mut run);
    run.signal("TERM");
    let report = read(&run.finish());
    let said = messages(&report.events, "config_reload");
    assert!(
        said[0].contains("the packets") && !said[0].contains("the outputs"),
        "{said:?}"
    );
}

#[test]
fn a_name_that_points_elsewhere_is_followed() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let folder = tempfile::tempdir().expect("a folder");
    let hosts = folder.path().join("hosts");
    fs::write(&hosts, "127.0.0.2 app.test\n").expect("a file");
    // A hosts file that only this process sees.
    let script = format!(
        "mount --bind '{}' /etc/hosts && exec '{PATHJITTER}' run --no-trace --json --window 1s -i 50ms app=app.test",
        hosts.display()
    );
    let mut command = host.command("unshare");
    command.args(["--mount", "bash", "-c", &script]);
    let mut run = Guest::start(command);
    let window_at = |address: &'static str| move |line: &str| is_whole_window(line, "app") && line.contains(address);
    run.wait_for(window_at("\"127.0.0.2\""));
    fs::write(&hosts, "127.0.0.3 app.test\n").expect("a file");
    run.signal("HUP");
    run.wait_for(window_at("\"127.0.0.3\""));
    run.signal("TERM");
    let report = read(&run.finish());
    let resolved = named(&report.events, "resolve");
    let addresses: Vec<_> = resolved
        .iter()
        .map(|event| event["addresses"][0].as_str().unwrap())
        .collect();
    assert_eq!(addresses, ["127.0.0.2", "127.0.0.3"]);
    let old = windows_of(&report.events, "app", "icmp");
    let old: Vec<_> = old.iter().filter(|window| window["address"] == "127.0.0.2").collect();
    assert_eq!(
        old.last().expect("a window")["complete"],
        false,
        "nobody is probed at the old address any more"
    );
}

#[test]
fn a_name_server_that_is_down_is_said_once_and_nobody_is_lost_by_it() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let folder = tempfile::tempdir().expect("a folder");
    let (hosts, servers) = (folder.path().join("hosts"), folder.path().join("resolv.conf"));
    fs::write(&hosts, "127.0.0.2 app.test\n").expect("a file");
    // Nobody listens there.
    fs::write(&servers, "nameserver 127.0.0.9\noptions timeout:1 attempts:1\n").expect("a file");
    let script = format!(
        "mount --bind '{}' /etc/hosts && mount --bind '{}' /etc/resolv.conf && \
         exec '{PATHJITTER}' run --no-trace --json --window 1s -i 50ms app=app.test",
        hosts.display(),
        servers.display()
    );
    let mut command = host.command("unshare");
    command.args(["--mount", "bash", "-c", &script]);
    let mut run = Guest::start(command);
    run.wait_for(|line| is_whole_window(line, "app"));
    fs::write(&hosts, "").expect("a file");
    run.signal("HUP");
    run.wait_for(|line| line.contains("\"resolve\"") && line.contains("\"severity\":\"warn"));
    // Twice, so that a second look-up has failed by then.
    run.wait_for(|line| is_whole_window(line, "app"));
    run.wait_for(|line| is_whole_window(line, "app"));
    fs::write(&hosts, "127.0.0.2 app.test\n").expect("a file");
    run.signal("HUP");
    run.wait_for(|line| line.contains("\"resolve\"") && line.contains("\"severity\":\"info"));
    run.signal("TERM");
    let report = read(&run.finish());
    let resolved = named(&report.events, "resolve");
    assert_eq!(
        resolved.len(),
        3,
        "where it points, that this can't be told, that it can again: {resolved:?}"
    );
    let windows = windows_of(&report.events, "app", "icmp");
    assert!(windows.iter().all(|window| window["address"] == "127.0.0.2"));
    assert_eq!(sum(&windows, "lost"), 0);
    assert_eq!(
        windows.iter().filter(|window| window["complete"] == false).count(),
        1,
        "the last one"
    );
}
