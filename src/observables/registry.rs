//! The registry of observables: what an observable says of itself, and what follows for all of them.
//!
//! The lines of the registry are in `mod.rs`. Whatever must know all observables loops over them: reading and refusing keys,
//! identities, labels, records, checkpoints, columns, costs, the schema. Invariants: names of variables are distinct; the
//! variables of what is measured on copies of the weights are 32-bit floats whose last dimension is its epochs or steps.

use phasesweep_networks::Graph;
use phasesweep_results::Variable;

use super::axes::Axes;
use super::keys::Keys;
use super::loss::Loss;
use super::moment::{Moments, Unit};
use super::record::Record;
use super::schedule::Schedule;
use super::setup::{Setup, Subject, View};
use crate::device::Doubles;
use crate::observe::device::{DeviceFailure, DeviceNetworks};

/// Variables that an engine measures together.
#[derive(Debug)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// Its variables.
    pub variables: &'static [&'static Variable],
    /// Sets the labels of its dimensions; answers whether it was asked for.
    pub label: fn(&Setup<'_>, &mut Axes) -> bool,
}

/// What is measured on copies of the weights, at scheduled epochs or steps. Implemented by the settings of an observable, which are
/// what its table in `[observe]` says.
///
/// The work is cut into pieces, which threads share. What a piece finds must not depend on other pieces; the pieces are put
/// together in their order, so that the result does not depend on threads.
pub trait Observable: std::fmt::Debug + Send + Sync {
    /// When it is measured.
    fn schedule(&self) -> &Schedule;

    /// The moments at which it is measured in a run of `last` epochs: those of its schedule, unless it needs more.
    fn moments(&self, last: usize) -> Moments {
        self.schedule().moments(last)
    }

