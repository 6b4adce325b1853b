//! How a path ends, in words.

use std::net::IpAddr;

use crate::outcome::Unreachable;
use crate::series::Series;
use crate::sweep::{End, Hop, PathReport};

/// How the path of `series` ends, in words that begin or end no sentence; `None` where the target itself answers, or nothing is
/// known yet.
#[must_use]
pub fn end_words(series: &Series, path: &PathReport) -> Option<String> {
    match path.end {
        End::Unknown => None,
        End::Reached { from, .. } if from == series.address => None,
        End::Reached { ttl, from } => Some(format!("{from} answers at hop {ttl} in place of {}", series.address)),
        End::Unreachable { ttl, error, mtu } => Some(unreachable(ttl, error, mtu)),
        End::Silent { after_ttl: 0 } => Some("nobody answers at any hop".to_owned()),
        End::Silent { after_ttl } => Some(format!(
            "nobody answers behind hop {after_ttl}{}",
            in_brackets(address_at(path, after_ttl))
        )),
        End::Loop {
            first_ttl,
            again_ttl,
            address,
        } => Some(format!(
            "a routing loop: {address} is hop {first_ttl} and again hop {again_ttl}"
        )),
        End::TooFar => Some(match path.hops.last() {
            Some(Hop { ttl: 1, .. }) => "not reached within 1 hop, the most that -m allows".to_owned(),
            Some(last) => format!("not reached within {} hops, the most that -m allows", last.ttl),
            None => "not reached within the hops that -m allows".to_owned(),
        }),
        End::NotSent(error) => Some(format!("no probe was sent: {error}")),
    }
}

fn unreachable(ttl: u8, error: Unreachable, mtu: Option<u32>) -> String {
    let mtu = mtu.map_or_else(String::new, |mtu| format!(", its next link takes {mtu} bytes"));
    format!(
        "{} at hop {ttl} says: {}{mtu} (ICMP type {} code {})",
        error.from,
        error.describe(),
        error.icmp_type,
        error.code
    )
}

/// Who answers most often at `ttl`.
fn address_at(path: &PathReport, ttl: u8) -> Option<IpAddr> {
    let hop = path.hops.iter().find(|hop| hop.ttl == ttl)?;
    hop.responders.first().map(|responder| responder.address)
}

fn in_brackets(address: Option<IpAddr>) -> String {
    address.map_or_else(String::new, |address| format!(" ({address})"))
}
