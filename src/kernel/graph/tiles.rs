//! The values and gradients of a tile of samples in a graph, and what steps keep from forward to backward.

use std::sync::Arc;

use super::convolution::Unfolded;
use super::normalise_batch::BatchMoments;
use super::slot::Slot;
use super::walk::{Kind, Walk};
use crate::elementwise::keeps_slope;
use crate::layer::Layer;
use crate::shape::Shape;
use crate::simd::Buffer;
use crate::values::{Outputs, Values};

/// What flows through a graph.
pub(crate) struct Tiles {
    pub(super) walk: Arc<Walk>,
    pub(super) slots: Vec<Slot>,
    /// What each step keeps.
    pub(super) own: Vec<Own>,
}

/// What a step keeps from forward to backward, and the room that it works in.
pub(super) enum Own {
    Nothing,
    /// Derivatives, laid out as the value.
    Slope(Buffer),
    /// The place in its window that each value came from, laid out as the value.
    Choice(Buffer),
    Standard(Standard),
    Batch(Box<BatchMoments>),
    Unfolded(Box<Unfolded>),
}

/// What a normalisation keeps.
pub(super) struct Standard {
    /// Values of mean 0 and variance 1, laid out as the value.
    pub(super) values: Buffer,
    /// One over the deviation of each sample, `[sample, 16]`.
    pub(super) inverse: Buffer,
    /// Room for the gradients of factors and offsets.
    pub(super) sums: [Buffer; 2],
}

impl Tiles {
    /// Buffers of zeros.
    pub(crate) fn zeros(shape: &Shape<'_>, walk: &Arc<Walk>, layers: &[Layer]) -> Tiles {
        let carried: Vec<bool> = (0..walk.slots.len())
            .map(|slot| walk.steps.iter().any(|step| step.back && step.slot == slot) || slot == walk.output)
            .collect();
        let slot = |(&units, carried): (&usize, bool)| {
            let (columns, stride) = shape.row(units);
            let rows = shape.tile * stride;
            let gradient = Buffer::zeros(if carried { rows } else { 0 });
            Slot { value: Buffer::zeros(rows), gradient, units, columns, stride }
        };
        let slots: Vec<Slot> = walk.slots.iter().zip(carried).map(slot).collect();
        let own = walk.steps.iter().map(|step| {
            let rows = || Buffer::zeros(shape.tile * slots[step.slot].stride);
            match (step.kind, step.layer) {
                (Kind::Activation(activation), _) if keeps_slope(activation) => Own::Slope(rows()),
                (Kind::MaxPool(_), _) => Own::Choice(rows()),
                (Kind::Normalise { .. }, Some(layer)) => {
                    let columns = layers[layer].layout.padded_columns();
                    Own::Standard(Standard {
                        values: rows(),
                        inverse: Buffer::zeros(shape.tile * 16),
                        sums: [Buffer::zeros(columns), Buffer::zeros(columns)],
                    })
                }
                (Kind::NormaliseBatch { .. }, Some(layer)) => {
                    let numbers = shape.tile * slots[step.slot].stride;
                    Own::Batch(Box::new(BatchMoments::zeros(numbers, layers[layer].layout.padded_columns())))
                }
                (Kind::Convolution { geometry, .. }, Some(layer)) => {
                    Own::Unfolded(Box::new(Unfolded::zeros(shape, geometry, &layers[layer])))
                }
                _ => Own::Nothing,
            }
        });
        let own = own.collect();
        Tiles { walk: Arc::clone(walk), slots, own }
    }

    /// Rows of gradients that a product takes at a time, if not a tile's samples.
    pub(crate) fn places_at_once(&self) -> usize {
        let places = self.own.iter().map(|own| match own {
            Own::Unfolded(unfolded) => unfolded.places_at_once(),
            _ => 0,
        });
        places.max().unwrap_or(0)
    }

    /// Moves the running averages of the batch normalisations by the moments of the last step.
    pub(crate) fn move_averages(&self, layers: &mut [Layer]) {
        for (step, own) in self.walk.steps.iter().zip(&self.own) {
            if let (Own::Batch(moments), Some(layer)) = (own, step.layer) {
                moments.move_averages(&mut layers[layer]);
            }
        }
    }

    /// A hidden layer, counted from 0.
    pub(crate) fn hidden(&self, layer: usize) -> Values<'_> {
        self.slots[self.walk.hidden[layer]].values()
    }

    /// The outputs.
    pub(crate) fn outputs(&self) -> Values<'_> {
        self.slots[self.walk.output].values()
    }

    /// The outputs' copy that becomes their gradient.
    pub(crate) fn outputs_mut(&mut self) -> Outputs<'_> {
        let Slot { value, gradient, units, stride, .. } = &mut self.slots[self.walk.output];
        gradient.copy_from_slice(value);
        Outputs { out: gradient, stride: *stride, outputs: *units }
    }
}
