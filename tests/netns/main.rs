//! `pathjitter ping` on real kernels, judged by nothing but its NDJSON, its exit code and its stderr.
//!
//! What the network does is set by nft and tc and counted by them, so the expected figures are the kernel's, not ours.

#[path = "../support/mod.rs"]
mod support;

mod answers;
mod errors;
mod lifecycle;
mod local;
mod loopback;
mod loss;
mod queue;
mod reach;
mod trace_sockets;
mod traces;
mod unprivileged;

use std::net::{IpAddr, SocketAddr};

/// An open port of a backend. Its namespace has no other.
const OPEN: u16 = 8080;
/// A port that nobody listens on.
const CLOSED: u16 = 8081;

/// `HOST:PORT` as a target, with brackets around IPv6.
fn at(address: IpAddr, port: u16) -> String {
    SocketAddr::new(address, port).to_string()
}

/// Whether a line of NDJSON is about a single probe.
fn is_probe(line: &str) -> bool {
    serde_json::from_str::<serde_json::Value>(line).is_ok_and(|event| event["event"] == "probe")
}
