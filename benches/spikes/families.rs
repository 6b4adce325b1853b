//! Shapes of RTTs whose every quantile is known.

use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, StandardNormal};
use statrs::function::erf::erf;

/// A stationary distribution of RTTs, in ms.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Family {
    /// `median * exp(sigma * normal)`.
    LogNormal { median: f64, sigma: f64 },
    /// 20 ms and the sum of two exponentials of 1 ms.
    Wan,
    /// 0.5 ms, or 3 ms for 3 in 10, each log-normal with a deviation of a tenth: two paths of unequal length.
    Bimodal,
    /// 0.4 ms or more, with this tail.
    Pareto { shape: f64 },
}

/// The seven families, and whether theirs is the stricter bar of a local network.
pub(crate) const FAMILIES: [(&str, Family, bool); 7] = [
    ("lan, log-normal 0.2", LAN, true),
    ("log-normal 0.5", BUSY, false),
    (
        "log-normal 1",
        Family::LogNormal {
            median: 2.0,
            sigma: 1.0,
        },
        false,
    ),
    ("wan, 20 ms + gamma", Family::Wan, false),
    ("bimodal 0.5/3 ms", Family::Bimodal, false),
    ("pareto 2.5", Family::Pareto { shape: 2.5 }, false),
    ("pareto 1.5", Family::Pareto { shape: 1.5 }, false),
];

/// A local network.
pub(crate) const LAN: Family = Family::LogNormal {
    median: 0.4,
    sigma: 0.2,
};

/// A busy one.
pub(crate) const BUSY: Family = Family::LogNormal {
    median: 0.6,
    sigma: 0.5,
};

impl Family {
    /// Draws an RTT in ms.
    pub(crate) fn draw(self, random: &mut ChaCha8Rng) -> f64 {
        match self {
            Self::LogNormal { median, sigma } => median * (sigma * normal(random)).exp(),
            Self::Wan => 20.0 + exponential(random) + exponential(random),
            Self::Bimodal => {
                let mode = if random.random_bool(0.3) { 3.0 } else { 0.5 };
                mode * (0.1 * normal(random)).exp()
            }
            Self::Pareto { shape } => 0.4 * (exponential(random) / shape).exp(),
        }
    }

    /// What the threshold of the specification allows above the median, in ms, from the distribution itself.
    pub(crate) fn allowed(self) -> f64 {
        let [median, p90, p99] = [0.5, 0.9, 0.99].map(|q| self.quantile(q));
        [1.0, median / 5.0, 4.0 * (p90 - median) / 1.2816, 1.5 * (p99 - median)]
            .into_iter()
            .fold(0.0, f64::max)
    }

    /// By bisection.
    fn quantile(self, q: f64) -> f64 {
        let (mut low, mut high) = (0.0, 60_000.0);
        for _ in 0..100 {
            let middle = f64::midpoint(low, high);
            if self.share_below(middle) < q {
                low = middle;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The distribution function.
    fn share_below(self, ms: f64) -> f64 {
        let log_normal =
            |median: f64, sigma: f64| 0.5 * (1.0 + erf((ms / median).ln() / sigma / std::f64::consts::SQRT_2));
        match self {
            Self::LogNormal { median, sigma } => log_normal(median, sigma),
            Self::Wan => {
                let over = (ms - 20.0).max(0.0);
                1.0 - (1.0 + over) * (-over).exp()
            }
            Self::Bimodal => 0.7 * log_normal(0.5, 0.1) + 0.3 * log_normal(3.0, 0.1),
            Self::Pareto { shape } => 1.0 - (0.4 / ms.max(0.4)).powf(shape),
        }
    }
}

fn normal(random: &mut impl Rng) -> f64 {
    StandardNormal.sample(random)
}

fn exponential(random: &mut impl Rng) -> f64 {
    Exp1.sample(random)
}
