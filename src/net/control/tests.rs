use std::os::fd::AsFd as _;
use std::sync::mpsc;
use std::thread;

use super::*;
use crate::sys::testing::LONG;
use crate::sys::{Interest, PollFd, poll};
use crate::wire::Malformed;

fn wait(inbox: &Inbox<u32>) -> usize {
    poll(&mut [PollFd::new(inbox.waker().as_fd(), Interest::Read)], Some(LONG)).unwrap()
}

fn is_ready(inbox: &Inbox<u32>) -> bool {
    let now = std::time::Duration::ZERO;
    poll(&mut [PollFd::new(inbox.waker().as_fd(), Interest::Read)], Some(now)).unwrap() == 1
}

#[test]
fn a_command_wakes_the_thread_that_waits_for_it() {
    let (remote, inbox) = control::<u32>().unwrap();
    assert!(!is_ready(&inbox), "nothing was sent");
    let thread = thread::spawn(move || {
        let woken = wait(&inbox);
        (woken, matches!(inbox.try_next(), Some(Command::Stop)))
    });
    remote.send(Command::Stop);
    assert_eq!(thread.join().unwrap(), (1, true));
}

#[test]
fn a_thread_that_has_reset_its_waker_sleeps_until_the_next_command() {
    let (remote, inbox) = control::<u32>().unwrap();
    remote.send(Command::Seal);
    remote.send(Command::Stop);
    assert_eq!(wait(&inbox), 1);
    inbox.waker().reset().unwrap();
    assert!(!is_ready(&inbox));
    assert!(
        matches!(inbox.try_next(), Some(Command::Seal)),
        "in the order in which they were sent"
    );
    assert!(matches!(inbox.try_next(), Some(Command::Stop)));
    assert!(inbox.try_next().is_none());
    remote.clone().send(Command::Cut);
    assert!(is_ready(&inbox), "a clone reaches the same thread");
    assert!(matches!(inbox.try_next(), Some(Command::Cut)));
}

#[test]
fn a_full_queue_holds_back_its_sender_and_loses_nothing() {
    let (remote, inbox) = control::<u32>().unwrap();
    let (tell, told) = mpsc::channel();
    let many = u32::try_from(COMMANDS * 3).unwrap();
    let sender = thread::spawn(move || {
        for number in 0..many {
            let tell = tell.clone();
            remote.send(Command::Inspect(Box::new(move |_| tell.send(number).unwrap())));
        }
    });
    let mut sink = 0;
    let mut seen = Vec::new();
    while seen.len() < many as usize {
        assert_eq!(wait(&inbox), 1);
        inbox.waker().reset().unwrap();
        while let Some(command) = inbox.try_next() {
            let Command::Inspect(look) = command else {
                panic!("only inspections were sent")
            };
            look(&mut sink);
            seen.extend(told.try_iter());
        }
    }
    sender.join().unwrap();
    assert_eq!(seen, (0..many).collect::<Vec<_>>());
}

#[test]
fn a_thread_that_has_ended_takes_nothing_more_and_holds_nobody_up() {
    let (remote, inbox) = control::<u32>().unwrap();
    drop(inbox);
    for _ in 0..COMMANDS * 2 {
        remote.send(Command::Stop);
    }
}

#[test]
fn what_did_not_happen_is_not_told_and_what_did_is_told_with_its_count() {
    assert_eq!(Noise::default().sentences(), Vec::<String>::new());
    let noise = Noise {
        icmp_receive_drops: 11,
        tcp_receive_drops: 12,
        clock_steps: 13,
        slots_skipped: 14,
        syn_ack_retransmissions: 15,
        answers_to_unsent: 18,
        ignored: BTreeMap::from([
            (Ignored::Cookie, 16),
            (Ignored::Malformed(Malformed::Truncated), 17),
            (Ignored::Foreign, 0),
        ]),
    };
    let mut counts: Vec<u32> = noise
        .sentences()
        .iter()
        .map(|sentence| sentence.split(' ').next().unwrap().parse().unwrap())
        .collect();
    counts.sort_unstable();
    assert_eq!(counts, [11, 12, 13, 14, 15, 16, 17, 18]);
}
