//! Measures latency, jitter and loss of many backends at once, over ICMP echo and TCP SYN, and says where on the path they start.
//!
//! The program is `pathjitter`; this library is its inside, split so that each part can be read and tested alone. What users
//! need is in the README; what each output field means is in `docs/measuring.md`.
//!
//! # The way of a probe
//!
//! ```text
//! config ──► schedule ──► engine ──► net ──► sys ──► the kernel, the network
//!  what to     when        which      which   system          │
//!  probe                   packet     socket  calls           │
//!                             ▲                               │
//!                             └────── answers, with stamps ◄──┘
//!                             │
//!                          outcome ──► stats ──► report ──► stdout
//!                          what came   figures   text or
//!                          of it                 NDJSON
//! ```
//!
//! [`app`] puts the parts together: it reads the plan, starts one thread for packets, and prints on another. Imports go
//! one way: no module uses another that uses it, not even by a detour. `tests/layering.rs` reads the source to hold that.
//!
//! # The modules in the order of the flow
//!
//! | module | does | may use |
//! |---|---|---|
//! | [`units`] | moments, RTTs and numbers, with the unit in the type | nothing |
//! | [`outcome`] | what can become of a probe: the words that all others share | `units` |
//! | [`series`] | what is probed: one target, address, protocol and flow | `units`, `outcome` |
//! | [`config`] | from the command line to a plan without contradictions | the words, `stats` (for limits) |
//! | [`clock`] | reads the clocks, the only one to do so; tells a step from time that passes | `units` |
//! | [`schedule`] | which series is due, on an absolute grid | `units` |
//! | [`wire`] | bytes to values and back: IP, ICMP, TCP, UDP | the words |
//! | [`engine`] | the life of every probe: sent, answered, timed out, settled | the words, `wire`, `schedule`, the epochs of `clock` |
//! | [`simnet`] | a network with known truth, for tests and demonstrations | the words, `wire`, `config` (for durations) |
//! | [`sys`] | system calls made safe; all `unsafe` code is here | the words |
//! | [`net`] | sockets, names, permissions; the loop of the packet thread | the words, `config`, `clock`, `wire`, `engine`, `sys` |
//! | [`stats`] | events of a series in, figures of a window out | the words |
//! | [`sweep`] | which hop of which path is probed when, and what is known of each | the words, `engine`, `stats` |
//! | [`localize`] | where on a path loss or jitter starts, and which hops only seem to lose | the words, `stats` |
//! | [`detect`] | spikes, level shifts and states of each series, against its own past | the words |
//! | [`correlate`] | which backends are in trouble, alone or several at once, and how likely that is by chance | the words, `stats`, `detect` |
//! | [`diagnose`] | from all events of a run to incidents with a verdict and a suspect | all above but the edge |
//! | [`lab`] | puts `simnet` to work: in virtual time, or behind a TUN device | all above but `net` |
//! | [`metrics`] | figures and news of a run in, what Prometheus scrapes out | the words, `stats`, `detect`, `diagnose` |
//! | [`report`] | figures in, lines out | the words, `stats`, `sweep`, `localize`, `config` |
//! | [`app`] | the assembly: commands, signals, exit codes | everything |
//!
//! "The words" are [`units`], [`outcome`] and [`series`].
//!
//! # Where to start
//!
//! 1. [`outcome`]: the vocabulary of all other files.
//! 2. [`engine::Prober`]: what happens to a probe between its slot and its fate, without sockets or clocks.
//! 3. [`net::Native`]: the loop that feeds it with packets.
//! 4. [`stats::WindowStats`] and the table in [`stats`]: what each figure is.
//! 5. [`app::ping`]: how it all comes together.
//! 6. [`sweep::Sweeper`] and [`localize::judge_path`]: what `trace` does in place of the schedule, and of the figures of a window.
//!
//! # Rules that hold everywhere
//!
//! - Time is an argument. Only [`clock`] reads one, so a day of probing can be tested in a second.
//! - An RTT is the difference of two stamps of one source ([`outcome::StampSource`]); sources never share a histogram.
//! - What this host did wrong is never loss: [`outcome::SendError`], [`outcome::Unjudged`] and [`outcome::StampLoss`] say it.
//! - Bytes from the network are never an error that stops anything, and never a panic.
//! - Memory is bounded by the number of series, not by time or loss.

pub mod units;

pub mod outcome;

pub mod series;

pub mod config;

pub mod clock;

pub mod schedule;

pub mod wire;

pub mod engine;

pub mod simnet;

pub mod sys;

pub mod net;

pub mod stats;

pub mod sweep;

pub mod localize;

pub mod detect;

pub mod correlate;

pub mod diagnose;

pub mod lab;

pub mod replay;

pub mod metrics;

pub mod report;

pub mod app;
