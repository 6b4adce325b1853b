//! The end of a ping: first the lines that scripts have parsed for decades, then what they never said.

use std::fmt::Write as _;

use crate::outcome::StampSource;
use crate::report::text::{decimals, millis, millis_of_micros};
use crate::report::window::WindowReport;
use crate::series::Endpoint;
use crate::stats::{RttSummary, Summary};

pub(super) fn lines(who: &str, report: &WindowReport<'_>) -> String {
    let summary = report.summary;
    let what = match report.series.endpoint {
        Endpoint::Icmp => "ICMP ping".to_owned(),
        Endpoint::Tcp(port) => format!("TCP port {port} ping"),
        Endpoint::Udp(port) => format!("UDP port {port} ping"),
    };
    let flow = match report.series.flow {
        0 => String::new(),
        flow => format!(", flow {flow}"),
    };
    let mut text = format!("--- {who} {what} statistics{flow} ---\n");
    let parts = [
        Some(packets(report)),
        rtt(summary),
        loss(summary),
        quantiles(summary),
        jitter(summary),
        others(summary),
        host(report),
    ];
    for line in parts.into_iter().flatten() {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// In the words of `ping`. Its loss counts all that is not a reply; ours counts what was never answered, so refusals and
/// unreachables stand beside it as errors.
fn packets(report: &WindowReport<'_>) -> String {
    let counts = &report.summary.counts;
    let mut text = format!("{} packets transmitted, {} received", counts.sent, counts.received);
    // Writing to a string never fails, here and below.
    if counts.duplicate > 0 {
        let _ = write!(text, ", +{} duplicates", counts.duplicate);
    }
    let errors = counts
        .refused
        .saturating_add(counts.reset)
        .saturating_add(counts.unreachable);
    if errors > 0 {
        let _ = write!(text, ", +{errors} errors");
    }
    if let Some(loss) = report.summary.loss {
        let _ = write!(text, ", {}% packet loss", short_percent(loss.ratio));
    }
    let _ = write!(text, ", time {}ms", report.length.as_millis());
    text
}

fn rtt(summary: &Summary) -> Option<String> {
    let rtt = summary.rtt.as_ref()?;
    let (min, max) = (millis(rtt.min), millis(rtt.max));
    let (mean, mdev) = (millis_of_micros(rtt.mean_us), millis_of_micros(rtt.mdev_us));
    Some(format!("rtt min/avg/max/mdev = {min}/{mean}/{max}/{mdev} ms"))
}

fn loss(summary: &Summary) -> Option<String> {
    let loss = summary.loss?;
    let digits = decimals(loss.high, 2);
    let percent = |ratio: f64| format!("{:.digits$}", ratio * 100.0);
    let mut text = format!(
        "loss {} %, 95 % interval {} to {} %",
        percent(loss.ratio),
        percent(loss.low),
        percent(loss.high)
    );
    if summary.loss_burst_max > 1 {
        let _ = write!(text, ", up to {} in a row", summary.loss_burst_max);
    }
    Some(text)
}

fn quantiles(summary: &Summary) -> Option<String> {
    let rtt = summary.rtt.as_ref()?;
    let [p50, p90, p99, p999] = [rtt.p50, rtt.p90, rtt.p99, rtt.p999].map(millis);
    let stamps = match summary.stamp {
        StampSource::Kernel => "kernel stamps",
        StampSource::TcpInfo => "the kernel's handshake time",
        StampSource::User => "user-space stamps, which include delays of this host",
    };
    Some(format!(
        "rtt p50/p90/p99/p99.9 = {p50}/{p90}/{p99}/{p999} ms ({stamps})"
    ))
}

fn jitter(summary: &Summary) -> Option<String> {
    let jitter = summary.jitter_rfc3550_us?;
    let mut text = format!("jitter {} ms (RFC 3550)", millis_of_micros(jitter));
    if let Some(ipdv) = summary.ipdv {
        let _ = write!(
            text,
            ", from probe to probe p50/p99 = {}/{} ms (IPDV)",
            millis(ipdv.p50),
            millis(ipdv.p99)
        );
    }
    Some(text)
}

/// Outcomes other than a reply in time or a loss, where there are any.
fn others(summary: &Summary) -> Option<String> {
    let counts = &summary.counts;
    let mut parts = Vec::new();
    if counts.refused > 0 {
        parts.push(format!(
            "{} refused{}",
            counts.refused,
            refusal_time(summary.refused_rtt.as_ref())
        ));
    }
    let unreachable = match counts.prohibited {
        0 => "unreachable".to_owned(),
        n => format!("unreachable ({n} of them prohibited by policy)"),
    };
    let listed: [(u64, &str); 7] = [
        (counts.reset, "reset"),
        (counts.unreachable, &unreachable),
        (counts.late, "late"),
        (counts.late_after_close, "too late to count"),
        (counts.duplicate, "duplicate"),
        (counts.reordered, "reordered"),
        (counts.unjudged, "not judged"),
    ];
    parts.extend(
        listed
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}")),
    );
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn refusal_time(refused: Option<&RttSummary>) -> String {
    refused.map_or_else(String::new, |rtt| {
        format!(" (p50/p99 = {}/{} ms)", millis(rtt.p50), millis(rtt.p99))
    })
}

fn host(report: &WindowReport<'_>) -> Option<String> {
    let noise = report.host_noise()?;
    let effect = if report.self_noise() {
        "disturbed the measurement"
    } else {
        "was slow"
    };
    Some(format!("this host {effect}: {noise}"))
}

/// Percent in the fewest digits, as `ping` prints its loss: six significant ones, more or less.
fn short_percent(ratio: f64) -> String {
    let percent = ratio * 100.0;
    let digits = if percent >= 1.0 {
        format!("{percent:.4}")
    } else {
        format!("{percent:.6}")
    };
    digits.trim_end_matches('0').trim_end_matches('.').to_owned()
}
