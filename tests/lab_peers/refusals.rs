//! How ping names what ICMP errors say, and what the kernel learns from them.

use crate::{Lab, path, simulations_are_possible};

/// Runs these pings at once, and holds each to the line that it must say.
fn assert_lines(network: &str, cases: &[(&str, &str)]) {
    let labs: Vec<_> = cases
        .iter()
        .map(|(arguments, line)| (line, Lab::start(network, &format!("ping -n -c 1 -W 2 {arguments}"))))
        .collect();
    for (line, lab) in labs {
        let output = lab.finish().text();
        assert!(output.lines().any(|said| said == *line), "no {line:?} in\n{output}");
    }
}

#[test]
fn ping_names_every_reason_and_who_gave_it() {
    if !simulations_are_possible() {
        return;
    }
    let filters = "set.filters = [{ to = ['10.10.9.11', 'fd00:10:9::11'], action = 'reject' }]";
    let refusing = path(&[("r2", filters)]);
    let network = path(&[]);
    assert_lines(
        &network,
        &[
            ("-t 2 10.10.9.11", "From 10.10.2.1 icmp_seq=1 Time to live exceeded"),
            (
                "-t 2 fd00:10:9::11",
                "From fd00:10:2::1 icmp_seq=1 Time exceeded: Hop limit",
            ),
            ("10.10.9.12", "From 10.10.3.1 icmp_seq=1 Destination Host Unreachable"),
            (
                "fd00:10:9::12",
                "From fd00:10:3::1 icmp_seq=1 Destination unreachable: Address unreachable",
            ),
            ("10.10.9.13", "From 10.10.9.13 icmp_seq=1 Packet filtered"),
            (
                "fd00:10:9::13",
                "From fd00:10:9::13 icmp_seq=1 Destination unreachable: Administratively prohibited",
            ),
            ("10.99.0.1", "From 10.10.1.1 icmp_seq=1 Destination Net Unreachable"),
            (
                "fd00:99::1",
                "From fd00:10:1::1 icmp_seq=1 Destination unreachable: No route",
            ),
        ],
    );
    assert_lines(
        &refusing,
        &[
            ("10.10.9.11", "From 10.10.2.1 icmp_seq=1 Destination Port Unreachable"),
            (
                "fd00:10:9::11",
                "From fd00:10:2::1 icmp_seq=1 Destination unreachable: Port unreachable",
            ),
        ],
    );
}

#[test]
fn a_packet_that_is_too_big_teaches_the_kernel_the_mtu_of_the_path() {
    if !simulations_are_possible() {
        return;
    }
    let network = path(&[("r2-r3", "set.mtu = 1400")]);
    // 1,372 bytes are 1,400 with headers of IPv4, 1,352 with those of IPv6. One more is too many.
    let cases = [
        (
            "10.10.9.11",
            1372,
            "From 10.10.2.1 icmp_seq=1 Frag needed and DF set (mtu = 1400)",
        ),
        (
            "fd00:10:9::11",
            1352,
            "From fd00:10:2::1 icmp_seq=1 Packet too big: mtu=1400",
        ),
    ];
    let labs = cases.map(|(app, fits, line)| {
        let ping = format!("ping -n -c 1 -W 1 -M do {app} -s");
        let script = format!(
            "{ping} {fits}; {ping} {}; {ping} {}; ip route get {app}",
            fits + 1,
            fits + 1
        );
        (line, Lab::start(&network, &script))
    });
    for (line, lab) in labs {
        let ended = lab.finish();
        let output = ended.text();
        assert!(output.contains("1 received, 0% packet loss"), "{output}");
        assert_eq!(output.lines().filter(|said| *said == line).count(), 1, "{output}");
        // The third never left: the kernel knew.
        assert!(output.contains(" mtu 1400"), "{output}");
        assert_eq!(
            (ended.packets("host>r1"), ended.dropped("r2>r3", "too_big")),
            (2, 1),
            "{output}"
        );
    }
}

#[test]
fn a_packet_that_may_be_fragmented_passes_a_small_mtu() {
    if !simulations_are_possible() {
        return;
    }
    let network = path(&[("r2-r3", "set.mtu = 1400")]);
    let output = Lab::start(&network, "ping -n -c 1 -W 1 -M dont -s 1472 10.10.9.11")
        .finish()
        .text();
    assert!(
        output.contains("1480 bytes from 10.10.9.11: icmp_seq=1 ttl=61 "),
        "{output}"
    );
}
