//! The weights of the epochs or steps right before a measurement, for what compares weights with those of a moment ago.
//!
//! They are working variables of the record, so that they lie in checkpoints: a replica that is resumed between two moments
//! knows those that an unbroken run would. A slot is overwritten after as many moments as there are slots. Invariant: the
//! epoch loop stops at every epoch and step whose weights are needed later, so that what is recalled is what was there.

use phasesweep_results::dimension::CELL;
use phasesweep_results::{Dim, Dimension, Dtype, LabelKind, Variable};

use super::axes::{Axes, Labels};
use super::moment::{Moment, Unit};
use super::record::Record;
use super::setup::Setup;

/// Of how many moments weights are remembered at most.
pub const MOST: usize = 2;

const SLOT: Dim =
    &Dimension::index("earlier_slot", LabelKind::Position, "1", "epoch, modulo the number of epochs remembered");
const STEP_SLOT: Dim =
    &Dimension::index("earlier_step_slot", LabelKind::Position, "1", "step, modulo the number of steps remembered");
const PARAMETER: Dim = &Dimension::index("earlier_parameter", LabelKind::Position, "1", "trainable number");

static OF_EPOCHS: Variable = Variable {
    name: "earlier_parameters",
    dims: &[CELL, SLOT, PARAMETER],
    dtype: Dtype::F32,
    units: "1",
    long_name: "parameters of the last epochs",
    when: "never: a working variable",
};
static OF_STEPS: Variable = Variable {
    name: "earlier_step_parameters",
    dims: &[CELL, STEP_SLOT, PARAMETER],
    dtype: Dtype::F32,
    units: "1",
    long_name: "parameters of the last steps",
    when: "never: a working variable",
};

/// The parameters of the last epochs, and of the last steps.
pub static PARAMETERS: [&Variable; 2] = [&OF_EPOCHS, &OF_STEPS];

/// Sets the labels of the dimensions; without any where no moment's weights are needed. `before` says of how many epochs and
/// of how many steps they are.
pub(super) fn label(setup: &Setup<'_>, before: [usize; 2], axes: &mut Axes) {
    axes.set(SLOT, Labels::Positions(before[Unit::Epoch as usize].min(MOST)));
    axes.set(STEP_SLOT, Labels::Positions(before[Unit::Step as usize].min(MOST)));
    axes.set(PARAMETER, Labels::Positions(if before == [0, 0] { 0 } else { setup.parameters }));
}

/// Keeps the parameters of a moment in the record of their replica.
pub fn remember(record: &mut Record, at: Moment, parameters: &[f32]) {
    let slots = record.floats_mut(PARAMETERS[at.unit as usize]);
    let count = slots.len().checked_div(parameters.len()).unwrap_or(0);
    if let Some(slot) = at.count.checked_rem(count).and_then(|at| slots.chunks_exact_mut(parameters.len()).nth(at)) {
        slot.copy_from_slice(parameters);
    }
}

/// The parameters, `length` of them, of the moments right before `at`, the latest first: as many as are remembered, none
/// from before the start.
pub fn recall(record: &Record, at: Moment, length: usize) -> Vec<Vec<f32>> {
    let slots = record.floats(PARAMETERS[at.unit as usize]);
    let count = slots.len().checked_div(length).unwrap_or(0);
    (1..=count.min(at.count)).map(|back| slots[(at.count - back) % count * length..][..length].to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use super::super::record::Layout;
    use super::*;

    #[test]
    fn what_is_recalled_are_the_last_epochs() {
        let mut axes = Axes::default();
        axes.set(SLOT, Labels::Positions(2));
        axes.set(PARAMETER, Labels::Positions(3));
        let layout = Layout { axes: Axes::default(), variables: vec![], working: vec![&OF_EPOCHS], working_axes: axes };
        let mut record = Record::empty(&layout);
        assert_eq!(recall(&record, Moment::epoch(0), 3), Vec::<Vec<f32>>::new());
        for epoch in 0..5_u8 {
            remember(&mut record, Moment::epoch(usize::from(epoch)), &[f32::from(epoch); 3]);
        }
        assert_eq!(recall(&record, Moment::epoch(5), 3), [[4.0; 3], [3.0; 3]]);
        assert_eq!(recall(&record, Moment::epoch(1), 3).len(), 1, "nothing was before the start");
        assert!(layout.columns(&[Some(record)]).is_empty(), "never stored");
        let none = Layout { axes: Axes::default(), variables: vec![], working: vec![], working_axes: Axes::default() };
        let mut nothing = Record::empty(&none);
        remember(&mut nothing, Moment::epoch(3), &[1.0]);
        assert!(recall(&nothing, Moment::epoch(4), 1).is_empty());
    }
}
