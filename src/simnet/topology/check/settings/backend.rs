//! Settings of backends.

use super::super::super::BackendSettings;
use super::super::super::problems::{Place, Problems};
use super::{check_burst, check_icmp_limit, check_jitter, check_ttl};

/// Adds what is wrong with the settings of a backend.
pub(in super::super) fn check(settings: &BackendSettings, place: &Place<'_>, problems: &mut Problems<'_>) {
    let ports = place.key("ports");
    let has_port_0 = settings.ports.as_ref().is_some_and(|ports| ports.contains_key(&0));
    problems.expect(!has_port_0, &ports.key("0"), || {
        "nothing listens on port 0; write 1 to 65535".to_owned()
    });
    check_jitter(settings.icmp_delay, &place.key("icmp_delay"), problems);
    check_jitter(settings.tcp_delay, &place.key("tcp_delay"), problems);
    check_icmp_limit(settings.icmp_limit, &place.key("icmp_limit"), problems);
    check_ttl(settings.ttl, &place.key("ttl"), problems);
    if let Some(limit) = &settings.syn_limit {
        check_burst(limit.burst, &place.key("syn_limit").key("burst"), problems);
    }
    if let Some(table) = &settings.half_open {
        let place = place.key("half_open");
        problems.expect(
            (1..=MAX_HALF_OPEN).contains(&table.entries),
            &place.key("entries"),
            || format!("{} entries; write 1 to {MAX_HALF_OPEN}", table.entries),
        );
        problems.expect(
            table.syn_ack_retries <= MAX_RETRIES,
            &place.key("syn_ack_retries"),
            || {
                format!(
                    "{} repetitions; the most is {MAX_RETRIES}, Linux's default 5",
                    table.syn_ack_retries
                )
            },
        );
    }
    if let Some(queue) = &settings.accept_queue {
        let place = place.key("accept_queue");
        for (key, value) in [("backlog", queue.backlog), ("occupied", queue.occupied)] {
            problems.expect(value <= MAX_QUEUE, &place.key(key), || {
                format!("{value} connections; the most is {MAX_QUEUE}")
            });
        }
    }
}

/// As large as the table of the model (`backend::tcp`) ever gets; each entry takes memory.
const MAX_HALF_OPEN: u32 = 65_536;

/// The last of these comes after more than a day.
const MAX_RETRIES: u8 = 15;

/// What `somaxconn` allows.
const MAX_QUEUE: u32 = 65_535;
