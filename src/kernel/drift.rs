//! How far a group's outputs can have moved: bounds on what steps changed, and on what rounding may hide.
//!
//! A bound grows with the length of a sample: slope · ‖x‖ + offset. A sum of the first layer moves by at most
//! ‖Δw‖·‖x‖ + |Δb| (Cauchy and Schwarz). Behind it, with w the weights before and h the outputs below now,
//! |Δ(w·h)| ≤ Σ|w|·|Δh| + Σ|Δw|·|h| + |Δb|, and an activation stretches by its greatest slope at most. The difference
//! of two outputs is bounded in one, with w_a − w_b for w. A sum of n products, computed in order, is off by at most
//! n u Σ|w|·|h| with u = 2⁻²⁴ (Higham, Accuracy and Stability of Numerical Algorithms, eq. 3.5).
//!
//! Invariant: every bound holds for the numbers as computed. The bounds are sums of terms without sign, so their own
//! rounding is relative, and [`grown`] makes up for it.

use super::layer::Layer;
use super::net::Net;
use super::simd::{Buffer, Lane, Task};
use crate::problem::Activation;

/// Unit roundoff of f32.
const ROUNDING: f32 = 1.0 / 16_777_216.0;
/// Above the error of every activation, relative to the greater of 1 and its argument.
const ACTIVATION_ERROR: f32 = 1e-6;

/// slope · ‖x‖ + offset, for every column of a layer or for every replica.
#[derive(Clone)]
pub(super) struct Bound {
    pub(super) slope: Buffer,
    pub(super) offset: Buffer,
}

impl Bound {
    /// Bounds of zero.
    pub(super) fn zeros(len: usize) -> Bound {
        Bound { slope: Buffer::zeros(len), offset: Buffer::zeros(len) }
    }

    /// Slope and offset of a unit, for every replica.
    #[inline(always)]
    fn of<V: Lane, const R: usize>(&self, unit: usize) -> [V; 2] {
        [V::pattern::<R>(&self.slope[unit * R..]), V::pattern::<R>(&self.offset[unit * R..])]
    }
}

/// Bounds on the outputs of a layer.
struct Reach {
    /// On their change since the weights were taken last.
    moved: Bound,
    /// On their magnitude.
    size: Bound,
    /// On what rounding has put them off.
    rounding: Bound,
}

/// The weights as they were taken last, and bounds on what became of the outputs since.
pub(super) struct Drift {
    /// Weights and biases of every layer.
    before: Vec<[Buffer; 2]>,
    reach: Vec<Reach>,
    /// ‖background of the inputs‖, which the first layer's bias takes in.
    background: f32,
    /// On the change of the difference of any two outputs of a replica.
    pub(super) moved: Bound,
    /// On what rounding has put that difference off, with the weights as they are.
    pub(super) rounding: Bound,
}

impl Drift {
    /// Takes the weights as they are.
    pub(super) fn new(net: &Net, background: Option<&[f32]>) -> Drift {
        let before = |layer: &Layer| [layer.weight.value.clone(), layer.bias.value.clone()];
        let bound = |layer: &Layer| Bound::zeros(layer.bias.value.len());
        let reach = |layer: &Layer| Reach { moved: bound(layer), size: bound(layer), rounding: bound(layer) };
        let square: f64 = background.unwrap_or_default().iter().map(|&x| f64::from(x).powi(2)).sum();
        Drift {
            before: net.layers.iter().map(before).collect(),
            reach: net.layers.iter().map(reach).collect(),
            background: square.sqrt() as f32 * grown(1),
            moved: Bound::zeros(16),
            rounding: Bound::zeros(16),
        }
    }
}

/// A factor above the rounding of a sum of so many terms, and of a few operations more.
fn grown(terms: usize) -> f32 {
    1.0 + (terms + 8) as f32 * 4.0 * ROUNDING
}

/// Bounds what the outputs have moved by since the weights were taken, and takes them as they are now.
pub(super) struct Measure<'a> {
    pub(super) drift: &'a mut Drift,
    pub(super) net: &'a Net,
    pub(super) activation: Activation,
}

impl Task for Measure<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let Measure { drift, net, activation } = self;
        for (at, layer) in net.layers.iter().enumerate() {
            let (below, here) = drift.reach.split_at_mut(at);
            let (before, here) = (&drift.before[at], &mut here[0]);
            match below.last() {
                None => lengths::<V>(layer, before, drift.background, here),
                Some(below) => sums::<V, R>(layer, before, below, here),
            }
            if at + 1 < net.layers.len() {
                through::<V>(activation, here);
            }
        }
        apart::<V, R>(drift, net);
        for (before, layer) in drift.before.iter_mut().zip(&net.layers) {
            before[0].copy_from_slice(&layer.weight.value);
            before[1].copy_from_slice(&layer.bias.value);
        }
    }
}

