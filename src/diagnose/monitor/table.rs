//! Which series belong to which backend, and which backends to which group.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::Role;
use crate::correlate::GroupId;
use crate::detect::Kind;
use crate::outcome::Proto;
use crate::series::Series;
use crate::units::{SeriesId, TargetId};

/// All series and backends of a run.
#[derive(Debug, Default)]
pub(super) struct Table {
    series: Vec<Option<Entry>>,
    /// By [`TargetId`]. Those that are gone leave a gap, because numbers are not used again.
    backends: Vec<Option<Backend>>,
    known: BTreeMap<Key, TargetId>,
    /// The user's groups: the first is [`GroupId`] 1.
    groups: Vec<Arc<str>>,
    is_changed: bool,
}

/// What makes a backend: a name at an address, with the interface of link-local ones.
type Key = (Arc<str>, IpAddr, u32);

/// One series.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) role: Part,
    /// Channels whose episode was told as begun.
    pub(super) told: Vec<Kind>,
}

/// What a series is part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// It probes this backend.
    Probes(TargetId),
    /// It traces the way there.
    Traces(TargetId),
    /// It is a control of this host.
    Control,
}

/// One backend.
#[derive(Debug)]
pub(super) struct Backend {
    pub(super) name: Arc<str>,
    pub(super) address: IpAddr,
    scope_id: u32,
    group: Option<GroupId>,
    /// Series that probe it.
    pub(super) probes: Vec<(SeriesId, Proto)>,
    /// The series that traces the way to it.
    pub(super) path: Option<SeriesId>,
}

impl Table {
    /// Adds a series; one that is known already is replaced.
    pub(super) fn admit(&mut self, id: SeriesId, series: &Series, role: Role) -> Part {
        self.remove(id);
        let part = match role {
            Role::Backend { group } => {
                let group = group.map(|name| self.group(name));
                let target = self.target(series);
                if let Some(backend) = self.backend_mut(target) {
                    backend.probes.push((id, series.endpoint.proto()));
                    backend.group = group.or(backend.group);
                }
                Part::Probes(target)
            }
            Role::Path => {
                let target = self.target(series);
                if let Some(backend) = self.backend_mut(target) {
                    backend.path = Some(id);
                }
                Part::Traces(target)
            }
            Role::Loopback | Role::Gateway => Part::Control,
        };
        if self.series.len() <= id.index() {
            self.series.resize_with(id.index() + 1, || None);
        }
        self.series[id.index()] = Some(Entry {
            role: part,
            told: Vec::new(),
        });
        self.is_changed = true;
        part
    }

    /// Forgets a series, and its backend with its last one. Returns what it was part of.
    pub(super) fn remove(&mut self, id: SeriesId) -> Option<Part> {
        let part = self.series.get_mut(id.index())?.take()?.role;
        self.is_changed = true;
        let (Part::Probes(target) | Part::Traces(target)) = part else {
            return Some(part);
        };
        let backend = self.backend_mut(target)?;
        backend.probes.retain(|(probe, _)| *probe != id);
        backend.path = backend.path.filter(|path| *path != id);
        if backend.probes.is_empty() && backend.path.is_none() {
            let gone = self.backends.get_mut(target.index())?.take()?;
            self.known.remove(&(gone.name, gone.address, gone.scope_id));
        }
        Some(part)
    }

    pub(super) fn entry_mut(&mut self, id: SeriesId) -> Option<&mut Entry> {
        self.series.get_mut(id.index())?.as_mut()
    }

    /// What a series is part of.
    pub(super) fn part(&self, id: SeriesId) -> Option<Part> {
        Some(self.series.get(id.index())?.as_ref()?.role)
    }

    pub(super) fn backend(&self, target: TargetId) -> Option<&Backend> {
        self.backends.get(target.index())?.as_ref()
    }

    /// Backends that are probed, in order of their numbers.
    pub(super) fn backends(&self) -> impl Iterator<Item = (TargetId, &Backend)> {
        self.backends_from(TargetId::new(0))
    }

    /// Those from one on.
    pub(super) fn backends_from(&self, first: TargetId) -> impl Iterator<Item = (TargetId, &Backend)> {
        let numbered = (0..).map(TargetId::new).zip(&self.backends).skip(first.index());
        let known = numbered.filter_map(|(id, backend)| Some((id, backend.as_ref()?)));
        known.filter(|(_, backend)| !backend.probes.is_empty())
    }

    /// The name of one of the user's groups.
    pub(super) fn group_name(&self, group: GroupId) -> Option<&Arc<str>> {
        let place = usize::try_from(group.0).ok()?.checked_sub(1)?;
        self.groups.get(place)
    }

    /// Who is in each of the user's groups, where that changed since it was last asked for.
    pub(super) fn take_changed_groups(&mut self) -> Vec<(GroupId, Vec<TargetId>)> {
        if !std::mem::take(&mut self.is_changed) {
            return Vec::new();
        }
        let numbers = (1..).map(GroupId).zip(&self.groups);
        let mut members: Vec<(GroupId, Vec<TargetId>)> = numbers.map(|(id, _)| (id, Vec::new())).collect();
        for (target, backend) in self.backends() {
            let place = backend
                .group
                .and_then(|group| usize::try_from(group.0).ok()?.checked_sub(1));
            if let Some((_, list)) = place.and_then(|place| members.get_mut(place)) {
                list.push(target);
            }
        }
        members
    }

    fn group(&mut self, name: Arc<str>) -> GroupId {
        let place = self.groups.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.groups.push(name);
            self.groups.len() - 1
        });
        GroupId(u32::try_from(place + 1).unwrap_or(u32::MAX))
    }

    fn target(&mut self, series: &Series) -> TargetId {
        let key: Key = (Arc::clone(&series.target), series.address, series.scope_id);
        if let Some(&known) = self.known.get(&key) {
            return known;
        }
        let target = TargetId::new(u32::try_from(self.backends.len()).unwrap_or(u32::MAX));
        self.backends.push(Some(Backend {
            name: Arc::clone(&series.target),
            address: series.address,
            scope_id: series.scope_id,
            group: None,
            probes: Vec::new(),
            path: None,
        }));
        self.known.insert(key, target);
        target
    }

    fn backend_mut(&mut self, target: TargetId) -> Option<&mut Backend> {
        self.backends.get_mut(target.index())?.as_mut()
    }
}
