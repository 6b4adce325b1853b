//! The same kind of paths packet by packet: the sweeper and the engine in virtual time, in a network that is described by a topology.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::Context;
use pathjitter::app::trace::verdict;
use pathjitter::lab::{World, WorldOptions, series_of};
use pathjitter::localize::PathVerdict;
use pathjitter::series::Pace;
use pathjitter::simnet::Topology;
use pathjitter::sweep::{Budget, SweepOptions, Sweeper};
use pathjitter::units::Mono;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::paths::Kind;

/// A path made of packets.
#[derive(Debug)]
pub(crate) struct Case {
    /// The TTL behind the faulty link, where there is one.
    pub(crate) link: Option<u8>,
    /// Whether both ends of that link answer every probe in time, and enough probes are impaired.
    pub(crate) is_identifiable: bool,
    topology: String,
}

impl Case {
    pub(crate) fn random(kind: Option<Kind>, cycles: u64, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let hops = rng.random_range(3..=8_u8);
        let link = kind.map(|_| rng.random_range(1..=hops));
        let share = rng.random_range(0.02..0.2);
        let mut topology = String::from(HEAD);
        let mut plain = vec![true];
        for ttl in 1..hops {
            let manner = manner(&mut rng);
            plain.push(manner.is_empty());
            let _ = write!(
                topology,
                "[[router]]\nname = \"r{ttl}\"\naddresses = [\"10.0.{ttl}.1\"]\n{manner}\n"
            );
        }
        plain.push(true);
        let _ = write!(
            topology,
            "[[backend]]\nname = \"app\"\naddresses = [\"10.0.{hops}.1\"]\n"
        );
        for ttl in 1..=hops {
            let near = if ttl == 1 {
                "host".into()
            } else {
                format!("r{}", ttl - 1)
            };
            let far = if ttl == hops { "app".into() } else { format!("r{ttl}") };
            let delay = rng.random_range(50..3_000);
            let _ = write!(
                topology,
                "[[link]]\nbetween = [\"{near}\", \"{far}\"]\nset = {{ delay = \"{delay}us\", jitter = {{ exponential = \"30us\" }} }}\n"
            );
            match kind.filter(|_| link == Some(ttl)) {
                Some(Kind::Loss) => _ = writeln!(topology, "forward.loss = {share}"),
                Some(Kind::Jitter) => {
                    _ = writeln!(
                        topology,
                        "forward.jitter = {{ bimodal = {{ by = \"20ms\", share = {share} }} }}"
                    );
                }
                None => {}
            }
        }
        let enough = share * f64::from(u32::try_from(cycles).unwrap_or(u32::MAX)) >= 10.0;
        let ends = link.map(usize::from).is_some_and(|at| plain[at] && plain[at - 1]);
        Self {
            link,
            is_identifiable: enough && ends,
            topology,
        }
    }

    /// Sweeps so many cycles, and judges.
    pub(crate) fn verdict(&self, cycles: u64, seed: u64) -> anyhow::Result<PathVerdict> {
        let topology = Topology::read(&self.topology).with_context(|| self.topology.clone())?;
        let options = WorldOptions {
            ports_per_flow: Some(1),
            ..WorldOptions::default()
        };
        let mut world = World::new(&topology, seed, options);
        let mut sweeper = Sweeper::new(
            SweepOptions {
                cycles: Some(cycles),
                ..SWEEP
            },
            seed,
        );
        let series = series_of(&topology, "app")?;
        let series = series.first().context("a series")?;
        let pace = Pace {
            interval: SWEEP.interval,
            timeout: SWEEP.timeout,
            count: Some(0),
        };
        let id = world.admit_series(series.clone(), pace);
        sweeper.add_path(world.now(), id, series);
        world.run_until_with(Mono::default().after(Duration::from_secs(cycles + 30)), &mut sweeper);
        let report = sweeper.report(id).context("a path that was added")?;
        Ok(verdict(series, &report))
    }
}

/// How a router answers: settings, none for one that answers all at once.
fn manner(rng: &mut ChaCha8Rng) -> String {
    let share = rng.random_range(0.05..0.6);
    match rng.random_range(0.0..1.0) {
        0.0..0.1 => "set.silent = true".into(),
        0.1..0.22 => format!("set.icmp_loss = {share}"),
        0.22..0.34 => {
            let every = rng.random_range(1_060..2_500);
            format!("set.icmp_limit = {{ each_peer = {{ every = \"{every}ms\", burst = 1 }} }}")
        }
        0.34..0.48 => format!("set.icmp_delay = {{ bimodal = {{ by = \"30ms\", share = {share} }} }}"),
        _ => String::new(),
    }
}

const HEAD: &str = "title = \"A path\"\nstory = \"One fault.\"\nduration = \"60s\"\nverdict.code = \"clean\"\n\
                    [host]\naddresses = [\"10.1.0.1\"]\n";

/// As the program sweeps by default.
const SWEEP: SweepOptions = SweepOptions {
    first_ttl: 1,
    max_ttl: 30,
    cycles: None,
    interval: Duration::from_secs(1),
    timeout: Duration::from_secs(3),
    budget: Budget::Gentle,
    max_silent: 12,
};
