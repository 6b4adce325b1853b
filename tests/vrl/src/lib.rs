//! Nothing: see `tests/remap.rs`.
