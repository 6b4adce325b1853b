//! The place a bench runs in: a fresh network namespace with only loopback, entered by starting the bench again under `unshare`.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, ExitCode};

use socket2::{Domain, Socket, Type};

/// Tells the second start of a bench that it is already inside its namespace.
const INSIDE: &str = "PATHJITTER_BENCH_INSIDE";

/// How much a run measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Every figure at its full size.
    Full,
    /// A few seconds that show the bench works; its figures are too short to quote.
    Smoke,
}

impl Form {
    /// `--test` (as cargo's own harness takes it) or `PATHJITTER_BENCH=smoke` asks for the short form.
    pub(crate) fn from_environment() -> Self {
        let asked = std::env::args().any(|arg| arg == "--test")
            || std::env::var_os("PATHJITTER_BENCH").is_some_and(|form| form == "smoke");
        if asked { Self::Smoke } else { Self::Full }
    }

    /// The value that belongs to this form.
    pub(crate) fn pick<T>(self, full: T, smoke: T) -> T {
        match self {
            Self::Full => full,
            Self::Smoke => smoke,
        }
    }
}

/// Runs `bench` inside a fresh network namespace and returns what the process should exit with.
///
/// Outside, the bench starts itself again under `unshare`. Where namespaces are not permitted it says so and succeeds,
/// or fails if `PATHJITTER_LAB=required`.
pub(crate) fn inside_namespace(bench: impl FnOnce(Form) -> anyhow::Result<()>) -> ExitCode {
    if std::env::var_os(INSIDE).is_none() {
        return start_inside();
    }
    let form = Form::from_environment();
    print_machine(form);
    match prepare_network().and_then(|()| bench(form)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("FAILED: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Says loudly that something could not be measured: an error only where the lab is required to be complete.
pub(crate) fn not_measured(what: &str, why: &str) -> anyhow::Result<()> {
    println!("NOT MEASURED: {what}: {why}");
    anyhow::ensure!(
        !is_required(),
        "{what} could not be measured and PATHJITTER_LAB=required"
    );
    Ok(())
}

/// Is the program on the path?
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The `index`-th loopback address, from 127.1.0.0 on: every one answers on Linux.
pub(crate) fn loopback_target(index: u32) -> Ipv4Addr {
    const FIRST: u32 = 0x7f01_0000;
    Ipv4Addr::from_bits(FIRST + index)
}

/// A listener for every loopback address. Half-open entries end by the prober's RST, so the accept thread mostly sleeps.
pub(crate) fn listen() -> anyhow::Result<u16> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into())?;
    socket.listen(4096)?;
    let listener = std::net::TcpListener::from(socket);
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    Ok(port)
}

fn start_inside() -> ExitCode {
    let Some(unshare) = working_unshare().filter(|_| is_installed("ip")) else {
        eprintln!("SKIPPED: needs `ip`, and `unshare -n` (root) or `unshare -rn` (user namespaces) to work");
        return if is_required() {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        };
    };
    let status = std::env::current_exe().and_then(|exe| {
        Command::new("unshare")
            .arg(unshare)
            .arg(exe)
            .args(std::env::args_os().skip(1))
            .env(INSIDE, "1")
            .status()
    });
    match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("FAILED: cannot start the bench again: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The form of `unshare` that is permitted here, if any.
fn working_unshare() -> Option<&'static str> {
    let works = |flags: &&str| {
        Command::new("unshare")
            .args([flags, "true"])
            .status()
            .is_ok_and(|status| status.success())
    };
    ["-n", "-rn"].into_iter().find(works)
}

fn prepare_network() -> anyhow::Result<()> {
    let status = Command::new("ip").args(["link", "set", "lo", "up"]).status()?;
    anyhow::ensure!(status.success(), "ip link set lo up: {status}");
    // Datagram ICMP sockets, which surge-ping is fastest on, are forbidden to everyone in a new namespace. A refusal
    // here shows as that peer's error, with its own words.
    let _ = std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 0");
    Ok(())
}

fn print_machine(form: Form) {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cpus = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("?", |rest| rest.trim_start_matches(['\t', ' ', ':']));
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    println!("command: {}", std::env::args().collect::<Vec<_>>().join(" "));
    println!(
        "machine: Linux {}, {cores} cores, {model}; form: {form:?}",
        kernel.trim()
    );
}

fn is_required() -> bool {
    std::env::var_os("PATHJITTER_LAB").is_some_and(|lab| lab == "required")
}
