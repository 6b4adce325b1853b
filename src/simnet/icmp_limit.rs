//! How a kernel limits the ICMP errors it sends: Linux's bucket per peer (`inet_peer_xrlim_allow`) under a global one
//! (`icmp_global_allow`).

use std::net::IpAddr;

use super::random::Stream;
use super::topology::IcmpLimit;
use crate::units::Mono;

/// The state of the limit of one node.
#[derive(Debug)]
pub(super) struct IcmpLimiter {}

impl IcmpLimiter {
    pub(super) fn new(_limit: &IcmpLimit) -> Self {
        unimplemented!()
    }

    /// Whether an error to `peer` may be sent at `now`; uses up what it allows.
    pub(super) fn allows(&mut self, _now: Mono, _peer: IpAddr, _random: &mut Stream) -> bool {
        unimplemented!()
    }
}
