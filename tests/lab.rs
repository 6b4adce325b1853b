//! The laboratory itself, proven by the programs that everybody trusts: ping, fping, nc and the counters of nft.
//! A test of ours that fails where these pass is our fault; one that fails with them is the laboratory's.

mod support;

use support::{Lab, Listener, Pair, Routed, behind_a_queue, slow_road_for_every_tenth_reply};

/// The part of a text between two others.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let (_, rest) = text
        .split_once(before)
        .unwrap_or_else(|| panic!("no {before:?} in {text}"));
    rest.split_once(after)
        .unwrap_or_else(|| panic!("no {after:?} after {before:?} in {text}"))
        .0
}

/// `min/avg/max/mdev` of ping, in ms.
fn ping_rtt(output: &str) -> [f64; 4] {
    let figures: Vec<f64> = between(output, "mdev = ", " ms")
        .split('/')
        .map(|f| f.parse().unwrap())
        .collect();
    figures.try_into().expect("ping reports four figures")
}

#[test]
fn both_address_families_reach_the_other_end_of_a_link() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    for target in pair.targets() {
        let output = pair.prober.sh(&format!("ping -n -c 3 -i 0.01 -W 1 {target}"));
        assert!(output.contains("3 received, 0% packet loss"), "{output}");
    }
}

#[test]
fn a_router_forwards_both_families_and_takes_one_hop_off_the_ttl() {
    let Some(lab) = Lab::new() else { return };
    let net = Routed::new(&lab);
    for target in net.far.right.addresses() {
        let output = net.prober.sh(&format!("ping -n -c 1 -W 1 {target}"));
        assert!(output.contains("ttl=63 "), "{output}");
        let expired = net.prober.try_sh(&format!("ping -n -c 1 -W 1 -t 1 {target}"));
        assert!(
            expired.text().contains("Time") && expired.text().contains("exceeded"),
            "{}",
            expired.text()
        );
    }
}

#[test]
fn hosts_are_separate_worlds_that_vanish_with_their_test() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let elsewhere = Pair::new(&Lab::new().expect("the first one was possible"));
    assert_eq!(
        pair.targets(),
        elsewhere.targets(),
        "two laboratories may use the same addresses"
    );
    pair.prober
        .nft("table inet t { chain c { type filter hook output priority 0; policy drop; }; }");
    assert!(
        elsewhere
            .prober
            .sh(&format!("ping -n -c 1 -W 1 {}", elsewhere.v4()))
            .contains("1 received")
    );

    drop(elsewhere.backend);
    // The far end is gone with its namespace, and so the pair is.
    let gone = "for i in $(seq 500); do ip link show dev backend 2>/dev/null || exit 0; sleep 0.01; done; exit 1";
    elsewhere.prober.sh(gone);
}

#[test]
fn an_open_port_is_open_and_counts_its_visitors() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let port = Listener::open(&pair.backend, 8080);
    for target in pair.targets() {
        pair.prober.sh(&format!("nc -z -w 2 {target} 8080"));
        assert!(
            !pair
                .prober
                .try_sh(&format!("nc -z -w 2 {target} 8081"))
                .status
                .success(),
            "8081 is closed"
        );
    }
    assert_eq!(port.accepted(), 2);
}

#[test]
fn random_loss_is_what_the_counter_says_and_close_to_what_was_configured() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    pair.backend.nft(
        "table inet t { counter dropped { }; chain c { type filter hook input priority 0;
         icmp type echo-request numgen random mod 100 < 10 counter name dropped drop; }; }",
    );
    let output = pair
        .prober
        .try_sh(&format!("ping -n -q -f -c 2000 -W 1 {}", pair.v4()))
        .text();
    let received: u64 = between(&output, "transmitted, ", " received").parse().unwrap();
    let dropped = pair.backend.nft_packets("dropped");
    assert_eq!(received + dropped, 2000, "{output}");
    // Five standard deviations of a binomial (2000, 0.1): 5 * sqrt(180) = 67. A false alarm in 1.7 million runs.
    assert!((133..=267).contains(&dropped), "dropped {dropped} of 2000 at 10 %");
}

#[test]
fn a_filled_bucket_delays_everybody_by_its_backlog_over_its_rate() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let idle = ping_rtt(&pair.prober.sh(&format!("ping -n -q -c 10 -i 0.01 {}", pair.v4())));
    let (_flood, delay_us) = behind_a_queue(&pair);
    let expected_ms = delay_us / 1000.0;
    let [min, avg, ..] = ping_rtt(&pair.prober.sh(&format!("ping -n -q -c 50 -i 0.02 {}", pair.v4())));
    assert!(idle[1] < 5.0, "idle: {idle:?}");
    assert!(
        (avg - expected_ms).abs() < 0.2 * expected_ms,
        "{avg} ms, expected {expected_ms} ms"
    );
    assert!(min > 0.6 * expected_ms, "{min} ms, expected {expected_ms} ms");
}

