//! The measured variables that the report reads by name, as declarations.
//!
//! A variable that no line of the analysis reads by name is declared in the program, beside what measures it. Invariants:
//! names are distinct; the first dimension of each is the cell.

use crate::dimension::{
    BYTE, CELL, CLASS, COMPONENT, EPOCH, LAYER, LC_EPOCH, LC_LAYER, LC_POINTS, LC_RADIUS, NEIGHBOURHOOD_DIRECTIONS,
    NEIGHBOURHOOD_EPOCH, NEIGHBOURHOOD_LAYER, NEIGHBOURHOOD_POINTS, NEIGHBOURHOOD_RADIUS, NOISE, NOISE_DRAW,
    NOISE_EPOCH, NOISE_SIGMA, PAIR, PGD_EPOCH, PGD_EPSILON, PGD_NORM, POINT, SNAPSHOT, STAGE, TRAJECTORY_EPOCH,
};
use crate::variable::{Dtype, Variable};

/// Mean loss over the kept training samples.
pub static TRAIN_LOSS: Variable = Variable {
    name: "train_loss",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "mean loss over the kept training samples",
    when: "always",
};

/// Share of the kept training samples misclassified.
pub static TRAIN_ERROR: Variable = Variable {
    name: "train_error",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "share of the kept training samples misclassified",
    when: "always",
};

/// Share of the test samples misclassified.
pub static TEST_ERROR: Variable = Variable {
    name: "test_error",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "share of the test samples misclassified",
    when: "always",
};

