//! Errors of noisy samples on a device: the noise is drawn once for all replicas, which it does not depend on.
//!
//! Invariant: nothing is fetched before all draws have gone through.

use burn::tensor::{Tensor, TensorData};
use rayon::prelude::*;

use super::super::labelled::Labelled;
use super::super::registry::OnDevice;
use super::super::setup::View;
use super::NoiseRobustness;
use crate::data::TestNoise;
use crate::observe::device::{DeviceFailure, DeviceNetworks, Points, widest};

impl OnDevice for NoiseRobustness {
    fn measure(&self, networks: &dyn DeviceNetworks, views: &[&View<'_>]) -> Result<Vec<Vec<Vec<f64>>>, DeviceFailure> {
        let subject = views[0].subject;
        let (block, inputs) = (subject.block, subject.block.inputs());
        let nodes = subject.graph.nodes().len();
        let at_once = networks.most_numbers() / (views.len() * widest(&subject.graph, 0..nodes));
        let places: Vec<usize> = (0..self.points(subject)).collect();
        let mut wrong = Vec::new();
        for draw in 0..self.draws {
            let noise = TestNoise::new(draw as u64);
            for places in places.chunks(at_once.max(1)) {
                let normals: Vec<Vec<f64>> = (places.par_iter())
                    .map(|&sample| {
                        let mut normals = Vec::with_capacity(inputs);
                        noise.of_sample(block, sample, &mut normals);
                        normals
                    })
                    .collect();
                let (first, rows) = (places[0], places.len());
                let x = &block.test.x[first * inputs..(first + rows) * inputs];
                let labels = Labelled::new(networks.device(), &block.test.y[first..first + rows], block.classes);
                for sigma in &self.sigma {
                    let noisy =
                        (x.iter().zip(normals.iter().flatten())).map(|(x, normal)| super::noisy(*x, *sigma, *normal));
                    let data = TensorData::new(noisy.collect::<Vec<f32>>(), [rows, inputs]);
                    let noisy = Points::Shared(Tensor::from_data(data, networks.device()));
                    let outputs = networks.values(noisy, &[nodes - 1]);
                    let counts =
                        outputs.iter().map(|outputs| labels.wrong(outputs).sum_dim(2).reshape([views.len(), 1]));
                    wrong.extend(counts);
                }
            }
        }
        // In the order of draws, blocks of samples, σ and replicas.
        let fetched = networks.fetch(wrong)?;
        let of_view = |view: usize| {
            let of_draw = |blocks: &[Vec<f32>]| {
                let of_sigma = |sigma: usize| blocks.iter().skip(sigma).step_by(self.sigma.len());
                let total =
                    |sigma| of_sigma(sigma).filter_map(|counts| counts.get(view)).map(|&count| f64::from(count)).sum();
                (0..self.sigma.len()).map(total).collect()
            };
            fetched.chunks((fetched.len() / self.draws).max(1)).map(of_draw).collect()
        };
        Ok((0..views.len()).map(of_view).collect())
    }
}
