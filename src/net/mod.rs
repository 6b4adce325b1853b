//! The edge: sockets, names, privileges.

pub mod resolve;
