//! Lines that nobody wrote on purpose, and runs that begin anew.

use std::fmt::Write as _;
use std::time::Duration;

use proptest::prelude::*;

use super::{Replay, Told};
use crate::correlate::{CoincidenceOptions, TroubleOptions};
use crate::diagnose::{MonitorOptions, Stage, VerdictCode};

fn options() -> MonitorOptions {
    MonitorOptions {
        coincidences: CoincidenceOptions {
            false_alarms_per_30_days: 1.0,
        },
        troubles: TroubleOptions {
            false_alarms_per_30_days: 1.0,
        },
        sweep: None,
        slot: Duration::ZERO,
    }
}

fn replayed(text: &str) -> (Replay, Vec<Told>) {
    let mut replay = Replay::new(options(), None);
    text.lines().for_each(|line| replay.take(line.as_bytes()));
    replay.close();
    let told = std::iter::from_fn(|| replay.poll()).collect();
    (replay, told)
}

/// A moment so many ms after a certain one, within an hour of it.
fn at(ms: u64) -> String {
    let (minutes, seconds, ms) = (ms / 60_000, ms / 1_000 % 60, ms % 1_000);
    format!("2026-03-02T03:{minutes:02}:{seconds:02}.{ms:03}000Z")
}

fn probe(run: &str, target: &str, ms: u64, seq: u64, outcome: &str) -> String {
    let rtt = if outcome == "timeout" { "null" } else { "412.5" };
    let address = if target == "app01" { "10.0.0.1" } else { "10.0.0.2" };
    format!(
        r#"{{"timestamp":"{}","schema":"pathjitter/1","event":"probe","vantage":"lb1","run_id":"{run}","seq":{seq},"target":"{target}","address":"{address}","port":null,"family":"ipv4","proto":"icmp","flow":0,"probe_seq":{seq},"outcome":"{outcome}","rtt_us":{rtt},"user_rtt_us":{rtt},"stamp":"kernel","stamp_loss":null,"ttl":64,"reordered":false,"icmp_type":null,"icmp_code":null,"from":null,"error":null}}"#,
        at(ms)
    )
}

/// A run of two targets, of which one is silent from `dead` on, in ms.
fn run_of(run: &str, from: u64, to: u64, dead: u64) -> String {
    let mut text = String::new();
    for (seq, ms) in (0..).zip((from..to).step_by(200)) {
        let outcome = if ms >= dead { "timeout" } else { "reply" };
        let _ = writeln!(text, "{}", probe(run, "app01", ms, seq, outcome));
        let _ = writeln!(text, "{}", probe(run, "app02", ms + 100, seq, "reply"));
    }
    text
}

#[test]
fn a_log_without_series_lines_is_judged_by_its_own_pace() {
    let (replay, told) = replayed(&run_of("r1", 0, 120_000, 90_000));
    assert_eq!(replay.counts().malformed, 0);
    let last = told.last().expect("a target died");
    assert_eq!(last.stage, Stage::Close);
    assert_eq!(last.incident.target_names(), ["app01"]);
    assert_eq!(
        last.incident.verdict,
        VerdictCode::TargetUnreachable,
        "{}",
        last.incident.message
    );
}

#[test]
fn a_second_run_in_one_file_is_a_run_of_its_own() {
    let text = run_of("r1", 0, 60_000, u64::MAX) + &run_of("r2", 70_000, 150_000, 100_000);
    let (replay, told) = replayed(&text);
    assert_eq!(replay.counts().runs, 2);
    assert!(told.iter().all(|told| told.run == 2), "{told:#?}");
    assert_eq!(told.iter().filter(|told| told.stage == Stage::Open).count(), 1);
}

#[test]
fn lines_that_make_no_sense_are_counted_and_change_nothing() {
    let good = run_of("r1", 0, 120_000, 90_000);
    let (_, before) = replayed(&good);
    let far = probe("r1", "app01", 0, 7, "reply").replace("2026", "2396");
    let nonsense = ["{", "not json", r#"{"schema":"pathjitter/1"}"#, "[]", "\u{0}"];
    let mut text = String::new();
    for (n, line) in good.lines().enumerate() {
        let _ = writeln!(text, "{line}");
        if n % 100 == 50 {
            let _ = writeln!(text, "{}\n{far}", nonsense[n / 100 % nonsense.len()]);
        }
    }
    let (replay, after) = replayed(&text);
    let counts = replay.counts();
    assert_eq!((counts.malformed, counts.late), (12, 12), "{counts:?}");
    let words = |told: &[Told]| told.iter().map(|told| told.incident.clone()).collect::<Vec<_>>();
    assert_eq!(words(&before), words(&after));
}

#[test]
fn lines_of_another_schema_are_counted_apart() {
    let text = probe("r1", "app01", 0, 0, "reply").replace("pathjitter/1", "pathjitter/2");
    let (replay, _) = replayed(&text);
    assert_eq!((replay.counts().foreign, replay.counts().malformed), (1, 0));
}

fn window(target: &str, n: u64, max_us: f64, lost: u64) -> String {
    let address = if target == "app01" { "10.0.0.1" } else { "10.0.0.2" };
    format!(
        r#"{{"timestamp":"{}","schema":"pathjitter/1","event":"window","vantage":"lb1","run_id":"r1","seq":1,"target":"{target}","address":"{address}","port":null,"family":"ipv4","proto":"icmp","flow":0,"window_start":"{}","window_s":10.0,"sent":50,"lost":{lost},"rtt_p50_us":400.0,"rtt_max_us":{max_us},"self_noise":false}}"#,
        at((n + 1) * 10_000),
        at(n * 10_000)
    )
}

#[test]
fn windows_alone_name_who_was_worse_at_the_same_time_and_no_more() {
    let mut text = String::new();
    for n in 0..40 {
        let both = if n == 20 { 84_000.0 } else { 700.0 };
        let one = if n == 30 { 84_000.0 } else { both };
        let _ = writeln!(text, "{}\n{}", window("app01", n, both, 0), window("app02", n, one, 0));
    }
    let (replay, told) = replayed(&text);
    let opened: Vec<&Told> = told.iter().filter(|told| told.stage == Stage::Open).collect();
    assert_eq!(opened.len(), 1, "{told:#?}");
    assert_eq!(opened[0].incident.target_names(), ["app01", "app02"]);
    assert!(opened[0].by_windows && opened[0].incident.chance.is_none());
    assert_eq!(replay.counts().lone_windows, 1);
}

proptest! {
    #[test]
    fn no_bytes_are_a_panic(lines in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..20)) {
        let mut replay = Replay::new(options(), None);
        for line in &lines {
            replay.take(line);
        }
        replay.close();
    }

    /// Real lines with bytes of them changed are nearer to what could hurt.
    #[test]
    fn no_changed_line_is_a_panic(changes in proptest::collection::vec((0_usize..400, any::<u8>(), 0_u64..4_000), 1..60)) {
        let mut replay = Replay::new(options(), None);
        for (n, (place, byte, ms)) in (0_u64..).zip(changes) {
            let lines = [probe("r1", "app01", ms, n, "reply"), probe("r2", "app02", ms, n, "timeout"), window("app01", n % 300, 700.0, n)];
            for line in lines {
                let mut line = line.into_bytes();
                let place = place % line.len();
                line[place] = if byte.is_ascii_digit() || byte.is_ascii_alphabetic() { byte } else { b'9' };
                replay.take(&line);
            }
        }
        replay.close();
        while replay.poll().is_some() {}
    }
}
