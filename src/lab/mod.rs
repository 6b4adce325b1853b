//! The simulated network put to work: in virtual time with the engine, or behind a TUN device with real sockets.
//!
//! * In virtual time a [`World`] is the engine, the host's kernel as far as the engine needs it, and the network, on one clock that
//!   jumps from event to event. A day takes seconds, and the truth about each probe is at hand.
//! * Behind a TUN device, which is `pathjitter lab`, a [`Session`] has a network namespace, in it a device that is the only way out,
//!   and a simulator that answers behind that device. The kernel's IP, its sockets and its stamps are real, so what is measured
//!   there is measured as anywhere; only the network is made up, and what is true of it is known.

mod account;
mod awake;
mod command;
mod departures;
mod error;
mod host;
mod interface;
mod namespace;
mod receive_queue;
mod report;
mod session;
mod simulator;
mod targets;
mod world;

pub use account::LateMoment;
pub use error::LabError;
pub use interface::DeviceLoss;
pub use report::{Quantiles, Report, Scheduling};
pub use session::{Ended, Hosted, Session, SessionOptions};
pub use simulator::Responder;
pub use targets::{UnknownProbe, series_of};
pub use world::{Driver, Noise, World, WorldOptions};
