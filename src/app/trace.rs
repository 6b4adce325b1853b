pub(super) fn run(_plan: &crate::config::TracePlan) -> anyhow::Result<super::exit::Exit> {
    Ok(super::exit::Exit::Success)
}
