//! Intrinsic dimension by two nearest neighbours (TwoNN: Facco, d'Errico, Rodriguez and Laio, Sci. Rep. 7, 2017).
//!
//! The ratio μ of the distances to a point's second and first neighbour has P(μ > m) = m^−d wherever the density is flat
//! over both: d is the slope through the origin of −ln(1 − F(μ)) against ln μ, the tenth with the largest ratios left
//! out, as the authors advise.

use faer::{Accum, MatMut, MatRef};
use phasesweep_passes::multiply;

/// Points looked at, at most: the estimate's error, d/√n, is small by then, and distances cost n².
pub const MOST: usize = 2000;
/// Share of the ratios that the fit takes.
const KEPT: f64 = 0.9;
/// Points whose distances to all others are held at a time.
const TILE: usize = 64;

/// The dimension of points `[point, coordinate]`, the first ones if they are many; NaN of fewer than ten.
pub fn dimension(points: &[f64], coordinates: usize) -> f64 {
    let coordinates = coordinates.max(1);
    let points = &points[..points.len().min(MOST * coordinates) / coordinates * coordinates];
    let rows: Vec<&[f64]> = points.chunks_exact(coordinates).collect();
    let squares: Vec<f64> = rows.iter().map(|a| a.iter().map(|a| a * a).sum()).collect();
    let apart = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
    let mut ratios = Vec::with_capacity(rows.len());
    let mut products = vec![0.0; rows.len() * TILE];
    for (tile, some) in points.chunks(TILE * coordinates).enumerate() {
        let columns = some.len() / coordinates;
        let products = &mut products[..rows.len() * columns];
        let all = MatRef::from_row_major_slice(points, rows.len(), coordinates);
        let some = MatRef::from_column_major_slice(some, coordinates, columns);
        let target = MatMut::from_column_major_slice_mut(&mut *products, rows.len(), columns);
        multiply(target, Accum::Replace, all, some);
        for (column, products) in products.chunks_exact(rows.len()).enumerate() {
            let i = tile * TILE + column;
            // ‖b‖² − 2 a·b orders the others; what it says of near ones is rounded, so their distances are taken anew.
            let mut nearest = [(f64::INFINITY, i); 2];
            for (j, (square, product)) in squares.iter().zip(products).enumerate() {
                let rank = square - 2.0 * product;
                if rank < nearest[1].0 && j != i {
                    nearest[1] = (rank, j);
                    if rank < nearest[0].0 {
                        nearest.swap(0, 1);
                    }
                }
            }
            let [first, second] = nearest.map(|(_, j)| if j == i { f64::NAN } else { apart(rows[i], rows[j]) });
            // Two equal points have no scale at which a dimension could be seen.
            if first.min(second) > 0.0 && second.is_finite() {
                ratios.push(0.5 * (second / first).ln().abs());
            }
        }
    }
    if ratios.len() < 10 {
        return f64::NAN;
    }
    ratios.sort_by(f64::total_cmp);
    let count = ratios.len() as f64;
    let kept = (KEPT * count) as usize;
    let (mut products, mut squares) = (0.0, 0.0);
    for (rank, x) in ratios.iter().take(kept).enumerate() {
        let y = -(1.0 - (rank as f64 + 1.0) / count).ln();
        products += x * y;
        squares += x * x;
    }
    if squares > 0.0 { products / squares } else { f64::NAN }
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{RngCore, SeedableRng};

    use super::*;

    #[test]
    fn uniform_cubes_have_their_dimension_wherever_they_lie() {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let mut uniform = || rng.next_u32() as f64 / u32::MAX as f64;
        for d in [1, 2, 5] {
            // A d-dimensional cube inside seven dimensions, sheared.
            let points: Vec<f64> = (0..2000)
                .flat_map(|_| {
                    let x: Vec<f64> = (0..d).map(|_| uniform()).collect();
                    (0..7)
                        .map(move |j| x[j % x.len()] + if j < x.len() { 0.0 } else { 0.5 * x[(j + 1) % x.len()] })
                        .collect::<Vec<_>>()
                })
                .collect();
            let found = dimension(&points, 7);
            // Standard error about d/√n; the border of the cube lowers d = 5 by some percent (Facco et al., Fig. 2).
            let tolerance = d as f64 * (5.0 / 2000f64.sqrt() + 0.02 * (d as f64 - 1.0));
            assert!((found - d as f64).abs() < tolerance, "{d}: {found}");
        }
    }

    #[test]
    fn nearest_neighbours_are_those_of_brute_force() {
        // Far from the origin, so that products cancel; more than a tile, and no whole number of them.
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        let points: Vec<f64> = (0..3 * 150).map(|_| 30.0 + rng.next_u32() as f64 / u32::MAX as f64).collect();
        let rows: Vec<&[f64]> = points.chunks(3).collect();
        let mut ratios: Vec<f64> = (0..150)
            .map(|i| {
                let to = |j: usize| rows[i].iter().zip(rows[j]).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
                let mut all: Vec<f64> = (0..150).filter(|&j| j != i).map(to).collect();
                all.sort_by(f64::total_cmp);
                0.5 * (all[1] / all[0]).ln()
            })
            .collect();
        ratios.sort_by(f64::total_cmp);
        let line = |k: usize| -(1.0 - (k as f64 + 1.0) / 150.0).ln();
        let (products, squares) =
            (0..135).fold((0.0, 0.0), |(p, s), k| (p + ratios[k] * line(k), s + ratios[k] * ratios[k]));
        assert!((dimension(&points, 3) - products / squares).abs() < 1e-9);
    }

    #[test]
    fn few_or_equal_points_have_none() {
        assert!(dimension(&[0.0, 1.0, 2.0], 1).is_nan());
        assert!(dimension(&[1.0; 100], 1).is_nan());
    }
}
