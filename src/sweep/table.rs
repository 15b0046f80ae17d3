//! How a table of the sweep file declares its keys, and what of a key the rest of `sweep` takes from the declaration.
//!
//! `keys!` makes of one list the struct of the keys as they were typed, the reader of the table, and the descriptors
//! ([`Key`]) from which bounds, defaults, the reference page and the schema follow. Each field carries its descriptor
//! ([`Keyed`]), so that whoever judges it names the field alone.
//!
//! A table may be of several kinds ([`Variant`]: sources of data, rules of optimisers) that bring keys of their own. Those
//! are read as [`KindKeys`]: no table lists them.

use super::document::Node;
use super::place::Place;
use super::reader::{Field, List, TableReader};
use crate::key::{Form, Key, Variant, union};

/// A key as it was typed, with its descriptor.
#[derive(Debug, Clone)]
pub(crate) struct Keyed<T> {
    /// What is known of the key.
    pub(crate) key: Key,
    /// What the file says.
    pub(crate) field: Field<T>,
}

impl<T> std::ops::Deref for Keyed<T> {
    type Target = Field<T>;

    fn deref(&self) -> &Field<T> {
        &self.field
    }
}

/// A table of the file as it was typed.
pub(crate) struct RawTable<T> {
    /// Its keys.
    pub(crate) keys: T,
    /// Its header.
    pub(crate) place: Place,
}

/// A table of the sweep file, as documentation and overrides know it.
pub(crate) struct Table {
    /// As a path names it: `train`, `observe.robustness`.
    pub(crate) name: &'static str,
    /// As the file writes it: `[train]`, `[[optimiser]]`, `robustness = { … }`.
    pub(crate) header: &'static str,
    /// What it is for.
    pub(crate) about: &'static str,
    /// The keys that it has whatever its kind.
    pub(crate) keys: &'static [Key],
    /// Its kinds, which bring keys of their own; empty for most tables.
    pub(crate) kinds: fn() -> Vec<Variant>,
}

impl Table {
    /// All its keys, those of its kinds included.
    pub(crate) fn all_keys(&self) -> Vec<Key> {
        let mut keys = self.keys.to_vec();
        keys.extend(union(&(self.kinds)()));
        keys
    }

    /// Whether it is an axis.
    pub(crate) fn is_axis(&self) -> bool {
        self.header.starts_with("[[")
    }
}

/// For tables of one kind.
pub(crate) fn no_kinds() -> Vec<Variant> {
    Vec::new()
}

/// The form of a key by the method of [`TableReader`] that reads it.
macro_rules! form {
    (string) => {
        crate::key::Form::String
    };
    (boolean) => {
        crate::key::Form::Boolean
    };
    (integer) => {
        crate::key::Form::Integer
    };
    (number) => {
        crate::key::Form::Number
    };
    (integers) => {
        crate::key::Form::Integers
    };
    (numbers) => {
        crate::key::Form::Numbers
    };
    (number_list) => {
        crate::key::Form::NumberList
    };
    (strings) => {
        crate::key::Form::Strings
    };
    (names) => {
        crate::key::Form::Names
    };
    (lines) => {
        crate::key::Form::Lines
    };
    (integer_lists) => {
        crate::key::Form::IntegerLists
    };
    (groups) => {
        crate::key::Form::Groups
    };
    (counted) => {
        crate::key::Form::Counted
    };
    (batch) => {
        crate::key::Form::Batch
    };
    (epochs) => {
        crate::key::Form::Epochs
    };
    // A reader that a table adds is one of a table within it.
    ($table:ident) => {
        crate::key::Form::Table
    };
}

