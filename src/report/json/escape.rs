//! JSON that is safe to `cat`: what a terminal would obey is escaped, the value stays the same.
//!
//! RFC 8259 demands escapes for C0 controls only; C1 controls (U+009B begins an escape sequence) and bidirectional overrides may
//! stand in a string as they are, and a name from DNS can hold them.

use std::io::{self, Write};

use serde_json::Serializer;
use serde_json::ser::Formatter;

use crate::report::text::is_active;

/// A compact serializer into `buffer`.
pub(super) fn serializer(buffer: &mut Vec<u8>) -> Serializer<&mut Vec<u8>, TerminalSafe> {
    Serializer::with_formatter(buffer, TerminalSafe)
}

pub(super) struct TerminalSafe;

impl Formatter for TerminalSafe {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, active)) = rest.char_indices().find(|(_, c)| is_active(*c)) {
            let (shown, from_active) = rest.split_at(at);
            writer.write_all(shown.as_bytes())?;
            for unit in active.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = from_active.strip_prefix(active).unwrap_or_default();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Serialize;

    use super::*;

    fn encode(text: &str) -> String {
        let mut buffer = Vec::new();
        text.serialize(&mut serializer(&mut buffer)).unwrap();
        String::from_utf8(buffer).unwrap()
    }

    #[test]
    fn c1_controls_and_overrides_are_escaped() {
        assert_eq!(
            encode("a\u{9b}b\u{202e}c\u{e0001}\u{fc}\u{7f}"),
            "\"a\\u009bb\\u202ec\\udb40\\udc01\u{fc}\\u007f\""
        );
    }

    proptest! {
        #[test]
        fn any_string_comes_back_as_it_was(text in any::<String>()) {
            let encoded = encode(&text);
            prop_assert!(!encoded.chars().any(is_active));
            prop_assert_eq!(serde_json::from_str::<String>(&encoded).unwrap(), text);
        }
    }
}
