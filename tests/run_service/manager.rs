//! What a service manager hears, at a socket that takes the place of systemd's.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::{Guest, Host, Lab, PATHJITTER};
use crate::{is_whole_window, read};

/// In place of systemd.
struct Manager {
    socket: UnixDatagram,
    folder: TempDir,
}

impl Manager {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let socket = UnixDatagram::bind(folder.path().join("notify")).expect("a socket");
        // A test that waits for what does not come must end.
        socket.set_read_timeout(Some(Duration::from_secs(30))).expect("a limit");
        Self { socket, folder }
    }

    /// A service that this manager started, which it gives up on after so many seconds of silence.
    fn starts(&self, host: &Host, watchdog_seconds: u32, args: &str) -> Guest {
        let mut command = host.command(PATHJITTER);
        command
            .env("NOTIFY_SOCKET", self.folder.path().join("notify"))
            .env("WATCHDOG_USEC", (watchdog_seconds * 1_000_000).to_string())
            .args(["run", "--no-trace"])
            .args(args.split_whitespace());
        Guest::start(command)
    }

    /// All lines until one that begins like this.
    fn hears_until(&self, wanted: &str) -> Vec<String> {
        let mut heard: Vec<String> = Vec::new();
        loop {
            let mut buf = [0; 4096];
            let len = self
                .socket
                .recv(&mut buf)
                .unwrap_or_else(|error| panic!("no {wanted}, {error}: {heard:#?}"));
            let text = String::from_utf8(buf[..len].to_vec()).expect("text");
            heard.extend(text.lines().map(str::to_owned));
            if heard.iter().any(|line| line.starts_with(wanted)) {
                return heard;
            }
        }
    }
}

/// Microseconds since this host started, without its sleep, as the kernel counts them.
fn monotonic_us() -> u128 {
    // Good to 10 ms, which is enough to tell it from any other clock.
    let mut text = String::new();
    File::open("/proc/uptime")
        .expect("proc")
        .read_to_string(&mut text)
        .expect("a line");
    let seconds: f64 = text.split(' ').next().expect("a number").parse().expect("a number");
    Duration::from_secs_f64(seconds).as_micros()
}

#[test]
fn a_manager_hears_of_the_first_window_of_reloads_and_of_the_end() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let manager = Manager::new();
    let config = manager.folder.path().join("config.toml");
    std::fs::write(&config, "[[target]]\ntarget = \"app=127.0.0.2\"\n").expect("a file");
    let args = format!("--json --window 2s -c {}", config.display());
    let mut run = manager.starts(&host, 3, &args);
    let before = manager.hears_until("READY=1");
    run.wait_for(|line| is_whole_window(line, "app"));
    // It is heard of each second; not ready before the window, which takes two and one until nothing can come any more.
    let beats = before.iter().filter(|line| *line == "WATCHDOG=1").count();
    assert!(beats >= 2, "{before:#?}");
    assert!(
        before.iter().any(|line| line == "EXTEND_TIMEOUT_USEC=30000000"),
        "{before:#?}"
    );
    assert!(
        before
            .iter()
            .any(|line| line.starts_with("STATUS=1 target, 0 of the last 10 probes lost, no incident open")),
        "{before:#?}"
    );
    // From then on it goes on by itself.
    manager.hears_until("WATCHDOG=1");

    let earliest = monotonic_us();
    run.signal("HUP");
    let reload = manager.hears_until("RELOADING=1");
    let stamp = reload
        .iter()
        .find_map(|line| line.strip_prefix("MONOTONIC_USEC="))
        .expect("a time");
    let stamp: u128 = stamp.parse().expect("a number");
    let latest = monotonic_us();
    let slack = 20_000;
    assert!(
        (earliest - slack..=latest + slack).contains(&stamp),
        "{earliest} {stamp} {latest}"
    );
    manager.hears_until("READY=1");

    run.signal("TERM");
    let end = manager.hears_until("STOPPING=1");
    // The end may take two timeouts and what is left to write.
    assert!(end.contains(&"EXTEND_TIMEOUT_USEC=12000000".to_owned()), "{end:#?}");
    read(&run.finish());
}

#[test]
fn a_service_whose_output_nobody_reads_is_not_called_alive() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let manager = Manager::new();
    // A pipe that nobody reads from takes 64 KiB, which is a second of this.
    let script = format!(
        "mkfifo {pipe} && exec 8<>{pipe} && NOTIFY_SOCKET={socket} WATCHDOG_USEC=2000000 \
         exec {PATHJITTER} run --no-trace --json --each -i 2ms --window 1s 127.0.0.2 >{pipe}",
        pipe = manager.folder.path().join("pipe").display(),
        socket = manager.folder.path().join("notify").display(),
    );
    let run = host.spawn_sh(&script);
    manager.hears_until("WATCHDOG=1");
    let heard = manager.hears_until("STATUS=the writer does not answer");
    let (last, _) = heard.split_last().expect("a line");
    assert!(last.starts_with("STATUS=the writer"), "{heard:#?}");
    // Nothing but that from now on.
    let next = manager.hears_until("STATUS=the writer does not answer");
    assert!(
        next.iter().all(|line| line.starts_with("STATUS=the writer")),
        "{next:#?}"
    );
    run.signal("KILL");
}

#[test]
fn a_service_without_addresses_is_ready_when_its_first_window_would_be() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let manager = Manager::new();
    let run = manager.starts(&host, 3, "-q --window 1s no-such-name.invalid");
    manager.hears_until("READY=1");
    run.signal("TERM");
    assert_eq!(run.finish().code(), 0);
}
