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
