//! A real server of NATS keeps what services publish, and `correlate` judges it.

use std::path::Path;
use std::process::Command;

use async_nats::ConnectOptions;
use async_nats::jetstream::{self, consumer::pull::OrderedConfig};
use futures_util::StreamExt as _;
use serde_json::Value;

use crate::support::{Finished, Guest, Host, Lab, PATHJITTER, Report};
use crate::{is_whole_window, read, running};

/// In the namespace of a test it has no other user.
const SERVER: &str = "127.0.0.1:4222";

/// A server that keeps its streams in a folder, and asks for what further arguments say. It is killed when it is dropped.
fn server(host: &Host, folder: &Path, who: &[&str]) -> Guest {
    let mut command = host.command("nats-server");
    command.args(["-a", "127.0.0.1", "-p", "4222", "-js", "-l", "/dev/stdout", "-sd"]);
    let mut server = Guest::start({
        command.arg(folder).args(who);
        command
    });
    server.wait_for(|line| line.contains("Server is ready"));
    server
}

/// Lets in who has this name and password.
const LB1: [&str; 4] = ["--user", "lb1", "--pass", "s3cret"];

/// What the stream holds, read by the server's own client on a thread of this namespace.
fn published() -> Vec<Value> {
    let all = async {
        let options = ConnectOptions::with_user_and_password("lb1".to_owned(), "s3cret".to_owned());
        let context = jetstream::new(options.connect(SERVER).await.expect("the server"));
        let stream = context.get_stream("PATHJITTER").await.expect("the stream");
        let consumer = stream
            .create_consumer(OrderedConfig::default())
            .await
            .expect("a consumer");
        let mut messages = consumer.messages().await.expect("messages");
        let mut text = Vec::new();
        loop {
            let message = messages.next().await.expect("no end").expect("a message");
            assert_eq!(&*message.subject, "pathjitter.lb1");
            text.extend_from_slice(&message.payload);
            if message.info().expect("of JetStream").pending == 0 {
                return text;
            }
        }
    };
    let text = String::from_utf8(block_on(all)).expect("text");
    assert!(text.ends_with('\n'), "half a line");
    let parsed = text.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    parsed.collect()
}

/// Publishes logs as their vantages would: some lines of the one, some of the other.
fn publish(logs: &[(&str, &[&str])]) {
    let all = async {
        let context = jetstream::new(async_nats::connect(SERVER).await.expect("the server"));
        let parts = |lines: &[&str]| lines.chunks(40).map(<[&str]>::concat).collect::<Vec<_>>();
        let parts: Vec<(&str, Vec<String>)> = logs.iter().map(|(name, lines)| (*name, parts(lines))).collect();
        let longest = parts.iter().map(|(_, parts)| parts.len()).max().unwrap_or_default();
        for at in 0..longest {
            for (vantage, parts) in &parts {
                let Some(part) = parts.get(at) else { continue };
                let sent = context
                    .publish(format!("pathjitter.{vantage}"), part.clone().into())
                    .await;
                sent.expect("sent").await.expect("stored");
            }
        }
    };
    block_on(all);
}

fn block_on<T>(what: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(what)
}

fn correlate(host: &Host, args: &[&str]) -> Command {
    let mut command = host.command(PATHJITTER);
    command.args(["correlate", "--json"]).args(args);
    command
}

/// The incidents of a run of `correlate` that ended well, each as it was told, but for who told it.
fn incidents(ended: &Finished) -> Vec<Value> {
    assert_eq!((ended.code(), ended.stderr.as_str()), (0, ""));
    let events = Report::read(ended).events;
    let of_incidents = events.into_iter().filter(|event| {
        let name = event["event"].as_str().expect("a name");
        name.starts_with("incident_")
    });
    of_incidents
        .map(|mut event| {
            let members = event.as_object_mut().expect("an object");
            members.remove("run_id");
            // It begins with the run.
            members.remove("incident_id");
            event
        })
        .collect()
}

/// The stream is made by whoever comes first, and holds nothing then.
fn make_stream(host: &Host) {
    let nothing = Guest::start(correlate(host, &["--nats", "nats://127.0.0.1:4222"])).finish();
    assert_eq!(incidents(&nothing), [] as [Value; 0]);
}

/// Whether a line is an incident that both vantages saw.
fn is_shared_incident(line: &str) -> bool {
    line.contains("\"incident_") && line.contains("\"vantages\":[\"demo\",\"lb2\"]")
}

/// What a demonstration wrote, as two vantages that saw the same.
fn two_logs(folder: &Path) -> [String; 2] {
    let path = folder.join("demo.ndjson");
    let mut command = Command::new(PATHJITTER);
    command.args(["demo", "--virtual-time", "--json", "--each", "lossy-uplink"]);
    let log = Guest::start(command).finish().expect_success();
    std::fs::write(&path, &log).expect("a file");
    let other = log.replace("\"vantage\":\"demo\"", "\"vantage\":\"lb2\"");
    std::fs::write(folder.join("lb2.ndjson"), &other).expect("a file");
    [log, other]
}

