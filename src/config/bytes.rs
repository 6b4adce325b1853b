//! Sizes as people type them: `4096`, `4k`, `8m`. Suffixes are powers of 1024, as for every buffer size on Linux.

/// Why a text is no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BytesError {
    /// Not a whole number with `k`, `m` or nothing behind it.
    #[error("not a size; write a whole number of bytes, or 512k, or 8m")]
    Malformed,
    /// Beyond what any socket takes.
    #[error("too large; the most is 1023m")]
    TooLarge,
}

/// Parses a size below 1 GiB.
///
/// # Errors
/// Fractions, signs, unknown suffixes, and sizes of 1 GiB and more.
pub(super) fn parse(text: &str) -> Result<u32, BytesError> {
    let text = text.trim();
    let (digits, unit) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 1 << 10),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 1 << 20),
        _ => (text, 1),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(BytesError::Malformed);
    }
    let bytes = digits.parse::<u32>().ok().and_then(|number| number.checked_mul(unit));
    bytes.filter(|bytes| *bytes < LIMIT).ok_or(BytesError::TooLarge)
}

/// The kernel doubles the size that it is given and keeps it in an `int` (`sock_setsockopt`, `SO_RCVBUF`).
const LIMIT: u32 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suffixes_are_powers_of_1024() {
        assert_eq!(parse("4096"), Ok(4096));
        assert_eq!(parse("4k"), Ok(4096));
        assert_eq!(parse("8M"), Ok(8 * 1024 * 1024));
    }

    #[test]
    fn fractions_signs_and_other_suffixes_are_refused() {
        for text in ["", "k", "-4k", "+4", "1.5m", "4kb", "4g", "4µ", "0x10"] {
            assert_eq!(parse(text), Err(BytesError::Malformed), "{text}");
        }
        for text in ["1024m", "1073741824", "99999999999999", "4194304k", "4294967295k"] {
            assert_eq!(parse(text), Err(BytesError::TooLarge), "{text}");
        }
    }
}
