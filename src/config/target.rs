//! The grammar of targets: `[NAME=]HOST[:PORT]`, `[NAME=][V6][:PORT]` with V6 in brackets, or a bare V6 without a
//! port.
//!
//! The first `=` ends the name. What remains is, in this order: bracketed IPv6 with or without a port, bare IPv6
//! (which swallows all its colons), or an IPv4 address or name that the last colon parts from its port. Addresses
//! that no single host can answer for are refused here, before any packet is built.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU16;
use std::str::FromStr;

/// A target as typed: syntax is checked, nothing is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetSpec {
    /// The user's name for it.
    pub name: Option<String>,
    /// Whom to probe.
    pub host: HostSpec,
    /// Where to send SYNs.
    pub port: Option<NonZeroU16>,
}

/// A host as typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostSpec {
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address, with the zone of a link-local one.
    V6(Ipv6Addr, Option<String>),
    /// A name to resolve.
    Name(String),
}

/// Why a text is no target.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// `=host`.
    #[error("the name before '=' is empty; write NAME=HOST, or HOST alone")]
    EmptyName,
    /// A name that would not fit a report.
    #[error("the name before '=' is longer than {MAX_NAME_CHARS} characters")]
    LongName,
    /// A name that would garble a report.
    #[error("the name before '=' holds {0:?}; use letters, digits, punctuation and inner spaces")]
    UnprintableName(char),
    /// Nothing to probe.
    #[error("no host is given; write HOST, HOST:PORT or [V6]:PORT")]
    EmptyHost,
    /// `host:99999`.
    #[error("'{0}' is not a port; ports are 1 to 65535")]
    BadPort(String),
    /// An opening bracket only, or text behind the closing one.
    #[error("brackets go around an IPv6 address, as in [2001:db8::1]:443")]
    BadBrackets,
    /// Several colons, and no IPv6 address.
    #[error("'{0}' is not an IPv6 address; if a port is meant, write [V6]:PORT")]
    BadV6(String),
    /// `10.0.0.256`, `10.1`, `0x7f.1`.
    #[error("'{0}' is not an IPv4 address; write four numbers from 0 to 255")]
    BadV4(String),
    /// A character that host names do not have.
    #[error("{0:?} cannot be part of a host name; international names are written in their xn-- form")]
    HostCharacter(char),
    /// Structure of a host name.
    #[error("'{0}' is not a host name; labels have 1 to 63 characters, no hyphen at either end, and 253 in all")]
    BadHostName(String),
    /// `[::1%]`.
    #[error("the zone behind '%' is not an interface name; write fe80::1%eth0")]
    BadZone,
    /// A zone where it means nothing.
    #[error("only link-local addresses (fe80::/10) have a zone; write {0} without %")]
    NeedlessZone(Ipv6Addr),
    /// IPv4 in IPv6 clothing.
    #[error("an IPv4 address in IPv6 notation; write {0}")]
    MappedV4(Ipv4Addr),
    /// 0.0.0.0, multicast and broadcast.
    #[error("{0} is {1} address, not that of one host")]
    NotOneHost(IpAddr, &'static str),
}

impl FromStr for TargetSpec {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let (name, endpoint) = match text.split_once('=') {
            Some((name, endpoint)) => (Some(parse_name(name)?), endpoint),
            None => (None, text),
        };
        let (host, port) = parse_endpoint(endpoint)?;
        Ok(Self { name, host, port })
    }
}

impl TargetSpec {
    /// The name in reports: the given one, else the host as typed.
    #[must_use]
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.host.to_string())
    }
}

impl fmt::Display for TargetSpec {
    /// The shortest text of the grammar that means this target.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "{name}=")?;
        }
        match (&self.host, self.port) {
            (host, None) => write!(f, "{host}"),
            (host @ HostSpec::V6(..), Some(port)) => write!(f, "[{host}]:{port}"),
            (host @ (HostSpec::V4(_) | HostSpec::Name(_)), Some(port)) => write!(f, "{host}:{port}"),
        }
    }
}

