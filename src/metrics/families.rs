//! The names of all metrics, what kind each is, and a sentence on how to read it. `docs/metrics.md` is held against this table.

use prometheus_client::metrics::MetricType;

use crate::stats::Counts;

/// Metrics of one name.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    /// Without the `_total` of counters, which belongs to their samples.
    name: &'static str,
    /// What it is.
    pub kind: FamilyKind,
    /// One sentence.
    pub help: &'static str,
}

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyKind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// A distribution.
    Histogram,
}

impl Family {
    pub(super) const fn counter(name: &'static str, help: &'static str) -> Self {
        let kind = FamilyKind::Counter;
        Self { name, kind, help }
    }

    const fn gauge(name: &'static str, help: &'static str) -> Self {
        let kind = FamilyKind::Gauge;
        Self { name, kind, help }
    }

    pub(super) const fn histogram(name: &'static str, help: &'static str) -> Self {
        let kind = FamilyKind::Histogram;
        Self { name, kind, help }
    }

    /// The name as queries have it.
    #[must_use]
    pub fn name(&self) -> String {
        match self.kind {
            FamilyKind::Counter => format!("{}_total", self.name),
            FamilyKind::Gauge | FamilyKind::Histogram => self.name.to_owned(),
        }
    }

    /// The name as encoders take it.
    pub(super) const fn bare_name(&self) -> &'static str {
        self.name
    }

    pub(super) const fn metric_type(&self) -> MetricType {
        match self.kind {
            FamilyKind::Counter => MetricType::Counter,
            FamilyKind::Gauge => MetricType::Gauge,
            FamilyKind::Histogram => MetricType::Histogram,
        }
    }
}

/// Takes one of many counts.
pub type CountOf = fn(&Counts) -> u64;

/// What became of probes that were not received in time, by the value of the label `outcome`. No probe has two of them.
pub const OUTCOMES: [(&str, CountOf); 8] = [
    ("lost", |counts| counts.lost),
    ("late", |counts| counts.late),
    ("refused", |counts| counts.refused),
    ("reset", |counts| counts.reset),
    ("prohibited", |counts| counts.prohibited),
    ("unreachable", |counts| {
        counts.unreachable.saturating_sub(counts.prohibited)
    }),
    ("send_error", |counts| counts.send_error),
    ("unjudged", |counts| counts.unjudged),
];

macro_rules! families {
    ($($name:ident = $kind:ident($text:literal, $help:literal);)*) => {
        $(pub(super) const $name: Family = Family::$kind($text, $help);)*

        /// All of them, in the order of a scrape.
        pub const FAMILIES: &[Family] = &[$($name),*];
    };
}

families! {
    RTT = histogram("pathjitter_rtt_seconds", "Round-trip times of probes answered in time");
    IPDV = histogram("pathjitter_ipdv_seconds", "Differences of the round-trip times of consecutive probes, both answered in time");
    SENT = counter("pathjitter_probes_sent", "Probes that left this host and were judged");
    RECEIVED = counter("pathjitter_probes_received", "Replies within the timeout");
    FAILED = counter("pathjitter_probes_failed", "Probes without a reply in time, by what became of them");
    DUPLICATES = counter("pathjitter_duplicates", "Further answers to probes that were answered");
    REORDERED = counter("pathjitter_reordered", "Replies that the reply to a later probe overtook");
    LATE_AFTER_CLOSE = counter("pathjitter_late_after_close", "Answers to probes that were counted as lost before");
    STAMPS_LOST = counter("pathjitter_stamps_lost", "Answers without usable kernel stamps, which are in no histogram");
    WINDOWS = counter("pathjitter_windows", "Windows of figures that are over");
    DISTURBED = counter("pathjitter_windows_disturbed", "Windows in which this host disturbed its own measurement");
    SPIKES = counter("pathjitter_spikes", "Episodes of spikes that began");
    LEVEL_SHIFTS = counter("pathjitter_level_shifts", "Moves of the round-trip times to another level");
    DEGRADED = gauge("pathjitter_degraded", "1 while too many of the last probes stand out");
    PATH_CHANGES = counter("pathjitter_path_changes", "Paths that took another course");
    PATH_HOPS = gauge("pathjitter_path_hops", "Hops that a path is known to have before its target; 0 before it is known");
    INCIDENTS = counter("pathjitter_incidents", "Incidents by verdict; one whose verdict changes counts under each that it had");
    INCIDENTS_OPENED = counter("pathjitter_incidents_opened", "Incidents, each once");
    INCIDENTS_OPEN = gauge("pathjitter_incidents_open", "Incidents that are going on, by their verdict now");
    LATENESS = histogram("pathjitter_send_lateness_seconds", "How late probes left this host against their schedule");
    STALLS = counter("pathjitter_own_stalls", "Times that this host stood still and so disturbed its own measurement");
    STALLED = counter("pathjitter_own_stalls_seconds", "How late these stalls made probes or answers, at most, added up");
    CONTROL_SPIKES = counter("pathjitter_own_control_spikes", "Spikes of the loopback, which only this host can cause");
    RECEIVE_DROPS = counter("pathjitter_receive_queue_drops", "Packets that full receive queues of this host dropped");
    CLOCK_STEPS = counter("pathjitter_clock_steps", "Steps of the wall clock, suspends included");
    LINES_DROPPED = counter("pathjitter_lines_dropped", "Lines of output that were left out because nobody took them in time");
    UPDATES_DROPPED = counter("pathjitter_updates_dropped", "Updates of these metrics that were left out; above 0 all counters are too low");
    WINDOW = gauge("pathjitter_window_seconds", "How long a window of figures is, and so how often the figures of a series step forward");
    LAST_WINDOW = gauge("pathjitter_last_window_end_timestamp_seconds", "When the newest window ended; 0 before the first");
    BUILD_INFO = gauge("pathjitter_build_info", "1, with the version as a label");
    RELOAD_GOOD = gauge("pathjitter_config_last_reload_successful", "Whether the configuration was good when it was last read");
    RELOAD_TIME = gauge("pathjitter_config_last_reload_success_timestamp_seconds", "When a good configuration was last read");
    CPU = counter("process_cpu_seconds", "CPU time that this process has used");
    RESIDENT = gauge("process_resident_memory_bytes", "Memory that this process occupies");
    STARTED = gauge("process_start_time_seconds", "When this process was started");
    OPEN_FDS = gauge("process_open_fds", "Open file descriptors");
    MAX_FDS = gauge("process_max_fds", "How many file descriptors may be open");
}
