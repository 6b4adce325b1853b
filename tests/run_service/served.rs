//! What a service serves over HTTP: the same figures as its stream, and nothing that a client can do it harm with.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::{Guest, Host, Lab, Listener, PATHJITTER};
use crate::{OPEN, is_whole_window, read, running};

/// A service and where it serves.
pub(crate) struct Served {
    pub(crate) run: Guest,
    pub(crate) address: SocketAddr,
}

/// What was answered.
pub(crate) struct Reply {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

/// A sample of a scrape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
}

impl Served {
    /// `pathjitter run` with these arguments, serving at a port of the system's choice. The thread of the test must be on that host.
    pub(crate) fn start(host: &Host, args: &str) -> Self {
        let mut run = running(host, &format!("--json --listen 127.0.0.1:0 {args}"));
        let line = run.wait_for(|line| line.contains("\"start\""));
        let (_, rest) = line.split_once("serves http://").expect(line);
        let address = rest.split('/').next().expect("a path").parse().expect(rest);
        Self { run, address }
    }

    /// Asks for a page.
    pub(crate) fn get(&self, path: &str, headers: &str) -> Reply {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n{headers}\r\n"))
    }

    /// Sends this, and reads until the other side closes.
    pub(crate) fn ask(&self, request: &str) -> Reply {
        Self::reply(self.connect(), request)
    }

    /// The same over any connection.
    pub(crate) fn reply(mut stream: TcpStream, request: &str) -> Reply {
        // Who is turned away may find the connection closed while it still speaks.
        let _ = stream.write_all(request.as_bytes());
        Reply::read(stream)
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("somebody listens");
        stream
            .set_read_timeout(Some(Duration::from_mins(1)))
            .expect("a timeout");
        stream
    }

    /// All samples, as text.
    pub(crate) fn scrape(&self) -> Vec<Sample> {
        let reply = self.get("/metrics", "");
        assert_eq!(reply.status, 200);
        samples(&reply.text())
    }
}

impl Reply {
    fn read(mut stream: TcpStream) -> Self {
        let mut all = Vec::new();
        // A reset ends the answer as an end does.
        let _ = stream.read_to_end(&mut all);
        let end = all.windows(4).position(|four| four == b"\r\n\r\n");
        let body = end.map(|end| all.split_off(end + 4)).unwrap_or_default();
        let head = String::from_utf8_lossy(&all).to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        Self {
            status: status.unwrap_or(0),
            head,
            body,
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }
}

/// Reads the text format; no value of a label here has a comma or a quote in it.
pub(crate) fn samples(text: &str) -> Vec<Sample> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let read = lines.map(|line| {
        let (head, value) = line.rsplit_once(' ').expect("a value");
        let (name, labels) = head.split_once('{').unwrap_or((head, "}"));
        let labels = labels
            .trim_end_matches('}')
            .split(',')
            .filter(|label| !label.is_empty());
        let labels = labels.map(|label| {
            let (key, value) = label.split_once('=').expect("a label");
            (key.to_owned(), value.trim_matches('"').to_owned())
        });
        Sample {
            name: name.to_owned(),
            labels: labels.collect(),
            value: value.parse().expect("a number"),
        }
    });
    read.collect()
}

/// The samples of this name about this target by this protocol.
fn about<'a>(
    samples: &'a [Sample],
    name: &'a str,
    target: &'a str,
    proto: &'a str,
) -> impl Iterator<Item = &'a Sample> {
    samples.iter().filter(move |sample| {
        sample.name == name && sample.labels["target"] == target && sample.labels["proto"] == proto
    })
}

fn value(samples: &[Sample], name: &str, target: &str, proto: &str) -> f64 {
    let found: Vec<_> = about(samples, name, target, proto).collect();
    assert_eq!(found.len(), 1, "{name} of {target} by {proto}");
    found[0].value
}

fn global(samples: &[Sample], name: &str) -> f64 {
    let found: Vec<_> = samples.iter().filter(|sample| sample.name == name).collect();
    assert_eq!(found.len(), 1, "{name}");
    found[0].value
}

/// A count as a scrape has it.
#[expect(clippy::cast_precision_loss, reason = "counts of a few seconds")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

fn count(window: &Value, key: &str) -> u64 {
    window[key].as_u64().unwrap_or_else(|| panic!("no {key} in {window}"))
}

/// The cells of a window: lower edge in ns, count.
pub(crate) fn cells(window: &Value) -> Vec<(u64, u64)> {
    let numbers = |key: &str| -> Vec<u64> {
        let list = window["rtt_hist_ns"][key].as_array().expect("a list");
        list.iter().map(|number| number.as_u64().expect("a count")).collect()
    };
    numbers("values").into_iter().zip(numbers("counts")).collect()
}

