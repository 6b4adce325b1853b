//! Which series a line is about.

use std::net::IpAddr;

use super::line::ProbeLine;
use crate::diagnose::Role;
use crate::outcome::Proto;
use crate::series::{Endpoint, Series};

/// Which series a line is about.
pub(super) struct Whom<'a> {
    pub(super) target: &'a str,
    pub(super) address: &'a str,
    pub(super) port: Option<u16>,
    pub(super) proto: &'a str,
    pub(super) flow: u16,
}

impl<'a> Whom<'a> {
    pub(super) fn of_probe(line: &'a ProbeLine<'_>) -> Self {
        Self {
            target: &line.target,
            address: line.address,
            port: line.port,
            proto: line.proto,
            flow: line.flow,
        }
    }

    /// What tells it from all others.
    pub(super) fn write_key(&self, role: &Role, key: &mut Vec<u8>) {
        key.clear();
        key.push(match role {
            Role::Backend { .. } => 0,
            Role::Path => 1,
            Role::Loopback => 2,
            Role::Gateway => 3,
        });
        key.extend_from_slice(&self.port.unwrap_or(0).to_le_bytes());
        key.extend_from_slice(&self.flow.to_le_bytes());
        key.extend_from_slice(self.proto.as_bytes());
        key.push(0);
        key.extend_from_slice(self.address.as_bytes());
        key.push(0);
        key.extend_from_slice(self.target.as_bytes());
    }

    pub(super) fn series(&self) -> Option<Series> {
        let address: IpAddr = self.address.parse().ok()?;
        let port = self.port.filter(|port| *port > 0);
        let endpoint = match (Proto::ALL.into_iter().find(|proto| proto.as_str() == self.proto)?, port) {
            (Proto::Icmp, _) => Endpoint::Icmp,
            (Proto::Tcp, port) => Endpoint::Tcp(port?),
            (Proto::Udp, port) => Endpoint::Udp(port?),
        };
        Some(Series {
            target: self.target.into(),
            address,
            scope_id: 0,
            endpoint,
            flow: self.flow,
        })
    }
}
