//! The registry of observables: what an observable says of itself, and what follows for all of them.
//!
//! The lines of the registry are in `mod.rs`. Whatever must know all observables loops over them: reading and refusing keys,
//! identities, labels, records, checkpoints, columns, costs, the schema. Invariants: names of variables are distinct; the
//! variables of what is measured on copies of the weights are 32-bit floats whose last dimension is its epochs.

use std::sync::LazyLock;

use phasesweep_results::dimension::{CELL, DIMENSIONS};
use phasesweep_results::{Dim, Variable};

use super::axes::Axes;
use super::keys::Keys;
use super::schedule::Schedule;
use super::setup::{Setup, Subject, View};
use super::{FAMILIES, Scheduled};

/// Variables that are measured together.
#[derive(Debug)]
pub struct Family {
    /// Its name; where it has a table in `[observe]`, the key of that.
    pub name: &'static str,
    /// Its variables.
    pub variables: &'static [&'static Variable],
    /// Whether it is measured on copies of the weights, rather than by the engine.
    pub on_weights: bool,
    /// Sets the labels of its dimensions; answers whether it was asked for.
    pub label: fn(&Setup<'_>, &mut Axes) -> bool,
}

/// What is measured on copies of the weights, at scheduled epochs. Implemented by the settings of an observable, which are
/// what its table in `[observe]` says.
///
/// The work is cut into pieces, which threads share. What a piece finds must not depend on other pieces; the pieces are put
/// together in their order, so that the result does not depend on threads.
pub trait Observable: std::fmt::Debug + Send + Sync {
    /// Epochs at which it is measured.
    fn schedule(&self) -> &Schedule;

    /// Sets the labels of its dimensions, its epochs included.
    fn label(&self, setup: &Setup<'_>, axes: &mut Axes);

    /// Whether it can be measured of this subject.
    ///
    /// # Errors
    /// A sentence that says why not and what to write instead.
    fn fits(&self, subject: &Subject<'_>) -> Result<(), String> {
        let _ = subject;
        Ok(())
    }

    /// Floating-point operations of one measurement of one replica (a multiplication and an addition are two).
    fn flops(&self, sizes: &Sizes<'_>) -> f64;

    /// Pieces into which a measurement of one replica is cut.
    fn pieces(&self, subject: &Subject<'_>) -> usize {
        let _ = subject;
        1
    }

    /// Measures a piece, from 0.
    fn piece(&self, view: &View<'_>, piece: usize) -> Vec<f64>;

    /// For each variable, in the order of [`Definition::VARIABLES`], its values at this epoch, in the order of the
    /// variable's other dimensions; from what the pieces found, in their order.
    fn values(&self, subject: &Subject<'_>, pieces: Vec<Vec<f64>>) -> Vec<Vec<f32>>;
}

/// What the registry knows of an observable on copies of the weights before anybody asks for it.
pub trait Definition: Observable + Sized {
    /// What it is and where its definition comes from, as half a sentence.
    const MEANING: &'static str;
    /// Its variables.
    const VARIABLES: &'static [&'static Variable];

    /// Reads its table of `[observe]`; `None` if something is wrong.
    fn read(keys: &mut dyn Keys) -> Option<Self>;
}

/// Sizes on which the cost of a measurement depends.
#[derive(Debug, Clone, Copy)]
pub struct Sizes<'a> {
    /// Multiplications of each layer for one sample, from input to output.
    pub products: &'a [f64],
    /// Trainable numbers.
    pub parameters: f64,
    /// Training samples.
    pub samples: usize,
    /// Test samples.
    pub tests: usize,
}

/// Declares the registry: for each observable on copies of the weights its file and the type of its settings.
macro_rules! observables {
    ($($module:ident::$settings:ident,)*) => {
        /// What is measured on copies of the weights: the settings of each observable that was asked for, and the epochs
        /// whose weights are kept. All of it is part of a cell's identity, and absent from the canonical specification
        /// where it was not asked for.
        #[derive(Debug, Clone, PartialEq, Default, Serialize)]
        pub struct Scheduled {
            $(
                #[doc = concat!("See [`", stringify!($module), "`].")]
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $module: Option<$module::$settings>,
            )*
            /// Epochs whose weights are kept.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub weights: Option<Schedule>,
        }

        impl Scheduled {
            /// The observables that may be asked for: their tables' keys in `[observe]`.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($module),)*];

            /// Those that were asked for, each with its variables.
            pub fn asked(&self) -> Vec<(&'static [&'static Variable], &dyn Observable)> {
                let mut asked: Vec<(&'static [&'static Variable], &dyn Observable)> = Vec::new();
                $(
                    if let Some(settings) = &self.$module {
                        asked.push((<$module::$settings as Definition>::VARIABLES, settings));
                    }
                )*
                asked
            }

            /// Reads the table of the observable of that name; `None` if there is no such observable, or something is
            /// wrong with the table, which has been reported then.
            pub fn read(&mut self, name: &str, keys: &mut dyn Keys) -> Option<()> {
                match name {
                    $(stringify!($module) => self.$module = Some(<$module::$settings as Definition>::read(keys)?),)*
                    _ => return None,
                }
                Some(())
            }
        }

        /// All observables, in the order in which their variables are stored.
        pub const FAMILIES: &[&Family] = &[
            &losses::FAMILY,
            &manifold::FAMILY,
            &misclassified::FAMILY,
            $(
                &Family {
                    name: stringify!($module),
                    variables: <$module::$settings as Definition>::VARIABLES,
                    on_weights: true,
                    label: |setup, axes| {
                        setup.scheduled.$module.as_ref().map(|settings| settings.label(setup, axes)).is_some()
                    },
                },
            )*
            &steps::FAMILY,
            &flow::FAMILY,
            &flow::COMPRESSION_FAMILY,
            &flow::KERNEL_FAMILY,
            &flow::MACHINE_FAMILY,
        ];

        /// What documentation says of the tables of `[observe]`: key, meaning, keys of the table.
        pub fn documentation() -> Vec<(&'static str, &'static str, Vec<KeyDescription>)> {
            let mut tables = Vec::new();
            $(
                let mut listing = Listing::default();
                let _ = <$module::$settings as Definition>::read(&mut listing);
                tables.push((stringify!($module), <$module::$settings as Definition>::MEANING, listing.keys));
            )*
            tables
        }
    };
}

