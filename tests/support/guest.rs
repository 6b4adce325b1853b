//! A child process that can neither outlive its test nor hang it.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// No run in the laboratory takes half as long unless it says so, not even on a loaded machine.
const LIMIT: Duration = Duration::from_mins(1);

/// A running program: killed with its process group on drop, and by the clock if it does not end.
pub(crate) struct Guest {
    child: Child,
    told: String,
    lines: Receiver<String>,
    seen: Vec<String>,
    stderr: Option<JoinHandle<String>>,
    ended: Sender<()>,
}

/// What a program left behind.
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: String,
}

impl Guest {
    /// Starts `command` with its output captured and a watchdog behind it.
    pub(crate) fn start(command: Command) -> Self {
        Self::start_within(LIMIT, command)
    }

    /// Starts a command that may take this long.
    pub(crate) fn start_within(limit: Duration, mut command: Command) -> Self {
        let told = format!("{command:?}");
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = command.spawn().unwrap_or_else(|e| panic!("cannot start {told}: {e}"));
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut stderr = child.stderr.take().expect("stderr is piped");
        let (line_out, lines) = mpsc::channel();
        thread::spawn(move || {
            BufReader::new(stdout)
                .lines()
                .map_while(Result::ok)
                .try_for_each(|l| line_out.send(l))
        });
        let stderr = thread::spawn(move || {
            let mut text = Vec::new();
            // A read error can only cut the text short, and the test then judges what is there.
            let _ = stderr.read_to_end(&mut text);
            String::from_utf8_lossy(&text).into_owned()
        });
        let (ended, end) = mpsc::channel();
        let (group, told_again) = (child.id(), told.clone());
        thread::spawn(move || {
            if end.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                eprintln!("lab: killed after {limit:?}: {told_again}");
                kill("KILL", &format!("-{group}"));
            }
        });
        Self {
            child,
            told,
            lines,
            seen: Vec::new(),
            stderr: Some(stderr),
            ended,
        }
    }

    /// Blocks until a line of stdout satisfies `wanted`.
    pub(crate) fn wait_for(&mut self, wanted: impl Fn(&str) -> bool) -> &str {
        loop {
            let Ok(line) = self.lines.recv_timeout(LIMIT) else {
                let stderr = self.stderr();
                panic!(
                    "{}: no such line came; seen:\n{}\n{stderr}",
                    self.told,
                    self.seen.join("\n")
                );
            };
            let found = wanted(&line);
            self.seen.push(line);
            if found {
                return self.seen.last().expect("a line was just added");
            }
        }
    }

    /// Blocks until `count` more lines of stdout satisfy `wanted`.
    pub(crate) fn wait_for_many(&mut self, count: usize, wanted: impl Fn(&str) -> bool) {
        for _ in 0..count {
            self.wait_for(&wanted);
        }
    }

    /// Every line of stdout that has arrived by now.
    pub(crate) fn lines_so_far(&mut self) -> &[String] {
        self.seen.extend(self.lines.try_iter());
        &self.seen
    }

    /// Every line of stdout that was waited for, and those before them.
    pub(crate) fn lines_seen(&self) -> &[String] {
        &self.seen
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name without `SIG`.
    pub(crate) fn signal(&self, name: &str) {
        kill(name, &self.child.id().to_string());
    }

    /// Waits for the end by itself.
    pub(crate) fn finish(mut self) -> Finished {
        let stdout = self.seen.drain(..).chain(self.lines.iter()).collect();
        let status = self.child.wait().expect("the child is ours to wait for");
        let _ = self.ended.send(());
        Finished {
            status,
            stdout,
            stderr: self.stderr(),
        }
    }

    fn stderr(&mut self) -> String {
        self.stderr
            .take()
            .and_then(|reader| reader.join().ok())
            .unwrap_or_default()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            kill("KILL", &format!("-{}", self.child.id()));
            let _ = self.child.wait();
        }
        let _ = self.ended.send(());
    }
}

impl Finished {
    /// All of stdout.
    pub(crate) fn text(&self) -> String {
        self.stdout.iter().fold(String::new(), |mut all, line| {
            let _ = writeln!(all, "{line}");
            all
        })
    }

    /// The exit code; a death by signal fails the test.
    pub(crate) fn code(&self) -> i32 {
        self.status
            .code()
            .unwrap_or_else(|| panic!("{}; stderr:\n{}", self.status, self.stderr))
    }

    /// stdout of a program that must succeed.
    pub(crate) fn expect_success(self) -> String {
        assert!(
            self.status.success(),
            "{}\nstdout:\n{}\nstderr:\n{}",
            self.status,
            self.text(),
            self.stderr
        );
        self.text()
    }
}

/// The target may have ended by itself just now, which is no error here.
fn kill(signal: &str, target: &str) {
    let _ = Command::new("kill")
        .args(["-s", signal, "--", target])
        .stderr(Stdio::null())
        .status();
}
