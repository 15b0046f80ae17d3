//! Activation and max pooling, and the way back through the pooling.
//!
//! Of equals the first in a window wins, line by line, and a NaN wins over all. A monotone activation is taken of
//! the greatest only. Rows and columns that do not fill a window are dropped.

use std::marker::PhantomData;

use crate::elementwise::{
    Elementwise, Elu, Erf, Gelu, Identity, LeakyRelu, Quadratic, Relu, Sigmoid, Sloped, Softplus, Swish, Tanh,
};
use crate::problem::Activation;
use crate::simd::{Lane, Task, get, put};

/// The windows over lines of sums.
#[derive(Clone, Copy)]
pub(super) struct Windows {
    /// Distance between places of the sums.
    pub(super) place: usize,
    /// Places from a line of the sums to the next.
    pub(super) pitch: usize,
    /// Side of a window.
    pub(super) side: usize,
    /// Lines of windows.
    pub(super) rows: usize,
    /// Windows of a line.
    pub(super) columns: usize,
    /// Numbers of a place.
    pub(super) numbers: usize,
}

/// Lines of sums to activated, pooled outputs.
pub(super) struct Pool<'a> {
    pub(super) sums: &'a [f32],
    pub(super) windows: Windows,
    pub(super) activation: Activation,
    /// Outputs, place by place.
    pub(super) out: &'a mut [f32],
    /// Which of its window each output came from, laid out alike; empty for windows of one place.
    pub(super) choice: &'a mut [f32],
    /// The activation's derivative there, laid out alike, if kept.
    pub(super) slope: &'a mut [f32],
}

/// An activation around the choice of the greatest.
trait Pooled {
    /// Whether the derivative is kept apart.
    const SLOPE: bool = false;
    /// What is compared, and the derivative.
    fn before<V: Lane>(z: V) -> (V, V);
    /// From the greatest to the output.
    fn after<V: Lane>(greatest: V) -> V;
}

/// Monotone: the greatest alone is activated.
struct Greatest<F>(PhantomData<F>);

impl<F: Elementwise> Pooled for Greatest<F> {
    #[inline(always)]
    fn before<V: Lane>(z: V) -> (V, V) {
        (z, z)
    }

    #[inline(always)]
    fn after<V: Lane>(greatest: V) -> V {
        F::value(greatest)
    }
}

/// Not monotone, or not known by its value: every place is activated.
struct Each<F>(PhantomData<F>);

impl<F: Sloped> Pooled for Each<F> {
    const SLOPE: bool = true;

    #[inline(always)]
    fn before<V: Lane>(z: V) -> (V, V) {
        F::both(z)
    }

    #[inline(always)]
    fn after<V: Lane>(greatest: V) -> V {
        greatest
    }
}

impl Task for Pool<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        match self.activation {
            Activation::Tanh => windows::<V, Greatest<Tanh>>(self),
            Activation::Sigmoid => windows::<V, Greatest<Sigmoid>>(self),
            Activation::Relu => windows::<V, Greatest<Relu>>(self),
            Activation::LeakyRelu => windows::<V, Greatest<LeakyRelu>>(self),
            Activation::Elu => windows::<V, Greatest<Elu>>(self),
            Activation::Identity => windows::<V, Greatest<Identity>>(self),
            Activation::Gelu => windows::<V, Each<Gelu>>(self),
            Activation::Softplus => windows::<V, Each<Softplus>>(self),
            Activation::Swish => windows::<V, Each<Swish>>(self),
            Activation::Erf => windows::<V, Each<Erf>>(self),
            Activation::Quadratic => windows::<V, Each<Quadratic>>(self),
        }
    }
}

/// A loop for each usual size of windows: written out by the compiler.
#[inline(always)]
fn windows<V: Lane, F: Pooled>(task: Pool<'_>) {
    match task.windows.side {
        1 => windows_of::<V, F>(task, 1),
        2 => windows_of::<V, F>(task, 2),
        side => windows_of::<V, F>(task, side),
    }
}

#[inline(always)]
fn windows_of<V: Lane, F: Pooled>(task: Pool<'_>, side: usize) {
    let Pool { sums, windows, out, choice, slope, .. } = task;
    let Windows { place, pitch, rows, columns, numbers, .. } = windows;
    for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
        let to = (row * columns + column) * numbers;
        let from = &sums[(row * pitch + column) * side * place..];
        for at in (0..numbers).step_by(V::LEN) {
            let (mut best, mut best_slope) = F::before(V::load(&from[at..]));
            let mut best_at = V::splat(0.0);
            for number in 1..side * side {
                let within = number / side * pitch + number % side;
                let (value, slope) = F::before(V::load(&from[within * place + at..]));
                let more = value.gt(best);
                best_at = V::select(more, V::splat(number as f32), best_at);
                best = V::select(more, value, best);
                if F::SLOPE {
                    best_slope = V::select(more, slope, best_slope);
                }
                best = V::select(value.is_nan(), value, best);
            }
            put(F::after(best), &mut out[to + at..to + numbers]);
            if side > 1 {
                put(best_at, &mut choice[to + at..to + numbers]);
            }
            if F::SLOPE && !slope.is_empty() {
                put(best_slope, &mut slope[to + at..to + numbers]);
            }
        }
    }
}

/// Pooled gradients to those with respect to all sums of a sample; and their sums over places.
pub(super) struct Unpool<'a> {
    /// Gradients, place by place.
    pub(super) out: &'a [f32],
    pub(super) choice: &'a [f32],
    pub(super) windows: Windows,
    /// Places that are in no window are not written.
    pub(super) delta: &'a mut [f32],
    pub(super) bias: &'a mut [f32],
}

impl Task for Unpool<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        match self.windows.side {
            1 => unpool::<V>(self, 1),
            2 => unpool::<V>(self, 2),
            side => unpool::<V>(self, side),
        }
    }
}

#[inline(always)]
fn unpool<V: Lane>(task: Unpool<'_>, side: usize) {
    let Unpool { out, choice, windows, delta, bias } = task;
    let Windows { place, pitch, rows, columns, numbers, .. } = windows;
    let zero = V::splat(0.0);
    bias.fill(0.0);
    for (row, column) in (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column))) {
        let from = (row * columns + column) * numbers;
        let to = &mut delta[(row * pitch + column) * side * place..];
        for at in (0..numbers).step_by(V::LEN) {
            let gradient: V = get(&out[from + at..from + numbers]);
            gradient.add(V::load(&bias[at..])).store(&mut bias[at..]);
            if side == 1 {
                gradient.store(&mut to[at..]);
                continue;
            }
            let chosen: V = get(&choice[from + at..from + numbers]);
            for number in 0..side * side {
                let within = number / side * pitch + number % side;
                let other = chosen.sub(V::splat(number as f32)).abs().gt(zero);
                V::select(other, zero, gradient).store(&mut to[within * place + at..]);
            }
        }
    }
}
