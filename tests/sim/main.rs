//! The engine in simulated networks, in virtual time. Each network is a story with a known truth, and what the engine reports of it
//! is compared with that truth: to the nanosecond and to the packet where the model is deterministic, and else with what the ledger of
//! the network says was dropped.

mod clocks;
mod deadlines;
mod handshakes;
mod launches;
mod limits;
mod outcomes;
mod repeat;
mod round_trips;
mod scale;
mod stalls;
mod story;
