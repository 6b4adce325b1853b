//! Randomness with a seed: a stream per element, and the named distributions of jitter.
//!
//! The same seed must give the same network on every machine and after every build, and an element more or less must not change what
//! the others draw. So each element has a `ChaCha8` stream of its own, whose key is made of the seed and of a hash of the element's name:
//! key = seed (8 bytes, little-endian), `SipHash-1-3-128` of the name under the key (seed, 0) (16 bytes), zeros (8 bytes). Streams of
//! different keys are independent as far as anybody knows. The order in which they are made does not matter.
//!
//! Parameters out of range are refused when a topology is read. Here they are harmless all the same: what is no number, or negative, is
//! no delay, and no delay is longer than [`LONGEST`].

use std::hash::Hasher;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, Exp1, Gamma, Pareto, StandardNormal, StandardUniform};
use siphasher::sip128::{Hasher128, SipHasher13};

use super::topology::Jitter;

/// A random stream of one element's own.
pub(crate) type Stream = ChaCha8Rng;

/// The stream of the element called `name` in a network with this seed. Streams of different names are independent.
pub(crate) fn stream(seed: u64, name: &str) -> Stream {
    let mut hasher = SipHasher13::new_with_keys(seed, 0);
    hasher.write(name.as_bytes());
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..24].copy_from_slice(&hasher.finish128().as_bytes());
    Stream::from_seed(key)
}

/// Draws whether something with this probability happens. What is no number never happens.
///
/// Takes nothing from the stream where there is nothing to draw: at 0 and below, at 1 and above.
pub(super) fn chance(share: f64, random: &mut Stream) -> bool {
    if share >= 1.0 {
        return true;
    }
    share > 0.0 && random.random_bool(share)
}

/// Draws a delay, from 0 to [`LONGEST`].
pub(crate) fn draw(jitter: &Jitter, random: &mut Stream) -> Duration {
    let seconds = match *jitter {
        Jitter::Uniform(most) => most.0.as_secs_f64() * sample(StandardUniform, random),
        Jitter::Exponential(mean) => mean.0.as_secs_f64() * sample(Exp1, random),
        Jitter::Normal(deviation) => deviation.0.as_secs_f64() * sample(StandardNormal, random).abs(),
        Jitter::Lognormal { median, sigma } => median.0.as_secs_f64() * (sigma * sample(StandardNormal, random)).exp(),
        Jitter::Gamma { mean, shape } => mean.0.as_secs_f64() * unit_gamma(shape, random),
        Jitter::Pareto { scale, shape, most } => {
            (scale.0.as_secs_f64() * pareto_excess(shape, random)).min(most.0.as_secs_f64())
        }
        Jitter::Bimodal { by, share } if chance(share, random) => by.0.as_secs_f64(),
        Jitter::Bimodal { .. } | Jitter::None => 0.0,
    };
    delay(seconds)
}

/// Draws a time, exponentially distributed. Unlike a delay it may be longer than [`LONGEST`]: a fault that comes once a day is no packet.
pub(super) fn exponential(mean: Duration, random: &mut Stream) -> Duration {
    let seconds = mean.as_secs_f64() * sample(Exp1, random);
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// Draws from a distribution of `f64`, which spares each caller the type.
fn sample(distribution: impl Distribution<f64>, random: &mut Stream) -> f64 {
    distribution.sample(random)
}

/// Draws from the gamma distribution of this shape and mean 1; 0 where there is none of this shape.
fn unit_gamma(shape: f64, random: &mut Stream) -> f64 {
    Gamma::new(shape, 1.0).map_or(0.0, |gamma| gamma.sample(random) / shape)
}

/// Draws from the Pareto distribution of this shape and scale 1, less 1 (Lomax); 0 where there is none of this shape.
fn pareto_excess(shape: f64, random: &mut Stream) -> f64 {
    Pareto::new(1.0, shape).map_or(0.0, |pareto| pareto.sample(random) - 1.0)
}

/// To the nearest ns.
fn delay(seconds: f64) -> Duration {
    // `max` takes the other one where one is no number, so this is 0 then.
    let bounded = seconds.max(0.0).min(LONGEST.as_secs_f64());
    Duration::try_from_secs_f64(bounded).unwrap_or_default()
}

/// Far beyond what any prober waits for, and short enough that sums of a path stay far from the end of time.
const LONGEST: Duration = Duration::from_hours(1);

#[cfg(test)]
mod tests;
