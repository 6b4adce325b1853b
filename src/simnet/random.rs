//! Randomness with a seed: a stream per element, and the named distributions of jitter.

use std::time::Duration;

use rand_chacha::ChaCha8Rng;

use super::topology::Jitter;

/// A random stream of one element's own.
pub(super) type Stream = ChaCha8Rng;

/// The stream of the element called `name` in a network with this seed. Streams of different names are independent.
pub(super) fn stream(_seed: u64, _name: &str) -> Stream {
    unimplemented!()
}

/// Draws a delay.
pub(super) fn draw(_jitter: &Jitter, _random: &mut Stream) -> Duration {
    unimplemented!()
}
