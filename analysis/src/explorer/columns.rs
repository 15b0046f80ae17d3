//! The columns of the explorer: one value a cell of every key of the specification that varied, of everything that is known of
//! its turning points, and of how it ended.
//!
//! Invariants: every column has one entry per cell; what is missing is NaN. Keys of columns are distinct. What has the same
//! value in all cells is no column but a constant.

use std::collections::HashMap;

use phasesweep_results::cell::{SAMPLES, SEED, STATUS, WALL_SECONDS};
use phasesweep_results::variables::STEPS_PER_EPOCH;
use serde::Serialize;

use super::along::Ends;
use super::block::Block;
use crate::groups::Groups;
use crate::results::Results;
use crate::sample_sets;
use crate::stragglers::Stragglers;
use crate::turning::series::{self, AllSeries};
use crate::turning::{Rule, TurningPoints, symbol};

/// What a column is about: the explorer's menus have a part for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A key of the specification.
    Specification,
    /// The training error at a turning point.
    Epsilon,
    /// Another number of a turning point: its epoch, the observable there, whether there is one.
    Turn,
    /// Where training came to.
    End,
    /// What is known of the cell beside.
    Other,
}

/// Values of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Words: the distinct ones, and which of them each cell has.
    Words {
        /// Distinct words, in the order in which cells have them.
        levels: Vec<String>,
        /// Place in `levels`, one per cell.
        codes: Vec<u32>,
    },
    /// Numbers; NaN where missing.
    Numbers(Vec<f64>),
}

/// One column.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// Its name in searches and addresses.
    pub key: String,
    /// What a person reads.
    pub label: String,
    /// What it is about.
    pub role: Role,
    /// Decimals that its numbers carry, where that is known: an error of 1500 samples carries four.
    pub decimals: Option<usize>,
    /// Its values.
    pub values: Values,
}

/// A column as the header of its block says it.
#[derive(Debug, Serialize)]
pub struct Described<'a> {
    key: &'a str,
    label: &'a str,
    role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    decimals: Option<usize>,
    kind: &'static str,
    at: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    levels: Option<&'a [String]>,
}

/// Whether and where an observable turns: places of its columns.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Turn {
    /// Name of the observable.
    pub name: String,
    /// What a person reads.
    pub symbol: String,
    /// `epoch` or `step`.
    pub unit: &'static str,
    /// Layer of a class manifold, counted from 0.
    #[serde(skip)]
    pub layer: Option<usize>,
    /// Column of statuses.
    pub status: usize,
    /// Column of training errors there.
    pub epsilon: usize,
    /// Column of its epochs or steps.
    pub epoch: usize,
    /// Column of the observable there.
    pub value: usize,
}

/// Which columns the explorer shows first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Start {
    /// Along x.
    pub x: usize,
    /// Along y.
    pub y: usize,
    /// As colour.
    pub colour: Option<usize>,
}

/// All columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// Those that vary.
    pub columns: Vec<Column>,
    /// Name and value of what all cells have alike.
    pub constants: Vec<(String, String)>,
    /// Turning points.
    pub turns: Vec<Turn>,
    /// What the page does not hold, in sentences.
    pub notes: Vec<String>,
}

/// Bytes of the columns of all turning points together, below which none is left out; or so many a cell, if that is more.
const TURN_BYTES: usize = 4_000_000;
const TURN_BYTES_OF_CELL: usize = 240;
/// Bytes of one: three floats and a code.
const BYTES_OF_TURN: usize = 13;
/// Turning points at most, of however few cells: menus have to be read.
const MOST_TURNS: usize = 128;

impl Column {
    /// The column in the header; its values go into the block.
    pub fn described(&self, block: &mut Block) -> Described<'_> {
        let (kind, at, levels) = match &self.values {
            Values::Words { levels, codes } => {
                let (at, width) = block.whole(codes);
                (["u8", "u8", "u16", "u32", "u32"][width], at, Some(levels.as_slice()))
            }
            Values::Numbers(values) => {
                // 32 bits where they hold every whole number, such as a seed, and all else to seven digits.
                let is_narrow = |value: &f64| value.fract() != 0.0 || !value.is_finite() || value.abs() <= 16_777_216.0;
                match values.iter().all(is_narrow) {
                    true => ("f32", block.floats(&values.iter().map(|value| *value as f32).collect::<Vec<_>>()), None),
                    false => ("f64", block.doubles(values), None),
                }
            }
        };
        Described { key: &self.key, label: &self.label, role: self.role, decimals: self.decimals, kind, at, levels }
    }

    /// Which cells have the same value: for each the number of its value, in the order of cells.
    fn partition(&self) -> (Vec<u32>, usize) {
        let mut seen: HashMap<u64, u32> = HashMap::new();
        let mut number = |value: u64| {
            let next = seen.len() as u32;
            *seen.entry(value).or_insert(next)
        };
        let parts: Vec<u32> = match &self.values {
            Values::Words { codes, .. } => codes.iter().map(|code| number(u64::from(*code))).collect(),
            Values::Numbers(values) => values.iter().map(|value| number(value.to_bits())).collect(),
        };
        let count = seen.len();
        (parts, count)
    }
}

