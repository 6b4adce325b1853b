//! A first look that needs no network, no configuration and no privilege: `cargo run --example loopback`.
//!
//! Listens on a free port of loopback and runs `pathjitter ping` against it, by ICMP and TCP. Where this user may not send
//! ICMP, the program says so, and how to change it; then TCP is probed alone.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;

use pathjitter::app::{self, exit::Exit};

fn main() -> anyhow::Result<ExitCode> {
    let backend = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = backend.local_addr()?.port().to_string();
    let both = format!("backend=127.0.0.1:{port}");
    let exit = ping(&["-c", "10", "-i", "200ms", &both]).or_else(|error| {
        writeln!(std::io::stderr(), "pathjitter: {error:#}")?;
        ping(&["-c", "10", "-i", "200ms", "--tcp", &port, "backend=127.0.0.1"])
    })?;
    Ok(exit.into())
}

/// Shows the command line and runs it.
fn ping(arguments: &[&str]) -> anyhow::Result<Exit> {
    writeln!(std::io::stdout(), "$ pathjitter ping {}", arguments.join(" "))?;
    let words = ["pathjitter", "ping"].into_iter().chain(arguments.iter().copied());
    app::run(words.map(Into::into))
}
