//! The token bucket of iptables' `limit` match (`xt_limit`), with the semantics that the kernel gives it.

use super::topology::Limit;
use crate::units::Mono;

/// A bucket of tokens; a packet matches while there is one.
#[derive(Debug)]
pub(super) struct Bucket {}

impl Bucket {
    /// A full bucket.
    pub(super) fn new(_limit: &Limit, _now: Mono) -> Self {
        unimplemented!()
    }

    /// Whether a packet at `now` is within the limit; takes a token if so.
    pub(super) fn matches(&mut self, _now: Mono) -> bool {
        unimplemented!()
    }
}
