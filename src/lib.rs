//! pathjitter
pub mod app;
pub mod clock;
pub mod config;
pub mod engine;
pub mod net;
pub mod outcome;
pub mod report;
pub mod schedule;
pub mod series;
pub mod stats;
pub mod sys;
pub mod units;
pub mod wire;
