//! Packets that a Linux kernel made, from `tests/captures`, for the tests of whatever reads or makes packets.

/// The packets of a capture in order, from their IP header on.
pub(crate) fn packets(text: &str) -> Vec<Vec<u8>> {
    text.split("\n\n").skip(1).map(bytes).collect()
}

/// Exactly `N` packets.
pub(crate) fn exactly<const N: usize>(text: &str) -> [Vec<u8>; N] {
    packets(text).try_into().expect("another number of packets")
}

/// Bytes from hexadecimal digits; white space between them is ignored.
pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u32> = hex
        .chars()
        .filter(|c| !c.is_whitespace())
        .map(|c| c.to_digit(16).expect("a hexadecimal digit"))
        .collect();
    let (pairs, rest) = digits.as_chunks::<2>();
    assert!(rest.is_empty(), "an odd number of digits");
    pairs
        .iter()
        .map(|[high, low]| u8::try_from(high * 16 + low).expect("two digits"))
        .collect()
}

macro_rules! captures {
    ($($name:ident = $file:literal;)*) => {
        $(pub(crate) const $name: &str = include_str!(concat!("../../tests/captures/", $file, ".hex"));)*
        /// All of them.
        #[allow(dead_code, reason = "for tests/hostile, which reads all of them")]
        pub(crate) const ALL: &[&str] = &[$($name),*];
    };
}

captures! {
    ECHO4 = "echo4";
    ECHO6 = "echo6";
    SYN4_OPEN = "syn4_open";
    SYN4_CLOSED = "syn4_closed";
    SYN6_OPEN = "syn6_open";
    SYN6_CLOSED = "syn6_closed";
    TIME_EXCEEDED4_ECHO = "te4_echo";
    TIME_EXCEEDED4_ECHO_OPTIONS = "te4_echo_options";
    TIME_EXCEEDED4_SYN = "te4_syn";
    TIME_EXCEEDED6_ECHO = "te6_echo";
    TIME_EXCEEDED6_SYN = "te6_syn";
    PORT_UNREACHABLE4 = "unreach4_port";
    PORT_UNREACHABLE6 = "unreach6_port";
    PROHIBITED4 = "prohibited4";
    PROHIBITED6 = "prohibited6";
    TOO_BIG4 = "toobig4";
    TOO_BIG6 = "toobig6";
    FRAGMENTS4 = "frag4";
    FRAGMENTS6 = "frag6";
    LISTENER_REPORT6 = "mld6";
}
