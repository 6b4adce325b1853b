//! Names to addresses, side by side, so that a slow or dead DNS server delays nobody but the names that it serves.
//!
//! Order of sources: /etc/hosts (the name as typed, before any search domain, as the C library does it), then the
//! servers of /etc/resolv.conf. Other sources of nsswitch.conf are not asked. Without a usable resolv.conf the hosts
//! file still works.
//!
//! Which addresses: with [`Family::Any`] every IPv4 address if the name has any, else every IPv6 address. Whether it
//! has any must be *known*: if the query for IPv4 fails, the name fails, since otherwise a flaky server would switch
//! what is measured. Addresses come sorted, so that two runs agree on the order of their series.

mod reverse;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::{Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, Record, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use hickory_resolver::{Hosts, Resolver, TokioResolver};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

pub use self::reverse::ReverseNames;
use crate::config::Family;

/// One address of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resolved {
    /// The address.
    pub address: IpAddr,
    /// How long it may be used, the shortest of its chain of records; `None` where it comes from the hosts file.
    pub ttl: Option<Duration>,
}

/// A name with what became of it.
#[derive(Debug)]
pub struct Finished {
    /// The name as it was asked for.
    pub name: Arc<str>,
    /// At least one address, sorted.
    pub result: Result<Vec<Resolved>, ResolveError>,
}

/// Why a name has no address: what failed, on what, and the next step.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// NXDOMAIN.
    #[error("{name}: no such name, says {servers}; check its spelling, or add it to /etc/hosts")]
    NoSuchName {
        /// The name.
        name: Arc<str>,
        /// Who says so.
        servers: Servers,
    },
    /// The name is there, and has no address of the family.
    #[error("{name}: the name exists but has no {} address; {}", .family.name(), no_address_advice(*.family))]
    NoAddress {
        /// The name.
        name: Arc<str>,
        /// The family asked for.
        family: Family,
    },
    /// Silence.
    #[error("{name}: {servers} did not answer within {} s; check that it is reachable, or give the address", .limit.as_secs_f64())]
    TimedOut {
        /// The name.
        name: Arc<str>,
        /// Who was asked.
        servers: Servers,
        /// How long.
        limit: Duration,
    },
    /// SERVFAIL, REFUSED and the like.
    #[error("{name}: {servers} cannot tell ({code}); check the server, or give the address")]
    ServerFailed {
        /// The name.
        name: Arc<str>,
        /// Who was asked.
        servers: Servers,
        /// Its answer.
        code: String,
    },
    /// The query could not be sent, or its answer not be read.
    #[error("{name}: {servers} could not be asked: {cause}; check the route to it, or give the address")]
    NotAsked {
        /// The name.
        name: Arc<str>,
        /// Who should have been asked.
        servers: Servers,
        /// What the kernel or the parser said.
        cause: String,
    },
    /// Nobody to ask.
    #[error(
        "{name}: not in /etc/hosts, and no DNS server is configured ({cause}); give the address, or name a server in /etc/resolv.conf"
    )]
    NoServers {
        /// The name.
        name: Arc<str>,
        /// Why there is none.
        cause: Arc<str>,
    },
    /// Not a DNS name.
    #[error("{name}: not a name that DNS can hold ({cause}); check its spelling")]
    BadName {
        /// The name.
        name: Arc<str>,
        /// What is wrong.
        cause: String,
    },
}

fn no_address_advice(family: Family) -> &'static str {
    match family {
        Family::Any => "check its A and AAAA records, or give the address",
        Family::V4 => "try without -4, or check its A records",
        Family::V6 => "try without -6, or check its AAAA records",
    }
}

/// The DNS servers that a message is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Servers(Arc<str>);

impl fmt::Display for Servers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Servers {
    fn of(config: &ResolverConfig) -> Self {
        let shown = |ip: IpAddr, port: Option<u16>| match port {
            Some(port) if port != 53 => std::net::SocketAddr::new(ip, port).to_string(),
            _ => ip.to_string(),
        };
        let servers = config
            .name_servers
            .iter()
            .map(|server| shown(server.ip, server.connections.first().map(|c| c.port)));
        let servers: Vec<String> = servers.collect();
        let noun = if servers.len() == 1 {
            "DNS server"
        } else {
            "DNS servers"
        };
        Self(format!("{noun} {}", servers.join(", ")).into())
    }
}

/// What resolving may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long one name may take.
    pub per_name: Duration,
    /// How many names are asked for at the same time; each takes up to four sockets.
    /// The hosts file is read beside this limit.
    pub in_flight: usize,
}

