//! A line of the NDJSON as system logs want it: what kind of event it is, how much it matters, and one sentence.
//!
//! The rule of the priorities: what the lines for people say is `info` or worse, and what they leave out because it is many is `debug`. An
//! incident is a `warning`; it is an `error` where the verdict means that clients get no connection at all, and a `notice` where
//! nobody's clients suffer.

use std::fmt::Write as _;

use serde_json::{Map, Value};

/// How much an entry matters, by the numbers of syslog (RFC 5424, table 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// 3: something does not work.
    Error,
    /// 4: something is wrong.
    Warning,
    /// 5: normal, and to be known.
    Notice,
    /// 6: to be told.
    Info,
    /// 7: for machines.
    Debug,
}

impl Priority {
    /// Its number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Error => 3,
            Self::Warning => 4,
            Self::Notice => 5,
            Self::Info => 6,
            Self::Debug => 7,
        }
    }
}

/// A line that was read again.
#[derive(Clone, Debug)]
pub struct Logged<'a> {
    line: &'a str,
    fields: Map<String, Value>,
}

impl<'a> Logged<'a> {
    /// Reads a line of the stream; `None` where it is none.
    #[must_use]
    pub fn read(line: &'a [u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?.trim_end_matches('\n');
        let fields = serde_json::from_str(line).ok()?;
        Some(Self { line, fields })
    }

    /// The line, without its line feed.
    #[must_use]
    pub const fn line(&self) -> &'a str {
        self.line
    }

    /// Its fields.
    #[must_use]
    pub const fn fields(&self) -> &Map<String, Value> {
        &self.fields
    }

    /// A field that is a text; empty where it is not.
    #[must_use]
    pub fn text(&self, key: &str) -> &str {
        self.fields.get(key).and_then(Value::as_str).unwrap_or_default()
    }

    /// The kind of its event.
    #[must_use]
    pub fn event(&self) -> &str {
        self.text("event")
    }

    /// The id of the kind, by which catalogs and queries know it.
    #[must_use]
    pub fn message_id(&self) -> Option<&'static str> {
        let known = MESSAGE_IDS.iter().find(|(event, _)| *event == self.event());
        known.map(|(_, id)| *id)
    }

    /// How much it matters.
    #[must_use]
    pub fn priority(&self) -> Priority {
        match self.event() {
            "incident_open" | "incident_update" => match self.text("verdict") {
                verdict if NO_CONNECTION.contains(&verdict) => Priority::Error,
                verdict if NO_HARM.contains(&verdict) => Priority::Notice,
                _ => Priority::Warning,
            },
            "degraded" if self.has("until") => Priority::Info,
            "degraded" | "jittery" | "level_shift" | "path_change" => Priority::Notice,
            // The loopback may be slow a hundred times a minute, and that is for the judgement of other spikes alone.
            "own_noise" if self.has("control_rtt_us") => Priority::Debug,
            "incident_close" | "own_noise" => Priority::Info,
            "start" | "stop" | "config_reload" | "error" | "resolve" => match self.text("severity") {
                "error" => Priority::Error,
                "warning" => Priority::Warning,
                _ => Priority::Info,
            },
            _ => Priority::Debug,
        }
    }

    /// One sentence for people: that of the event where it has one.
    #[must_use]
    pub fn sentence(&self) -> String {
        let message = self.text("message");
        match self.event() {
            "incident_close" => format!("over after {} s: {message}", self.shown("duration_s")),
            "resolve" => format!("{}: {message}", self.text("target")),
            _ if !message.is_empty() => message.to_owned(),
            "own_noise" => self.noise(),
            event if self.fields.contains_key("target") => format!("{}: {}", self.who(), self.what(event)),
            event => event.to_owned(),
        }
    }

    /// What an event without a sentence says of its series.
    fn what(&self, event: &str) -> String {
        match event {
            "window" => {
                let counts = format!("{} of {} answered", self.shown("received"), self.shown("sent"));
                if self.has("rtt_p50_us") {
                    let [median, high] = ["rtt_p50_us", "rtt_p99_us"].map(|key| self.shown(key));
                    format!("{counts}, median {median} us, 99th percentile {high} us")
                } else {
                    counts
                }
            }
            "probe" if self.has("rtt_us") => format!("{} after {} us", self.text("outcome"), self.shown("rtt_us")),
            "probe" => self.text("outcome").to_owned(),
            "spike_start" => format!("{} spike", self.text("kind")),
            "spike_end" => format!("{} spike over after {} probes", self.text("kind"), self.shown("probes")),
            "level_shift" => {
                let [from, to] = ["baseline_us", "to_us"].map(|key| self.shown(key));
                format!("RTTs moved from {from} us to {to} us (medians)")
            }
            "degraded" if self.has("until") => "good again".to_owned(),
            "degraded" => match self.text("cause") {
                "silent" => "does not answer".to_owned(),
                "refusing" => "refuses connections".to_owned(),
                _ => "spikes often".to_owned(),
            },
            "jittery" => "spikes by habit".to_owned(),
            "series" if self.has("until") => "probed no more".to_owned(),
            "series" => "probed from now on".to_owned(),
            "path" => "its path is known better".to_owned(),
            event => event.to_owned(),
        }
    }

    fn noise(&self) -> String {
        let mut text = "this host disturbed its own measurement".to_owned();
        for (key, before, after) in [
            ("late_us", "late by ", " us"),
            ("receive_drops", "packets dropped: ", ""),
            ("send_error", "probes not sent: ", ""),
            ("control_rtt_us", "its loopback took ", " us"),
        ] {
            if self.has(key) && self.fields[key] != 0 {
                let _ = write!(text, "; {before}{}{after}", self.shown(key));
            }
        }
        if self.fields.get("clock_stepped") == Some(&Value::Bool(true)) {
            text.push_str("; its clock was set");
        }
        text
    }

    fn who(&self) -> String {
        let (target, address, proto) = (self.text("target"), self.text("address"), self.text("proto"));
        let mut who = target.to_owned();
        if target != address {
            let _ = write!(who, " ({address})");
        }
        let _ = write!(who, " {proto}");
        if self.has("port") {
            let _ = write!(who, "/{}", self.shown("port"));
        }
        who
    }

    fn has(&self, key: &str) -> bool {
        self.fields.get(key).is_some_and(|value| !value.is_null())
    }

    fn shown(&self, key: &str) -> String {
        self.fields.get(key).map(Value::to_string).unwrap_or_default()
    }
}

