//! Names: each once, well-formed, and what they stand for.

use std::collections::{HashMap, HashSet};

use super::super::problems::{Place, Problems};
use super::super::{Link, Topology};
use super::MAX_ELEMENTS;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Host,
    Router,
    /// A backend that is alone, or one of a group.
    Backend,
    /// So many backends.
    Group(usize),
    /// A link, or so many.
    Link(usize),
}

/// All names of a network.
#[derive(Debug, Default)]
pub(super) struct Names {
    kinds: HashMap<String, Kind>,
    /// Ends of links with a member or group for each end, in both orders, and how many links that is.
    ends: HashMap<(String, String), usize>,
}

impl Names {
    /// Collects the names of nodes and links; adds those that are malformed or taken, and links that cannot be.
    pub(super) fn collect(topology: &Topology, problems: &mut Problems<'_>) -> Self {
        let mut names = Self::default();
        names.kinds.insert("host".to_owned(), Kind::Host);
        let routers = Place::root("router");
        for (index, router) in topology.routers.iter().enumerate() {
            let place = routers.item(index);
            names.add_given(&router.name, Kind::Router, &place.key("name"), problems);
        }
        let backends = Place::root("backend");
        for (index, backend) in topology.backends.iter().enumerate() {
            let place = backends.item(index);
            let place = place.key("name");
            if !backend.is_group() {
                names.add_given(&backend.name, Kind::Backend, &place, problems);
                continue;
            }
            names.add_given(&backend.name, Kind::Group(backend.size()), &place, problems);
            for member in backend.members() {
                names.add(&member, Kind::Backend, &place, problems);
            }
        }
        names.collect_links(topology, problems);
        names
    }

    /// What a name of a node stands for.
    pub(super) fn node(&self, name: &str) -> Option<Kind> {
        self.kinds
            .get(name)
            .copied()
            .filter(|kind| !matches!(kind, Kind::Link(_)))
    }

    /// What a name in an event stands for: a node, a link, or one direction, `a>b`.
    pub(super) fn any(&self, name: &str) -> Option<Kind> {
        match name.split_once('>') {
            None => self.kinds.get(name).copied(),
            Some((from, to)) => {
                let count = self.ends.get(&(from.to_owned(), to.to_owned()))?;
                Some(Kind::Link(*count))
            }
        }
    }

    /// Whether a link joins these two.
    pub(super) fn are_neighbours(&self, a: &str, b: &str) -> bool {
        self.ends.contains_key(&(a.to_owned(), b.to_owned()))
    }

    /// How many elements links, routes, events and expectations name, members of groups counted each.
    pub(super) fn references(&self, topology: &Topology) -> usize {
        let on = topology.events.iter().flat_map(|event| &event.on);
        let to = topology.routes.iter().flat_map(|route| &route.to);
        let between = topology.links.iter().flat_map(|link| &link.between);
        let members = &topology.verdict.members;
        let probes = topology.expectations.iter().map(|expected| &expected.probe);
        let names = on.chain(to).chain(between).chain(members).chain(probes);
        let size = |name: &String| match self.any(name.split(':').next().unwrap_or(name)) {
            Some(Kind::Group(size) | Kind::Link(size)) => size,
            _ => 1,
        };
        names.map(size).sum()
    }

    fn collect_links(&mut self, topology: &Topology, problems: &mut Problems<'_>) {
        let links = Place::root("link");
        let mut unnamed = HashSet::new();
        let mut total = 0;
        for (index, link) in topology.links.iter().enumerate() {
            let place = links.item(index);
            let [a, b] = &link.between;
            let Some(size) = self.link_size(link, &place.key("between"), problems) else {
                continue;
            };
            total += size;
            if total > MAX_ELEMENTS {
                // [`Self::references`] counts these too, and the file is refused for it.
                return;
            }
            let ends = self.member_ends(link, size);
            let has_group = ends.first().is_some_and(|first| (&first.0, &first.1) != (a, b));
            if let Some(name) = &link.name {
                self.add_given(name, Kind::Link(size), &place.key("name"), problems);
            } else {
                if has_group {
                    self.add(&format!("{a}-{b}"), Kind::Link(size), &place.key("between"), problems);
                }
                self.add_unnamed(&ends, &mut unnamed, &place.key("between"), problems);
            }
            for (a, b) in ends {
                self.add_ends(a, b, 1);
            }
            if has_group {
                self.add_ends(a.clone(), b.clone(), size);
            }
        }
    }

    /// Names links after their ends, of which there may be one each.
    fn add_unnamed(
        &mut self,
        ends: &[(String, String)],
        unnamed: &mut HashSet<(String, String)>,
        place: &Place<'_>,
        problems: &mut Problems<'_>,
    ) {
        for (a, b) in ends {
            let sorted = (a.min(b).clone(), a.max(b).clone());
            if unnamed.insert(sorted) {
                self.add(&format!("{a}-{b}"), Kind::Link(1), place, problems);
            } else {
                let what = format!("{a} and {b} have a link without a name already; give this one a `name`");
                problems.add(place, &what);
            }
        }
    }

    /// How many links an entry stands for; adds why it cannot be one.
    fn link_size(&self, link: &Link, place: &Place<'_>, problems: &mut Problems<'_>) -> Option<usize> {
        let [a, b] = &link.between;
        if a == b {
            problems.add(place, &format!("from {a} to itself; name two different ends"));
            return None;
        }
        let mut size = 1;
        let mut groups = 0;
        for end in &link.between {
            match self.node(end) {
                None => {
                    problems.add(place, &unknown(end, "a router, a backend or host"));
                    return None;
                }
                Some(Kind::Group(members)) => {
                    size = members;
                    groups += 1;
                }
                Some(_) => {}
            }
        }
        if groups > 1 {
            problems.add(place, "both ends are groups; put a router between them");
            return None;
        }
        Some(size)
    }

    /// The ends of each link that an entry stands for.
    fn member_ends(&self, link: &Link, size: usize) -> Vec<(String, String)> {
        let name_of = |end: &String, member: usize| match self.node(end) {
            Some(Kind::Group(_)) => format!("{end}{member}"),
            _ => end.clone(),
        };
        let [a, b] = &link.between;
        (1..=size)
            .map(|member| (name_of(a, member), name_of(b, member)))
            .collect()
    }

    fn add_ends(&mut self, a: String, b: String, count: usize) {
        *self.ends.entry((b.clone(), a.clone())).or_default() += count;
        *self.ends.entry((a, b)).or_default() += count;
    }

    fn add_given(&mut self, name: &str, kind: Kind, place: &Place<'_>, problems: &mut Problems<'_>) {
        let is_good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
        if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(is_good) {
            let what = format!("no name; use 1 to {MAX_NAME} of the characters a-z, 0-9, _ and -, such as app01");
            problems.add(place, &what);
        } else {
            self.add(name, kind, place, problems);
        }
    }

    fn add(&mut self, name: &str, kind: Kind, place: &Place<'_>, problems: &mut Problems<'_>) {
        if name == "host" {
            problems.add(place, "`host` is the prober's host; choose another name");
        } else if self.kinds.insert(name.to_owned(), kind).is_some() {
            problems.add(
                place,
                &format!("something else is called `{name}` already; choose another name"),
            );
        }
    }
}

/// Says that there is nothing of this name, and what would be right.
pub(super) fn unknown(name: &str, right: &str) -> String {
    let shown: String = name.chars().take(MAX_NAME).collect();
    format!("nothing is called `{}`; name {right}", shown.escape_debug())
}

/// As long as a label of a host name (RFC 1035, section 2.3.4).
const MAX_NAME: usize = 63;
