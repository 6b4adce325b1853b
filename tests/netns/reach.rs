//! Backends that answer, and ports that refuse.

use crate::support::{Lab, Listener, Pair, Routed, ping};
use crate::{CLOSED, OPEN, at};

#[test]
fn both_families_answer_echo_with_kernel_stamps() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    for target in pair.targets() {
        let report = ping(&pair.prober, &format!("-c 20 -i 10ms -W 500ms {target}"));
        let window = report.only_window();
        window.assert_outcomes(&[("sent", 20), ("received", 20)]);
        assert_eq!(window.text("address"), target.to_string());
        assert_eq!(window.text("stamp"), "kernel");
        assert_eq!(window.timed(), 20);
        assert!(window.is_null("port"));
        assert!(window.flag("complete"));
        window.assert_loss_interval_contains(0.0);
        assert_eq!((report.code, report.stderr.as_str()), (0, ""));
    }
}

#[test]
fn an_open_port_answers_echo_and_syn_at_once_and_its_application_sees_nobody() {
    let Some(lab) = Lab::new() else { return };
    let net = Routed::new(&lab);
    let port = Listener::open(&net.backend, OPEN);
    for address in net.far.right.addresses() {
        let report = ping(&net.prober, &format!("-c 50 -i 10ms -W 500ms {}", at(address, OPEN)));
        for proto in ["icmp", "tcp"] {
            let window = report.window(proto);
            window.assert_outcomes(&[("sent", 50), ("received", 50)]);
            assert_eq!((window.text("stamp"), window.timed()), ("kernel", 50), "{proto}");
        }
        assert_eq!(report.window("tcp").count("port"), u64::from(OPEN));
        assert_eq!((report.code, report.stderr.as_str()), (0, ""));
    }
    assert_eq!(port.accepted(), 0, "half-open probes never reach the application");
}

#[test]
fn a_closed_port_refuses_and_a_refusal_is_no_answer_and_no_loss() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    for address in pair.targets() {
        let report = ping(&pair.prober, &format!("-c 20 -i 10ms -W 500ms {}", at(address, CLOSED)));
        report.window("icmp").assert_outcomes(&[("sent", 20), ("received", 20)]);
        let refused = report.window("tcp");
        refused.assert_outcomes(&[("sent", 20), ("refused", 20)]);
        assert_eq!(refused.timed(), 0, "refusals are timed apart");
        assert!(refused.is_null("rtt_p50_us"));
        refused.assert_loss_interval_contains(0.0);
        assert_eq!(report.code, 1);
    }
}

#[test]
fn tcp_alone_and_icmp_added_are_what_the_flags_say() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let _port = Listener::open(&pair.backend, OPEN);
    let target = pair.v4();
    let protos = |args: &str| {
        let report = ping(&pair.prober, &format!("-c 3 -i 10ms -W 500ms {args}"));
        let mut protos: Vec<_> = report.windows().iter().map(|w| w.text("proto").to_owned()).collect();
        protos.sort();
        protos
    };
    assert_eq!(protos(&format!("{target}")), ["icmp"]);
    assert_eq!(protos(&format!("--tcp {OPEN} {target}")), ["tcp"]);
    assert_eq!(protos(&format!("--tcp {OPEN} --icmp {target}")), ["icmp", "tcp"]);
    assert_eq!(protos(&at(target, OPEN)), ["icmp", "tcp"]);
    assert_eq!(protos(&format!("--no-icmp {}", at(target, OPEN))), ["tcp"]);
}

#[test]
fn probes_of_every_size_come_back_whole() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    // About the room for a small packet, about the MTU, and the largest that IPv4 takes (RFC 791: 65,535 with both headers).
    for size in [24, 980, 1_016, 1_400, 1_472, 8_000, 65_507] {
        for target in pair.targets() {
            let report = ping(&pair.prober, &format!("-c 5 -i 10ms -W 500ms -s {size} {target}"));
            report.only_window().assert_outcomes(&[("sent", 5), ("received", 5)]);
            assert_eq!(report.only_window().timed(), 5, "{size} bytes to {target}");
        }
    }
}

#[test]
fn the_portable_engine_measures_with_user_stamps() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    for target in pair.targets() {
        let report = ping(
            &pair.prober,
            &format!("--engine portable -c 20 -i 10ms -W 500ms {target}"),
        );
        let window = report.only_window();
        window.assert_outcomes(&[("sent", 20), ("received", 20)]);
        assert_eq!(window.text("stamp"), "user");
        assert_eq!(report.code, 0);
    }
}

#[test]
fn each_probe_has_its_line_and_the_lines_sum_up_to_the_window() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let report = ping(&pair.prober, &format!("--each -c 20 -i 5ms -W 500ms {}", pair.v4()));
    let probes = report.probes();
    assert_eq!(probes.len(), 20);
    let rtts: Vec<f64> = probes
        .iter()
        .map(|p| p["rtt_us"].as_f64().expect("each was answered"))
        .collect();
    let window = report.only_window();
    let mean = rtts.iter().sum::<f64>() / 20.0;
    // Both are the same numbers of ns, written with at least 3 digits of us.
    assert!((window.figure("rtt_mean_us") - mean).abs() < 0.01, "{mean}");
    let max = rtts.iter().copied().fold(0.0, f64::max);
    assert!((window.figure("rtt_max_us") - max).abs() < 0.01, "{max}");
    let mut seqs: Vec<_> = probes
        .iter()
        .map(|p| p["probe_seq"].as_u64().expect("a number"))
        .collect();
    seqs.dedup();
    assert_eq!(seqs.len(), 20, "each probe has a number of its own");
}

#[test]
fn a_threshold_that_is_crossed_fails_the_run_and_one_that_is_kept_does_not() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    // Every second request is dropped: loss is 50 % exactly.
    pair.backend.nft(
        "table ip t { chain c { type filter hook input priority 0;
         icmp type echo-request numgen inc mod 2 == 0 drop; }; }",
    );
    let code = |limit: &str| {
        ping(
            &pair.prober,
            &format!("-c 20 -i 5ms -W 200ms --fail-if {limit} {}", pair.v4()),
        )
        .code
    };
    assert_eq!(code("loss>40%"), 1);
    assert_eq!(code("loss>60%"), 0);
    assert_eq!(code("p99>10s"), 0);
    assert_eq!(code("p99>1us"), 1);
}