/// Share of the test samples with added noise misclassified.
pub static NOISY_ERROR: Variable = Variable {
    name: "noisy_error",
    dims: &[CELL, NOISE, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "share of the test samples with added noise misclassified",
    when: "`[observe] noise`",
};

/// Radius R_c of a class's manifold.
pub static RADIUS: Variable = Variable {
    name: "radius",
    dims: &[CELL, LAYER, CLASS, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "radius R_c of a class's manifold",
    when: "`[observe] manifold`",
};

/// Distance D between the centres of two classes.
pub static DISTANCE: Variable = Variable {
    name: "distance",
    dims: &[CELL, LAYER, PAIR, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "distance D between the centres of two classes",
    when: "`[observe] manifold`",
};

/// Bits of the block's samples, set where misclassified, first sample in the high bit; all bits are set where
/// misclassified_count is NaN (no snapshot).
pub static MISCLASSIFIED: Variable = Variable {
    name: "misclassified",
    dims: &[CELL, SNAPSHOT, BYTE],
    dtype: Dtype::U8,
    units: "1",
    long_name: "bits of the block's samples, set where misclassified, first sample in the high bit; all bits are \
                    set where misclassified_count is NaN (no snapshot)",
    when: "`[observe] misclassified`, or a prune that needs it",
};

/// Number of the block's samples misclassified; NaN where there is no snapshot.
pub static MISCLASSIFIED_COUNT: Variable = Variable {
    name: "misclassified_count",
    dims: &[CELL, SNAPSHOT],
    dtype: Dtype::F32,
    units: "1",
    long_name: "number of the block's samples misclassified; NaN where there is no snapshot",
    when: "`[observe] misclassified`, or a prune that needs it",
};

/// Mean over points of the number of units whose sign changes in the neighbourhood.
pub static LOCAL_COMPLEXITY: Variable = Variable {
    name: "local_complexity",
    dims: &[CELL, LC_POINTS, LC_RADIUS, LC_LAYER, LC_EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "mean over points of the number of units whose sign changes in the neighbourhood",
    when: "`[observe] local_complexity`",
};

/// Share of the attacked test samples misclassified, unattacked or at some step of the attack.
pub static ROBUST_ERROR: Variable = Variable {
    name: "robust_error",
    dims: &[CELL, PGD_NORM, PGD_EPSILON, PGD_EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "share of the attacked test samples misclassified, unattacked or at some step of the attack",
    when: "`[observe] robustness`",
};

/// Share of the test samples misclassified under a draw of noise on their inputs.
pub static NOISE_ERROR: Variable = Variable {
    name: "noise_error",
    dims: &[CELL, NOISE_SIGMA, NOISE_DRAW, NOISE_EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "share of the test samples misclassified under a draw of noise on their inputs",
    when: "`[observe] noise_robustness`",
};

/// Steps of the optimiser in an epoch.
pub static STEPS_PER_EPOCH: Variable = Variable {
    name: "steps_per_epoch",
    dims: &[CELL],
    dtype: Dtype::F32,
    units: "1",
    long_name: "steps of the optimiser in an epoch",
    when: "`[observe] local_complexity`, `robustness` or `weights`",
};

/// Share of the kept training samples misclassified, measured on a copy of the weights: also at steps within an epoch.
pub static TRAJECTORY_TRAIN_ERROR: Variable = Variable {
    name: "trajectory_train_error",
    dims: &[CELL, TRAJECTORY_EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "share of the kept training samples misclassified, as train_error",
    when: "`[observe] trajectory`",
};

/// Time t of the gradient flow.
pub static FLOW_TIME: Variable = Variable {
    name: "flow_time",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F64,
    units: "1",
    long_name: "time t of the gradient flow",
    when: "gradient flows",
};

/// Share of the kept training samples whose margin is too small.
pub static UNFITTED: Variable = Variable {
    name: "unfitted",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "share of the kept training samples whose margin is too small",
    when: "gradient flows",
};

/// Compression: rms of the first layer's weights along the informative coordinates over that of the others.
pub static COMPRESSION: Variable = Variable {
    name: "compression",
    dims: &[CELL, EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "compression: rms of the first layer's weights along the informative coordinates over that of the others",
    when: "gradient flows on data whose informative coordinates are known (stripe, cylinder)",
};

/// Why the flow ended: 0 the stated share of the samples fits, 1 the steps ran out, 2 the time ran out, 3 the
/// gradient vanished; 255 missing.
pub static FLOW_STOP: Variable = Variable {
    name: "flow_stop",
    dims: &[CELL],
    dtype: Dtype::U8,
    units: "1",
    long_name: "why the flow ended: 0 the stated share of the samples fits, 1 the steps ran out, 2 the time ran out, 3 the gradient vanished; 255 missing",
    when: "gradient flows",
};

/// Steps taken by the stage.
pub static STAGE_EPOCH: Variable = Variable {
    name: "stage_epoch",
    dims: &[CELL, STAGE],
    dtype: Dtype::F64,
    units: "epoch",
    long_name: "steps taken by the stage",
    when: "gradient flows",
};

/// Time t at the stage.
pub static STAGE_TIME: Variable = Variable {
    name: "stage_time",
    dims: &[CELL, STAGE],
    dtype: Dtype::F64,
    units: "1",
    long_name: "time t at the stage",
    when: "gradient flows",
};

/// Share of the kept training samples that do not fit at the stage.
pub static STAGE_UNFITTED: Variable = Variable {
    name: "stage_unfitted",
    dims: &[CELL, STAGE],
    dtype: Dtype::F32,
    units: "1",
    long_name: "share of the kept training samples that do not fit at the stage",
    when: "gradient flows",
};

/// Share of the kept training samples misclassified at the stage.
pub static STAGE_TRAIN_ERROR: Variable = Variable {
    name: "stage_train_error",
    dims: &[CELL, STAGE],
    dtype: Dtype::F32,
    units: "1",
    long_name: "share of the kept training samples misclassified at the stage",
    when: "gradient flows",
};

/// Share of the test samples misclassified at the stage.
pub static STAGE_TEST_ERROR: Variable = Variable {
    name: "stage_test_error",
    dims: &[CELL, STAGE],
    dtype: Dtype::F32,
    units: "1",
    long_name: "share of the test samples misclassified at the stage",
    when: "gradient flows",
};

/// Compression at the stage.
pub static STAGE_COMPRESSION: Variable = Variable {
    name: "stage_compression",
    dims: &[CELL, STAGE],
    dtype: Dtype::F32,
    units: "1",
    long_name: "compression at the stage",
    when: "gradient flows on data whose informative coordinates are known (stripe, cylinder)",
};

/// Compression at the stage with the norm of the uninformative weights below: rms of ‖ω_∥‖ over rms of ‖ω_⊥‖, not per
/// coordinate.
pub static STAGE_COMPRESSION_NORM: Variable = Variable {
    name: "stage_compression_norm",
    dims: &[CELL, STAGE],
    dtype: Dtype::F32,
    units: "1",
    long_name: "compression at the stage by norms: rms over neurons of the norm of the first layer's weights along the \
                informative coordinates over that of the others",
    when: "gradient flows on data whose informative coordinates are known (stripe, cylinder)",
};

/// Intrinsic dimension of the training samples in the last hidden layer by two nearest neighbours.
pub static HIDDEN_DIMENSION: Variable = Variable {
    name: "hidden_dimension",
    dims: &[CELL, STAGE],
    dtype: Dtype::F32,
    units: "1",
    long_name: "intrinsic dimension of the training samples in the last hidden layer by two nearest neighbours",
    when: "gradient flows",
};

/// Squared projection of the labels, of unit norm, on the eigenvector.
pub static KERNEL_PROJECTION: Variable = Variable {
    name: "kernel_projection",
    dims: &[CELL, STAGE, COMPONENT],
    dtype: Dtype::F32,
    units: "1",
    long_name: "squared projection of the labels, of unit norm, on the eigenvector",
    when: "gradient flows with `[flow] kernel`",
};

/// Kernel PCA: the training points along the eigenvector, of the first two components.
pub static KERNEL_COORDINATE: Variable = Variable {
    name: "kernel_coordinate",
    dims: &[CELL, STAGE, COMPONENT, POINT],
    dtype: Dtype::F32,
    units: "1",
    long_name: "kernel PCA: the training points along the eigenvector, of the first two components",
    when: "gradient flows with `[flow] kernel`",
};

/// Labels +1 and -1 of the kernel's training points.
pub static KERNEL_LABEL: Variable = Variable {
    name: "kernel_label",
    dims: &[CELL, POINT],
    dtype: Dtype::F32,
    units: "1",
    long_name: "labels +1 and -1 of the kernel's training points",
    when: "gradient flows with `[flow] kernel`",
};

/// Alignment of the tangent kernel with the labels.
pub static KERNEL_ALIGNMENT: Variable = Variable {
    name: "kernel_alignment",
    dims: &[CELL, STAGE],
    dtype: Dtype::F32,
    units: "1",
    long_name: "alignment of the tangent kernel with the labels",
    when: "gradient flows with `[flow] kernel`",
};

/// Change of the tangent kernel's Gram matrix from the start, over its norm there.
pub static KERNEL_CHANGE: Variable = Variable {
    name: "kernel_change",
    dims: &[CELL, STAGE],
    dtype: Dtype::F32,
    units: "1",
    long_name: "change of the tangent kernel's Gram matrix from the start, over its norm there",
    when: "gradient flows with `[flow] kernel`",
};

/// Share of the kernel's test samples that the machine of maximal margin on the frozen tangent kernel misclassifies.
pub static KERNEL_TEST_ERROR: Variable = Variable {
    name: "kernel_test_error",
    dims: &[CELL, STAGE],
    dtype: Dtype::F32,
    units: "1",
    long_name: "share of the kernel's test samples that the machine of maximal margin on the frozen tangent kernel misclassifies",
    when: "gradient flows with `[flow] kernel` and `kernel_test`",
};

/// Share of the same test samples that the network misclassifies.
pub static NETWORK_TEST_ERROR: Variable = Variable {
    name: "network_test_error",
    dims: &[CELL, STAGE],
    dtype: Dtype::F32,
    units: "1",
    long_name: "share of the same test samples that the network misclassifies",
    when: "gradient flows with `[flow] kernel` and `kernel_test`",
};

/// Exact number of linear regions in the neighbourhoods of points.
pub static NEIGHBOURHOOD_REGIONS: Variable = Variable {
    name: "neighbourhood_regions",
    dims: &[CELL, NEIGHBOURHOOD_POINTS, NEIGHBOURHOOD_RADIUS, NEIGHBOURHOOD_EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "mean over points of the exact number of linear regions in the diamond along two directions",
    when: "`[observe] neighbourhood`",
};

/// Exact number of units that bend in the neighbourhoods of points.
pub static NEIGHBOURHOOD_UNITS: Variable = Variable {
    name: "neighbourhood_units",
    dims: &[CELL, NEIGHBOURHOOD_POINTS, NEIGHBOURHOOD_RADIUS, NEIGHBOURHOOD_EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "mean over points of the exact number of units that change their sign in the diamond",
    when: "`[observe] neighbourhood`",
};

/// Units that separate the vertices of cross-polytopes of several numbers of directions: local complexity.
pub static NEIGHBOURHOOD_CUT: Variable = Variable {
    name: "neighbourhood_cut",
    dims: &[CELL, NEIGHBOURHOOD_POINTS, NEIGHBOURHOOD_RADIUS, NEIGHBOURHOOD_DIRECTIONS, NEIGHBOURHOOD_EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "mean over points of the number of units that separate the vertices of the cross-polytope",
    when: "`[observe] neighbourhood`",
};

/// Rank correlation, over points, of local complexity and the number of linear regions.
pub static NEIGHBOURHOOD_CORRELATION: Variable = Variable {
    name: "neighbourhood_correlation",
    dims: &[CELL, NEIGHBOURHOOD_POINTS, NEIGHBOURHOOD_RADIUS, NEIGHBOURHOOD_DIRECTIONS, NEIGHBOURHOOD_EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "Spearman's correlation over points of the number of units that separate the vertices with that of regions",
    when: "`[observe] neighbourhood`",
};

/// How much a layer stretches neighbourhoods.
pub static NEIGHBOURHOOD_STRETCH: Variable = Variable {
    name: "neighbourhood_stretch",
    dims: &[CELL, NEIGHBOURHOOD_POINTS, NEIGHBOURHOOD_RADIUS, NEIGHBOURHOOD_LAYER, NEIGHBOURHOOD_EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "mean distance of the vertices' images from the point's over the radius, median over points",
    when: "`[observe] neighbourhood`",
};

/// How much a layer bends neighbourhoods.
pub static NEIGHBOURHOOD_BEND: Variable = Variable {
    name: "neighbourhood_bend",
    dims: &[CELL, NEIGHBOURHOOD_POINTS, NEIGHBOURHOOD_RADIUS, NEIGHBOURHOOD_LAYER, NEIGHBOURHOOD_EPOCH],
    dtype: Dtype::F32,
    units: "1",
    long_name: "second over first differences of the layer's values along the directions, median over points",
    when: "`[observe] neighbourhood`",
};

/// The variables of this file.
pub static VARIABLES: [&Variable; 38] = [
    &TRAIN_LOSS,
    &TRAIN_ERROR,
    &TEST_ERROR,
    &NOISY_ERROR,
    &RADIUS,
    &DISTANCE,
    &MISCLASSIFIED,
    &MISCLASSIFIED_COUNT,
    &LOCAL_COMPLEXITY,
    &ROBUST_ERROR,
    &NOISE_ERROR,
    &STEPS_PER_EPOCH,
    &TRAJECTORY_TRAIN_ERROR,
    &FLOW_TIME,
    &UNFITTED,
    &COMPRESSION,
    &FLOW_STOP,
    &STAGE_EPOCH,
    &STAGE_TIME,
    &STAGE_UNFITTED,
    &STAGE_TRAIN_ERROR,
    &STAGE_TEST_ERROR,
    &STAGE_COMPRESSION,
    &STAGE_COMPRESSION_NORM,
    &HIDDEN_DIMENSION,
    &KERNEL_PROJECTION,
    &KERNEL_COORDINATE,
    &KERNEL_LABEL,
    &KERNEL_ALIGNMENT,
    &KERNEL_CHANGE,
    &KERNEL_TEST_ERROR,
    &NETWORK_TEST_ERROR,
    &NEIGHBOURHOOD_REGIONS,
    &NEIGHBOURHOOD_UNITS,
    &NEIGHBOURHOOD_CUT,
    &NEIGHBOURHOOD_CORRELATION,
    &NEIGHBOURHOOD_STRETCH,
    &NEIGHBOURHOOD_BEND,
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::dimension::DIMENSIONS;

    #[test]
    fn names_are_distinct_and_every_variable_is_per_cell() {
        let coordinates = DIMENSIONS.iter().flat_map(|dim| HashSet::from([dim.name, dim.coordinate]));
        let names: Vec<_> = VARIABLES.iter().map(|v| v.name).chain(coordinates).collect();
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
        assert!(VARIABLES.iter().all(|v| v.dims[0] == CELL && !v.dims[1..].contains(&CELL)));
        assert!(VARIABLES.iter().flat_map(|v| &v.dims[1..]).all(|dim| DIMENSIONS.contains(dim)));
    }
}
