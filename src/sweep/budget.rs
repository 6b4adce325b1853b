//! How often probes may expire at a router, for all paths together.
//!
//! A Linux router answers one host 6 expired probes at once and one a second after that (`icmp_ratelimit`, `XRLIM_BURST_FACTOR` in
//! `net/ipv4/icmp.c`), whatever path they belonged to. A sweep that asks more measures that limit. So each router has an account: one
//! probe a second. Whom a probe of an unknown hop burdens shows only when it is answered. Until then it goes to a common account of all that
//! is at this TTL behind the last known router; the router that answers is charged afterwards, and with it waits whoever might burden
//! it, too.
//!
//! So a router gets one probe a second in the mean, and in any time a few more:
//!
//! - those of a burst, where nobody is known yet behind a router;
//! - one of each common account that it is found to belong to, which were sent before it answered the first;
//! - one of each path whose target should be there, by the distance that its reply told, or should not be near, by the largest TTL: these are
//!   at nobody's expense, and go on as the router that they burden allows;
//! - some of each path whose target was there before, until it is known that the course has changed.
//!
//! What a router does not answer can't be charged to it: one that answers some paths and no others, or drops answers, may get one more
//! a second for each common account, as long as these paths are not told apart.

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
    /// A target, which is probably there. That burdens nobody, until a router was found in such a place.
    Expected(u8, Option<IpAddr>),
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
        if matches!(account, Account::Expected(..)) && !self.paid_at.contains_key(&account) {
            return;
        }
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
        *at = from.after(account.period()).min(now.after(MAX_DEBT));
    }

    /// Those who may burden a router that was just charged wait until it has paid for all but one of its probes.
    pub(super) fn hold(&mut self, account: Account, router: Account) {
        let has_room = self.paid_at.len() < MAX_ACCOUNTS;
        if let Some(&paid_at) = self.paid_at.get(&router).filter(|_| has_room) {
            let at = self.paid_at.entry(account).or_default();
            *at = (*at).max(paid_at.before(PERIOD));
        }
    }

    /// The probe did not go after all.
    pub(super) fn refund(&mut self, account: Account) {
        if let Some(at) = self.paid_at.get_mut(&account) {
            *at = at.before(account.period());
        }
    }
}

impl Account {
    const fn period(self) -> Duration {
        match self {
            Self::Router(_) | Self::Unknown(..) => PERIOD,
            Self::Expected(..) => DOUBT,
        }
    }
}

/// One probe a second: `net.ipv4.icmp_ratelimit` is 1000 ms.
pub(super) const PERIOD: Duration = Duration::from_secs(1);

/// Between probes that should meet their targets where one has met a router: time to hear from each before the next.
const DOUBT: Duration = Duration::from_millis(100);

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
