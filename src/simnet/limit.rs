//! The token bucket of iptables' `limit` match (`xt_limit`), with the semantics that the kernel gives it.
//!
//! The rule (`limit_mt` in `net/netfilter/xt_limit.c`): credit grows with time, up to what `burst` packets cost. A packet that finds
//! credit for one takes it and matches; one that does not leaves it as it is. What is kept of the kernel's ways:
//! * Credit is full when the rule is made, so the first `burst` packets match at once (`limit_mt_check`).
//! * Credit beyond the full bucket is lost, and packets that do not match cost nothing: a flood gets the average rate. With a burst of
//!   1 it gets a little less: what accrues between the moment of a full token and the next packet is lost.
//! * The rate is one packet every so often, not so many in each minute: `10/min` is one every 6 s, and nothing happens on the minute.
//! * One bucket is for all packets that reach the rule, whoever sent them.
//!
//! What is left out, because it changes no more than rounding:
//! * The kernel counts in jiffies, so its packets match up to 10 ms later. Here credit is exact.
//! * iptables passes the cost in whole 1/10,000 s: its `7000/s` is 10,000/s. The tool refuses more than that; here any rate works.
//! * 32 bits of credit wrap after a day or more without packets. Here they do not.
//!
//! A burst of 0, which the kernel refuses, never matches.

use super::topology::Limit;
use crate::units::Mono;

/// A bucket of tokens; a packet matches while there is one.
///
/// Each ns brings `gain` credits and each match costs `cost`: with a rate of `count` in `per`, that is `count` and the ns of `per`, so
/// nothing is ever divided or rounded.
#[derive(Debug)]
pub(super) struct Bucket {
    gain: u128,
    cost: u128,
    cap: u128,
    credit: u128,
    as_of: Mono,
}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(limit: &Limit, now: Mono) -> Self {
        let cost = limit.rate.per.as_nanos();
        let cap = cost.saturating_mul(limit.burst.into());
        Self {
            gain: limit.rate.count.into(),
            cost,
            cap,
            credit: cap,
            as_of: now,
        }
    }

    /// Whether a packet at `now` is within the limit; takes a token if so.
    pub(super) fn matches(&mut self, now: Mono) -> bool {
        let gained = now.since(self.as_of).as_nanos().saturating_mul(self.gain);
        self.credit = self.credit.saturating_add(gained).min(self.cap);
        self.as_of = self.as_of.max(now);
        let within = self.credit >= self.cost && self.cap > 0;
        if within {
            self.credit -= self.cost;
        }
        within
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::simnet::topology::Rate;

    fn bucket(count: u32, per: Duration, burst: u32) -> Bucket {
        let rate = Rate { count, per };
        Bucket::new(&Limit { rate, burst }, START)
    }

    fn at_seconds(seconds: u64) -> Mono {
        START.after(Duration::from_secs(seconds))
    }

    const START: Mono = Mono::from_nanos(1_000_000_007);
    const MINUTE: Duration = Duration::from_mins(1);

    #[test]
    fn ten_a_minute_pass_five_at_once_and_then_one_every_six_seconds() {
        let mut bucket = bucket(10, MINUTE, 5);
        let matched: Vec<u64> = (0..40).filter(|second| bucket.matches(at_seconds(*second))).collect();
        // By second 6 the bucket has won back the one token that the first five seconds left short.
        assert_eq!(matched, [0, 1, 2, 3, 4, 6, 12, 18, 24, 30, 36]);
    }

    #[test]
    fn packets_that_do_not_match_cost_nothing() {
        let mut bucket = bucket(1, Duration::from_secs(1), 1);
        assert!(bucket.matches(START));
        let flood =
            |bucket: &mut Bucket, nanos: u64| (1..nanos).any(|n| bucket.matches(START.after(Duration::from_nanos(n))));
        assert!(!flood(&mut bucket, 10_000));
        assert!(!bucket.matches(START.after(Duration::from_nanos(999_999_999))));
        assert!(bucket.matches(at_seconds(1)));
    }

    #[test]
    fn credit_stops_at_the_burst_however_long_nothing_comes() {
        let mut bucket = bucket(10, MINUTE, 5);
        let matched = (0..20).filter(|_| bucket.matches(at_seconds(1_000_000_000))).count();
        assert_eq!(matched, 5);
    }

    #[test]
    fn a_rate_that_is_no_whole_time_each_keeps_its_average() {
        // 7 a second over 1,000 s: 7,000, and the two of the full bucket.
        let mut bucket = bucket(7, Duration::from_secs(1), 2);
        let millis = (0..=1_000_000).filter(|n| bucket.matches(START.after(Duration::from_millis(*n))));
        assert_eq!(millis.count(), 7_002);
    }

    #[test]
    fn a_burst_of_one_loses_what_accrues_until_the_next_packet() {
        // A token is full 142.857 ms after the last, but packets come on whole ms: one matches every 143 ms.
        let mut bucket = bucket(7, Duration::from_secs(1), 1);
        let matched: Vec<u64> = (0..1_000)
            .filter(|n| bucket.matches(START.after(Duration::from_millis(*n))))
            .collect();
        assert_eq!(matched, [0, 143, 286, 429, 572, 715, 858]);
    }

    #[test]
    fn a_moment_before_the_last_one_brings_nothing() {
        let mut bucket = bucket(1, Duration::from_secs(1), 1);
        assert!(bucket.matches(at_seconds(10)));
        assert!(!bucket.matches(at_seconds(2)));
        assert!(!bucket.matches(at_seconds(10)));
    }

    #[test]
    fn without_a_burst_nothing_ever_matches() {
        assert!(!bucket(10, MINUTE, 0).matches(at_seconds(1_000)));
        assert!(!bucket(10, Duration::ZERO, 0).matches(at_seconds(1_000)));
    }

    proptest! {
        #[test]
        fn no_interval_has_more_matches_than_the_burst_and_the_rate_allow(
            count in 1_u32..2_000,
            per_ms in 1_u64..100_000,
            burst in 1_u32..20,
            gaps in prop::collection::vec(0_u64..3_000_000_000, 1..200),
        ) {
            let per = Duration::from_millis(per_ms);
            let mut bucket = bucket(count, per, burst);
            let mut now = START;
            let mut matched = Vec::new();
            for gap in gaps {
                now = now.after(Duration::from_nanos(gap));
                if bucket.matches(now) {
                    matched.push(now);
                }
            }
            for (from, first) in matched.iter().enumerate() {
                for (to, last) in matched.iter().enumerate().skip(from) {
                    let length = last.since(*first).as_nanos();
                    let allowed = u128::from(burst) + length * u128::from(count) / per.as_nanos();
                    let found = u128::try_from(to - from + 1).expect("a short list");
                    prop_assert!(found <= allowed, "{found} in {length} ns");
                }
            }
        }

        #[test]
        fn no_limit_and_no_moment_makes_it_panic(
            count in any::<u32>(),
            per in any::<(u64, u32)>().prop_map(|(s, n)| Duration::new(s, n % 1_000_000_000)),
            burst in any::<u32>(),
            moments in prop::collection::vec(any::<u64>(), 1..20),
        ) {
            let mut bucket = bucket(count, per, burst);
            for moment in moments {
                bucket.matches(Mono::from_nanos(moment));
            }
        }
    }
}
