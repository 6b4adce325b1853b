//! A first look that needs no network, no configuration and no privilege: `cargo run --example loopback`.
//!
//! Listens on a free port of loopback and runs `pathjitter ping` against it, by ICMP and TCP, or by TCP alone where this user
//! may not send ICMP.

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;

use pathjitter::{app, net};

fn main() -> anyhow::Result<ExitCode> {
    let backend = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let target = format!("backend=127.0.0.1:{}", backend.local_addr()?.port());
    let mut words = vec!["pathjitter", "ping", "-c", "10", "-i", "200ms"];
    let mut stdout = std::io::stdout();
    if net::is_portable_available().is_err() {
        writeln!(
            stdout,
            "# ICMP is not open to this user: TCP alone (see Permissions in README.md)"
        )?;
        words.push("--no-icmp");
    }
    words.push(&target);
    writeln!(stdout, "$ {}", words.join(" "))?;
    Ok(app::run(words.into_iter().map(Into::into))?.into())
}
