//! One vantage's end of the bus.

use std::io;
use std::time::Duration;

use async_nats::ConnectOptions;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::PATIENCE;
use crate::config::NatsAddress;

/// Publishes messages one after the other: each is stored, or it is known not to be, before the next is sent, which is what keeps their order.
pub(in crate::app) struct Publisher {
    runtime: Runtime,
    address: NatsAddress,
    subject: String,
    context: Option<Context>,
    /// Of this publisher, for the ids of its messages.
    id: Uuid,
    /// Messages that are done with.
    done: u64,
}

/// Why a message was not stored.
#[derive(Debug)]
pub(in crate::app) enum NotPublished {
    /// It never will be: it is too long for the server.
    TooLong(io::Error),
    /// Nothing is stored now.
    Away(io::Error),
}

impl Publisher {
    /// A publisher of what `vantage` says. It connects when there is something to say.
    ///
    /// # Errors
    /// If the system has no more descriptors.
    pub(in crate::app) fn new(address: NatsAddress, vantage: &str) -> io::Result<Self> {
        Ok(Self {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            address,
            subject: super::subject(vantage),
            context: None,
            id: Uuid::now_v7(),
            done: 0,
        })
    }

    /// Stores a message. One that is given again after [`NotPublished::Away`] is stored once, whatever became of it before.
    ///
    /// # Errors
    /// See [`NotPublished`].
    pub(in crate::app) fn publish(&mut self, payload: &[u8]) -> Result<(), NotPublished> {
        let id = format!("{}-{}", self.id.simple(), self.done);
        let message = PublishMessage::build().payload(payload.to_vec().into()).message_id(id);
        let (open, subject) = (self.context.take(), self.subject.clone());
        let attempt = async {
            let context = match open {
                Some(context) => context,
                None => begin(&self.address).await.map_err(NotPublished::Away)?,
            };
            let receipt = context.send_publish(subject, message).await.map_err(refused)?;
            receipt.await.map_err(refused)?;
            Ok(context)
        };
        let attempt = async {
            let late = |_| NotPublished::Away(io::ErrorKind::TimedOut.into());
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
                self.done += u64::from(matches!(refusal, NotPublished::TooLong(_)));
                Err(refusal)
            }
        }
    }
}

/// Connects, and sees to it that there is a stream.
async fn begin(address: &NatsAddress) -> io::Result<Context> {
    // A lost connection is made anew here, not behind our back: one try, then it is over.
    let context = super::connect(address, ConnectOptions::new().max_reconnects(1)).await?;
    super::stream(&context).await?;
    Ok(context)
}

fn refused(error: PublishError) -> NotPublished {
    match error.kind() {
        PublishErrorKind::MaxPayloadExceeded => NotPublished::TooLong(io::Error::other(error)),
        _ => NotPublished::Away(io::Error::other(error)),
    }
}

/// To connect, to look for the stream, and to store, each within [`PATIENCE`].
const WHOLE_ATTEMPT: Duration = PATIENCE.saturating_mul(3);
