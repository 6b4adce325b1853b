//! A real rsyslogd takes what a service sends, and mmjsonparse finds the JSON.

use std::path::Path;

use serde_json::Value;

use crate::support::{Guest, Host, Lab, Report};
use crate::{assert_stream, is_whole_window, read, running};

/// A message as rsyslogd has understood it.
#[derive(Debug)]
struct Message {
    severity: u64,
    facility: String,
    app: String,
    kind: String,
    event: Value,
}

/// An rsyslogd in the namespace of the test, which has no other user of the ports. What it takes is its standard output.
struct Rsyslogd {
    guest: Guest,
}

impl Rsyslogd {
    fn start(host: &Host, folder: &Path) -> Self {
        let (config, socket) = (folder.join("rsyslog.conf"), folder.join("log"));
        // The line feeds that rsyslogd sees are its own: ours are escaped in the JSON.
        let text = format!(
            r#"global(workDirectory="{folder}" maxMessageSize="64k" net.enableDNS="off" processInternalMessages="on")
module(load="imudp")
module(load="imtcp")
module(load="imuxsock" SysSock.Use="off")
module(load="mmjsonparse")
input(type="imudp" address="127.0.0.1" port="514")
input(type="imtcp" address="127.0.0.1" port="514")
input(type="imuxsock" Socket="{socket}" UseSpecialParser="off")
template(name="understood" type="string" string="%syslogseverity% %syslogfacility-text% %app-name% %msgid% %$!%\n")
action(type="mmjsonparse")
if $programname == "pathjitter" and $parsesuccess == "OK" then action(type="omfile" file="/dev/stdout" template="understood")
else action(type="omfile" file="/dev/stdout" template="RSYSLOG_SyslogProtocol23Format")
"#,
            folder = folder.display(),
            socket = socket.display(),
        );
        std::fs::write(&config, text).expect("a file");
        let mut command = host.command("rsyslogd");
        command.arg("-n").arg("-f").arg(&config);
        command.arg("-i").arg(folder.join("pid"));
        let mut guest = Guest::start(command);
        guest.wait_for(|line| line.contains("rsyslogd") && line.contains(" start"));
        Self { guest }
    }

    /// What it has taken up to the event of this kind.
    fn until(&mut self, kind: &str) -> Vec<Message> {
        self.guest
            .wait_for(|line| line.contains(&format!(" pathjitter {kind} ")));
        taken(self.guest.lines_seen())
    }

    /// Stops it, and returns all that it has taken.
    fn stop(self) -> Vec<Message> {
        self.guest.signal("TERM");
        let ended = self.guest.finish();
        assert_eq!(ended.code(), 0, "{}", ended.stderr);
        taken(&ended.stdout)
    }
}

/// The messages of the service: what could not be parsed fails the test.
fn taken(lines: &[String]) -> Vec<Message> {
    let ours = lines.iter().filter(|line| line.contains("pathjitter"));
    ours.map(|line| {
        let mut parts = line.splitn(5, ' ');
        let mut next = || parts.next().unwrap_or_else(|| panic!("no such form: {line}"));
        Message {
            severity: next().parse().unwrap_or_else(|_| panic!("not understood: {line}")),
            facility: next().to_owned(),
            app: next().to_owned(),
            kind: next().to_owned(),
            event: serde_json::from_str(next()).expect("JSON"),
        }
    })
    .collect()
}

/// The number of a severity by what the documentation says of events that a quiet run has.
fn severity(event: &Value) -> u64 {
    match event["event"].as_str().expect("a kind") {
        "error" => match event["severity"].as_str().expect("a severity") {
            "error" => 3,
            "warning" => 4,
            _ => 6,
        },
        "own_noise" if event["control_rtt_us"].is_null() => 6,
        "own_noise" | "window" | "series" | "path" | "probe" | "spike_start" | "spike_end" => 7,
        "level_shift" | "jittery" => 5,
        "degraded" if event["until"].is_null() => 5,
        "start" | "stop" | "degraded" | "incident_close" => 6,
        "incident_open" | "incident_update" => 4,
        other => panic!("a quiet run has no {other}"),
    }
}

/// rsyslogd has the events of the stream, each once and in order, with their headers.
fn assert_same(taken: &[Message], report: &Report) {
    let events: Vec<&Value> = taken.iter().map(|message| &message.event).collect();
    assert_eq!(events, report.events.iter().collect::<Vec<_>>());
    for message in taken {
        assert_eq!((&*message.facility, &*message.app), ("daemon", "pathjitter"));
        assert_eq!(message.event["event"], *message.kind);
        let is_incident = message.kind.starts_with("incident_");
        assert!(
            is_incident || message.severity == severity(&message.event),
            "{message:?}"
        );
    }
}

