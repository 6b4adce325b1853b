//! Whether `pathjitter lab` can be tested here.

use super::Lab;

/// Whether namespaces and TUN devices can be made; if not, that is said loudly, or a failure where it is required.
pub(crate) fn simulations_are_possible() -> bool {
    if Lab::new().is_none() {
        return false;
    }
    let node = std::fs::File::options().read(true).write(true).open("/dev/net/tun");
    let Err(error) = node else { return true };
    let advice = format!("lab: NOT TESTED: /dev/net/tun: {error}; run as root");
    assert!(
        std::env::var_os("PATHJITTER_LAB").is_none_or(|v| v != "required"),
        "{advice}"
    );
    eprintln!("{advice}");
    false
}
