//! The losses of [`MarginLoss`] on the device: the force of each sample, and its loss, from d = y (f − f₀), where m = α d.
//!
//! Invariant: whether the hinge pulls is decided on d by a bound that says exactly where α d, in double precision, is below
//! 1, so that the device and the host agree on who does.

use ::burn::tensor::{Tensor, activation};

use super::place::Place;
use crate::sweep::Loss;
use crate::train::flow::margin::MarginLoss;

/// A loss with the numbers that replicas have of their own, each `[replica, 1, 1]`.
#[derive(Debug, Clone)]
pub(super) struct Pull {
    loss: MarginLoss,
    alpha: Tensor<3>,
    /// The least d that the hinge leaves alone.
    hinge: Tensor<3>,
}

impl Pull {
    /// Of replicas with these α.
    pub(super) fn new(place: &Place, loss: MarginLoss, alphas: &[f64]) -> Pull {
        let hinge = alphas.iter().map(|&alpha| place.least(alpha, 1.0)).collect();
        Pull { loss, alpha: place.column(alphas.to_vec()), hinge: place.column(hinge) }
    }

    /// Of some of the replicas.
    pub(super) fn map(&self, change: impl Fn(&Tensor<3>) -> Tensor<3>) -> Pull {
        Pull { loss: self.loss, alpha: change(&self.alpha), hinge: change(&self.hinge) }
    }

    /// α
    pub(super) fn alpha(&self) -> Tensor<3> {
        self.alpha.clone()
    }

    /// −ℓ'(α d), `[replica, 1, sample]`.
    pub(super) fn force(&self, place: &Place, d: Tensor<3>) -> Tensor<3> {
        let under = |d: Tensor<3>| (d * self.alpha.clone()).neg().add_scalar(1.0);
        match self.loss.kind {
            Loss::Hinge => d.lower(self.hinge.clone()).cast(place.float()),
            Loss::SoftHinge => activation::sigmoid(under(d).mul_scalar(self.loss.beta)),
            Loss::QuadraticHinge => activation::relu(under(d)),
            Loss::MeanSquared => under(d).mul_scalar(2.0),
            Loss::CrossEntropy | Loss::SmoothedCrossEntropy { .. } => {
                activation::sigmoid((d * self.alpha.clone()).neg())
            }
        }
    }

    /// ℓ(α d), `[replica, 1, sample]`.
    pub(super) fn value(&self, d: Tensor<3>) -> Tensor<3> {
        let under = |d: Tensor<3>| (d * self.alpha.clone()).neg().add_scalar(1.0);
        match self.loss.kind {
            Loss::Hinge => activation::relu(under(d)),
            Loss::SoftHinge => activation::softplus(under(d), self.loss.beta),
            Loss::QuadraticHinge => {
                let short = activation::relu(under(d));
                (short.clone() * short).mul_scalar(0.5)
            }
            Loss::MeanSquared => {
                let off = under(d);
                off.clone() * off
            }
            Loss::CrossEntropy | Loss::SmoothedCrossEntropy { .. } => {
                activation::softplus((d * self.alpha.clone()).neg(), 1.0)
            }
        }
    }
}
