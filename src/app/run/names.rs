//! Names, looked up again and again.
//!
//! A name is asked for again when its shortest TTL has passed. An answer that fails changes nothing: the last addresses stay in use, since
//! a DNS server that is down says nothing about the backends. Names of the hosts file have no TTL, and are read again on a reload.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{AbortHandle, JoinSet};

use crate::config::Family;
use crate::net::resolve::{Finished, NameResolver, ResolveError, Resolved};

/// Names, and where they point.
pub(super) struct Names {
    resolver: NameResolver,
    family: Family,
    known: HashMap<Arc<str>, Name>,
    /// One per name: it waits, then asks. Dropped with all its tasks.
    lookups: JoinSet<Finished>,
}

/// What a look-up has changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Learned {
    /// Nothing.
    Nothing,
    /// The name points to these addresses, which it did not before.
    Addresses {
        /// Where it points now.
        now: Vec<IpAddr>,
        /// Whether it pointed anywhere before.
        moved: bool,
    },
    /// The first failure after a success, or the first of all.
    Failed {
        /// Why.
        error: ResolveError,
        /// Whether addresses are known from before, which stay in use.
        kept: bool,
    },
    /// The first success after failures; the addresses are those from before.
    Back {
        /// Where it still points.
        now: Vec<IpAddr>,
    },
}

struct Name {
    history: History,
    lookup: AbortHandle,
}

/// What was learned of a name so far.
#[derive(Debug, Default)]
struct History {
    addresses: Vec<IpAddr>,
    /// Look-ups in a row that failed.
    failures: u32,
}

impl Names {
    /// No names yet.
    pub(super) fn new(resolver: NameResolver, family: Family) -> Self {
        Self {
            resolver,
            family,
            known: HashMap::new(),
            lookups: JoinSet::new(),
        }
    }

    /// From now on these names are looked up, and no others. With another resolver, all are asked for at once.
    pub(super) fn want(&mut self, names: &BTreeSet<Arc<str>>, resolver: Option<NameResolver>) {
        self.known.retain(|name, known| {
            let stays = names.contains(name);
            if !stays {
                known.lookup.abort();
            }
            stays
        });
        let asks_anew = resolver.is_some();
        self.resolver = resolver.unwrap_or_else(|| self.resolver.clone());
        for name in names {
            let history = match self.known.remove(name) {
                Some(known) if !asks_anew => {
                    self.known.insert(Arc::clone(name), known);
                    continue;
                }
                Some(known) => {
                    known.lookup.abort();
                    known.history
                }
                None => History::default(),
            };
            let lookup = self.ask(Arc::clone(name), Duration::ZERO);
            self.known.insert(Arc::clone(name), Name { history, lookup });
        }
    }

