//! The elements of a list as a sweep file writes them: the key that names each, its other keys, bounds and defaults.
//!
//! Whoever reads a list knows forms and defaults alone; a new element is a line here and its arms in `layers`.
//!
//! Invariant: the first key of an element names it, and no other element has a key of that name first.

use super::WIDEST;
use super::element::{Count, Element, PoolKind};
use super::layers::{NORMALISATIONS, normalisation};
use super::operation::Number;

use ElementAbsent::{As, Empty, HalfOf, Is, Required, True};
use ElementForm::{Flag, List, Real, Whole, Word};

/// An element that is a table.
#[derive(Debug)]
pub struct ElementKind {
    /// Its keys; the first one names it and is required.
    pub keys: &'static [ElementKey],
    /// The element of such values; `None`: it is left out of the list.
    pub of: fn(&ElementValues) -> Option<Element>,
}

/// A key of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ElementKey {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub form: ElementForm,
    /// What stands for it where it is not given.
    pub absent: ElementAbsent,
}

/// What a key of an element holds. All but truth values and lists may be axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementForm {
    /// Units or channels: a whole number from 1 to [`WIDEST`], or `"classes"`.
    Count,
    /// A whole number from the first to the second, both included.
    Whole(usize, usize),
    /// A finite number.
    Real,
    /// One of these words.
    Word(&'static [&'static str]),
    /// True or false.
    Flag,
    /// A list of elements.
    List,
}

