mod page;

use proptest::prelude::*;

use super::*;

/// A file that uses most of the format, and is right.
const WHOLE: &str = include_str!("tests/whole.toml");

/// What is said about the whole file with one text replaced.
fn said_with(old: &str, new: &str) -> String {
    assert_eq!(WHOLE.matches(old).count(), 1, "{old:?} must be there once");
    match Topology::read(&WHOLE.replace(old, new)) {
        Ok(_) => "nothing".to_owned(),
        Err(why) => why.to_string(),
    }
}

#[test]
fn the_whole_format_can_be_read() {
    let topology = Topology::read(WHOLE).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(topology.links.len(), 6);
    assert_eq!(topology.verdict.code, Code::SharedPath);
}

#[test]
fn a_queue_has_an_effect_where_an_event_brings_the_bandwidth() {
    let without = WHOLE.replace("set.bandwidth = \"100Mbit/s\"\n", "");
    assert!(Topology::read(&without).is_err());
    for on in ["host-core", "core>host"] {
        let event = format!("[[event]]\non = [\"{on}\"]\nlink.bandwidth = \"1Mbit/s\"\n");
        Topology::read(&(without.clone() + &event)).unwrap_or_else(|why| panic!("{why}"));
    }
}

/// Each fault with a part of what must be said of it: what is wrong, and what would be right.
const FAULTS: &[(&str, &str, &str)] = &[
    // Names.
    (
        "name = \"core\"",
        "name = \"Core\"",
        "router Core, name: no name; use 1 to 63",
    ),
    (
        "name = \"core\"",
        "name = \"host\"",
        "router host, name: `host` is the prober's host",
    ),
    (
        "name = \"core\"",
        "name = \"db\"",
        "something else is called `db` already",
    ),
    (
        "name = \"core\"",
        "name = \"app3\"",
        "something else is called `app3` already",
    ),
    // Addresses.
    (
        "\"10.10.2.1\"",
        "\"10.10.1.1\"",
        "10.10.1.1 is an address of core already",
    ),
    (
        "\"10.10.2.1\"",
        "\"10.10.1.13\"",
        "10.10.1.13 is an address of core already; give each its own",
    ),
    (
        "\"10.10.2.1\"",
        "\"10.10.2.1\", \"10.10.2.2\"",
        "2 addresses of IPv4; give at most one",
    ),
    (
        "\"10.10.2.1\"",
        "\"224.0.0.1\"",
        "224.0.0.1 is no address of a single node",
    ),
    (
        "\"10.10.2.1\"",
        "\"127.0.0.1\"",
        "no address of a single node; use private ones",
    ),
    ("\"10.10.2.1\"", "\"0.0.0.0\"", "no address of a single node"),
    ("\"10.10.2.1\"", "\"10.10.2\"", "invalid IP address"),
    (
        "\"10.10.1.11\"",
        "\"255.255.255.254\"",
        "255.255.255.254 and the 2 after it are not all addresses",
    ),
    (
        ", \"fd00:10::5\"",
        "",
        "the host has no address of the family of fd00:10:1::b",
    ),
    // Links.
    (
        "between = [\"core\", \"db\"]",
        "between = [\"core\", \"dv\"]",
        "nothing is called `dv`; name a router",
    ),
    (
        "between = [\"core\", \"db\"]",
        "between = [\"core\", \"core\"]",
        "from core to itself",
    ),
    (
        "between = [\"core\", \"db\"]",
        "between = [\"app\", \"group2\"]",
        "both ends are groups",
    ),
    (
        "between = [\"core\", \"db\"]",
        "between = [\"core\", \"agg\"]",
        "have a link without a name already",
    ),
    (
        "between = [\"core\", \"db\"]",
        "between = [\"app1\", \"db\"]",
        "backend db: no way from the host leads here",
    ),
    // Quantities.
    ("delay = \"150us\"", "delay = \"150\"", "a unit is missing"),
    (
        "bandwidth = \"100Mbit/s\"",
        "bandwidth = \"100M\"",
        "'100M' is not a bit rate; write 64kbit/s",
    ),
    (
        "queue = \"64KiB\"",
        "queue = \"64k\"",
        "'64k' is not a size; write 1500B",
    ),
    ("rate = \"10/min\"", "rate = \"10\"", "'10' is no rate; write 10/min"),
    // Settings.
    (
        "loss = 0.01",
        "loss = 1.5",
        "link host-core, reverse.loss: 1.5 is no share; write a number from 0 to 1",
    ),
    ("loss = 0.01", "loss = nan", "NaN is no share"),
    ("loss = 0.01", "los = 0.01", "unknown field `los`, expected one of"),
    (
        "mtu = 1400",
        "mtu = 1279",
        "an MTU of 1279 is too small; IPv6 needs 1280",
    ),
    (
        "sigma = 0.5",
        "sigma = 0",
        "0 is out of range; write a number from 0.01 to 1000",
    ),
    ("shape = 2.0", "shape = -2.0", "-2 is out of range"),
    ("end = 0.2", "end = 0", "with 0 no burst ends"),
    ("by = \"1ms\"", "by = \"0s\"", "no time at all"),
    ("cost = 3", "cost = 0", "a cost of 0 lets packets run in circles"),
    (
        "label = 16001",
        "label = 1048576",
        "1048576 has more than 20 bits; the greatest label is 1048575",
    ),
    ("tc = 5", "tc = 8", "8 has more than 3 bits"),
    ("port = 9090", "port = 0", "nothing is sent to port 0"),
    (
        "to = [\"10.10.2.11\"]",
        "to = [\"10.10.2.12\"]",
        "nothing has the address 10.10.2.12",
    ),
    ("burst = 7", "burst = 0", "a burst of 0; write 1 to"),
    ("8080 = \"open\"", "0 = \"open\"", "nothing listens on port 0"),
    ("8080 = \"open\"", "80800 = \"open\"", "number too large"),
    (
        "8080 = \"open\"",
        "8080 = \"opened\"",
        "unknown variant `opened`, expected one of",
    ),
    ("entries = 128", "entries = 0", "0 entries; write 1 to"),
    ("entries = 128", "entries = 65537", "65537 entries; write 1 to 65536"),
    // Settings without effect.
    (
        "set.bandwidth = \"100Mbit/s\"\n",
        "",
        "link host-core, set.queue: has no effect without a `bandwidth`",
    ),
    (
        "set.bandwidth = \"100Mbit/s\"",
        "reverse.bandwidth = \"100Mbit/s\"\nforward.cross_traffic = \"1Mbit/s\"",
        "link host-core, forward.cross_traffic: has no effect without",
    ),
    (
        "link = { loss = 0.3 }",
        "link = { cross_traffic = \"1Gbit/s\" }",
        "event 1, link.cross_traffic: has no effect without",
    ),
    (
        "via = \"core\"",
        "via = \"core\"\n[[route]]\nat = \"agg\"\nto = [\"db\", \"host\"]\nvia = \"core\"",
        "`agg` has a route to `host` already; leave one out",
    ),
    ("count = 3", "count = 0", "a group of 0; write 1 to 10000"),
    ("count = 3", "count = 10001", "a group of 10001; write 1 to 10000"),
    // Routes.
    (
        "at = \"agg\"",
        "at = \"db\"",
        "nothing is called `db`; name a router, or host",
    ),
    ("via = \"core\"", "via = \"app1\"", "`app1` is no router next to `agg`"),
    (
        "to = [\"host\"]",
        "to = [\"hast\"]",
        "nothing is called `hast`; name backends",
    ),
    // Events.
    (
        "on = [\"core>agg\"]",
        "on = [\"agg>db\"]",
        "nothing is called `agg>db`; name a link (a-b, or a>b",
    ),
    (
        "on = [\"core>agg\"]",
        "on = [\"core\"]",
        "nothing happens to `core`; add `router = { .. }`",
    ),
    ("on = [\"core>agg\"]", "on = []", "concerns nothing"),
    (
        "link = { loss = 0.3 }",
        "host = { stalled = true }",
        "settings of a host, and `on` names none",
    ),
    (
        "link = { loss = 0.3 }",
        "link = { loss = 3 }",
        "event 1, link.loss: 3 is no share",
    ),
    (
        "every = \"9s\"",
        "every = \"400ms\"",
        "begins again before it has ended",
    ),
    ("for = \"400ms\"", "for = \"0s\"", "no time at all"),
    ("for = \"400ms\"\n", "", "what repeats must end; say `for`"),
    ("pause = \"5s\"", "pause = \"0s\"", "too fast a rhythm"),
    (
        "random = {",
        "every = \"1s\"\nrandom = {",
        "random moments and set ones",
    ),
    // Truth.
    (
        "duration = \"60s\"",
        "duration = \"0s\"",
        "nothing can be seen in no time",
    ),
    (
        "code = \"shared_path\"",
        "code = \"shared\"",
        "unknown variant `shared`, expected one of",
    ),
    ("code = \"shared_path\"", "code = \"clean\"", "`clean` suspects nobody"),
    (
        "suspect = \"10.10.1.1\"",
        "suspect = \"10.10.1.2\"",
        "nothing has the address 10.10.1.2",
    ),
    (
        "members = [\"app\"]",
        "members = [\"app4\"]",
        "nothing is called `app4`; name a backend",
    ),
    (
        "members = [\"app\"]",
        "members = [\"core\"]",
        "nothing is called `core`; name a backend",
    ),
    ("probe = \"app:8080\"", "probe = \"app:\"", "no port; write 1 to 65535"),
    (
        "probe = \"app:8080\"",
        "probe = \"app:+80\"",
        "no port; write 1 to 65535",
    ),
    (
        "probe = \"app:8080\"",
        "probe = \"ape:8080\"",
        "nothing is called `ape`",
    ),
    ("probe = \"app:8080\"", "probe = \"core:8080\"", "routers have no ports"),
    (
        "loss = [0.005, 0.03]",
        "loss = [0.03, 0.005]",
        "no range of shares: 0.03 to 0.005",
    ),
    ("rtt = \"400us\"", "", "longer than what? Say the `rtt` of most"),
    (
        "answer = \"reply\"\nrtt",
        "answer = \"nothing\"\nrtt",
        "nothing has no RTT",
    ),
    // Traces.
    ("probe = \"app1:8082\"", "probe = \"app:8082\"", "`app` is a group"),
    (
        "probe = \"app1:8082\"",
        "probe = \"app9:8082\"",
        "nothing is called `app9`",
    ),
    (
        "proto = \"udp\"\nhops",
        "proto = \"icmp\"\nhops",
        "icmp has no port, and the others have one",
    ),
    (
        "hops = [\"core\", \"*\"]",
        "hops = [\"core\", \"**\"]",
        "nothing is called `**`; name a router, a backend, an address, or \"*\"",
    ),
    (
        "hops = [\"core\", \"*\"]",
        "hops = [\"core\", []]",
        "no hop; write \"*\" where nobody answers",
    ),
    (
        "hops = [\"core\", \"*\"]",
        "hops = [\"192.0.2.2\", \"*\"]",
        "trace db, hops[0]: nothing has the address 192.0.2.2",
    ),
    ("hops = [\"core\", \"*\"]", "hops = []", "no path; write 1 to 255 hops"),
    (
        "hops = [\"core\", \"*\"]",
        "hops = [\"core\", \"db\"]",
        "the last hop is \"*\" where the `end` is silent",
    ),
    (
        "end = \"silent\"",
        "end = \"quiet\"",
        "unknown variant `quiet`, expected one of",
    ),
    (
        "verdict = \"unreachable\"",
        "verdict = \"clean\"",
        "`unreachable` is the verdict where the `end` is not `reached`",
    ),
    (
        "verdict = \"loss_and_jitter\"",
        "verdict = \"loss\"",
        "jitter_starts_at: where it starts is said where",
    ),
    (
        "loss_starts_at = { from_ttl = 1, to_ttl = 2 }",
        "loss_starts_at = { from_ttl = 2, to_ttl = 2 }",
        "loss_starts_at: no part of the path",
    ),
    (
        "loss_starts_at = { from_ttl = 1, to_ttl = 2 }",
        "loss_starts_at = { from_ttl = 1, to_ttl = 4 }",
        "loss_starts_at: no part of the path",
    ),
    ("rate_limited = [3]", "rate_limited = [4]", "nobody answers at TTL 4"),
    (
        "rate_limited_fast = [1, 2]",
        "rate_limited_fast = [0]",
        "nobody answers at TTL 0",
    ),
    ("slow = [2]", "slow = [256]", "invalid value: integer `256`"),
];

