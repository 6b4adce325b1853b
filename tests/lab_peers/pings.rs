//! ping and fping: delay, jitter, bandwidth, loss, duplicates, TTL.

use crate::{APP, Ended, Lab, RTT_US, assert_rtt, assert_share, path, simulations_are_possible};

/// `min/avg/max/mdev` of ping, in us.
fn ping_rtts_us(output: &str) -> [f64; 4] {
    let (_, figures) = output.split_once("mdev = ").unwrap_or_else(|| panic!("{output}"));
    let (figures, _) = figures.split_once(" ms").unwrap_or_else(|| panic!("{output}"));
    let figures: Vec<f64> = figures.split('/').map(|ms| ms.parse::<f64>().unwrap() * 1e3).collect();
    figures.try_into().expect("ping reports four figures")
}

/// RTTs of `fping -q -C` in us and in order of size, without those that were lost; and how many were lost.
fn fping_rtts_us(ended: &Ended) -> (Vec<f64>, u64) {
    let output = &ended.command.stderr;
    let line = output.lines().find_map(|line| line.split_once(" : "));
    let (_, figures) = line.unwrap_or_else(|| panic!("no figures in {output}"));
    let (lost, answered): (Vec<&str>, Vec<&str>) = figures.split_whitespace().partition(|figure| *figure == "-");
    let mut rtts: Vec<f64> = answered.iter().map(|ms| ms.parse::<f64>().unwrap() * 1e3).collect();
    rtts.sort_by(f64::total_cmp);
    (rtts, lost.len().try_into().unwrap())
}

/// The number before some words.
fn count(output: &str, words: &str) -> u64 {
    let (before, _) = output.split_once(words).unwrap_or_else(|| panic!("{output}"));
    let last = before.rsplit([' ', '\n', '+']).next().unwrap_or_default();
    last.parse()
        .unwrap_or_else(|_| panic!("no number before {words:?}: {output}"))
}

#[test]
fn the_delay_is_that_of_the_links_and_the_ttl_is_less_by_one_for_each_router() {
    if !simulations_are_possible() {
        return;
    }
    let network = path(&[]);
    let pings = APP.map(|app| Lab::start(&network, &format!("ping -n -c 50 -i 0.02 -W 5 {app}")));
    let fpings = APP.map(|app| Lab::start(&network, &format!("fping -q -C 50 -p 20 -t 5000 {app}")));
    for lab in pings {
        let output = lab.finish().text();
        assert!(output.contains("50 received, 0% packet loss"), "{output}");
        assert_eq!(output.matches(" ttl=61 ").count(), 50, "{output}");
        let [min, avg, ..] = ping_rtts_us(&output);
        assert_rtt(min, RTT_US, &output);
        // Answers are stamped by the kernel, so that only delays of the simulator and of sending are in the mean.
        assert!(avg < RTT_US + 1_000.0, "{output}");
    }
    for lab in fpings {
        let ended = lab.finish();
        let (rtts, lost) = fping_rtts_us(&ended);
        assert_eq!((rtts.len(), lost), (50, 0), "{}", ended.command.stderr);
        // It prints three digits, so that an RTT may look less than 5 us shorter than it is.
        assert_rtt(rtts[0] + 5.0, RTT_US, &ended.command.stderr);
        assert!(rtts[25] < RTT_US + 1_000.0, "{rtts:?}");
    }
}

#[test]
fn the_ttl_of_a_backend_and_of_a_router_are_those_of_the_file() {
    if !simulations_are_possible() {
        return;
    }
    let network = path(&[("app", "set.ttl = 255"), ("r2", "set.ttl = 128")]);
    let script = "for a in 10.10.9.11 fd00:10:9::11 10.10.2.1 fd00:10:2::1; do ping -n -c 1 $a; done";
    let output = Lab::start(&network, script).finish().text();
    // Three routers on the way back from the backend, one from r2.
    for (ttl, expected) in [(" ttl=252 ", 2), (" ttl=127 ", 2)] {
        assert_eq!(output.matches(ttl).count(), expected, "{ttl}: {output}");
    }
}

