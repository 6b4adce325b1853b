//! The modules that read what others wrote, without those that need sockets: their dependencies take longer to build than a
//! change should have to wait for, and each would be built with instruments.

#[path = "../../src/clock.rs"]
pub mod clock;
#[path = "../../src/config/mod.rs"]
pub mod config;
#[path = "../../src/engine/mod.rs"]
pub mod engine;
#[path = "../../src/outcome.rs"]
pub mod outcome;
#[path = "../../src/schedule.rs"]
pub mod schedule;
#[path = "../../src/series.rs"]
pub mod series;
#[path = "../../src/simnet/mod.rs"]
pub mod simnet;
#[path = "../../src/stats/mod.rs"]
pub mod stats;
pub mod sys;
#[path = "../../src/units.rs"]
pub mod units;
#[path = "../../src/wire/mod.rs"]
pub mod wire;

