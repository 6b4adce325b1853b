//! `pathjitter trace` beside mtr and traceroute on the same networks: the same hops and RTTs, and what mtr shows as loss of a hop or
//! as jitter of a path is called what it is.

use serde_json::Value;

use crate::mtr::{answered, figure, hubs, mtr};
use crate::support::PATHJITTER;
use crate::traceroutes::{hops as traceroute_hops, trace as traceroute};
use crate::{APP, Ended, HOP_RTTS_US, HOPS, Lab, OVER_US, assert_rtt, path, simulations_are_possible};

/// Starts a trace of ours.
fn ours(network: &str, arguments: &str) -> Lab {
    Lab::start(network, &format!("'{PATHJITTER}' trace --json -r -n {arguments}"))
}

/// The line of the only path, and the lines of changes.
fn lines(ended: &Ended) -> (Value, Vec<Value>) {
    let all = ended
        .command
        .stdout
        .iter()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    let (mut traces, others): (Vec<Value>, Vec<Value>) = all.partition(|line: &Value| line["event"] == "trace");
    assert_eq!(traces.len(), 1, "{}", ended.command.stderr);
    (traces.remove(0), others)
}

fn our_hops(trace: &Value) -> &Vec<Value> {
    trace["hops"].as_array().expect("hops")
}

#[test]
fn all_three_agree_on_every_hop_and_its_rtt() {
    if !simulations_are_possible() {
        return;
    }
    // In the first round mtr sends some probes farther than it has to, and the backend would limit its port unreachables.
    let network = path(&[("app", "set.icmp_limit = 'none'")]);
    let kinds = [
        ("", "", "-I"),
        ("-u -P 33434", "-u -P 33434", "-U -p 33434"),
        ("-T -P 8080", "-T -P 8080", "-T -p 8080"),
    ];
    let labs = kinds.map(|(our, mtrs, traceroutes)| {
        APP.map(|app| {
            (
                ours(&network, &format!("-c 6 {our} {app}")),
                mtr(&network, 6, &format!("{mtrs} {app}")),
                traceroute(&network, &format!("-q 6 -m 4 {traceroutes} {app}")),
            )
        })
    });
    for both in labs {
        for ((ours, mtr, traceroute), addresses) in both.into_iter().zip(HOPS) {
            let (ours, mtr, traceroute) = (ours.finish(), mtr.finish(), traceroute.finish());
            let (trace, hubs, text) = (lines(&ours).0, hubs(&mtr), traceroute.text());
            let theirs = traceroute_hops(&text);
            assert_eq!(
                (our_hops(&trace).len(), hubs.len(), theirs.len()),
                (4, 4, 4),
                "{trace}\n{hubs:?}\n{text}"
            );
            for (at, (address, truth)) in addresses.into_iter().zip(HOP_RTTS_US).enumerate() {
                let our = &our_hops(&trace)[at];
                assert_eq!(our["addresses"], serde_json::json!([address]), "{trace}");
                assert_eq!(hubs[at]["host"], address, "{hubs:?}");
                // On a busy machine traceroute may hear nothing from a whole hop, as seen once in a dozen runs.
                let is_heard = !theirs[at].rtts_us.is_empty();
                assert!(!is_heard || theirs[at].addresses.iter().eq([&address]), "{text}");
                let our_rtt = our["rtt_min_us"].as_f64().expect("an RTT");
                // The kernel stamps a packet a little after the simulator may have read it.
                assert!((truth - UNDER_US..truth + OVER_US).contains(&our_rtt), "{trace}");
                assert_rtt(figure(&hubs[at], "Best") * 1e3, truth, &mtr.text());
                let least = theirs[at].rtts_us.iter().copied().reduce(f64::min);
                if let Some(least) = least {
                    assert_rtt(least, truth, &text);
                }
            }
            let heard = theirs.iter().filter(|hop| !hop.rtts_us.is_empty()).count();
            assert!(heard >= 3, "{text}");
        }
    }
}

#[test]
fn where_mtr_shows_loss_of_a_router_that_limits_its_answers_ours_says_so_and_blames_nobody() {
    if !simulations_are_possible() {
        return;
    }
    let rounds = 60;
    let network = path(&[]);
    for app in APP {
        let (mtr, ours, gentle) = (
            mtr(&network, rounds, app),
            ours(&network, &format!("--fast -i 100ms -c {rounds} {app}")),
            ours(&network, &format!("-c 12 {app}")),
        );
        let hubs = hubs(&mtr.finish());
        // Six at once and one a second of the other fifty-odd: mtr shows most of them as lost, at three hops of four.
        for hub in &hubs[..3] {
            assert!(answered(hub, rounds) <= 15, "{hub}");
        }
        assert_eq!(answered(&hubs[3], rounds), u64::from(rounds), "{hubs:?}");
        let (fast, _) = lines(&ours.finish());
        for hop in &our_hops(&fast)[..3] {
            assert_eq!(hop["rate_limited"], true, "{fast}");
        }
        assert_eq!(
            (&fast["loss_starts_at"], &our_hops(&fast)[3]["rate_limited"]),
            (&Value::Null, &false.into()),
            "{fast}"
        );
        // And who asks as often as routers answer sees no loss in the first place.
        let (gentle, _) = lines(&gentle.finish());
        for hop in our_hops(&gentle) {
            assert_eq!(
                (hop["sent"].as_u64(), hop["received"].as_u64()),
                (Some(12), Some(12)),
                "{gentle}"
            );
        }
    }
}

#[test]
fn where_mtr_mixes_the_figures_of_two_paths_ours_tells_the_change_and_keeps_them_apart() {
    if !simulations_are_possible() {
        return;
    }
    // After eight seconds the path becomes longer: 2.2 ms instead of 0.4 ms, over fd00:10:9::1 or 10.10.9.1.
    let targets = [
        ("10.10.1.11", "10.10.8.1", "10.10.9.1"),
        ("fd00:10:1::11", "fd00:10:8::1", "fd00:10:9::1"),
    ];
    let labs = targets.map(|(app, ..)| {
        (
            Lab::start("route-change", &format!("mtr -n --json -i 1 -G 1 -c 16 {app}")),
            ours("route-change", &format!("-c 16 {app}")),
        )
    });
    for ((mtr, ours), (app, before, after)) in labs.into_iter().zip(targets) {
        let hubs = hubs(&mtr.finish());
        let last = hubs.last().expect("a hop");
        // All of it looks like jitter of one path.
        assert!(figure(last, "Best") < 2.0 && figure(last, "Wrst") >= 2.1, "{last}");
        let (trace, changes) = lines(&ours.finish());
        assert_eq!(changes.len(), 1, "{changes:?}");
        assert_eq!(
            (&changes[0]["old"][1], &changes[0]["new"][1]),
            (&before.into(), &after.into()),
            "{changes:?}"
        );
        let target = our_hops(&trace).last().expect("a hop");
        assert_eq!(target["addresses"], serde_json::json!([app]), "{trace}");
        assert!(
            target["rtt_min_us"].as_f64().expect("an RTT") >= 2_200.0 - UNDER_US,
            "{trace}"
        );
        assert!(
            trace["loss_starts_at"].is_null() && trace["jitter_starts_at"].is_null(),
            "{trace}"
        );
        assert_eq!(target["received"], target["sent"], "{trace}");
    }
}

/// How much less than the truth a single RTT by kernel stamps may be behind a TUN device.
const UNDER_US: f64 = 100.0;
