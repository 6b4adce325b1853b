//! How a run begins, ends and shares its host: signals, pipes, cron, dead targets, a second instance.

use std::fs;
use std::process::Stdio;

use crate::support::{Lab, Listener, PATHJITTER, Pair, Report, ping, pinging, read_lines};
use crate::{OPEN, at, is_probe};

#[test]
fn a_signal_in_mid_run_is_a_normal_end_with_an_incomplete_window() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let _port = Listener::open(&pair.backend, OPEN);
    for signal in ["TERM", "INT"] {
        let mut run = pinging(
            &pair.prober,
            &format!("--json --each -c 100000 -i 10ms {}", at(pair.v4(), OPEN)),
        );
        run.wait_for_many(20, is_probe);
        run.signal(signal);
        let report = Report::read(&run.finish());
        for proto in ["icmp", "tcp"] {
            let window = report.window(proto);
            assert!(!window.flag("complete"), "SIG{signal}");
            assert!((5..100_000).contains(&window.count("sent")), "SIG{signal}");
            assert_eq!(window.count("lost"), 0, "a probe that could not be awaited is not lost");
        }
        assert_eq!((report.code, report.stderr.as_str()), (0, ""), "SIG{signal}");
    }
}

#[test]
fn a_signal_ends_a_run_whose_target_is_silent_without_waiting() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    pair.backend.sysctl("net.ipv4.icmp_echo_ignore_all", "1");
    let mut run = pinging(
        &pair.prober,
        &format!("--json --each -c 100000 -i 10ms -W 20ms {}", pair.v4()),
    );
    run.wait_for_many(10, is_probe);
    run.signal("TERM");
    let report = Report::read(&run.finish());
    let window = report.only_window();
    assert!(!window.flag("complete"));
    assert_eq!(window.count("received"), 0);
    assert!(window.count("lost") >= 10);
    assert_eq!(report.code, 1, "nobody answered");
}

#[test]
fn sigquit_shows_the_figures_so_far_and_the_run_goes_on() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let mut run = pinging(&pair.prober, &format!("-c 100 -i 20ms {}", pair.v4()));
    run.wait_for_many(5, |line| !line.is_empty());
    run.signal("QUIT");
    let ended = run.finish();
    assert_eq!(ended.code(), 0, "{}", ended.stderr);
    let all = format!("{}\n{}", ended.text(), ended.stderr);
    let summaries = all.lines().filter(|line| line.contains('%')).count();
    assert!(summaries >= 2, "one summary on demand and one at the end:\n{all}");
}

#[test]
fn a_closed_pipe_ends_the_run_quietly() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    // Without the pipe's end this would run for minutes, and be killed by the laboratory.
    let run = format!("'{PATHJITTER}' ping --json --each -c 100000 -i 2ms {}", pair.v4());
    let ended = pair
        .prober
        .try_sh(&format!("{run} | head -n 3; echo ${{PIPESTATUS[0]}}"));
    assert_eq!(ended.stderr, "");
    let (status, lines) = ended.stdout.split_last().expect("head and echo wrote");
    assert_eq!(read_lines(lines).len(), 3);
    assert!(["0", "141"].contains(&status.as_str()), "exit code {status}");
}

#[test]
fn a_cron_line_appends_whole_lines_and_mails_nothing() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let _port = Listener::open(&pair.backend, OPEN);
    let directory = tempfile::tempdir().expect("a directory for the log");
    let log = directory.path().join("pathjitter.ndjson");
    let [v4, v6] = pair.targets();
    // As cron runs it: no terminal, hardly any environment; and with others that write to the same file.
    let line = format!(
        "env -i '{PATHJITTER}' ping -q --json -c 10 -i 50ms app01={} app02={v6}",
        at(v4, OPEN)
    );
    let log_path = log.display();
    let jobs: Vec<_> = (0..3)
        .map(|_| pair.prober.spawn_sh(&format!("{line} >> '{log_path}'")))
        .collect();
    for job in jobs {
        let ended = job.finish();
        assert_eq!(
            (ended.code(), ended.text().as_str(), ended.stderr.as_str()),
            (0, "", "")
        );
    }
    let text = fs::read_to_string(&log).expect("cron's log");
    assert!(text.ends_with('\n'));
    let events = read_lines(&text.lines().map(str::to_owned).collect::<Vec<_>>());
    let windows = |target: &str, proto: &str| {
        let wanted = |e: &&serde_json::Value| e["event"] == "window" && e["target"] == target && e["proto"] == proto;
        events.iter().filter(wanted).filter(|e| e["received"] == 10).count()
    };
    assert_eq!(
        [
            windows("app01", "icmp"),
            windows("app01", "tcp"),
            windows("app02", "icmp")
        ],
        [3, 3, 3]
    );
    let runs: std::collections::BTreeSet<_> = events.iter().map(|e| e["run_id"].to_string()).collect();
    assert_eq!(runs.len(), 3, "each run has an id of its own");
}

