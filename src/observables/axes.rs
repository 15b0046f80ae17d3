//! The labels along the dimensions of arrays, and how arrays with different labels come to lie in one.
//!
//! Pure. Invariants: the labels of a dimension are distinct; a union holds every label once, in the order of its members
//! where all agree, else in ascending order (texts by the numbers in them), so that it does not depend on the order in which
//! its members came.

use std::borrow::Cow;
use std::cmp::Ordering;

use phasesweep_results::dimension::DIMENSIONS;
use phasesweep_results::{Dim, LabelKind, Variable, dimension};

use super::moment::{Moments, Unit};

/// The labels along one dimension.
#[derive(Debug, Clone, PartialEq)]
pub enum Labels {
    /// Whole numbers: epochs, layers, classes.
    Integers(Vec<i64>),
    /// Steps of the optimiser, of a dimension that else counts epochs.
    Steps(Vec<i64>),
    /// Real numbers: standard deviations.
    Numbers(Vec<f64>),
    /// Texts: pairs of classes, `"0-1"`.
    Texts(Vec<String>),
    /// No labels, only so many positions: bytes.
    Positions(usize),
}

impl Labels {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            Labels::Integers(labels) | Labels::Steps(labels) => labels.len(),
            Labels::Numbers(labels) => labels.len(),
            Labels::Texts(labels) => labels.len(),
            Labels::Positions(count) => *count,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Their kind.
    pub fn kind(&self) -> LabelKind {
        match self {
            Labels::Integers(_) | Labels::Steps(_) => LabelKind::Integer,
            Labels::Numbers(_) => LabelKind::Number,
            Labels::Texts(_) => LabelKind::Text,
            Labels::Positions(_) => LabelKind::Position,
        }
    }

    /// Labels of whole numbers.
    pub fn integers(labels: impl IntoIterator<Item = usize>) -> Labels {
        Labels::Integers(labels.into_iter().map(|label| label as i64).collect())
    }

    /// Labels of the moments of a measurement.
    pub fn of(moments: Moments) -> Labels {
        let counts = moments.counts.into_iter().map(|count| count as i64).collect();
        match moments.unit {
            Unit::Epoch => Labels::Integers(counts),
            Unit::Step => Labels::Steps(counts),
        }
    }

    /// Name of a dimension that has these labels, which is that of the variable with its labels.
    pub fn name_of(&self, dim: Dim) -> Cow<'static, str> {
        match (self, dim.name_in_steps()) {
            (Labels::Steps(_), Some(name)) => Cow::Owned(name),
            _ => Cow::Borrowed(dim.name),
        }
    }

    /// All labels of both; `None` if they are of different kinds. Equal labels keep their order.
    fn union(&self, other: &Labels) -> Option<Labels> {
        Some(match (self, other) {
            (same, other) if same == other => same.clone(),
            (Labels::Integers(a), Labels::Integers(b)) => Labels::Integers(merged(a, b, i64::cmp)),
            (Labels::Steps(a), Labels::Steps(b)) => Labels::Steps(merged(a, b, i64::cmp)),
            (Labels::Numbers(a), Labels::Numbers(b)) => Labels::Numbers(merged(a, b, f64::total_cmp)),
            (Labels::Texts(a), Labels::Texts(b)) => Labels::Texts(merged(a, b, natural_order)),
            (Labels::Positions(a), Labels::Positions(b)) => Labels::Positions(*a.max(b)),
            _ => return None,
        })
    }

    /// Where in `whole` each label is; `None` if one is not there.
    fn positions_in(&self, whole: &Labels) -> Option<Vec<usize>> {
        match (self, whole) {
            (Labels::Integers(a), Labels::Integers(b)) | (Labels::Steps(a), Labels::Steps(b)) => find(a, b, i64::cmp),
            (Labels::Numbers(a), Labels::Numbers(b)) => find(a, b, f64::total_cmp),
            (Labels::Texts(a), Labels::Texts(b)) => find(a, b, natural_order),
            (Labels::Positions(a), Labels::Positions(b)) => (a <= b).then(|| (0..*a).collect()),
            _ => None,
        }
    }
}

