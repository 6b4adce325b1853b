//! Names of hops, looked up in the background. Nothing waits for them but, for a moment, the report at the end.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::net::resolve::{Limits, NameResolver, ReverseNames};

/// Names of hops, as far as they are known and wanted.
pub(super) struct HopNames {
    lookups: Option<ReverseNames>,
    known: HashMap<IpAddr, String>,
}

impl HopNames {
    /// Asks whom `resolver` asks; without one, no names are wanted.
    pub(super) fn new(resolver: Option<&NameResolver>) -> Self {
        Self {
            lookups: resolver.map(|resolver| ReverseNames::new(resolver, Limits::default())),
            known: HashMap::new(),
        }
    }

    pub(super) const fn are_wanted(&self) -> bool {
        self.lookups.is_some()
    }

    /// Has an address looked up, once.
    pub(super) fn ask(&mut self, address: IpAddr) {
        if let Some(lookups) = &mut self.lookups {
            lookups.ask(address);
        }
    }

    /// Waits until one more address is decided; for ever where none is under way.
    pub(super) async fn learn(&mut self) {
        if !self.learn_one().await {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until all addresses are decided.
    pub(super) async fn learn_all(&mut self) {
        while self.learn_one().await {}
    }

    /// The names that are known by now.
    pub(super) fn known(&self) -> HashMap<IpAddr, String> {
        self.known.clone()
    }

    /// Waits for one more address; `false` where none is under way.
    async fn learn_one(&mut self) -> bool {
        let Some(lookups) = &mut self.lookups else { return false };
        let Some((address, name)) = lookups.next().await else {
            return false;
        };
        if let Some(name) = name {
            self.known.insert(address, name.to_string());
        }
        true
    }
}
