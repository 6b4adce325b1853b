//! The life of every probe, without sockets and clocks: which packet to send, what an answer proves, when a probe is lost.
//!
//! Two parts, which the packet thread of [`net`](crate::net) drives:
//!
//! - [`Prober`] keeps the books. It says which probe is due, takes send stamps and answers, times out, and gives
//!   [`Event`](crate::outcome::Event)s: exactly one `Settled` for each probe, in sending order.
//! - [`Codec`] knows the packets. It writes echo requests and SYNs, and finds the probe that a received packet answers, or says
//!   why it answers none ([`Ignored`]).
//!
//! Both number series alike, in order of admission. Time and bytes are arguments; nothing here can wait, fail or draw a random
//! number. So tests run in virtual time, and the portable engine shares the [`Prober`] with the native one.
//!
//! What makes an answer ours: a keyed 64-bit mark in each echo, a keyed sequence number in each SYN ([`CookieKey`]), and source
//! ports that rest between two SYNs ([`SourcePorts`]). Forged, stale and foreign packets are counted and ignored.

mod answer;
mod codec;
mod cookie;
mod echo;
mod launch;
mod overflow;
mod ports;
mod prober;
mod progress;
mod ring;
mod syn_pacer;
mod timeouts;

pub use answer::{Arrival, Measured};
pub use codec::{Codec, Ident, Ignored, Match};
pub use cookie::CookieKey;
pub use launch::{Launch, Launcher};
pub use ports::{REST, SourcePorts};
pub use prober::{Admission, Counters, Due, Prober};
