//! Layer normalisation of a tile: y = γ (x − mean)/√(variance + ε) + β, each sample and replica over its units.
//!
//! Sums over units run in four strands that are added up in the end: in one order, whatever the number of replicas.

use phasesweep_networks::Normalisation;

use super::tiles::Standard;
use crate::layer::Layer;
use crate::simd::{Lane, Task, get, put};

/// Normalises values in place.
pub(super) struct Normalise<'a> {
    /// Units or channels, each with a factor and an offset.
    pub(super) channels: usize,
    /// Numbers of a sample and replica.
    pub(super) units: usize,
    pub(super) layer: &'a Layer,
    pub(super) standard: &'a mut Standard,
    pub(super) out: &'a mut [f32],
    pub(super) stride: usize,
    pub(super) valid: usize,
}

/// The sum of `f` over the units of a row.
macro_rules! over_units {
    ($row:expr, $units:expr, |$x:ident, $sum:ident| $f:expr) => {{
        let mut strands = [V::splat(0.0); 4];
        for (unit, $x) in $row[..$units * R].chunks_exact(R).enumerate() {
            let $x = V::pattern::<R>($x);
            let $sum = strands[unit % 4];
            strands[unit % 4] = $f;
        }
        strands[0].add(strands[1]).add(strands[2].add(strands[3]))
    }};
}

impl Task for Normalise<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let Normalise { channels, units, layer, standard, out, stride, valid } = self;
        let Some(elements) = &layer.elements else { return };
        let share = V::splat(1.0 / units as f32);
        let numbers = channels * R;
        let rows = out.chunks_exact_mut(stride).zip(standard.values.chunks_exact_mut(stride));
        for ((row, kept), inverse) in rows.zip(standard.inverse.chunks_exact_mut(16)).take(valid) {
            let mean = over_units!(row, units, |x, sum| sum.add(x)).mul(share);
            let variance = over_units!(row, units, |x, sum| x.sub(mean).fma(x.sub(mean), sum)).mul(share);
            let scale = V::splat(1.0).div(variance.add(V::splat(Normalisation::EPSILON as f32)).sqrt());
            scale.store(inverse);
            let places = row[..units * R].chunks_exact_mut(numbers).zip(kept.chunks_exact_mut(numbers));
            for (row, kept) in places {
                for at in (0..numbers).step_by(V::LEN) {
                    let end = numbers.min(at + V::LEN);
                    let x = get::<V>(&row[at..end]).sub(mean).mul(scale);
                    put(x, &mut kept[at..end]);
                    let (factor, offset) = (V::load(&elements.values[at..]), V::load(&layer.bias.value[at..]));
                    put(x.fma(factor, offset), &mut row[at..end]);
                }
            }
        }
    }
}

/// Replaces the gradient with respect to the normalised values by that with respect to the values, and adds those of
/// factors and offsets.
pub(super) struct NormaliseBack<'a> {
    pub(super) channels: usize,
    pub(super) units: usize,
    pub(super) layer: &'a mut Layer,
    pub(super) standard: &'a mut Standard,
    pub(super) here: &'a mut [f32],
    pub(super) stride: usize,
    pub(super) valid: usize,
}

impl Task for NormaliseBack<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let NormaliseBack { channels, units, layer, standard, here, stride, valid } = self;
        let Some(elements) = &mut layer.elements else { return };
        let share = V::splat(1.0 / units as f32);
        let numbers = channels * R;
        let Standard { values, inverse, sums: [factors, offsets] } = standard;
        factors.fill(0.0);
        offsets.fill(0.0);
        let rows = here.chunks_exact_mut(stride).zip(values.chunks_exact(stride));
        for ((row, kept), inverse) in rows.zip(inverse.chunks_exact(16)).take(valid) {
            for (row, kept) in row[..units * R].chunks_exact_mut(numbers).zip(kept.chunks_exact(numbers)) {
                for at in (0..numbers).step_by(V::LEN) {
                    let end = numbers.min(at + V::LEN);
                    let (d, x) = (get::<V>(&row[at..end]), get::<V>(&kept[at..end]));
                    d.fma(x, V::load(&factors[at..])).store(&mut factors[at..]);
                    d.add(V::load(&offsets[at..])).store(&mut offsets[at..]);
                    put(d.mul(V::load(&elements.values[at..])), &mut row[at..end]);
                }
            }
            let mean = over_units!(row, units, |d, sum| sum.add(d)).mul(share);
            let mut strands = [V::splat(0.0); 4];
            for (unit, (d, x)) in row[..units * R].chunks_exact(R).zip(kept.chunks_exact(R)).enumerate() {
                strands[unit % 4] = V::pattern::<R>(d).fma(V::pattern::<R>(x), strands[unit % 4]);
            }
            let along = strands[0].add(strands[1]).add(strands[2].add(strands[3])).mul(share);
            let scale = V::load(inverse);
            for at in (0..units * R).step_by(V::LEN) {
                let end = (units * R).min(at + V::LEN);
                let (d, x) = (get::<V>(&row[at..end]), get::<V>(&kept[at..end]));
                let own = V::splat(0.0).sub(along).fma(x, d.sub(mean)).mul(scale);
                put(own, &mut row[at..end]);
            }
        }
        for (to, &sum) in elements.sums.iter_mut().zip(factors.iter()) {
            *to += f64::from(sum);
        }
        for (to, &sum) in layer.bias_sum.iter_mut().zip(offsets.iter()) {
            *to += f64::from(sum);
        }
    }
}
