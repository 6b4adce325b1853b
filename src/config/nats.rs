//! `--publish` and `--nats`: where a server of NATS is.

use std::fmt::{self, Debug, Display};
use std::str::FromStr;

/// A server of NATS, with JetStream.
#[derive(Clone, PartialEq, Eq)]
pub struct NatsAddress {
    scheme: &'static str,
    /// User and password, or a token, as they stood in the text.
    credentials: Option<String>,
    /// Host and port.
    server: String,
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

impl NatsAddress {
    /// The whole of it, the password included.
    #[must_use]
    pub fn url(&self) -> String {
        let credentials = self.credentials.as_ref().map(|words| format!("{words}@"));
        format!("{}://{}{}", self.scheme, credentials.unwrap_or_default(), self.server)
    }
}

impl FromStr for NatsAddress {
    type Err = NatsError;

    fn from_str(text: &str) -> Result<Self, NatsError> {
        let (scheme, rest) = text.split_once("://").ok_or(NatsError::Form)?;
        let scheme = ["nats", "tls"].into_iter().find(|known| *known == scheme);
        let scheme = scheme.ok_or(NatsError::Form)?;
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (credentials, server) = match rest.rsplit_once('@') {
            Some((credentials, server)) => (Some(credentials.to_owned()), server),
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
            credentials,
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
        for (text, shown) in [
            ("nats://127.0.0.1:4222", "nats://127.0.0.1:4222"),
            ("nats://bus.example.net/", "nats://bus.example.net"),
            ("tls://[2001:db8::1]:4222", "tls://[2001:db8::1]:4222"),
            ("nats://lb1:s3cr@t@10.0.0.1:4222", "nats://10.0.0.1:4222"),
        ] {
            let address: NatsAddress = text.parse().unwrap();
            assert_eq!(
                (address.to_string(), format!("{address:?}")),
                (shown.to_owned(), shown.to_owned())
            );
            assert_eq!(address.url(), text.trim_end_matches('/'));
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
