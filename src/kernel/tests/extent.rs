//! How much is tested: everything, or a part of it in an emulated processor, which is a thousand times slower than one.
//!
//! `PHASESWEEP_ONE_CASE_IN=16` runs the first of every sixteen cases of a test that has a list of them or draws them, on the
//! widest instruction set: the others are tested on every processor. Invariant: without it, everything is run.

use std::num::NonZero;

use proptest::prelude::ProptestConfig;

use crate::simd::Isa;

fn one_in() -> Option<NonZero<usize>> {
    let asked = std::env::var("PHASESWEEP_ONE_CASE_IN").ok()?;
    Some(asked.parse().expect("PHASESWEEP_ONE_CASE_IN is a whole number of 1 or more"))
}

/// Those of a list of cases that are run.
pub(super) fn chosen<T>(cases: impl IntoIterator<Item = T>) -> impl Iterator<Item = T> {
    cases.into_iter().step_by(one_in().map_or(1, NonZero::get))
}

/// As [`chosen`], of so many cases that are drawn.
pub(super) fn drawn(cases: u32) -> ProptestConfig {
    let one_in = one_in().map_or(1, NonZero::get) as u32;
    ProptestConfig { cases: cases.div_ceil(one_in), ..ProptestConfig::default() }
}

/// Instruction sets of the same bits that are held against recorded ones.
pub(super) fn sets() -> Vec<Isa> {
    if one_in().is_some() { vec![Isa::detect()] } else { Isa::here().collect() }
}

/// Ways of computing that are held against a reference: the sets, and multiply-adds that are not fused.
pub(super) fn ways() -> impl Iterator<Item = Isa> {
    sets().into_iter().chain(one_in().is_none().then_some(Isa::Unfused))
}

/// Instruction sets whose bits are held against each other's: in an emulator the two widest.
pub(super) fn compared() -> Vec<Isa> {
    let all: Vec<Isa> = Isa::here().collect();
    let first = if one_in().is_some() { all.len().saturating_sub(2) } else { 0 };
    all[first..].to_vec()
}