fn merged<T: Clone>(a: &[T], b: &[T], order: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    let mut all = [a, b].concat();
    all.sort_by(&order);
    all.dedup_by(|x, y| order(x, y) == Ordering::Equal);
    all
}

fn find<T>(labels: &[T], whole: &[T], order: impl Fn(&T, &T) -> Ordering) -> Option<Vec<usize>> {
    labels.iter().map(|label| whole.iter().position(|other| order(label, other) == Ordering::Equal)).collect()
}

/// Texts of numbers joined by `-` by those numbers, others after them by their letters.
fn natural_order(a: &String, b: &String) -> Ordering {
    let numbers = |text: &str| text.split('-').map(|number| number.parse::<u64>().ok()).collect::<Option<Vec<_>>>();
    match (numbers(a), numbers(b)) {
        (Some(x), Some(y)) => x.cmp(&y).then_with(|| a.cmp(b)),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => a.cmp(b),
    }
}

/// Labels of the dimensions other than the cell, the contract's in their order, then others by name.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Axes(Vec<(Dim, Labels)>);

impl Axes {
    /// Sets the labels of a dimension; a dimension without labels is left out.
    pub fn set(&mut self, dim: Dim, labels: Labels) {
        self.0.retain(|(other, _)| *other != dim);
        if !labels.is_empty() {
            let rank =
                |dim: Dim| (DIMENSIONS.iter().position(|other| *other == dim).unwrap_or(DIMENSIONS.len()), dim.name);
            let place = self.0.partition_point(|(other, _)| rank(other) < rank(dim));
            self.0.insert(place, (dim, labels));
        }
    }

    /// Gives the classes, and with them their pairs, other numbers than 0, 1, 2 …: those that the source's labels are.
    /// Where there is another number of classes, nothing is changed.
    pub fn number_classes(&mut self, numbers: &[u16]) {
        if self.get(dimension::CLASS).is_none_or(|classes| classes.len() != numbers.len()) {
            return;
        }
        self.set(dimension::CLASS, Labels::Integers(numbers.iter().map(|&number| i64::from(number)).collect()));
        let pairs = numbers.iter().enumerate();
        let pairs = pairs.flat_map(|(place, a)| numbers[place + 1..].iter().map(move |b| format!("{a}-{b}")));
        self.set(dimension::PAIR, Labels::Texts(pairs.collect()));
    }

    /// The labels of a dimension, if it has any.
    pub fn get(&self, dim: Dim) -> Option<&Labels> {
        self.0.iter().find(|(other, _)| *other == dim).map(|(_, labels)| labels)
    }

    /// Dimensions and labels, the contract's in their order, then others by name.
    pub fn iter(&self) -> impl Iterator<Item = (Dim, &Labels)> {
        self.0.iter().map(|(dim, labels)| (*dim, labels))
    }

    /// Shape of one cell's values of the variable; 0 where a dimension has no labels.
    pub fn shape(&self, variable: &Variable) -> Vec<usize> {
        variable.dims[1..].iter().map(|dim| self.get(dim).map_or(0, Labels::len)).collect()
    }

    /// Number of one cell's values of the variable; the largest number there is if it is larger (a file may claim so).
    pub fn size(&self, variable: &Variable) -> usize {
        self.shape(variable).into_iter().fold(1, usize::saturating_mul)
    }

    /// Adds the labels of the other; says which dimension has labels of another kind there, if one has.
    pub fn unite(&mut self, other: &Axes) -> Result<(), Dim> {
        for (dim, labels) in other.iter() {
            let united = match self.get(dim) {
                Some(mine) => mine.union(labels).ok_or(dim)?,
                None => labels.clone(),
            };
            self.set(dim, united);
        }
        Ok(())
    }

