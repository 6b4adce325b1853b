//! Incidents that several vantages saw are one.
//!
//! Two vantages saw the same where what they saw overlaps in time, as well as their clocks agree, and has something in common: an affected address, a suspect,
//! or a part of the network that the likelihood ratio over the paths of both blames for both. For that, each vantage is a hop of its own before its paths, so
//! that nobody blames two hosts for being one.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use super::runs::Told;
use super::windows::listed;
use crate::diagnose::{Incident, IncidentMember, Stage, Suspect, VerdictCode};
use crate::localize::{Part, Unit, blame};
use crate::units::{Mono, TargetId, Wall};

/// Joins what vantages tell.
#[derive(Debug)]
pub struct Joiner {
    skew: Duration,
    /// Whether there may be others: then the end of an incident waits for them.
    is_one_of_many: bool,
    numbered: u64,
    /// Oldest first.
    joints: VecDeque<Joint>,
    out: VecDeque<Joined>,
}

/// An incident, as all vantages know it.
#[derive(Clone, Debug)]
pub struct Joined {
    /// When that was so.
    pub at: Wall,
    /// Where it stands.
    pub stage: Stage,
    /// What is known. Its moments are ns since the Unix epoch.
    pub incident: Box<Incident>,
    /// Who saw it, in order of beginning.
    pub vantages: Vec<Arc<str>>,
    /// Whether it was found in windows, which tell neither chance nor onset.
    pub by_windows: bool,
}

#[derive(Debug)]
struct Joint {
    number: u64,
    parts: Vec<Told>,
    /// When its last part ended.
    ended: Option<Wall>,
}

impl Joiner {
    /// Clocks of vantages agree to within `skew`.
    #[must_use]
    pub const fn new(skew: Duration, is_one_of_many: bool) -> Self {
        Self {
            skew,
            is_one_of_many,
            numbered: 0,
            joints: VecDeque::new(),
            out: VecDeque::new(),
        }
    }

    /// Takes what a vantage tells: in order of time, but for its clock.
    pub fn take(&mut self, told: Told) {
        let at = told.at;
        self.end_those_before(Wall::from_nanos(at.as_nanos().saturating_sub(self.grace())));
        let stage = told.stage;
        let (place, is_new) = match self.place_of(&told) {
            Some(place) => (place, false),
            None => (self.begin(), true),
        };
        let Some(joint) = self.joints.get_mut(place) else {
            return;
        };
        joint.put(told);
        let all_over = joint.parts.iter().all(|part| part.stage == Stage::Close);
        joint.ended = all_over.then_some(at);
        match stage {
            _ if is_new => self.say(place, at, Stage::Open),
            Stage::Close => {}
            Stage::Open | Stage::Update => self.say(place, at, Stage::Update),
        }
        if !self.is_one_of_many {
            self.end_those_before(at);
        }
    }

    /// Ends all.
    pub fn close(&mut self) {
        self.end_those_before(Wall::from_nanos(u64::MAX));
    }

    /// The next thing to say.
    pub fn poll(&mut self) -> Option<Joined> {
        self.out.pop_front()
    }

    fn grace(&self) -> u64 {
        crate::units::nanos(self.skew.saturating_add(GRACE))
    }

    fn begin(&mut self) -> usize {
        if self.joints.len() == JOINTS_MAX {
            self.joints.pop_front();
        }
        self.numbered += 1;
        self.joints.push_back(Joint {
            number: self.numbered,
            parts: Vec::new(),
            ended: None,
        });
        self.joints.len() - 1
    }

    /// The incident that it belongs to.
    fn place_of(&self, told: &Told) -> Option<usize> {
        let known = self
            .joints
            .iter()
            .position(|joint| joint.parts.iter().any(|part| part.is_same(told)));
        known.or_else(|| {
            let is_first = told.stage == Stage::Open && self.is_one_of_many;
            let tolerance = self.skew.saturating_add(INTERVAL);
            let fits = |joint: &Joint| is_first && joint.fits(told, tolerance);
            self.joints.iter().position(fits)
        })
    }

