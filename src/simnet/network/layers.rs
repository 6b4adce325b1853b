//! Settings in layers: each setting is that of the topmost layer that has one.

use super::super::topology::{BackendSettings, HostSettings, LinkSettings, RouterSettings};

/// Settings that can be laid over others of the same kind.
pub(super) trait Layer: Clone + Default {
    /// Takes over what `above` sets.
    fn lay_over(&mut self, above: &Self);
}

/// All fields by name, so that a setting that is forgotten here does not compile.
macro_rules! layer {
    ($settings:ident: $($field:ident)+) => {
        impl Layer for $settings {
            fn lay_over(&mut self, above: &Self) {
                let Self { $($field),+ } = above;
                $(if $field.is_some() {
                    self.$field.clone_from($field);
                })+
            }
        }
    };
}

layer!(LinkSettings: delay jitter loss bursts duplicate reorder bandwidth queue cross_traffic mtu down cost);
layer!(RouterSettings: silent hidden icmp_limit icmp_loss icmp_delay answers_from quote mpls balance filters ttl neighbour_timeout);
layer!(HostSettings: stalled frozen);

impl Layer for BackendSettings {
    /// Ports are settings of their own: closing one leaves the others as they are.
    fn lay_over(&mut self, above: &Self) {
        let Self {
            echo,
            ports,
            other_ports,
            icmp_delay,
            tcp_delay,
            stall,
            off,
            syn_limit,
            half_open,
            accept_queue,
            icmp_limit,
            ttl,
        } = above;
        if let Some(ports) = ports {
            self.ports
                .get_or_insert_default()
                .extend(ports.iter().map(|(port, is)| (*port, *is)));
        }
        self.echo = echo.or(self.echo);
        self.other_ports = other_ports.or(self.other_ports);
        self.icmp_delay = icmp_delay.or(self.icmp_delay);
        self.tcp_delay = tcp_delay.or(self.tcp_delay);
        self.stall = stall.or(self.stall);
        self.off = off.or(self.off);
        self.syn_limit = syn_limit.or(self.syn_limit);
        self.half_open = half_open.or(self.half_open);
        self.accept_queue = accept_queue.or(self.accept_queue);
        self.icmp_limit = icmp_limit.or(self.icmp_limit);
        self.ttl = ttl.or(self.ttl);
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::topology::{Bytes, Echo, Port};
    use super::*;

    #[test]
    fn what_is_set_above_wins_and_what_is_not_stays() {
        let mut link = LinkSettings {
            loss: Some(0.1),
            cost: Some(2),
            ..LinkSettings::default()
        };
        link.lay_over(&LinkSettings {
            loss: Some(0.0),
            queue: Some(Bytes(7)),
            ..LinkSettings::default()
        });
        let expected = LinkSettings {
            loss: Some(0.0),
            cost: Some(2),
            queue: Some(Bytes(7)),
            ..LinkSettings::default()
        };
        assert_eq!(link, expected);
    }

    #[test]
    fn nothing_above_changes_nothing() {
        let backend = BackendSettings {
            echo: Some(Echo::Dropped),
            ports: Some([(80, Port::Open)].into()),
            ttl: Some(9),
            ..BackendSettings::default()
        };
        let mut same = backend.clone();
        same.lay_over(&BackendSettings::default());
        assert_eq!(same, backend);
        let mut over_nothing = BackendSettings::default();
        over_nothing.lay_over(&backend);
        assert_eq!(over_nothing, backend);
    }

    #[test]
    fn ports_are_laid_over_one_by_one() {
        let ports = |ports: &[(u16, Port)]| BackendSettings {
            ports: Some(ports.iter().copied().collect()),
            ..BackendSettings::default()
        };
        let mut backend = ports(&[(80, Port::Open), (81, Port::Open)]);
        backend.lay_over(&ports(&[(81, Port::Closed), (82, Port::Dropped)]));
        assert_eq!(
            backend,
            ports(&[(80, Port::Open), (81, Port::Closed), (82, Port::Dropped)])
        );
    }
}