/// Words as levels and codes.
fn words<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> Values {
    let mut levels: Vec<String> = Vec::new();
    let mut place: HashMap<String, u32> = HashMap::new();
    let codes = values.into_iter().map(|value| {
        let value = value.as_ref();
        if let Some(code) = place.get(value) {
            return *code;
        }
        let next = levels.len() as u32;
        place.insert(value.to_owned(), next);
        levels.push(value.to_owned());
        next
    });
    let codes = codes.collect();
    Values::Words { levels, codes }
}

/// A name of the results file as a person reads it.
fn plain(name: &str) -> String {
    name.replace('_', " ")
}

impl Table {
    /// The columns of specifications and turning points.
    pub fn of(results: &Results, groups: &Groups, points: &TurningPoints, series: &AllSeries) -> Table {
        let mut table = Table::default();
        table.add_specification(results, groups);
        let room =
            TURN_BYTES.max(TURN_BYTES_OF_CELL * results.cells.len()) / BYTES_OF_TURN / results.cells.len().max(1);
        let room = room.clamp(1, MOST_TURNS);
        // What stands for all classes, and what the report is about, before each class on its own.
        let mut of_manifolds: Vec<(usize, usize)> = (0..points.layers.len())
            .flat_map(|layer| (0..points.observables.len()).map(move |observable| (layer, observable)))
            .filter(|(layer, observable)| points.of(*layer, *observable, Rule::Prominence).next().is_some())
            .collect();
        of_manifolds.sort_by_key(|(_, observable)| {
            (points.principal != Some(*observable), !points.manifolds.get(*observable).is_some_and(|m| m.is_mean()))
        });
        let of_series = (0..series.points.observables.len()).map(|observable| (None, 0, observable));
        let asked: Vec<(Option<usize>, usize, usize)> = of_manifolds
            .into_iter()
            .map(|(layer, observable)| (Some(layer), layer, observable))
            .chain(of_series)
            .collect();
        for (of_layer, layer, observable) in asked.iter().take(room).copied() {
            let decimals = error_decimals(results);
            match of_layer {
                Some(_) => {
                    let name = &points.observables[observable];
                    let (key, symbol) = match points.layers.len() {
                        1 => (name.clone(), symbol(name)),
                        _ => (format!("{name}@{}", results.layers[layer]), {
                            format!("{}, layer {}", symbol(name), results.layers[layer])
                        }),
                    };
                    table.add_turn(&key, &symbol, "epoch", points, (layer, observable), of_layer, decimals);
                }
                None => {
                    let name = &series.points.observables[observable];
                    let unit = series.unit(observable).name();
                    table.add_turn(name, name, unit, &series.points, (0, observable), None, decimals);
                }
            }
        }
        if asked.len() > room {
            table.notes.push(format!(
                "Of {} observables that were searched for turning points, the explorer holds {room}: the tables hold all.",
                asked.len()
            ));
        }
        table
    }

    fn push(&mut self, key: &str, label: &str, role: Role, values: Values) {
        self.columns.push(Column { key: key.to_owned(), label: label.to_owned(), role, decimals: None, values });
    }

    /// Adds a column if it varies, or else a constant.
    fn push_if_varied(&mut self, name: &str, role: Role, values: Values) {
        match &values {
            Values::Words { levels, .. } if levels.len() < 2 => {
                let value = levels.first().cloned().unwrap_or_default();
                if !value.is_empty() {
                    self.constants.push((plain(name), value));
                }
            }
            Values::Numbers(numbers) if numbers.iter().all(|number| number.to_bits() == numbers[0].to_bits()) => {
                if !numbers[0].is_nan() {
                    self.constants.push((plain(name), numbers[0].to_string()));
                }
            }
            _ => self.push(name, &plain(name), role, values),
        }
    }

