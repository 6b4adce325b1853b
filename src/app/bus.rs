//! NATS JetStream as the live bus of a fleet: the lines of all vantages in one stream, each vantage with a subject of its own.
//!
//! A message is one line of NDJSON, or several that waited together. The server keeps them for [`KEPT`] unless the operator has made the stream
//! himself, and drops a message that it has already by its id, so that a line whose receipt got lost is not there twice.

mod subscription;

use std::io;
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::{Config, Stream};
use async_nats::{ConnectOptions, jetstream};

pub(super) use self::subscription::Subscription;
use crate::config::{NatsAddress, NatsCredentials};

/// The stream of all vantages.
const STREAM: &str = "PATHJITTER";

/// Its subjects.
const SUBJECTS: &str = "pathjitter.>";

/// How long the server keeps lines in a stream that we make.
const KEPT: Duration = Duration::from_hours(7 * 24);

/// A server that says nothing for so long is away.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// The subject of a vantage. What a token of a subject may not contain is an underscore.
pub(super) fn subject(vantage: &str) -> String {
    let token = vantage.chars().map(|c| match c {
        '.' | '*' | '>' => '_',
        c if c.is_whitespace() || c.is_control() => '_',
        c => c,
    });
    format!("pathjitter.{}", token.collect::<String>())
}

/// A connection of its own.
pub(super) async fn connect(address: &NatsAddress, options: ConnectOptions) -> io::Result<Context> {
    let options = match &address.credentials {
        None => options,
        Some(NatsCredentials::User(user, password)) => options.user_and_password(user.clone(), password.clone()),
        Some(NatsCredentials::Token(token)) => options.token(token.clone()),
    };
    let client = options
        .name("pathjitter")
        .connection_timeout(PATIENCE)
        .connect(address.to_string())
        .await
        .map_err(io::Error::other)?;
    let mut context = jetstream::new(client);
    context.set_timeout(PATIENCE);
    Ok(context)
}

/// The stream, which is made where there is none.
pub(super) async fn stream(context: &Context) -> io::Result<Stream> {
    let config = Config {
        name: STREAM.to_owned(),
        subjects: vec![SUBJECTS.to_owned()],
        max_age: KEPT,
        ..Config::default()
    };
    context.get_or_create_stream(config).await.map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vantage_is_one_token_of_its_subject() {
        assert_eq!(subject("lb1"), "pathjitter.lb1");
        assert_eq!(subject("lb1.fra example>*"), "pathjitter.lb1_fra_example__");
        assert_eq!(subject("zürich"), "pathjitter.zürich");
    }
}