/// Adds to a vector in memory.
#[inline(always)]
fn add<V: Lane>(to: &mut [f32], what: V) {
    V::load(to).add(what).store(to);
}

/// Bounds on the first layer's sums.
#[inline(always)]
fn lengths<V: Lane>(layer: &Layer, [weight, bias]: &[Buffer; 2], background: f32, here: &mut Reach) {
    let grown = grown(layer.inputs);
    let rounding = V::splat((layer.inputs + 2) as f32 * ROUNDING * grown);
    for panel in &layer.layout.panels {
        let width = panel.vectors * V::LEN;
        for vector in 0..panel.vectors {
            let (mut moved, mut length) = (V::splat(0.0), V::splat(0.0));
            for row in 0..layer.inputs {
                let place = panel.offset + row * width + vector * V::LEN;
                let now = V::load(&layer.weight.value[place..]);
                let step = now.sub(V::load(&weight[place..]));
                moved = step.fma(step, moved);
                length = now.fma(now, length);
            }
            let column = (panel.first + vector) * V::LEN;
            let (moved, length) = (moved.sqrt().mul(V::splat(grown)), length.sqrt().mul(V::splat(grown)));
            let now = V::load(&layer.bias.value[column..]);
            let step = now.sub(V::load(&bias[column..])).abs().mul(V::splat(grown));
            let now = now.abs();
            moved.store(&mut here.moved.slope[column..]);
            step.store(&mut here.moved.offset[column..]);
            length.store(&mut here.size.slope[column..]);
            now.store(&mut here.size.offset[column..]);
            length.mul(rounding).store(&mut here.rounding.slope[column..]);
            // The sum may run over x less its background, with the background's share in the bias.
            let start = length.mul(V::splat(2.0 * background)).add(now);
            start.mul(rounding).store(&mut here.rounding.offset[column..]);
        }
    }
}

/// Bounds on the sums of a layer that has one below.
#[inline(always)]
fn sums<V: Lane, const R: usize>(layer: &Layer, [weight, bias]: &[Buffer; 2], below: &Reach, here: &mut Reach) {
    let grown = V::splat(grown(layer.inputs));
    let rounding = V::splat((layer.inputs + 2) as f32 * ROUNDING);
    for bound in [&mut here.moved, &mut here.size, &mut here.rounding] {
        bound.slope.fill(0.0);
        bound.offset.fill(0.0);
    }
    for panel in &layer.layout.panels {
        let (width, first) = (panel.vectors * V::LEN, panel.first * V::LEN);
        for unit in 0..layer.inputs {
            let (moved, size, off): ([V; 2], [V; 2], [V; 2]) =
                (below.moved.of::<V, R>(unit), below.size.of::<V, R>(unit), below.rounding.of::<V, R>(unit));
            for vector in 0..panel.vectors {
                let (place, column) = (panel.offset + unit * width + vector * V::LEN, first + vector * V::LEN);
                let (now, was) = (V::load(&layer.weight.value[place..]), V::load(&weight[place..]));
                let (step, now, was) = (now.sub(was).abs(), now.abs(), was.abs());
                add(&mut here.moved.slope[column..], was.fma(moved[0], step.mul(size[0])));
                add(&mut here.moved.offset[column..], was.fma(moved[1], step.mul(size[1])));
                add(&mut here.size.slope[column..], now.mul(size[0]));
                add(&mut here.size.offset[column..], now.mul(size[1]));
                add(&mut here.rounding.slope[column..], now.mul(off[0]));
                add(&mut here.rounding.offset[column..], now.mul(off[1]));
            }
        }
    }
    for column in (0..layer.bias.value.len()).step_by(V::LEN) {
        let now = V::load(&layer.bias.value[column..]);
        add(&mut here.moved.offset[column..], now.sub(V::load(&bias[column..])).abs());
        add(&mut here.size.offset[column..], now.abs());
        for (off, size) in
            [(&mut here.rounding.slope, &here.size.slope), (&mut here.rounding.offset, &here.size.offset)]
        {
            add(&mut off[column..], V::load(&size[column..]).mul(rounding));
        }
        for bound in [&mut here.moved, &mut here.size, &mut here.rounding] {
            for buffer in [&mut bound.slope, &mut bound.offset] {
                V::load(&buffer[column..]).mul(grown).store(&mut buffer[column..]);
            }
        }
    }
}

