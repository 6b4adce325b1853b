//! Addresses to names, in the background: the routers of a trace.
//!
//! A name is decoration. So nothing waits for one: an address is asked for as it appears, a few at a time, each within the time limit,
//! and one that can't be named stays an address. The hosts file comes first, as it does for names; addresses that mean something on one
//! link or host alone are asked of nobody else. How many addresses are remembered is bounded, since anybody on the path can invent new
//! ones.
//!
//! A name is whatever the owner of the address says it is. It is given as DNS writes names (RFC 1035, section 5.1: other than printable
//! ASCII is escaped), and still has to be cleaned by whoever prints it.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::task::JoinSet;

use super::{Dns, Limits, NameResolver};

/// Names of addresses, as far as they are known by now.
pub struct ReverseNames {
    resolver: NameResolver,
    limits: Limits,
    /// Every address that was asked for, with its name if that is known.
    names: HashMap<IpAddr, Option<Arc<str>>>,
    waiting: VecDeque<IpAddr>,
    lookups: JoinSet<(IpAddr, Option<Arc<str>>)>,
}

impl ReverseNames {
    /// Asks whom `resolver` asks, at most `limits.in_flight` addresses at a time, each for at most `limits.per_name`.
    #[must_use]
    pub fn new(resolver: &NameResolver, limits: Limits) -> Self {
        Self {
            resolver: resolver.clone(),
            limits,
            names: HashMap::new(),
            waiting: VecDeque::new(),
            lookups: JoinSet::new(),
        }
    }

    /// Has an address looked up, once. Of more than 65,536 addresses the later ones are not looked up. Needs a tokio runtime.
    pub fn ask(&mut self, address: IpAddr) {
        if self.names.len() < MOST_ADDRESSES && !self.names.contains_key(&address) {
            self.names.insert(address, None);
            self.waiting.push_back(address);
            self.start();
        }
    }

    /// The next address that is decided, with its name if it has one; `None` where none is under way. It may be dropped before it is
    /// ready, and nothing is lost.
    pub async fn next(&mut self) -> Option<(IpAddr, Option<Arc<str>>)> {
        loop {
            // A lookup is neither aborted nor does it panic; if one did, its address would stay an address.
            let Ok((address, name)) = self.lookups.join_next().await? else {
                self.start();
                continue;
            };
            self.start();
            self.names.insert(address, name.clone());
            return Some((address, name));
        }
    }

    /// The name of an address, if it is known by now: by what [`next`](Self::next) has given.
    #[must_use]
    pub fn name(&self, address: IpAddr) -> Option<&Arc<str>> {
        self.names.get(&address)?.as_ref()
    }

    /// Starts as many lookups as may be under way.
    fn start(&mut self) {
        while self.lookups.len() < self.limits.in_flight.max(1) {
            let Some(address) = self.waiting.pop_front() else { break };
            let (resolver, limit) = (self.resolver.clone(), self.limits.per_name);
            // Waits for DNS; ends by its time limit, or with the set. It holds nothing that needs closing.
            self.lookups.spawn(async move {
                let name = tokio::time::timeout(limit, resolver.name_of(address)).await;
                (address, name.ok().flatten())
            });
        }
    }
}

impl NameResolver {
    /// The name of an address. Of several the first by alphabet, so that runs agree.
    async fn name_of(&self, address: IpAddr) -> Option<Arc<str>> {
        let query = Query::query(Name::from(address), RecordType::PTR);
        if let Some(lookup) = self.hosts.lookup_static_host(&query) {
            return first_name(lookup.answers());
        }
        let Dns::Servers(resolver, _) = &self.dns else {
            return None;
        };
        if !is_unique(address) {
            return None;
        }
        let _permit = self.permits.acquire().await;
        let lookup = resolver.reverse_lookup(address).await.ok()?;
        first_name(lookup.answers())
    }
}

fn first_name(records: &[Record]) -> Option<Arc<str>> {
    let names = records.iter().filter_map(|record| match &record.data {
        RData::PTR(name) => Some(name.to_ascii()),
        _ => None,
    });
    let shown = names.map(|name| name.trim_end_matches('.').to_owned());
    shown.filter(|name| !name.is_empty()).min().map(Arc::from)
}

/// Whether an address means the same host to the DNS server as to us.
fn is_unique(address: IpAddr) -> bool {
    let is_of_a_link = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !(is_of_a_link || address.is_loopback() || address.is_unspecified() || address.is_multicast())
}

/// 64 routers each of a thousand targets; some megabytes.
const MOST_ADDRESSES: usize = 65_536;

#[cfg(test)]
mod tests;