impl Default for Limits {
    /// 5 s, as the C library waits by default; 128 names, asked for in two families at two servers, stay within half
    /// of the usual 1,024 file descriptors.
    fn default() -> Self {
        Self {
            per_name: Duration::from_secs(5),
            in_flight: 128,
        }
    }
}

/// Resolves names. Cheap to clone; all clones share one cache.
#[derive(Clone)]
pub struct NameResolver {
    hosts: Arc<Hosts>,
    dns: Dns,
    limits: Limits,
    permits: Arc<Semaphore>,
}

/// The DNS side, if there is one.
#[derive(Clone)]
enum Dns {
    Servers(Arc<TokioResolver>, Servers),
    Absent(Arc<str>),
}

impl NameResolver {
    /// As this system is configured. Never fails: without a usable resolv.conf, names that need it fail one by one.
    #[must_use]
    pub fn of_this_system(limits: Limits) -> Self {
        let hosts = Hosts::from_system().unwrap_or_default();
        match read_system_conf() {
            Ok((config, options)) => Self::new(hosts, config, options, limits),
            Err(error) => Self::with(hosts, Dns::Absent(cause_of(&error).into()), limits),
        }
    }

    /// With this hosts file and these servers.
    #[must_use]
    pub fn new(hosts: Hosts, config: ResolverConfig, mut options: ResolverOpts, limits: Limits) -> Self {
        // Enough attempts to outlast our limit: it ends a silence, so that the message tells the time that really
        // passed.
        options.timeout = options
            .timeout
            .min(limits.per_name.mul_f64(0.4))
            .max(Duration::from_millis(1));
        let to_outlast = limits.per_name.as_nanos() / options.timeout.as_nanos() + 1;
        options.attempts = options.attempts.max(usize::try_from(to_outlast).unwrap_or(usize::MAX));
        options.use_hosts_file = ResolveHosts::Never;
        // Beyond its default of 32, queries over one TCP connection fail as "busy".
        options.max_active_requests = limits.in_flight.saturating_mul(2);
        let servers = Servers::of(&config);
        let no_servers = config.name_servers.is_empty();
        let built = Resolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(options)
            .build();
        let dns = match built {
            _ if no_servers => Dns::Absent("no nameserver is named".into()),
            Ok(resolver) => Dns::Servers(Arc::new(resolver), servers),
            Err(error) => Dns::Absent(cause_of(&error).into()),
        };
        Self::with(hosts, dns, limits)
    }

    fn with(hosts: Hosts, dns: Dns, limits: Limits) -> Self {
        Self {
            hosts: Arc::new(hosts),
            dns,
            limits,
            permits: Arc::new(Semaphore::new(limits.in_flight.max(1))),
        }
    }

    /// Resolves one name within the limit. At least one address, sorted, of one family.
    ///
    /// # Errors
    /// See [`ResolveError`].
    pub async fn resolve(&self, name: &Arc<str>, family: Family) -> Result<Vec<Resolved>, ResolveError> {
        let query_name = Name::from_utf8(&**name).map_err(|error| ResolveError::BadName {
            name: Arc::clone(name),
            cause: error.to_string(),
        })?;
        let in_hosts = self.in_hosts(&query_name, family);
        if !in_hosts.is_empty() {
            return Ok(in_hosts);
        }
        let (resolver, servers) = match &self.dns {
            Dns::Servers(resolver, servers) => (resolver, servers),
            Dns::Absent(cause) => {
                return Err(ResolveError::NoServers {
                    name: Arc::clone(name),
                    cause: Arc::clone(cause),
                });
            }
        };
        // Never closed, so this cannot fail; if it did, there would be no limit, and no harm beyond that.
        let _permit = self.permits.acquire().await;
        let asked = ask(resolver, &query_name, family);
        let limit = self.limits.per_name;
        let answer = tokio::time::timeout(limit, asked)
            .await
            .unwrap_or(Err(NetError::Timeout));
        let servers = servers.clone();
        match answer {
            Ok(addresses) if addresses.is_empty() => Err(ResolveError::NoAddress {
                name: Arc::clone(name),
                family,
            }),
            Ok(addresses) => Ok(addresses),
            Err(error) => Err(explain(Arc::clone(name), servers, &error, limit)),
        }
    }

