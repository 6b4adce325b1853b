//! The simulated network put to work: in virtual time with the engine, or behind a TUN device with real sockets.

mod host;
mod receive_queue;
mod targets;
mod world;

pub use targets::{UnknownProbe, series_of};
pub use world::{Noise, World, WorldOptions};
