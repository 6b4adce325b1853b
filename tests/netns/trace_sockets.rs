//! What traces need of the packet thread: probes with a TTL each, on real kernels, three routers in a row.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use pathjitter::clock::{Reading, SystemClock};
use pathjitter::engine::{Launch, Launcher};
use pathjitter::net::{Capacity, Command, Finished, NativeOptions, Needs, PortUse, Privilege, Sink, control, prepare};
use pathjitter::outcome::{Answer, Answered, Event, Fate, SendError, StampSource, Unreachable, What};
use pathjitter::series::{Endpoint, Pace, PacketOptions, Series};
use pathjitter::sys::Family;
use pathjitter::units::{Mono, ProbeSeq, SeriesId};

use crate::CLOSED;
use crate::support::{Host, Lab, Link};

/// Launches what it was told, once each, and keeps what comes of it.
#[derive(Default)]
struct Script {
    /// TTLs to probe of each series that is admitted.
    ttls: Vec<u8>,
    endpoints: Vec<(IpAddr, Endpoint)>,
    stamps: Vec<StampSource>,
    to_launch: VecDeque<Launch>,
    launched: BTreeMap<(SeriesId, ProbeSeq), u8>,
    events: Vec<Event>,
}

impl Sink for Script {
    fn admitted(&mut self, id: SeriesId, series: &Series, stamp: StampSource, _: Reading) {
        self.endpoints.push((series.address, series.endpoint));
        self.stamps.push(stamp);
        let launches = self.ttls.iter().map(|&ttl| Launch { series: id, ttl });
        self.to_launch.extend(launches);
    }

    fn event(&mut self, event: &Event) {
        self.events.push(*event);
    }

    fn launcher(&mut self) -> Option<&mut dyn Launcher> {
        Some(self)
    }
}

impl Launcher for Script {
    fn next_launch(&self) -> Option<Mono> {
        (!self.to_launch.is_empty()).then(Mono::default)
    }

    fn poll_launch(&mut self, _: Mono) -> Option<Launch> {
        self.to_launch.pop_front()
    }

    fn launched(&mut self, launch: Launch, seq: Option<ProbeSeq>, _: Mono) {
        let seq = seq.expect("the series has room for all of its probes");
        self.launched.insert((launch.series, seq), launch.ttl);
    }

    fn is_done(&self) -> bool {
        self.to_launch.is_empty()
    }
}

/// What became of the probes of one TTL of one target.
#[derive(Default)]
struct Step {
    answers: Vec<Answered>,
    failures: Vec<SendError>,
    fates: Vec<Fate>,
}

impl Script {
    fn steps(&self) -> BTreeMap<(IpAddr, Endpoint, u8), Step> {
        let mut steps: BTreeMap<_, Step> = BTreeMap::new();
        for event in &self.events {
            let (address, endpoint) = self.endpoints[event.series.index()];
            let ttl = self.launched[&(event.series, event.seq)];
            let step = steps.entry((address, endpoint, ttl)).or_default();
            match event.what {
                What::Answered(answered) => step.answers.push(answered),
                What::SendFailed(error) => step.failures.push(error),
                What::Settled(fate) => step.fates.push(fate),
                What::Sent { .. } => {}
                other => panic!("{address} {endpoint:?} {ttl}: {other:?}"),
            }
        }
        steps
    }
}

fn options(privilege: Privilege, endpoints: &[Endpoint]) -> NativeOptions {
    NativeOptions {
        clock: SystemClock::new(),
        privilege,
        packet: PacketOptions {
            payload_bytes: 56,
            ttl: None,
            traffic_class: 0,
            interface: None,
            source: None,
        },
        needs: Needs::of(endpoints.iter().copied()),
        spare_families: false,
        families: vec![Family::V4, Family::V6],
        flows: 1,
        interval: Duration::from_secs(1),
        source_ports: PortUse::Constant,
        slot: Duration::ZERO,
        max_syn_rate: None,
        receive_buffer: 1 << 20,
        capacity: Capacity {
            memory: 256,
            window: 16,
        },
    }
}

