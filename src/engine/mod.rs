//! engine
mod answer;
mod cookie;
mod overflow;
mod prober;
mod ring;
mod syn_pacer;
mod timeouts;

pub use answer::{Arrival, Measured};
pub use cookie::CookieKey;
pub use prober::{Admission, Counters, Due, Prober};
