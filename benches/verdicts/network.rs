//! Random networks: a tree of routers with backends at its leaves, written as a topology file.
//!
//! Two to four uplinks leave the first hop, each with one or two routers and up to three backends. Round trips are 0.3 to 30 ms, the jitter of all
//! links together is up to a twentieth of that, and up to 0.3 % of packets are lost at random. Some routers, wherever the truth does not depend on
//! them, are silent, answer late, or answer seldom.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A network under construction.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) random: ChaCha8Rng,
    pub(crate) v6: bool,
    pub(crate) routers: Vec<Router>,
    pub(crate) backends: Vec<Backend>,
    /// Further links, as they are written.
    pub(crate) extra: String,
    /// Events, as they are written.
    pub(crate) events: String,
}

/// A router and the link to it.
#[derive(Clone, Debug)]
pub(crate) struct Router {
    pub(crate) name: String,
    pub(crate) address: IpAddr,
    /// Who stands before it: the host, or another router.
    pub(crate) parent: Option<usize>,
    pub(crate) delay_us: f64,
    /// Settings of the router.
    pub(crate) set: String,
    /// Settings of its link.
    pub(crate) link: String,
    /// What routing pays for its link.
    pub(crate) cost: u32,
}

/// A backend and the link to it.
#[derive(Clone, Debug)]
pub(crate) struct Backend {
    pub(crate) name: String,
    pub(crate) address: IpAddr,
    /// The router before it.
    pub(crate) parent: usize,
    pub(crate) delay_us: f64,
    /// Settings of the backend.
    pub(crate) set: String,
    /// Settings of its link.
    pub(crate) link: String,
}

/// A shape that a truth asks for: how many backends hang on each uplink.
pub(crate) type Uplinks = Vec<usize>;

