//! Which inputs a block's scaling blows up: see [`super::census::Erratic`].

use rayon::prelude::*;

use super::census::Erratic;
use super::matrix::Matrix;
use super::normalise::Scaling;

/// Least and greatest value of each input over all rows of a matrix, as stored.
#[derive(Debug)]
pub(super) struct Extremes {
    least: Vec<f64>,
    greatest: Vec<f64>,
}

impl Extremes {
    /// Of the stated rows of a matrix. One thread does it: whoever waits for it may be a thread of the same pool.
    pub(super) fn of(matrix: &Matrix, rows: impl Iterator<Item = usize>) -> Extremes {
        let d = matrix.features;
        let mut extremes = Extremes { least: vec![f64::INFINITY; d], greatest: vec![f64::NEG_INFINITY; d] };
        let mut row = vec![0.0; d];
        for index in rows {
            matrix.read(index, &mut row);
            extremes.least.iter_mut().zip(&row).for_each(|(least, &x)| *least = least.min(x));
            extremes.greatest.iter_mut().zip(&row).for_each(|(greatest, &x)| *greatest = greatest.max(x));
        }
        extremes
    }
}

/// Counts them: `scaling` was fitted by standardising the rows of `matrix` that are in `rows`, `test` are the extremes
/// of the test samples.
pub(super) fn erratic(scaling: &Scaling, matrix: &Matrix, rows: &[u32], test: &Extremes) -> Erratic {
    let inputs = scaling.live.len();
    let beyond: Vec<u32> = rows
        .par_iter()
        .fold(
            || (vec![0u32; inputs], vec![0.0; matrix.features]),
            |(mut beyond, mut row), &index| {
                matrix.read(index as usize, &mut row);
                for (place, count) in beyond.iter_mut().enumerate() {
                    let scaled = scaling.standardised(place, row[scaling.live[place] as usize]);
                    *count += u32::from(scaled.abs() > 1.0);
                }
                (beyond, row)
            },
        )
        .map(|(beyond, _)| beyond)
        .reduce(
            || vec![0; inputs],
            |mut sum, other| {
                sum.iter_mut().zip(other).for_each(|(sum, count)| *sum += count);
                sum
            },
        );
    let few = (rows.len() / 100).max(1) as u32;
    let mut found = Erratic { inputs: 0, of: inputs, greatest: 0.0 };
    for (place, &input) in scaling.live.iter().enumerate() {
        let ends = [test.least[input as usize], test.greatest[input as usize]];
        let farthest = ends.map(|end| scaling.standardised(place, end).abs()).into_iter().fold(0.0, f64::max);
        if beyond[place] <= few && farthest > Erratic::FAR {
            found.inputs += 1;
            found.greatest = found.greatest.max(farthest);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::Normalise;

    /// Input 0 is spread evenly, input 1 is on in one of 500 training rows, input 2 in fifty of them.
    #[test]
    fn a_pixel_that_is_on_in_one_of_five_hundred_is_found() {
        let row = |index: usize| {
            [(index % 200) as u8, if index == 77 { 100 } else { 0 }, if index.is_multiple_of(10) { 100 } else { 0 }]
        };
        let train = Matrix::bytes((0..500).flat_map(row).collect(), 3, 1, 255.0);
        let rows: Vec<u32> = (0..500).collect();
        let scaling = Scaling::fit(&train, &rows, Normalise::Standardise, false);
        let count = |test: Vec<u8>| {
            let tested = test.len() / 3;
            erratic(&scaling, &train, &rows, &Extremes::of(&Matrix::bytes(test, 3, 1, 255.0), 0..tested))
        };
        // Off in the whole test set: nothing is far.
        assert_eq!(count(vec![255, 0, 255, 0, 0, 0]).inputs, 0);
        // On where it is on in training: mean 0.2, sum of squares 100²·(1 − 1/500), so sd √(10⁴·0.998/499) = 4.472.
        let found = count(vec![0, 0, 0, 0, 100, 0]);
        assert_eq!((found.inputs, found.of), (1, 3));
        assert!((found.greatest - 99.8 / (1e4 * 0.998 / 499.0f64).sqrt()).abs() < 1e-9, "{found:?}");
    }
}