impl fmt::Display for HostSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => address.fmt(f),
            Self::V6(address, None) => address.fmt(f),
            Self::V6(address, Some(zone)) => write!(f, "{address}%{zone}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

fn parse_name(name: &str) -> Result<String, TargetError> {
    if name.trim().is_empty() {
        return Err(TargetError::EmptyName);
    }
    if name.chars().count() > MAX_NAME_CHARS {
        return Err(TargetError::LongName);
    }
    // Letters of any script, but nothing invisible: a name goes to terminals, logs and HTML. Spaces inside are fine,
    // at the ends not.
    let is_printable = |c: char| c.is_alphanumeric() || c.is_ascii_graphic() || c == ' ';
    let ends = name.chars().next().into_iter().chain(name.chars().next_back());
    let bad = name
        .chars()
        .find(|c| !is_printable(*c))
        .or_else(|| ends.into_iter().find(|c| *c == ' '));
    bad.map_or_else(|| Ok(name.to_owned()), |c| Err(TargetError::UnprintableName(c)))
}

fn parse_endpoint(text: &str) -> Result<(HostSpec, Option<NonZeroU16>), TargetError> {
    if text.is_empty() {
        return Err(TargetError::EmptyHost);
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (address, after) = rest.split_once(']').ok_or(TargetError::BadBrackets)?;
        let port = match after.strip_prefix(':') {
            Some(port) => Some(parse_port(port)?),
            None if after.is_empty() => None,
            None => return Err(TargetError::BadBrackets),
        };
        if !address.contains(':') {
            return Err(TargetError::BadBrackets);
        }
        return Ok((parse_v6(address)?, port));
    }
    // The zone may hold a colon (an alias such as eth0:1), the address before it holds at least two.
    if text
        .split('%')
        .next()
        .is_some_and(|address| address.matches(':').count() >= 2)
    {
        return Ok((parse_v6(text)?, None));
    }
    match text.rsplit_once(':') {
        Some(("", _)) => Err(TargetError::EmptyHost),
        Some((host, port)) => Ok((parse_v4_or_name(host)?, Some(parse_port(port)?))),
        None => Ok((parse_v4_or_name(text)?, None)),
    }
}

fn parse_port(text: &str) -> Result<NonZeroU16, TargetError> {
    // u16::from_str also takes "+80".
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let port = is_number.then(|| text.parse().ok()).flatten();
    port.ok_or_else(|| TargetError::BadPort(shown(text)))
}

fn parse_v6(text: &str) -> Result<HostSpec, TargetError> {
    let (address, zone) = match text.split_once('%') {
        Some((address, zone)) => (address, Some(zone)),
        None => (text, None),
    };
    let address: Ipv6Addr = address.parse().map_err(|_| TargetError::BadV6(shown(address)))?;
    if let Some(mapped) = address.to_ipv4_mapped() {
        return Err(TargetError::MappedV4(mapped));
    }
    one_host(address.into())?;
    match zone {
        None => Ok(HostSpec::V6(address, None)),
        Some(zone) if !is_interface_name(zone) => Err(TargetError::BadZone),
        Some(_) if !address.is_unicast_link_local() => Err(TargetError::NeedlessZone(address)),
        Some(zone) => Ok(HostSpec::V6(address, Some(zone.to_owned()))),
    }
}

/// What the kernel accepts as the name of an interface (`dev_valid_name`, and `:` for old aliases), as far as a
/// target can hold it.
pub(super) fn is_interface_name(name: &str) -> bool {
    let is_good = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'%' | b'[' | b']');
    (1..=15).contains(&name.len()) && name != "." && name != ".." && name.bytes().all(is_good)
}

fn parse_v4_or_name(text: &str) -> Result<HostSpec, TargetError> {
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        one_host(address.into())?;
        return Ok(HostSpec::V4(address));
    }
    let is_host_character = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if let Some(bad) = text.chars().find(|c| !is_host_character(*c)) {
        return Err(TargetError::HostCharacter(bad));
    }
    // The trailing dot of a fully qualified name is not part of its labels.
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-');
    if name.len() > 253 || !name.split('.').all(is_label) {
        return Err(TargetError::BadHostName(shown(text)));
    }
    // No top-level domain is a number (RFC 3696, section 2), so this was meant as an address; `0x7f.1` and `10.1` are
    // addresses to some resolvers and names to others.
    let last = name.rsplit('.').next().unwrap_or(name);
    let is_number = |label: &str| {
        let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
        label.bytes().all(|b| b.is_ascii_digit()) || hex.is_some_and(|h| h.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    if is_number(last) {
        return Err(TargetError::BadV4(shown(text)));
    }
    Ok(HostSpec::Name(text.to_owned()))
}

fn one_host(address: IpAddr) -> Result<(), TargetError> {
    let why = match address {
        _ if address.is_unspecified() => "the unspecified",
        _ if address.is_multicast() => "a multicast",
        IpAddr::V4(Ipv4Addr::BROADCAST) => "the broadcast",
        IpAddr::V4(_) | IpAddr::V6(_) => return Ok(()),
    };
    Err(TargetError::NotOneHost(address, why))
}

/// A piece of the input short enough for one line of an error message, without control characters.
fn shown(text: &str) -> String {
    text.chars()
        .take(MAX_SHOWN_CHARS)
        .flat_map(char::escape_debug)
        .collect()
}

/// Wide enough for any host name's first labels; narrow enough for a table.
const MAX_NAME_CHARS: usize = 64;

/// Enough to recognize the mistake.
const MAX_SHOWN_CHARS: usize = 80;

#[cfg(test)]
mod tests;