impl Network {
    /// A network with so many backends behind each uplink.
    pub(crate) fn new(seed: u64, uplinks: &Uplinks) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let v6 = random.random_bool(0.3);
        let mut network = Self {
            random,
            v6,
            routers: Vec::new(),
            backends: Vec::new(),
            extra: String::new(),
            events: String::new(),
        };
        let first = network.add_router("gw", None, (10.0, 100.0));
        for (uplink, backends) in uplinks.iter().enumerate() {
            let mut at = first;
            if network.random.random_bool(0.4) {
                at = network.add_router(&format!("mid{uplink}"), Some(at), (20.0, 7_000.0));
            }
            at = network.add_router(&format!("agg{uplink}"), Some(at), (20.0, 7_000.0));
            for _ in 0..*backends {
                network.add_backend(at);
            }
        }
        network.add_noise();
        network
    }

    /// Any number of uplinks and backends.
    pub(crate) fn any(seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(!seed);
        let uplinks = (0..random.random_range(2..=3))
            .map(|_| random.random_range(1..=3))
            .collect();
        Self::new(seed, &uplinks)
    }

    pub(crate) fn add_router(&mut self, name: &str, parent: Option<usize>, delay_us: (f64, f64)) -> usize {
        let number = u8::try_from(self.routers.len()).expect("a dozen routers");
        let router = Router {
            name: name.to_owned(),
            address: address(self.v6, number, 1),
            parent,
            delay_us: self.log_uniform(delay_us.0, delay_us.1),
            set: String::new(),
            link: String::new(),
            cost: 1,
        };
        self.routers.push(router);
        self.routers.len() - 1
    }

    fn add_backend(&mut self, parent: usize) {
        let number = u8::try_from(self.backends.len()).expect("a dozen backends");
        let ttl = [64, 64, 128, 255][self.random.random_range(0..4)];
        let backend = Backend {
            name: format!("app{number:02}"),
            address: address(self.v6, 100 + number, 11),
            parent,
            delay_us: self.log_uniform(20.0, 200.0),
            set: format!("set.ports = {{ 8080 = \"open\" }}\nset.ttl = {ttl}\n"),
            link: String::new(),
        };
        self.backends.push(backend);
    }

    /// Jitter and loss that are nobody's fault.
    fn add_noise(&mut self) {
        let loss = self.random.random_range(0.0..0.0015);
        let loss = if self.random.random_bool(0.5) { loss } else { 0.0 };
        let least = (0..self.backends.len())
            .map(|at| self.rtt_us(at))
            .fold(f64::MAX, f64::min);
        let scale = least * self.log_uniform(0.001, 0.015);
        let jitter = match self.random.random_range(0..4) {
            0 => format!("{{ normal = \"{}\" }}", us(scale)),
            1 => format!("{{ exponential = \"{}\" }}", us(scale)),
            2 => format!("{{ gamma = {{ mean = \"{}\", shape = 2.0 }} }}", us(scale)),
            _ => format!("{{ bimodal = {{ by = \"{}\", share = 0.4 }} }}", us(2.0 * scale)),
        };
        let _ = write!(self.routers[0].link, "set.jitter = {jitter}\nset.loss = {loss:.6}\n");
    }

    /// Makes routers between the first and the last hop of an uplink odd, where nothing depends on them.
    pub(crate) fn add_oddities(&mut self, except: &[usize]) {
        for at in 1..self.routers.len() {
            if except.contains(&at) || !self.random.random_bool(0.25) {
                continue;
            }
            let is_mid = self.routers[at].name.starts_with("mid");
            let set = match self.random.random_range(0..4) {
                0 if is_mid => "set.silent = true\n",
                1 => "set.icmp_limit = { each_peer = { every = \"2s\", burst = 3 } }\n",
                2 => "set.icmp_loss = 0.2\n",
                _ => "set.icmp_delay = { exponential = \"8ms\" }\n",
            };
            self.routers[at].set.push_str(set);
        }
    }

    pub(crate) fn event(&mut self, times: &str, on: &str, what: &str) {
        let _ = write!(self.events, "\n[[event]]\n{times}\non = [{on}]\n{what}\n");
    }

    /// Routers on the way to a backend, from the first hop on.
    pub(crate) fn way(&self, backend: usize) -> Vec<usize> {
        let mut way = vec![self.backends[backend].parent];
        while let Some(parent) = self.routers[way[way.len() - 1]].parent {
            way.push(parent);
        }
        way.reverse();
        way
    }

    /// Backends whose way leads over a router.
    pub(crate) fn behind(&self, router: usize) -> Vec<usize> {
        let over = |backend: &usize| self.way(*backend).contains(&router);
        (0..self.backends.len()).filter(over).collect()
    }

    /// The round trip to a backend without jitter, us.
    pub(crate) fn rtt_us(&self, backend: usize) -> f64 {
        let way = self.way(backend);
        let routers: f64 = way.iter().map(|router| self.routers[*router].delay_us).sum();
        2.0 * (routers + self.backends[backend].delay_us)
    }

    /// The name of the link to a router.
    pub(crate) fn link(&self, router: usize, between: char) -> String {
        let router = &self.routers[router];
        let parent = router.parent.map_or("host", |parent| &self.routers[parent].name);
        match between {
            '<' => format!("\"{}>{parent}\"", router.name),
            '>' => format!("\"{parent}>{}\"", router.name),
            _ => format!("\"{parent}-{}\"", router.name),
        }
    }

    /// The name of the link to a backend.
    pub(crate) fn last_link(&self, backend: usize, between: char) -> String {
        let backend = &self.backends[backend];
        let parent = &self.routers[backend.parent].name;
        match between {
            '<' => format!("\"{}>{parent}\"", backend.name),
            '>' => format!("\"{parent}>{}\"", backend.name),
            _ => format!("\"{parent}-{}\"", backend.name),
        }
    }

    pub(crate) fn log_uniform(&mut self, from: f64, to: f64) -> f64 {
        from * (to / from).powf(self.random.random::<f64>())
    }

    /// The topology file.
    pub(crate) fn text(&self) -> String {
        let host = address(self.v6, 200, 5);
        let mut text = format!(
            "title = \"A random network\"\nstory = \"Drawn.\"\nduration = \"60s\"\n\n[host]\naddresses = [\"{host}\"]\n"
        );
        for router in &self.routers {
            let (name, address, set) = (&router.name, router.address, &router.set);
            let _ = write!(
                text,
                "\n[[router]]\nname = \"{name}\"\naddresses = [\"{address}\"]\n{set}"
            );
        }
        for backend in &self.backends {
            let (name, address, set) = (&backend.name, backend.address, &backend.set);
            let _ = write!(
                text,
                "\n[[backend]]\nname = \"{name}\"\naddresses = [\"{address}\"]\n{set}"
            );
        }
        for router in &self.routers {
            let parent = router.parent.map_or("host", |parent| &self.routers[parent].name);
            let cost = router.cost;
            push_link(&mut text, parent, &router.name, router.delay_us, &router.link);
            let _ = writeln!(text, "set.cost = {cost}");
        }
        for backend in &self.backends {
            let parent = &self.routers[backend.parent].name;
            push_link(&mut text, parent, &backend.name, backend.delay_us, &backend.link);
        }
        let _ = write!(text, "{}{}\n[verdict]\ncode = \"clean\"\n", self.extra, self.events);
        for backend in &self.backends {
            let name = &backend.name;
            for probe in [name.clone(), format!("{name}:8080")] {
                let _ = write!(text, "\n[[expect]]\nprobe = \"{probe}\"\nanswer = \"reply\"\n");
            }
        }
        text
    }
}

/// Writes a link.
pub(crate) fn push_link(text: &mut String, from: &str, to: &str, delay_us: f64, set: &str) {
    let delay = us(delay_us);
    let _ = write!(
        text,
        "\n[[link]]\nbetween = [\"{from}\", \"{to}\"]\nset.delay = \"{delay}\"\n{set}"
    );
}

/// Microseconds as a file has them.
pub(crate) fn us(us: f64) -> String {
    format!("{us:.3}us")
}

fn address(v6: bool, net: u8, host: u8) -> IpAddr {
    if v6 {
        Ipv6Addr::new(0xfd00, 0x10, u16::from(net), 0, 0, 0, 0, u16::from(host)).into()
    } else {
        Ipv4Addr::new(10, 10, net, host).into()
    }
}
