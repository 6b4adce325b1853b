//! What the kernel writes next to a packet, as if it could not be trusted either.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| pathjitter::sys::read(bytes));
