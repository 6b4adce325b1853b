//! What the black-box tests share: a laboratory of network namespaces, a runner for our binary, a reader of its NDJSON.
#![allow(dead_code, unused_imports, reason = "every test binary uses its own part of this")]

mod guest;
mod ndjson;
mod ns;
mod probe;
mod props;
mod python;
mod simulated;

pub(crate) use guest::{Finished, Guest};
pub(crate) use ndjson::{Report, Window, read_lines};
pub(crate) use ns::{End, Host, Lab, Link};
pub(crate) use probe::{PATHJITTER, as_nobody, has_other_users, nobody_gid, ping, ping_as_nobody, pinging};
pub(crate) use props::{Flood, Forger, Listener, Pair, Routed, behind_a_queue, slow_road_for_every_tenth_reply};
pub(crate) use python::python;
pub(crate) use simulated::simulations_are_possible;
