//! Where neighbourhoods lie: random orthonormal directions and random points, each by its address.
//!
//! Invariants: what is drawn depends on the cell's seed and the point's place alone, so that every epoch, rank and
//! resumption looks at the same places; the points of a group share their directions, groups have independent ones.

use crate::data::stream::Key;

/// Points that share directions. One frame for all would make every point's error the same; one for each would cost
/// more than measuring a small network.
pub const GROUP: usize = 16;

/// `directions` orthonormal vectors of `inputs` numbers, `[direction, input]`: the orthonormal factor of a Gaussian
/// matrix, so uniform among all such frames. `set` numbers the set of points, `group` the group in it.
///
/// There are no more than `inputs` such vectors; beyond, rows are zero.
pub fn frame(seed: u64, set: u64, group: u64, directions: usize, inputs: usize) -> Vec<f32> {
    let mut normals = Key::new("local complexity: directions", &[seed, set]).at(group);
    let mut rows = vec![0.0; directions * inputs];
    rows.iter_mut().for_each(|x| *x = normals.normal());
    for at in 0..directions {
        let (done, rest) = rows.split_at_mut(at * inputs);
        let own = &mut rest[..inputs];
        // Gram and Schmidt, twice: once leaves what rounding took from orthogonality (Giraud et al. 2005).
        for _ in 0..2 {
            for other in done.chunks_exact(inputs) {
                let overlap = dot(own, other);
                own.iter_mut().zip(other).for_each(|(x, o)| *x -= overlap * o);
            }
            let norm = dot(own, own).sqrt();
            let scale = if at < inputs && norm > 0.0 { 1.0 / norm } else { 0.0 };
            own.iter_mut().for_each(|x| *x *= scale);
        }
    }
    rows.into_iter().map(|x| x as f32).collect()
}

/// Eight sums side by side: vectors, and a fixed order.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    for (a, b) in a.chunks(8).zip(b.chunks(8)) {
        sums.iter_mut().zip(a.iter().zip(b)).for_each(|(sum, (a, b))| *sum += a * b);
    }
    sums.iter().sum()
}

/// Points `first..first + count`, each input uniform between the bounds given for it: `[point, input]`.
pub fn random_points(seed: u64, first: usize, count: usize, bounds: &[(f32, f32)]) -> Vec<f32> {
    let key = Key::new("local complexity: random points", &[seed]);
    let mut points = Vec::with_capacity(count * bounds.len());
    for point in first..first + count {
        let mut numbers = key.at(point as u64);
        points.extend(bounds.iter().map(|&(low, high)| low + (high - low) * numbers.uniform() as f32));
    }
    points
}
