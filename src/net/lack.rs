//! What a run has to do without for want of permissions, in one line with the command that mends it.

use std::collections::BTreeSet;

/// A permission that this process lacks, by what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lack {
    /// ICMP goes by datagram sockets.
    RawIcmp,
    /// TCP goes by `connect()`.
    RawTcp,
    /// ICMP is not possible at all.
    AnyIcmp,
}

/// One line for all that is lacking; `None` where nothing is.
pub(super) fn advice(lacks: &BTreeSet<Lack>, program: &str) -> Option<String> {
    let costs: Vec<&str> = lacks.iter().map(|lack| lack.cost()).collect();
    if costs.is_empty() {
        return None;
    }
    let icmp_alone = if lacks.contains(&Lack::AnyIcmp) {
        ", or, for ICMP alone: sudo sysctl -w net.ipv4.ping_group_range='0 2147483647'"
    } else {
        ""
    };
    Some(format!(
        "no permission for raw sockets (CAP_NET_RAW), so {}; fix: {}{icmp_alone}",
        costs.join(" and "),
        grant(program)
    ))
}

/// The command that gives a program its permissions.
pub(super) fn grant(program: &str) -> String {
    format!("sudo setcap cap_net_raw,cap_net_admin+ep {program}")
}

impl Lack {
    const fn cost(self) -> &'static str {
        match self {
            Self::RawIcmp => "ICMP goes by datagram sockets (stamps are the kernel's all the same)",
            Self::RawTcp => "TCP goes by connect() (RTTs are the kernel's handshake times)",
            Self::AnyIcmp => "ICMP is not possible (net.ipv4.ping_group_range leaves out this group)",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_lacking_is_one_line_with_the_fix() {
        assert_eq!(advice(&BTreeSet::new(), "pj"), None);
        let line = advice(&BTreeSet::from([Lack::RawTcp, Lack::RawIcmp]), "/usr/bin/pj").unwrap();
        assert!(line.contains("datagram") && line.contains("connect()"), "{line}");
        assert!(
            line.ends_with("fix: sudo setcap cap_net_raw,cap_net_admin+ep /usr/bin/pj"),
            "{line}"
        );
        let line = advice(&BTreeSet::from([Lack::AnyIcmp]), "pj").unwrap();
        assert!(
            line.contains("not possible") && line.contains("sysctl -w net.ipv4.ping_group_range"),
            "{line}"
        );
        assert!(!line.contains('\n'));
    }
}
