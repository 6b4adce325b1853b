//! A reader of our NDJSON that trusts nothing: every line must be an object with the common fields, and every window must
//! account for each of its probes.

use serde_json::Value;

use super::Finished;

/// Fields that every line has.
const COMMON: [&str; 6] = ["timestamp", "schema", "event", "vantage", "run_id", "seq"];

/// What one run of our binary said.
pub(crate) struct Report {
    pub(crate) code: i32,
    pub(crate) stderr: String,
    pub(crate) events: Vec<Value>,
}

impl Report {
    /// Reads the output of a run with `--json`.
    pub(crate) fn read(ended: &Finished) -> Self {
        let report = Self {
            code: ended.code(),
            stderr: ended.stderr.clone(),
            events: read_lines(&ended.stdout),
        };
        for window in report.windows() {
            window.assert_accounts_for_every_probe();
        }
        report
    }

    /// All windows.
    pub(crate) fn windows(&self) -> Vec<Window<'_>> {
        self.of("window").map(Window).collect()
    }

    /// All lines about single probes (`--each`).
    pub(crate) fn probes(&self) -> Vec<&Value> {
        self.of("probe").collect()
    }

    /// The window of a run that probed one series.
    pub(crate) fn only_window(&self) -> Window<'_> {
        match self.windows()[..] {
            [window] => window,
            ref other => panic!("{} windows, stderr: {}", other.len(), self.stderr),
        }
    }

    /// The one window of this protocol.
    pub(crate) fn window(&self, proto: &str) -> Window<'_> {
        let windows: Vec<_> = self
            .windows()
            .into_iter()
            .filter(|w| w.text("proto") == proto)
            .collect();
        match windows[..] {
            [window] => window,
            ref other => panic!("{} windows of {proto}, stderr: {}", other.len(), self.stderr),
        }
    }

    fn of(&self, event: &str) -> impl Iterator<Item = &Value> {
        self.events.iter().filter(move |line| line["event"] == event)
    }
}

/// Parses whole lines; half a line fails the test.
pub(crate) fn read_lines(lines: &[String]) -> Vec<Value> {
    lines
        .iter()
        .map(|line| {
            let event: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("not JSON ({e}): {line}"));
            for field in COMMON {
                assert!(!event[field].is_null(), "no {field} in {line}");
            }
            assert_eq!(event["schema"], "pathjitter/1", "{line}");
            event
        })
        .collect()
}

/// One `window` event.
#[derive(Clone, Copy)]
pub(crate) struct Window<'a>(&'a Value);

impl<'a> Window<'a> {
    /// A count; absence is a failure.
    pub(crate) fn count(self, key: &str) -> u64 {
        self.0[key]
            .as_u64()
            .unwrap_or_else(|| panic!("{key} is no count in {}", self.0))
    }

    /// A count that the contract does not promise.
    pub(crate) fn count_if_any(self, key: &str) -> u64 {
        self.0.get(key).and_then(Value::as_u64).unwrap_or(0)
    }

    /// A figure that must be there.
    pub(crate) fn figure(self, key: &str) -> f64 {
        self.0[key]
            .as_f64()
            .unwrap_or_else(|| panic!("{key} is no number in {}", self.0))
    }

    /// Whether a field is there and says nothing.
    pub(crate) fn is_null(self, key: &str) -> bool {
        self.0
            .get(key)
            .unwrap_or_else(|| panic!("no {key} in {}", self.0))
            .is_null()
    }

    /// A text.
    pub(crate) fn text(self, key: &str) -> &'a str {
        self.0[key]
            .as_str()
            .unwrap_or_else(|| panic!("{key} is no text in {}", self.0))
    }

    /// A flag.
    pub(crate) fn flag(self, key: &str) -> bool {
        self.0[key]
            .as_bool()
            .unwrap_or_else(|| panic!("{key} is no flag in {}", self.0))
    }

    /// RTTs in the histogram.
    pub(crate) fn timed(self) -> u64 {
        let counts = self.0["rtt_hist_ns"]["counts"].as_array();
        counts
            .into_iter()
            .flatten()
            .map(|c| c.as_u64().expect("counts are numbers"))
            .sum()
    }

    /// Fails unless these counts are as given and all other outcomes are 0.
    pub(crate) fn assert_outcomes(self, expected: &[(&str, u64)]) {
        const OUTCOMES: [&str; 10] = [
            "sent",
            "received",
            "lost",
            "late",
            "duplicate",
            "reordered",
            "refused",
            "reset",
            "unreachable",
            "send_error",
        ];
        for outcome in OUTCOMES {
            let wanted = expected
                .iter()
                .find(|(name, _)| *name == outcome)
                .map_or(0, |(_, n)| *n);
            assert_eq!(self.count(outcome), wanted, "{outcome} in {}", self.0);
        }
    }

    /// Fails unless the interval of the loss ratio contains `truth`.
    pub(crate) fn assert_loss_interval_contains(self, truth: f64) {
        let (low, high) = (self.figure("loss_ci_low"), self.figure("loss_ci_high"));
        assert!(
            low <= truth && truth <= high,
            "{truth} is outside {low}..{high}: {}",
            self.0
        );
    }

    fn assert_accounts_for_every_probe(self) {
        let parts = ["received", "refused", "reset", "unreachable", "late", "lost"];
        let sum: u64 = parts.into_iter().map(|part| self.count(part)).sum();
        assert_eq!(self.count("sent"), sum, "sent is not the sum of its fates: {}", self.0);
        assert!(self.count("prohibited") <= self.count("unreachable"), "{}", self.0);
        assert!(
            self.timed() <= self.count("received"),
            "more RTTs than replies: {}",
            self.0
        );
        assert_eq!(
            self.count("sent") == 0,
            self.is_null("loss_ratio"),
            "loss of nothing: {}",
            self.0
        );
    }
}
