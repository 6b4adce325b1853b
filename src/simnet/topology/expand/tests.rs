use super::*;

/// A group of two behind a router, to which two links lead.
const TEXT: &str = r#"
title = "A test"
story = "What the test says."
duration = "60s"
[host]
addresses = ["10.0.0.1"]
[[backend]]
name = "app"
addresses = ["10.0.9.254"]
count = 3
[[router]]
name = "gw"
addresses = ["10.0.1.1"]
[[link]]
between = ["host", "gw"]
[[link]]
name = "spare"
between = ["gw", "host"]
[[link]]
between = ["app", "gw"]
[verdict]
code = "clean"
"#;

fn expanded(topology: &Topology) -> Expanded<'_> {
    Expanded::of(topology)
}

fn topology() -> Topology {
    Topology::read(TEXT).expect("a topology")
}

/// The directions that a name stands for, by the nodes at their ends.
fn pipes<'e>(expanded: &'e Expanded<'_>, name: &str) -> Vec<[&'e str; 2]> {
    let ends = |pipe: &PipeId| {
        expanded
            .pipe_ends(*pipe)
            .map(|node| expanded.nodes[node.index()].name.as_str())
    };
    expanded.pipes_named(name).iter().map(ends).collect()
}

#[test]
fn nodes_are_the_host_then_routers_then_backends_with_groups_spelled_out() {
    let topology = topology();
    let expanded = expanded(&topology);
    let names: Vec<&str> = expanded.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["host", "gw", "app1", "app2", "app3"]);
    let addresses: Vec<String> = expanded
        .nodes
        .iter()
        .flat_map(|node| &node.addresses)
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        addresses,
        ["10.0.0.1", "10.0.1.1", "10.0.9.254", "10.0.9.255", "10.0.10.0"]
    );
    let places = |name: &str| {
        expanded
            .nodes_named(name)
            .iter()
            .map(|node| node.index())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (places("host"), places("app"), places("app2"), places("nobody")),
        (vec![0], vec![2, 3, 4], vec![3], vec![])
    );
}

#[test]
fn a_link_is_both_of_its_directions_and_an_arrow_is_one() {
    let topology = topology();
    let expanded = expanded(&topology);
    assert_eq!(pipes(&expanded, "host-gw"), [["host", "gw"], ["gw", "host"]]);
    assert_eq!(pipes(&expanded, "spare"), [["gw", "host"], ["host", "gw"]]);
    // An arrow means all links between its ends.
    assert_eq!(pipes(&expanded, "host>gw"), [["host", "gw"]; 2]);
    // Links are called as they are written.
    assert_eq!(pipes(&expanded, "gw-host"), [[""; 2]; 0]);
}

#[test]
fn a_group_stands_for_a_link_to_each_member_and_a_member_for_its_own() {
    let topology = topology();
    let expanded = expanded(&topology);
    assert_eq!(
        pipes(&expanded, "app>gw"),
        [["app1", "gw"], ["app2", "gw"], ["app3", "gw"]]
    );
    assert_eq!(pipes(&expanded, "gw>app2"), [["gw", "app2"]]);
    assert_eq!(pipes(&expanded, "app2-gw"), [["app2", "gw"], ["gw", "app2"]]);
    assert_eq!(pipes(&expanded, "app-gw").len(), 6);
}

#[test]
fn only_parallel_links_need_their_own_names_to_be_told_apart() {
    let topology = topology();
    let expanded = expanded(&topology);
    let names: Vec<String> = (0..4)
        .map(|pipe| expanded.unique_pipe_name(PipeId::new(pipe)))
        .collect();
    assert_eq!(names, ["host>gw", "gw>host", "gw>host (spare)", "host>gw (spare)"]);
    assert_eq!(expanded.unique_pipe_name(PipeId::new(4)), "app1>gw");
}

#[test]
fn addresses_end_with_the_last_there_is() {
    let last: IpAddr = "255.255.255.254".parse().expect("an address");
    assert_eq!(address_after(last, 1), "255.255.255.255".parse().ok());
    assert_eq!(address_after(last, 2), None);
    let v6: IpAddr = "fd00::ffff".parse().expect("an address");
    assert_eq!(address_after(v6, 1), "fd00::1:0".parse().ok());
}
