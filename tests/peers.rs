//! Ours beside ping and fping: the same network at the same time must give the same figures.

mod support;

use support::{Lab, Pair, behind_a_queue, ping};

/// RTTs of `fping -C` in ms, `None` for a dash.
fn fping_line(output: &str) -> Vec<Option<f64>> {
    let (_, figures) = output
        .trim()
        .rsplit_once(" : ")
        .unwrap_or_else(|| panic!("no figures in {output}"));
    figures
        .split_whitespace()
        .map(|f| (f != "-").then(|| f.parse().unwrap()))
        .collect()
}

/// `min` and `avg` of ping in us.
fn ping_rtt(output: &str) -> (f64, f64) {
    let (_, figures) = output
        .split_once("mdev = ")
        .unwrap_or_else(|| panic!("no figures in {output}"));
    let mut figures = figures.split('/').map(|f| f.parse::<f64>().map(|ms| ms * 1000.0));
    (figures.next().unwrap().unwrap(), figures.next().unwrap().unwrap())
}

#[test]
fn all_three_count_the_same_loss_where_every_fourth_request_is_dropped() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    // Each tool starts with a fresh count of the generator, since each sends a multiple of 4.
    pair.backend.nft(
        "table ip t { chain c { type filter hook input priority 0;
         icmp type echo-request numgen inc mod 4 == 3 drop; }; }",
    );
    let target = pair.v4();
    let ours = ping(&pair.prober, &format!("-c 100 -i 10ms -W 500ms {target}"));
    ours.only_window()
        .assert_outcomes(&[("sent", 100), ("received", 75), ("lost", 25)]);
    let theirs = pair
        .prober
        .try_sh(&format!("ping -n -q -c 100 -i 0.01 -W 1 {target}"))
        .text();
    assert!(
        theirs.contains("100 packets transmitted, 75 received, 25% packet loss"),
        "{theirs}"
    );
    let line = fping_line(
        &pair
            .prober
            .try_sh(&format!("fping -q -C 100 -p 10 -t 100 {target}"))
            .stderr,
    );
    assert_eq!((line.len(), line.iter().flatten().count()), (100, 75));
}

/// ping does not sleep between two probes 5 ms apart, and we do: where nothing else keeps the processor warm, our packets take some us longer
/// on the same path.
const COLD_US: f64 = 10.0;

#[test]
fn the_smallest_rtt_of_an_idle_path_is_in_the_same_range() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    for target in pair.targets() {
        let report = ping(&pair.prober, &format!("-c 100 -i 5ms -W 500ms {target}"));
        let ours = report.only_window().figure("rtt_min_us");
        let theirs = ping_rtt(&pair.prober.sh(&format!("ping -n -q -c 100 -i 0.005 {target}"))).0;
        let line = fping_line(
            &pair
                .prober
                .try_sh(&format!("fping -q -C 100 -p 5 -t 500 {target}"))
                .stderr,
        );
        let fping = line.iter().flatten().fold(f64::INFINITY, |a, b| a.min(*b)) * 1000.0;
        // Theirs hold a system call and a wake-up more than ours: never less than ours by more than noise.
        for (name, other) in [("ping", theirs), ("fping", fping)] {
            assert!(
                ours > 0.0 && ours < 2.0 * other + COLD_US,
                "we say {ours} us, {name} says {other} us"
            );
            assert!(other < 40.0 * ours, "we say {ours} us, {name} says {other} us");
        }
    }
}

#[test]
fn all_three_see_the_same_queue() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let (_flood, _) = behind_a_queue(&pair);
    let target = pair.v4();
    let report = ping(&pair.prober, &format!("-c 50 -i 20ms -W 1s {target}"));
    let ours = report.only_window().figure("rtt_mean_us");
    let theirs = ping_rtt(&pair.prober.sh(&format!("ping -n -q -c 50 -i 0.02 {target}"))).1;
    let line = fping_line(
        &pair
            .prober
            .try_sh(&format!("fping -q -C 50 -p 20 -t 1000 {target}"))
            .stderr,
    );
    let fping = line.iter().flatten().sum::<f64>() / 50.0 * 1000.0;
    for (name, other) in [("ping", theirs), ("fping", fping)] {
        assert!(
            (ours - other).abs() < 0.15 * other,
            "we say {ours} us, {name} says {other} us"
        );
    }
}
