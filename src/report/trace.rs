//! One path for every output: what was measured, what it means, and names.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::localize::PathVerdict;
use crate::series::Series;
use crate::sweep::PathReport;

/// What is said of one path.
#[derive(Clone, Copy, Debug)]
pub struct TraceReport<'a> {
    /// Which path.
    pub series: &'a Series,
    /// What was measured.
    pub path: &'a PathReport,
    /// What it means.
    pub verdict: &'a PathVerdict,
    /// Names of addresses, as far as they are known.
    pub names: &'a HashMap<IpAddr, String>,
}
