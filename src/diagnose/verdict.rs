//! From evidence to a verdict: the first row of a table that matches.
//!
//! | row | what is seen | verdict |
//! |---|---|---|
//! | 1 | the loopback control spikes, or most spikes arose in this host, or it stalls again and again | `prober_host` |
//! | 2 | the gateway control is hit and nobody is well, or the likelihood says: before hop 1 | `first_hop` |
//! | 3 | several, and a segment that they share explains who suffers and who does not | `shared_path` |
//! | 4 | RTTs moved to another level, nothing is lost | `route_change` |
//! | 5 | nothing comes back any more, or a router says that it can't be reached | `target_unreachable` |
//! | 6 | one, and it starts before the last hop | `private_path` |
//! | 7 | one, and it starts behind the last hop, or nobody knows where | `target_edge`, or `slow_backend` where it is slow only and the last hop is clear |
//! | 8 | pings suffer, and as many as 50 SYNs suffer significantly less | `icmp_only` |
//! | 9 | pings are never answered, SYNs are | `icmp_blocked` |
//! | 10 | an ICMP error says that a policy forbids it | `prohibited` |
//! | 11 | an ICMP error says that a port is closed, or the RST has another TTL than replies | `firewall_reject` |
//! | 12, 13 | RSTs that end, or don't | `restart`, `not_listening` |
//! | 14 | SYNs are lost or passed at even distances, pings are not | `syn_rate_limited` |
//! | 15 | SYNs are lost, all of them and for 5 s, pings are not | `port_dropped` |
//! | 16 | SYNs are lost now and then, pings are not | `listen_overflow` |
//! | 17 | SYN-ACKs are late, and fewer are lost; pings are neither | `tcp_path` |
//! | | several at once, and no place in common | `common_cause` |
//! | | anything else | `unknown` |
//!
//! The order is not quite that of the numbers: what an answer says outright (rows 4, 5, 8 to 13) comes before what counts suggest. Rows 3, 6 and 7 take fewer than
//! 10 SYNs for no contradiction. Where no row fits, nothing is guessed: `unknown` tells the counts.

mod case;
mod look;
mod place;
mod rhythm;
mod route;
mod rows;
mod service;
mod share;
mod words;

#[cfg(test)]
mod tests;

use self::case::Case;
use super::{Evidence, Suspect, VerdictCode};

/// What is made of the evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// In one word.
    pub code: VerdictCode,
    /// Who is at fault.
    pub suspect: Option<Suspect>,
    /// What was ruled out, in words.
    pub ruled_out: Vec<String>,
    /// One sentence for a ticket.
    pub message: String,
}

/// Decides.
#[must_use]
pub fn decide(evidence: &Evidence) -> Verdict {
    let case = Case::of(evidence);
    let ruling = rows::rule(&case);
    let ruled_out = words::ruled_out(&case, &ruling);
    let message = words::sentence(&case, &ruling, &ruled_out);
    Verdict {
        code: ruling.code,
        suspect: ruling.suspect,
        ruled_out,
        message,
    }
}