#[test]
fn two_instances_do_not_take_each_others_answers() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let port = Listener::open(&pair.backend, OPEN);
    for target in pair.targets() {
        let args = format!("--json -q -c 200 -i 3ms -W 300ms {}", at(target, OPEN));
        let runs = [pinging(&pair.prober, &args), pinging(&pair.prober, &args)];
        for run in runs {
            let report = Report::read(&run.finish());
            for proto in ["icmp", "tcp"] {
                report
                    .window(proto)
                    .assert_outcomes(&[("sent", 200), ("received", 200)]);
            }
            assert_eq!(report.code, 0);
        }
    }
    assert_eq!(port.accepted(), 0);
}

#[test]
fn a_dead_target_has_a_window_too_and_does_not_hold_up_the_others() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    pair.backend.sh("ip addr add 10.77.1.50/24 dev prober");
    pair.backend
        .nft("table ip t { chain c { type filter hook input priority 0; ip daddr 10.77.1.50 drop; }; }");
    let report = ping(
        &pair.prober,
        &format!("-c 20 -i 10ms -W 200ms alive={} dead=10.77.1.50", pair.v4()),
    );
    let windows = report.windows();
    let of = |name: &str| {
        *windows
            .iter()
            .find(|w| w.text("target") == name)
            .expect("a window for each target")
    };
    of("alive").assert_outcomes(&[("sent", 20), ("received", 20)]);
    of("dead").assert_outcomes(&[("sent", 20), ("lost", 20)]);
    assert_eq!(report.code, 1);
}

#[test]
fn a_deadline_cuts_the_run_and_the_window_says_so() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let report = ping(&pair.prober, &format!("-c 100000 -i 10ms -w 500ms {}", pair.v4()));
    let window = report.only_window();
    assert!(!window.flag("complete"));
    assert!(
        (10..=51).contains(&window.count("sent")),
        "{} in half a second",
        window.count("sent")
    );
    assert_eq!(window.count("lost"), 0);
}

#[test]
fn an_unknown_name_is_an_error_with_its_own_exit_code() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let ended = pinging(&host, "--json -q -c 1 no-such-host.invalid").finish();
    assert_eq!(ended.code(), 2);
    assert!(ended.stderr.contains("no-such-host.invalid"), "{}", ended.stderr);
}

#[test]
fn a_reader_that_takes_nothing_keeps_no_signal_from_ending_the_run() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let target = pair.v4().to_string();
    let mut run = pair
        .prober
        .command(PATHJITTER)
        .args(["ping", "--json", "--each", "-i", "200us", "-c", "1000000", &target])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a process");
    let id = run.id();
    // Nobody reads: the pipe fills up, and the thread that prints is held in its write.
    wait_until("the printer is blocked", || blocked_in_pipe_write(id));
    let end = || shell(&format!("kill -TERM {id}"));
    end();
    wait_until("the run has ended", || run.try_wait().expect("a child").is_some());
    assert_eq!(run.wait().expect("a child").code(), Some(2));
}

/// Whether a thread of this process waits in the write call of a pipe.
fn blocked_in_pipe_write(process: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{process}/task"))
        .into_iter()
        .flatten()
        .flatten();
    threads.into_iter().any(|thread| {
        let waits_in = std::fs::read_to_string(thread.path().join("wchan")).unwrap_or_default();
        waits_in.contains("pipe_write")
    })
}

/// Looks again and again, for half a minute at most.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..600 {
        if is_so() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    panic!("not within 30 s: {what}");
}

fn shell(command: &str) {
    let status = std::process::Command::new("sh")
        .args(["-c", command])
        .status()
        .expect("a shell");
    assert!(status.success(), "{command}");
}
