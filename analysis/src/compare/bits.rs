//! Cells that are in both files, and whether what was measured of them agrees to the bit.
//!
//! A cell is the same where its id is: the id is the hash of the specification and the seed. Compared is what was measured
//! along further dimensions, of the cells that ended in both; not what training took, and where. Invariants: two labels
//! of a dimension are the same where their texts are, so that a longer run is compared with a shorter one at the epochs that
//! both have; +0 and −0 differ; NaN agrees with NaN.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::error::Result;
use crate::results::{OfCells, Results, Status};

/// Bytes of one variable that are read of each file at a time.
const AT_ONCE: usize = 64 << 20;

/// Cells and variables of two files.
#[derive(Debug, Serialize)]
pub struct Bits {
    /// Cells that are in both.
    pub cells_in_both: usize,
    /// Cells that the first file has alone.
    pub cells_in_first: usize,
    /// Cells that the second file has alone.
    pub cells_in_second: usize,
    /// Cells in both that ended in both, complete or diverged: those whose bits are compared.
    pub compared: usize,
    /// Cells in both whose statuses differ, by id, with both statuses.
    pub statuses_differ: Vec<(String, [&'static str; 2])>,
    /// Each variable, by name.
    pub variables: Vec<VariableBits>,
}

/// A variable of two files.
#[derive(Debug, Serialize)]
pub struct VariableBits {
    /// Its name.
    pub name: String,
    /// Whether all that was compared agrees to the bit; `None` where nothing could be compared.
    pub agrees: Option<bool>,
    /// Cells of which some value differs.
    pub differing_cells: usize,
    /// Largest absolute difference of two numbers; NaN where none differ as numbers.
    pub largest_difference: f64,
    /// The first value that differs.
    pub first: Option<FirstDifference>,
    /// What was not compared, in a sentence; empty if all was.
    pub note: String,
}

/// The first value that differs: of the first such cell in the order of the first file, the earliest label along the last
/// dimension (most often the epoch).
#[derive(Debug, Serialize, PartialEq)]
pub struct FirstDifference {
    /// The cell's id.
    pub cell: String,
    /// Label along every dimension but the cell.
    pub at: BTreeMap<String, String>,
    /// Both values; NaN where one was not measured.
    pub values: [f64; 2],
}

/// Compares two files.
///
/// # Errors
/// A file that cannot be read.
pub fn compare(first: &Results, second: &Results) -> Result<Bits> {
    let place: HashMap<&str, usize> =
        second.cells.id.iter().enumerate().map(|(place, id)| (id.as_str(), place)).collect();
    let both: Vec<[usize; 2]> =
        (first.cells.id.iter().enumerate()).filter_map(|(cell, id)| Some([cell, *place.get(id.as_str())?])).collect();
    let status = |[a, b]: &[usize; 2]| [first.cells.status[*a], second.cells.status[*b]];
    let differ = both.iter().filter(|cell| status(cell)[0] != status(cell)[1]);
    let statuses_differ =
        differ.map(|cell| (first.cells.id[cell[0]].clone(), status(cell).map(Status::name))).collect();
    let ended = |of: Status| matches!(of, Status::Complete | Status::Diverged);
    let compared: Vec<[usize; 2]> =
        both.iter().copied().filter(|cell| status(cell).iter().all(|of| ended(*of))).collect();
    Ok(Bits {
        cells_in_both: both.len(),
        cells_in_first: first.cells.len() - both.len(),
        cells_in_second: second.cells.len() - both.len(),
        compared: compared.len(),
        statuses_differ,
        variables: variables([first, second], &compared)?,
    })
}

fn variables(files: [&Results; 2], cells: &[[usize; 2]]) -> Result<Vec<VariableBits>> {
    let [mut first, mut second] = [files[0].of_cells()?, files[1].of_cells()?].map(|all| {
        all.into_iter().map(|variable| (variable.name.clone(), variable)).collect::<BTreeMap<String, OfCells>>()
    });
    let mut out = Vec::new();
    let names: Vec<String> = first.keys().chain(second.keys()).cloned().collect();
    for name in names.into_iter().collect::<std::collections::BTreeSet<_>>() {
        let nothing = |note: &str| VariableBits {
            name: name.clone(),
            agrees: None,
            differing_cells: 0,
            largest_difference: f64::NAN,
            first: None,
            note: note.to_owned(),
        };
        out.push(match (first.remove(&name), second.remove(&name)) {
            (Some(a), Some(b)) => match Shared::of(&a, &b) {
                Ok(shared) if cells.is_empty() || shared.is_empty() => {
                    nothing(if cells.is_empty() { "no cell ended in both" } else { "no label is in both" })
                }
                Ok(shared) => of_variable(files, [&a, &b], &shared, cells)?,
                Err(note) => nothing(&note),
            },
            (Some(_), None) => nothing("only in the first"),
            _ => nothing("only in the second"),
        });
    }
    Ok(out)
}

/// The labels that two variables share, dimension by dimension: places in the first and in the second.
struct Shared {
    places: Vec<Vec<[usize; 2]>>,
    note: String,
}

impl Shared {
    fn of(first: &OfCells, second: &OfCells) -> std::result::Result<Shared, String> {
        let names = |of: &OfCells| of.dimensions.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>().join(", ");
        if names(first) != names(second) {
            return Err(format!("its dimensions differ: {} and {}", names(first), names(second)));
        }
        let mut notes = Vec::new();
        let mut places = Vec::new();
        for ((name, a), (_, b)) in first.dimensions.iter().zip(&second.dimensions) {
            if a == b {
                places.push((0..a.len()).map(|place| [place; 2]).collect());
                continue;
            }
            let of_second: HashMap<&str, usize> =
                b.iter().enumerate().map(|(place, label)| (label.as_str(), place)).collect();
            let shared: Vec<[usize; 2]> = (a.iter().enumerate())
                .filter_map(|(place, label)| Some([place, *of_second.get(label.as_str())?]))
                .collect();
            if shared.len() < a.len().max(b.len()) {
                notes.push(format!("at the {} of {name} that both have, of {} and {}", shared.len(), a.len(), b.len()));
            }
            places.push(shared);
        }
        Ok(Shared { places, note: notes.join("; ") })
    }

    fn is_empty(&self) -> bool {
        self.places.iter().any(Vec::is_empty)
    }

    /// Calls with the place of every shared value in a cell of the first and of the second, the last dimension slowest, so
    /// that the earliest epoch comes first.
    fn offsets(&self, lengths: [&[usize]; 2]) -> Vec<([usize; 2], Vec<usize>)> {
        let dimensions = self.places.len();
        let mut all = vec![([0, 0], vec![0; dimensions])];
        let stride = |which: usize, dimension: usize| lengths[which][dimension + 1..].iter().product::<usize>();
        for dimension in (0..dimensions).rev() {
            let mut next = Vec::with_capacity(all.len() * self.places[dimension].len());
            for (offset, labels) in &all {
                for &[a, b] in &self.places[dimension] {
                    let mut labels: Vec<usize> = labels.clone();
                    labels[dimension] = a;
                    let moved = [offset[0] + a * stride(0, dimension), offset[1] + b * stride(1, dimension)];
                    next.push((moved, labels));
                }
            }
            all = next;
        }
        all
    }
}

fn of_variable(
    files: [&Results; 2],
    variables: [&OfCells; 2],
    shared: &Shared,
    cells: &[[usize; 2]],
) -> Result<VariableBits> {
    let lengths = variables.map(|of| of.dimensions.iter().map(|(_, labels)| labels.len()).collect::<Vec<_>>());
    let per_cell = variables.map(OfCells::per_cell);
    let offsets = shared.offsets([&lengths[0], &lengths[1]]);
    let at_once = (AT_ONCE / (8 * per_cell[0].max(per_cell[1]).max(1))).max(1);
    let (mut differing, mut largest, mut first) = (0, f64::NAN, None);
    for some in cells.chunks(at_once) {
        let read =
            |which: usize| rows(files[which], variables[which], &some.iter().map(|c| c[which]).collect::<Vec<_>>());
        let (a, b) = (read(0)?, read(1)?);
        for (row, cell) in some.iter().enumerate() {
            let mut is_same = true;
            for ([in_a, in_b], labels) in &offsets {
                let values = [a[row * per_cell[0] + in_a], b[row * per_cell[1] + in_b]];
                if same(values) {
                    continue;
                }
                largest = largest.max((values[0] - values[1]).abs());
                if first.is_none() {
                    let named = variables[0].dimensions.iter().zip(labels);
                    let at = named.map(|((name, all), &label)| (name.clone(), all[label].clone())).collect();
                    first = Some(FirstDifference { cell: files[0].cells.id[cell[0]].clone(), at, values });
                }
                is_same = false;
            }
            differing += usize::from(!is_same);
        }
    }
    Ok(VariableBits {
        name: variables[0].name.clone(),
        agrees: Some(differing == 0),
        differing_cells: differing,
        largest_difference: largest,
        first,
        note: shared.note.clone(),
    })
}

/// Whether two values have the same bits, or neither was measured.
fn same([a, b]: [f64; 2]) -> bool {
    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
}

/// Values of cells that need not stand together: neighbours are read at once.
fn rows(file: &Results, variable: &OfCells, cells: &[usize]) -> Result<Vec<f64>> {
    let mut out = Vec::with_capacity(cells.len() * variable.per_cell());
    for run in cells.chunk_by(|one, next| one + 1 == *next) {
        let (Some(&from), Some(&to)) = (run.first(), run.last()) else { continue };
        out.extend(file.values(variable, from..to + 1)?);
    }
    Ok(out)
}
