use super::*;
use crate::outcome::{StampSource, Timing, Unjudged, Unreachable};
use crate::units::ProbeSeq;

const ID: SeriesId = SeriesId::new(3);
const MS: u64 = 1_000_000;

fn at(ms: u64) -> Mono {
    Mono::from_nanos(ms * MS)
}

/// A series with one probe each second.
struct Script {
    history: History,
    next: u64,
}

impl Script {
    fn new() -> Self {
        let mut history = History::default();
        history.admit(ID, Proto::Tcp, Duration::from_secs(1));
        Self { history, next: 0 }
    }

    fn say(&mut self, seq: u64, what: What) {
        self.history.handle_event(&Event {
            series: ID,
            seq: ProbeSeq::new(seq),
            sent_at: at(seq * 1_000),
            what,
        });
    }

    fn send(&mut self) -> u64 {
        let seq = self.next;
        self.next += 1;
        self.say(
            seq,
            What::Sent {
                late_by: Duration::ZERO,
            },
        );
        seq
    }

    fn answer(&mut self, answer: Answer, ttl: u8, ms: u64) {
        let seq = self.send();
        self.say(seq, answered(answer, ttl, ms));
    }

    fn reply(&mut self) {
        self.answer(Answer::Reply, 62, 1);
    }

    fn lose(&mut self) {
        let seq = self.send();
        self.say(seq, What::TimedOut);
    }

    fn find(&mut self, seq: u64, found: Found) {
        let finding = Finding {
            series: ID,
            at: at(seq * 1_000),
            found,
        };
        self.history.handle_finding(&finding);
    }

    fn evidence(&self, from_s: u64, to_s: u64) -> StreamEvidence {
        self.history.evidence(ID, at(from_s * 1_000), at(to_s * 1_000), None)
    }
}

fn answered(answer: Answer, ttl: u8, ms: u64) -> What {
    let rtt = Rtt::from_nanos(ms * MS);
    What::Answered(Answered {
        answer,
        timing: Timing {
            rtt,
            source: StampSource::Kernel,
        },
        user_rtt: rtt,
        in_time: InTime::Yes,
        timed_out: false,
        reordered: false,
        ttl: Some(ttl),
        bytes: 20,
        stamp_loss: None,
        from: None,
        told: None,
    })
}

#[test]
fn outcomes_of_a_span_are_counted_once_each() {
    let error = Unreachable {
        from: [10, 0, 0, 1].into(),
        icmp_type: 3,
        code: 13,
    };
    let mut script = Script::new();
    (0..10).for_each(|_| script.reply());
    (0..3).for_each(|_| script.lose());
    script.say(12, What::Settled(Fate::Lost));
    (0..2).for_each(|_| script.answer(Answer::Refused, 63, 1));
    script.answer(Answer::Unreachable(error), 64, 1);
    let evidence = script.evidence(0, 20);
    let counts = [
        evidence.sent,
        evidence.replied,
        evidence.lost,
        evidence.refused,
        evidence.unreachable,
    ];
    assert_eq!(counts, [16, 10, 3, 2, 1]);
    assert_eq!(evidence.errors, [(error, 1)]);
    assert_eq!((evidence.reply_ttl, evidence.rst_ttl), (Some(62), Some(63)));
    assert_eq!(evidence.last_reply, Some(at(9_000)));
    assert_eq!(evidence.refusal_run, Some((2, at(13_000), Some(at(15_000)))));
    assert_eq!(script.evidence(10, 12).lost, 3);
    assert_eq!(script.evidence(10, 12).sent, 3);
}

#[test]
fn runs_end_in_the_order_of_sending_not_of_answers() {
    let mut script = Script::new();
    script.reply();
    let lost = script.send();
    script.reply();
    assert_eq!(script.evidence(0, 9).lost_in_a_row, 0);
    script.say(lost, What::TimedOut);
    script.lose();
    script.lose();
    assert_eq!(script.evidence(0, 9).lost_in_a_row, 2);
}

#[test]
fn what_this_host_failed_to_send_or_see_is_not_counted() {
    let mut script = Script::new();
    script.reply();
    let unseen = script.send();
    script.say(unseen, What::Settled(Fate::Unjudged(Unjudged::ReceiveOverflow)));
    let evidence = script.evidence(0, 9);
    assert_eq!((evidence.sent, evidence.lost), (1, 0));
}

#[test]
fn spikes_that_prove_to_be_a_shift_are_no_spikes() {
    let mut script = Script::new();
    (0..20).for_each(|_| script.reply());
    let slow = Found::Spiked(ProbeSeq::new(5), Symptom::Slow(crate::detect::Severity::Over));
    script.find(5, slow);
    script.find(15, slow);
    assert_eq!(script.evidence(0, 20).slow, 2);
    let (from, to) = (Rtt::from_nanos(MS), Rtt::from_nanos(3 * MS));
    script.find(10, Found::LevelShift { from, to });
    assert_eq!(script.evidence(0, 20).slow, 1);
    assert_eq!(script.evidence(0, 20).shift, Some((from, to)));
    assert_eq!(script.evidence(300, 320).shift, None);
}

#[test]
fn replies_as_late_as_a_repeated_syn_are_told() {
    let mut script = Script::new();
    for ms in [1, 999, 1_010, 1_500, 3_005] {
        script.answer(Answer::Reply, 62, ms);
    }
    assert_eq!(script.evidence(0, 9).retransmission_like, 2);
    assert_eq!(script.evidence(0, 9).peak, Some(Rtt::from_nanos(3_005 * MS)));
}

#[test]
fn usual_loss_is_that_of_times_without_trouble() {
    let mut script = Script::new();
    (0..3_000).for_each(|n: u64| {
        if n.is_multiple_of(50) {
            script.lose();
        } else {
            script.reply();
        }
    });
    // 2 % of 2,400 that are old enough, and 0.1 % taken for granted of 1,000.
    let usual = script.evidence(0, 1).usual_loss;
    assert!((0.012..0.016).contains(&usual), "{usual}");
    script.find(3_000, Found::Degraded(crate::detect::Cause::Silent));
    (0..3_000).for_each(|_| script.lose());
    let after = script.evidence(0, 1).usual_loss;
    assert!((0.012..0.018).contains(&after), "{after}");
}

#[test]
fn an_unknown_or_removed_series_has_no_evidence() {
    let mut script = Script::new();
    script.reply();
    script.history.remove(ID);
    assert_eq!(script.evidence(0, 9).sent, 0);
    assert_eq!(script.history.evidence(SeriesId::new(99), at(0), at(1), None).sent, 0);
    script.reply();
}

#[test]
fn memory_is_bounded_whatever_happens() {
    let mut script = Script::new();
    (0..20_000_u64).for_each(|n| match n % 4 {
        0 => script.lose(),
        1 => script.answer(Answer::Refused, 1, 1),
        2 => {
            script.send();
        }
        _ => script.reply(),
    });
    let evidence = script.evidence(0, 30_000);
    assert!(evidence.minority_at.len() <= 64);
    assert!(size_of::<Stream>() < 700, "{}", size_of::<Stream>());
}
