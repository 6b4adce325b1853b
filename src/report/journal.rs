//! An event as an entry of systemd's journal, in the bytes that journald takes ("Native Journal Protocol" of systemd.io).
//!
//! `KEY=value` and a line feed, or, for values with line feeds in them, `KEY`, a line feed, the length in 64 bits little endian, the value and a
//! line feed. A field that stands several times has several values.

use serde_json::Value;

use super::logged::Logged;

/// The entry of a line of NDJSON; `None` where it is none.
#[must_use]
pub fn journal_entry(line: &[u8]) -> Option<Vec<u8>> {
    let logged = Logged::read(line)?;
    let mut entry = Vec::with_capacity(3 * line.len());
    field(&mut entry, "MESSAGE", &logged.sentence());
    if let Some(id) = logged.message_id() {
        field(&mut entry, "MESSAGE_ID", id);
    }
    field(&mut entry, "PRIORITY", &logged.priority().number().to_string());
    field(&mut entry, "SYSLOG_IDENTIFIER", "pathjitter");
    for (key, value) in logged.fields() {
        let name = name(key);
        match value {
            Value::Array(values) if values.iter().all(Value::is_string) => {
                for value in values {
                    scalar(&mut entry, &name, value);
                }
            }
            value => scalar(&mut entry, &name, value),
        }
    }
    field(&mut entry, "PATHJITTER_JSON", logged.line());
    Some(entry)
}

/// What journald takes as a name of a field: capital letters, digits and `_`, and at most 64 of them.
fn name(key: &str) -> String {
    let upper = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    format!(
        "PATHJITTER_{}",
        key.chars().map(upper).take(MAX_KEY).collect::<String>()
    )
}

/// Objects and lists of them are in the JSON alone, and what is absent has no field.
fn scalar(entry: &mut Vec<u8>, name: &str, value: &Value) {
    match value {
        Value::String(text) => field(entry, name, text),
        Value::Number(_) | Value::Bool(_) => field(entry, name, &value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => {}
    }
}

fn field(entry: &mut Vec<u8>, name: &str, value: &str) {
    entry.extend(name.as_bytes());
    if value.contains('\n') {
        let length = u64::try_from(value.len()).unwrap_or(u64::MAX);
        entry.push(b'\n');
        entry.extend(length.to_le_bytes());
    } else {
        entry.push(b'=');
    }
    entry.extend(value.as_bytes());
    entry.push(b'\n');
}

/// 64 characters with the prefix.
const MAX_KEY: usize = 53;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads an entry by the rules of the protocol; panics where they are broken.
    fn read(mut entry: &[u8]) -> Vec<(String, String)> {
        let mut fields = Vec::new();
        while !entry.is_empty() {
            let end = entry.iter().position(|b| *b == b'\n' || *b == b'=').expect("a name");
            let name = String::from_utf8(entry[..end].to_vec()).unwrap();
            let first = name.bytes().next().expect("a name is not empty");
            assert!(first.is_ascii_uppercase() && name.len() <= 64, "{name}");
            assert!(
                name.bytes()
                    .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
            );
            let rest = &entry[end + 1..];
            let (start, length) = if entry[end] == b'=' {
                (0, rest.iter().position(|b| *b == b'\n').expect("an end"))
            } else {
                let length = u64::from_le_bytes(rest[..8].try_into().unwrap());
                (8, usize::try_from(length).unwrap())
            };
            let value = String::from_utf8(rest[start..start + length].to_vec()).unwrap();
            assert_eq!(rest[start + length], b'\n');
            fields.push((name, value));
            entry = &rest[start + length + 1..];
        }
        fields
    }

    #[test]
    fn lists_of_words_repeat_their_field_and_the_rest_is_in_the_json() {
        let line = r#"{"event":"incident_open","seq":7,"targets":["a","b"],"members":[{"target":"a"}],"group":null,"suspect":{"ttl":1},"chance":3.1e-9,"verdict":"restart","message":"one\ntwo"}"#;
        let mut fields = read(&journal_entry(format!("{line}\n").as_bytes()).unwrap());
        fields.sort();
        let expected = [
            ("MESSAGE", "one\ntwo"),
            ("MESSAGE_ID", "46723aebf5134867a027f0c2c79c0853"),
            ("PATHJITTER_CHANCE", "3.1e-9"),
            ("PATHJITTER_EVENT", "incident_open"),
            ("PATHJITTER_JSON", line),
            ("PATHJITTER_MESSAGE", "one\ntwo"),
            ("PATHJITTER_SEQ", "7"),
            ("PATHJITTER_TARGETS", "a"),
            ("PATHJITTER_TARGETS", "b"),
            ("PATHJITTER_VERDICT", "restart"),
            ("PRIORITY", "4"),
            ("SYSLOG_IDENTIFIER", "pathjitter"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(fields, expected);
    }

    #[test]
    fn what_is_no_line_has_no_entry() {
        for line in [&b""[..], b"[]\n", b"{", b"\xff{}"] {
            assert_eq!(journal_entry(line), None);
        }
    }

    proptest! {
        #[test]
        fn any_keys_and_texts_come_back(key in "[a-z_]{1,60}", text in "\\PC{0,20}\n?[ =\n]{0,3}\\PC{0,20}") {
            let line = serde_json::json!({"event": "start", (format!("x{key}")): text}).to_string();
            let fields = read(&journal_entry(line.as_bytes()).unwrap());
            prop_assert!(fields.iter().any(|(name, value)| name.starts_with("PATHJITTER_X") && *value == text));
            prop_assert_eq!(&fields.last().unwrap().1, &line);
        }
    }
}
