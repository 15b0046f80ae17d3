//! What is measured of machines on the frozen tangent kernel of a gradient flow, and of kernels at stages by loss, as
//! declarations.
//!
//! Every variable here was asked for by a key of `[flow]` of its own. Those whose names begin with `loss_stage_` are at stages by
//! the loss, and mean there what those without the prefix (`stage_` before it) mean at stages by the share that fits.

use crate::dimension::{CELL, COMPONENT, KERNEL_PART, LOSS_STAGE, STAGE};
use crate::variable::{Dtype, Variable};

/// Declares variables: name, dimensions after the cell, type, units, meaning, when it is written.
macro_rules! variables {
    ($($name:ident: $text:literal [$($dim:ident),*] $dtype:ident $units:literal $meaning:literal, $when:expr;)*) => {
        $(
            #[doc = $meaning]
            pub static $name: Variable = Variable {
                name: $text,
                dims: &[CELL, $($dim),*],
                dtype: Dtype::$dtype,
                units: $units,
                long_name: $meaning,
                when: $when,
            };
        )*

        /// The variables of this file.
        pub static VARIABLES: &[&Variable] = &[$(&$name),*];
    };
}

const FLOW: &str = "gradient flows with `[flow] kernel`, `kernel_test` and `kernel_flow`";
const INFORMATION: &str = "gradient flows with `[flow] kernel` and `kernel_information`";
const PARTS: &str = "gradient flows with `[flow] kernel` and `kernel_parts`";
const PARTS_TEST: &str = "gradient flows with `[flow] kernel`, `kernel_test` and `kernel_parts`";
const PARTS_FLOW: &str = "gradient flows with `[flow] kernel`, `kernel_test`, `kernel_parts` and `kernel_flow`";
const COMPRESSED: &str = "gradient flows on stripe or cylinder with `[flow] kernel_compressed`";
const COMPRESSED_TEST: &str = "gradient flows on stripe or cylinder with `[flow] kernel_compressed` and `kernel_test`";
const COMPRESSED_FLOW: &str =
    "gradient flows on stripe or cylinder with `[flow] kernel_compressed`, `kernel_test` and `kernel_flow`";
const LOSSES: &str = "gradient flows with `[flow] kernel_losses`";
const LOSSES_INFORMATIVE: &str = "gradient flows on stripe or cylinder with `[flow] kernel_losses`";
const LOSSES_INFORMATION: &str = "gradient flows with `[flow] kernel_losses` and `kernel_information`";
const LOSSES_TEST: &str = "gradient flows with `[flow] kernel_losses` and `kernel_test`";
const LOSSES_FLOW: &str = "gradient flows with `[flow] kernel_losses`, `kernel_test` and `kernel_flow`";

