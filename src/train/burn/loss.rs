//! Losses of a stack of replicas, their gradients at the outputs, and who is misclassified.
//!
//! Tensors are `[replica, class, sample]`; one value per sample is `[replica, 1, sample]`.

use ::burn::tensor::{Int, Tensor};

use crate::sweep::Loss;

/// Each sample's loss, `[replica, 1, sample]`, and its gradient at the outputs, `[replica, class, sample]`, before any
/// mean over samples. `onehot` is `[1 or replica, class, sample]`.
///
/// Cross-entropy: −log softmax(z)_y, gradient softmax(z) − onehot; with smoothed labels −Σ_c t_c log softmax(z)_c, gradient
/// softmax(z) − t, where t = (1 − s) onehot + s/classes. Mean squared: the mean over classes of
/// (z − onehot)², gradient 2(z − onehot)/classes.
pub(super) fn loss(kind: Loss, logits: Tensor<3>, onehot: Tensor<3>) -> (Tensor<3>, Tensor<3>) {
    let classes = logits.dims()[1] as f64;
    match target(kind, onehot, classes) {
        Target::Probabilities(target) => {
            let shifted = shifted(logits);
            let own = (shifted.clone() * target.clone()).sum_dim(1);
            let exponential = shifted.exp();
            let sum = exponential.clone().sum_dim(1);
            (sum.clone().log() - own, exponential / sum - target)
        }
        Target::Outputs(target) => {
            let difference = logits - target;
            let square = (difference.clone() * difference.clone()).sum_dim(1).div_scalar(classes);
            (square, difference.mul_scalar(2.0 / classes))
        }
    }
}

/// The gradient of [`loss`] alone.
pub(super) fn slope(kind: Loss, logits: Tensor<3>, onehot: Tensor<3>) -> Tensor<3> {
    let classes = logits.dims()[1] as f64;
    match target(kind, onehot, classes) {
        Target::Probabilities(target) => {
            let exponential = shifted(logits).exp();
            let sum = exponential.clone().sum_dim(1);
            exponential / sum - target
        }
        Target::Outputs(target) => (logits - target).mul_scalar(2.0 / classes),
    }
}

/// What a loss wants to come out, `[1 or replica, class, sample]`.
enum Target {
    /// Of a softmax.
    Probabilities(Tensor<3>),
    /// Of the network.
    Outputs(Tensor<3>),
}

fn target(kind: Loss, onehot: Tensor<3>, classes: f64) -> Target {
    match kind {
        Loss::CrossEntropy => Target::Probabilities(onehot),
        Loss::SmoothedCrossEntropy { smoothing } => {
            Target::Probabilities(onehot.mul_scalar(1.0 - smoothing).add_scalar(smoothing / classes))
        }
        Loss::MeanSquared => Target::Outputs(onehot),
        Loss::Hinge | Loss::SoftHinge | Loss::QuadraticHinge => {
            unreachable!("sweeps with a hinge are gradient flows, which are not given to this engine")
        }
    }
}

/// z − max z over classes.
fn shifted(logits: Tensor<3>) -> Tensor<3> {
    let highest = logits.clone().max_dim(1);
    logits - highest
}

/// 1 where the greatest output is not the label's, else 0: `[replica, 1, sample]`. `label` is `[1, 1, sample]`.
pub(super) fn mistakes(logits: Tensor<3>, label: Tensor<3, Int>) -> Tensor<3> {
    logits.argmax(1).not_equal(label).float()
}