    /// The next name that was looked up, and what that changed; waits for ever while there are none.
    pub(super) async fn next(&mut self) -> (Arc<str>, Learned) {
        loop {
            match self.lookups.join_next().await {
                Some(Ok(Finished { name, result })) => {
                    if let Some(learned) = self.learn(&name, result) {
                        return (name, learned);
                    }
                }
                // A name that is not wanted any more.
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }

    fn learn(&mut self, name: &Arc<str>, result: Result<Vec<Resolved>, ResolveError>) -> Option<Learned> {
        let known = self.known.get_mut(name)?;
        let again = known.history.wait(&result);
        let learned = known.history.learn(result);
        if let Some(wait) = again {
            let lookup = self.ask(Arc::clone(name), wait);
            if let Some(known) = self.known.get_mut(name) {
                known.lookup = lookup;
            }
        }
        Some(learned)
    }

    fn ask(&mut self, name: Arc<str>, wait: Duration) -> AbortHandle {
        let (resolver, family) = (self.resolver.clone(), self.family);
        // Waits for its moment, then for DNS, which has a limit; ends with the set.
        self.lookups.spawn(async move {
            tokio::time::sleep(wait).await;
            let result = resolver.resolve(&name, family).await;
            Finished { name, result }
        })
    }
}

impl History {
    /// How long to wait after this answer until the name is asked for again; `None` is until a reload.
    fn wait(&self, result: &Result<Vec<Resolved>, ResolveError>) -> Option<Duration> {
        match result {
            Ok(found) => {
                let ttl = found.iter().filter_map(|resolved| resolved.ttl).min()?;
                Some(ttl.clamp(SOONEST, LATEST))
            }
            Err(_) => Some(
                SOONEST
                    .saturating_mul(1 << self.failures.min(DOUBLINGS))
                    .min(LATEST_RETRY),
            ),
        }
    }

    fn learn(&mut self, result: Result<Vec<Resolved>, ResolveError>) -> Learned {
        match result {
            Ok(found) => {
                let now: Vec<IpAddr> = found.iter().map(|resolved| resolved.address).collect();
                let failed_before = std::mem::take(&mut self.failures) > 0;
                if now == self.addresses {
                    return if failed_before {
                        Learned::Back { now }
                    } else {
                        Learned::Nothing
                    };
                }
                let before = std::mem::replace(&mut self.addresses, now.clone());
                Learned::Addresses {
                    now,
                    moved: !before.is_empty(),
                }
            }
            Err(error) => {
                self.failures = self.failures.saturating_add(1);
                if self.failures > 1 {
                    return Learned::Nothing;
                }
                Learned::Failed {
                    error,
                    kept: !self.addresses.is_empty(),
                }
            }
        }
    }
}

/// Records with a TTL of a second or none are asked for no more often than this.
const SOONEST: Duration = Duration::from_secs(5);

/// Whatever a TTL says: a mistake in DNS that lives for a week should not outlive its correction for as long here.
const LATEST: Duration = Duration::from_hours(1);

/// How often the wait for a retry doubles: to 160 s.
const DOUBLINGS: u32 = 5;

/// A server that is back is noticed within this time.
const LATEST_RETRY: Duration = Duration::from_mins(2);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str, ttl: Option<u64>) -> Resolved {
        Resolved {
            address: address.parse().unwrap(),
            ttl: ttl.map(Duration::from_secs),
        }
    }

    fn failure() -> ResolveError {
        ResolveError::BadName {
            name: "app01".into(),
            cause: "test".to_owned(),
        }
    }

    fn addresses(learned: &Learned) -> Option<(usize, bool)> {
        match learned {
            Learned::Addresses { now, moved } => Some((now.len(), *moved)),
            _ => None,
        }
    }

    #[test]
    fn a_name_is_asked_for_again_when_its_shortest_ttl_has_passed_within_bounds() {
        let wait = |found: &[Resolved]| History::default().wait(&Ok(found.to_vec()));
        let seconds = |s| Some(Duration::from_secs(s));
        assert_eq!(
            wait(&[at("192.0.2.1", Some(300)), at("192.0.2.2", Some(60))]),
            seconds(60)
        );
        assert_eq!(wait(&[at("192.0.2.1", Some(0))]), Some(SOONEST));
        assert_eq!(wait(&[at("192.0.2.1", Some(604_800))]), Some(LATEST));
        assert_eq!(wait(&[at("192.0.2.1", None)]), None, "the hosts file has no TTL");
    }

    #[test]
    fn failures_wait_ever_longer_and_never_for_ever() {
        let mut history = History::default();
        let mut waits = Vec::new();
        for _ in 0..8 {
            waits.push(history.wait(&Err(failure())).unwrap().as_secs());
            history.learn(Err(failure()));
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 120, 120, 120]);
    }

    #[test]
    fn only_what_changes_is_news() {
        let mut history = History::default();
        let found = || Ok(vec![at("192.0.2.1", Some(60))]);
        assert_eq!(addresses(&history.learn(found())), Some((1, false)));
        assert_eq!(history.learn(found()), Learned::Nothing);
        let both = Ok(vec![at("192.0.2.1", Some(60)), at("192.0.2.2", Some(60))]);
        assert_eq!(addresses(&history.learn(both)), Some((2, true)));
    }

    #[test]
    fn a_failure_keeps_the_addresses_and_is_said_once() {
        let mut history = History::default();
        let found = || Ok(vec![at("192.0.2.1", Some(60))]);
        assert!(matches!(
            history.learn(Err(failure())),
            Learned::Failed { kept: false, .. }
        ));
        assert_eq!(addresses(&history.learn(found())), Some((1, false)));
        assert!(matches!(
            history.learn(Err(failure())),
            Learned::Failed { kept: true, .. }
        ));
        assert_eq!(history.learn(Err(failure())), Learned::Nothing);
        assert!(matches!(history.learn(found()), Learned::Back { .. }));
        assert_eq!(history.learn(found()), Learned::Nothing);
    }
}