/// Probes each endpoint of each address at each of these TTLs, in the namespace of this thread.
fn trace(options: NativeOptions, addresses: &[IpAddr], endpoints: &[Endpoint], ttls: Vec<u8>) -> Finished<Script> {
    let (remote, inbox) = control().expect("an eventfd");
    let script = Script {
        ttls,
        ..Script::default()
    };
    let prepared = prepare(options, inbox, script).expect("sockets");
    assert_eq!(prepared.notices, Vec::<String>::new());
    let pace = Pace {
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(30),
        count: Some(0),
    };
    let series = addresses.iter().flat_map(|&address| {
        endpoints.iter().map(move |&endpoint| Series {
            target: Arc::from("target"),
            address,
            scope_id: 0,
            endpoint,
            flow: 0,
        })
    });
    remote.send(Command::Admit(series.map(|series| (series, pace)).collect()));
    remote.send(Command::Seal);
    let finished = prepared.native.run().expect("the packet thread");
    assert_eq!(finished.refused, []);
    finished
}

/// A prober, three routers, a target; each link leads to the next.
struct Row {
    prober: Host,
    links: [Link; 4],
    _others: [Host; 4],
}

impl Row {
    /// The prober is the host of this thread.
    fn new(lab: &Lab) -> Self {
        let prober = lab.host_of_this_thread("prober");
        let others = ["r1", "r2", "r3", "target"].map(|name| lab.host(name));
        let [r1, r2, r3, target] = &others;
        let links = [
            lab.link(&prober, r1),
            lab.link(r1, r2),
            lab.link(r2, r3),
            lab.link(r3, target),
        ];
        prober.route_by(&links[0].right);
        r1.route_by(&links[1].right);
        // The others have nothing beyond them, so the way back is their default.
        r2.sh(&format!(
            "ip route add {0}/32 via {1} && ip -6 route add {2}/128 via {3}",
            links[3].right.v4, links[2].right.v4, links[3].right.v6, links[2].right.v6
        ));
        r2.route_by(&links[1].left);
        r3.route_by(&links[2].left);
        target.route_by(&links[3].left);
        for router in [r1, r2, r3] {
            router.forward();
        }
        for host in &others {
            host.send_every_icmp_error();
        }
        Self {
            prober,
            links,
            _others: others,
        }
    }

    fn target(&self) -> [IpAddr; 2] {
        self.links[3].right.addresses()
    }

    /// Who answers a probe with this TTL to `target`, and how.
    fn expected(&self, target: IpAddr, endpoint: Endpoint, ttl: u8) -> (IpAddr, Answer) {
        let hop = &self.links[usize::from(ttl.min(4)) - 1].right;
        let from: IpAddr = if target.is_ipv4() { hop.v4.into() } else { hop.v6.into() };
        let error = |icmp_type, code| Answer::Unreachable(Unreachable { from, icmp_type, code });
        // RFC 792 and RFC 4443: time exceeded in transit, and port unreachable.
        let answer = match (ttl, endpoint, target) {
            (1..=3, _, IpAddr::V4(_)) => error(11, 0),
            (1..=3, _, IpAddr::V6(_)) => error(3, 0),
            (_, Endpoint::Icmp, _) => Answer::Reply,
            (_, Endpoint::Tcp(_), _) => Answer::Refused,
            (_, Endpoint::Udp(_), IpAddr::V4(_)) => error(3, 3),
            (_, Endpoint::Udp(_), IpAddr::V6(_)) => error(1, 4),
        };
        (from, answer)
    }
}

/// Runs a test on a thread that can move to another host.
fn in_a_lab(test: impl FnOnce(&Lab) + Send + 'static) {
    let name = thread::current().name().unwrap_or("a test").to_owned();
    let in_it = move || {
        if let Some(lab) = Lab::new() {
            test(&lab);
        }
    };
    let outcome = thread::Builder::new().name(name).spawn(in_it).expect("a thread").join();
    if let Err(cause) = outcome {
        std::panic::resume_unwind(cause);
    }
}

const ALL: [Endpoint; 3] = [Endpoint::Icmp, Endpoint::Tcp(CLOSED), Endpoint::Udp(33_434)];

/// Each TTL several times, so that answers to some meet sends of others.
fn every_ttl() -> Vec<u8> {
    [1, 2, 3, 4, 5].repeat(10)
}

fn assert_each_step_is_answered_by_its_router(row: &Row, finished: &Finished<Script>, endpoints: &[Endpoint]) {
    assert_eq!(finished.sink.stamps, vec![StampSource::Kernel; 2 * endpoints.len()]);
    let steps = finished.sink.steps();
    assert_eq!(steps.len(), 2 * endpoints.len() * 5);
    for ((target, endpoint, ttl), step) in steps {
        let context = format!("{endpoint:?} of {target}, TTL {ttl}");
        assert_eq!(
            (step.answers.len(), step.fates.len(), step.failures.len()),
            (10, 10, 0),
            "{context}"
        );
        for answered in step.answers {
            let (from, answer) = row.expected(target, endpoint, ttl);
            assert_eq!((answered.from, answered.answer), (Some(from), answer), "{context}");
            assert_eq!(answered.stamp_loss, None, "{context}");
            assert_eq!(answered.timing.source, StampSource::Kernel, "{context}");
            assert!(answered.timing.rtt <= answered.user_rtt, "{context}");
            // It left with 64 and lost one at each router on its way back (RFC 791, RFC 8200).
            assert_eq!(answered.ttl, Some(65 - ttl.min(4)), "{context}");
        }
    }
}

