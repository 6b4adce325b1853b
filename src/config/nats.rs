//! `--publish` and `--nats`: where a server of NATS is.

use std::fmt::{self, Debug, Display};
use std::str::FromStr;

/// A server of NATS, with JetStream.
#[derive(Clone, PartialEq, Eq)]
pub struct NatsAddress {
    scheme: &'static str,
    /// How to say who we are, where that is asked for.
    pub credentials: Option<NatsCredentials>,
    /// Host and port.
    server: String,
}

/// What a server of NATS may ask for.
#[derive(Clone, PartialEq, Eq)]
pub enum NatsCredentials {
    /// A name and a password.
    User(String, String),
    /// A word that is enough.
    Token(String),
}

/// Why a text is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NatsError {
    /// It has another form.
    #[error("give nats://HOST:PORT or tls://HOST:PORT, with USER:PASSWORD@ before the host where it asks for them")]
    Form,
    /// The feature of the build is off.
    #[error("this pathjitter was built without NATS; build it with the feature 'nats'")]
    NotBuilt,
}

impl FromStr for NatsAddress {
    type Err = NatsError;

    fn from_str(text: &str) -> Result<Self, NatsError> {
        let (scheme, rest) = text.split_once("://").ok_or(NatsError::Form)?;
        let scheme = ["nats", "tls"].into_iter().find(|known| *known == scheme);
        let scheme = scheme.ok_or(NatsError::Form)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (credentials, server) = match rest.rsplit_once('@') {
            Some((credentials, server)) => (Some(credentials), server),
            None => (None, rest),
        };
        let is_server = !server.is_empty()
            && server
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-._[]:".contains(c));
        if !is_server {
            return Err(NatsError::Form);
        }
        if !cfg!(feature = "nats") {
            return Err(NatsError::NotBuilt);
        }
        Ok(Self {
            scheme,
            credentials: credentials.map(|words| match words.split_once(':') {
                Some((user, password)) => NatsCredentials::User(user.to_owned(), password.to_owned()),
                None => NatsCredentials::Token(words.to_owned()),
            }),
            server: server.to_owned(),
        })
    }
}

/// Without what nobody should read.
impl Display for NatsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.server)
    }
}

impl Debug for NatsAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "nats")]
    #[test]
    fn a_server_is_shown_without_its_password() {
        let user = |name: &str, password: &str| Some(NatsCredentials::User(name.to_owned(), password.to_owned()));
        for (text, shown, credentials) in [
            ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222", None),
            ("nats://bus.example.net/", "nats://bus.example.net", None),
            ("tls://[2001:db8::1]:4222", "tls://[2001:db8::1]:4222", None),
            (
                "nats://lb1:s3:cr@t@10.0.0.1:4222",
                "nats://10.0.0.1:4222",
                user("lb1", "s3:cr@t"),
            ),
            (
                "nats://t0ken@bus",
                "nats://bus",
                Some(NatsCredentials::Token("t0ken".to_owned())),
            ),
        ] {
            let address: NatsAddress = text.parse().unwrap();
            assert_eq!(
                (address.to_string(), format!("{address:?}")),
                (shown.to_owned(), shown.to_owned())
            );
            assert!(address.credentials == credentials, "{text}");
        }
    }

    #[test]
    fn what_is_no_server_is_refused() {
        for text in [
            "",
            "127.0.0.1:4222",
            "http://bus:4222",
            "nats://",
            "nats://a b",
            "nats://bus/stream",
            "nats://u:p@",
        ] {
            assert_eq!(text.parse::<NatsAddress>(), Err(NatsError::Form), "{text}");
        }
    }
}
