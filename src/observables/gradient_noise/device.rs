//! The noise of gradients on a device: those of all replicas in one program, and so the products with their Hessians.
//!
//! Invariant: everything is in double precision, as on the host, whose numbers these are up to rounding.

use super::super::registry::OnDevice;
use super::super::setup::{Subject, View};
use super::super::training_loss::{self, dot, drawn};
use super::{GradientNoise, moments, signs};
use crate::device::Doubles;
use crate::observe::device::{DeviceFailure, DeviceNetworks};

impl OnDevice for GradientNoise {
    fn doubles(&self, subject: &Subject<'_>) -> Doubles {
        Doubles::for_graph(&subject.graph)
    }

    fn measure(&self, networks: &dyn DeviceNetworks, views: &[&View<'_>]) -> Result<Vec<Vec<Vec<f64>>>, DeviceFailure> {
        let counted: Vec<Vec<usize>> = views.iter().map(|view| drawn(view, self.points)).collect();
        let losses = training_loss::of_replicas(views, &counted);
        let rows = losses.counted();
        let derivatives = networks.derivatives(&losses);
        let (gradients, squares) = (derivatives.gradients()?, derivatives.squares()?);
        let curvatures = match self.probes {
            0 => vec![f64::NAN; views.len()],
            _ => along(&gradients, &derivatives.products(&gradients)?),
        };
        let mut found: Vec<Vec<Vec<f64>>> = Vec::with_capacity(views.len());
        for (((gradient, squares), rows), curvature) in gradients.iter().zip(&squares).zip(&rows).zip(curvatures) {
            let own: Vec<f64> = rows.iter().map(|&row| squares[row]).collect();
            found.push(vec![moments(gradient, &own, curvature)]);
        }
        for piece in 1..=training_loss::pieces_of_probes(self.probes) {
            found.iter_mut().for_each(|pieces| pieces.push(Vec::new()));
            for probe in training_loss::probes(piece, self.probes) {
                let factors = |(view, rows): (&&View<'_>, &Vec<usize>)| {
                    let mut factors = vec![0.0; losses.rows()];
                    let own = rows.iter().zip(signs(view.seed, probe, rows.len()));
                    own.for_each(|(&row, sign)| factors[row] = sign);
                    factors
                };
                let factors: Vec<Vec<f64>> = views.iter().zip(&rows).map(factors).collect();
                let noise = derivatives.combinations(&factors)?;
                let curvatures = along(&noise, &derivatives.products(&noise)?);
                found.iter_mut().zip(curvatures).for_each(|(pieces, curvature)| pieces[piece].push(curvature));
            }
        }
        Ok(found)
    }
}

/// Each replica's vector times its product.
fn along(vectors: &[Vec<f64>], products: &[Vec<f64>]) -> Vec<f64> {
    vectors.iter().zip(products).map(|(vector, product)| dot(vector, product)).collect()
}
