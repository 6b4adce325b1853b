//! Every parser of packets on any bytes.
#![no_main]

#[path = "../../hostile/parsers.rs"]
mod parsers;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| parsers::read_every_way(bytes));
