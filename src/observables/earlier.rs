//! The weights of the epochs right before a measurement, for what compares weights with those of a moment ago.
//!
//! They are a working variable of the record, so that they lie in checkpoints: a replica that is resumed between two epochs
//! knows those that an unbroken run would. A slot is overwritten after as many epochs as there are slots. Invariant: the
//! epoch loop stops at every epoch whose weights are needed later, so that what is recalled is what was there.

use phasesweep_results::dimension::CELL;
use phasesweep_results::{Dim, Dimension, Dtype, LabelKind, Variable};

use super::axes::{Axes, Labels};
use super::record::Record;
use super::setup::Setup;

/// Of how many epochs weights are remembered at most.
pub const MOST: usize = 2;

const SLOT: Dim =
    &Dimension::index("earlier_slot", LabelKind::Position, "1", "epoch, modulo the number of epochs remembered");
const PARAMETER: Dim = &Dimension::index("earlier_parameter", LabelKind::Position, "1", "trainable number");

/// The parameters of the last epochs.
pub static PARAMETERS: Variable = Variable {
    name: "earlier_parameters",
    dims: &[CELL, SLOT, PARAMETER],
    dtype: Dtype::F32,
    units: "1",
    long_name: "parameters of the last epochs",
    when: "never: a working variable",
};

/// Sets the labels of its dimensions; without any where no epoch's weights are needed.
pub(super) fn label(setup: &Setup<'_>, before: usize, axes: &mut Axes) {
    axes.set(SLOT, Labels::Positions(before.min(MOST)));
    axes.set(PARAMETER, Labels::Positions(if before == 0 { 0 } else { setup.parameters }));
}

/// Keeps the parameters of an epoch in the record of their replica.
pub fn remember(record: &mut Record, epoch: usize, parameters: &[f32]) {
    let slots = record.floats_mut(&PARAMETERS);
    let count = slots.len().checked_div(parameters.len()).unwrap_or(0);
    if let Some(slot) = epoch.checked_rem(count).and_then(|at| slots.chunks_exact_mut(parameters.len()).nth(at)) {
        slot.copy_from_slice(parameters);
    }
}

/// The parameters, `length` of them, of the epochs right before `epoch`, the latest first: as many as are remembered, none
/// from before the start.
pub fn recall(record: &Record, epoch: usize, length: usize) -> Vec<Vec<f32>> {
    let slots = record.floats(&PARAMETERS);
    let count = slots.len().checked_div(length).unwrap_or(0);
    (1..=count.min(epoch)).map(|back| slots[(epoch - back) % count * length..][..length].to_vec()).collect()
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
        let layout =
            Layout { axes: Axes::default(), variables: vec![], working: vec![&PARAMETERS], working_axes: axes };
        let mut record = Record::empty(&layout);
        assert_eq!(recall(&record, 0, 3), Vec::<Vec<f32>>::new());
        for epoch in 0..5_u8 {
            remember(&mut record, usize::from(epoch), &[f32::from(epoch); 3]);
        }
        assert_eq!(recall(&record, 5, 3), [[4.0; 3], [3.0; 3]]);
        assert_eq!(recall(&record, 1, 3).len(), 1, "nothing was before the start");
        assert!(layout.columns(&[Some(record)]).is_empty(), "never stored");
        let none = Layout { axes: Axes::default(), variables: vec![], working: vec![], working_axes: Axes::default() };
        let mut nothing = Record::empty(&none);
        remember(&mut nothing, 3, &[1.0]);
        assert!(recall(&nothing, 4, 1).is_empty());
    }
}
