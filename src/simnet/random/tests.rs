use proptest::prelude::*;
use rand::Rng;
use statrs::distribution as theory;
use statrs::distribution::ContinuousCDF;

use super::*;
use crate::simnet::topology::Span;

const DRAWS: u32 = 50_000;

/// Delays in ms, as many as [`DRAWS`], in ascending order.
fn sorted_draws(jitter: Jitter) -> Vec<f64> {
    let mut random = stream(7, "link");
    let mut drawn: Vec<f64> = (0..DRAWS)
        .map(|_| draw(&jitter, &mut random).as_secs_f64() * 1e3)
        .collect();
    drawn.sort_by(f64::total_cmp);
    drawn
}

/// The Kolmogorov-Smirnov statistic `sqrt(n) * sup |F_n - F|`, over the draws below `end`.
fn kolmogorov_smirnov(sorted: &[f64], end: f64, cdf: impl Fn(f64) -> f64) -> f64 {
    let count = f64::from(DRAWS);
    let mut below = 0.0;
    let mut widest: f64 = 0.0;
    for x in sorted.iter().take_while(|x| **x < end) {
        let expected = cdf(*x);
        widest = widest.max((expected - below / count).abs());
        below += 1.0;
        widest = widest.max((expected - below / count).abs());
    }
    widest * count.sqrt()
}

/// Exceeded by one right sample in a thousand: the 0.999 quantile of the Kolmogorov distribution. The seed is fixed, so a sample
/// that passes always passes.
const SIGNIFICANT: f64 = 1.95;

fn ms(count: u64) -> Span {
    Span(Duration::from_millis(count))
}

fn assert_follows(jitter: Jitter, cdf: impl Fn(f64) -> f64) {
    let statistic = kolmogorov_smirnov(&sorted_draws(jitter), f64::INFINITY, cdf);
    assert!(statistic < SIGNIFICANT, "{jitter:?}: {statistic}");
}

/// Within 4 standard errors of the mean, which one right sample in 16,000 is not.
fn assert_mean(jitter: Jitter, mean: f64, deviation: f64) {
    let drawn = sorted_draws(jitter);
    let found = drawn.iter().sum::<f64>() / f64::from(DRAWS);
    let bound = 4.0 * deviation / f64::from(DRAWS).sqrt();
    assert!(
        (found - mean).abs() < bound,
        "{jitter:?}: {found}, not {mean} ± {bound}"
    );
}

#[test]
fn uniform_jitter_is_uniform() {
    let uniform = theory::Uniform::new(0.0, 8.0).expect("a distribution");
    assert_follows(Jitter::Uniform(ms(8)), |x| uniform.cdf(x));
    assert_mean(Jitter::Uniform(ms(8)), 4.0, 8.0 / 12.0_f64.sqrt());
}

#[test]
fn exponential_jitter_is_exponential() {
    let exponential = theory::Exp::new(1.0 / 5.0).expect("a distribution");
    assert_follows(Jitter::Exponential(ms(5)), |x| exponential.cdf(x));
    assert_mean(Jitter::Exponential(ms(5)), 5.0, 5.0);
}

#[test]
fn normal_jitter_is_half_normal() {
    let normal = theory::Normal::new(0.0, 3.0).expect("a distribution");
    assert_follows(Jitter::Normal(ms(3)), |x| 2.0 * normal.cdf(x) - 1.0);
    let share = 2.0 / std::f64::consts::PI;
    assert_mean(Jitter::Normal(ms(3)), 3.0 * share.sqrt(), 3.0 * (1.0 - share).sqrt());
}

#[test]
fn lognormal_jitter_is_lognormal_around_its_median() {
    let jitter = Jitter::Lognormal {
        median: ms(2),
        sigma: 0.7,
    };
    let lognormal = theory::LogNormal::new(2.0_f64.ln(), 0.7).expect("a distribution");
    assert_follows(jitter, |x| lognormal.cdf(x));
    let drawn = sorted_draws(jitter);
    let below = drawn.iter().filter(|x| **x < 2.0).count();
    let below = u32::try_from(below).expect("no more than were drawn");
    // Half of them, within 4 standard deviations of the binomial distribution.
    assert!((f64::from(below) - f64::from(DRAWS) / 2.0).abs() < 2.0 * f64::from(DRAWS).sqrt());
}

#[test]
fn gamma_jitter_is_gamma_on_both_sides_of_shape_one() {
    for shape in [0.5, 1.0, 2.5] {
        let jitter = Jitter::Gamma { mean: ms(4), shape };
        let gamma = theory::Gamma::new(shape, shape / 4.0).expect("a distribution");
        assert_follows(jitter, |x| gamma.cdf(x));
        assert_mean(jitter, 4.0, 4.0 / shape.sqrt());
    }
}

#[test]
fn pareto_jitter_is_pareto_from_zero_up_to_its_cut() {
    let jitter = Jitter::Pareto {
        scale: ms(1),
        shape: 1.5,
        most: ms(20),
    };
    let pareto = theory::Pareto::new(1.0, 1.5).expect("a distribution");
    let drawn = sorted_draws(jitter);
    let statistic = kolmogorov_smirnov(&drawn, 20.0, |x| pareto.cdf(x + 1.0));
    assert!(statistic < SIGNIFICANT, "{statistic}");
    // All that would be longer is exactly that long: a share of 21^-1.5, within 4 standard deviations of the binomial distribution.
    assert!(drawn.iter().all(|x| *x <= 20.0));
    let cut = drawn.iter().filter(|x| **x >= 20.0).count();
    let cut = f64::from(u32::try_from(cut).expect("no more than were drawn")) / f64::from(DRAWS);
    let share = 21.0_f64.powf(-1.5);
    assert!((cut - share).abs() < 4.0 * (share / f64::from(DRAWS)).sqrt(), "{cut}");
}