/// Each kind of event with its id: drawn once by chance, and never changed.
pub const MESSAGE_IDS: [(&str, &str); 20] = [
    ("incident_open", "46723aebf5134867a027f0c2c79c0853"),
    ("incident_update", "2839911de3ce476981e014b77bde0b93"),
    ("incident_close", "6e83e582f9e345cca992e79c9b1d22f0"),
    ("window", "d9cd7e385c7c4e7e9bcf187c982156ec"),
    ("probe", "be2c7b859ee04fce907b9e45294bf81c"),
    ("spike_start", "70e71c596d1e47fba00d18c0b9f731a2"),
    ("spike_end", "41424719b67445c387ba00c0624ea07a"),
    ("level_shift", "97de3459123a4b0795169d7e9ec52d2c"),
    ("degraded", "57f734fb786f431985f8b73c897d1e6f"),
    ("jittery", "102241fcfc534f0982a85930d7b39a31"),
    ("trace", "3e5a7a3c40ca4318acede534c39dfad9"),
    ("path_change", "48357f581ff14d79aff8a521240bd056"),
    ("series", "3cfc9541b8a14393b74f3da35b6658f4"),
    ("path", "df44f3fff7364af19b9dde82e958a3c0"),
    ("own_noise", "8b3c9e13991343fa877cbe113856cb74"),
    ("start", "ea1751930208445288620c177f3517ef"),
    ("stop", "7a1d03f3e79245aab16351f5a6c7fed0"),
    ("config_reload", "904818fa1e174882b79c8415de7d03bd"),
    ("error", "a1afc1606dfb400aa9165547b21ad277"),
    ("resolve", "7707c01d59fb434abaf7c53e2c3548b7"),
];

/// Verdicts that mean: clients get no connection.
const NO_CONNECTION: [&str; 5] = [
    "target_unreachable",
    "not_listening",
    "port_dropped",
    "firewall_reject",
    "prohibited",
];

