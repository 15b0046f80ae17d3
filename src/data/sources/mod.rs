//! The sources of data, one file each: name, keys with bounds and defaults, sizes without loading, decoding, and what else
//! is known of it. A new source is its file and its line of `sources!`.
//!
//! The sweep file's `[[data]]`, labels of results, `phasesweep data`, plans and the reference page loop over the sources and
//! know none by name. Invariants: names and fields of a source are part of cells' identities, and so is its digest; none may
//! change. A room of its own within `data`: it knows files and samples, and neither sweeps nor what is made of the samples.

mod arrays;
mod cifar10;
mod colour_shapes;
mod cylinder;
mod definition;
mod digits;
mod fashion_mnist;
mod gaussian_mixture;
mod idx;
mod kmnist;
mod mnist;
mod mnist_format;
mod modular_addition;
mod moons;
mod points;
mod power_law;
mod random_labels;
mod random_teacher;
mod rings;
mod sparse_parity;
mod spirals;
mod stripe;

use std::path::Path;

use serde::Serialize;

pub use arrays::Arrays;
pub use cifar10::{Channels, Cifar10};
pub use colour_shapes::ColourShapes;
pub use cylinder::Cylinder;
pub(crate) use definition::{Decoded, Half, Listed};
pub use definition::{PathKey, Sizes};
pub use digits::Digits;
pub use fashion_mnist::FashionMnist;
pub use gaussian_mixture::GaussianMixture;
pub use idx::Idx;
pub use kmnist::Kmnist;
pub use mnist::Mnist;
pub use modular_addition::ModularAddition;
pub use moons::Moons;
pub use power_law::PowerLaw;
pub use random_labels::RandomLabels;
pub use random_teacher::RandomTeacher;
pub use rings::Rings;
pub use sparse_parity::SparseParity;
pub use spirals::Spirals;
pub use stripe::Stripe;

use definition::{Conflict, Definition, files_of};

use super::catalogue::Published;
use super::{DataError, Places};
use crate::key::{Key, Values, Variant};

/// A kind of source: what is known of it before its keys are.
pub(crate) struct Kind {
    /// Its name, what it is, and its keys.
    pub(crate) variant: Variant,
    /// Whether it has files.
    pub(crate) path: PathKey,
    /// Whether it is points.
    pub(crate) points: bool,
    /// Whether labels are `classes` or `random` alone.
    pub(crate) own_classes: bool,
    /// The largest label there may be.
    pub(crate) largest_label: usize,
    /// The published data set that it is.
    pub(crate) published: Option<&'static Published>,
    /// What is listed of it.
    pub(crate) listed: Listed,
    /// Names of its files.
    pub(crate) wanted: fn() -> Vec<String>,
    /// What of checked values contradicts what, if anything does.
    pub(crate) conflict: fn(&Values) -> Option<Conflict>,
    /// The source of checked values.
    pub(crate) new: fn(&Values) -> Source,
    /// A small one.
    pub(crate) plain: fn() -> Source,
}

impl Kind {
    fn of<D: Definition>(new: fn(&Values) -> Source, plain: fn() -> Source) -> Kind {
        let listed = match D::PUBLISHED {
            None => D::LISTED,
            Some(set) => Listed {
                features: Some(set.features),
                labels: plain().classes(),
                samples: Some(set.samples),
                licence: Some(set.licence),
            },
        };
        Kind {
            variant: Variant { name: D::NAME, about: D::ABOUT, keys: D::KEYS.to_vec() },
            path: D::PATH,
            points: D::POINTS,
            own_classes: D::OWN_CLASSES,
            largest_label: D::LARGEST_LABEL,
            published: D::PUBLISHED,
            listed,
            wanted: D::wanted,
            conflict: D::conflict,
            new,
            plain,
        }
    }
}

