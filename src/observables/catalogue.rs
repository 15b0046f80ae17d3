//! What follows from the registry for all observables: the schema, the layout of records, epochs and costs.
//!
//! Invariants: names of variables are distinct; the variables of what is measured on copies of the weights are 32-bit floats
//! whose last dimension is its epochs.

use std::sync::LazyLock;

use phasesweep_networks::Graph;
use phasesweep_results::dimension::{CELL, DIMENSIONS};
use phasesweep_results::variables::STEPS_PER_EPOCH;
use phasesweep_results::{Dim, Variable};

use super::axes::{Axes, Labels};
use super::earlier;
use super::loss::Loss;
use super::moment::{Moments, Unit};
use super::record::Layout;
use super::registry::{Observable, Sizes};
use super::setup::Setup;
use super::{FAMILIES, OBSERVABLES, Scheduled};

/// Which variables are recorded of each replica of a cohort, with the labels along their dimensions.
pub fn layout(setup: &Setup<'_>, scheduled: &Scheduled) -> Layout {
    let mut axes = Axes::default();
    let mut variables = Vec::new();
    for family in FAMILIES {
        if (family.label)(setup, &mut axes) {
            variables.extend_from_slice(family.variables);
        }
    }
    label_observables(setup, scheduled, axes, variables)
}

/// Which variables are recorded where copies of the weights alone are measured, with the labels along their dimensions: those
/// of [`layout`] without what engines measure.
pub fn layout_on_weights(setup: &Setup<'_>, scheduled: &Scheduled) -> Layout {
    label_observables(setup, scheduled, Axes::default(), Vec::new())
}

/// Adds the observables on copies of the weights, and leaves variables without values out.
fn label_observables(
    setup: &Setup<'_>,
    scheduled: &Scheduled,
    mut axes: Axes,
    mut variables: Vec<&'static Variable>,
) -> Layout {
    for (own, observable) in scheduled.asked() {
        observable.label(setup, &mut axes);
        variables.extend_from_slice(own);
    }
    earlier::label(setup, Unit::ALL.map(|unit| scheduled.before(unit)), &mut axes);
    variables.retain(|variable| axes.size(variable) > 0);
    let mut working: Vec<&'static Variable> =
        scheduled.asked().into_iter().flat_map(|(_, observable)| observable.working()).copied().collect();
    working.extend(earlier::PARAMETERS);
    working.retain(|variable| axes.size(variable) > 0);
    let working_axes = axes.clone();
    // What only working variables extend along is no dimension of what is stored.
    for dim in working.iter().flat_map(|variable| &variable.dims[1..]) {
        if !variables.iter().any(|variable| variable.dims.contains(dim)) {
            axes.set(dim, Labels::Positions(0));
        }
    }
    Layout { axes, variables, working, working_axes }
}

impl Scheduled {
    /// Whether nothing was asked for.
    pub fn is_empty(&self) -> bool {
        *self == Scheduled::default()
    }

    /// Why what was asked for cannot be measured of a network that is trained on this loss: a sentence for each observable
    /// that refuses it. This is the one place where networks are refused for what is measured of them.
    pub fn refusals(&self, graph: &Graph, loss: Loss) -> Vec<String> {
        self.asked().into_iter().filter_map(|(_, observable)| observable.fits(graph, loss).err()).collect()
    }

    /// Of how many moments right before a measurement its observables need the weights, of those that count in this unit.
    pub fn before(&self, unit: Unit) -> usize {
        let asked = self.asked().into_iter().filter(|(_, observable)| observable.schedule().unit() == unit);
        asked.map(|(_, observable)| observable.before()).max().unwrap_or(0)
    }

    /// Every list of moments of a run of `last` epochs at which something is measured or kept.
    pub fn moments(&self, last: usize) -> Vec<Moments> {
        let measured = self.asked().into_iter().map(|(_, observable)| observable.moments(last));
        measured.chain(self.weights.iter().map(|at| at.moments(last))).collect()
    }

    /// Every epoch of a run of `last` epochs that is named as one for something to be measured or kept, ascending. Engines
    /// record at these, too; not at steps that are named, wherever these lie.
    pub fn epochs(&self, last: usize) -> Vec<usize> {
        let named = self.moments(last).into_iter().filter(|moments| moments.unit == Unit::Epoch);
        let mut all: Vec<usize> = named.flat_map(|moments| moments.counts).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Floating-point operations of one replica's measurements over a run of `last` epochs.
    pub fn flops(&self, last: usize, sizes: &Sizes<'_>) -> f64 {
        let of = |observable: &dyn Observable| observable.moments(last).len() as f64 * observable.flops(sizes);
        self.asked().into_iter().map(|(_, observable)| of(observable)).sum()
    }
}

/// Every variable measured along training, in the order in which they are written.
pub static VARIABLES: &[&Variable] = &ALL;

const ALL: [&Variable; count()] = all();

const fn count() -> usize {
    let (mut count, mut place) = (0, 0);
    while let Some(variables) = group(place) {
        count += variables.len();
        place += 1;
    }
    count
}

const fn all() -> [&'static Variable; count()] {
    let mut all = [FAMILIES[0].variables[0]; count()];
    let (mut place, mut filled) = (0, 0);
    while let Some(variables) = group(place) {
        let mut own = 0;
        while own < variables.len() {
            all[filled] = variables[own];
            (filled, own) = (filled + 1, own + 1);
        }
        place += 1;
    }
    all
}

/// The variables of the families, then those of the observables.
const fn group(place: usize) -> Option<&'static [&'static Variable]> {
    if place < FAMILIES.len() {
        Some(FAMILIES[place].variables)
    } else if place < FAMILIES.len() + OBSERVABLES.len() {
        Some(OBSERVABLES[place - FAMILIES.len()].variables)
    } else {
        None
    }
}

