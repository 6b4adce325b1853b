//! What all vantages have published, as something to read lines from.

use std::io::{self, Read};
use std::time::Duration;

use async_nats::ConnectOptions;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_nats::jetstream::consumer::pull::{Ordered, OrderedConfig};
use bytes::Bytes;
use futures_util::StreamExt as _;
use time::OffsetDateTime;
use tokio::runtime::Runtime;

use crate::app::complaints::complain;
use crate::clock::{Clock as _, SystemClock};
use crate::config::NatsAddress;

/// Reads the stream from a moment on, in its order.
pub(in crate::app) struct Subscription {
    runtime: Runtime,
    address: NatsAddress,
    /// When to begin; at the beginning where there is none.
    since: Option<OffsetDateTime>,
    /// Whether to wait for more at the end of what was there when the reading began.
    follow: bool,
    messages: Option<Ordered>,
    /// The number in the stream of the message that was read last; 0 before the first.
    read: u64,
    /// The number with which the reading ends.
    last: u64,
    /// What of a message is not given out yet.
    rest: Bytes,
}

impl Subscription {
    /// Connects, so that a server that is not there is told of at once.
    ///
    /// # Errors
    /// No server, no stream, or no descriptors.
    pub(in crate::app) fn open(address: NatsAddress, since: Option<Duration>, follow: bool) -> io::Result<Self> {
        let mut it = Self {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build()?,
            address,
            since: since.map(ago).transpose()?,
            follow,
            messages: None,
            read: 0,
            last: u64::MAX,
            rest: Bytes::new(),
        };
        it.begin()?;
        Ok(it)
    }

    /// Begins behind the last message that was read.
    fn begin(&mut self) -> io::Result<()> {
        let deliver_policy = match (self.read, self.since) {
            (0, None) => DeliverPolicy::All,
            (0, Some(start_time)) => DeliverPolicy::ByStartTime { start_time },
            (read, _) => DeliverPolicy::ByStartSequence {
                start_sequence: read + 1,
            },
        };
        let config = OrderedConfig {
            deliver_policy,
            ..OrderedConfig::default()
        };
        let begun = async {
            let context = super::connect(&self.address, ConnectOptions::new()).await?;
            let stream = super::stream(&context).await?;
            let last = stream.cached_info().state.last_sequence;
            let consumer = stream.create_consumer(config).await.map_err(io::Error::other)?;
            let pending = consumer.cached_info().num_pending;
            let messages = consumer.messages().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>((messages, if pending == 0 { 0 } else { last }))
        };
        let (messages, last) = self.runtime.block_on(begun)?;
        self.messages = Some(messages);
        // The end stays what it was when the reading began.
        self.last = self.last.min(if self.follow { u64::MAX } else { last });
        Ok(())
    }

    /// The next message; `None` at the end.
    fn next(&mut self) -> io::Result<Option<Bytes>> {
        let mut is_complained = false;
        loop {
            if self.read >= self.last {
                return Ok(None);
            }
            match self.receive() {
                Ok(message) => return Ok(Some(message)),
                Err(error) if !self.follow => return Err(error),
                Err(error) => {
                    self.messages = None;
                    if !is_complained {
                        complain(&format!(
                            "{}: {error}; what was published meanwhile is read when it is back",
                            self.address
                        ));
                        is_complained = true;
                    }
                    std::thread::sleep(PAUSE);
                }
            }
        }
    }

    fn receive(&mut self) -> io::Result<Bytes> {
        if self.messages.is_none() {
            self.begin()?;
        }
        let messages = self.messages.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        let message = self.runtime.block_on(messages.next());
        let message = message.ok_or(io::ErrorKind::UnexpectedEof)?.map_err(io::Error::other)?;
        let info = message.info().map_err(io::Error::other)?;
        self.read = info.stream_sequence;
        if info.pending == 0 && !self.follow {
            // What the end was may have been deleted since.
            self.last = self.read;
        }
        Ok(message.payload.clone())
    }
}

impl Read for Subscription {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            match self.next()? {
                Some(message) => self.rest = message,
                None => return Ok(0),
            }
        }
        let length = self.rest.len().min(into.len());
        into[..length].copy_from_slice(&self.rest.split_to(length));
        Ok(length)
    }
}

/// The moment so long before now, as the client wants it.
fn ago(by: Duration) -> io::Result<OffsetDateTime> {
    let begin = SystemClock::new().read().wall.before(by);
    OffsetDateTime::from_unix_timestamp_nanos(begin.as_nanos().into()).map_err(io::Error::other)
}

/// Between two tries to come back.
const PAUSE: Duration = Duration::from_secs(1);
