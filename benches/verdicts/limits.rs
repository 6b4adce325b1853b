//! Placeholder.
use super::lab::Form;
pub(crate) fn measure(_: Form) -> bool { true }