    fn add_specification(&mut self, results: &Results, groups: &Groups) {
        let cells = &results.cells;
        let ids = shortest(&cells.id);
        self.push("cell", "cell", Role::Other, words(&ids));
        for (name, values) in &cells.axes {
            self.push_if_varied(name, Role::Specification, words(values));
        }
        let seeds = cells.seed.iter().map(|seed| *seed as f64).collect();
        self.push_if_varied(SEED.name, Role::Specification, Values::Numbers(seeds));
        for (name, values) in &cells.labels {
            let role = if name == "failure" { Role::Other } else { Role::Specification };
            self.push_if_varied(name, role, words(values));
        }
        for (name, values) in &cells.numbers {
            let is_result = name == "diverged_epoch" || name == STEPS_PER_EPOCH.name;
            let role = if is_result { Role::Other } else { Role::Specification };
            self.push_if_varied(name, role, Values::Numbers(values.clone()));
        }
        if let Some(samples) = &cells.samples {
            self.push_if_varied(SAMPLES.name, Role::Specification, Values::Numbers(samples.clone()));
        }
        if groups.all.len() > 1 {
            let of = groups.of_cells(cells.len());
            let levels = groups.all.iter().map(|group| group.name.clone()).collect();
            let codes = of.into_iter().map(|group| group as u32).collect();
            self.push("group", "group", Role::Other, Values::Words { levels, codes });
        }
        self.push_if_varied(STATUS.name, Role::Other, words(cells.status.iter().map(|status| status.name())));
        if let Some(seconds) = &cells.wall_seconds {
            self.push(WALL_SECONDS.name, "seconds of training", Role::Other, Values::Numbers(seconds.clone()));
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn add_turn(
        &mut self,
        name: &str,
        symbol: &str,
        unit: &'static str,
        points: &TurningPoints,
        (layer, observable): (usize, usize),
        of_layer: Option<usize>,
        decimals: Option<usize>,
    ) {
        let rows = |rule| points.of(layer, observable, rule);
        let epochs =
            |rule| rows(rule).map(|row| row.epoch.map_or(f64::NAN, |epoch| epoch as f64)).collect::<Vec<f64>>();
        let stars = |rule| rows(rule).map(|row| row.epsilon_star).collect::<Vec<f64>>();
        let (at, by_prominence) = (self.columns.len(), Rule::Prominence);
        let role = Role::Turn;
        self.push(
            &format!("epsilon_star:{name}"),
            &format!("ε*({symbol})"),
            Role::Epsilon,
            Values::Numbers(stars(by_prominence)),
        );
        self.columns[at].decimals = decimals;
        self.push(&format!("turns_at:{name}"), &format!("t*({symbol})"), role, Values::Numbers(epochs(by_prominence)));
        let values = rows(by_prominence).map(|row| row.value).collect();
        self.push(&format!("value:{name}"), &format!("{symbol} at t*"), role, Values::Numbers(values));
        let statuses = words(rows(by_prominence).map(|row| row.status));
        self.push(&format!("turns:{name}"), &format!("does {symbol} turn?"), role, statuses);
        self.turns.push(Turn {
            name: points.observables[observable].clone(),
            symbol: symbol.to_owned(),
            unit,
            layer: of_layer,
            epsilon: at,
            epoch: at + 1,
            value: at + 2,
            status: at + 3,
        });
        // The second rule where it says something else.
        let same = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits());
        let second = epochs(Rule::FirstRise);
        if points.rules.contains(&Rule::FirstRise) && !same(&second, &epochs(by_prominence)) {
            let label = format!("ε*({symbol}), first rise");
            self.push(
                &format!("epsilon_star:{name}:first_rise"),
                &label,
                Role::Epsilon,
                Values::Numbers(stars(Rule::FirstRise)),
            );
            self.columns[at + 4].decimals = decimals;
            let label = format!("t*({symbol}), first rise");
            self.push(&format!("turns_at:{name}:first_rise"), &label, role, Values::Numbers(second));
        }
    }

    /// Adds where training came to.
    pub fn add_ends(&mut self, results: &Results, ends: &Ends) {
        let decimals = error_decimals(results);
        for (key, label, values, decimals) in [
            ("final_train_error", "final training error", &ends.train_error, decimals),
            ("final_test_error", "final test error", &ends.test_error, None),
            ("final_train_loss", "final training loss", &ends.train_loss, None),
            ("least_test_error", "least test error", &ends.least_test_error, None),
            ("least_test_epoch", "epoch of the least test error", &ends.least_test_epoch, None),
        ] {
            if values.iter().any(|value| value.is_finite()) {
                self.push(key, label, Role::End, Values::Numbers(values.clone()));
                if let Some(column) = self.columns.last_mut() {
                    column.decimals = decimals;
                }
            }
        }
    }

    /// Adds how many stragglers there are.
    pub fn add_stragglers(&mut self, cells: usize, all: &[Stragglers]) {
        if all.is_empty() {
            return;
        }
        let (mut count, mut snapshot) = (vec![f64::NAN; cells], vec![f64::NAN; cells]);
        for row in all {
            count[row.cell] = sample_sets::size(&row.set) as f64;
            snapshot[row.cell] = row.snapshot as f64;
        }
        self.push("stragglers", "stragglers", Role::End, Values::Numbers(count));
        self.push("stragglers_epoch", "epoch of the stragglers", Role::Other, Values::Numbers(snapshot));
    }

    /// What is shown first: the training error at the principal turning point along the first axis that varies, the next one as
    /// colour. A key whose values tell the same cells apart stands for an axis where it is a number.
    pub fn start(&self, points: &TurningPoints, series: &AllSeries) -> Start {
        let about = series::principal(points, series).map(|(points, place)| points.observables[place].clone());
        let turn = self.turns.iter().find(|turn| Some(&turn.name) == about.as_ref()).or(self.turns.first());
        let number = |role| {
            let is_it = |column: &Column| column.role == role && matches!(column.values, Values::Numbers(_));
            self.columns.iter().position(is_it)
        };
        let y = turn.map(|turn| turn.epsilon).or_else(|| number(Role::End)).or_else(|| number(Role::Specification));
        let y = y.unwrap_or(0);
        const MOST_LEVELS: usize = 64;
        let candidates: Vec<(usize, Vec<u32>)> = (self.columns.iter().enumerate())
            .filter(|(_, column)| column.role == Role::Specification && column.key != SEED.name)
            .filter_map(|(place, column)| {
                let (parts, count) = column.partition();
                (count <= MOST_LEVELS).then_some((place, parts))
            })
            .collect();
        let mut chosen: Vec<(usize, &[u32])> = Vec::new();
        for (place, parts) in &candidates {
            let is_number = matches!(self.columns[*place].values, Values::Numbers(_));
            match chosen.iter_mut().find(|(_, known)| known == parts) {
                Some(known) if is_number && !matches!(self.columns[known.0].values, Values::Numbers(_)) => {
                    known.0 = *place
                }
                Some(_) => {}
                None => chosen.push((*place, parts)),
            }
        }
        let otherwise = turn.map(|turn| turn.epoch).or_else(|| number(Role::Specification)).unwrap_or(0);
        let x = chosen.first().map_or(otherwise, |(place, _)| *place);
        Start { x, y, colour: chosen.get(1).map(|(place, _)| *place) }
    }
}

/// Decimals that tell apart training errors one sample apart: of 1500 samples four.
fn error_decimals(results: &Results) -> Option<usize> {
    let most = results.cells.samples.as_ref()?.iter().copied().filter(|count| count.is_finite()).fold(0.0, f64::max);
    (most >= 2.0).then(|| most.log10().ceil() as usize)
}

/// Ids cut to the fewest letters, eight at least, that tell all of them apart: `phasesweep show` takes the beginning of an id.
fn shortest(ids: &[String]) -> Vec<String> {
    let mut sorted: Vec<&str> = ids.iter().map(String::as_str).collect();
    sorted.sort_unstable();
    let shared = |pair: &[&str]| pair[0].chars().zip(pair[1].chars()).take_while(|(a, b)| a == b).count();
    let length = sorted.windows(2).map(|pair| shared(pair) + 1).max().unwrap_or(0).max(8);
    ids.iter().map(|id| id.chars().take(length).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_cut_where_they_still_differ() {
        let ids = ["0123456789ab", "0123456789cd", "fedcba987654"].map(str::to_owned);
        assert_eq!(shortest(&ids), ["0123456789a", "0123456789c", "fedcba98765"]);
        assert_eq!(shortest(&ids[1..]), ["01234567", "fedcba98"]);
    }

    #[test]
    fn a_number_stands_for_the_axis_that_tells_the_same_cells_apart() {
        let column =
            |key: &str, role, values| Column { key: key.into(), label: key.into(), role, decimals: None, values };
        let table = Table {
            columns: vec![
                column("architecture", Role::Specification, words(["a", "b", "a", "b"])),
                column("optimiser", Role::Specification, words(["sgd 1", "sgd 1", "sgd 2", "sgd 2"])),
                column("seed", Role::Specification, Values::Numbers(vec![0.0, 1.0, 2.0, 3.0])),
                column("width", Role::Specification, Values::Numbers(vec![1.0, 1.0, 1.0, 2.0])),
                column("lr", Role::Specification, Values::Numbers(vec![0.1, 0.1, 0.2, 0.2])),
                column("final", Role::End, Values::Numbers(vec![0.5; 4])),
            ],
            ..Table::default()
        };
        let start = table.start(&TurningPoints::default(), &AllSeries::default());
        assert_eq!(start, Start { x: 0, y: 5, colour: Some(4) });
    }
}
