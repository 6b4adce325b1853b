use super::*;
use crate::detect::Severity;
use crate::outcome::{InTime, Timing};
use crate::units::{ProbeSeq, Rtt};

const SLOT: Duration = Duration::from_millis(1);
const ID: SeriesId = SeriesId::new(0);

fn at(ms: u64) -> Mono {
    Mono::from_nanos(ms * 1_000_000)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn noise() -> OwnNoise {
    OwnNoise::new(SLOT)
}

fn say(noise: &mut OwnNoise, series: SeriesId, sent_ms: u64, what: What) {
    noise.handle_event(&Event {
        series,
        seq: ProbeSeq::new(sent_ms),
        sent_at: at(sent_ms),
        what,
    });
}

fn send(noise: &mut OwnNoise, sent_ms: u64, late_ms: u64) {
    say(noise, ID, sent_ms, What::Sent { late_by: ms(late_ms) });
}

fn answer(noise: &mut OwnNoise, sent_ms: u64, rtt_ms: u64, user_ms: u64) {
    let answered = Answered {
        answer: Answer::Reply,
        timing: Timing {
            rtt: Rtt::from(ms(rtt_ms)),
            source: StampSource::Kernel,
        },
        user_rtt: Rtt::from(ms(user_ms)),
        in_time: InTime::Yes,
        timed_out: false,
        reordered: false,
        ttl: None,
        bytes: 8,
        stamp_loss: None,
        from: None,
        told: None,
    };
    say(noise, ID, sent_ms, What::Answered(answered));
}

fn spike(noise: &mut OwnNoise, series: SeriesId, sent_ms: u64) {
    noise.handle_finding(&Finding {
        series,
        at: at(sent_ms),
        found: Found::Spiked(ProbeSeq::new(sent_ms), Symptom::Slow(Severity::Over)),
    });
}

#[test]
fn probes_that_leave_late_together_are_one_stall() {
    let mut noise = noise();
    send(&mut noise, 1_000, 0);
    send(&mut noise, 1_150, 150);
    send(&mut noise, 1_151, 90);
    assert_eq!(noise.take_stalls(at(1_155)), [], "it may still go on");
    let stall = Stall {
        from: at(1_000),
        to: at(1_151),
        late_by: ms(149),
    };
    assert_eq!(noise.take_stalls(at(1_170)), [stall]);
    assert_eq!(noise.take_stalls(at(1_180)), [], "told once");
}

#[test]
fn batching_and_the_lateness_of_any_scheduler_are_no_stall() {
    let mut noise = noise();
    (0..100).for_each(|n| send(&mut noise, n * 100, 21));
    assert_eq!(noise.take_stalls(at(60_000)), []);
    send(&mut noise, 70_000, 22);
    assert_eq!(noise.take_stalls(at(71_000)).len(), 1);
}

#[test]
fn an_answer_that_lay_in_the_kernel_is_a_stall_from_its_stamp_to_its_reading() {
    let mut noise = noise();
    answer(&mut noise, 1_000, 10, 90);
    let stalls = noise.take_stalls(at(2_000));
    assert_eq!((stalls[0].from, stalls[0].to), (at(1_010), at(1_090)));
}

#[test]
fn three_long_stalls_in_a_minute_are_trouble_and_a_minute_later_they_are_not() {
    let mut noise = noise();
    send(&mut noise, 2_150, 150);
    send(&mut noise, 5_250, 150);
    send(&mut noise, 6_000, 40);
    assert_eq!(noise.trouble(at(6_100)), None, "the third is short");
    send(&mut noise, 8_350, 150);
    assert_eq!(noise.trouble(at(8_400)), Some(at(2_000)));
    assert_eq!(noise.trouble(at(62_200)), None, "the first is a minute old");
}

#[test]
fn a_spike_is_explained_by_a_stall_at_either_end_and_by_none_in_between() {
    let mut noise = noise();
    // Sent just before a stall that ends at 1,150, read within its aftermath.
    answer(&mut noise, 1_000, 155, 155);
    // Sent well before, read well after it: the stall is not why.
    answer(&mut noise, 900, 400, 400);
    send(&mut noise, 1_150, 140);
    spike(&mut noise, ID, 1_000);
    spike(&mut noise, ID, 900);
    let evidence = noise.evidence(at(0), at(2_000));
    assert_eq!((evidence.stalls, evidence.longest), (1, ms(139)));
    assert_eq!((evidence.spikes, evidence.own_delay_ratio), (2, 0.5));
    assert_eq!(noise.evidence(at(1_500), at(2_000)).stalls, 0);
}

#[test]
fn a_spike_is_explained_where_half_of_its_rtt_arose_above_the_kernel() {
    let mut noise = noise();
    answer(&mut noise, 1_000, 10, 15);
    answer(&mut noise, 1_100, 10, 14);
    spike(&mut noise, ID, 1_000);
    spike(&mut noise, ID, 1_100);
    assert!((noise.evidence(at(0), at(2_000)).own_delay_ratio - 0.5).abs() < 1e-9);
}

#[test]
fn controls_are_counted_apart() {
    let (loopback, gateway) = (SeriesId::new(1), SeriesId::new(2));
    let mut noise = noise();
    noise.set_loopback(loopback);
    assert_eq!(noise.evidence(at(0), at(9_000)).gateway, None);
    noise.set_gateway(gateway);
    for n in 0..10 {
        for series in [ID, loopback, gateway] {
            say(&mut noise, series, n * 200, What::Sent { late_by: ms(0) });
        }
    }
    spike(&mut noise, gateway, 400);
    noise.handle_finding(&Finding {
        series: gateway,
        at: at(600),
        found: Found::Spiked(ProbeSeq::new(600), Symptom::Lost),
    });
    let evidence = noise.evidence(at(0), at(9_000));
    assert_eq!((evidence.loopback, evidence.gateway), ((0, 10), Some((2, 10))));
}

#[test]
fn what_this_host_could_not_send_or_see_is_counted() {
    let mut noise = noise();
    say(&mut noise, ID, 100, What::SendFailed(SendError::NoBuffer));
    say(&mut noise, ID, 200, What::SendFailed(SendError::NoRoute));
    let unseen = Fate::Unjudged(Unjudged::ReceiveOverflow);
    say(&mut noise, ID, 300, What::Settled(unseen));
    say(&mut noise, ID, 400, What::Settled(Fate::Lost));
    assert_eq!(noise.evidence(at(0), at(9_000)).faults, 2);
}

#[test]
fn stalls_and_faults_are_bounded() {
    let mut noise = noise();
    for n in 0..10_000 {
        send(&mut noise, n * 1_000, 500);
        say(&mut noise, ID, n * 1_000, What::SendFailed(SendError::NoBuffer));
        spike(&mut noise, ID, n * 1_000);
    }
    assert!(noise.take_stalls(at(20_000_000)).len() <= STALLS_MAX);
    assert!(noise.evidence(at(0), at(20_000_000)).faults <= 256);
}
