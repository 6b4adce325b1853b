//! Sweeps in virtual time over networks that are functions.

mod budget;
mod counting;
mod discovery;
mod network;
mod random;
mod routes;
mod service;
mod shared;
