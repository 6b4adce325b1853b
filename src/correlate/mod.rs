//! Which backends are in trouble, alone or several at once, and how likely that is by chance.
//!
//! Two judges, both pure, fed with what the detector found and with what was sent:
//! * [`Coincidences`]: several backends spike at the same moment, more often than their own habits explain;
//! * [`Troubles`]: one backend is in trouble by itself, or for minutes on end.
//!
//! What they say is an [`Anomaly`]; what it means is for [`diagnose`](crate::diagnose).

mod anomaly;
mod coincidences;
mod troubles;

pub use self::anomaly::{Anomaly, AnomalyKind, Change, GroupId, Hit, Persistence, Stream, Suspicion};
pub use self::coincidences::{CoincidenceOptions, Coincidences};
pub use self::troubles::{TroubleOptions, Troubles};
