//! What really happened: for each element, what it carried, what it dropped, and why; and the same for each backend alone.
//!
//! An element is the host, a router, a backend, or one direction of a link, `a>b`. To a backend belong the requests that go to it
//! and all that comes back because of them, also errors of routers on the way.
//!
//! At any moment all packets are accounted for: sent by the host, made by elements, or duplicated by links; and delivered to the
//! host, dropped, taken by an element, or still on the way ([`Totals`]).

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use serde::{Serialize, Serializer};

use super::topology::expand::{NodeId, PipeId};

/// Why a packet went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
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
    /// The backend was off, or went off while it kept the packet, or was stalled beyond what it can keep.
    BackendDown,
    /// A full table of half-open connections, or a full accept queue.
    ListenOverflow,
    /// A part of a packet, which nothing here puts together again.
    Fragment,
    /// Not a packet that anything here can read.
    Malformed,
}

impl DropReason {
    /// Every reason, in the order of declaration.
    pub const ALL: [Self; 13] = [
        Self::Loss,
        Self::Burst,
        Self::QueueFull,
        Self::LinkDown,
        Self::TooBig,
        Self::TtlExpired,
        Self::NoRoute,
        Self::Filtered,
        Self::Limited,
        Self::BackendDown,
        Self::ListenOverflow,
        Self::Fragment,
        Self::Malformed,
    ];

    const fn index(self) -> usize {
        self as usize
    }
}

/// What really happened.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// Nodes, then pipes.
    elements: Vec<Element>,
    /// By node; empty for those that are no backends.
    targets: Vec<Shares>,
    nodes: usize,
    totals: Totals,
}

/// The account of all packets: `sent + made + duplicated == delivered + dropped + consumed + in_flight`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Packets of the host, malformed ones included.
    pub sent: u64,
    /// Answers of routers and backends.
    pub made: u64,
    /// Copies that links made.
    pub duplicated: u64,
    /// Reached the host.
    pub delivered: u64,
    /// Went no further.
    pub dropped: u64,
    /// Taken by the router or backend that they were for.
    pub consumed: u64,
    /// On the way, or kept by a backend that stands still.
    pub in_flight: u64,
    /// Of `dropped`: packets of the host that could not be read.
    pub malformed: u64,
}

/// What an element is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ElementKind {
    /// The prober's host.
    Host,
    /// A router.
    Router,
    /// A backend.
    Backend,
    /// One direction of a link.
    Link,
}

/// The account of one element.
#[derive(Clone, Debug)]
pub struct Element {
    name: String,
    kind: ElementKind,
    packets: u64,
    dropped: [u64; DropReason::ALL.len()],
}

/// What an element did to the packets of one backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    /// Packets that it got.
    pub packets: u64,
    /// Packets that it dropped.
    pub dropped: u64,
    /// Packets that it held up for more than 1 ms: a link beyond its delay as of the file's `set`, a router or backend from a request to
    /// its answer, the host while it was frozen. SYN-ACKs that a backend repeats are not late.
    pub delayed: u64,
}

/// Whose packets: of the backend with this node, or of none.
pub(super) type Target = Option<NodeId>;

/// An element, by its place in [`Ledger::elements`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ElementId(u32);

impl From<NodeId> for ElementId {
    fn from(node: NodeId) -> Self {
        Self(u32::try_from(node.index()).unwrap_or(u32::MAX))
    }
}

impl Element {
    /// Its name: of a node as in the topology, of a link's direction `a>b`. Of several links between the same two nodes, those that have a
    /// name of their own show it, as in `a>b (backup)`, so that no two elements are called the same.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> ElementKind {
        self.kind
    }

    /// Packets that came to it, from others or, at the host, from its programs.
    #[must_use]
    pub const fn packets(&self) -> u64 {
        self.packets
    }

    /// Packets that it dropped for this reason.
    #[must_use]
    pub const fn dropped_for(&self, reason: DropReason) -> u64 {
        self.dropped[reason.index()]
    }

    /// Packets that it dropped.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.dropped.iter().sum()
    }
}

impl Ledger {
    /// Every element: host, routers, backends, then directions of links, each in the order of the topology.
    #[must_use]
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// The element with this name.
    #[must_use]
    pub fn element(&self, name: &str) -> Option<&Element> {
        self.elements.iter().find(|element| element.name == name)
    }

    /// What each element did to the packets of a backend, where there was anything to do; in the order of [`Self::elements`].
    #[must_use]
    pub fn of_target(&self, name: &str) -> Vec<(&Element, Share)> {
        let place = self
            .elements
            .iter()
            .take(self.nodes)
            .position(|element| element.name == name);
        place.map_or_else(Vec::new, |place| self.of_target_at(place))
    }