#[test]
fn bimodal_jitter_is_all_or_nothing_in_its_share() {
    let jitter = Jitter::Bimodal { by: ms(6), share: 0.25 };
    assert!(
        sorted_draws(jitter)
            .iter()
            .all(|x| *x == 0.0 || (*x - 6.0).abs() < 1e-9)
    );
    assert_mean(jitter, 1.5, 6.0 * (0.25_f64 * 0.75).sqrt());
}

#[test]
fn no_jitter_is_none_and_takes_nothing_from_the_stream() {
    let mut random = stream(7, "link");
    assert_eq!(draw(&Jitter::None, &mut random), Duration::ZERO);
    assert_eq!(random, stream(7, "link"));
}

#[test]
fn the_test_of_distributions_notices_three_percent() {
    let drawn = sorted_draws(Jitter::Exponential(ms(5)));
    for mean in [4.85, 5.15] {
        let wrong = theory::Exp::new(1.0 / mean).expect("a distribution");
        assert!(kolmogorov_smirnov(&drawn, f64::INFINITY, |x| wrong.cdf(x)) > SIGNIFICANT);
    }
}

#[test]
fn chances_keep_their_share() {
    for share in [0.001, 0.3, 0.999] {
        let mut random = stream(7, "chance");
        let hits = (0..DRAWS).filter(|_| chance(share, &mut random)).count();
        let hits = f64::from(u32::try_from(hits).expect("no more than were drawn"));
        // 4 standard deviations of the binomial distribution.
        let bound = 4.0 * (f64::from(DRAWS) * share * (1.0 - share)).sqrt();
        assert!((hits - f64::from(DRAWS) * share).abs() < bound, "{share}: {hits}");
    }
}

#[test]
fn what_is_no_probability_never_or_always_happens() {
    let mut random = stream(7, "chance");
    for never in [f64::NAN, f64::NEG_INFINITY, -0.5, -0.0, 0.0] {
        assert!(!chance(never, &mut random), "{never}");
    }
    for always in [1.0, 1.5, f64::INFINITY] {
        assert!(chance(always, &mut random), "{always}");
    }
}

fn first_words(random: &mut Stream) -> [u64; 4] {
    std::array::from_fn(|_| random.next_u64())
}

#[test]
fn a_stream_is_its_seed_and_its_name_and_nothing_else() {
    let mut link = stream(1, "host>agg1");
    let mut other = stream(1, "agg1>host");
    let drawn = first_words(&mut link);
    assert_ne!(drawn, first_words(&mut other));
    assert_ne!(drawn, first_words(&mut stream(2, "host>agg1")));
    // Made after others, and drawn from after them.
    assert_eq!(drawn, first_words(&mut stream(1, "host>agg1")));
}

/// The expected words are of an implementation of `SipHash` and `ChaCha` in Python after their papers, which was held against the
/// published vectors of `SipHash-2-4-128` and `ChaCha8`.
#[test]
fn a_stream_is_the_same_on_every_machine_and_after_every_build() {
    let expected = [
        0x4543_ceba_8c37_f35d,
        0x763a_b8da_60aa_1324,
        0x4095_0ed1_c532_d028,
        0xe215_96a2_54af_d747,
    ];
    assert_eq!(first_words(&mut stream(1, "host>agg1")), expected);
}

proptest! {
    #[test]
    fn no_parameters_make_a_draw_panic_or_last(
        nanos in any::<u64>(),
        most in any::<u64>(),
        number in prop_oneof![any::<f64>(), Just(f64::NAN), Just(f64::INFINITY), Just(f64::MIN_POSITIVE), -3.0..3.0],
        seed in any::<u64>(),
    ) {
        let span = Span(Duration::from_nanos(nanos));
        let most = Span(Duration::from_nanos(most));
        let mut random = stream(seed, "any");
        for jitter in [
            Jitter::Uniform(span),
            Jitter::Exponential(span),
            Jitter::Normal(span),
            Jitter::Lognormal { median: span, sigma: number },
            Jitter::Gamma { mean: span, shape: number },
            Jitter::Pareto { scale: span, shape: number, most },
            Jitter::Bimodal { by: span, share: number },
        ] {
            for _ in 0..20 {
                prop_assert!(draw(&jitter, &mut random) <= LONGEST);
            }
        }
    }
}

#[test]
fn a_shape_that_is_no_number_is_no_delay() {
    let mut random = stream(7, "link");
    for jitter in [
        Jitter::Lognormal {
            median: ms(2),
            sigma: f64::NAN,
        },
        Jitter::Gamma {
            mean: ms(2),
            shape: f64::NAN,
        },
        Jitter::Pareto {
            scale: ms(2),
            shape: f64::NAN,
            most: ms(9),
        },
        Jitter::Bimodal {
            by: ms(2),
            share: f64::NAN,
        },
    ] {
        assert_eq!(draw(&jitter, &mut random), Duration::ZERO, "{jitter:?}");
    }
}
