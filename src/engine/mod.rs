//! engine
mod answer;
mod codec;
mod cookie;
mod echo;
mod overflow;
mod ports;
mod prober;
mod progress;
mod ring;
mod syn_pacer;
mod timeouts;

pub use answer::{Arrival, Measured};
pub use codec::{Codec, Ident, Ignored, Match};
pub use cookie::CookieKey;
pub use ports::{REST, SourcePorts};
pub use prober::{Admission, Counters, Due, Prober};
