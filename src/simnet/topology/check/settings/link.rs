//! Settings of links.

use super::super::super::LinkSettings;
use super::super::super::problems::{Place, Problems};
use super::super::addresses::Addresses;
use super::{check_jitter, check_share, check_span};

/// Adds what is wrong with the settings of a link.
pub(in super::super) fn check(
    settings: &LinkSettings,
    addresses: &Addresses<'_>,
    place: &Place<'_>,
    problems: &mut Problems<'_>,
) {
    check_share(settings.loss, &place.key("loss"), problems);
    check_share(settings.duplicate, &place.key("duplicate"), problems);
    check_jitter(settings.jitter, &place.key("jitter"), problems);
    if let Some(bursts) = &settings.bursts {
        let place = place.key("bursts");
        check_share(Some(bursts.start), &place.key("start"), problems);
        check_share(Some(bursts.loss), &place.key("loss"), problems);
        problems.expect(bursts.end > 0.0 && bursts.end <= 1.0, &place.key("end"), || {
            format!("with {} no burst ends; write more than 0, at most 1", bursts.end)
        });
    }
    if let Some(reorder) = &settings.reorder {
        let place = place.key("reorder");
        check_share(Some(reorder.share), &place.key("share"), problems);
        check_span(Some(reorder.by), &place.key("by"), problems);
    }
    let (least, why) = if addresses.has_ipv6() {
        (1280, "IPv6 needs")
    } else {
        (68, "IPv4 needs")
    };
    if let Some(mtu) = settings.mtu {
        problems.expect(mtu >= least, &place.key("mtu"), || {
            format!("an MTU of {mtu} is too small; {why} {least} at least")
        });
    }
    problems.expect(settings.cost != Some(0), &place.key("cost"), || {
        "a cost of 0 lets packets run in circles; write 1 or more".to_owned()
    });
}
