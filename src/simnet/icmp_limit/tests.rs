use std::net::Ipv4Addr;

use proptest::prelude::*;
use rand::SeedableRng;

use super::*;
use crate::simnet::topology::Span;

#[test]
fn linux_sends_six_at_once_and_then_one_a_second() {
    let mut limiter = Limiter::new(IcmpLimit::Linux);
    assert_eq!(limiter.allowed(PEER, (0..10).map(|_| 0)), 6);
    assert!(!limiter.allows(999, PEER));
    assert!(limiter.allows(1000, PEER));
    assert!(!limiter.allows(1999, PEER));
    assert!(limiter.allows(2000, PEER));
}

#[test]
fn five_errors_a_second_to_one_peer_become_one() {
    let mut limiter = Limiter::new(IcmpLimit::Linux);
    // At 0, 200, .. 99,800 ms: six saved seconds and 99.8 more, each good for one.
    assert_eq!(limiter.allowed(PEER, (0..500).map(|n| n * 200)), 105);
}

#[test]
fn an_error_a_second_is_never_limited() {
    let mut limiter = Limiter::new(IcmpLimit::Linux);
    assert_eq!(limiter.allowed(PEER, (0..500).map(|n| n * 1000)), 500);
}

#[test]
fn a_quiet_peer_saves_up_no_more_than_six() {
    let mut limiter = Limiter::new(IcmpLimit::Linux);
    assert!(limiter.allows(0, PEER));
    assert_eq!(limiter.allowed(PEER, (0..10).map(|_| 3_600_000)), 6);
}

#[test]
fn peers_do_not_use_up_the_tokens_of_each_other() {
    let mut limiter = Limiter::new(IcmpLimit::Linux);
    assert_eq!(limiter.allowed(PEER, (0..10).map(|_| 0)), 6);
    assert_eq!(limiter.allowed(peer(2), (0..10).map(|_| 0)), 6);
}

#[test]
fn what_the_bucket_of_a_peer_stops_costs_the_others_nothing() {
    let mut limiter = Limiter::new(IcmpLimit::Linux);
    // 10,000 attempts that took a credit each would leave nothing of 50.
    assert_eq!(limiter.allowed(PEER, (0..10_000).map(|_| 0)), 6);
    assert!(limiter.allows(0, peer(2)));
}

#[test]
fn all_peers_together_get_fifty_at_once() {
    // Each error takes 0, 1 or 2 until 50 are used up, so the count is a stopping time: its mean is 50 and a fraction (Wald), its
    // standard deviation about sqrt(50 * 2/3) = 5.8, that of the mean of 400 runs 0.29. The bound is 5 of those and the fraction.
    let runs = 400;
    let total: u32 = (0..runs)
        .map(|seed| {
            let mut limiter = Limiter::seeded(IcmpLimit::Linux, seed);
            (0..200).map(|n| u32::from(limiter.allows(0, peer(n)))).sum::<u32>()
        })
        .sum();
    let mean = f64::from(total) / 400.0;
    assert!((48.5..52.5).contains(&mean), "{mean}");
}

#[test]
fn all_peers_together_get_a_thousand_a_second() {
    let mut limiter = Limiter::new(IcmpLimit::Linux);
    // Two each millisecond for ten seconds, each to another peer. 50 credits and 10,000 more, of which each error takes one on
    // average with a variance of 2/3: a standard deviation of 82, and the bound is six. Refills come after 20 ms at the earliest
    // and replace what was used by then, up to one refill short at the end.
    let allowed: u32 = (0..20_000)
        .map(|n| u32::from(limiter.allows(u64::from(n) / 2, peer(n))))
        .sum();
    assert!((9_500..10_600).contains(&allowed), "{allowed}");
}

#[test]
fn an_empty_global_bucket_waits_twenty_milliseconds_for_more() {
    let mut limiter = Limiter::new(IcmpLimit::Linux);
    // The first error fills it, with 50. Each takes one on average, with a variance of 2/3: 50 errors, give or take sqrt(50 * 2/3) = 5.8,
    // and the bound is four of those. A second filling at once would make it 100.
    let first = (0..2000).filter(|n| limiter.allows(1000, peer(*n))).count();
    assert!((27..=74).contains(&first), "{first}");
    assert!(!limiter.allows(1019, peer(3000)));
    assert!(limiter.allows(1020, peer(3001)));
}