/// Declares a table's keys once. A key has a documentation comment, its name, the type and the reader of what it holds, and
/// whatever else of its descriptor is not blank: `epochs: i128 = integer { bound: Bound::Whole(1, 9), … }`.
macro_rules! keys {
    (
        $(#[doc = $about:literal])*
        $name:ident {
            $($(#[doc = $doc:literal])+ $key:ident: $kind:ty = $reader:ident { $($option:ident: $value:expr),* $(,)? },)*
        }
        $(kinds: $kinds:path)?
    ) => {
        $(#[doc = $about])*
        #[derive(Debug, Clone)]
        pub(crate) struct $name {
            $($(#[doc = $doc])+ pub(crate) $key: crate::sweep::table::Keyed<$kind>,)*
            $(
                #[doc = concat!("Keys of the kinds of `", stringify!($kinds), "`.")]
                pub(crate) kinds: crate::sweep::table::KindKeys,
            )?
        }

        impl $name {
            /// The descriptors of the keys, in the order of the reference page.
            pub(crate) const KEYS: &'static [crate::key::Key] = &[$(
                crate::key::Key {
                    name: stringify!($key),
                    form: crate::sweep::table::form!($reader),
                    doc: concat!($($doc),+),
                    $($option: $value,)*
                    ..crate::key::Key::BLANK
                },
            )*];

            pub(crate) fn read(reader: &mut crate::sweep::reader::TableReader<'_, '_>) -> Self {
                let mut keys = Self::KEYS.iter();
                let mut next = || *keys.next().unwrap_or(&crate::key::Key::BLANK);
                $name {
                    $($key: crate::sweep::table::Keyed { key: next(), field: reader.$reader(stringify!($key)) },)*
                    $(kinds: crate::sweep::table::KindKeys::read(reader, &$kinds()),)?
                }
            }
        }
    };
}

pub(crate) use {form, keys};

/// The keys that the kinds of a table bring, as they were typed.
#[derive(Debug, Clone)]
pub(crate) struct KindKeys(Vec<(&'static str, KindField)>);

/// A key of a kind as it was typed.
#[derive(Debug, Clone)]
pub(crate) enum KindField {
    /// [`Form::Integers`]
    Integers(Field<List<i128>>),
    /// [`Form::Numbers`]
    Numbers(Field<List<f64>>),
    /// [`Form::Strings`]
    Strings(Field<List<String>>),
    /// [`Form::IntegerLists`]
    Lists(Field<List<List<i128>>>),
    /// [`Form::NameList`]
    Names(Field<List<String>>),
    /// [`Form::Boolean`]
    Flag(Field<bool>),
    /// [`Form::Layers`], [`Form::NamedNumbers`]
    Node(Field<Node>),
}

impl KindField {
    /// Whether it is not there.
    pub(crate) fn is_absent(&self) -> bool {
        match self {
            KindField::Integers(field) => field.is_absent(),
            KindField::Numbers(field) => field.is_absent(),
            KindField::Strings(field) => field.is_absent(),
            KindField::Lists(field) => field.is_absent(),
            KindField::Names(field) => field.is_absent(),
            KindField::Flag(field) => field.is_absent(),
            KindField::Node(field) => field.is_absent(),
        }
    }

    /// Where it stands, if it does.
    fn place(&self) -> Option<Place> {
        fn place<T>(field: &Field<T>) -> Option<Place> {
            field.given().map(|given| given.place.clone())
        }
        match self {
            KindField::Integers(field) => place(field),
            KindField::Numbers(field) => place(field),
            KindField::Strings(field) => place(field),
            KindField::Lists(field) => place(field),
            KindField::Names(field) => place(field),
            KindField::Flag(field) => place(field),
            KindField::Node(field) => place(field),
        }
    }
}

impl KindKeys {
    /// Reads the keys of all kinds.
    pub(crate) fn read(reader: &mut TableReader<'_, '_>, kinds: &[Variant]) -> KindKeys {
        let read = |key: Key| {
            let field = match key.form {
                Form::Integers => KindField::Integers(reader.integers(key.name)),
                Form::Strings => KindField::Strings(reader.strings(key.name)),
                Form::IntegerLists => KindField::Lists(reader.integer_lists(key.name)),
                Form::NameList => KindField::Names(reader.name_list(key.name)),
                Form::Boolean => KindField::Flag(reader.boolean(key.name)),
                Form::Layers | Form::NamedNumbers => KindField::Node(reader.any(key.name)),
                // A test holds that kinds have keys of these forms and of numbers.
                _ => KindField::Numbers(reader.numbers(key.name)),
            };
            (key.name, field)
        };
        KindKeys(union(kinds).into_iter().map(read).collect())
    }

    /// What a key was given.
    pub(crate) fn get(&self, key: &str) -> Option<&KindField> {
        self.0.iter().find(|(name, _)| *name == key).map(|(_, field)| field)
    }

    /// What a key of [`KindField::Node`] was given.
    pub(crate) fn node(&self, key: &str) -> Option<&Field<Node>> {
        match self.get(key)? {
            KindField::Node(field) => Some(field),
            _ => None,
        }
    }

    /// Where a key stands, if it does.
    pub(crate) fn place(&self, key: &str) -> Option<Place> {
        self.get(key).and_then(KindField::place)
    }
}
