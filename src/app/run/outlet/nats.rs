//! A stream of NATS JetStream: each line as it is in the log, several in a message where several wait.

use std::io;
use std::time::Duration;

use async_nats::ConnectOptions;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::forwarder::{Forwarder, Refusal, Way};
use crate::app::bus;
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

/// Publishes messages one after the other: each is stored, or it is known not to be, before the next is sent, which is what keeps their order.
struct Publisher {
    runtime: Runtime,
    address: NatsAddress,
    subject: String,
    context: Option<Context>,
    /// Of this publisher, for the ids of its messages.
    id: Uuid,
    /// Messages that are done with.
    done: u64,
}

impl Publisher {
    /// It connects when there is something to say.
    fn new(address: NatsAddress, vantage: &str) -> io::Result<Self> {
        Ok(Self {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            address,
            subject: bus::subject(vantage),
            context: None,
            id: Uuid::now_v7(),
            done: 0,
        })
    }
}

impl Way for Publisher {
    /// A message that is given again after a refusal of the peer is stored once, whatever became of it before.
    fn send(&mut self, lines: &[u8]) -> Result<(), Refusal> {
        let id = format!("{}-{}", self.id.simple(), self.done);
        let message = PublishMessage::build().payload(lines.to_vec().into()).message_id(id);
        let (open, subject) = (self.context.take(), self.subject.clone());
        let attempt = async {
            let context = match open {
                Some(context) => context,
                None => begin(&self.address).await.map_err(Refusal::Peer)?,
            };
            let receipt = context.send_publish(subject, message).await.map_err(refused)?;
            receipt.await.map_err(refused)?;
            Ok(context)
        };
        let attempt = async {
            let late = |_| Refusal::Peer(io::ErrorKind::TimedOut.into());
            tokio::time::timeout(WHOLE_ATTEMPT, attempt).await.map_err(late)?
        };
        // After a refusal the connection is not gone on with: it might hold a copy of what was refused.
        match self.runtime.block_on(attempt) {
            Ok(context) => {
                self.context = Some(context);
                self.done += 1;
                Ok(())
            }
            Err(refusal) => {
                self.done += u64::from(matches!(refusal, Refusal::Record(_)));
                Err(refusal)
            }
        }
    }

    fn most_at_once(&self) -> usize {
        MESSAGE
    }
}

/// Connects, and sees to it that there is a stream.
async fn begin(address: &NatsAddress) -> io::Result<Context> {
    // A lost connection is made anew here, not behind our back: one try, then it is over.
    let context = bus::connect(address, ConnectOptions::new().max_reconnects(1)).await?;
    bus::stream(&context).await?;
    Ok(context)
}

fn refused(error: PublishError) -> Refusal {
    match error.kind() {
        PublishErrorKind::MaxPayloadExceeded => Refusal::Record(io::Error::other(error)),
        _ => Refusal::Peer(io::Error::other(error)),
    }
}

/// To connect, to look for the stream, and to store, each within [`bus::PATIENCE`].
const WHOLE_ATTEMPT: Duration = bus::PATIENCE.saturating_mul(3);

/// With a line for each probe, some minutes of a hundred targets.
const ROOM: usize = 64 << 20;

/// A message is no longer than this unless one line is: well below the 1 MiB that a server takes by default.
const MESSAGE: usize = 64 << 10;
