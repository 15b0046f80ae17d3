//! The keys of `[[architecture]]`: those of every network, and those that networks declare themselves.
//!
//! Invariant: the keys of `phasesweep_networks` are all read, each once, by the form that it declares.

use phasesweep_networks::{Form, KEYS as OF_NETWORKS, Key};

use super::place::Place;
use super::reader::{Field, List, TableReader};

/// Keys of `[[architecture]]`.
#[derive(Debug, Clone)]
pub(crate) struct RawArchitecture {
    pub(crate) kind: Field<String>,
    /// The keys that networks declare, in the order of [`OF_NETWORKS`].
    pub(crate) networks: Vec<(&'static Key, RawValue)>,
    pub(crate) activation: Field<List<String>>,
    pub(crate) parametrisation: Field<String>,
    pub(crate) bias_variance: Field<List<f64>>,
    pub(crate) init_scale: Field<List<f64>>,
    pub(crate) observe: Field<List<i128>>,
}

/// The key of a network as it was typed: always an axis.
#[derive(Debug, Clone)]
pub(crate) enum RawValue {
    /// Of [`Form::Integer`].
    Integers(Field<List<i128>>),
    /// Of [`Form::Widths`].
    Widths(Field<List<List<i128>>>),
}

impl RawValue {
    /// Where it is given.
    pub(crate) fn place(&self) -> Option<&Place> {
        match self {
            RawValue::Integers(field) => field.given().map(|given| &given.place),
            RawValue::Widths(field) => field.given().map(|given| &given.place),
        }
    }
}

/// Keys of every network, each with the method of [`TableReader`] that reads it; those of networks follow the first.
const OF_ALL: [(&str, &str); 6] = [
    ("kind", "string"),
    ("activation", "strings"),
    ("parametrisation", "string"),
    ("bias_variance", "numbers"),
    ("init_scale", "numbers"),
    ("observe", "integers"),
];

const fn all() -> [(&'static str, &'static str); OF_ALL.len() + OF_NETWORKS.len()] {
    let mut keys = [OF_ALL[0]; OF_ALL.len() + OF_NETWORKS.len()];
    let mut at = 1;
    while at < keys.len() {
        keys[at] = if at <= OF_NETWORKS.len() {
            let key = &OF_NETWORKS[at - 1];
            let reader = match key.form {
                Form::Integer { .. } => "integers",
                Form::Widths { .. } => "integer_lists",
            };
            (key.name, reader)
        } else {
            OF_ALL[at - OF_NETWORKS.len()]
        };
        at += 1;
    }
    keys
}

const fn names() -> [&'static str; OF_ALL.len() + OF_NETWORKS.len()] {
    let mut names = [""; OF_ALL.len() + OF_NETWORKS.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = all()[at].0;
        at += 1;
    }
    names
}

impl RawArchitecture {
    /// The table's keys, as they are written.
    pub(crate) const KEYS: &'static [&'static str] = &names();
    /// The same, each with the method of [`TableReader`] that reads it.
    #[cfg(test)]
    pub(crate) const READERS: &'static [(&'static str, &'static str)] = &all();

    pub(crate) fn read(reader: &mut TableReader<'_, '_>) -> Self {
        let kind = reader.string("kind");
        let networks = OF_NETWORKS.iter().map(|key| {
            let value = match key.form {
                Form::Integer { .. } => RawValue::Integers(reader.integers(key.name)),
                Form::Widths { .. } => RawValue::Widths(reader.integer_lists(key.name)),
            };
            (key, value)
        });
        let networks = networks.collect();
        RawArchitecture {
            kind,
            networks,
            activation: reader.strings("activation"),
            parametrisation: reader.string("parametrisation"),
            bias_variance: reader.numbers("bias_variance"),
            init_scale: reader.numbers("init_scale"),
            observe: reader.integers("observe"),
        }
    }
}
