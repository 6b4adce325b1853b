//! The edge: sockets, names, permissions.
//!
//! One thread sends and receives for all targets of a run. [`prepare`] opens what the run may use and says what is missing;
//! [`Native::run`] is the loop of that thread. Others reach it by [`control()`]: they send [`Command`]s, and it hands each
//! event to their [`Sink`].
//!
//! | probe | with `CAP_NET_RAW` | without | stamps |
//! |---|---|---|---|
//! | echo | raw ICMP socket behind a filter | datagram ICMP socket | kernel, both ways |
//! | SYN | raw socket; the port is reserved, the kernel's RST ends the handshake | one `connect()` per probe | kernel; the kernel's handshake time |
//! | SYN with a TTL, UDP | raw socket; the port is reserved, answers are ICMP or as above | refused, with the fix | kernel |
//!
//! [`run_portable`] does the same with `surge-ping` and tokio, and stamps of user space. Names are looked up in [`resolve`].
//! Decisions about probes are made in [`engine`](crate::engine), system calls in [`sys`](crate::sys).

mod answers;
mod channel;
mod connect;
mod control;
mod filter;
mod lack;
mod native;
mod open;
mod portable;
mod reserve;
pub mod resolve;
mod route;
mod sockets;
mod start;
mod tap;
mod tx_ids;
mod warm_up;

pub use control::{Command, Finished, Inbox, Noise, Refused, Remote, Sink, control};
pub use native::{Capacity, Native, RunError};
pub use open::OpenError;
pub use portable::{PortableError, PortableOptions, is_available as is_portable_available, run as run_portable};
pub use sockets::{Needs, Privilege};
pub use start::{NativeOptions, PortUse, Prepared, StartError, prepare};
pub use warm_up::has_kernel_stamps;
