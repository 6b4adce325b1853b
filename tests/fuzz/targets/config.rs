//! Every parser of what users type.
#![no_main]

#[path = "../../hostile/texts.rs"]
#[allow(dead_code, reason = "shared with the tests, which use more of it")]
mod texts;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    texts::read_every_way(text);
    // The whole command line takes a thousand times as long.
    let option = match bytes.first() {
        Some(b'<') => "--receive-buffer",
        Some(b'>') => "--tos",
        Some(b'#') => "--count",
        Some(b'!') => "--max-syn-rate",
        _ => return,
    };
    texts::read_as_option(option, &text[1..]);
});
