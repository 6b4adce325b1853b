//! The TOS byte of IPv4 and the traffic class of IPv6, as a number or by the names that operators use for it.

/// Why a text names no traffic class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a traffic class; give 0 to 255, 0x00 to 0xff, or a name: ef, va, le, cs0 to cs7, af11 to af43, lowdelay, throughput, reliability, lowcost"
)]
pub(super) struct TrafficClassError;

/// Parses `184`, `0xb8` or `ef` to the whole byte: DSCP in the upper six bits, ECN in the lower two.
///
/// # Errors
/// Numbers above 255 and unknown names.
pub(super) fn parse(text: &str) -> Result<u8, TrafficClassError> {
    let text = text.trim().to_ascii_lowercase();
    let number = match text.strip_prefix("0x") {
        Some(hex) if !hex.starts_with('+') => u8::from_str_radix(hex, 16).ok(),
        None if text.starts_with(|c: char| c.is_ascii_digit()) => text.parse().ok(),
        _ => None,
    };
    number.or_else(|| named(&text)).ok_or(TrafficClassError)
}

fn named(name: &str) -> Option<u8> {
    let dscp = match name.as_bytes() {
        // RFC 2474, section 4.2.2: class selectors are the old precedence bits.
        [b'c', b's', class @ b'0'..=b'7'] => (class - b'0') << 3,
        // RFC 2597, section 6: classes 1 to 4, drop precedences 1 to 3.
        [b'a', b'f', class @ b'1'..=b'4', drop @ b'1'..=b'3'] => ((class - b'0') << 3) | ((drop - b'0') << 1),
        b"default" | b"be" => 0,
        b"le" => 1,                   // RFC 8622
        b"va" | b"voice-admit" => 44, // RFC 5865
        b"ef" => 46,                  // RFC 3246
        // RFC 1349, section 4: bits of the byte itself, below the DSCP's name space.
        b"lowdelay" => return Some(0x10),
        b"throughput" => return Some(0x08),
        b"reliability" => return Some(0x04),
        b"lowcost" | b"mincost" => return Some(0x02),
        _ => return None,
    };
    Some(dscp << 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_values_of_their_rfcs() {
        // RFC 2474, 2597, 3246, 5865 and 8622 give DSCPs in binary; the byte is that with two zero bits appended.
        for (name, byte) in [
            ("ef", 0b1011_1000),
            ("EF", 0b1011_1000),
            ("va", 0b1011_0000),
            ("le", 0b0000_0100),
            ("cs0", 0),
            ("cs6", 0b1100_0000),
            ("cs7", 0b1110_0000),
            ("af11", 0b0010_1000),
            ("af23", 0b0101_1000),
            ("af43", 0b1001_1000),
            ("lowdelay", 0b0001_0000),
            ("throughput", 0b0000_1000),
        ] {
            assert_eq!(parse(name), Ok(byte), "{name}");
        }
    }

    #[test]
    fn numbers_are_the_whole_byte() {
        assert_eq!(parse("184"), Ok(184));
        assert_eq!(parse("0xB8"), Ok(184));
        assert_eq!(parse("0"), Ok(0));
        assert_eq!(parse("255"), Ok(255));
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "", "256", "-1", "0x100", "0x", "0x+1", "+1", "cs8", "af14", "af51", "af1", "efx", "ef ef", "é",
        ] {
            assert_eq!(parse(text), Err(TrafficClassError), "{text}");
        }
    }
}