/// Turns bounds on sums into bounds on their activation.
#[inline(always)]
fn through<V: Lane>(activation: Activation, here: &mut Reach) {
    // The greatest slope (gelu's is 1.129, swish's 1.0998, erf's 2/√π), and whether outputs stay within ±1. Where they do
    // not, none is further from zero than its sum is.
    let (steepest, within) = match activation {
        Activation::Tanh => (1.0, true),
        Activation::Sigmoid => (0.25, true),
        Activation::Erf => (1.13, true),
        Activation::Relu | Activation::LeakyRelu | Activation::Elu | Activation::Identity => (1.0, false),
        Activation::Gelu => (1.13, false),
        Activation::Swish => (1.1, false),
        // Of these no bound is kept (`Network::is_bounded`): softplus is above its sum, and a square has no steepest slope.
        Activation::Softplus | Activation::Quadratic => (f32::INFINITY, false),
    };
    let steepest = V::splat(steepest);
    for column in (0..here.size.slope.len()).step_by(V::LEN) {
        let error = V::splat(ACTIVATION_ERROR);
        for (off, size, least) in [
            (&mut here.rounding.slope, &here.size.slope, 0.0),
            (&mut here.rounding.offset, &here.size.offset, ACTIVATION_ERROR),
        ] {
            let grown = error.fma(V::load(&size[column..]), V::splat(least));
            V::load(&off[column..]).fma(steepest, grown).store(&mut off[column..]);
        }
        for moved in [&mut here.moved.slope, &mut here.moved.offset] {
            V::load(&moved[column..]).mul(steepest).store(&mut moved[column..]);
        }
        if within {
            V::splat(0.0).store(&mut here.size.slope[column..]);
            V::splat(1.0 + ACTIVATION_ERROR).store(&mut here.size.offset[column..]);
        }
    }
}

/// Bounds on the differences of the outputs.
#[inline(always)]
fn apart<V: Lane, const R: usize>(drift: &mut Drift, net: &Net) {
    let (Some(layer), Some(before), Some((here, below))) =
        (net.layers.last(), drift.before.last(), drift.reach.split_last())
    else {
        return;
    };
    let grown = V::splat(grown(layer.inputs));
    let (mut most, mut finite) = ([V::splat(0.0); 4], V::splat(0.0));
    for a in 0..layer.outputs {
        for b in a + 1..layer.outputs {
            let moved = match below.last() {
                // The inputs are known by their length alone.
                None => together::<V, R>(&here.moved, a, b),
                Some(below) => difference::<V, R>(layer, before, below, a, b),
            };
            let off = together::<V, R>(&here.rounding, a, b);
            for (most, one) in most.iter_mut().zip([moved[0], moved[1], off[0], off[1]]) {
                *most = most.max(one.mul(grown));
                finite = one.fma(V::splat(0.0), finite);
            }
        }
    }
    let to = [&mut drift.moved.slope, &mut drift.moved.offset, &mut drift.rounding.slope, &mut drift.rounding.offset];
    for (to, most) in to.into_iter().zip(most) {
        // What overflowed is no bound: NaN, by which no lead is safe.
        most.add(finite).store(to);
    }
}

/// The sum of two units' bounds.
#[inline(always)]
fn together<V: Lane, const R: usize>(bound: &Bound, a: usize, b: usize) -> [V; 2] {
    let (a, b): ([V; 2], [V; 2]) = (bound.of::<V, R>(a), bound.of::<V, R>(b));
    [a[0].add(b[0]), a[1].add(b[1])]
}

/// Bounds on the change of the difference of two outputs.
#[inline(always)]
fn difference<V: Lane, const R: usize>(
    layer: &Layer,
    [weight, bias]: &[Buffer; 2],
    below: &Reach,
    a: usize,
    b: usize,
) -> [V; 2] {
    let mut moved = [V::splat(0.0); 2];
    let ((first_a, step_a), (first_b, step_b)) = (layer.layout.column(a * R), layer.layout.column(b * R));
    for unit in 0..layer.inputs {
        let (at_a, at_b) = (first_a + unit * step_a, first_b + unit * step_b);
        let (was_a, was_b) = (V::pattern::<R>(&weight[at_a..]), V::pattern::<R>(&weight[at_b..]));
        let now = &layer.weight.value;
        let (by_a, by_b) = (V::pattern::<R>(&now[at_a..]).sub(was_a), V::pattern::<R>(&now[at_b..]).sub(was_b));
        let apart = was_a.sub(was_b).abs();
        // The first term is what the subtractions may have rounded away.
        let by = V::splat(4.0 * ROUNDING).fma(by_a.abs().add(by_b.abs()), by_a.sub(by_b).abs());
        let (change, size): ([V; 2], [V; 2]) = (below.moved.of::<V, R>(unit), below.size.of::<V, R>(unit));
        for (moved, (change, size)) in moved.iter_mut().zip(change.into_iter().zip(size)) {
            *moved = apart.fma(change, by.fma(size, *moved));
        }
    }
    for unit in [a, b] {
        let (now, was) = (V::pattern::<R>(&layer.bias.value[unit * R..]), V::pattern::<R>(&bias[unit * R..]));
        moved[1] = moved[1].add(now.sub(was).abs());
    }
    moved
}
