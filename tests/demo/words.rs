//! What people read.

use crate::{TRUTHS, demo};

/// What a demonstration prints, to its end.
fn told(args: &str) -> String {
    let ended = demo(args).finish();
    assert_eq!((ended.code(), ended.stderr.as_str()), (0, ""), "{args}");
    ended.text()
}

#[test]
fn the_list_has_all_stories() {
    let list = told("--list");
    let names: Vec<&str> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(names, TRUTHS.map(|truth| truth.story));
    insta::assert_snapshot!("list", list);
}

#[test]
fn the_article_s_story_reads_as_it_did() {
    insta::assert_snapshot!("shared_uplink", told("--virtual-time"));
}

#[test]
fn every_story_says_what_is_wrong_and_that_it_was_found() {
    for truth in &TRUTHS {
        let text = told(&format!("--virtual-time {}", truth.story));
        let (before, after) = text.split_once("What was found:").expect("an end");
        assert!(before.contains("What is wrong in it"), "{text}");
        assert!(after.contains("It matches what is wrong in truth"), "{text}");
        for part in truth.verdict.iter().chain(truth.targets) {
            assert!(before.contains(part) && after.contains(part), "{part}: {text}");
        }
        assert_eq!(after.contains("no incident"), truth.verdict.is_none(), "{text}");
    }
}

#[test]
fn a_story_that_is_cut_short_is_not_called_a_failure() {
    let text = told("--virtual-time --duration 5s");
    assert!(text.contains("was not found in 5s; the story takes 45s"), "{text}");
}

#[test]
fn a_name_that_nobody_has_heard_of_is_answered_with_all_names() {
    let ended = demo("no-such-story").finish();
    assert_eq!((ended.code(), ended.text().as_str()), (2, ""));
    assert!(
        ended
            .stderr
            .starts_with("pathjitter: there is no story 'no-such-story'")
    );
    for truth in &TRUTHS {
        assert!(ended.stderr.contains(truth.story), "{}", ended.stderr);
    }
}
