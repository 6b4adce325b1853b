//! `pathjitter ping`.

use super::exit::Exit;
use crate::config::PingPlan;

/// Probes as planned and prints what came back.
///
/// # Errors
/// Names that do not resolve, missing permissions, and I/O errors.
pub fn run(_plan: &PingPlan) -> anyhow::Result<Exit> {
    anyhow::bail!("ping is not wired yet")
}