#[test]
fn each_fault_is_told_with_its_place_and_what_would_be_right() {
    let missing = |(old, new, part): &(&str, &str, &str)| {
        let said = said_with(old, new);
        let is_told = said.contains(part) && said.contains("line ") && said.contains("column ");
        (!is_told).then(|| format!("{new:?} instead of {old:?} must say {part:?}, and says:\n{said}\n"))
    };
    let missing: String = FAULTS.iter().filter_map(missing).collect();
    assert!(missing.is_empty(), "{missing}");
}

#[test]
fn the_place_of_a_fault_is_the_line_and_column_of_the_value() {
    let faulty = WHOLE.replace("loss = 0.01", "loss = 1.5");
    let at = faulty.find("1.5\n").unwrap();
    let line = faulty[..at].lines().count();
    let column = at - faulty[..at].rfind('\n').unwrap();
    let said = Topology::read(&faulty).unwrap_err().to_string();
    assert!(said.starts_with(&format!("line {line}, column {column}: ")), "{said}");
}

#[test]
fn faults_are_told_together_in_the_order_of_the_file_and_ten_at_most() {
    let faulty = WHOLE
        .replace("loss = 0.01", "loss = 1.5")
        .replace("label = 16001", "label = 1048576");
    let said = Topology::read(&faulty).unwrap_err().to_string();
    let [first, second] = said.lines().collect::<Vec<_>>()[..] else {
        panic!("{said}");
    };
    assert!(
        first.contains("more than 20 bits") && second.contains("1.5 is no share"),
        "{said}"
    );
    let expectation = "\n[[expect]]\nprobe = \"nobody\"\nanswer = \"reply\"\n";
    let said = Topology::read(&(WHOLE.to_owned() + &expectation.repeat(25)))
        .unwrap_err()
        .to_string();
    assert_eq!(said.lines().count(), 11, "{said}");
    assert!(said.ends_with("and 15 more"), "{said}");
}

