//! What is done with a group's gradients before the step: their norm, clipping by it, and the way uphill and back of SAM.
//!
//! Invariants: a replica's norm is the same to the last bit in any group (each column's squares are summed along its rows, a
//! unit's columns in the order of the units, in f64), and so is what follows from it.

use std::ops::Range;

use phasesweep_optimisers::Recipe;

use super::layout::{Layout, Panel};
use super::net::Net;
use super::simd::{Buffer, Lane, Task};

/// A number for each lane of a group, repeated by [`Lane::pattern`].
type Lanes = [f32; 16];

/// Adds up the squares of each replica's gradients, over all its parameters.
struct Squares<'a> {
    net: &'a Net,
    sums: &'a mut [f64],
}

impl Task for Squares<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let Squares { net, sums } = self;
        let mut columns: Vec<f64> = Vec::new();
        for layer in &net.layers {
            columns.clear();
            columns.resize(layer.layout.padded_columns(), 0.0);
            for panel in &layer.layout.panels {
                let (width, first) = (panel.vectors * V::LEN, panel.first * V::LEN);
                let own = &mut columns[first..first + width];
                for row in layer.weight.gradient[panel.offset..].chunks_exact(width).take(layer.inputs) {
                    add_squares(own, row);
                }
            }
            add_squares(&mut columns, &layer.bias.gradient);
            for (at, &square) in columns[..layer.layout.columns].iter().enumerate() {
                sums[at % R] += square;
            }
        }
    }
}

#[inline(always)]
fn add_squares(sums: &mut [f64], values: &[f32]) {
    for (sum, &value) in sums.iter_mut().zip(values) {
        *sum += f64::from(value) * f64::from(value);
    }
}

/// The norm of each replica's gradient; the gradients are complete.
#[inline(always)]
fn norms<V: Lane, const R: usize>(net: &Net) -> Vec<f64> {
    let mut sums = vec![0.0; R];
    V::enter::<_, R>(Squares { net, sums: &mut sums });
    sums.into_iter().map(f64::sqrt).collect()
}

/// What each replica's gradient is multiplied with, by its recipe and its norm.
#[inline(always)]
fn factors<'a, V: Lane, const R: usize>(
    net: &Net,
    recipes: impl Iterator<Item = &'a Recipe>,
    factor: fn(&Recipe, f64) -> f64,
) -> Lanes {
    let mut lanes = [0.0; 16];
    for ((lane, recipe), norm) in lanes.iter_mut().zip(recipes).zip(norms::<V, R>(net)) {
        *lane = factor(recipe, norm) as f32;
    }
    lanes
}

/// Multiplies gradients.
struct Scale<'a> {
    net: &'a mut Net,
    factors: &'a Lanes,
}

impl Task for Scale<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let Scale { net, factors } = self;
        let factor = V::pattern::<R>(factors);
        for layer in &mut net.layers {
            for panel in &layer.layout.panels {
                for gradient in layer.weight.gradient[used::<V>(&layer.layout, panel)].chunks_exact_mut(V::LEN) {
                    V::load(gradient).mul(factor).store(gradient);
                }
            }
            for gradient in layer.bias.gradient.chunks_exact_mut(V::LEN) {
                V::load(gradient).mul(factor).store(gradient);
            }
        }
    }
}

/// Moves weights along their gradients.
struct Climb<'a> {
    net: &'a mut Net,
    factors: &'a Lanes,
}

impl Task for Climb<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let Climb { net, factors } = self;
        let factor = V::pattern::<R>(factors);
        for layer in &mut net.layers {
            for panel in &layer.layout.panels {
                let range = used::<V>(&layer.layout, panel);
                let gradients = layer.weight.gradient[range.clone()].chunks_exact(V::LEN);
                for (value, gradient) in layer.weight.value[range].chunks_exact_mut(V::LEN).zip(gradients) {
                    V::load(gradient).fma(factor, V::load(value)).store(value);
                }
            }
            let gradients = layer.bias.gradient.chunks_exact(V::LEN);
            for (value, gradient) in layer.bias.value.chunks_exact_mut(V::LEN).zip(gradients) {
                V::load(gradient).fma(factor, V::load(value)).store(value);
            }
        }
        net.transpose();
    }
}

/// A panel's rows, those of padding left out: what their gradients hold is of no meaning.
#[inline(always)]
fn used<V: Lane>(layout: &Layout, panel: &Panel) -> Range<usize> {
    panel.offset..panel.offset + layout.rows * panel.vectors * V::LEN
}

/// Clips the gradients of a group whose replicas have these recipes, if any of them asks for it.
#[inline(always)]
pub(super) fn clip<'a, V: Lane, const R: usize>(net: &mut Net, recipes: impl Iterator<Item = &'a Recipe> + Clone) {
    if recipes.clone().all(|recipe| recipe.clip_norm.is_none()) {
        return;
    }
    let factors = factors::<V, R>(net, recipes, Recipe::clip_factor);
    V::enter::<_, R>(Scale { net, factors: &factors });
}

/// The weights that a group of replicas with SAM comes back to: values and biases of each layer.
pub(super) struct Ascent(Vec<[Buffer; 2]>);

impl Ascent {
    /// Room for a net's weights.
    pub(super) fn new(net: &Net) -> Ascent {
        Ascent(net.layers.iter().map(|layer| [layer.weight.value.clone(), layer.bias.value.clone()]).collect())
    }

    /// Keeps the weights and moves them along the gradients that the net holds, as far as the recipes say.
    #[inline(always)]
    pub(super) fn climb<'a, V: Lane, const R: usize>(
        &mut self,
        net: &mut Net,
        recipes: impl Iterator<Item = &'a Recipe>,
    ) {
        for ([weight, bias], layer) in self.0.iter_mut().zip(&net.layers) {
            weight.copy_from_slice(&layer.weight.value);
            bias.copy_from_slice(&layer.bias.value);
        }
        let factors = factors::<V, R>(net, recipes, Recipe::climb_factor);
        V::enter::<_, R>(Climb { net, factors: &factors });
    }

    /// Puts the weights back; the copies that carry gradients back are up to date again after the step.
    pub(super) fn descend(&self, net: &mut Net) {
        for ([weight, bias], layer) in self.0.iter().zip(&mut net.layers) {
            layer.weight.value.copy_from_slice(weight);
            layer.bias.value.copy_from_slice(bias);
        }
    }
}
