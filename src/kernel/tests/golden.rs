//! Recorded bits are a promise: a cell that was trained by an earlier version and one that is trained today can stand in
//! one results file. These digests were frozen before the kernel became a crate of its own; whoever changes one on purpose
//! changes what is recorded, and says so in the changelog.

use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::case::{Case, Trunk};
use super::extent::sets;
use crate::{Activation, Batch, Choices, Kernel, Loss, Rule, State};

/// FNV-1a over the bits of everything that a state holds.
pub(super) fn digest(states: &[State]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut eat = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    for state in states {
        let r = &state.record;
        let floats = [&state.parameters, &state.first_moment, &state.second_moment, &r.train_loss, &r.train_error];
        let more = [&r.test_error, &r.noisy_error, &r.radius, &r.distance, &state.averages];
        for &value in floats.into_iter().chain(more).flatten() {
            // What a NaN's bits say beyond "not measured" is not promised.
            let bits = if value.is_nan() { f32::NAN.to_bits() } else { value.to_bits() };
            bits.to_le_bytes().into_iter().for_each(&mut eat);
        }
        r.misclassified.iter().copied().for_each(&mut eat);
        (state.epoch as u64).to_le_bytes().into_iter().for_each(&mut eat);
        state.diverged.map_or(u64::MAX, |epoch| epoch as u64).to_le_bytes().into_iter().for_each(&mut eat);
    }
    hash
}

fn cases() -> [(&'static str, Case); 6] {
    let base = Case { replicas: 11, epochs: 9, ..Case::default() };
    let trunk = Some(Trunk { image: [1, 7, 6], channels: vec![3, 2], kernel: 3, pool: 2 });
    [
        ("sparse, momentum, pruned", Case { hidden: vec![20], momentum: 0.9, pruned: true, ..base.clone() }),
        (
            "dense, gelu, adam, two layers",
            Case {
                hidden: vec![9, 6],
                classes: 3,
                activation: Activation::Gelu,
                kind: Rule::Adam,
                density: 0.9,
                ..base.clone()
            },
        ),
        ("squares, sigmoid", Case { loss: Loss::MeanSquared, activation: Activation::Sigmoid, ..base.clone() }),
        (
            "convolutions, rectified",
            Case { trunk: trunk.clone(), activation: Activation::Relu, hidden: vec![], ..base.clone() },
        ),
        (
            "minibatches, adamw",
            Case { batch: Batch::Mini { size: 64 }, kind: Rule::Adamw, hidden: vec![8], ..base.clone() },
        ),
        (
            "minibatches of images, rmsprop",
            Case { trunk, batch: Batch::Mini { size: 50 }, kind: Rule::Rmsprop, momentum: 0.5, hidden: vec![], ..base },
        ),
    ]
}

/// The digests of the cases, in order: on every instruction set those that AVX2 has had from the beginning.
const FROZEN: [u64; 6] = [
    0xb611_4469_e1a0_f48b,
    0xd2f9_f889_f113_c225,
    0x93e7_42ff_0987_728e,
    0x02ec_e7ae_249e_595a,
    0x4293_156a_f749_a86c,
    0x4d7f_676e_20f2_b3d9,
];

/// The order of samples that the program gives the kernel: a permutation from stream `epoch` of ChaCha8, keyed by the seed.
fn order(seed: u64, epoch: usize, n: usize) -> Vec<u32> {
    let mut hasher = blake3::Hasher::new_derive_key("phasesweep 1 sample order");
    hasher.update(&seed.to_le_bytes());
    let mut random = ChaCha8Rng::from_seed(*hasher.finalize().as_bytes());
    random.set_stream(epoch as u64);
    let mut order: Vec<u32> = (0..n as u32).collect();
    for i in (1..n as u32).rev() {
        // Uniform on 0..=i without bias (Lemire 2019, algorithm 5).
        let reject_under = (i + 1).wrapping_neg() % (i + 1);
        let product = loop {
            let product = u64::from(random.next_u32()) * u64::from(i + 1);
            if product as u32 >= reject_under {
                break product;
            }
        };
        order.swap(i as usize, (product >> 32) as usize);
    }
    order
}

#[test]
fn recorded_bits_are_those_of_earlier_versions() {
    let mut changed = Vec::new();
    for isa in sets() {
        for ((name, case), frozen) in cases().into_iter().zip(FROZEN) {
            let (mut problem, replicas, states) = case.build();
            problem.order = order;
            let choices = Choices { isa, sparse: true, group: usize::MAX, reuse_predictions: true };
            let mut kernel = Kernel::with(problem, replicas, states, 2, choices).expect("a problem of the kernel's");
            kernel.advance(case.epochs + 1);
            let found = digest(kernel.states());
            if found != frozen {
                changed.push(format!("{name}, {isa:?}: {found:#018x} instead of {frozen:#018x}"));
            }
        }
    }
    assert!(changed.is_empty(), "{}", changed.join("\n"));
}
