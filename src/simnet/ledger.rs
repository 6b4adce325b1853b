//! What really happened: for each element, what it carried, what it dropped, and why.

/// Why a packet went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// Random loss of a link.
    Loss,
    /// Loss of a link in its bad state.
    Burst,
    /// The queue was full.
    QueueFull,
    /// The link was down.
    LinkDown,
    /// Larger than the MTU, and not to be fragmented.
    TooBig,
    /// The TTL ran out here.
    TtlExpired,
    /// No route.
    NoRoute,
    /// A filter, without or with an answer.
    Filtered,
    /// A rate limit.
    Limited,
    /// The backend was off, or stalled beyond what it can keep.
    BackendDown,
    /// A full table of half-open connections, or a full accept queue.
    ListenOverflow,
    /// Not a packet that anything here can read.
    Malformed,
}

/// What really happened.
#[derive(Clone, Debug, Default)]
pub struct Ledger {}