/// Each counter of a series is the sum over the first windows of the stream, as many as it says it has.
#[expect(clippy::float_cmp, reason = "counts are whole numbers")]
fn assert_agree(samples: &[Sample], windows: &[&Value], target: &str, proto: &str) {
    let of = |name: &str| value(samples, name, target, proto);
    let counted = of("pathjitter_windows_total");
    let place = windows.iter().zip(0_u64..).take_while(|(_, n)| float(*n) < counted);
    let counted_windows: Vec<&Value> = place.map(|(window, _)| *window).collect();
    assert!(counted_windows.len() >= 3, "{target} by {proto}: {counted} windows");
    assert_eq!(float(counted_windows.len() as u64), counted);
    let sum = |key: &str| float(counted_windows.iter().map(|window| count(window, key)).sum());
    for (name, key) in [
        ("probes_sent", "sent"),
        ("probes_received", "received"),
        ("duplicates", "duplicate"),
        ("reordered", "reordered"),
        ("late_after_close", "late_after_close"),
        ("stamps_lost", "stamps_lost"),
    ] {
        assert_eq!(
            of(&format!("pathjitter_{name}_total")),
            sum(key),
            "{key} of {target} by {proto}"
        );
    }
    let failed: BTreeMap<&str, f64> = about(samples, "pathjitter_probes_failed_total", target, proto)
        .map(|sample| (sample.labels["outcome"].as_str(), sample.value))
        .collect();
    let outcomes = [
        "lost",
        "late",
        "refused",
        "reset",
        "prohibited",
        "send_error",
        "unjudged",
    ];
    let mut expected: BTreeMap<&str, f64> = outcomes.into_iter().map(|key| (key, sum(key))).collect();
    expected.insert("unreachable", sum("unreachable") - sum("prohibited"));
    assert_eq!(failed, expected, "{target} by {proto}");
    let all: Vec<(u64, u64)> = counted_windows.iter().flat_map(|window| cells(window)).collect();
    let answered: u64 = all.iter().map(|(_, n)| n).sum();
    assert_eq!(of("pathjitter_rtt_seconds_count"), float(answered));
    let buckets: Vec<_> = about(samples, "pathjitter_rtt_seconds_bucket", target, proto).collect();
    assert_eq!(buckets.len(), 42);
    for bucket in buckets {
        let bound_ns: f64 = bucket.labels["le"].parse::<f64>().expect("a bound") * 1e9;
        let below = all.iter().filter(|(edge, _)| float(*edge) <= bound_ns * (1.0 + 1e-12));
        let below: u64 = below.map(|(_, n)| n).sum();
        assert_eq!(bucket.value, float(below), "{bucket:?}");
    }
}

#[test]
fn every_counter_agrees_with_the_stream() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host_of_this_thread("alone");
    let _listener = Listener::open(&host, OPEN);
    // One answers, one refuses SYNs, and one falls silent.
    let targets = format!("up=127.0.0.2:{OPEN} closed=127.0.0.3:81 silent=127.0.0.4");
    let mut served = Served::start(
        &host,
        &format!("--window 1s -i 20ms --tcp-interval 50ms -W 300ms {targets}"),
    );
    assert_eq!(served.get("/-/healthy", "").status, 200);
    served.run.wait_for(|line| is_whole_window(line, "silent"));
    host.nft("table ip t { chain c { type filter hook input priority 0; ip daddr 127.0.0.4 drop; }; }");
    served
        .run
        .wait_for(|line| line.contains("incident_open") && line.contains("\"targets\":[\"silent\"]"));
    served.run.wait_for_many(4, |line| is_whole_window(line, "silent"));
    let read_before = served.run.lines_seen().to_vec();
    let samples = served.scrape();
    assert_eq!(served.get("/-/ready", "").status, 200);
    let status: Value = serde_json::from_slice(&served.get("/api/v1/status", "").body).expect("JSON");
    let opened = read_before.iter().filter(|line| line.contains("incident_open")).count();
    served.run.signal("TERM");
    let report = read(&served.run.finish());
    for (target, proto) in [
        ("up", "icmp"),
        ("up", "tcp"),
        ("closed", "icmp"),
        ("closed", "tcp"),
        ("silent", "icmp"),
    ] {
        let windows = crate::windows_of(&report.events, target, proto);
        assert_agree(&samples, &windows, target, proto);
    }
    let refused = about(&samples, "pathjitter_probes_failed_total", "closed", "tcp");
    assert!(
        refused
            .into_iter()
            .any(|sample| sample.labels["outcome"] == "refused" && sample.value > 0.0)
    );
    // Lines that were read before the scrape are counted in it; others may be.
    let counted = global(&samples, "pathjitter_incidents_opened_total");
    let all = report
        .events
        .iter()
        .filter(|event| event["event"] == "incident_open")
        .count();
    assert!(
        counted >= 1.0 && counted <= float(all as u64),
        "{counted} of {opened} to {all}"
    );
    assert_eq!(status["ready"], true);
    assert_eq!(status["run_id"], report.events[0]["run_id"]);
    assert_eq!(status["targets"].as_array().map(Vec::len), Some(5));
    let silent = status["targets"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|row| row["target"] == "silent");
    let silent = silent.expect("a row");
    assert_eq!(
        [&silent["state"], &silent["last_window"]["loss_ratio"]],
        [&Value::from("degraded"), &Value::from(1.0)]
    );
    let ids = |event: &Value| event["incident_id"].clone();
    let told: Vec<_> = report
        .events
        .iter()
        .filter(|event| event["event"] == "incident_open")
        .map(ids)
        .collect();
    let open = status["incidents"].as_array().expect("a list");
    assert!(
        !open.is_empty() && open.iter().all(|incident| told.contains(&ids(incident))),
        "{open:?}"
    );
}