#[test]
fn replies_on_the_slow_road_are_overtaken() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let (_flood, slow) = slow_road_for_every_tenth_reply(&pair);
    let output = pair.prober.sh(&format!("ping -n -c 50 -i 0.01 -W 1 {}", pair.v4()));
    let order: Vec<u32> = output
        .lines()
        .filter(|l| l.contains("icmp_seq="))
        .map(|l| between(l, "icmp_seq=", " ").parse().unwrap())
        .collect();
    assert_eq!(order.len(), 50, "{output}");
    let mut newest = 0;
    let mut overtaken = Vec::new();
    for seq in order {
        if seq < newest {
            overtaken.push(seq);
        }
        newest = newest.max(seq);
    }
    assert_eq!(overtaken, [6, 16, 26, 36, 46]);
    assert_eq!(pair.backend.nft_packets(slow), 5);
}

#[test]
fn rejects_say_by_type_and_code_what_was_configured() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    pair.backend.nft(
        "table inet t { chain c { type filter hook input priority 0;
         icmp type echo-request reject with icmp admin-prohibited;
         icmpv6 type echo-request reject with icmpv6 admin-prohibited;
         tcp dport 81 reject with tcp reset; }; }",
    );
    let [v4, v6] = pair
        .targets()
        .map(|t| pair.prober.try_sh(&format!("ping -n -c 1 -W 1 {t}")).text());
    assert!(
        v4.contains(&format!("From {} icmp_seq=1 Packet filtered", pair.v4())),
        "{v4}"
    );
    assert!(v6.contains("Administratively prohibited"), "{v6}");
    let refused = pair.prober.try_sh(&format!("nc -v -z -w 2 {} 81", pair.v4())).stderr;
    assert!(refused.contains("Connection refused"), "{refused}");
}

#[test]
fn a_router_reports_the_host_that_does_not_answer_arp() {
    let Some(lab) = Lab::new() else { return };
    let net = Routed::new(&lab);
    net.router.sysctl("net.ipv4.neigh.backend.retrans_time_ms", "50");
    let output = net.prober.try_sh("ping -n -c 1 -W 3 10.77.2.99").text();
    assert!(
        output.contains(&format!(
            "From {} icmp_seq=1 Destination Host Unreachable",
            net.near.right.v4
        )),
        "{output}"
    );
}

#[test]
fn the_kernel_limits_icmp_errors_until_it_is_told_not_to() {
    let Some(lab) = Lab::new() else { return };
    let net = Routed::new(&lab);
    // A `prohibit` route would add a limit of its own (ip_error) that no namespace can lift.
    net.router.nft(
        "table ip t { chain c { type filter hook forward priority 0;
         icmp type echo-request reject with icmp admin-prohibited; }; }",
    );
    let errors = |count: u32| {
        let target = net.far.right.v4;
        let output = net
            .prober
            .try_sh(&format!("ping -n -q -c {count} -i 0.002 -W 1 {target}"))
            .text();
        between(&output, "received, +", " errors").parse::<u32>().unwrap()
    };
    let limited = errors(100);
    assert!(
        (1..=12).contains(&limited),
        "6 at once and one a second, but {limited} of 100 in 0.2 s"
    );
    net.router.send_every_icmp_error();
    assert_eq!(errors(100), 100);
}

#[test]
fn duplicated_packets_arrive_twice() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    let prober = pair.link.left.v4;
    pair.backend.nft(&format!(
        "table ip t {{ chain c {{ type filter hook output priority 0; icmp type echo-reply dup to {prober}; }}; }}"
    ));
    let output = pair.prober.sh(&format!("ping -n -c 5 -i 0.01 -W 1 {}", pair.v4()));
    assert!(
        output.contains("+4 duplicates") || output.contains("+5 duplicates"),
        "{output}"
    );
}

#[test]
fn fping_agrees_that_nothing_is_lost() {
    let Some(lab) = Lab::new() else { return };
    let pair = Pair::new(&lab);
    // fping speaks on stderr.
    let output = pair
        .prober
        .try_sh(&format!("fping -q -C 20 -p 10 {}", pair.v4()))
        .stderr;
    let rtts: Vec<f64> = between(&output, ": ", "\n")
        .split_whitespace()
        .map(|f| f.parse().unwrap())
        .collect();
    assert_eq!(rtts.len(), 20, "{output}");
}

#[test]
fn a_guest_that_fails_shows_its_words() {
    let Some(lab) = Lab::new() else { return };
    let host = lab.host("alone");
    let ended = host.try_sh("echo one; echo two >&2; exit 3");
    assert_eq!(
        (ended.code(), ended.text().as_str(), ended.stderr.as_str()),
        (3, "one\n", "two\n")
    );
}
