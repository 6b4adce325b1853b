//! From what a run needs to a packet thread that is ready to run: secrets, ports, sockets.

use std::collections::BTreeSet;
use std::time::Duration;

use super::control::{Inbox, Sink};
use super::lack::{Lack, advice};
use super::native::{Capacity, Native, Parts};
use super::open::{self, OpenError};
use super::reserve::{Demand, Reservation, reserve};
use super::sockets::{Needs, Privilege, SocketPlan, Sockets, raw_permission};
use super::warm_up::warm_up;
use crate::clock::SystemClock;
use crate::engine::{Codec, CookieKey, Prober, SourcePorts};
use crate::outcome::Proto;
use crate::series::PacketOptions;
use crate::sys::{self, Family};

/// What a native run needs to know before its first series.
#[derive(Clone, Debug)]
pub struct NativeOptions {
    /// The clocks, which the caller reads too.
    pub clock: SystemClock,
    /// Which sockets may be used.
    pub privilege: Privilege,
    /// What packets look like.
    pub packet: PacketOptions,
    /// Which protocols will be probed, and over which families that is known already.
    pub needs: Needs,
    /// Families that are known to be needed: their sockets are opened at once, so that a missing permission is known at once.
    pub families: Vec<Family>,
    /// Whether the sockets of other families are opened too, where they can be: for a process that gives up its rights before all names are
    /// resolved.
    pub spare_families: bool,
    /// Flows per target.
    pub flows: u16,
    /// The shortest interval between two SYNs of one series.
    pub interval: Duration,
    /// Where SYNs and UDP datagrams leave from.
    pub source_ports: PortUse,
    /// Probes due within this time of each other may leave together, and their answers be read together.
    pub slot: Duration,
    /// SYNs a second of the whole run.
    pub max_syn_rate: Option<u32>,
    /// Bytes of receive buffer to ask for.
    pub receive_buffer: usize,
    /// How much to remember.
    pub capacity: Capacity,
}

/// How a flow uses source ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PortUse {
    /// In turn, so that each rests between two SYNs. Where raw sockets are not permitted, the kernel chooses.
    #[default]
    Rotating,
    /// One for all probes, as traces need it: then all take one path, and an ICMP error may quote another port that a NAT has put
    /// there. Only raw sockets do this. Nothing is fragmented: each probe is to meet the link that it is too large for.
    Constant,
}

/// A run that is ready, and what its user should know of the way it measures.
pub struct Prepared<S> {
    /// To be run on a thread of its own.
    pub native: Native<S>,
    /// Each said once: what is missing, what that costs, and the command that fixes it.
    pub notices: Vec<String>,
    /// Why some series will be refused; all of it is in `notices`.
    pub failures: BTreeSet<String>,
    /// What to do if the receive buffers prove too small.
    pub buffer_hint: Option<String>,
}

/// Why a run can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A socket could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The system gave no random numbers, without which answers could be forged.
    #[error("cannot draw random numbers: {0}")]
    Random(getrandom::Error),
    /// No source ports.
    #[error("cannot reserve source ports: {0}; check net.ipv4.ip_local_port_range and the open-file limit")]
    Ports(std::io::Error),
}