#[test]
fn each_ttl_is_answered_by_its_router_with_kernel_stamps_by_all_protocols_and_families() {
    in_a_lab(|lab| {
        let row = Row::new(lab);
        let finished = trace(options(Privilege::Raw, &ALL), &row.target(), &ALL, every_ttl());
        assert_each_step_is_answered_by_its_router(&row, &finished, &ALL);
        assert_eq!(finished.noise.ignored.len(), 0, "{:?}", finished.noise);
    });
}

#[test]
fn unprivileged_traces_by_icmp_see_the_same_routers_with_kernel_stamps() {
    in_a_lab(|lab| {
        let row = Row::new(lab);
        row.prober.sysctl("net.ipv4.ping_group_range", "0 2147483647");
        let icmp = [Endpoint::Icmp];
        let finished = trace(
            options(Privilege::Unprivileged, &icmp),
            &row.target(),
            &icmp,
            every_ttl(),
        );
        assert_each_step_is_answered_by_its_router(&row, &finished, &icmp);
    });
}

#[test]
fn the_source_port_of_a_flow_is_one_for_all_ttls() {
    in_a_lab(|lab| {
        let row = Row::new(lab);
        row.prober.nft(
            "table inet t {
               set tcp_ports { type inet_service; size 64; flags dynamic; }
               set udp_ports { type inet_service; size 64; flags dynamic; }
               chain c { type filter hook output priority 0;
                 oif lo accept; meta l4proto tcp add @tcp_ports { tcp sport };
                 meta l4proto udp add @udp_ports { udp sport }; }; }",
        );
        let flows = &ALL[1..];
        trace(options(Privilege::Raw, flows), &row.target(), flows, every_ttl());
        for set in ["tcp", "udp"] {
            let json: serde_json::Value =
                serde_json::from_str(&row.prober.sh(&format!("nft -j list set inet t {set}_ports")))
                    .expect("nft -j writes JSON");
            let ports = &json["nftables"][1]["set"]["elem"];
            assert_eq!(ports.as_array().map(Vec::len), Some(1), "{set}: {json}");
        }
    });
}

#[test]
fn what_this_host_refuses_is_told_by_its_reason_and_is_no_loss() {
    in_a_lab(|lab| {
        let row = Row::new(lab);
        row.prober.nft("table inet t { chain c { type filter hook output priority 0; meta mark 0 ip6 hoplimit 3 drop; ip ttl 3 drop; }; }");
        let far: [IpAddr; 2] = [[192, 0, 2, 1].into(), [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into()];
        row.prober
            .sh("ip route add unreachable 192.0.2.0/24 && ip -6 route add unreachable 2001:db8::/32");
        let targets = [row.target(), far].concat();
        let finished = trace(options(Privilege::Raw, &ALL), &targets, &ALL, vec![3, 2]);
        for ((target, endpoint, ttl), step) in finished.sink.steps() {
            let expected = match (far.contains(&target), ttl) {
                (true, _) => vec![SendError::NoRoute],
                (false, 3) => vec![SendError::Denied],
                (false, _) => vec![],
            };
            let context = format!("{endpoint:?} of {target}, TTL {ttl}");
            assert_eq!(step.failures, expected, "{context}");
            assert_eq!(step.fates.contains(&Fate::NotSent), !expected.is_empty(), "{context}");
            assert_eq!(step.answers.len(), usize::from(expected.is_empty()), "{context}");
        }
    });
}

#[test]
fn a_datagram_larger_than_the_interface_takes_is_not_sent() {
    in_a_lab(|lab| {
        let row = Row::new(lab);
        let udp = [Endpoint::Udp(33_434)];
        let mut large = options(Privilege::Raw, &udp);
        large.packet.payload_bytes = 2_000;
        let finished = trace(large, &row.target(), &udp, vec![1, 4]);
        for (at, step) in finished.sink.steps() {
            assert_eq!(step.failures, [SendError::TooBig], "{at:?}");
        }
    });
}
