//! The metrics of `smokeping_prober` beside those of the prober itself, which runs for comparison.

use std::collections::BTreeSet;
use std::net::TcpStream;

use crate::is_whole_window;
use crate::served::{Sample, Served, samples};
use crate::support::{Guest, Lab};

/// In the namespace of the test, which has no other user of the port.
const ADDRESS: &str = "127.0.0.1:9374";

/// The name and the labels of a sample; bounds as numbers, since `5e-05` and `0.00005` are one.
fn identity(sample: &Sample) -> String {
    let labels = sample.labels.iter().map(|(name, value)| match value.parse::<f64>() {
        Ok(bound) if name == "le" => format!("le={bound}"),
        _ => format!("{name}={value}"),
    });
    format!("{} {}", sample.name, labels.collect::<Vec<_>>().join(" "))
}

/// What panels and rules use: all but what it says of itself, the TTL, and its last bucket.
fn of_interest(all: &[Sample]) -> BTreeSet<String> {
    let names = ["smokeping_requests", "smokeping_response_du"];
    let wanted = all
        .iter()
        .filter(|sample| names.iter().any(|name| sample.name.starts_with(name)));
    wanted.map(identity).filter(|it| !it.contains("le=26.2144")).collect()
}

/// The lines that say what the metrics are.
fn heads(text: &str) -> BTreeSet<&str> {
    let names = ["smokeping_requests", "smokeping_response_du"];
    text.lines()
        .filter(|line| line.starts_with("# TYPE") && names.iter().any(|name| line.contains(name)))
        .collect()
}

#[test]
fn names_labels_kinds_and_buckets_are_those_of_the_prober() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host_of_this_thread("alone");
    let mut ours = Served::start(&host, "--smokeping-metrics --window 1s -i 100ms 127.0.0.1:9");
    let mut command = host.command("prometheus-smokeping-prober");
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("none.yml");
    std::fs::write(&config, "targets: []\n").expect("a file");
    command.arg(format!("--config.file={}", config.display()));
    command.args(["--ping.interval=100ms", "--log.level=error"]);
    command.args([format!("--web.listen-address={ADDRESS}"), "127.0.0.1".to_owned()]);
    let _prober = Guest::start(command);
    // The stream waits for the clock, and this waits for the stream.
    let theirs = loop {
        ours.run.wait_for(|line| is_whole_window(line, "127.0.0.1"));
        let Ok(stream) = TcpStream::connect(ADDRESS) else {
            continue;
        };
        let text = Served::reply(stream, "GET /metrics HTTP/1.0\r\nHost: x\r\n\r\n").text();
        if text.contains("smokeping_response_duration_seconds_count") {
            break text;
        }
    };
    let text = ours.get("/metrics", "").text();
    assert_eq!(heads(&text), heads(&theirs));
    let expected = of_interest(&samples(&theirs));
    // 19 buckets and the infinite one, sum and count, requests, duplicates.
    assert_eq!(expected.len(), 24, "{expected:#?}");
    assert_eq!(of_interest(&samples(&text)), expected);

    // Everything was answered, and is said to be.
    let all = ours.scrape();
    let value = |name: &str| all.iter().find(|sample| sample.name == name).expect(name).value;
    let requests = value("smokeping_requests_total");
    assert!(requests >= 10.0, "{requests}");
    assert!((requests - value("smokeping_response_duration_seconds_count")).abs() < 1e-9);
    ours.run.signal("TERM");
    assert_eq!(ours.run.finish().code(), 0);
}
