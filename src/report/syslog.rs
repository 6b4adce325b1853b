//! An event as a message of syslog (RFC 5424, section 6), with its JSON behind the cookie `@cee:` by which collectors know it.
//!
//! The facility is `daemon`. There is no structured data, since all of it is in the JSON, and no byte order mark, behind which collectors would not
//! find the cookie; without one the text is any text to the RFC (MSG-ANY).

use super::logged::Logged;

/// What all messages of a process have in common.
#[derive(Clone, Debug)]
pub struct SyslogForm {
    host: String,
    process: u32,
}

impl SyslogForm {
    /// Messages of a process on a host of this name.
    #[must_use]
    pub fn new(host: &str, process: u32) -> Self {
        // PRINTUSASCII without spaces, 255 at most, and never nothing.
        let printable = |c: char| if c.is_ascii_graphic() { c } else { '_' };
        let host: String = host.chars().map(printable).take(255).collect();
        let host = if host.is_empty() { "-".to_owned() } else { host };
        Self { host, process }
    }

    /// The message of a line of NDJSON; `None` where it is none.
    #[must_use]
    pub fn message(&self, line: &[u8]) -> Option<Vec<u8>> {
        let logged = Logged::read(line)?;
        let event = logged.event();
        let (event, timestamp) = (or_nil(event), or_nil(logged.text("timestamp")));
        let pri = FACILITY_DAEMON * 8 + logged.priority().number();
        let Self { host, process } = self;
        let line = logged.line();
        Some(format!("<{pri}>1 {timestamp} {host} pathjitter {process} {event} - @cee: {line}").into_bytes())
    }
}

const fn or_nil(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

/// RFC 5424, table 1: system daemons.
const FACILITY_DAEMON: u8 = 3;

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::report::MESSAGE_IDS;

    /// The parts of a message, each held against the grammar of section 6.
    fn read(message: &[u8]) -> [String; 7] {
        let text = std::str::from_utf8(message).unwrap();
        let (header, msg) = text
            .split_once(" - @cee: ")
            .expect("no structured data, and the cookie");
        let parts: Vec<&str> = header.split(' ').collect();
        let [first, timestamp, host, app, process, kind] = parts[..] else {
            panic!("{header}")
        };
        let (pri, version) = first.strip_prefix('<').and_then(|rest| rest.split_once('>')).unwrap();
        assert!(pri.parse::<u8>().unwrap() <= 191 && version == "1");
        assert!(timestamp == "-" || timestamp.parse::<Timestamp>().is_ok());
        for (part, most) in [(host, 255), (app, 48), (process, 128), (kind, 32)] {
            assert!((1..=most).contains(&part.len()), "{part}");
            assert!(part.bytes().all(|b| (33..=126).contains(&b)), "{part}");
        }
        [pri, timestamp, host, app, process, kind, msg].map(str::to_owned)
    }

    #[test]
    fn a_message_has_the_severity_the_kind_and_the_json_of_its_event() {
        let line = r#"{"timestamp":"2026-03-02T03:14:05.201347Z","event":"incident_open","verdict":"restart","message":"déjà vu"}"#;
        let message = SyslogForm::new("lb1", 42)
            .message(format!("{line}\n").as_bytes())
            .unwrap();
        let expected = [
            "28", // daemon (3) times 8, and warning (4).
            "2026-03-02T03:14:05.201347Z",
            "lb1",
            "pathjitter",
            "42",
            "incident_open",
            line,
        ];
        assert_eq!(read(&message), expected);
    }

    #[test]
    fn no_name_of_a_host_and_no_event_breaks_the_header() {
        for host in ["", "a b", "höst\n", &"x".repeat(300)] {
            for (event, _) in MESSAGE_IDS {
                let line = format!("{{\"event\":\"{event}\",\"timestamp\":\"1970-01-01T00:00:00.000000Z\"}}");
                assert_eq!(
                    read(&SyslogForm::new(host, 1).message(line.as_bytes()).unwrap())[5],
                    event
                );
            }
        }
        assert_eq!(read(&SyslogForm::new("h", 1).message(b"{}").unwrap())[5], "-");
        assert_eq!(SyslogForm::new("h", 1).message(b"no line"), None);
    }
}
