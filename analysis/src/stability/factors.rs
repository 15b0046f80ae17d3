//! What variants may differ in: the single numbers and words of an axis, as the learning rate of an optimiser.
//!
//! An axis may hold several things at once: gradient descent of three learning rates and Adam are four levels of one axis. Two
//! variants that differ in this axis alone differ in the learning rate, or in the rule. Invariant: every pair of variants that
//! differ in one axis alone belongs to one factor: to a coordinate of the file if they differ in that one alone, else to the
//! axis. A list, as the widths of all layers, does not count where a number says the difference.

use std::collections::BTreeMap;

use super::shifts::{Design, Pair, is_of_data};
use crate::results::{AXES, Results};
use crate::statistics::additive::compress;

/// A thing in which some variants differ, and nothing else.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Factor {
    /// Name of the coordinate, or of the axis.
    pub(crate) name: String,
    /// Place of its axis in the design.
    pub(crate) axis: usize,
    /// Names of its levels.
    pub(crate) levels: Vec<String>,
    /// Pairs of variants that differ in it alone.
    pub(crate) pairs: Vec<Pair>,
}

impl Factor {
    /// Whether it is of the data, which are allowed to move ε*.
    pub(crate) fn is_of_data(&self, design: &Design) -> bool {
        is_of_data(&design.axes[self.axis].name)
    }

    /// As a sentence names it.
    pub(crate) fn words(&self) -> &str {
        words(&self.name)
    }
}

/// A factor's name as a sentence says it.
pub(crate) fn words(name: &str) -> &str {
    match name {
        "lr" => "the learning rate",
        "width" => "the width",
        "depth" => "the depth",
        "init_scale" => "the initial scale",
        "momentum" => "the momentum",
        "weight_decay" => "the weight decay",
        "samples" => "the number of samples",
        "draw" => "the draw of the samples",
        "block" => "the block of samples",
        "label_noise" => "the label noise",
        "activation" => "the activation",
        other => super::words::words_of(other),
    }
}

/// A coordinate of the file over the variants.
struct Coordinate {
    name: String,
    is_list: bool,
    is_number: bool,
    /// Level in each variant.
    code: Vec<usize>,
    /// Names of the levels.
    levels: Vec<String>,
}

/// Coordinates that are the same in all cells of a variant and differ between variants; of those that tell variants apart in
/// the same way the first one, numbers before words.
fn coordinates(results: &Results, design: &Design) -> Vec<Coordinate> {
    let cells = &results.cells;
    let samples = cells.samples.iter().map(|values| ("samples".to_owned(), values));
    let numbers = samples.chain(cells.numbers.iter().map(|(name, values)| (name.clone(), values)));
    let numbers = numbers.map(|(name, values)| (name, true, values.iter().map(f64::to_string).collect::<Vec<_>>()));
    let texts = cells.labels.iter().map(|(name, values)| (name.clone(), false, values.clone()));
    // A digest tells people least: it comes last.
    let (digests, texts): (Vec<_>, Vec<_>) = texts.partition(|(name, ..)| name.ends_with("digest"));
    let mut out: Vec<Coordinate> = Vec::new();
    for (name, is_number, values) in numbers.chain(texts).chain(digests) {
        let first: Vec<&String> = design.cells.iter().filter_map(|of| values.get(*of.first()?)).collect();
        let is_of_variants =
            design.cells.iter().zip(&first).all(|(of, first)| of.iter().all(|&c| values[c] == **first));
        let code = compress(first.iter());
        let mut levels = vec![String::new(); code.iter().max().map_or(0, |most| most + 1)];
        code.iter().zip(&first).for_each(|(&level, name)| levels[level].clone_from(name));
        let is_known = out.iter().any(|other| other.code == code);
        if !is_of_variants || levels.len() < 2 || is_known || AXES.contains(&name.as_str()) {
            continue;
        }
        let is_list = levels.iter().any(|level| level.starts_with('[') || level.starts_with('{'));
        out.push(Coordinate { name, is_list, is_number, code, levels });
    }
    out
}

/// Every factor of the grid, in the order of the axes, an axis after its coordinates.
pub(crate) fn factors(results: &Results, design: &Design) -> Vec<Factor> {
    let coordinates = coordinates(results, design);
    let mut out = Vec::new();
    for (axis, of) in design.axes.iter().enumerate() {
        // The axis itself stands last.
        let mut found: BTreeMap<usize, Vec<Pair>> = BTreeMap::new();
        for pair in design.pairs(axis) {
            let [one, two] = pair.variants;
            let differing = |wanted: &dyn Fn(&Coordinate) -> bool| -> Vec<usize> {
                let all = coordinates.iter().enumerate();
                all.filter(|(_, c)| wanted(c) && c.code[one] != c.code[two]).map(|(place, _)| place).collect()
            };
            let (plain, lists) = (differing(&|c| !c.is_list), differing(&|c| c.is_list));
            let told = match (plain.as_slice(), lists.as_slice()) {
                ([only], []) | ([], [only]) => Some(*only),
                ([only], _) if coordinates[*only].is_number => Some(*only),
                _ => None,
            };
            // A number that one of the two does not have at all tells that something else differs.
            let is_had = |place: &usize| {
                let c: &Coordinate = &coordinates[*place];
                pair.variants.iter().all(|&variant| c.levels[c.code[variant]] != "NaN")
            };
            let told = told.filter(is_had);
            match told.map(|place| (place, &coordinates[place].code)) {
                // In the order of levels, so that pairs of the same two levels may be averaged.
                Some((place, code)) => {
                    let variants = if code[one] <= code[two] { [one, two] } else { [two, one] };
                    let pair = Pair { variants, levels: variants.map(|variant| code[variant]) };
                    found.entry(place).or_default().push(pair);
                }
                None => found.entry(usize::MAX).or_default().push(pair),
            }
        }
        out.extend(found.into_iter().map(|(place, pairs)| match coordinates.get(place) {
            Some(coordinate) => {
                Factor { name: coordinate.name.clone(), axis, levels: coordinate.levels.clone(), pairs }
            }
            None => Factor { name: of.name.clone(), axis, levels: of.levels.clone(), pairs },
        }));
    }
    out
}