    fn end_those_before(&mut self, moment: Wall) {
        let mut place = 0;
        while let Some(joint) = self.joints.get(place) {
            match joint.ended.filter(|ended| *ended <= moment) {
                Some(ended) => {
                    self.say(place, ended, Stage::Close);
                    self.joints.remove(place);
                }
                None => place += 1,
            }
        }
    }

    fn say(&mut self, place: usize, at: Wall, stage: Stage) {
        if let Some(joint) = self.joints.get(place)
            && let Some(incident) = joint.incident()
        {
            self.out.push_back(Joined {
                at,
                stage,
                incident: Box::new(incident),
                vantages: joint.vantages(),
                by_windows: joint.parts.iter().all(|part| part.by_windows),
            });
        }
    }
}

impl Told {
    fn is_same(&self, other: &Self) -> bool {
        self.run == other.run && self.vantage == other.vantage && self.incident.number == other.incident.number
    }
}

impl Joint {
    fn put(&mut self, mut told: Told) {
        match self.parts.iter_mut().find(|part| part.is_same(&told)) {
            Some(part) => {
                if told.units.is_empty() {
                    told.units = std::mem::take(&mut part.units);
                }
                *part = told;
            }
            None => self.parts.push(told),
        }
    }

    /// Whether somebody else saw the same.
    fn fits(&self, told: &Told, tolerance: Duration) -> bool {
        let own = |incident: &Incident| incident.verdict == VerdictCode::ProberHost;
        let is_elsewhere = self.parts.iter().all(|part| part.vantage != told.vantage);
        let is_path = !own(&told.incident) && self.parts.iter().all(|part| !own(&part.incident));
        let is_then = |part: &Told| {
            let (a, b) = (&part.incident, &told.incident);
            a.began <= b.last.after(tolerance) && b.began <= a.last.after(tolerance)
        };
        is_elsewhere && is_path && self.parts.iter().any(is_then) && (self.has_in_common(told) || self.shares(told))
    }

    /// An affected address, or a suspect.
    fn has_in_common(&self, told: &Told) -> bool {
        let suspect = |told: &Told| told.incident.suspect.as_ref().and_then(|suspect| suspect.address);
        self.parts.iter().any(|part| {
            let addresses: HashSet<IpAddr> = part.incident.members.iter().map(|member| member.address).collect();
            let mut members = told.incident.members.iter();
            members.any(|member| addresses.contains(&member.address))
                || suspect(part).is_some_and(|address| suspect(told) == Some(address))
        })
    }

    /// Whether the best explanation of all is a part of the network that affected paths of both use.
    fn shares(&self, told: &Told) -> bool {
        let parts: Vec<&Told> = self.parts.iter().chain([told]).collect();
        let union = Union::of(&parts);
        let Some((_, shared_by)) = union.blamed() else {
            return false;
        };
        parts.iter().all(|part| {
            let members: HashSet<IpAddr> = part.incident.members.iter().map(|member| member.address).collect();
            shared_by.iter().any(|address| members.contains(address))
        })
    }

    fn vantages(&self) -> Vec<Arc<str>> {
        let mut parts: Vec<(Mono, &Arc<str>)> = self
            .parts
            .iter()
            .map(|part| (part.incident.began, &part.vantage))
            .collect();
        parts.sort();
        let mut seen = HashSet::new();
        let names = parts.into_iter().map(|(_, name)| Arc::clone(name));
        names.filter(|name| seen.insert(Arc::clone(name))).collect()
    }