#[test]
fn the_origin_of_time_makes_no_difference() {
    for limit in [
        IcmpLimit::Linux,
        IcmpLimit::EachPeer {
            every: Span(Duration::from_millis(7)),
            burst: 3,
        },
        IcmpLimit::AllPeers {
            every: Span(Duration::from_millis(7)),
            burst: 3,
        },
    ] {
        let allowed = |start: u64| -> Vec<bool> {
            let mut limiter = Limiter::new(limit);
            (0..2000_u32)
                .map(|n| limiter.allows(start + u64::from(n) / 20, peer(n % 300)))
                .collect()
        };
        assert_eq!(allowed(0), allowed(3_600_000));
    }
}

#[test]
fn a_limit_of_its_own_for_each_peer_holds() {
    let each = IcmpLimit::EachPeer {
        every: Span(Duration::from_millis(250)),
        burst: 3,
    };
    let mut limiter = Limiter::new(each);
    assert_eq!(limiter.allowed(PEER, (0..9).map(|_| 0)), 3);
    assert_eq!(limiter.allowed(peer(2), (0..9).map(|_| 0)), 3);
    assert_eq!(limiter.allowed(PEER, (1..=100).map(|n| n * 50)), 20);
}

#[test]
fn a_limit_for_all_peers_is_shared() {
    let all = IcmpLimit::AllPeers {
        every: Span(Duration::from_millis(100)),
        burst: 2,
    };
    let mut limiter = Limiter::new(all);
    let first = (0..9).filter(|n| limiter.allows(0, peer(*n))).count();
    assert_eq!(first, 2);
    let later = (1..=100_u32)
        .filter(|n| limiter.allows(u64::from(*n) * 10, peer(*n)))
        .count();
    assert_eq!(later, 10);
}

#[test]
fn no_limit_is_none() {
    let mut limiter = Limiter::new(IcmpLimit::None);
    assert_eq!(limiter.allowed(PEER, (0..5000).map(|_| 0)), 5000);
}

#[test]
fn extreme_limits_neither_panic_nor_overflow() {
    for (every, burst) in [
        (Duration::MAX, u32::MAX),
        (Duration::ZERO, 0),
        (Duration::ZERO, u32::MAX),
    ] {
        let every = Span(every);
        for limit in [
            IcmpLimit::EachPeer { every, burst },
            IcmpLimit::AllPeers { every, burst },
        ] {
            assert!(Limiter::new(limit).allows(u64::MAX / 1_000_000, PEER));
        }
    }
}

#[test]
fn forged_sources_cost_bounded_memory_and_forget_the_quietest_first() {
    let mut peers = Peers::new(Rule::new(Duration::from_secs(1), 1));
    let most = u32::try_from(MOST_PEERS).unwrap();
    for n in 0..most {
        assert!(peers.take(Mono::from_nanos(u64::from(n)), peer(n)));
    }
    assert!(!peers.take(Mono::from_nanos(5000), peer(0)), "not forgotten yet");
    for n in most..most + 10 {
        assert!(peers.take(Mono::from_nanos(6000), peer(n)));
    }
    assert_eq!(peers.buckets.len(), MOST_PEERS);
    assert!(peers.buckets.contains_key(&peer(0)), "it was not the quietest");
    assert!(!peers.buckets.contains_key(&peer(1)));
}

proptest! {
    #[test]
    fn the_bucket_of_a_peer_agrees_with_counting_milliseconds(gaps in prop::collection::vec(0_u64..3000, 1..60)) {
        let mut limiter = Limiter::new(IcmpLimit::Linux);
        let (mut now, mut saved) = (0, 6000_u64);
        for gap in gaps {
            for _ in 0..gap {
                now += 1;
                saved = (saved + 1).min(6000);
            }
            let expected = saved >= 1000;
            if expected {
                saved -= 1000;
            }
            prop_assert_eq!(limiter.allows(now, PEER), expected, "at {} ms", now);
        }
    }
}

/// A limiter with its randomness; moments are ms.
struct Limiter {
    limiter: IcmpLimiter,
    random: Stream,
}

impl Limiter {
    fn new(limit: IcmpLimit) -> Self {
        Self::seeded(limit, 1)
    }

    fn seeded(limit: IcmpLimit, seed: u64) -> Self {
        Self {
            limiter: IcmpLimiter::new(&limit),
            random: Stream::seed_from_u64(seed),
        }
    }

    fn allows(&mut self, millis: u64, peer: IpAddr) -> bool {
        let now = Mono::from_nanos(millis * 1_000_000);
        self.limiter.allows(now, peer, &mut self.random)
    }

    /// How many are allowed.
    fn allowed(&mut self, peer: IpAddr, moments: impl Iterator<Item = u64>) -> usize {
        moments.filter(|at| self.allows(*at, peer)).count()
    }
}

fn peer(n: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + n))
}

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
