//! The simulated network put to work: in virtual time, or behind a TUN device with real sockets.
//!
//! The second is `pathjitter lab`: a [`Session`] has a network namespace, in it a device that is the only way out, and a
//! simulator that answers behind that device. The kernel's IP, its sockets and its stamps are real, so what is measured there
//! is measured as anywhere; only the network is made up, and what is true of it is known.

mod account;
mod command;
mod error;
mod interface;
mod namespace;
mod report;
mod session;
mod simulator;

pub use account::LateMoment;
pub use error::LabError;
pub use interface::DeviceLoss;
pub use report::{Quantiles, Report, Scheduling};
pub use session::{Ended, Session};
pub use simulator::Responder;