fn arrives_by(address: impl Fn(&Path) -> String) {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Rsyslogd::start(&host, folder.path());
    let args = format!(
        "--json --each -i 50ms --window 1s --duration 2500ms --syslog {} app=127.0.0.2",
        address(folder.path())
    );
    let report = read(&running(&host, &args).finish());
    assert_eq!(report.stderr, "");
    assert!(report.probes().len() >= 40 && report.windows().len() == 3);
    assert_same(&server.until("stop"), &report);
}

#[test]
fn each_event_arrives_over_udp() {
    arrives_by(|_| "udp://127.0.0.1:514".to_owned());
}

#[test]
fn each_event_arrives_over_tcp() {
    arrives_by(|_| "tcp://127.0.0.1:514".to_owned());
}

#[test]
fn each_event_arrives_over_a_socket_of_this_host() {
    arrives_by(|folder| format!("unix:{}/log", folder.display()));
}

#[test]
fn what_a_server_misses_while_it_is_restarted_waits_and_its_absence_is_said_once() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Rsyslogd::start(&host, folder.path());
    // Events come once a second, so that none is on its way when the server stops.
    let args = "--json -i 100ms --window 1s --syslog tcp://127.0.0.1:514 app=127.0.0.2";
    let mut run = running(&host, args);
    run.wait_for_many(2, |line| is_whole_window(line, "app"));
    server.until("window");
    server.until("window");
    let mut all = server.stop();
    run.wait_for_many(3, |line| is_whole_window(line, "app"));
    let mut server = Rsyslogd::start(&host, folder.path());
    run.wait_for_many(1, |line| is_whole_window(line, "app"));
    run.signal("TERM");
    let report = read(&run.finish());
    all.extend(server.until("stop"));
    assert_same(&all, &report);
    assert_stream(&all.iter().map(|message| message.event.clone()).collect::<Vec<_>>());
    assert_eq!(report.stderr.lines().count(), 1, "{}", report.stderr);
    assert!(report.stderr.contains("tcp://127.0.0.1:514"), "{}", report.stderr);
}

#[test]
fn what_there_was_no_room_for_is_counted_once_a_server_comes() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let folder = tempfile::tempdir().expect("a folder");
    let targets: Vec<String> = (2..42).map(|last| format!("127.0.0.{last}")).collect();
    let args = format!(
        "--json --each -i 10ms --window 1s --syslog tcp://127.0.0.1:514 {}",
        targets.join(" ")
    );
    let mut run = running(&host, &args);
    // A message of a probe has 500 bytes, so these are more than the 8 MiB that may wait.
    run.wait_for_many(20_000, |line| line.contains("\"probe\""));
    let mut server = Rsyslogd::start(&host, folder.path());
    run.wait_for(|line| line.contains("can be written again"));
    server.until("error");
    run.signal("TERM");
    let report = read(&run.finish());
    let taken = server.until("stop");
    let told = told_missing(&report.events);
    assert_eq!(taken.len() + told, report.events.len());
    assert!(told > 0, "there was room for all");
    let mut all = report.events.iter();
    let is_in_order = taken.iter().all(|message| all.any(|event| *event == message.event));
    assert!(is_in_order, "an event is there twice, or in another place");
}

/// How many events the stream says are missing at the server.
fn told_missing(events: &[Value]) -> usize {
    let told = events.iter().filter(|event| {
        event["message"]
            .as_str()
            .is_some_and(|text| text.contains("can be written again"))
    });
    let counts = told.map(|error| error["dropped_before"].as_u64().expect("a count"));
    usize::try_from(counts.sum::<u64>()).expect("few")
}

#[test]
fn a_server_that_never_comes_costs_no_probe_and_what_is_missing_is_said_at_the_end() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let args = "--json -i 20ms --window 1s --duration 2500ms --syslog tcp://127.0.0.1:514 app=127.0.0.2";
    let report = read(&running(&host, args).finish());
    assert_eq!(report.windows().len(), 3);
    let [first, last] = report.stderr.lines().collect::<Vec<_>>()[..] else {
        panic!("{}", report.stderr)
    };
    assert!(first.contains("measuring goes on"), "{first}");
    let count = report.events.len();
    assert!(last.contains(&format!(" {count} events are missing")), "{last}");
}

#[test]
fn rsyslogd_takes_the_example_of_the_documentation() {
    // Without it, what else misses it has said so.
    if Lab::new().is_none() {
        return;
    }
    let page = include_str!("../../docs/logs.md");
    let example = page.split("```text\n").nth(1).and_then(|rest| rest.split("```").next());
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("rsyslog.conf");
    std::fs::write(&config, example.expect("an example")).expect("a file");
    let ended = std::process::Command::new("/usr/sbin/rsyslogd")
        .args(["-N1", "-f"])
        .arg(&config)
        .output()
        .expect("rsyslogd is installed by `bash tests/run`");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && !said.contains("error"), "{said}");
}
