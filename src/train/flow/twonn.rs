//! Intrinsic dimension by two nearest neighbours (TwoNN: Facco, d'Errico, Rodriguez and Laio, Sci. Rep. 7, 2017).
//!
//! The ratio μ of the distances to a point's second and first neighbour has P(μ > m) = m^−d wherever the density is flat
//! over both: d is the slope through the origin of −ln(1 − F(μ)) against ln μ, the tenth with the largest ratios left
//! out, as the authors advise.

/// Points looked at, at most: the estimate's error, d/√n, is small by then, and distances cost n².
const MOST: usize = 2000;
/// Share of the ratios that the fit takes.
const KEPT: f64 = 0.9;

/// The dimension of points `[point, coordinate]`, the first ones if they are many; NaN of fewer than ten.
pub(super) fn dimension(points: &[f64], coordinates: usize) -> f64 {
    let points: Vec<&[f64]> = points.chunks_exact(coordinates.max(1)).take(MOST).collect();
    let mut ratios = Vec::with_capacity(points.len());
    for (i, a) in points.iter().enumerate() {
        let mut nearest = [f64::INFINITY; 2];
        for (j, b) in points.iter().enumerate() {
            if i != j {
                let square: f64 = a.iter().zip(*b).map(|(a, b)| (a - b) * (a - b)).sum();
                if square < nearest[0] {
                    nearest = [square, nearest[0]];
                } else if square < nearest[1] {
                    nearest[1] = square;
                }
            }
        }
        // Two equal points have no scale at which a dimension could be seen.
        if nearest[0] > 0.0 && nearest[1].is_finite() {
            ratios.push(0.5 * (nearest[1] / nearest[0]).ln());
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
    fn few_or_equal_points_have_none() {
        assert!(dimension(&[0.0, 1.0, 2.0], 1).is_nan());
        assert!(dimension(&[1.0; 100], 1).is_nan());
    }
}
