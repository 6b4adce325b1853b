//! What an answer says about the hop that gave it.

use std::net::IpAddr;

use crate::outcome::{Answer, Answered, Proto, Unreachable};

/// Who is at a hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// A router that says that the TTL was exceeded.
    Router(IpAddr),
    /// The target, or who answers in its place.
    Target(IpAddr),
    /// Somebody who says that the way ends.
    Dead(Unreachable),
}

impl Who {
    /// Who gave an answer to a probe for `target`.
    pub(super) fn of(answered: &Answered, target: IpAddr, proto: Proto) -> Self {
        match answered.answer {
            Answer::Reply | Answer::Refused | Answer::Reset => Self::Target(answered.from.unwrap_or(target)),
            Answer::Unreachable(error) if is_ttl_exceeded(error) => Self::Router(error.from),
            Answer::Unreachable(error) if is_closed_port(error) && (proto == Proto::Udp || error.from == target) => {
                Self::Target(error.from)
            }
            Answer::Unreachable(error) => Self::Dead(error),
        }
    }

    /// The address.
    pub(super) const fn address(self) -> IpAddr {
        match self {
            Self::Router(address) | Self::Target(address) => address,
            Self::Dead(error) => error.from,
        }
    }

    /// Whether paths go on behind it.
    pub(super) const fn is_router(self) -> bool {
        matches!(self, Self::Router(_))
    }

    /// Whether this is the same place on a path. A target may answer from any of its addresses.
    pub(super) fn is_same_place(self, other: Self) -> bool {
        match (self, other) {
            (Self::Router(a), Self::Router(b)) => a == b,
            (Self::Target(_), Self::Target(_)) | (Self::Dead(_), Self::Dead(_)) => true,
            _ => false,
        }
    }
}

/// How many hops away the sender of a reply with this TTL is, if it started with one of the usual values.
pub(super) fn distance(reply_ttl: u8) -> u8 {
    let initial = match reply_ttl {
        0..=64 => 64,
        65..=128 => 128,
        129.. => 255,
    };
    u8::saturating_add(initial - reply_ttl, 1)
}

const fn is_ttl_exceeded(error: Unreachable) -> bool {
    matches!(
        (error.from, error.icmp_type, error.code),
        (IpAddr::V4(_), 11, 0) | (IpAddr::V6(_), 3, 0)
    )
}

const fn is_closed_port(error: Unreachable) -> bool {
    matches!(
        (error.from, error.icmp_type, error.code),
        (IpAddr::V4(_), 3, 3) | (IpAddr::V6(_), 1, 4)
    )
}
