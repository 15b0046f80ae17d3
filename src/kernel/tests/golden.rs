//! Recorded bits are a promise: a cell that was trained by an earlier version and one that is trained today can stand in
//! one results file. These digests were frozen before the kernel became a crate of its own; whoever changes one on purpose
//! changes what is recorded, and says so in the changelog.

use super::case::{Case, Trunk};
use crate::simd::Isa;
use crate::{Activation, Batch, Choices, Kernel, Loss, Rule, State};

/// FNV-1a over the bits of everything that a state holds.
fn digest(states: &[State]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut eat = |byte: u8| hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    for state in states {
        let r = &state.record;
        let floats = [&state.parameters, &state.first_moment, &state.second_moment, &r.train_loss, &r.train_error];
        for &value in floats.into_iter().chain([&r.test_error, &r.noisy_error, &r.radius, &r.distance]).flatten() {
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

/// The digests of the cases, in order.
fn frozen(isa: Isa) -> [u64; 6] {
    match isa {
        Isa::Portable => [0x61a6e66cd21ba7e4, 0x79953c5ea1928f53, 0xf8fbd8ec05dd9c92, 0x142488dce79755ed, 0, 0],
        Isa::Avx2 => [0xb6114469e1a0f48b, 0xd2f9f889f113c225, 0x93e742ff0987728e, 0x02ece7ae249e595a, 0, 0],
        Isa::Avx512 => [0xe858e864d9bc2196, 0x5381d2403ac5f235, 0x522d95236b28f1bd, 0xff5225f34492db47, 0, 0],
    }
}

#[test]
fn recorded_bits_are_those_of_earlier_versions() {
    for isa in [Isa::Portable, Isa::Avx2, Isa::Avx512].into_iter().filter(|isa| isa.available()) {
        let found = cases().map(|(_, case)| {
            let (problem, replicas, states) = case.build();
            let choices = Choices { isa, sparse: true, group: usize::MAX, lasting: true };
            let mut kernel = Kernel::with(problem, replicas, states, 2, choices).expect("a problem of the kernel's");
            kernel.advance(case.epochs + 1);
            digest(kernel.states())
        });
        for (((name, _), found), frozen) in cases().into_iter().zip(found).zip(frozen(isa)) {
            assert_eq!(found, frozen, "{name}, {isa:?}: {found:#018x} instead of {frozen:#018x}");
        }
    }
}
