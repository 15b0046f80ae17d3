//! Recorded bits are a promise: a flow that was followed by an earlier version and one that is followed today can stand in
//! one results file. These digests were frozen before networks without a chain of layers could be followed; whoever changes
//! one on purpose changes what is recorded, and says so in the changelog.
//!
//! The products of deep networks sum in an order that depends on the instructions of the processor, so that their digests
//! hold where there is AVX-512, those of one hidden layer where there is AVX2.

use super::case::{FLOW, MEAN_FIELD, cnn, mlp, problem, replica};
use crate::sweep::{Flow, Loss, Precision, Watched};
use crate::train::flow::FlowEngine;
use crate::train::{Engine, Problem, ReplicaState};

/// FNV-1a over the bits of the parameters, of the time and of the length of the next step.
fn digest(problem: &Problem, numbers: Flow) -> u64 {
    let replicas = [replica(3, numbers)];
    let states = replicas.iter().map(|replica| ReplicaState::fresh(problem, replica)).collect();
    let mut engine = FlowEngine::new(problem, &replicas, states, 1).unwrap();
    engine.advance(problem.epochs + 1).unwrap();
    let states = engine.states().unwrap();
    let flow = states[0].flow.as_ref().unwrap();
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for value in flow.parameters.iter().chain([&flow.time, &flow.step]) {
        for byte in value.to_bits().to_le_bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

#[test]
fn flows_keep_their_bits() {
    #[cfg(target_arch = "x86_64")]
    let [narrow, wide] = [is_x86_feature_detected!("avx2"), is_x86_feature_detected!("avx512f")];
    #[cfg(not(target_arch = "x86_64"))]
    let [narrow, wide] = [false; 2];
    let cases = [
        ("one hidden layer", mlp(&[21]), MEAN_FIELD, 60, narrow, [0xeb56_2328_3b04_9278u64, 0xf230_eef2_2ebb_8f36]),
        ("two hidden layers", mlp(&[7, 5]), MEAN_FIELD, 40, wide, [0xd8ee_e68f_5f1a_f2ab, 0x6eb5_0435_f581_9f37]),
        ("two hidden layers, standard", mlp(&[7, 5]), None, 40, wide, [0x25cd_ae5f_05c1_1d92, 0xd455_28ce_26d8_86da]),
        ("convolutions", cnn(), MEAN_FIELD, 15, wide, [0x2af6_5d8b_b5e0_73f1, 0xbb42_b59d_54b9_4dff]),
        ("convolutions, standard", cnn(), None, 15, wide, [0x5659_9283_ca54_8bf3, 0x6a7f_3cdd_ed19_f390]),
    ];
    for (name, kind, mean_field, epochs, here, expected) in cases {
        let problem = Problem { loss: Loss::SoftHinge, ..problem(kind, mean_field, 150, epochs) };
        let found = [Precision::F32, Precision::F64]
            .map(|precision| digest(&problem, Flow { alpha: 0.1, precision, watched: Watched::Pulling, ..FLOW }));
        if here {
            assert_eq!(
                found.map(|hash| format!("{hash:#018x}")),
                expected.map(|hash| format!("{hash:#018x}")),
                "{name}"
            );
        }
    }
}