#[test]
fn a_file_cannot_ask_for_more_than_a_machine_has() {
    let text = "#".repeat((1 << 20) + 1);
    assert_eq!(Topology::read(&text).unwrap_err(), TopologyError::TooLarge);
    let group = |nth: u8| format!("[[backend]]\nname = \"g{nth}_\"\naddresses = [\"10.1{nth}.0.0\"]\ncount = 10000\n");
    let groups: Vec<String> = (0..11).map(group).collect();
    let groups = groups.concat();
    let said = Topology::read(&(WHOLE.to_owned() + &groups)).unwrap_err().to_string();
    assert!(said.contains("the most is 100000"), "{said}");
    let events = "[[event]]\non = [\"app\"]\nbackend = { off = true }\n".repeat(5_000);
    let said = Topology::read(&(WHOLE.replace("count = 3", "count = 30") + &events))
        .unwrap_err()
        .to_string();
    assert!(said.contains("name more than 100000"), "{said}");
    // Each link to a group is one to each of its members. Expanding these before they are counted would take minutes.
    let link = |nth: u32| format!("[[link]]\nname=\"l{nth}\"\nbetween=[\"agg\",\"app\"]\n");
    let links = (0..15_000).map(link).collect::<Vec<_>>().concat();
    let said = Topology::read(&(WHOLE.replace("count = 3", "count = 10000") + &links))
        .unwrap_err()
        .to_string();
    assert!(said.contains("name more than 100000"), "{said}");
    let deep = format!("a = {}", "[".repeat(100_000));
    assert!(matches!(Topology::read(&deep), Err(TopologyError::Syntax(_))));
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}|[\\[\\]a-z0-9=\"{}., \n]{0,400}") {
        let _ = Topology::read(&text);
    }

    #[test]
    fn no_mutation_of_a_good_file_makes_it_panic(
        at in 0..WHOLE.len(),
        cut in 0_usize..40,
        new in "[-a-z0-9\"=.,{}\\[\\]\n]{0,6}|\"-?[0-9]{1,20}[a-zA-Z/]{0,5}\"|nan|inf|-1|1e300|[0-9]{1,20}",
    ) {
        let is_boundary = |at: &usize| WHOLE.is_char_boundary(*at);
        let start = (0..=at).rev().find(is_boundary).unwrap_or(0);
        let end = (at + cut..=WHOLE.len()).find(is_boundary).unwrap_or(WHOLE.len());
        let _ = Topology::read(&format!("{}{new}{}", &WHOLE[..start], &WHOLE[end.max(start)..]));
    }

    #[test]
    fn no_value_in_a_good_file_makes_it_panic(
        line in 0_usize..200,
        new in "true|\\[\\]|\\{\\}|\"\"|\"host\"|\"24h\"|\"0s\"|\"app\"|0|-0.0|nan|inf|18446744073709551615|\"::\"|\"1/day\"|[0-9]{1,6}",
    ) {
        let mutated: Vec<String> = WHOLE.lines().enumerate().map(|(index, text)| match text.split_once(" = ") {
            Some((key, _)) if index == line => format!("{key} = {new}"),
            _ => text.to_owned(),
        }).collect();
        let _ = Topology::read(&mutated.join("\n"));
    }
}