/// The variable of that name.
pub fn variable(name: &str) -> Option<&'static Variable> {
    VARIABLES.iter().copied().find(|variable| variable.name == name)
}

/// Whether a variable is written when copies of the weights are measured, rather than by the engine; working variables are.
pub fn on_weights(variable: &Variable) -> bool {
    let mut of_engines = FAMILIES.iter().flat_map(|family| family.variables);
    !of_engines.any(|own| own.name == variable.name) || variable.name == STEPS_PER_EPOCH.name
}

/// All dimensions other than the cell, in the order in which they are written: the contract's, then those that variables
/// bring with them.
pub fn dimensions() -> &'static [Dim] {
    static ALL: LazyLock<Vec<Dim>> = LazyLock::new(|| {
        let mut all = DIMENSIONS.to_vec();
        for &dim in VARIABLES.iter().flat_map(|variable| variable.dims) {
            if dim != CELL && !all.contains(&dim) {
                all.push(dim);
            }
        }
        all
    });
    &ALL
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::HashSet;

    use phasesweep_networks::Activation;
    use phasesweep_results::{Dtype, frozen_kernels, variables};

    use super::*;
    use crate::observables::documentation;
    use crate::observables::example::{Example, KINDS, OF_BATCHES};
    use crate::observables::keys::Listing;
    use crate::observables::record::of_epochs;

    #[test]
    fn names_are_distinct_and_every_variable_is_per_cell() {
        let coordinates = dimensions().iter().flat_map(|dim| HashSet::from([dim.name, dim.coordinate]));
        let names: Vec<_> = VARIABLES.iter().map(|v| v.name).chain(coordinates).collect();
        assert_eq!(names.iter().collect::<HashSet<_>>().len(), names.len());
        assert!(VARIABLES.iter().all(|v| v.dims[0] == CELL && !v.dims[1..].contains(&CELL)));
    }

    #[test]
    fn every_variable_that_the_report_reads_is_written() {
        let mut read = variables::VARIABLES.iter().chain(frozen_kernels::VARIABLES);
        assert!(read.all(|of| VARIABLES.iter().any(|variable| std::ptr::eq(*of, *variable))));
    }

    #[test]
    fn what_is_measured_on_weights_has_its_epochs_last() {
        for entry in OBSERVABLES {
            for variable in entry.variables {
                assert!(of_epochs(variable.dims.last().unwrap()), "{}", variable.name);
                assert_eq!(variable.dtype, Dtype::F32, "{}", variable.name);
            }
        }
    }

    /// Every table has a schedule, and asks for each key once.
    #[test]
    fn every_table_can_be_listed() {
        for (name, meaning, keys) in documentation() {
            assert!(!meaning.is_empty() && keys.iter().any(|key| key.name == "at"), "{name}");
            let names: HashSet<_> = keys.iter().map(|key| key.name).collect();
            assert_eq!(names.len(), keys.len(), "{name} asks for a key twice");
        }
    }

    /// Every observable at its default settings, on networks of every kind.
    #[test]
    fn networks_are_measured_or_refused_by_name() {
        let mut all = Scheduled::default();
        for name in Scheduled::NAMES {
            all.read(name, &mut Listing::default()).unwrap();
        }
        let refused = |kind: usize, activation: Activation| -> Vec<String> {
            let example = Example::new(kind, activation, Loss::CrossEntropy);
            let sentences = all.refusals(&example.graph, Loss::CrossEntropy);
            sentences.iter().map(|sentence| sentence.split('`').nth(1).unwrap_or_default().to_owned()).collect()
        };
        for kind in 0..KINDS {
            // Only what is affine between bends has linear regions: no smooth activation, and no layer normalisation.
            assert_eq!(refused(kind, Activation::Gelu), ["neighbourhood"], "{kind}");
        }
        assert!((0..3).all(|kind| refused(kind, Activation::Relu).is_empty()));
        let of_gradients = ["gradient_norm", "sharpness", "tangent_kernel", "gradient_noise"];
        assert_eq!(refused(OF_BATCHES, Activation::Relu), of_gradients);
        assert_eq!(refused(0, Activation::Identity), ["local_complexity"]);
    }
}
