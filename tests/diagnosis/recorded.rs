//! What was recorded is judged as it was live.

use std::time::Duration;

use pathjitter::diagnose::{Incident, News, Stage, VerdictCode};
use pathjitter::replay::{Joined, Joiner, Replay, Told};
use pathjitter::simnet::stories::{self, Story};
use pathjitter::units::Mono;

use super::log::wall;
use super::watch::{Watch, options};
use super::{LARGEST, SEEDS, each_of, plan, read, story};

#[test]
fn a_log_tells_the_incidents_that_the_live_run_told() {
    let jobs: Vec<(&Story, u64)> = stories::all()
        .iter()
        .filter(|story| story.name != LARGEST)
        .flat_map(|story| (0..SEEDS).map(move |seed| (story, seed)))
        .collect();
    let wrong = each_of(jobs, |(story, seed)| {
        let topology = read(story);
        let (watch, log) = Watch::run_recorded(&topology, *seed, plan(&topology, *seed), "lb1");
        let live: Vec<String> = watch
            .news()
            .iter()
            .filter_map(|(at, news)| told_live(*at, news))
            .collect();
        let after = told(&replayed(&[&log]));
        let differ = live.iter().zip(&after).find(|(live, after)| live != after);
        let mut wrong = Vec::new();
        if let Some((live, after)) = differ {
            wrong.push(format!("{}, seed {seed}:\nlive  {live}\nafter {after}", story.name));
        } else if live.len() != after.len() {
            wrong.push(format!(
                "{}, seed {seed}: {} live, {} after",
                story.name,
                live.len(),
                after.len()
            ));
        }
        wrong
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_order_of_lines_within_two_seconds_does_not_matter() {
    let topology = story("shared-uplink");
    let (_, log) = Watch::run_recorded(&topology, 0, plan(&topology, 0), "lb1");
    let in_order = told(&replayed(&[&log]));
    assert!(!in_order.is_empty());
    // Each hundred lines backwards: about a second of three targets.
    let lines: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').collect();
    let body = lines.len() - 1;
    let shuffled: Vec<u8> = lines[..body]
        .chunks(30)
        .flat_map(|chunk| chunk.iter().rev())
        .chain(&lines[body..])
        .flat_map(|line| line.to_vec())
        .collect();
    assert_eq!(verdicts(&replayed(&[&shuffled])), verdicts(&replayed(&[&log])));
}

#[test]
fn what_two_vantages_saw_is_one_incident_that_names_both() {
    let topology = story("shared-uplink");
    let (_, one) = Watch::run_recorded(&topology, 0, plan(&topology, 0), "lb1");
    let (_, two) = Watch::run_recorded(&topology, 2, plan(&topology, 2), "lb2");
    let all: Vec<Told> = [replayed(&[&one]), replayed(&[&two])].concat();
    let alone = replayed(&[&one])
        .iter()
        .filter(|told| told.stage == Stage::Open)
        .count();
    let joined = joined(all, true);
    let opened: Vec<&Joined> = joined.iter().filter(|joined| joined.stage == Stage::Open).collect();
    assert_eq!(opened.len(), alone, "{opened:#?}");
    let closed: Vec<&Joined> = joined.iter().filter(|joined| joined.stage == Stage::Close).collect();
    assert_eq!(closed.len(), opened.len());
    let whole = closed.first().expect("an incident");
    let names: Vec<&str> = whole.vantages.iter().map(|name| &**name).collect();
    assert_eq!(names.len(), 2, "{whole:#?}");
    let incident = &whole.incident;
    assert_eq!(incident.verdict, VerdictCode::SharedPath, "{}", incident.message);
    // As the file of the story has it.
    let suspect = incident
        .suspect
        .as_ref()
        .and_then(|suspect| suspect.address)
        .expect("a suspect");
    assert_eq!(suspect.to_string(), "10.10.1.1", "{}", incident.message);
    assert!(
        incident.message.contains("lb1") && incident.message.contains("lb2"),
        "{}",
        incident.message
    );
    assert_eq!(incident.target_names().len(), 2, "{:?}", incident.members);
}

#[test]
fn clocks_that_differ_by_more_than_the_skew_join_nothing() {
    let topology = story("shared-uplink");
    let (_, one) = Watch::run_recorded(&topology, 0, plan(&topology, 0), "lb1");
    let (_, two) = Watch::run_recorded(&topology, 2, plan(&topology, 2), "lb2");
    let mut all = replayed(&[&one]);
    for mut told in replayed(&[&two]) {
        // An hour later.
        let by = Duration::from_hours(1);
        told.at = wall(Mono::from_nanos(told.at.as_nanos() - wall(Mono::default()).as_nanos()).after(by));
        told.incident.began = told.incident.began.after(by);
        told.incident.last = told.incident.last.after(by);
        all.push(told);
    }
    assert!(joined(all, true).iter().all(|joined| joined.vantages.len() == 1));
}

#[test]
fn a_vantage_alone_is_told_as_it_told() {
    let topology = story("shared-uplink");
    let (_, log) = Watch::run_recorded(&topology, 0, plan(&topology, 0), "lb1");
    let all = replayed(&[&log]);
    let stages = |told: &Told| (told.stage, told.incident.clone());
    let before: Vec<_> = all.iter().map(stages).collect();
    let after: Vec<_> = joined(all, false)
        .into_iter()
        .map(|joined| (joined.stage, joined.incident))
        .collect();
    assert_eq!(before, after);
}

fn joined(mut all: Vec<Told>, is_one_of_many: bool) -> Vec<Joined> {
    all.sort_by_key(|told| told.at);
    let mut joiner = Joiner::new(Duration::from_millis(50), is_one_of_many);
    for told in all {
        joiner.take(told);
    }
    joiner.close();
    std::iter::from_fn(|| joiner.poll()).collect()
}

fn replayed(logs: &[&[u8]]) -> Vec<Told> {
    let mut replay = Replay::new(options(), None);
    for line in logs.iter().flat_map(|log| log.split_inclusive(|byte| *byte == b'\n')) {
        replay.take(line);
    }
    replay.close();
    let counts = replay.counts();
    assert_eq!((counts.malformed, counts.foreign, counts.late), (0, 0, 0), "{counts:?}");
    std::iter::from_fn(|| replay.poll()).collect()
}

fn told(all: &[Told]) -> Vec<String> {
    all.iter().map(|told| words(told.stage, &told.incident)).collect()
}

/// What remains of each incident at its end.
fn verdicts(all: &[Told]) -> Vec<(VerdictCode, Vec<String>)> {
    let closed = all.iter().filter(|told| told.stage == Stage::Close);
    let of = |told: &Told| {
        let names = told.incident.target_names().into_iter().map(str::to_owned);
        (told.incident.verdict, names.collect())
    };
    closed.map(of).collect()
}

fn told_live(_at: Mono, news: &News) -> Option<String> {
    let News::Incident(stage, incident) = news else {
        return None;
    };
    let mut incident = incident.clone();
    let moved = |at: Mono| Mono::from_nanos(wall(at).as_nanos());
    (incident.began, incident.last) = (moved(incident.began), moved(incident.last));
    for member in &mut incident.members {
        member.first = moved(member.first);
    }
    Some(words(*stage, &incident))
}

/// What is said of an incident, its moments to the ms: send times are recorded to the us. How many probes had been sent when it was said
/// depends on turns of the prober's loop, which are not recorded.
fn words(stage: Stage, incident: &Incident) -> String {
    let ms = |at: Mono| at.as_nanos() / 1_000_000;
    let members: Vec<_> = incident
        .members
        .iter()
        .map(|member| (&*member.name, member.address, ms(member.first), member.peak))
        .collect();
    let suspect = incident.suspect.as_ref();
    // The last stall of a host that stalls up to the end is recorded when it is over, which it then is not.
    let last = (incident.verdict != VerdictCode::ProberHost).then(|| ms(incident.last));
    format!(
        "{stage:?} #{} {:?} {} to {last:?} {members:?} healthy {:?} suspect {:?}",
        incident.number,
        incident.verdict,
        ms(incident.began),
        incident.healthy,
        suspect.map(|suspect| (suspect.address, suspect.ttl, suspect.from_ttl)),
    )
}