/// Opens what a run needs.
///
/// # Errors
/// [`StartError`], where the run could measure nothing.
pub fn prepare<S: Sink>(options: NativeOptions, inbox: Inbox<S>, sink: S) -> Result<Prepared<S>, StartError> {
    let (ports, lacks_raw_tcp) = match raw_ports(&options)? {
        RawPorts::Reserved(ports) => (Some(ports), false),
        RawPorts::NotNeeded => (None, false),
        RawPorts::NotPermitted => (None, options.privilege == Privilege::Auto),
    };
    let NativeOptions {
        clock,
        privilege,
        packet,
        needs,
        families,
        spare_families,
        flows,
        source_ports: source_port_use,
        slot,
        max_syn_rate,
        receive_buffer,
        capacity,
        ..
    } = options;
    let held = ports.as_ref().map(|held| held.ports.clone()).unwrap_or_default();
    let source_ports = SourcePorts::new(held, flows);
    let ident = u16::try_from(random()? >> 48).unwrap_or_default();
    let codec = Codec::new(
        CookieKey::new([random()?, random()?]),
        ident,
        packet.clone(),
        source_ports.clone(),
    )
    .with_udp_ports(source_ports);
    let mut sockets = Sockets::new(SocketPlan {
        privilege,
        packet: packet.clone(),
        receive_buffer,
        ident,
        ports,
        traces: source_port_use == PortUse::Constant,
    });
    // Without arrival stamps the first answers would have no RTT; that the kernel can't stamp at all shows by and by.
    let _ = warm_up();
    let families: Vec<_> = families
        .into_iter()
        .flat_map(|family| needs.protos().map(move |proto| (proto, family)))
        .collect();
    let failures: BTreeSet<String> = families
        .into_iter()
        .filter_map(|(proto, family)| sockets.open_for(proto, family).err())
        .collect();
    if spare_families {
        open_spare(&mut sockets, needs);
    }
    if lacks_raw_tcp {
        sockets.lacks().insert(Lack::RawTcp);
    }
    let program = open::program();
    let icmp_refused = OpenError::Icmp {
        program: program.clone(),
    }
    .to_string();
    let mut notices: Vec<String> = advice(sockets.lacks(), &program).into_iter().collect();
    // What the advice says need not be said twice.
    notices.extend(failures.iter().filter(|why| **why != icmp_refused).cloned());
    let buffer_hint = sockets.buffer_hint().map(str::to_owned);
    let whole = Parts {
        clock,
        codec,
        prober: Prober::new(max_syn_rate),
        sockets,
        packet,
        capacity,
        slot,
    };
    Ok(Prepared {
        native: Native::new(whole, inbox, sink),
        notices,
        failures,
        buffer_hint,
    })
}

/// Opens all that may come to be needed. What can't be opened is told to the series that turn out to need it.
fn open_spare(sockets: &mut Sockets, needs: Needs) {
    for family in [Family::V4, Family::V6] {
        for proto in needs.protos() {
            let _ = sockets.open_for(proto, family);
        }
    }
}

/// Ports to send whole packets from.
enum RawPorts {
    Reserved(Reservation),
    NotNeeded,
    /// The kernel must connect instead.
    NotPermitted,
}

fn raw_ports(options: &NativeOptions) -> Result<RawPorts, StartError> {
    let needs = options.needs;
    if !needs.tcp && !needs.udp {
        return Ok(RawPorts::NotNeeded);
    }
    // One socket holds one port, and one carries each connection attempt. With fewer files allowed, ports rest for less.
    let _ = sys::process::raise_open_files_limit();
    let permission = match options.privilege {
        Privilege::Unprivileged => Err(OpenError::Raw {
            program: open::program(),
        }),
        Privilege::Auto | Privilege::Raw => raw_permission(&options.packet),
    };
    match permission {
        Ok(()) => Ok(RawPorts::Reserved(reserve_ports(options)?)),
        Err(OpenError::Raw { program }) if needs.udp || options.source_ports == PortUse::Constant => {
            Err(OpenError::RawTrace { program }.into())
        }
        Err(OpenError::Raw { .. }) if options.privilege != Privilege::Raw => Ok(RawPorts::NotPermitted),
        Err(error) => Err(error.into()),
    }
}

fn reserve_ports(options: &NativeOptions) -> Result<Reservation, StartError> {
    let flows = usize::from(options.flows);
    let (wanted, least) = match options.source_ports {
        PortUse::Constant => (flows, flows),
        PortUse::Rotating => {
            let wanted = SourcePorts::wanted(options.interval)
                .saturating_mul(flows)
                .min(MAX_PORTS);
            // Fewer ports than wanted only make each rest for less.
            (wanted, (wanted * 3 / 4).max(flows))
        }
    };
    let demand = Demand {
        wanted,
        least,
        tcp: options.needs.tcp,
        udp: options.needs.udp,
    };
    let mut seed = random()?;
    let next = || {
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(seed >> 33).unwrap_or_default()
    };
    let reserved = reserve(demand, next).map_err(StartError::Ports)?;
    if reserved.ports.len() < flows {
        return Err(StartError::Ports(std::io::ErrorKind::AddrInUse.into()));
    }
    Ok(reserved)
}

fn random() -> Result<u64, StartError> {
    getrandom::u64().map_err(StartError::Random)
}

impl Needs {
    fn protos(self) -> impl Iterator<Item = Proto> {
        [
            self.icmp.then_some(Proto::Icmp),
            self.tcp.then_some(Proto::Tcp),
            self.udp.then_some(Proto::Udp),
        ]
        .into_iter()
        .flatten()
    }
}

/// Of 28,000 ports for outgoing connections, a prober takes no more than these.
const MAX_PORTS: usize = 4096;

#[cfg(test)]
mod tests;
