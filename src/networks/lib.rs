//! The networks, one file each: name, keys with bounds and defaults, and the graph, from which all else follows.
//!
//! A [`Graph`] says which operation each node is and on which nodes; layout and names of parameters, initial weights,
//! costs, hidden layers and the [`reference`](mod@reference) in double precision are read off it. A new network is one file here and
//! two lines of this one. An engine or a measurement that knows chains of layers alone asks for
//! [`Graph::as_chain`] and refuses every other graph by name.
//!
//! Invariants: the JSON of an [`ArchitectureKind`] is part of cells' identities and the key of its initial weights, so
//! that names and order of a network's numbers may not change.

mod activation;
mod all_cnn;
mod builder;
mod chain;
mod cnn;
mod depthwise;
mod element;
mod element_keys;
mod graph;
mod initial;
mod json;
mod layers;
mod mlp;
mod operation;
pub mod reference;
mod residual_mlp;
mod resnet;

use serde::Serialize;

pub use activation::{Activation, LEAK};
pub use builder::{Builder, Misfit, Ports};
pub use chain::{Chain, LayerShape};
pub use element::{Count, Element, PoolKind, Word};
pub use element_keys::{ELEMENTS, ElementAbsent, ElementForm, ElementKey, ElementKind, ElementValue, ElementValues};
pub use graph::{Averages, Extent, Graph, Layer, Node};
pub use operation::{Normalisation, Number, Op, Pool, Pooling, Window};

/// Units of a layer may not be more.
pub const WIDEST: usize = 10_000_000;

/// A key of `[[architecture]]` that a network declares; several values of it are an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Name in a sweep file; keys of one name have one form in all networks, apart from bounds and defaults.
    pub name: &'static str,
    /// What it holds.
    pub form: Form,
    /// A value as it is written, shown where it is missing.
    pub example: &'static str,
    /// What it is.
    pub meaning: &'static str,
}

/// What a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A whole number.
    Integer {
        /// The least that it may be.
        least: usize,
        /// The most that it may be.
        most: usize,
        /// Whether it must be odd.
        odd: bool,
        /// What stands for it where it is not given; `None`: it must be given.
        default: Option<usize>,
    },
    /// A list of widths from 1 to [`WIDEST`].
    Widths {
        /// What stands for it where it is not given; `None`: it must be given, and not be empty.
        default: Option<&'static [usize]>,
    },
    /// One of a few words.
    Word {
        /// The words.
        words: &'static [&'static str],
        /// What stands for it where it is not given.
        default: &'static str,
    },
    /// The elements of [`Layers`].
    Layers,
    /// Numbers by their names, for a key of [`Form::Layers`] to name them. A network has no value of it.
    NamedNumbers,
}

/// A required list of widths, to be given a name.
const WIDTHS: Key = Key { name: "", form: Form::Widths { default: None }, example: "", meaning: "" };

/// The value of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Of [`Form::Integer`].
    Integer(usize),
    /// Of [`Form::Widths`].
    Widths(Vec<usize>),
    /// Of [`Form::Word`].
    Word(&'static str),
    /// Of [`Form::Layers`].
    Layers(Vec<Element>),
}

/// The values of a network's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Values(Vec<(&'static str, Value)>);

impl Values {
    /// The value of each of a network's keys; a test of this crate holds that no network asks for another.
    pub fn new(values: Vec<(&'static str, Value)>) -> Values {
        Values(values)
    }

    fn get(&self, key: &Key) -> &Value {
        let found = self.0.iter().find(|(name, _)| *name == key.name);
        found.map_or_else(|| unreachable!("the key `{}` was not read", key.name), |(_, value)| value)
    }

    fn integer(&self, key: &Key) -> usize {
        match self.get(key) {
            Value::Integer(value) => *value,
            _ => unreachable!("the key `{}` is no integer", key.name),
        }
    }

    fn widths(&self, key: &Key) -> Vec<usize> {
        match self.get(key) {
            Value::Widths(widths) => widths.clone(),
            _ => unreachable!("the key `{}` is no list", key.name),
        }
    }

    fn word(&self, key: &Key) -> &'static str {
        match self.get(key) {
            Value::Word(word) => word,
            _ => unreachable!("the key `{}` is no word", key.name),
        }
    }

    fn layers(&self, key: &Key) -> Vec<Element> {
        match self.get(key) {
            Value::Layers(layers) => layers.clone(),
            _ => unreachable!("the key `{}` is no list of layers", key.name),
        }
    }
}

/// What a network says of itself.
trait Definition: Sized {
    /// Name in sweep files, labels and identities.
    const NAME: &'static str;
    /// What it is, in a line.
    const SUMMARY: &'static str;
    /// Its keys. Of several that are axes, the last varies fastest.
    const KEYS: &'static [Key];
    /// The network of such values.
    fn of(values: &Values) -> Self;
    /// Whether its inputs must stay whole images, constant pixels included.
    fn needs_images(&self) -> bool {
        false
    }
    /// Adds its nodes, the output last.
    ///
    /// # Errors
    /// Why it cannot be built on the data.
    fn build(&self, builder: &mut Builder) -> Result<(), Misfit>;
    /// Number of hidden layers.
    fn depth(&self) -> usize;
    /// Width of the first hidden layer (channels, of a convolution).
    fn width(&self) -> Option<usize>;
    /// Its numbers in a label.
    fn words(&self) -> String;
    /// Whether any of its nodes is the activation of the `[[architecture]]`.
    fn uses_activation(&self) -> bool {
        true
    }
    /// Whether the JSON of its numbers is the key of its initial weights. Of every other network the shapes of the weights
    /// are: then networks start from the same weights if they have the same ones, whatever lies between them.
    const KEYED_BY_NUMBERS: bool = false;
}

