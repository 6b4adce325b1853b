//! How often probes may expire at a router, for all paths together.
//!
//! A Linux router answers one host 6 expired probes at once and one a second after that (`icmp_ratelimit`, `XRLIM_BURST_FACTOR` in
//! `net/ipv4/icmp.c`), whatever path they belonged to. A sweep that asks more measures that limit. So each router has an account: one
//! probe a second. Whose account a probe of an unknown hop burdens shows only when it is answered: until then it is that of whatever follows
//! the last known router, and the router that answered is charged afterwards.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::units::Mono;

/// Who carries the burden of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Account {
    /// The router with this address.
    Router(IpAddr),
    /// Whoever is at this TTL behind the last known router; `None` is this host.
    Unknown(u8, Option<IpAddr>),
}

/// The accounts of all routers.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    /// When each has paid for all that it was charged, and `SHIFT` after that, because virtual time has nothing before its origin.
    paid_at: HashMap<Account, Mono>,
}

impl Accounts {
    /// The moment from which a probe may go to this account's expense.
    pub(super) fn ready_at(&self, account: Account) -> Mono {
        self.paid_at
            .get(&account)
            .map_or(Mono::default(), |at| at.before(SHIFT + TOLERANCE))
    }

    /// A probe goes at `now`. Where nobody is known yet behind a router, an account begins with a burst.
    pub(super) fn charge(&mut self, account: Account, now: Mono, may_burst: bool) {
        let now = now.after(SHIFT);
        if self.paid_at.len() >= MAX_ACCOUNTS && !self.paid_at.contains_key(&account) {
            self.paid_at.retain(|_, at| *at > now);
            if self.paid_at.len() >= MAX_ACCOUNTS {
                self.paid_at.clear();
            }
        }
        let saved = if may_burst {
            PERIOD * (BURST - 1)
        } else {
            Duration::ZERO
        };
        let at = self.paid_at.entry(account).or_insert_with(|| now.before(saved));
        // No more than that is saved up later.
        let from = (*at).max(now.before(saved));
        *at = from.after(PERIOD).min(now.after(MAX_DEBT));
    }

    /// The probe did not go after all.
    pub(super) fn refund(&mut self, account: Account) {
        if let Some(at) = self.paid_at.get_mut(&account) {
            *at = at.before(PERIOD);
        }
    }
}

/// One probe a second: `net.ipv4.icmp_ratelimit` is 1000 ms.
pub(super) const PERIOD: Duration = Duration::from_secs(1);

/// So many probes go at once to what is unknown at the start; half of what Linux allows.
const BURST: u32 = 3;

/// As much as a burst saves up.
const SHIFT: Duration = PERIOD.saturating_mul(BURST);

/// How much earlier a single probe may come, so that turns a second apart do not wait for each other's lateness; the rate stays.
const TOLERANCE: Duration = Duration::from_millis(50);

/// Nobody waits longer than this for what others did.
const MAX_DEBT: Duration = Duration::from_secs(4);

/// More routers than any run has; a network that invents addresses can't fill more memory.
const MAX_ACCOUNTS: usize = 1 << 16;