#[test]
fn loss_is_what_the_ledger_says_and_the_ledger_says_what_the_file_says() {
    if !simulations_are_possible() {
        return;
    }
    let network = path(&[("host-r1", "forward.loss = 0.2"), ("r3-app", "reverse.loss = 0.1")]);
    let pings = APP.map(|app| Lab::start(&network, &format!("ping -n -q -c 1200 -i 0.003 -W 5 {app}")));
    let fpings = APP.map(|app| Lab::start(&network, &format!("fping -q -C 1200 -p 3 -t 5000 {app}")));
    let pings = pings.map(Lab::finish).map(|ended| {
        let output = ended.text();
        let lost = 1200 - count(&output, " received");
        (ended, lost)
    });
    let fpings = fpings.map(Lab::finish).map(|ended| {
        let lost = fping_rtts_us(&ended).1;
        (ended, lost)
    });
    for (ended, lost) in pings.into_iter().chain(fpings) {
        let there = ended.dropped("host>r1", "loss");
        let back = ended.dropped("app>r3", "loss");
        assert_eq!(lost, there + back, "{}", ended.text());
        assert_share(there, 1200, 0.2);
        assert_share(back, ended.packets("app>r3"), 0.1);
    }
}

#[test]
fn ping_sees_every_duplicate_that_a_link_makes() {
    if !simulations_are_possible() {
        return;
    }
    let network = path(&[("host-r1", "reverse.duplicate = 0.3")]);
    let labs = APP.map(|app| Lab::start(&network, &format!("ping -n -c 400 -i 0.005 -W 5 {app}")));
    for lab in labs {
        let ended = lab.finish();
        let output = ended.text();
        let seen = count(&output, " duplicates");
        assert_eq!(
            output.matches("(DUP!)").count(),
            usize::try_from(seen).unwrap(),
            "{output}"
        );
        // Ping ends with the last answer, whether its copy has come or not.
        let missed = ended.duplicated() - seen;
        assert!(missed <= 1, "{missed} copies were not seen\n{output}");
        assert_share(ended.duplicated(), 400, 0.3);
    }
}

/// By how much a quantile is above the RTT without jitter, in us.
type Quantile = fn(f64) -> f64;

#[test]
fn the_distribution_of_jitter_is_the_configured_one() {
    if !simulations_are_possible() {
        return;
    }
    let kinds: [(&str, Quantile); 3] = [
        ("{ uniform = '4ms' }", |q| 4_000.0 * q),
        ("{ exponential = '1ms' }", |q| -1_000.0 * (1.0 - q).ln()),
        ("{ bimodal = { by = '2ms', share = 0.3 } }", |q| {
            if q < 0.7 { 0.0 } else { 2_000.0 }
        }),
    ];
    // Farther apart than jitter can bring two packets together, which then would have to queue.
    let labs = kinds.map(|(jitter, quantile)| {
        let network = path(&[("r1-r2", &format!("forward.jitter = {jitter}"))]);
        let lab = Lab::start(&network, &format!("fping -q -C 400 -p 10 -t 5000 {}", APP[0]));
        (jitter, quantile, lab)
    });
    // Dvoretzky, Kiefer, Wolfowitz: no share of 400 values is farther from its probability, but once in a million times.
    let error = ((2.0_f64 / 1e-6).ln() / 800.0).sqrt();
    for (jitter, quantile, lab) in labs {
        let (rtts, lost) = fping_rtts_us(&lab.finish());
        assert_eq!(lost, 0, "{jitter}");
        for percent in [20, 30, 40, 50, 60, 70, 80] {
            let share = f64::from(percent) / 100.0;
            let seen = rtts[400 * usize::try_from(percent).unwrap() / 100] - RTT_US;
            let range = quantile(share - error) - 5.0..quantile(share + error) + crate::OVER_US;
            assert!(
                range.contains(&seen),
                "{jitter}: {percent} %: {seen} us, not in {range:?}"
            );
        }
    }
}

#[test]
fn a_slow_link_takes_the_time_of_its_bits() {
    if !simulations_are_possible() {
        return;
    }
    // 1,000 bytes at 1 Mbit/s take 8 ms, there and back. The headers are of 28 and 48 bytes.
    let network = path(&[("r1-r2", "set.bandwidth = '1Mbit/s'")]);
    let labs = [(APP[0], 972), (APP[1], 952)]
        .map(|(app, size)| Lab::start(&network, &format!("ping -n -q -c 20 -i 0.05 -W 5 -s {size} {app}")));
    for lab in labs {
        let output = lab.finish().text();
        assert_rtt(ping_rtts_us(&output)[0], RTT_US + 16_000.0, &output);
    }
}
