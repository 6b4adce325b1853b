//! Rights that sockets were opened with, given up by every thread.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::support::{Guest, Host, Lab, PATHJITTER, Report, has_other_users};
use crate::{is_whole_window, read, running};

/// A target that answers by both protocols: echoes, and a port that is closed.
const ARGS: &str = "--json --window 1s -i 100ms --tcp-interval 400ms app=127.0.0.2:9";

/// What each thread of a process may do, by the kernel's account.
fn statuses(id: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{id}/task")).expect("a process");
    let status = |task: &Path| fs::read_to_string(task.join("status")).expect("a thread");
    tasks.map(|task| status(&task.expect("a thread").path())).collect()
}

/// Waits until the service measures, asserts that it has no rights left, and ends it.
fn assert_that_nothing_is_left(mut run: Guest) -> Report {
    // By the third window, TCP answers were listened for, not listened for, and listened for again.
    run.wait_for_many(3, |line| is_whole_window(line, "app") && line.contains("\"tcp\""));
    let statuses = statuses(run.id());
    // This one, the packets, the writer; HTTP and outputs beside, where they are asked for.
    assert!(statuses.len() >= 3, "{statuses:#?}");
    for status in &statuses {
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert!(
                status.contains(&format!("{set}:\t0000000000000000\n")),
                "{set} of {status}"
            );
        }
        assert!(status.contains("NoNewPrivs:\t1\n"), "{status}");
    }
    run.signal("TERM");
    let report = read(&run.finish());
    for window in report.events.iter().filter(|event| event["event"] == "window") {
        assert_eq!(window["stamp"], "kernel", "raw sockets were opened: {window}");
        assert_eq!(
            (&window["lost"], &window["send_error"]),
            (&Value::from(0), &Value::from(0)),
            "{window}"
        );
    }
    report
}

#[test]
fn root_keeps_no_rights_in_any_thread() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    assert_that_nothing_is_left(running(
        &host,
        &format!("--listen 127.0.0.1:0 --syslog udp://127.0.0.1:514 {ARGS}"),
    ));
}

#[test]
fn a_program_marked_by_setcap_uses_its_rights_and_gives_them_up() {
    let Some(lab) = Lab::new().filter(|_| has_other_users()) else {
        return;
    };
    let host = lab.host("alone");
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("pathjitter");
    fs::copy(PATHJITTER, &program).expect("a copy");
    host.sh(&format!("chmod 755 {} {}", folder.path().display(), program.display()));
    // With and without the bit that makes them effective at once.
    for flags in ["ep", "p"] {
        host.sh(&format!(
            "setcap cap_net_raw,cap_net_admin+{flags} {}",
            program.display()
        ));
        assert_that_nothing_is_left(host.spawn_sh(&format!(
            "exec setpriv --reuid 65534 --regid 65534 --clear-groups {} run --no-trace {ARGS}",
            program.display()
        )));
    }
}

#[test]
fn ambient_rights_of_an_ordinary_user_are_used_and_given_up() {
    let Some(lab) = Lab::new().filter(|_| has_other_users()) else {
        return;
    };
    let host = lab.host("alone");
    assert_that_nothing_is_left(as_user_with_ambient_rights(&host));
}

fn as_user_with_ambient_rights(host: &Host) -> Guest {
    host.spawn_sh(&format!(
        "exec 9<'{PATHJITTER}' && exec setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all,+net_raw,+net_admin \
         --ambient-caps=-all,+net_raw,+net_admin /proc/self/fd/9 run --no-trace {ARGS}"
    ))
}

#[test]
fn targets_of_another_family_that_a_reload_brings_are_probed_after_all() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("config.toml");
    fs::write(&config, "[[target]]\ntarget = \"old=127.0.0.2\"\n").expect("a file");
    let mut run = running(&host, &format!("--json --window 1s -c {}", config.display()));
    run.wait_for(|line| is_whole_window(line, "old"));
    fs::write(&config, "[[target]]\ntarget = \"new=[::1]:9\"\n").expect("a file");
    run.signal("HUP");
    run.wait_for(|line| is_whole_window(line, "new") && line.contains("\"tcp\""));
    run.signal("TERM");
    let report = read(&run.finish());
    for window in report.events.iter().filter(|event| event["event"] == "window") {
        assert_eq!(window["stamp"], "kernel", "{window}");
    }
}
