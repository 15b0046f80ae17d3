//! What training minimises, and what a recorded loss is.

use serde::Serialize;

/// What is minimised: the mean over the training samples of this.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// −log softmax(f)_y
    CrossEntropy,
    /// −Σ_c t_c log softmax(f)_c with t_c = (1 − s) onehot(y)_c + s/C for C classes, as `CrossEntropyLoss(label_smoothing=s)`
    /// of PyTorch. Recorded losses, and whatever is measured of the loss, are of this one too.
    SmoothedCrossEntropy {
        /// s, greater than 0 and below 1.
        smoothing: f64,
    },
    /// Mean over classes of (f − onehot(y))²; in a gradient flow (1 − m)² of the margin m = y F.
    MeanSquared,
    /// max(0, 1 − m) of the margin m = y F; gradient flow alone.
    Hinge,
    /// ln(1 + e^{β (1 − m)})/β; gradient flow alone.
    SoftHinge,
    /// max(0, 1 − m)²/2; gradient flow alone.
    QuadraticHinge,
}
