//! Counts of points as histograms: exact means and quantiles in memory that does not grow with the points.
//!
//! Invariant: sums are of whole numbers, so that the order in which points arrive does not show.

/// Quantiles over points that are kept.
pub const QUANTILES: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// One histogram for each radius and hidden layer, and for all layers together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histograms {
    /// Units of each hidden layer.
    units: Vec<usize>,
    radii: usize,
    /// `[radius][layer, then all]`: points by the number of units cut.
    tallies: Vec<Vec<u64>>,
}

impl Histograms {
    /// Histograms of no points, of hidden layers with so many units.
    pub fn new(units: &[usize], radii: usize) -> Histograms {
        let of_layers = units.iter().copied().chain([units.iter().sum()]);
        let one: Vec<Vec<u64>> = of_layers.map(|units| vec![0; units + 1]).collect();
        Histograms { units: units.to_vec(), radii, tallies: vec![one; radii].concat() }
    }

    /// Adds points, as [`super::count`] answers them: `[point, radius, hidden layer]`.
    pub fn add(&mut self, counts: &[u32]) {
        let hidden = self.units.len();
        if hidden == 0 || self.radii == 0 {
            return;
        }
        for point in counts.chunks_exact(self.radii * hidden) {
            for (layers, tallies) in point.chunks_exact(hidden).zip(self.tallies.chunks_exact_mut(hidden + 1)) {
                let all = layers.iter().sum::<u32>();
                for (&count, tally) in layers.iter().chain([&all]).zip(tallies) {
                    tally[count as usize] += 1;
                }
            }
        }
    }

    /// Means over points `[radius, layer]`, the last layer being all of them; NaN without points.
    pub fn means(&self) -> Vec<f32> {
        let mean = |tally: &Vec<u64>| {
            let points: u64 = tally.iter().sum();
            let cut: u64 = tally.iter().zip(0..).map(|(&points, count)| points * count).sum();
            (cut as f64 / points as f64) as f32
        };
        self.tallies.iter().map(mean).collect()
    }

    /// Quantiles over points `[radius, layer, quantile]`, interpolated between neighbours in order (type 7 of Hyndman
    /// and Fan 1996, NumPy's default); NaN without points.
    pub fn quantiles(&self) -> Vec<f32> {
        self.tallies.iter().flat_map(|tally| QUANTILES.map(|q| quantile(tally, q))).collect()
    }
}

fn quantile(tally: &[u64], q: f64) -> f32 {
    let points: u64 = tally.iter().sum();
    if points == 0 {
        return f32::NAN;
    }
    // The count of the point in place `rank`, from 0 in ascending order.
    let at = |rank: u64| {
        let mut seen = 0;
        let place = tally.iter().position(|&points| {
            seen += points;
            seen > rank
        });
        place.unwrap_or(tally.len() - 1) as f64
    };
    let place = q * (points - 1) as f64;
    let (low, part) = (place.floor(), place.fract());
    let (low, high) = (at(low as u64), at((low as u64 + 1).min(points - 1)));
    (low + part * (high - low)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_quantiles_are_those_of_the_sorted_points() {
        // Layer 1: 0 1 2 3 4 5; layer 2: 3 throughout; all: 3 to 8.
        let mut histograms = Histograms::new(&[5, 4], 1);
        histograms.add(&[5, 3, 0, 3, 4, 3]);
        histograms.add(&[1, 3, 3, 3, 2, 3]);
        assert_eq!(histograms.means(), [2.5, 3.0, 5.5]);
        // numpy.quantile(range(6), [0.05, 0.25, 0.5, 0.75, 0.95])
        let first = [0.25, 1.25, 2.5, 3.75, 4.75];
        let expected: Vec<f32> = first.into_iter().chain([3.0; 5]).chain(first.map(|x| x + 3.0)).collect();
        assert_eq!(histograms.quantiles(), expected);
        let none = Histograms::new(&[5], 2);
        assert!(none.means().iter().chain(&none.quantiles()).all(|x| x.is_nan()));
    }
}
