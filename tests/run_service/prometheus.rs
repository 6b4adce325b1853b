//! A real Prometheus scrapes a service, as text and as native histograms, and its quantiles are ours.

use std::process::Stdio;

use serde_json::Value;

use crate::served::{Sample, Served, cells, float};
use crate::support::{Guest, Host, Lab, Pair, slow_road_for_every_tenth_reply};
use crate::{is_whole_window, read, windows_of};

/// A Prometheus in the namespace of the test, which has no other user of the port.
struct Prometheus {
    _guest: Guest,
    _folder: tempfile::TempDir,
}

const ADDRESS: &str = "127.0.0.1:9090";

impl Prometheus {
    fn start(host: &Host, served: &Served, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n\
             scrape_configs: [{{job_name: pathjitter, static_configs: [{{targets: ['{}']}}]}}]\n",
            served.address
        );
        std::fs::write(&config, text).expect("a file");
        let mut command = host.command("prometheus");
        command.arg(format!("--config.file={}", config.display()));
        command.arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()));
        command.arg(format!("--web.listen-address={ADDRESS}")).args(more);
        command.stdin(Stdio::null());
        Self {
            _guest: Guest::start(command),
            _folder: folder,
        }
    }
}

/// Asks Prometheus; nothing where it does not answer yet.
fn query(expression: &str, time: Option<f64>) -> Option<Vec<(f64, Sample)>> {
    let at = time.map(|time| format!("&time={time}")).unwrap_or_default();
    let escaped: String = expression.bytes().fold(String::new(), |mut all, byte| {
        use std::fmt::Write as _;
        let _ = write!(all, "%{byte:02x}");
        all
    });
    let stream = std::net::TcpStream::connect(ADDRESS).ok()?;
    let reply = Served::reply(
        stream,
        &format!("GET /api/v1/query?query={escaped}{at} HTTP/1.0\r\nHost: x\r\n\r\n"),
    );
    let answer: Value = serde_json::from_slice(&reply.body).ok()?;
    assert_eq!(answer["status"], "success", "{answer}");
    let results = answer["data"]["result"].as_array().expect("a vector").iter();
    let read = results.map(|result| {
        let labels = result["metric"].as_object().expect("labels").iter();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let sample = Sample {
            name: expression.to_owned(),
            labels: labels.map(|(name, value)| (name.clone(), text(value))).collect(),
            value: text(&result["value"][1]).parse().expect("a number"),
        };
        (result["value"][0].as_f64().expect("a time"), sample)
    });
    Some(read.collect())
}

/// The 99th percentile as Prometheus has it, and as the windows that it has scraped by then have it, in seconds.
fn p99s(more: &[&str], histogram: &str) -> Option<(f64, f64)> {
    let lab = Lab::new()?;
    let (prober, backend) = (lab.host_of_this_thread("prober"), lab.host("backend"));
    let link = lab.link(&prober, &backend);
    let pair = Pair { prober, backend, link };
    // The 99th percentile is one of the slow replies.
    let (_flood, _) = slow_road_for_every_tenth_reply(&pair);
    let mut served = Served::start(&pair.prober, &format!("--window 1s -i 5ms app={}", pair.v4()));
    let _prometheus = Prometheus::start(&pair.prober, &served, more);
    // The stream waits for the clock, and this waits for the stream.
    let (time, scraped) = loop {
        served.run.wait_for(|line| is_whole_window(line, "app"));
        let counted = query("pathjitter_windows_total{target=\"app\"}", None);
        if let Some((time, sample)) = counted.and_then(|all| all.into_iter().next())
            && sample.value >= 3.0
        {
            break (time, sample.value);
        }
    };
    let quantile = format!("histogram_quantile(0.99, {histogram}{{target=\"app\"}})");
    let theirs = query(&quantile, Some(time)).expect("an answer");
    assert_eq!(theirs.len(), 1, "{theirs:?}");
    let up = query("up", Some(time)).expect("an answer");
    assert!(up.iter().all(|(_, sample)| (sample.value - 1.0).abs() < 1e-9), "{up:?}");
    served.run.signal("TERM");
    let report = read(&served.run.finish());
    let windows = windows_of(&report.events, "app", "icmp");
    let first = windows.iter().zip(0_u64..).take_while(|(_, n)| float(*n) < scraped);
    let mut all: Vec<(u64, u64)> = first.flat_map(|(window, _)| cells(window)).collect();
    all.sort_unstable();
    let total: u64 = all.iter().map(|(_, n)| n).sum();
    let rank = (total * 99).div_ceil(100);
    let mut seen = 0;
    let ours = all.iter().find(|(_, n)| {
        seen += n;
        seen >= rank
    });
    let (ours, _) = ours.expect("answers");
    Some((theirs[0].1.value, float(*ours) / 1e9))
}

#[test]
fn its_quantile_of_classic_buckets_is_ours_to_a_bucket() {
    let Some((theirs, ours)) = p99s(&[], "pathjitter_rtt_seconds_bucket") else {
        return;
    };
    // The true value lies in the bucket that Prometheus interpolates in; neighbours differ by less than the root of 2.
    assert!(ours > 0.01, "the slow road is slow: {ours} s");
    assert!((theirs / ours).log2().abs() <= 0.51, "{theirs} s, {ours} s");
}

#[test]
fn its_quantile_of_native_buckets_is_ours_to_a_bucket() {
    let native = ["--enable-feature=native-histograms"];
    let Some((theirs, ours)) = p99s(&native, "pathjitter_rtt_seconds") else {
        return;
    };
    assert!(ours > 0.01, "the slow road is slow: {ours} s");
    // 2^(1/16), and the width of a cell.
    assert!((theirs / ours).log2().abs() <= 1.02 / 16.0, "{theirs} s, {ours} s");
}