/// Verdicts that mean: clients do not notice.
const NO_HARM: [&str; 3] = ["icmp_only", "icmp_blocked", "prober_host"];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::report::SCHEMA_TEXT;

    fn priority(line: &str) -> u8 {
        Logged::read(line.as_bytes()).unwrap().priority().number()
    }

    #[test]
    fn every_event_of_the_schema_has_an_id_of_its_own() {
        let schema: Value = serde_json::from_str(SCHEMA_TEXT).unwrap();
        let events = schema["properties"]["event"]["enum"].as_array().unwrap();
        let events: BTreeSet<&str> = events.iter().filter_map(Value::as_str).collect();
        assert_eq!(events, MESSAGE_IDS.iter().map(|(event, _)| *event).collect());
        let ids: BTreeSet<&str> = MESSAGE_IDS.iter().map(|(_, id)| *id).collect();
        assert_eq!(ids.len(), MESSAGE_IDS.len());
        for id in ids {
            let is_id = id.len() == 32 && id.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
            assert!(is_id, "{id}");
        }
    }

    #[test]
    fn verdicts_that_matter_more_or_less_are_verdicts() {
        let schema: Value = serde_json::from_str(SCHEMA_TEXT).unwrap();
        let verdicts = schema["$defs"]["incident"]["properties"]["verdict"]["enum"]
            .as_array()
            .unwrap();
        for verdict in NO_CONNECTION.iter().chain(&NO_HARM) {
            assert!(verdicts.iter().any(|known| known == verdict), "{verdict}");
        }
    }

    #[test]
    fn an_incident_is_a_warning_and_worse_where_nobody_gets_a_connection() {
        assert_eq!(priority(r#"{"event":"incident_open","verdict":"shared_path"}"#), 4);
        assert_eq!(priority(r#"{"event":"incident_update","verdict":"not_listening"}"#), 3);
        assert_eq!(priority(r#"{"event":"incident_open","verdict":"icmp_only"}"#), 5);
        assert_eq!(priority(r#"{"event":"incident_close","verdict":"not_listening"}"#), 6);
        assert_eq!(priority(r#"{"event":"degraded","until":null}"#), 5);
        assert_eq!(
            priority(r#"{"event":"degraded","until":"2026-03-02T03:14:05.201347Z"}"#),
            6
        );
        assert_eq!(priority(r#"{"event":"error","severity":"error"}"#), 3);
        assert_eq!(priority(r#"{"event":"resolve","severity":"warning"}"#), 4);
        assert_eq!(priority(r#"{"event":"start","severity":"info"}"#), 6);
        assert_eq!(priority(r#"{"event":"own_noise","control_rtt_us":null}"#), 6);
        assert_eq!(priority(r#"{"event":"own_noise","control_rtt_us":9000.0}"#), 7);
        assert_eq!(priority(r#"{"event":"window"}"#), 7);
    }

    #[test]
    fn what_has_no_sentence_is_given_one() {
        let sentence = |line: &str| Logged::read(line.as_bytes()).unwrap().sentence();
        assert_eq!(
            sentence(
                r#"{"event":"window","target":"app","address":"192.0.2.1","proto":"tcp","port":80,"sent":10,"received":9,"rtt_p50_us":120.5,"rtt_p99_us":800}"#
            ),
            "app (192.0.2.1) tcp/80: 9 of 10 answered, median 120.5 us, 99th percentile 800 us"
        );
        assert_eq!(
            sentence(
                r#"{"event":"window","target":"::1","address":"::1","proto":"icmp","port":null,"sent":1,"received":0,"rtt_p50_us":null}"#
            ),
            "::1 icmp: 0 of 1 answered"
        );
        assert_eq!(
            sentence(r#"{"event":"own_noise","late_us":1200.0,"receive_drops":0,"send_error":2,"clock_stepped":true}"#),
            "this host disturbed its own measurement; late by 1200.0 us; probes not sent: 2; its clock was set"
        );
        assert_eq!(
            sentence(r#"{"event":"incident_close","duration_s":2.5,"message":"shared_path: a and b"}"#),
            "over after 2.5 s: shared_path: a and b"
        );
        assert_eq!(
            sentence(r#"{"event":"start","message":"the run begins"}"#),
            "the run begins"
        );
        assert_eq!(sentence(r#"{"event":"of_tomorrow"}"#), "of_tomorrow");
    }
}