#[test]
fn clients_that_are_slow_many_or_wrong_are_sent_away_and_cost_no_probe() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host_of_this_thread("alone");
    let mut served = Served::start(&host, "--window 1s -i 10ms app=127.0.0.2");
    // All places are taken by clients that never come to an end.
    let mut slow: Vec<TcpStream> = (0..64)
        .map(|_| {
            let mut stream = served.connect();
            stream
                .write_all(b"GET /metrics HTTP/1.1\r\nX-Slow: ")
                .expect("a connection");
            stream
        })
        .collect();
    let turned_away = served.get("/-/healthy", "");
    assert!([0, 503].contains(&turned_away.status), "{}", turned_away.head);
    // They are closed when their time is over: who waits for all of them to be closed has waited for that.
    for stream in &mut slow {
        let _ = stream.read_to_end(&mut Vec::new());
    }
    drop(slow);
    assert_eq!(served.get("/-/healthy", "").status, 200, "there is room again");
    let huge = format!("X-Huge: {}\r\n", "x".repeat(20_000));
    let many = "X-Many: 1\r\n".repeat(1_000);
    for headers in [&huge, &many] {
        let reply = served.get("/metrics", headers);
        assert!([0, 400, 431].contains(&reply.status), "{}", reply.head);
    }
    let nonsense = served.ask("\u{0}\u{1}nonsense\r\n\r\n");
    assert!([0, 400].contains(&nonsense.status), "{}", nonsense.head);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "NONSENSE"] {
        let reply = served.ask(&format!(
            "{method} /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
        ));
        assert_eq!(reply.status, 405, "{method}");
        assert!(reply.head.contains("allow: get, head"), "{}", reply.head);
    }
    for path in ["/", "/metricsx", "/metrics/", "/../metrics", "/%2e%2e/etc/passwd"] {
        assert_eq!(served.get(path, "").status, 404, "{path}");
    }
    let head = served.ask("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(head.status == 200 && head.body.is_empty() && head.head.contains("content-length: "));
    served.run.wait_for(|line| is_whole_window(line, "app"));
    served.run.signal("TERM");
    let report = read(&served.run.finish());
    let windows = crate::windows_of(&report.events, "app", "icmp");
    let [sent, received] = ["sent", "received"].map(|key| crate::sum(&windows, key));
    assert!(sent > 400 && sent == received, "{received} of {sent}");
}

#[test]
fn it_is_ready_when_a_window_is_over_and_an_address_in_use_is_said_before_anything_is_sent() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host_of_this_thread("alone");
    let mut served = Served::start(&host, "--window 5s -i 100ms app=127.0.0.2");
    assert_eq!(served.get("/-/ready", "").status, 503);
    let mut second = host.command(PATHJITTER);
    second.args(["run", "--json", "127.0.0.2", "--listen", &served.address.to_string()]);
    let second = Guest::start(second).finish();
    assert_eq!(second.code(), 2);
    assert_eq!(second.stdout, [""; 0]);
    assert_eq!(second.stderr.lines().count(), 1, "{}", second.stderr);
    assert!(second.stderr.contains(&served.address.to_string()) && second.stderr.contains("in use"));
    served.run.wait_for(|line| is_whole_window(line, "app"));
    assert_eq!(served.get("/-/ready", "").status, 200);
}

#[test]
fn promtool_finds_nothing_wrong_with_a_scrape() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host_of_this_thread("alone");
    let mut served = Served::start(&host, "--window 1s -i 50ms app=127.0.0.2:81");
    served.run.wait_for(|line| is_whole_window(line, "app"));
    let mut promtool = Command::new("promtool");
    promtool.args(["check", "metrics"]);
    promtool
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut promtool = promtool.spawn().expect("promtool, of the package prometheus");
    let scrape = served.get("/metrics", "").body;
    promtool
        .stdin
        .take()
        .expect("a pipe")
        .write_all(&scrape)
        .expect("promtool reads");
    let checked = promtool.wait_with_output().expect("its end");
    let said = String::from_utf8_lossy(&checked.stderr) + String::from_utf8_lossy(&checked.stdout);
    assert!(checked.status.success() && said.is_empty(), "{said}");
}