/// A kind of network.
#[derive(Debug)]
pub struct Registered {
    /// Name in sweep files, labels and identities.
    pub name: &'static str,
    /// What it is, in a line.
    pub summary: &'static str,
    /// Its keys in a sweep file. Of several that are axes, the last varies fastest.
    pub keys: &'static [Key],
    /// The network of such values, one for each key.
    pub of: fn(&Values) -> ArchitectureKind,
}

macro_rules! networks {
    ($($(#[$doc:meta])* $kind:ident = $module:ident,)*) => {
        $(pub use $module::$kind;)*

        /// Shape of a network. Inputs and outputs follow from the data.
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
        #[serde(rename_all = "kebab-case", tag = "kind")]
        pub enum ArchitectureKind {
            $($(#[$doc])* $kind($kind),)*
        }

        /// All kinds of network.
        pub const ALL: &[Registered] = &[$(Registered {
            name: <$kind as Definition>::NAME,
            summary: <$kind as Definition>::SUMMARY,
            keys: <$kind as Definition>::KEYS,
            of: |values| ArchitectureKind::$kind(<$kind as Definition>::of(values)),
        },)*];

        impl ArchitectureKind {
            /// Name in sweep files, labels and identities.
            pub fn name(&self) -> &'static str {
                match self { $(ArchitectureKind::$kind(_) => <$kind as Definition>::NAME,)* }
            }

            /// Whether its inputs must stay whole images, constant pixels included.
            pub fn needs_images(&self) -> bool {
                match self { $(ArchitectureKind::$kind(network) => network.needs_images(),)* }
            }

            /// Number of hidden layers that can be observed.
            pub fn depth(&self) -> usize {
                match self { $(ArchitectureKind::$kind(network) => network.depth(),)* }
            }

            /// Width of the first hidden layer (channels, of a convolution).
            pub fn width(&self) -> Option<usize> {
                match self { $(ArchitectureKind::$kind(network) => network.width(),)* }
            }

            /// Name and numbers, for labels.
            pub fn label(&self) -> String {
                let words = match self { $(ArchitectureKind::$kind(network) => network.words(),)* };
                format!("{} {words}", self.name())
            }

            /// Whether any of its nodes is the activation of the `[[architecture]]`.
            pub fn uses_activation(&self) -> bool {
                match self { $(ArchitectureKind::$kind(network) => network.uses_activation(),)* }
            }

            fn build(&self, builder: &mut Builder) -> Result<(), Misfit> {
                match self { $(ArchitectureKind::$kind(network) => network.build(builder),)* }
            }

            fn is_keyed_by_numbers(&self) -> bool {
                match self { $(ArchitectureKind::$kind(_) => <$kind as Definition>::KEYED_BY_NUMBERS,)* }
            }
        }
    };
}

networks! {
    /// Fully connected.
    Mlp = mlp,
    /// Convolutions, then fully connected layers.
    Cnn = cnn,
    /// Residual blocks of dense layers.
    ResidualMlp = residual_mlp,
    /// Residual blocks of convolutions.
    Resnet = resnet,
    /// Depthwise separable convolutions.
    Depthwise = depthwise,
    /// Convolutions alone.
    AllCnn = all_cnn,
    /// A list of elements.
    Layers = layers,
}

impl ArchitectureKind {
    /// The network on such data, with this activation.
    ///
    /// # Errors
    /// Why it cannot be built on the data.
    pub fn graph(&self, ports: Ports, activation: Activation) -> Result<Graph, Misfit> {
        let mut builder = Builder::new(ports, activation);
        self.build(&mut builder)?;
        Ok(builder.finish())
    }

    /// Initial weights and biases of its graph: uniform on ±`scale`/√fan_in, as PyTorch draws them. `live` are the inputs
    /// that the network is fed, of all `features` of the source.
    pub fn initial_parameters(&self, graph: &Graph, seed: u64, features: usize, live: &[u32], scale: f64) -> Vec<f32> {
        // The serialisation of plain enums and integers cannot fail; an empty key part would still be a valid key.
        let shape = if self.is_keyed_by_numbers() {
            serde_json::to_vec(self).unwrap_or_default()
        } else {
            serde_json::to_vec(&initial::shapes(graph)).unwrap_or_default()
        };
        initial::parameters(graph, &shape, seed, features, live, scale)
    }
}

/// The keys of all networks, each name once, in the order of the networks.
pub const KEYS: &[Key] = &distinct_keys();

/// Whether two names are equal, where `==` cannot be called yet.
const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut at = 0;
    while at < a.len() && at < b.len() && a[at] == b[at] {
        at += 1;
    }
    a.len() == b.len() && at == a.len()
}

/// Collects keys of distinct names into `keys` as far as there is room; how many there are.
const fn collect<const N: usize>(mut keys: [Key; N]) -> ([Key; N], usize) {
    let (mut count, mut network) = (0, 0);
    while network < ALL.len() {
        let mut at = 0;
        while at < ALL[network].keys.len() {
            let key = ALL[network].keys[at];
            let mut known = 0;
            while known < count && !same(keys[known].name, key.name) {
                known += 1;
            }
            if known == count {
                keys[count] = key;
                count += 1;
            }
            at += 1;
        }
        network += 1;
    }
    (keys, count)
}

const fn distinct_keys() -> [Key; collect([WIDTHS; 64]).1] {
    collect([WIDTHS; collect([WIDTHS; 64]).1]).0
}

/// Widths as a label has them: `50-50`.
fn joined(widths: &[usize]) -> String {
    widths.iter().map(ToString::to_string).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests;
