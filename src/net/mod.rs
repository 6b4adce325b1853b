//! The edge: sockets, names, privileges.
//!
//! One thread sends and receives for all targets of a run. [`native`](Native) is its loop on Linux; [`control`] is how others reach it.

mod answers;
mod channel;
mod connect;
mod control;
mod filter;
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
pub use start::{NativeOptions, Prepared, StartError, prepare};