/// What stands for a key of an element that is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ElementAbsent {
    /// Nothing: it must be given, as in this example.
    Required(&'static str),
    /// This number.
    Is(usize),
    /// Half the value of a key before it, rounded down.
    HalfOf(&'static str),
    /// The value of a key before it.
    As(&'static str),
    /// True.
    True,
    /// The empty list.
    Empty,
}

/// The value of a key of an element.
#[derive(Debug, Clone, PartialEq)]
pub enum ElementValue {
    /// Of [`ElementForm::Count`].
    Count(Count),
    /// Of [`ElementForm::Whole`].
    Whole(usize),
    /// Of [`ElementForm::Real`].
    Real(f64),
    /// Of [`ElementForm::Word`].
    Word(&'static str),
    /// Of [`ElementForm::Flag`].
    Flag(bool),
    /// Of [`ElementForm::List`].
    List(Vec<Element>),
}

/// The values of an element's keys, one for each.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ElementValues(Vec<(&'static str, ElementValue)>);

impl ElementValues {
    /// Adds the value of a key.
    pub fn push(&mut self, key: &'static str, value: ElementValue) {
        self.0.push((key, value));
    }

    fn get(&self, key: &str) -> &ElementValue {
        let found = self.0.iter().find(|(name, _)| *name == key);
        found.map_or_else(|| unreachable!("the key `{key}` was not read"), |(_, value)| value)
    }

    /// The whole number of a key; `None` where none was read.
    pub fn whole_if_read(&self, key: &str) -> Option<usize> {
        self.0.iter().find_map(|(name, value)| match value {
            ElementValue::Whole(value) if *name == key => Some(*value),
            _ => None,
        })
    }

    fn whole(&self, key: &str) -> usize {
        match self.get(key) {
            ElementValue::Whole(value) => *value,
            other => unreachable!("the key `{key}` is {other:?}"),
        }
    }

    fn count(&self, key: &str) -> Count {
        match self.get(key) {
            ElementValue::Count(value) => *value,
            other => unreachable!("the key `{key}` is {other:?}"),
        }
    }

    fn real(&self, key: &str) -> f64 {
        match self.get(key) {
            ElementValue::Real(value) => *value,
            other => unreachable!("the key `{key}` is {other:?}"),
        }
    }

    fn word(&self, key: &str) -> &'static str {
        match self.get(key) {
            ElementValue::Word(value) => value,
            other => unreachable!("the key `{key}` is {other:?}"),
        }
    }

    fn flag(&self, key: &str) -> bool {
        match self.get(key) {
            ElementValue::Flag(value) => *value,
            other => unreachable!("the key `{key}` is {other:?}"),
        }
    }

    fn list(&self, key: &str) -> Vec<Element> {
        match self.get(key) {
            ElementValue::List(value) => value.clone(),
            other => unreachable!("the key `{key}` is {other:?}"),
        }
    }

    fn pool(&self, key: &str) -> PoolKind {
        if self.word(key) == "max" { PoolKind::Max } else { PoolKind::Mean }
    }
}

/// Sides, strides, paddings and repetitions may not be more.
const MOST: usize = 10_000;
/// Sides of kernels may not be more.
const LARGEST_KERNEL: usize = 1023;

const fn key(name: &'static str, form: ElementForm, absent: ElementAbsent) -> ElementKey {
    ElementKey { name, form, absent }
}

const STRIDE: ElementKey = key("stride", Whole(1, MOST), Is(1));
const BIAS: ElementKey = key("bias", Flag, True);
const POOLS: &[&str] = &["max", "mean"];

/// The elements that are tables.
pub const ELEMENTS: &[ElementKind] = &[
    ElementKind {
        keys: &[key("dense", ElementForm::Count, Required("64")), BIAS],
        of: |values| Some(Element::Dense { dense: values.count("dense"), bias: values.flag("bias") }),
    },
    ElementKind {
        keys: &[
            key("conv", ElementForm::Count, Required("16")),
            key("kernel", Whole(1, LARGEST_KERNEL), Required("3")),
            STRIDE,
            key("padding", Whole(0, MOST), HalfOf("kernel")),
            key("groups", Whole(1, WIDEST), Is(1)),
            BIAS,
        ],
        of: |values| {
            Some(Element::Convolution {
                conv: values.count("conv"),
                kernel: values.whole("kernel"),
                stride: values.whole("stride"),
                padding: values.whole("padding"),
                groups: values.whole("groups"),
                bias: values.flag("bias"),
            })
        },
    },
    ElementKind {
        keys: &[
            key("depthwise", Whole(1, LARGEST_KERNEL), Required("3")),
            STRIDE,
            key("padding", Whole(0, MOST), HalfOf("depthwise")),
            BIAS,
        ],
        of: |values| {
            Some(Element::Depthwise {
                depthwise: values.whole("depthwise"),
                stride: values.whole("stride"),
                padding: values.whole("padding"),
                bias: values.flag("bias"),
            })
        },
    },
    ElementKind {
        keys: &[
            key("pool", Word(POOLS), Required("\"max\"")),
            key("side", Whole(1, MOST), Is(2)),
            key("stride", Whole(1, MOST), As("side")),
        ],
        of: |values| {
            let (side, stride) = (values.whole("side"), values.whole("stride"));
            Some(Element::Pool { pool: values.pool("pool"), side, stride })
        },
    },
    ElementKind {
        keys: &[key("pool_all", Word(POOLS), Required("\"mean\""))],
        of: |values| Some(Element::PoolAll { pool_all: values.pool("pool_all") }),
    },
    ElementKind {
        keys: &[key("normalise", Word(NORMALISATIONS), Required("\"batch\""))],
        of: |values| normalisation(values.word("normalise")),
    },
    ElementKind {
        keys: &[key("scale", Real, Required("0.5"))],
        of: |values| Some(Element::Scale { scale: Number(values.real("scale")) }),
    },
    ElementKind {
        keys: &[key("residual", List, Required("[{ dense = 64 }]")), key("shortcut", List, Empty)],
        of: |values| {
            let (residual, shortcut) = (values.list("residual"), values.list("shortcut"));
            Some(Element::Residual { residual, shortcut })
        },
    },
    ElementKind {
        keys: &[
            key("repeat", Whole(0, MOST), Required("2")),
            key("layers", List, Required("[{ dense = 64 }, \"relu\"]")),
        ],
        of: |values| Some(Element::Repeat { repeat: values.whole("repeat"), layers: values.list("layers") }),
    },
];
