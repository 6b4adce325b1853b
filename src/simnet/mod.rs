//! A model of a network with known truth: routers, links, queues, ECMP, ICMP limits, backends.
//!
//! One [`Topology`], read from a TOML file, becomes a [`Network`]: packets of one host go in, packets for that host come out, each
//! with the moment it is due. Nothing here owns a socket or a clock; time is an argument and randomness has a seed, so the same
//! packets at the same moments get the same bytes back at the same moments. `crate::lab` puts it to work: in virtual time, or
//! behind a TUN device with the real kernel and real sockets on the other side.
//!
//! What the model is and is not:
//! * Every packet is a real packet with right checksums, seen hop by hop: each router looks at its TTL, each link direction has its
//!   own delay, jitter, loss and queue.
//! * Truth is kept, not inferred: the [`Ledger`] says for each element what it carried, dropped and why, and each [`Delivery`] says
//!   which packet of the host caused it and when that was sent.
//! * Each element draws from a random stream of its own, named after it: one more router does not change what the others do.
//!
//! The file format is that of [`topology`]; every file also says what is true of its network, which is what tests compare with.

mod backend;
mod emit;
mod icmp_limit;
mod ledger;
mod limit;
mod link;
mod network;
mod outbox;
mod packet;
pub(crate) mod random;
mod router;
mod routes;
pub mod stories;
mod timeline;
pub mod topology;

pub use ledger::{DropReason, Element, ElementKind, Ledger, Share, Totals};
pub use network::{Delivery, Network};
pub use packet::Cause;
pub use topology::Topology;
