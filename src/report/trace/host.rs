//! How a host on a path is called.
//!
//! Whoever owns an address writes its name: it may be anything, the address of another host or a row of a table among them. So it
//! never stands alone, and nothing in it looks like a column.

use std::net::IpAddr;

use unicode_width::UnicodeWidthStr as _;

use super::hops::SILENT;
use crate::report::style::Charset;
use crate::report::text::{clean, squeeze, width};
use crate::sweep::Hop;

/// `name (address)`, or the address alone, in at most `cells` cells: the name loses its middle, the address only where it must.
pub(super) fn host(name: Option<&str>, address: IpAddr, cells: usize, charset: Charset) -> String {
    let address = address.to_string();
    let room = cells
        .saturating_sub(width(&address) + BRACKETS)
        .min(MOST_CELLS_OF_A_NAME);
    match name {
        Some(name) if room >= LEAST_CELLS_OF_A_NAME => {
            let name = visible(name);
            format!("{} ({address})", squeeze(&name, room, charset))
        }
        _ => squeeze(&address, cells, charset).into_owned(),
    }
}

/// Cells that the addresses of `hop` need without names, in the row itself.
pub(super) fn bare_width(hop: &Hop) -> usize {
    hop.responders
        .first()
        .map_or(SILENT.len(), |responder| responder.address.to_string().width())
}

/// A name without anything that acts, without spaces, which could feign columns, and in ASCII: letters of scripts that run from right
/// to left would turn the figures beside them round. Honest names are ASCII, international ones too (RFC 5890, A-labels).
fn visible(name: &str) -> String {
    clean(name, Charset::Ascii).replace(' ', "\\u{20}")
}

/// ` (` and `)`.
const BRACKETS: usize = 3;

/// A piece of a name shorter than this tells nothing.
const LEAST_CELLS_OF_A_NAME: usize = 6;

/// The longest host name has 253 characters (RFC 1035, section 2.3.4); anything longer comes from no honest server.
const MOST_CELLS_OF_A_NAME: usize = 253;