    /// What all of them know together.
    fn incident(&self) -> Option<Incident> {
        let mut parts: Vec<&Told> = self.parts.iter().collect();
        parts.sort_by_key(|part| part.incident.began);
        let (first, others) = parts.split_first()?;
        let mut incident = Incident {
            number: self.number,
            ..(*first.incident).clone()
        };
        if others.is_empty() {
            return Some(incident);
        }
        for part in others {
            add(&mut incident, &part.incident);
        }
        incident.members.sort_by_key(|member| member.first);
        let affected: HashSet<Arc<str>> = incident.members.iter().map(|member| Arc::clone(&member.name)).collect();
        incident.healthy.retain(|name| !affected.contains(name));
        let firsts = incident.members.iter().map(|member| member.first);
        incident.onset_skew = firsts
            .clone()
            .max()
            .unwrap_or_default()
            .since(firsts.min().unwrap_or_default());
        judge(&mut incident, &parts, &self.vantages());
        Some(incident)
    }
}

/// Adds what another vantage knows.
fn add(incident: &mut Incident, other: &Incident) {
    incident.began = incident.began.min(other.began);
    incident.last = incident.last.max(other.last);
    // Probes of two hosts are independent.
    incident.chance = match (incident.chance, other.chance) {
        (Some(a), Some(b)) => Some(a * b),
        (a, b) => a.or(b),
    };
    if incident.group != other.group {
        incident.group = None;
    }
    for member in &other.members {
        let known = incident
            .members
            .iter_mut()
            .find(|known| known.address == member.address);
        if let Some(known) = known {
            known.first = known.first.min(member.first);
            known.peak = known.peak.max(member.peak);
            known.sent = known.sent.saturating_add(member.sent);
            known.lost = known.lost.saturating_add(member.lost);
        } else {
            incident.members.push(IncidentMember::clone(member));
        }
    }
    for name in &other.healthy {
        if !incident.healthy.contains(name) {
            incident.healthy.push(Arc::clone(name));
        }
    }
}

/// What is to blame by the paths of all, in place of what each found alone.
fn judge(incident: &mut Incident, parts: &[&Told], vantages: &[Arc<str>]) {
    let names: Vec<&str> = vantages.iter().map(|name| &**name).collect();
    let (seen_from, who) = (listed(&names), listed(&incident.target_names()));
    let union = Union::of(parts);
    let agreed = parts
        .iter()
        .map(|part| part.incident.verdict)
        .collect::<HashSet<_>>()
        .len()
        == 1;
    let is_of_paths = |code| {
        matches!(
            code,
            VerdictCode::SharedPath
                | VerdictCode::FirstHop
                | VerdictCode::PrivatePath
                | VerdictCode::CommonCause
                | VerdictCode::Unknown
        )
    };
    let is_service = agreed && !is_of_paths(incident.verdict) && incident.verdict != VerdictCode::TargetEdge;
    let segment = union.suspect(incident).filter(|_| !is_service);
    incident.ruled_out.clear();
    if let Some((verdict, suspect, words)) = segment {
        incident.verdict = verdict;
        incident.message = format!("{who} suffered at the same time as seen from {seen_from}; {words}");
        incident.suspect = Some(suspect);
    } else if is_service {
        incident.message = format!("as seen from {seen_from}: {}", incident.message);
    } else {
        let one = incident.members.len() == 1;
        incident.verdict = if one {
            VerdictCode::TargetEdge
        } else {
            VerdictCode::CommonCause
        };
        let place = if one {
            "the paths to it share nothing else that explains it"
        } else {
            "no part of the network that the known paths share explains it"
        };
        incident.message = format!("{who} suffered at the same time as seen from {seen_from}; {place}");
        incident.suspect = incident.suspect.take().filter(|_| agreed);
    }
}

/// The paths of all vantages as one network.
struct Union {
    units: Vec<Unit>,
    /// By number of the backend.
    addresses: Vec<IpAddr>,
    /// Who probed over each unit.
    vantages: Vec<Arc<str>>,
}

