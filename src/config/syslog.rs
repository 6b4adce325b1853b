//! `--syslog`: where a syslog server listens.

use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Where messages for syslog go, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyslogAddress {
    /// Datagrams to a socket of this host, as in `unix:/dev/log`.
    Unix(PathBuf),
    /// A datagram for each message (RFC 5426).
    Udp(SocketAddr),
    /// One stream, each message after its length (RFC 6587, section 3.4.1).
    Tcp(SocketAddr),
}

/// Why a text is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "give udp://ADDRESS:PORT, tcp://ADDRESS:PORT, or unix:/PATH, as in tcp://192.0.2.10:514, udp://[2001:db8::1]:514, or unix:/dev/log"
)]
pub struct SyslogError;

impl FromStr for SyslogAddress {
    type Err = SyslogError;

    /// No names: a look-up would have to be made again and again, by a program whose job is not that.
    fn from_str(text: &str) -> Result<Self, SyslogError> {
        let (scheme, rest) = text.split_once(':').ok_or(SyslogError)?;
        let peer = || {
            let address: Option<SocketAddr> = rest.strip_prefix("//").and_then(|address| address.parse().ok());
            address.filter(|address| address.port() != 0).ok_or(SyslogError)
        };
        match scheme {
            "udp" => peer().map(Self::Udp),
            "tcp" => peer().map(Self::Tcp),
            // `unix:///dev/log` is the same path.
            "unix" if rest.starts_with('/') && rest.len() > 1 => Ok(Self::Unix(
                Path::new(rest.strip_prefix("//").unwrap_or(rest)).to_owned(),
            )),
            _ => Err(SyslogError),
        }
    }
}

impl Display for SyslogAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Udp(address) => write!(f, "udp://{address}"),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_way_and_a_place() {
        for text in ["unix:/dev/log", "udp://192.0.2.1:514", "tcp://[2001:db8::1]:6514"] {
            assert_eq!(text.parse::<SyslogAddress>().unwrap().to_string(), text);
        }
        assert_eq!(
            "unix:///dev/log".parse(),
            Ok(SyslogAddress::Unix(PathBuf::from("/dev/log")))
        );
        for text in [
            "",
            "192.0.2.1:514",
            "udp:192.0.2.1:514",
            "udp://192.0.2.1",
            "tcp://loghost:514",
            "tcp://192.0.2.1:0",
            "unix:",
            "unix:/",
            "unix:log",
            "tls://192.0.2.1:6514",
        ] {
            assert_eq!(text.parse::<SyslogAddress>(), Err(SyslogError), "{text}");
        }
    }
}