    /// For each of a cell's values of the variable under these axes, its place under `whole`; `None` if `whole` lacks
    /// a label.
    pub fn places_in(&self, whole: &Axes, variable: &Variable) -> Option<Vec<usize>> {
        let mut places = vec![0];
        for &dim in &variable.dims[1..] {
            let (mine, theirs) = (self.get(dim)?, whole.get(dim)?);
            let along = mine.positions_in(theirs)?;
            let stride = theirs.len();
            places = places.iter().flat_map(|place| along.iter().map(move |at| place * stride + at)).collect();
        }
        Some(places)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pairs_are_ordered_by_their_numbers() {
        let texts = |labels: &[&str]| Labels::Texts(labels.iter().map(|&label| label.to_owned()).collect());
        let union = texts(&["0-1", "0-10", "2-3"]).union(&texts(&["other", "0-2", "0-1"])).unwrap();
        assert_eq!(union, texts(&["0-1", "0-2", "0-10", "2-3", "other"]));
        assert_eq!(union.union(&Labels::Positions(3)), None);
        let sets = texts(&["train", "test"]);
        assert_eq!(sets.union(&sets).unwrap(), sets, "labels that agree keep their order");
        assert_eq!(sets.union(&texts(&["random"])).unwrap(), texts(&["random", "test", "train"]));
    }

    #[test]
    fn classes_are_numbered_by_the_labels_of_the_source() {
        let mut axes = Axes::default();
        axes.set(dimension::CLASS, Labels::integers(0..3));
        axes.number_classes(&[1, 4]);
        assert_eq!(
            axes.get(dimension::CLASS),
            Some(&Labels::integers(0..3)),
            "two numbers are not those of three classes"
        );
        axes.number_classes(&[1, 4, 26]);
        assert_eq!(axes.get(dimension::CLASS), Some(&Labels::Integers(vec![1, 4, 26])));
        assert_eq!(axes.get(dimension::PAIR), Some(&Labels::Texts(vec!["1-4".into(), "1-26".into(), "4-26".into()])));
    }

    proptest! {
        /// Against the definition: the value at (layer, class, epoch) must be found again at the same labels.
        #[test]
        fn values_keep_their_labels(
            layers in proptest::collection::btree_set(1..6i64, 1..4),
            epochs in proptest::collection::btree_set(0..9i64, 1..6),
            other_layers in proptest::collection::btree_set(1..6i64, 0..4),
            other_epochs in proptest::collection::btree_set(0..9i64, 0..6),
        ) {
            let axes = |layers: &std::collections::BTreeSet<i64>, classes: i64, epochs: &std::collections::BTreeSet<i64>| {
                let mut axes = Axes::default();
                axes.set(dimension::LAYER, Labels::Integers(layers.iter().copied().collect()));
                axes.set(dimension::CLASS, Labels::Integers((0..classes).collect()));
                axes.set(dimension::EPOCH, Labels::Integers(epochs.iter().copied().collect()));
                axes
            };
            let mine = axes(&layers, 2, &epochs);
            let mut whole = axes(&other_layers, 3, &other_epochs);
            whole.unite(&mine).unwrap();
            let radius = &phasesweep_results::variables::RADIUS;
            let places = mine.places_in(&whole, radius).unwrap();
            let labels_at = |axes: &Axes, place: usize| {
                let integers = |dim| match axes.get(dim) { Some(Labels::Integers(l)) => l.clone(), _ => vec![] };
                let (l, c, e) = (integers(dimension::LAYER), integers(dimension::CLASS), integers(dimension::EPOCH));
                (l[place / (c.len() * e.len())], c[place / e.len() % c.len()], e[place % e.len()])
            };
            prop_assert_eq!(places.len(), layers.len() * 2 * epochs.len());
            for (source, &target) in places.iter().enumerate() {
                prop_assert_eq!(labels_at(&mine, source), labels_at(&whole, target));
            }
        }
    }
}
