//! A `demo` that makes sense.

use std::time::Duration;

use super::args::DemoArgs;

/// Everything a `demo` needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DemoPlan {
    /// Print what stories there are.
    List,
    /// Watch this one.
    Watch(DemoWatch),
}

/// A story that is to be watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoWatch {
    /// What the user calls it; whether there is such a story is not known yet. The first of all, where nothing was said.
    pub story: Option<String>,
    /// For how long; as long as the story takes, where nothing was said.
    pub duration: Option<Duration>,
    /// NDJSON instead of text.
    pub json: bool,
    /// A line for each probe as well.
    pub each: bool,
    /// What all randomness of the network is drawn from.
    pub seed: u64,
    /// Whether to use virtual time even where real sockets could be used.
    pub virtual_time: bool,
}

impl DemoPlan {
    /// What the arguments mean.
    #[must_use]
    pub fn new(args: DemoArgs) -> Self {
        if args.list {
            return Self::List;
        }
        Self::Watch(DemoWatch {
            story: args.story,
            duration: args.duration,
            json: args.json,
            each: args.each,
            seed: args.seed,
            virtual_time: args.virtual_time,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::config::args::{Cli, Command};

    fn plan(words: &[&str]) -> DemoPlan {
        let words = ["pathjitter", "demo"].iter().chain(words);
        match Cli::try_parse_from(words).unwrap().command {
            Command::Demo(args) => DemoPlan::new(args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn without_words_it_is_a_story_in_its_own_time_for_people() {
        let watch = DemoWatch {
            story: None,
            duration: None,
            json: false,
            each: false,
            seed: 1,
            virtual_time: false,
        };
        assert_eq!(plan(&[]), DemoPlan::Watch(watch));
    }

    #[test]
    fn each_word_is_taken_and_the_list_goes_before_a_name() {
        let watch = DemoWatch {
            story: Some("restart".to_owned()),
            duration: Some(Duration::from_millis(2_500)),
            json: true,
            each: true,
            seed: 7,
            virtual_time: true,
        };
        assert_eq!(
            plan(&[
                "--json",
                "--each",
                "--virtual-time",
                "--seed",
                "7",
                "--duration",
                "2.5s",
                "restart"
            ]),
            DemoPlan::Watch(watch)
        );
        assert_eq!(plan(&["restart", "--list"]), DemoPlan::List);
    }

    #[test]
    fn a_demo_takes_some_time() {
        for no_time in ["0", "-1", "soon"] {
            let words = ["pathjitter", "demo", "--duration", no_time];
            assert!(Cli::try_parse_from(words).is_err(), "{no_time}");
        }
    }
}
