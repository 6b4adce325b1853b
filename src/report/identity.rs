//! Who measured, and in which run: the two fields that let lines of many hosts share one log.

use std::ffi::OsStr;
use std::sync::Arc;

use uuid::Uuid;

/// The vantage point and the run that a line belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunIdentity {
    vantage: Arc<str>,
    run_id: Arc<str>,
}

impl RunIdentity {
    /// A run `run_id` at the vantage point `vantage`.
    #[must_use]
    pub fn new(vantage: &str, run_id: Uuid) -> Self {
        Self {
            vantage: vantage.into(),
            run_id: run_id.to_string().into(),
        }
    }

    /// A run on the host `hostname`. The vantage is the `configured` one where it is given and not blank, else the host name, else
    /// `unknown`: never empty, because logs are grouped by it.
    #[must_use]
    pub fn on_host(configured: Option<&str>, hostname: &OsStr, run_id: Uuid) -> Self {
        let hostname = hostname.to_string_lossy();
        let vantage = [configured.unwrap_or_default().trim(), hostname.trim()]
            .into_iter()
            .find(|name| !name.is_empty())
            .unwrap_or("unknown");
        Self::new(vantage, run_id)
    }

    /// Where the probes are sent from.
    #[must_use]
    pub fn vantage(&self) -> &str {
        &self.vantage
    }

    /// The same, to be kept.
    pub(super) fn vantage_shared(&self) -> Arc<str> {
        Arc::clone(&self.vantage)
    }

    /// The run, to be kept.
    pub(super) fn run_id_shared(&self) -> Arc<str> {
        Arc::clone(&self.run_id)
    }

    /// The run speaks of another place from now on.
    pub fn set_vantage(&mut self, vantage: &str) {
        if *self.vantage != *vantage {
            self.vantage = vantage.into();
        }
    }

    /// The run, a UUID.
    #[must_use]
    pub fn run_id(&self) -> &str {
        &self.run_id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configured_vantage_beats_the_host_name_and_neither_may_be_blank() {
        let vantage = |configured, host: &str| {
            RunIdentity::on_host(configured, OsStr::new(host), Uuid::nil())
                .vantage()
                .to_owned()
        };
        assert_eq!(vantage(Some("lb1"), "host"), "lb1");
        assert_eq!(vantage(Some("  "), "host"), "host");
        assert_eq!(vantage(None, "host"), "host");
        assert_eq!(vantage(None, ""), "unknown");
    }

    #[test]
    fn the_run_id_is_a_hyphenated_uuid() {
        let identity = RunIdentity::new("lb1", Uuid::from_u128(1));
        assert_eq!(identity.run_id(), "00000000-0000-0000-0000-000000000001");
    }
}
