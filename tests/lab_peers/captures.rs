//! tcpdump: every checksum of what the model sends is right.

use crate::{Lab, path, simulations_are_possible};

/// Something of everything that routers and backends send, over both families.
const TRAFFIC: &str = "
for app in 10.10.9.11 fd00:10:9::11; do
  ping -n -c 2 -i 0.01 -s 57 $app
  traceroute -n -w 5 -q 1 -m 4 $app
  traceroute -n -e -w 5 -q 1 -m 4 -T -p 8080 $app
  ping -n -c 1 -W 1 -M do -s 1400 $app
  nc -n -z -w 1 $app 8081
  nc -n -z -w 1 $app 8083
  nc -n -z -w 1 $app 8084
  echo data | nc -n -N -w 1 $app 8080
done
ping -n -c 1 -W 1 10.10.9.13
ping -n -c 1 -W 1 fd00:10:9::13
ping -n -c 1 -W 1 10.10.9.12
ping -n -c 1 -W 1 fd00:10:9::12
ping -n -c 1 -W 1 10.99.0.1
ping -n -c 1 -W 1 fd00:99::1";

#[test]
fn every_packet_of_the_network_has_the_right_checksums() {
    if !simulations_are_possible() {
        return;
    }
    let network = path(&[
        ("r1", "set.mpls = [{ label = 16001, ttl = 1 }]"),
        ("r2", "set.quote = 'short'"),
        ("r2-r3", "set.mtu = 1400"),
        ("app", "set.icmp_limit = 'none'"),
    ]);
    // It says when it listens. What it has to say of this traffic fits into a pipe, and ends with the last reply.
    let script = format!(
        "coproc tcpdump -l -n -vv -i lab0 --immediate-mode -Z root 'dst host 10.10.0.5 or dst host fd00:10::5' 2>&1
         until IFS= read -r line <&${{COPROC[0]}} && [[ $line == *'listening on'* ]]; do :; done
         {{ {TRAFFIC}\n ping -n -c 1 -s 999 10.10.9.11; }} >/dev/null 2>&1
         until IFS= read -r line <&${{COPROC[0]}} && [[ $line == *'echo reply'*'length 1007' ]]; do echo \"$line\"; done
         kill $COPROC_PID"
    );
    let ended = Lab::start(&network, &script).finish();
    let output = ended.text();
    for wrong in ["incorrect", "bad", "wrong", "truncated"] {
        let line = output.lines().find(|line| line.contains(wrong));
        assert_eq!(line, None, "{wrong}\n{output}");
    }
    let delivered = ended.report["ledger"]["totals"]["delivered"].as_u64().unwrap();
    let captured = output
        .lines()
        .filter(|line| line.contains(" IP ") || line.contains(" IP6 "))
        .count();
    assert_eq!(u64::try_from(captured).unwrap(), delivered, "{output}");
    for right in [
        "[icmp6 sum ok]",
        "(correct)",
        "time exceeded",
        "too big",
        "need to frag",
        "prohibited",
        "[S.]",
        "[R.]",
        "[F.]",
    ] {
        assert!(output.contains(right), "no {right}\n{output}");
    }
}
