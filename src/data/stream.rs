//! Random numbers by address: a stream is named by a purpose and a few numbers, and has one place per sample.
//!
//! ChaCha with eight rounds is a function of (key, stream, counter). The key is a hash of the purpose and its numbers,
//! the stream is the sample's index: what is drawn for sample i depends neither on how many samples there are nor on
//! the order or the thread in which they are drawn. Changing any constant here changes results; see [`VERSION`].

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Version of the generators; part of every key and of the digest of generated data.
pub(super) const VERSION: u32 = 1;

/// The key of a family of streams.
#[derive(Debug, Clone)]
pub(crate) struct Key([u8; 32]);

impl Key {
    /// The key of a purpose and its numbers.
    pub(crate) fn new(purpose: &str, numbers: &[u64]) -> Key {
        let mut hasher = blake3::Hasher::new_derive_key("phasesweep data streams");
        hasher.update(&VERSION.to_le_bytes());
        hasher.update(&(purpose.len() as u64).to_le_bytes());
        hasher.update(purpose.as_bytes());
        for number in numbers {
            hasher.update(&number.to_le_bytes());
        }
        Key(*hasher.finalize().as_bytes())
    }

    /// The stream of one sample.
    pub(crate) fn at(&self, index: u64) -> Stream {
        let mut generator = ChaCha8Rng::from_seed(self.0);
        generator.set_stream(index);
        Stream { generator, spare: None }
    }
}

/// One sample's random numbers, in order.
#[derive(Debug)]
pub(crate) struct Stream {
    generator: ChaCha8Rng,
    /// Second normal of the last pair.
    spare: Option<f64>,
}

impl Stream {
    /// A whole number in `0..bound`, by the high half of a 128-bit product; its bias is below bound/2⁶⁴.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.generator.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A number uniform on [0, 1), a multiple of 2⁻⁵³.
    pub(crate) fn uniform(&mut self) -> f64 {
        (self.generator.next_u64() >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A standard normal (Box and Muller 1958). Two words a pair, always: the k-th normal of a stream stands at a
    /// fixed place, which a rejection method could not promise.
    pub(crate) fn normal(&mut self) -> f64 {
        if let Some(second) = self.spare.take() {
            return second;
        }
        // 1 − u lies in (0, 1], so that the logarithm is finite.
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        let (sine, cosine) = (std::f64::consts::TAU * self.uniform()).sin_cos();
        self.spare = Some(radius * sine);
        radius * cosine
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_its_numbers_whoever_asks() {
        let key = Key::new("test", &[1]);
        let forwards: Vec<u64> = (0..50).map(|i| key.at(i).below(1 << 40)).collect();
        let backwards: Vec<u64> = (0..50).rev().map(|i| key.at(i).below(1 << 40)).collect();
        assert!(forwards.iter().eq(backwards.iter().rev()));
        assert_ne!(key.at(0).below(1 << 40), Key::new("test", &[2]).at(0).below(1 << 40));
        assert_ne!(key.at(0).below(1 << 40), Key::new("tests", &[1]).at(0).below(1 << 40));
    }

    #[test]
    fn normals_have_the_moments_of_a_normal() {
        let key = Key::new("moments", &[]);
        let n = 200_000;
        let draws: Vec<f64> = (0..n / 4)
            .flat_map(|i| {
                let mut stream = key.at(i);
                (0..4).map(move |_| stream.normal()).collect::<Vec<_>>()
            })
            .collect();
        let moment = |power: i32| draws.iter().map(|x| x.powi(power)).sum::<f64>() / n as f64;
        // Five standard errors: the variances of x, x², x³, x⁴ are 1, 2, 15, 96.
        for (power, expected, variance) in [(1, 0.0, 1.0), (2, 1.0, 2.0), (3, 0.0, 15.0), (4, 3.0, 96.0)] {
            let error = (moment(power) - expected).abs();
            assert!(error < 5.0 * f64::sqrt(variance / n as f64), "moment {power} is off by {error}");
        }
        // Neighbours, within a pair and across streams, are uncorrelated: standard error 1/√n.
        let lag = |k: usize| draws.windows(k + 1).map(|w| w[0] * w[k]).sum::<f64>() / n as f64;
        for k in 1..=4 {
            assert!(lag(k).abs() < 5.0 / f64::sqrt(n as f64), "lag {k}: {}", lag(k));
        }
    }

    #[test]
    fn whole_numbers_are_uniform() {
        let key = Key::new("uniform", &[]);
        let mut counts = [0u32; 7];
        for i in 0..70_000 {
            counts[key.at(i).below(7) as usize] += 1;
        }
        // χ² with 6 degrees of freedom exceeds 35.9 with probability 3e-6.
        let chi2: f64 = counts.iter().map(|&c| (f64::from(c) - 1e4).powi(2) / 1e4).sum();
        assert!(chi2 < 35.9, "{counts:?}");
    }
}
