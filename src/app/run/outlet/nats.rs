//! A stream of NATS JetStream: each line as it is in the log, several in a message where several wait.

use std::io;

use super::forwarder::{Forwarder, Refusal, Way};
use crate::app::bus::{NotPublished, Publisher};
use crate::config::NatsAddress;

/// Publishes lines as those of a vantage.
///
/// # Errors
/// If there is no thread or descriptor left.
pub(super) fn start(address: &NatsAddress, vantage: &str) -> io::Result<Forwarder> {
    let publisher = Publisher::new(address.clone(), vantage)?;
    let form = Box::new(|line: &[u8]| Some(line.to_vec()));
    Forwarder::start_with_room(format!("NATS at {address}"), form, publisher, ROOM)
}

impl Way for Publisher {
    fn send(&mut self, lines: &[u8]) -> Result<(), Refusal> {
        self.publish(lines).map_err(|error| match error {
            NotPublished::TooLong(error) => Refusal::Record(error),
            NotPublished::Away(error) => Refusal::Peer(error),
        })
    }

    fn most_at_once(&self) -> usize {
        MESSAGE
    }
}

/// With a line for each probe, some minutes of a hundred targets.
const ROOM: usize = 64 << 20;

/// A message is no longer than this unless one line is: well below the 1 MiB that a server takes by default.
const MESSAGE: usize = 64 << 10;
