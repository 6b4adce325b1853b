//! The labels of a series: what it is, in words that stay the same over restarts, reloads and new addresses of others.

use std::fmt;
use std::sync::Arc;

use prometheus_client::encoding::{EncodeLabel as _, EncodeLabelSet, LabelSetEncoder};

use crate::series::Series;

/// Names and values of labels, each name once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(Arc<[(String, String)]>);

impl Identity {
    /// Of a series, in a group of the user's, with labels of his own. One that is called as one of ours gets `user_` before its name.
    #[must_use]
    pub fn new(series: &Series, group: Option<&str>, labels: &[(String, String)]) -> Self {
        let port = series.endpoint.port().map(|port| port.to_string());
        let ours = [
            ("target", Some(series.target.to_string())),
            ("address", Some(series.address.to_string())),
            ("port", port),
            ("proto", Some(series.endpoint.proto().as_str().to_owned())),
            ("family", Some(family(series).to_owned())),
            ("group", group.map(str::to_owned)),
        ];
        let ours = ours
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let users = labels.iter().map(|(name, value)| {
            let is_taken = RESERVED.contains(&name.as_str()) || name.starts_with("__");
            let name = if is_taken { format!("user_{name}") } else { name.clone() };
            (name, value.clone())
        });
        let mut all: Vec<(String, String)> = ours.chain(users).collect();
        // `user_target` may be a name of the user's as well.
        let mut seen = std::collections::HashSet::new();
        all.retain(|(name, _)| seen.insert(name.clone()));
        Self(all.into())
    }

    /// The value of one label.
    pub(super) fn get(&self, wanted: &str) -> Option<&str> {
        let label = self.0.iter().find(|(name, _)| name == wanted);
        label.map(|(_, value)| value.as_str())
    }
}

const fn family(series: &Series) -> &'static str {
    if series.address.is_ipv4() { "ipv4" } else { "ipv6" }
}

/// The labels of a series, and one more.
pub(super) struct Labelled<'a> {
    pub(super) of: &'a Identity,
    pub(super) more: Option<(&'static str, &'static str)>,
}

impl EncodeLabelSet for Labelled<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder) -> fmt::Result {
        for (name, value) in self.of.0.iter() {
            (name.as_str(), value.as_str()).encode(encoder.encode_label())?;
        }
        match self.more {
            Some(label) => label.encode(encoder.encode_label()),
            None => Ok(()),
        }
    }
}

/// Names of labels that are ours, or that Prometheus gives.
const RESERVED: [&str; 11] = [
    "target", "address", "port", "proto", "family", "group", "outcome", "kind", "le", "job", "instance",
];
