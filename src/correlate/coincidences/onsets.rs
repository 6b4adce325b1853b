//! First spikes of everybody in order of time: who began around a moment is found without asking each backend.
//!
//! It may hold what a backend has forgotten since, so whoever looks asks the backend that is named.

use std::collections::VecDeque;

use super::channel::{CHANNELS, Channel};
use crate::units::{Mono, TargetId};

/// First spikes of late, per level. A backend begins at most once in two seconds, so that it is bounded by backends and by what is kept.
#[derive(Clone, Debug)]
pub(super) struct Onsets {
    by_channel: [VecDeque<(Mono, TargetId)>; CHANNELS],
}

impl Default for Onsets {
    fn default() -> Self {
        Self {
            by_channel: std::array::from_fn(|_| VecDeque::new()),
        }
    }
}

impl Onsets {
    /// A backend began to spike. Most come in order.
    pub(super) fn add(&mut self, channel: Channel, at: Mono, target: TargetId) {
        let known = &mut self.by_channel[channel.index()];
        let later = known.iter().rev().take_while(|onset| **onset > (at, target)).count();
        known.insert(known.len() - later, (at, target));
    }

    /// Who began in `(after, to]`, in order of time.
    pub(super) fn near(&self, channel: Channel, after: Mono, to: Mono) -> impl Iterator<Item = (Mono, TargetId)> {
        let known = &self.by_channel[channel.index()];
        let first = known.partition_point(|(at, _)| *at <= after);
        known.range(first..).copied().take_while(move |(at, _)| *at <= to)
    }

    /// What was before a moment is looked at no more.
    pub(super) fn forget_before(&mut self, old: Mono) {
        for known in &mut self.by_channel {
            let first = known.partition_point(|(at, _)| *at < old);
            known.drain(..first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Mono {
        Mono::from_nanos(ms * 1_000_000)
    }

    #[test]
    fn onsets_are_found_by_time_in_whatever_order_they_came() {
        let mut onsets = Onsets::default();
        for (at, target) in [(5, 1), (3, 2), (9, 3), (4, 4), (5, 0)] {
            onsets.add(Channel::Any, ms(at), TargetId::new(target));
        }
        let near = |onsets: &Onsets, after, to| -> Vec<usize> {
            let near = onsets.near(Channel::Any, ms(after), ms(to));
            near.map(|(_, target)| target.index()).collect()
        };
        assert_eq!(near(&onsets, 3, 5), [4, 0, 1], "after the first, up to the last");
        assert_eq!(onsets.near(Channel::Lost, ms(0), ms(9)).count(), 0, "levels are apart");
        onsets.forget_before(ms(5));
        assert_eq!(near(&onsets, 0, 10), [0, 1, 3]);
    }
}