#[test]
fn all_is_there_once_and_in_order_after_the_server_was_killed_and_came_back() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host_of_this_thread("alone");
    let folder = tempfile::tempdir().expect("a folder");
    let first = server(&host, folder.path(), &LB1);
    let args =
        "--json --each -i 20ms --window 1s --vantage lb1 --publish nats://lb1:s3cret@127.0.0.1:4222 app=127.0.0.2";
    let mut run = running(&host, args);
    run.wait_for_many(2, |line| is_whole_window(line, "app"));
    drop(first);
    run.wait_for_many(3, |line| is_whole_window(line, "app"));
    let _second = server(&host, folder.path(), &LB1);
    run.wait_for_many(2, |line| is_whole_window(line, "app"));
    run.signal("TERM");
    let report = read(&run.finish());
    assert!(report.probes().len() > 300, "{}", report.probes().len());
    assert_eq!(published(), report.events);
    assert_eq!(report.stderr.lines().count(), 1, "{}", report.stderr);
    assert!(
        report.stderr.contains("NATS at nats://127.0.0.1:4222"),
        "{}",
        report.stderr
    );
}

#[test]
fn a_server_that_never_comes_costs_no_probe_and_what_is_missing_is_said_at_the_end() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let args = "--json -i 20ms --window 1s --duration 2500ms --publish nats://lb1:s3cret@127.0.0.1:4222 app=127.0.0.2";
    let report = read(&running(&host, args).finish());
    let windows = report.windows();
    assert_eq!(
        (
            windows.len(),
            windows.iter().map(|window| window.count("lost")).sum::<u64>()
        ),
        (3, 0)
    );
    let [first, last] = report.stderr.lines().collect::<Vec<_>>()[..] else {
        panic!("{}", report.stderr)
    };
    assert!(first.contains("measuring goes on"), "{first}");
    let count = report.events.len();
    assert!(last.contains(&format!(" {count} events are missing")), "{last}");
    assert!(!report.stderr.contains("s3cret"), "{}", report.stderr);
}

#[test]
fn what_two_vantages_published_is_judged_as_their_logs_are() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host_of_this_thread("alone");
    let folder = tempfile::tempdir().expect("a folder");
    let _server = server(&host, folder.path(), &[]);
    let [log, other] = two_logs(folder.path());
    make_stream(&host);
    let [lines, others] = [&log, &other].map(|log| log.split_inclusive('\n').collect::<Vec<_>>());
    publish(&[("demo", &lines), ("lb2", &others)]);

    let files = ["demo.ndjson", "lb2.ndjson"].map(|name| folder.path().join(name).display().to_string());
    let by_files = incidents(&Guest::start(correlate(&host, &[&files[0], &files[1]])).finish());
    let by_bus = incidents(&Guest::start(correlate(&host, &["--nats", "nats://127.0.0.1:4222"])).finish());
    assert_eq!(by_bus, by_files);
    let closed = by_bus.last().expect("an incident");
    assert_eq!(closed["vantages"], serde_json::json!(["demo", "lb2"]));
    assert_eq!(closed["suspect"]["address"], "10.10.1.1");

    // Published just now, though the lines are of long ago.
    let since = ["--nats", "nats://127.0.0.1:4222", "--since", "1h"];
    assert_eq!(incidents(&Guest::start(correlate(&host, &since)).finish()), by_files);
}

#[test]
fn who_follows_the_bus_goes_on_after_the_server_was_killed_and_came_back() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host_of_this_thread("alone");
    let folder = tempfile::tempdir().expect("a folder");
    let first = server(&host, folder.path(), &[]);
    let [log, other] = two_logs(folder.path());
    let [lines, others] = [&log, &other].map(|log| log.split_inclusive('\n').collect::<Vec<_>>());
    make_stream(&host);
    let mut following = Guest::start(correlate(&host, &["--follow", "--nats", "nats://127.0.0.1:4222"]));
    // The incident is open at the one, and not yet at the other.
    let open = lines
        .iter()
        .position(|line| line.contains("\"incident_open\""))
        .expect("an incident");
    let cut = usize::midpoint(open, lines.len());
    publish(&[("demo", &lines[..cut]), ("lb2", &others[..open])]);
    following.wait_for(|line| line.contains("\"incident_open\""));
    drop(first);
    let _second = server(&host, folder.path(), &[]);
    publish(&[("demo", &lines[cut..]), ("lb2", &others[open..])]);
    following.wait_for(is_shared_incident);
    following.signal("INT");
    assert_eq!(following.finish().code(), 0);
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let ended = Guest::start(correlate(&host, &["--nats", "nats://u:s3cret@127.0.0.1:4222"])).finish();
    assert_eq!(ended.code(), 2);
    assert!(
        ended.stderr.contains("NATS at nats://127.0.0.1:4222"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
}

#[test]
fn who_is_not_let_in_is_told_so_and_a_token_lets_in() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let folder = tempfile::tempdir().expect("a folder");
    let _server = server(&host, folder.path(), &["--auth", "t0ken"]);
    let ended = Guest::start(correlate(&host, &["--nats", "nats://wr0ng@127.0.0.1:4222"])).finish();
    assert_eq!(ended.code(), 2);
    assert!(ended.stderr.contains("authorization"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("wr0ng"), "{}", ended.stderr);
    let nothing = Guest::start(correlate(&host, &["--nats", "nats://t0ken@127.0.0.1:4222"])).finish();
    assert_eq!(incidents(&nothing), [] as [Value; 0]);
}