variables! {
    // The gradient flow of the loss on the frozen kernel.
    KERNEL_FLOW_TEST_ERROR: "kernel_flow_test_error" [STAGE] F32 "1"
        "share of the kernel's test samples that the gradient flow of the loss on the frozen tangent kernel misclassifies once all that is to fit fits", FLOW;
    KERNEL_FLOW_STOP: "kernel_flow_stop" [STAGE] U8 "1"
        "why the gradient flow on the frozen tangent kernel ended: 0 the stated share of the samples fits, 1 the steps ran out, 3 the gradient vanished; 255 missing", FLOW;
    KERNEL_FLOW_UNFITTED: "kernel_flow_unfitted" [STAGE] F32 "1"
        "share of the training samples that do not fit where the gradient flow on the frozen tangent kernel ended", FLOW;
    KERNEL_FLOW_STEPS: "kernel_flow_steps" [STAGE] F32 "1"
        "steps of the gradient flow on the frozen tangent kernel", FLOW;
    KERNEL_FLOW_TIME: "kernel_flow_time" [STAGE] F64 "1"
        "time t of the gradient flow on the frozen tangent kernel, in units of the network's", FLOW;

    // What eigenvectors know of the labels.
    KERNEL_INFORMATION: "kernel_information" [STAGE, COMPONENT] F32 "bit"
        "mutual information of a training point's projection on the eigenvector with its label, by bins of equal counts, bias of the first order taken off", INFORMATION;

    // The kernels of some of the parameters.
    PART_KERNEL_SHARE: "part_kernel_share" [STAGE, KERNEL_PART] F32 "1"
        "trace of the kernel of these parameters over that of the tangent kernel", PARTS;
    PART_KERNEL_ALIGNMENT: "part_kernel_alignment" [STAGE, KERNEL_PART] F32 "1"
        "alignment of the kernel of these parameters with the labels", PARTS;
    PART_KERNEL_TEST_ERROR: "part_kernel_test_error" [STAGE, KERNEL_PART] F32 "1"
        "share of the kernel's test samples that the machine of maximal margin on the kernel of these parameters misclassifies", PARTS_TEST;
    PART_KERNEL_VIOLATION: "part_kernel_violation" [STAGE, KERNEL_PART] F32 "1"
        "largest violation of that machine's optimality conditions, in units of the margin", PARTS_TEST;
    PART_KERNEL_FLOW_TEST_ERROR: "part_kernel_flow_test_error" [STAGE, KERNEL_PART] F32 "1"
        "share of the kernel's test samples that the gradient flow of the loss on the kernel of these parameters misclassifies once all that is to fit fits", PARTS_FLOW;
    PART_KERNEL_FLOW_UNFITTED: "part_kernel_flow_unfitted" [STAGE, KERNEL_PART] F32 "1"
        "share of the training samples that do not fit where that flow ended", PARTS_FLOW;
    PART_KERNEL_FLOW_STOP: "part_kernel_flow_stop" [STAGE, KERNEL_PART] U8 "1"
        "why that flow ended: 0 the stated share of the samples fits, 1 the steps ran out, 3 the gradient vanished; 255 missing", PARTS_FLOW;

    // The kernel of the start on compressed samples.
    COMPRESSED_BY: "compressed_by" [] F32 "1"
        "compression by which the uninformative coordinates were divided", COMPRESSED;
    COMPRESSED_KERNEL_ALIGNMENT: "compressed_kernel_alignment" [] F32 "1"
        "alignment with the labels of the start's tangent kernel on compressed samples", COMPRESSED;
    COMPRESSED_KERNEL_LIKENESS: "compressed_kernel_likeness" [] F32 "1"
        "cosine between the Gram matrices of the start's tangent kernel on compressed samples and of the end's on the samples", COMPRESSED;
    START_KERNEL_LIKENESS: "start_kernel_likeness" [] F32 "1"
        "cosine between the Gram matrices of the start's tangent kernel and of the end's, both on the samples", COMPRESSED;
    COMPRESSED_KERNEL_TEST_ERROR: "compressed_kernel_test_error" [] F32 "1"
        "share of the kernel's test samples that the machine of maximal margin on the start's tangent kernel misclassifies, samples compressed", COMPRESSED_TEST;
    COMPRESSED_KERNEL_VIOLATION: "compressed_kernel_violation" [] F32 "1"
        "largest violation of that machine's optimality conditions, in units of the margin", COMPRESSED_TEST;
    COMPRESSED_KERNEL_FLOW_TEST_ERROR: "compressed_kernel_flow_test_error" [] F32 "1"
        "share of the kernel's test samples that the gradient flow of the loss on the start's tangent kernel misclassifies once all that is to fit fits, samples compressed", COMPRESSED_FLOW;
    COMPRESSED_KERNEL_FLOW_UNFITTED: "compressed_kernel_flow_unfitted" [] F32 "1"
        "share of the training samples that do not fit where that flow ended", COMPRESSED_FLOW;
    COMPRESSED_KERNEL_FLOW_STOP: "compressed_kernel_flow_stop" [] U8 "1"
        "why that flow ended: 0 the stated share of the samples fits, 1 the steps ran out, 3 the gradient vanished; 255 missing", COMPRESSED_FLOW;

    // Stages by the loss.
    LOSS_STAGE_EPOCH: "loss_stage_epoch" [LOSS_STAGE] F64 "epoch"
        "steps taken by the stage", LOSSES;
    LOSS_STAGE_TIME: "loss_stage_time" [LOSS_STAGE] F64 "1"
        "time t at the stage", LOSSES;
    LOSS_STAGE_UNFITTED: "loss_stage_unfitted" [LOSS_STAGE] F32 "1"
        "share of the kept training samples that do not fit at the stage", LOSSES;
    LOSS_STAGE_TRAIN_ERROR: "loss_stage_train_error" [LOSS_STAGE] F32 "1"
        "share of the kept training samples misclassified at the stage", LOSSES;
    LOSS_STAGE_TEST_ERROR: "loss_stage_test_error" [LOSS_STAGE] F32 "1"
        "share of the test samples misclassified at the stage", LOSSES;
    LOSS_STAGE_COMPRESSION: "loss_stage_compression" [LOSS_STAGE] F32 "1"
        "compression at the stage", LOSSES_INFORMATIVE;
    LOSS_STAGE_KERNEL_EIGENVALUE: "loss_stage_kernel_eigenvalue" [LOSS_STAGE, COMPONENT] F32 "1"
        "largest eigenvalues of the tangent kernel's Gram matrix over its number of points", LOSSES;
    LOSS_STAGE_KERNEL_PROJECTION: "loss_stage_kernel_projection" [LOSS_STAGE, COMPONENT] F32 "1"
        "squared projection of the labels, of unit norm, on the eigenvector", LOSSES;
    LOSS_STAGE_KERNEL_ALIGNMENT: "loss_stage_kernel_alignment" [LOSS_STAGE] F32 "1"
        "alignment of the tangent kernel with the labels", LOSSES;
    LOSS_STAGE_KERNEL_NORM: "loss_stage_kernel_norm" [LOSS_STAGE] F32 "1"
        "Frobenius norm of the tangent kernel's Gram matrix over its number of points", LOSSES;
    LOSS_STAGE_KERNEL_CHANGE: "loss_stage_kernel_change" [LOSS_STAGE] F32 "1"
        "change of the tangent kernel's Gram matrix from the start, over its norm there", LOSSES;
    LOSS_STAGE_KERNEL_INFORMATION: "loss_stage_kernel_information" [LOSS_STAGE, COMPONENT] F32 "bit"
        "mutual information of a training point's projection on the eigenvector with its label, by bins of equal counts, bias of the first order taken off", LOSSES_INFORMATION;
    LOSS_STAGE_KERNEL_TEST_ERROR: "loss_stage_kernel_test_error" [LOSS_STAGE] F32 "1"
        "share of the kernel's test samples that the machine of maximal margin on the frozen tangent kernel misclassifies", LOSSES_TEST;
    LOSS_STAGE_NETWORK_TEST_ERROR: "loss_stage_network_test_error" [LOSS_STAGE] F32 "1"
        "share of the same test samples that the network misclassifies", LOSSES_TEST;
    LOSS_STAGE_KERNEL_VIOLATION: "loss_stage_kernel_violation" [LOSS_STAGE] F32 "1"
        "largest violation of that machine's optimality conditions, in units of the margin", LOSSES_TEST;
    LOSS_STAGE_KERNEL_FLOW_TEST_ERROR: "loss_stage_kernel_flow_test_error" [LOSS_STAGE] F32 "1"
        "share of the kernel's test samples that the gradient flow of the loss on the frozen tangent kernel misclassifies once all that is to fit fits", LOSSES_FLOW;
    LOSS_STAGE_KERNEL_FLOW_STOP: "loss_stage_kernel_flow_stop" [LOSS_STAGE] U8 "1"
        "why that flow ended: 0 the stated share of the samples fits, 1 the steps ran out, 3 the gradient vanished; 255 missing", LOSSES_FLOW;
    LOSS_STAGE_KERNEL_FLOW_UNFITTED: "loss_stage_kernel_flow_unfitted" [LOSS_STAGE] F32 "1"
        "share of the training samples that do not fit where that flow ended", LOSSES_FLOW;
    LOSS_STAGE_KERNEL_FLOW_STEPS: "loss_stage_kernel_flow_steps" [LOSS_STAGE] F32 "1"
        "steps of that flow", LOSSES_FLOW;
    LOSS_STAGE_KERNEL_FLOW_TIME: "loss_stage_kernel_flow_time" [LOSS_STAGE] F64 "1"
        "time t of that flow, in units of the network's", LOSSES_FLOW;
}

/// The labels of [`KERNEL_PART`]: the output layer's parameters, and all others.
pub const KERNEL_PARTS: [&str; 2] = ["last", "headless"];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::dimension::DIMENSIONS;
    use crate::variables;

    #[test]
    fn names_are_distinct_and_every_variable_is_per_cell() {
        let coordinates = DIMENSIONS.iter().map(|dim| dim.name);
        let others = variables::VARIABLES.iter().map(|v| v.name);
        let names: Vec<_> = VARIABLES.iter().map(|v| v.name).chain(coordinates).chain(others).collect();
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
        assert!(VARIABLES.iter().all(|v| v.dims[0] == CELL && !v.dims[1..].contains(&CELL)));
        assert!(VARIABLES.iter().flat_map(|v| &v.dims[1..]).all(|dim| DIMENSIONS.contains(dim)));
    }
}
