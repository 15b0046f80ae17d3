//! How a layer deforms the neighbourhood of a point, from the images of the point and of the vertices around it.
//!
//! Invariant: everything is in f64 relative to the point's image, so that a small neighbourhood far from the origin keeps its
//! digits.

/// Numbers that a deformation comes to.
pub(super) const MEASURES: usize = 5;

/// One layer's images of one neighbourhood, in numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Deformation {
    /// Mean distance of the vertices' images from the point's, over r.
    pub(super) stretch: f64,
    /// The greatest of these distances over the least; NaN where all are 0.
    pub(super) aspect: f64,
    /// Mean over vertices of the distance to the farthest other vertex, over 2 r.
    pub(super) eccentricity: f64,
    /// The greatest of these distances, over 2 r.
    pub(super) diameter: f64,
    /// Mean of ‖d⁺ + d⁻‖ over mean of ‖d⁺ − d⁻‖; NaN where the latter is 0.
    pub(super) bend: f64,
}

impl Deformation {
    /// Of images `[vertex, unit]`: that of the point, then those of x + r v and x − r v for each direction v.
    pub(super) fn of(images: &[f32], units: usize, radius: f64) -> Deformation {
        let mut rows = images.chunks_exact(units.max(1));
        let centre = rows.next().unwrap_or(&[]);
        let from_centre =
            |row: &[f32]| row.iter().zip(centre).map(|(h, at)| f64::from(*h) - f64::from(*at)).collect::<Vec<f64>>();
        let away: Vec<Vec<f64>> = rows.map(from_centre).collect();
        let lengths: Vec<f64> = away.iter().map(|d| length(d.iter().copied())).collect();
        let count = away.len() as f64;
        let mut farthest = vec![0.0_f64; away.len()];
        for a in 0..away.len() {
            for b in 0..a {
                let apart = length(away[a].iter().zip(&away[b]).map(|(p, q)| p - q));
                farthest[a] = farthest[a].max(apart);
                farthest[b] = farthest[b].max(apart);
            }
        }
        let (mut bends, mut spans) = (0.0, 0.0);
        for pair in away.chunks_exact(2) {
            bends += length(pair[0].iter().zip(&pair[1]).map(|(p, q)| p + q));
            spans += length(pair[0].iter().zip(&pair[1]).map(|(p, q)| p - q));
        }
        Deformation {
            stretch: lengths.iter().sum::<f64>() / count / radius,
            aspect: greatest(&lengths) / lengths.iter().copied().fold(f64::INFINITY, f64::min),
            eccentricity: farthest.iter().sum::<f64>() / count / (2.0 * radius),
            diameter: greatest(&farthest) / (2.0 * radius),
            bend: bends / spans,
        }
    }

    /// In the order of the observable's variables.
    pub(super) fn measures(self) -> [f64; MEASURES] {
        [self.stretch, self.aspect, self.eccentricity, self.diameter, self.bend]
    }
}

fn greatest(values: &[f64]) -> f64 {
    values.iter().copied().fold(0.0, f64::max)
}

fn length(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|x| x * x).sum::<f64>().sqrt()
}
