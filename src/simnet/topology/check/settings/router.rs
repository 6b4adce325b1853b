//! Settings of routers.

use super::super::super::problems::{Place, Problems};
use super::super::super::{Filter, MplsLabel, Proto, RouterSettings};
use super::super::addresses::{Addresses, is_unicast, not_unicast, one_of_each_family};
use super::{check_icmp_limit, check_jitter, check_limit, check_share, check_span, check_ttl};

/// Adds what is wrong with the settings of a router.
pub(in super::super) fn check(
    settings: &RouterSettings,
    addresses: &Addresses<'_>,
    place: &Place<'_>,
    problems: &mut Problems<'_>,
) {
    check_icmp_limit(settings.icmp_limit, &place.key("icmp_limit"), problems);
    check_share(settings.icmp_loss, &place.key("icmp_loss"), problems);
    check_jitter(settings.icmp_delay, &place.key("icmp_delay"), problems);
    check_span(settings.neighbour_timeout, &place.key("neighbour_timeout"), problems);
    check_ttl(settings.ttl, &place.key("ttl"), problems);
    let from = place.key("answers_from");
    let others = settings.answers_from.as_deref().unwrap_or_default();
    one_of_each_family(others, &from, problems);
    for (index, address) in others.iter().enumerate() {
        problems.expect(is_unicast(*address), &from.item(index), || not_unicast(*address, 1));
    }
    check_labels(
        settings.mpls.as_deref().unwrap_or_default(),
        &place.key("mpls"),
        problems,
    );
    let filters = place.key("filters");
    for (index, filter) in settings.filters.iter().flatten().enumerate() {
        check_filter(filter, addresses, &filters.item(index), problems);
    }
}

fn check_labels(labels: &[MplsLabel], place: &Place<'_>, problems: &mut Problems<'_>) {
    problems.expect(labels.len() <= MAX_LABELS, place, || {
        format!("{} labels; the most is {MAX_LABELS}", labels.len())
    });
    for (index, entry) in labels.iter().enumerate() {
        let place = place.item(index);
        problems.expect(entry.label <= MAX_LABEL, &place.key("label"), || {
            format!(
                "{} has more than 20 bits; the greatest label is {MAX_LABEL}",
                entry.label
            )
        });
        problems.expect(entry.tc <= MAX_CLASS, &place.key("tc"), || {
            format!("{} has more than 3 bits; the greatest class is {MAX_CLASS}", entry.tc)
        });
    }
}

fn check_filter(filter: &Filter, addresses: &Addresses<'_>, place: &Place<'_>, problems: &mut Problems<'_>) {
    let to = place.key("to");
    for (index, address) in filter.to.iter().enumerate() {
        problems.expect(addresses.contains(*address), &to.item(index), || {
            format!("nothing has the address {address}; name an address of the file")
        });
    }
    let has_ports = filter.proto != Some(Proto::Icmp);
    problems.expect(filter.port.is_none() || has_ports, &place.key("port"), || {
        "ICMP has no ports; leave it out, or filter tcp or udp".to_owned()
    });
    problems.expect(filter.port != Some(0), &place.key("port"), || {
        "nothing is sent to port 0; write 1 to 65535".to_owned()
    });
    check_limit(filter.limit, &place.key("limit"), problems);
}

/// Of 20 bits (RFC 3032, section 2.1).
const MAX_LABEL: u32 = (1 << 20) - 1;

/// Of 3 bits (RFC 5462).
const MAX_CLASS: u8 = 7;

/// Deeper stacks than any network pushes; more would crowd out the quote.
const MAX_LABELS: usize = 16;
