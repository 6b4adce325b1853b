//! Several flows of one target together: every address that answers at a TTL, and on which flows.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::TraceReport;
use super::hops::{NEXT_PREFIX, SILENT, hop_prefix};
use super::host::host;
use super::text::{TraceTextOptions, titled};
use crate::report::style::Charset;
use crate::report::text::squeeze;

/// The lines of a summary of `reports`, which are flows of one target.
pub(super) fn flows(
    reports: &[&TraceReport<'_>],
    total: usize,
    charset: Charset,
    options: TraceTextOptions,
) -> Vec<String> {
    let Some(first) = reports.first() else {
        return Vec::new();
    };
    let rest = format!("{} flows", reports.len());
    let mut lines = titled("ADDRESSES", first.series, &rest, total, charset);
    for (ttl, addresses) in addresses_by_ttl(reports) {
        if addresses.is_empty() {
            lines.push(hop_prefix(ttl) + SILENT);
        }
        for (index, (address, flows)) in addresses.iter().enumerate() {
            let lead = if index == 0 {
                hop_prefix(ttl)
            } else {
                NEXT_PREFIX.to_owned()
            };
            let flows = if flows.len() == reports.len() {
                " (all)".to_owned()
            } else {
                format!(" ({})", list(flows))
            };
            let room = total.saturating_sub(lead.len() + flows.len());
            let host = host(
                options.name_of(*address, first),
                *address,
                room.max(LEAST_CELLS),
                charset,
            );
            lines.push(squeeze(&format!("{lead}{host}{flows}"), total, charset).into_owned());
        }
    }
    lines
}

/// Addresses are worth more than a long list of flows.
const LEAST_CELLS: usize = 15;

/// The addresses of each TTL in order of their flows, with these.
type Addresses = Vec<(IpAddr, Vec<u16>)>;

fn addresses_by_ttl(reports: &[&TraceReport<'_>]) -> BTreeMap<u8, Addresses> {
    let mut by_ttl: BTreeMap<u8, Addresses> = BTreeMap::new();
    for report in reports {
        for hop in &report.path.hops {
            let addresses = by_ttl.entry(hop.ttl).or_default();
            for responder in &hop.responders {
                let flow = report.series.flow;
                match addresses.iter_mut().find(|(known, _)| *known == responder.address) {
                    Some((_, flows)) => flows.push(flow),
                    None => addresses.push((responder.address, vec![flow])),
                }
            }
        }
    }
    by_ttl
}

/// `flow 2`, `flows 0, 2`.
fn list(flows: &[u16]) -> String {
    let plural = if flows.len() == 1 { "" } else { "s" };
    let numbers: Vec<String> = flows.iter().map(u16::to_string).collect();
    format!("flow{plural} {}", numbers.join(", "))
}
