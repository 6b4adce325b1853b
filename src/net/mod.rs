//! net
mod channel;
mod connect;
mod control;
mod filter;
mod native;
mod open;
mod reserve;
mod route;
mod sockets;
mod start;
mod tx_ids;

pub use control::{Command, Finished, Inbox, Noise, Remote, Sink, control};
pub use native::{Capacity, Native, RunError};
pub use open::OpenError;
pub use sockets::{Needs, Privilege};
pub use start::{NativeOptions, Prepared, StartError, prepare};