pub(super) use observables;

impl Scheduled {
    /// Whether nothing was asked for.
    pub fn is_empty(&self) -> bool {
        *self == Scheduled::default()
    }

    /// Every epoch of a run of `last` epochs at which something is measured or kept, ascending.
    pub fn epochs(&self, last: usize) -> Vec<usize> {
        let schedules = self.asked().into_iter().map(|(_, observable)| observable.schedule()).chain(&self.weights);
        let mut all: Vec<usize> = schedules.flat_map(|schedule| schedule.epochs(last)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Floating-point operations of one replica's measurements over a run of `last` epochs.
    pub fn flops(&self, last: usize, sizes: &Sizes<'_>) -> f64 {
        let of =
            |observable: &dyn Observable| observable.schedule().epochs(last).len() as f64 * observable.flops(sizes);
        self.asked().into_iter().map(|(_, observable)| of(observable)).sum()
    }
}

/// Every variable measured along training, in the order in which they are written.
pub static VARIABLES: &[&Variable] = &ALL;

const ALL: [&Variable; count()] = all();

const fn count() -> usize {
    let (mut count, mut family) = (0, 0);
    while family < FAMILIES.len() {
        count += FAMILIES[family].variables.len();
        family += 1;
    }
    count
}

const fn all() -> [&'static Variable; count()] {
    let mut all = [FAMILIES[0].variables[0]; count()];
    let (mut place, mut family) = (0, 0);
    while family < FAMILIES.len() {
        let mut own = 0;
        while own < FAMILIES[family].variables.len() {
            all[place] = FAMILIES[family].variables[own];
            (place, own) = (place + 1, own + 1);
        }
        family += 1;
    }
    all
}

/// The variable of that name.
pub fn variable(name: &str) -> Option<&'static Variable> {
    VARIABLES.iter().copied().find(|variable| variable.name == name)
}

/// Whether a variable is measured on copies of the weights.
pub fn on_weights(variable: &Variable) -> bool {
    let mut families = FAMILIES.iter().filter(|family| family.on_weights);
    families.any(|family| family.variables.iter().any(|own| own.name == variable.name))
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

    use phasesweep_results::{Dtype, variables};

    use super::*;
    use crate::observables::documentation;
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
        assert!(variables::VARIABLES.iter().all(|of| VARIABLES.iter().any(|variable| std::ptr::eq(*of, *variable))));
    }

    #[test]
    fn what_is_measured_on_weights_has_its_epochs_last() {
        for name in Scheduled::NAMES {
            let family = FAMILIES.iter().find(|family| family.name == *name).unwrap();
            for variable in family.variables {
                assert!(of_epochs(variable.dims.last().unwrap()), "{}", variable.name);
                assert_eq!(variable.dtype, Dtype::F32, "{}", variable.name);
            }
        }
    }

    /// A default must be one that the observable itself accepts, and every table has a schedule.
    #[test]
    fn every_table_can_be_listed() {
        for (name, meaning, keys) in documentation() {
            assert!(!meaning.is_empty() && keys.iter().any(|key| key.name == "at"), "{name}");
            let names: HashSet<_> = keys.iter().map(|key| key.name).collect();
            assert_eq!(names.len(), keys.len(), "{name} asks for a key twice");
        }
    }
}
