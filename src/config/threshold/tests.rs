use proptest::prelude::*;

use super::*;
use crate::outcome::StampSource;
use crate::stats::Counts;

fn summary(sent: u64, lost: u64) -> Summary {
    Summary {
        counts: Counts {
            sent,
            lost,
            received: sent - lost,
            ..Counts::default()
        },
        loss: None,
        rtt: None,
        refused_rtt: None,
        user_rtt: None,
        jitter_rfc3550_us: None,
        ipdv: None,
        loss_burst_max: 0,
        stamp: StampSource::Kernel,
        stamps_lost: 0,
        send_late: None,
        rtt_cells: Vec::new(),
        ipdv_cells: Vec::new(),
        send_late_cells: Vec::new(),
    }
}

/// Every figure of the distribution differs, so that no test passes by reading the wrong one.
fn with_rtt() -> Summary {
    let ms = |ms: u64| Rtt::from_nanos(ms * 1_000_000);
    Summary {
        rtt: Some(RttSummary {
            min: ms(1),
            mean_us: 5_500.0,
            p50: ms(10),
            p90: ms(20),
            p99: ms(30),
            p999: ms(40),
            max: ms(50),
            stddev_us: 700.0,
            mdev_us: 600.0,
        }),
        jitter_rfc3550_us: Some(2_500.0),
        ..summary(100, 0)
    }
}

fn judge(threshold: &str, summary: &Summary) -> Judgement {
    threshold.parse::<Threshold>().unwrap().judge("app01", summary)
}

#[test]
fn each_figure_is_compared_with_its_own_limit() {
    for (figure, just_below, at) in [
        ("min", "999us", "1ms"),
        ("mean", "5499us", "5.5ms"),
        ("avg", "5499us", "5.5ms"),
        ("p50", "9999us", "10ms"),
        ("median", "9999us", "10ms"),
        ("p90", "19.999ms", "20ms"),
        ("p99", "29.999ms", "30ms"),
        ("p999", "39.999ms", "40ms"),
        ("p99.9", "39.999ms", "40ms"),
        ("max", "49.999ms", "50ms"),
        ("jitter", "2499us", "2.5ms"),
    ] {
        assert!(
            judge(&format!("{figure}>{just_below}"), &with_rtt()).failed(),
            "{figure}"
        );
        assert_eq!(
            judge(&format!("{figure}>{at}"), &with_rtt()),
            Judgement::Held,
            "{figure}"
        );
        assert!(judge(&format!("{figure} >= {at}"), &with_rtt()).failed(), "{figure}");
    }
}

#[test]
fn loss_at_the_limit_holds_and_one_probe_more_crosses() {
    assert_eq!(judge("loss>5%", &summary(100, 5)), Judgement::Held);
    assert!(judge("loss>5%", &summary(100, 6)).failed());
    assert!(judge("loss>=5%", &summary(100, 5)).failed());
    assert_eq!(judge("loss>0.7%", &summary(1_000, 7)), Judgement::Held);
    assert!(judge("loss>0", &summary(1_000_000, 1)).failed());
    assert!(judge("loss>=100%", &summary(3, 3)).failed());
    let late = Summary {
        counts: Counts {
            late: 2,
            ..summary(10, 0).counts
        },
        ..summary(10, 0)
    };
    assert!(judge("late>19%", &late).failed());
    assert_eq!(judge("late>20%", &late), Judgement::Held);
}

#[test]
fn the_sentence_names_target_figure_and_limit() {
    assert_eq!(
        judge("loss > 5 %", &summary(8, 1)),
        Judgement::Crossed("app01: loss 12.5 % (1 of 8) crosses loss>5%".to_owned())
    );
    assert_eq!(
        judge("p99>20ms", &with_rtt()),
        Judgement::Crossed("app01: p99 30.000 ms crosses p99>20ms".to_owned())
    );
}

#[test]
fn an_absent_figure_fails_and_says_why() {
    let silent = judge("p99>20ms", &summary(10, 10));
    assert!(silent.failed());
    assert!(
        matches!(&silent, Judgement::NoFigure(why) if why.contains("app01") && why.contains("0 of 10")),
        "{silent:?}"
    );
    assert!(matches!(judge("jitter>5ms", &summary(1, 0)), Judgement::NoFigure(why) if why.contains("two replies")));
    assert!(matches!(judge("loss>5%", &summary(0, 0)), Judgement::NoFigure(_)));
}

#[test]
fn each_mistake_is_called_by_its_name() {
    use ThresholdError::*;
    let bad_share = |text: &str| BadShare(text.to_owned());
    for (text, expected) in [
        ("", Malformed),
        ("loss", Malformed),
        ("loss<5%", Malformed),
        ("loss=5%", Malformed),
        ("5%", Malformed),
        ("p42>1ms", UnknownFigure("p42".to_owned())),
        (">5%", UnknownFigure(String::new())),
        ("loss>5", bad_share("5")),
        ("loss>5ms", bad_share("5ms")),
        ("loss>-1%", bad_share("-1%")),
        ("loss>nan%", bad_share("nan%")),
        ("loss>101%", bad_share("101%")),
        ("loss>%", bad_share("%")),
        ("loss>>5%", bad_share(">5%")),
        ("loss>100%", NeverCrossed),
        ("p99>20", BadTime("20".to_owned(), DurationError::UnitMissing)),
        (
            "p99>5%",
            BadTime("5%".to_owned(), DurationError::UnknownUnit("%".to_owned())),
        ),
        ("p99>-1ms", BadTime("-1ms".to_owned(), DurationError::Negative)),
    ] {
        assert_eq!(text.parse::<Threshold>(), Err(expected), "{text:?}");
    }
}

proptest! {
    #[test]
    fn shares_agree_with_whole_number_arithmetic(percent in 0_u64..100, sent in 1_u64..100_000, lost_per_mille in 0_u64..=1_000) {
        let lost = sent * lost_per_mille / 1_000;
        let crossed = lost * 100 > percent * sent;
        prop_assert_eq!(judge(&format!("loss>{percent}%"), &summary(sent, lost)).failed(), crossed);
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,16}|(loss|p99|jitter)[>= ]{0,3}[-0-9.]{0,30}(%|ms| )?") {
        let _ = text.parse::<Threshold>();
    }
}
