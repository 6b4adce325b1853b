//! net
mod control;

pub use control::{Command, Finished, Inbox, Noise, Remote, Sink, control};