    /// The account of all packets.
    #[must_use]
    pub const fn totals(&self) -> Totals {
        self.totals
    }

    pub(super) fn new(nodes: impl Iterator<Item = (String, ElementKind)>, pipes: impl Iterator<Item = String>) -> Self {
        let mut elements: Vec<Element> = nodes.map(|(name, kind)| Element::new(name, kind)).collect();
        let nodes = elements.len();
        elements.extend(pipes.map(|name| Element::new(name, ElementKind::Link)));
        Self {
            elements,
            targets: vec![Shares::default(); nodes],
            nodes,
            totals: Totals::default(),
        }
    }

    pub(super) fn of_pipe(&self, pipe: PipeId) -> ElementId {
        ElementId(u32::try_from(self.nodes + pipe.index()).unwrap_or(u32::MAX))
    }

    pub(super) const fn totals_mut(&mut self) -> &mut Totals {
        &mut self.totals
    }

    /// A packet comes to an element.
    pub(super) fn enter(&mut self, element: ElementId, target: Target) {
        self.elements[element.0 as usize].packets += 1;
        if let Some(share) = self.share(element, target) {
            share.packets += 1;
        }
    }

    /// A packet was taken by the element that it was for.
    pub(super) const fn consume(&mut self) {
        self.totals.in_flight -= 1;
        self.totals.consumed += 1;
    }

    /// A packet goes no further. It is no longer in flight.
    pub(super) fn drop(&mut self, element: ElementId, target: Target, reason: DropReason) {
        self.totals.dropped += 1;
        self.elements[element.0 as usize].dropped[reason.index()] += 1;
        if let Some(share) = self.share(element, target) {
            share.dropped += 1;
        }
    }

    /// A packet was held up.
    pub(super) fn delay(&mut self, element: ElementId, target: Target) {
        if let Some(share) = self.share(element, target) {
            share.delayed += 1;
        }
    }

    fn share(&mut self, element: ElementId, target: Target) -> Option<&mut Share> {
        Some(self.targets[target?.index()].entry(element).or_default())
    }

    fn of_target_at(&self, place: usize) -> Vec<(&Element, Share)> {
        let mut shares: Vec<_> = self.targets[place]
            .iter()
            .map(|(element, share)| (*element, *share))
            .collect();
        shares.sort_unstable_by_key(|(element, _)| *element);
        let named = shares
            .into_iter()
            .map(|(element, share)| (&self.elements[element.0 as usize], share));
        named.collect()
    }
}

impl Element {
    const fn new(name: String, kind: ElementKind) -> Self {
        Self {
            name,
            kind,
            packets: 0,
            dropped: [0; DropReason::ALL.len()],
        }
    }
}

impl Serialize for Element {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            name: &'a str,
            kind: ElementKind,
            packets: u64,
            dropped: BTreeMap<DropReason, u64>,
        }
        let dropped = DropReason::ALL
            .into_iter()
            .map(|reason| (reason, self.dropped_for(reason)));
        Shown {
            name: &self.name,
            kind: self.kind,
            packets: self.packets,
            dropped: dropped.filter(|(_, count)| *count > 0).collect(),
        }
        .serialize(serializer)
    }
}

impl Serialize for Ledger {
    /// The totals, the elements, and for each backend that packets were for, what elements did to them.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            totals: Totals,
            elements: &'a [Element],
            targets: BTreeMap<&'a str, BTreeMap<&'a str, Share>>,
        }
        let targets = self.targets.iter().enumerate().filter(|(_, shares)| !shares.is_empty());
        let by_name = |place| {
            self.of_target_at(place)
                .into_iter()
                .map(|(element, share)| (element.name(), share))
        };
        Shown {
            totals: self.totals,
            elements: &self.elements,
            targets: targets
                .map(|(place, _)| (self.elements[place].name(), by_name(place).collect()))
                .collect(),
        }
        .serialize(serializer)
    }
}

/// What elements did to the packets of one backend. Sparse: a packet meets a dozen elements out of thousands.
type Shares = HashMap<ElementId, Share, BuildHasherDefault<IndexHasher>>;

/// Spreads indices over a table by one multiplication. Keys are our own, so that nobody can make them collide.
#[derive(Clone, Copy, Debug, Default)]
struct IndexHasher(u64);

impl Hasher for IndexHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, n: u32) {
        // 2^64 over the golden ratio; folded, since the table looks at the highest and at the lowest bits.
        let product = (self.0 ^ u64::from(n)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = product ^ (product >> 32);
    }
}