macro_rules! sources {
    ($($(#[$doc:meta])* $source:ident,)*) => {
        /// A data source with its numbers.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(rename_all = "kebab-case", tag = "kind")]
        pub enum Source {
            $($(#[$doc])* $source($source),)*
        }

        /// Every kind of source, in the order of the reference page.
        pub(crate) fn kinds() -> Vec<Kind> {
            vec![$(
                Kind::of::<$source>(
                    |values| Source::$source(<$source as Definition>::new(values)),
                    || Source::$source(<$source as Definition>::plain()),
                ),
            )*]
        }

        impl Source {
            /// Name in sweep files, labels and identities.
            pub fn name(&self) -> &'static str {
                match self { $(Source::$source(_) => <$source as Definition>::NAME,)* }
            }

            /// Its keys.
            pub fn keys(&self) -> &'static [Key] {
                match self { $(Source::$source(_) => <$source as Definition>::KEYS,)* }
            }

            /// Whether it has files, and whether a sweep must name their directory.
            pub fn path(&self) -> PathKey {
                match self { $(Source::$source(_) => <$source as Definition>::PATH,)* }
            }

            /// Whether it is points, which are not images and are not scaled unless a sweep says so.
            pub fn is_points(&self) -> bool {
                match self { $(Source::$source(_) => <$source as Definition>::POINTS,)* }
            }

            /// What to do about a subsample that is larger than the source; empty where there is nothing to say.
            pub(crate) fn too_large(&self) -> &'static str {
                match self { $(Source::$source(_) => <$source as Definition>::TOO_LARGE,)* }
            }

            /// The source as cells' ids know it: without what only says where its samples are, for which the digest of
            /// the samples stands.
            pub(crate) fn by_content(&self) -> Source {
                match self { $(Source::$source(source) => Source::$source(source.by_content()),)* }
            }

            /// Number of its labels, where the sweep alone decides it.
            pub fn classes(&self) -> Option<usize> {
                match self { $(Source::$source(source) => source.classes(),)* }
            }

            /// Number of coordinates that the label depends on, the first ones, where not all do.
            pub fn informative(&self) -> Option<usize> {
                match self { $(Source::$source(source) => source.informative(),)* }
            }

            /// Its sizes, if they are known without a look at any file.
            pub fn known(&self) -> Option<Sizes> {
                match self { $(Source::$source(source) => source.known(),)* }
            }

            /// Its sizes, by the headers of its files, or as published where they are not there yet.
            ///
            /// # Errors
            /// The files are nowhere, or their headers are malformed.
            pub(crate) fn sizes(&self, path: Option<&Path>, places: &Places) -> Result<Sizes, DataError> {
                match self { $(Source::$source(source) => source.sizes(&files_of::<$source>(path, places)),)* }
            }

            /// The digest of a source that is generated, without generating it; `None` for sources with files.
            pub(crate) fn generated_digest(&self) -> Option<blake3::Hash> {
                match self { $(Source::$source(source) => source.generated_digest(),)* }
            }

            /// Reads or generates it.
            ///
            /// # Errors
            /// The files are nowhere, unreadable or malformed, or the sizes asked for are impossible.
            pub(crate) fn decode(&self, path: Option<&Path>, places: &Places) -> Result<Decoded, DataError> {
                match self { $(Source::$source(source) => source.decode(&files_of::<$source>(path, places)),)* }
            }
        }
    };
}

sources! {
    /// UCI optical digits, 1797 images of 8×8, in the binary.
    Digits,
    /// MNIST-format idx files: 28×28, ten classes.
    Mnist,
    /// As [`Source::Mnist`], Zalando's clothes.
    FashionMnist,
    /// As [`Source::Mnist`], cursive Japanese.
    Kmnist,
    /// CIFAR-10 binary batches.
    Cifar10,
    /// Any directory of idx files with the four MNIST names.
    Idx,
    /// A researcher's own arrays.
    Arrays,
    /// Points of two classes between two parallel interfaces.
    Stripe,
    /// Points of two classes in and around a cylinder.
    Cylinder,
    /// Points of Gaussian clouds, one for each class.
    GaussianMixture,
    /// Points classified by a network of random weights.
    RandomTeacher,
    /// Points with random classes.
    RandomLabels,
    /// Points of a power-law spectrum, classified by a linear teacher.
    PowerLaw,
    /// Corners of a cube, classified by the parity of some coordinates.
    SparseParity,
    /// One-hot pairs of the table of a sum modulo p.
    ModularAddition,
    /// Points of two half circles in the plane.
    Moons,
    /// Points of circles in the plane, one for each class.
    Rings,
    /// Points of spiral arms in the plane, one for each class.
    Spirals,
    /// Generated images of three colours, ten classes of shapes.
    ColourShapes,
}

/// The published data sets.
pub fn published() -> Vec<&'static Published> {
    kinds().iter().filter_map(|kind| kind.published).collect()
}

/// The published data set of that name.
pub fn published_as(name: &str) -> Option<&'static Published> {
    published().into_iter().find(|set| set.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{Absent, Form, Literal, union};

    #[test]
    fn every_source_is_one_whose_identity_says_its_name_and_its_keys() {
        for kind in kinds() {
            let plain = (kind.plain)();
            assert_eq!(plain.name(), kind.variant.name);
            let json = serde_json::to_value(&plain).expect("JSON");
            let fields = json.as_object().expect("an object");
            assert_eq!(fields["kind"], kind.variant.name);
            let keys: Vec<&str> = kind.variant.keys.iter().map(|key| key.name).collect();
            let named: Vec<&str> = fields.keys().map(String::as_str).filter(|name| *name != "kind").collect();
            // A key that was added to a source with ids is not written where it is false.
            let off = |key: &&str| {
                let key = kind.variant.keys.iter().find(|known| known.name == *key).expect("one of them");
                key.absent == Absent::Is(Literal::Flag(false))
            };
            assert!(named.iter().all(|name| keys.contains(name)), "{keys:?} {named:?}");
            assert!(keys.iter().filter(|key| !off(key)).all(|key| named.contains(key)), "{keys:?} {named:?}");
        }
    }

    #[test]
    fn a_source_without_files_is_what_it_says_before_it_is_decoded() {
        for kind in kinds().into_iter().filter(|kind| kind.path == PathKey::None) {
            let plain = (kind.plain)();
            let decoded = plain.decode(None, &Places::default()).unwrap_or_else(|error| panic!("{error}"));
            let sizes = plain.known().expect("sizes without files");
            assert_eq!((decoded.train.labels.len(), decoded.test.labels.len()), (sizes.train, sizes.test));
            assert_eq!((decoded.train.inputs.features, decoded.image), (sizes.features, sizes.image));
            assert_eq!((Some(decoded.labels.len()), decoded.labels.len()), (plain.classes(), sizes.labels));
            let labels = decoded.train.labels.iter().chain(&decoded.test.labels);
            assert!(labels.into_iter().all(|label| decoded.labels.contains(label)), "{}", plain.name());
            assert!(plain.generated_digest().is_none_or(|digest| digest == decoded.digest), "{}", plain.name());
        }
    }

    #[test]
    fn keys_of_a_name_are_read_alike_by_every_source() {
        let kinds: Vec<Variant> = kinds().into_iter().map(|kind| kind.variant).collect();
        let all = union(&kinds);
        for key in kinds.iter().flat_map(|kind| &kind.keys) {
            assert!(
                matches!(key.form, Form::Integers | Form::Numbers | Form::Strings | Form::NameList | Form::Boolean),
                "{}",
                key.name
            );
            assert!(all.iter().any(|other| other.name == key.name && other.form == key.form), "{}", key.name);
        }
    }
}
