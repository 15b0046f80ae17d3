//! Test inputs with Gaussian noise (Ciceri et al. 2024, the noisy variant of experiment 3).

use rayon::prelude::*;

use super::Block;
use super::stream::Key;

/// One draw of the noise on test inputs.
///
/// The normal of a test sample and source input depends on the draw and their places alone: an input has the same noise
/// whichever others were dropped.
#[derive(Debug, Clone)]
pub struct TestNoise(Key);

impl TestNoise {
    /// The draw of that number.
    pub fn new(stream: u64) -> TestNoise {
        TestNoise(Key::new("noise on test inputs", &[stream]))
    }

    /// Adds the standard normals of the inputs that the block keeps, of the test sample at that place, to a list.
    pub fn of_sample(&self, block: &Block, sample: usize, out: &mut Vec<f64>) {
        let mut normals = self.0.at(sample as u64);
        let first = out.len();
        for feature in 0..block.features as u32 {
            let normal = normals.normal();
            if block.live.get(out.len() - first) == Some(&feature) {
                out.push(normal);
            }
        }
    }
}

/// The block's test inputs `[test, input]` plus independent normals of standard deviation `sigma`.
///
/// The normals are those of [`TestNoise`]: with another `sigma` the same noise is stretched.
pub fn noisy_test(block: &Block, sigma: f64, stream: u64) -> Vec<f32> {
    let noise = TestNoise::new(stream);
    let mut noisy = block.test.x.clone();
    noisy.par_chunks_mut(block.inputs().max(1)).enumerate().for_each(|(index, row)| {
        let mut normals = Vec::with_capacity(row.len());
        noise.of_sample(block, index, &mut normals);
        row.iter_mut().zip(normals).for_each(|(x, normal)| *x = (f64::from(*x) + sigma * normal) as f32);
    });
    noisy
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Samples;

    fn block(live: Vec<u32>, samples: usize) -> Block {
        let x = (0..samples * live.len()).map(|i| i as f32 * 0.01).collect();
        Block {
            features: 10,
            live,
            image: None,
            classes: 2,
            train: Samples::default(),
            test: Samples { x, y: vec![0; samples] },
            source_index: Vec::new(),
        }
    }

    #[test]
    fn noise_has_its_deviation_and_no_noise_changes_nothing() {
        let block = block((0..10).collect(), 4000);
        assert_eq!(noisy_test(&block, 0.0, 0), block.test.x);
        let differences: Vec<f64> =
            noisy_test(&block, 0.5, 0).iter().zip(&block.test.x).map(|(a, b)| f64::from(a - b)).collect();
        let n = differences.len() as f64;
        let mean = differences.iter().sum::<f64>() / n;
        let square = differences.iter().map(|x| x * x).sum::<f64>() / n;
        // Five standard errors: 0.5/√n of the mean, 0.25 √(2/n) of the mean square.
        assert!(mean.abs() < 2.5 / n.sqrt() && (square - 0.25).abs() < 1.25 * (2.0 / n).sqrt(), "{mean} {square}");
        assert_ne!(noisy_test(&block, 0.5, 0), noisy_test(&block, 0.5, 1));
    }

    #[test]
    fn an_input_keeps_its_noise_when_others_are_dropped() {
        let (whole, part) = (block((0..10).collect(), 3), block(vec![2, 7], 3));
        let noise = |block: &Block| -> Vec<f64> {
            noisy_test(block, 1.0, 5).iter().zip(&block.test.x).map(|(a, b)| f64::from(a - b)).collect()
        };
        let (all, some) = (noise(&whole), noise(&part));
        for row in 0..3 {
            // One rounding to f32 of values below 10.
            assert!((all[row * 10 + 2] - some[row * 2]).abs() < 2e-6);
            assert!((all[row * 10 + 7] - some[row * 2 + 1]).abs() < 2e-6);
        }
    }
}