    /// Whether its schedule may count steps.
    ///
    /// # Errors
    /// Why not, and what to write instead, as a sentence without its full stop.
    fn at_steps(&self) -> Result<(), &'static str> {
        Ok(())
    }

    /// Of how many moments right before its own it needs the weights ([`View::before`]), epochs or steps as its schedule
    /// counts: at most [`super::earlier::MOST`].
    fn before(&self) -> usize {
        0
    }

    /// What it keeps of each replica until its end besides its variables: see [`super::record`]. Their values follow those of
    /// the variables in [`Observable::values`]; the last dimension is the observable's moments.
    fn working(&self) -> &'static [&'static Variable] {
        &[]
    }

    /// What follows from all measurements, once it has been measured at the last epoch of training. It is not asked for
    /// where a replica diverged or left before, nor where the end of training is none of the moments.
    fn conclude(&self, subject: &Subject<'_>, record: &mut Record) {
        let _ = (subject, record);
    }

    /// Sets the labels of its dimensions, its moments included.
    fn label(&self, setup: &Setup<'_>, axes: &mut Axes);

    /// Whether it can be measured of this network, which is trained on this loss. It is asked where a sweep is planned, of
    /// the network on all inputs of a source, and where measuring begins, of the network on those that a block keeps.
    ///
    /// # Errors
    /// A sentence that says why not and what to write instead.
    fn fits(&self, graph: &Graph, loss: Loss) -> Result<(), String> {
        let _ = (graph, loss);
        Ok(())
    }

    /// Whether it can be measured after training, on the weights that a run kept at epochs of its choice. An observable that
    /// needs more than the weights of its own epochs says so here.
    ///
    /// # Errors
    /// What else it needs, as the end of a sentence that begins with "it needs".
    fn measurable_afterwards(&self) -> Result<(), String> {
        match (self.before(), self.schedule().unit()) {
            (0, _) => Ok(()),
            (_, Unit::Epoch) => Err("the weights of the epochs right before its own".to_owned()),
            (_, Unit::Step) => Err("the weights of the steps right before its own".to_owned()),
        }
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

    /// How it is measured where a device trains; `None` if it is measured on the host alone.
    fn on_device(&self, subject: &Subject<'_>) -> Option<&dyn OnDevice> {
        let _ = subject;
        None
    }

    /// For each variable, in the order of [`Definition::VARIABLES`], its values at this moment, in the order of the
    /// variable's other dimensions; from what the pieces found, in their order.
    fn values(&self, subject: &Subject<'_>, pieces: Vec<Vec<f64>>) -> Vec<Vec<f32>>;
}

/// An observable that is measured on a device, with [`Observable::piece`] on the host as its reference.
pub trait OnDevice {
    /// What of it is computed in double precision. Where a device computes less, the host measures.
    fn doubles(&self, subject: &Subject<'_>) -> Doubles {
        let _ = subject;
        Doubles::Nothing
    }

    /// Measures all pieces of replicas, of which there is one at least: for each view what each piece finds, in their order.
    /// `networks` are the views' own, in evaluation.
    ///
    /// # Errors
    /// [`DeviceFailure`] if the device fails.
    fn measure(&self, networks: &dyn DeviceNetworks, views: &[&View<'_>]) -> Result<Vec<Vec<Vec<f64>>>, DeviceFailure>;
}

/// What the registry knows of an observable on copies of the weights before anybody asks for it.
pub trait Definition: Observable + Sized {
    /// What it is and where its definition comes from, as a sentence.
    const MEANING: &'static str;
    /// Its variables.
    const VARIABLES: &'static [&'static Variable];
    /// Whether it is measured of gradient flows, whose network has one output; else why not, and what to do instead, as a
    /// sentence without its full stop.
    const OF_FLOWS: Result<(), &'static str>;

    /// Reads its table of `[observe]`; `None` if something is wrong.
    fn read(keys: &mut dyn Keys) -> Option<Self>;
}

/// A line of the registry: an observable on copies of the weights.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Its name, which is its key in `[observe]`.
    pub name: &'static str,
    /// Its variables.
    pub variables: &'static [&'static Variable],
    /// See [`Definition::OF_FLOWS`].
    pub of_flows: Result<(), &'static str>,
}

/// Sizes on which the cost of a measurement depends.
#[derive(Debug, Clone, Copy)]
pub struct Sizes<'a> {
    /// Multiplications of each layer for one sample, from input to output.
    pub products: &'a [f64],
    /// Hidden layers that can be observed.
    pub hidden: usize,
    /// Trainable numbers.
    pub parameters: f64,
    /// Training samples.
    pub samples: usize,
    /// Test samples.
    pub tests: usize,
    /// Classes, which are the outputs.
    pub classes: usize,
}

/// Declares the registry: for each observable on copies of the weights its file and the type of its settings.
macro_rules! observables {
    ($($module:ident::$settings:ident,)*) => {
        /// What is measured on copies of the weights: the settings of each observable that was asked for, and when
        /// weights are kept. All of it is part of a cell's identity, and absent from the canonical specification
        /// where it was not asked for.
        #[derive(Debug, Clone, PartialEq, Default, Serialize)]
        pub struct Scheduled {
            $(
                #[doc = concat!("See [`", stringify!($module), "`].")]
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $module: Option<$module::$settings>,
            )*
            /// When weights are kept.
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

            /// When the observable of that name is measured, if it was asked for.
            pub fn schedule_of(&self, name: &str) -> Option<&Schedule> {
                match name {
                    $(stringify!($module) => self.$module.as_ref().map(Observable::schedule),)*
                    _ => None,
                }
            }

            /// What either asks for; where both ask for an observable, with the settings of the first.
            pub fn with(self, other: Scheduled) -> Scheduled {
                Scheduled {
                    $($module: self.$module.or(other.$module),)*
                    weights: self.weights.or(other.weights),
                }
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

        /// The observables on copies of the weights.
        pub const OBSERVABLES: &[Entry] = &[$(
            Entry {
                name: stringify!($module),
                variables: <$module::$settings as Definition>::VARIABLES,
                of_flows: <$module::$settings as Definition>::OF_FLOWS,
            },
        )*];
    };
}

pub(super) use observables;