    /// Resolves all names side by side and gives each as it is finished; the channel closes after the last. Each
    /// distinct name is asked for and given once. Needs a tokio runtime.
    #[must_use]
    pub fn resolve_all(&self, names: impl IntoIterator<Item = Arc<str>>, family: Family) -> mpsc::Receiver<Finished> {
        // Bounded by what goes through it.
        let (results, receiver) = mpsc::channel(self.limits.in_flight.max(1));
        let names: BTreeSet<Arc<str>> = names.into_iter().collect();
        let mut lookups = JoinSet::new();
        for name in names {
            let resolver = self.clone();
            // Waits for a permit and for DNS; ends by its time limit, or with the set. It holds nothing that needs
            // closing.
            lookups.spawn(async move {
                let result = resolver.resolve(&name, family).await;
                Finished { name, result }
            });
        }
        // Waits for lookups; ends with the last of them or with the receiver, and takes the remaining lookups with it.
        tokio::spawn(async move {
            loop {
                let finished = tokio::select! {
                    () = results.closed() => return,
                    finished = lookups.join_next() => finished,
                };
                match finished {
                    Some(Ok(finished)) => {
                        if results.send(finished).await.is_err() {
                            return;
                        }
                    }
                    // A lookup is neither aborted nor does it panic; if one did, the others still count.
                    Some(Err(_)) => {}
                    None => return,
                }
            }
        });
        receiver
    }

    fn in_hosts(&self, name: &Name, family: Family) -> Vec<Resolved> {
        let of = |record_type| {
            let lookup = self
                .hosts
                .lookup_static_host(&Query::query(name.to_lowercase(), record_type));
            let addresses = lookup
                .iter()
                .flat_map(Lookup::answers)
                .filter_map(|record| record.data.ip_addr());
            sorted(addresses.map(|address| Resolved { address, ttl: None }))
        };
        match family {
            Family::V4 => of(RecordType::A),
            Family::V6 => of(RecordType::AAAA),
            Family::Any => Some(of(RecordType::A))
                .filter(|found| !found.is_empty())
                .unwrap_or_else(|| of(RecordType::AAAA)),
        }
    }
}

/// Asks for what the family needs. An empty list: the name exists, without such addresses.
async fn ask(resolver: &TokioResolver, name: &Name, family: Family) -> Result<Vec<Resolved>, NetError> {
    match family {
        Family::V4 => addresses(resolver, name, RecordType::A).await,
        Family::V6 => addresses(resolver, name, RecordType::AAAA).await,
        Family::Any => {
            // Both at once, but an IPv4 answer waits for no AAAA query: some servers drop those.
            let mut v4 = pin!(addresses(resolver, name, RecordType::A));
            let mut v6 = pin!(addresses(resolver, name, RecordType::AAAA));
            let early_v6 = tokio::select! {
                v4 = &mut v4 => match v4 {
                    Ok(found) if found.is_empty() => return v6.await,
                    decided => return decided,
                },
                v6 = &mut v6 => v6,
            };
            match v4.await {
                Ok(found) if found.is_empty() => early_v6,
                decided => decided,
            }
        }
    }
}

async fn addresses(resolver: &TokioResolver, name: &Name, record_type: RecordType) -> Result<Vec<Resolved>, NetError> {
    match resolver.lookup(name.clone(), record_type).await {
        Ok(lookup) => {
            let ttl = lookup.answers().iter().map(|record: &Record| record.ttl).min();
            let ttl = ttl.map(|seconds| Duration::from_secs(seconds.into()));
            let addresses = lookup.answers().iter().filter_map(|record| record.data.ip_addr());
            Ok(sorted(addresses.map(|address| Resolved { address, ttl })))
        }
        Err(NetError::Dns(DnsError::NoRecordsFound(none))) if none.response_code == ResponseCode::NoError => {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

/// Sorted by address, each once.
fn sorted(addresses: impl Iterator<Item = Resolved>) -> Vec<Resolved> {
    let unique: BTreeMap<IpAddr, Resolved> = addresses.map(|resolved| (resolved.address, resolved)).collect();
    unique.into_values().collect()
}

fn explain(name: Arc<str>, servers: Servers, error: &NetError, limit: Duration) -> ResolveError {
    match error {
        NetError::Timeout => ResolveError::TimedOut { name, servers, limit },
        NetError::Dns(DnsError::ResponseCode(code)) => ResolveError::ServerFailed {
            name,
            servers,
            code: code.to_string(),
        },
        error if error.is_nx_domain() => ResolveError::NoSuchName { name, servers },
        NetError::Dns(DnsError::NoRecordsFound(none)) => ResolveError::ServerFailed {
            name,
            servers,
            code: none.response_code.to_string(),
        },
        other => ResolveError::NotAsked {
            name,
            servers,
            cause: cause_of(other),
        },
    }
}

/// The innermost cause in one line.
fn cause_of(error: &NetError) -> String {
    match error {
        NetError::Io(io) if io.kind() == io::ErrorKind::NotFound => "/etc/resolv.conf does not exist".to_owned(),
        NetError::Io(io) => io.to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