impl Union {
    fn of(parts: &[&Told]) -> Self {
        let mut union = Self {
            units: Vec::new(),
            addresses: Vec::new(),
            vantages: Vec::new(),
        };
        let mut numbers: HashMap<IpAddr, TargetId> = HashMap::new();
        for (place, part) in (1_u16..).zip(parts) {
            // An address that nobody has (RFC 6666): the host of this vantage.
            let host = IpAddr::V6(Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, place));
            for unit in &part.units {
                let next = TargetId::new(u32::try_from(union.addresses.len()).unwrap_or(u32::MAX));
                let target = *numbers.entry(unit.address).or_insert(next);
                if target == next {
                    union.addresses.push(unit.address);
                }
                let mut hops = Vec::new();
                if !unit.hops.is_empty() {
                    hops.push(Some(host));
                    hops.extend_from_slice(&unit.hops);
                }
                union.units.push(Unit {
                    target,
                    hops,
                    ..unit.clone()
                });
                union.vantages.push(Arc::clone(&part.vantage));
            }
        }
        union
    }

    /// The best explanation, and the addresses that suffer by it.
    fn blamed(&self) -> Option<(Part, Vec<IpAddr>)> {
        let best = blame(&self.units).into_iter().next()?;
        let address = |target: &TargetId| self.addresses.get(target.index()).copied();
        Some((best.part, best.shared_by.iter().filter_map(address).collect()))
    }

    fn suspect(&self, incident: &Incident) -> Option<(VerdictCode, Suspect, String)> {
        let best = blame(&self.units).into_iter().next()?;
        let name = |target: &TargetId| {
            let address = self.addresses.get(target.index())?;
            let known = incident.members.iter().find(|member| member.address == *address)?;
            Some(Arc::clone(&known.name))
        };
        let shared_by: Vec<Arc<str>> = best.shared_by.iter().filter_map(name).collect();
        let suspect = Suspect {
            address: None,
            ttl: None,
            from_ttl: None,
            name: None,
            score: Some(best.score),
            runner_up: None,
            shared_by,
            cleared_by: Vec::new(),
        };
        match best.part {
            Part::Segment {
                from_ttl,
                to_ttl,
                address,
            } => {
                // A hop has another TTL from each place; that of the first who uses it is told.
                let place = self
                    .units
                    .iter()
                    .position(|unit| address.is_some() && unit.hops.contains(&address));
                let from = place
                    .and_then(|place| self.vantages.get(place))
                    .map_or("there", |name| &**name);
                let ttl = place.and_then(|place| self.units.get(place)?.hops.iter().position(|hop| *hop == address));
                let ttl = ttl
                    .and_then(|ttl| u8::try_from(ttl).ok())
                    .unwrap_or(to_ttl.saturating_sub(1));
                let many = incident.members.len() > 1;
                let words = match address {
                    Some(address) => format!("their paths share {address} (hop {ttl} from {from})"),
                    None => format!("their paths share a hop that does not answer (hop {ttl} from {from})"),
                };
                let suspect = Suspect {
                    address,
                    ttl: Some(ttl),
                    from_ttl: Some(from_ttl.saturating_sub(1).min(ttl)),
                    ..suspect
                };
                let verdict = if many {
                    VerdictCode::SharedPath
                } else {
                    VerdictCode::PrivatePath
                };
                Some((verdict, suspect, words))
            }
            Part::Target(target) if incident.members.len() == 1 => {
                let name = name(&target)?;
                let words = format!("the paths to it meet at {name} alone");
                let suspect = Suspect {
                    address: self.addresses.get(target.index()).copied(),
                    name: Some(name),
                    ..suspect
                };
                Some((VerdictCode::TargetEdge, suspect, words))
            }
            Part::Target(_) => None,
        }
    }
}

/// An incident that another place found later than so much after its end is not the same.
const GRACE: Duration = Duration::from_secs(30);

/// Between two SYNs: so much later another place may notice.
const INTERVAL: Duration = Duration::from_secs(1);

/// Open at once are a handful.
const JOINTS_MAX: usize = 4_096;
