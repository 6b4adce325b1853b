//! What the whole-engine benches share: a network of their own, children with their cost, medians, and our own command's answer.

pub(crate) mod child;
pub(crate) mod figures;
pub(crate) mod lab;
pub(crate) mod ours;
pub(crate) mod surge;
pub(crate) mod sys;
