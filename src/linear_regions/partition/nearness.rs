//! How near the borders of the linear regions lie to the decision boundary.
//!
//! The boundary's pieces are kept in the cells of a grid, so that the nearest one is found by looking into rings of
//! cells around a point. Distances are exact; the distribution over borders is weighted by their lengths, and stands
//! beside that of points spread evenly over the window: borders nearer than those have gathered at the boundary.

use rayon::prelude::*;

use super::decision::{Boundary, Decision, length};
use super::plane::{Point, Window};
use super::regions::Partition;

/// Cells along the longer side of the grid, at most.
const MOST_CELLS: usize = 512;

/// Points along each side of the window's bounding box that stand for even spread.
const EVEN: usize = 64;

/// Shares at which distances are told.
pub const SHARES: [f64; 5] = [0.1, 0.25, 0.5, 0.75, 0.9];

/// Pieces of a decision boundary, fit for finding the nearest.
#[derive(Debug, Clone)]
pub struct Nearest<'a> {
    pieces: &'a [Boundary],
    corner: Point,
    side: f64,
    size: [usize; 2],
    /// Where each cell's pieces begin in `held`, and where the last one's end.
    begins: Vec<u32>,
    held: Vec<u32>,
}

impl<'a> Nearest<'a> {
    /// Sorts the pieces into cells; `None` if there are none.
    pub fn new(pieces: &'a [Boundary]) -> Option<Nearest<'a>> {
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for point in pieces.iter().flat_map(|piece| piece.ends) {
            for axis in 0..2 {
                (low[axis], high[axis]) = (low[axis].min(point[axis]), high[axis].max(point[axis]));
            }
        }
        let cells = (pieces.len() as f64).sqrt().ceil().min(MOST_CELLS as f64);
        let longer = (high[0] - low[0]).max(high[1] - low[1]);
        if pieces.is_empty() || !longer.is_finite() {
            return None;
        }
        let side = if longer > 0.0 { longer / cells } else { 1.0 };
        let size = [0, 1].map(|axis| ((high[axis] - low[axis]) / side).floor() as usize + 1);
        let mut grid = Nearest { pieces, corner: low, side, size, begins: Vec::new(), held: Vec::new() };
        let mut in_cell = vec![Vec::new(); size[0] * size[1]];
        for (index, piece) in pieces.iter().enumerate() {
            let [a, b] = piece.ends.map(|end| grid.cell(end));
            for y in a[1].min(b[1])..=a[1].max(b[1]) {
                for x in a[0].min(b[0])..=a[0].max(b[0]) {
                    in_cell[y * size[0] + x].push(index as u32);
                }
            }
        }
        grid.begins.push(0);
        for cell in in_cell {
            grid.held.extend(cell);
            grid.begins.push(grid.held.len() as u32);
        }
        Some(grid)
    }

    /// The cell that holds a point, or the one nearest to it.
    fn cell(&self, point: Point) -> [usize; 2] {
        [0, 1].map(|axis| (((point[axis] - self.corner[axis]) / self.side).max(0.0) as usize).min(self.size[axis] - 1))
    }

    /// Distance from a point to the boundary.
    pub fn distance(&self, point: Point) -> f64 {
        let [x, y] = self.cell(point).map(|place| place as isize);
        let mut best = f64::INFINITY;
        // Whatever lies beyond ring r is farther than r cells from the point, or from its foot on the grid.
        for ring in 0..=self.size[0].max(self.size[1]) as isize {
            for row in y - ring..=y + ring {
                let whole = row == y - ring || row == y + ring;
                let step = if whole || ring == 0 { 1 } else { 2 * ring as usize };
                for column in (x - ring..=x + ring).step_by(step) {
                    best = best.min(self.within([column, row], point));
                }
            }
            if best <= ring as f64 * self.side {
                break;
            }
        }
        best
    }

    fn within(&self, [column, row]: [isize; 2], point: Point) -> f64 {
        if column < 0 || row < 0 || column >= self.size[0] as isize || row >= self.size[1] as isize {
            return f64::INFINITY;
        }
        let cell = row as usize * self.size[0] + column as usize;
        let held = &self.held[self.begins[cell] as usize..self.begins[cell + 1] as usize];
        held.iter().map(|&piece| to_piece(self.pieces[piece as usize].ends, point)).fold(f64::INFINITY, f64::min)
    }
}

/// Distance from a point to a straight piece.
fn to_piece([a, b]: [Point; 2], point: Point) -> f64 {
    let (along, from) = ([b[0] - a[0], b[1] - a[1]], [point[0] - a[0], point[1] - a[1]]);
    let square = along[0] * along[0] + along[1] * along[1];
    let share = if square > 0.0 { (from[0] * along[0] + from[1] * along[1]) / square } else { 0.0 };
    let share = share.clamp(0.0, 1.0);
    (from[0] - share * along[0]).hypot(from[1] - share * along[1])
}

/// Distances to the decision boundary, in the units of the inputs. NaN where the window has no boundary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Nearness {
    /// Of the midpoints of the regions' borders, weighted by their lengths, at [`SHARES`].
    pub borders: [f64; SHARES.len()],
    /// Of points spread evenly over the window, at [`SHARES`].
    pub even: [f64; SHARES.len()],
}

impl Partition {
    /// How near the borders of the regions lie to the decision boundary.
    pub fn nearness(&self, decision: &Decision, window: &Window) -> Nearness {
        let unknown = [f64::NAN; SHARES.len()];
        let Some(nearest) = Nearest::new(&decision.boundary) else {
            return Nearness { borders: unknown, even: unknown };
        };
        let edges: Vec<[Point; 2]> = self.edges().map(|edge| edge.ends).collect();
        let middle = |[a, b]: [Point; 2]| [0.5 * (a[0] + b[0]), 0.5 * (a[1] + b[1])];
        let borders =
            edges.par_iter().map(|&ends| (nearest.distance(middle(ends)), length(ends))).collect::<Vec<(f64, f64)>>();
        let even = even(window).into_par_iter().map(|point| (nearest.distance(point), 1.0)).collect();
        Nearness { borders: quantiles(borders), even: quantiles(even) }
    }
}

/// Midpoints of a regular grid over the window.
fn even(window: &Window) -> Vec<Point> {
    let range = |axis: usize| {
        let all = window.corners().iter().map(|corner| corner[axis]);
        all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)))
    };
    let ([x, y], n) = ([range(0), range(1)], EVEN as f64);
    let at = |(low, high): (f64, f64), place: usize| low + (high - low) * (place as f64 + 0.5) / n;
    let all = (0..EVEN * EVEN).map(|i| [at(x, i % EVEN), at(y, i / EVEN)]);
    all.filter(|&point| window.contains(point)).collect()
}

/// Least value up to which at least so large a share of the weight lies; of (value, weight).
pub(super) fn quantiles(mut values: Vec<(f64, f64)>) -> [f64; SHARES.len()] {
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: f64 = values.iter().map(|(_, weight)| weight).sum();
    SHARES.map(|share| {
        let mut sum = 0.0;
        let reached = values.iter().find(|(_, weight)| {
            sum += weight;
            sum >= share * total
        });
        reached.or(values.last()).map_or(f64::NAN, |(value, _)| *value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn piece() -> impl Strategy<Value = Boundary> {
        // Coarse coordinates: ties, points and axis-parallel pieces are common.
        let point = || [-8..9i8, -8..9i8].prop_map(|at| at.map(|x| f64::from(x) * 0.25));
        [point(), point()].prop_map(|ends| Boundary { ends, classes: [0, 1] })
    }

    proptest! {
        #[test]
        fn the_grid_finds_what_looking_at_all_finds(
            pieces in prop::collection::vec(piece(), 1..60),
            at in [-9.0..9.0f64, -9.0..9.0f64],
        ) {
            let all = pieces.iter().map(|piece| to_piece(piece.ends, at)).fold(f64::INFINITY, f64::min);
            let found = Nearest::new(&pieces).map(|nearest| nearest.distance(at));
            prop_assert_eq!(found, Some(all));
        }
    }

    #[test]
    fn distances_to_a_piece_are_to_its_line_or_its_ends() {
        let ends = [[0.0, 0.0], [4.0, 0.0]];
        assert_eq!(to_piece(ends, [1.0, 3.0]), 3.0);
        assert_eq!(to_piece(ends, [7.0, 4.0]), 5.0);
        assert_eq!(to_piece([[1.0, 1.0]; 2], [4.0, 5.0]), 5.0);
        assert!(Nearest::new(&[]).is_none());
    }

    #[test]
    fn quantiles_go_by_weight() {
        // Weight 8 at 1 and 1 at 2, 3 each: shares up to 0.8 are at 1.
        assert_eq!(quantiles(vec![(3.0, 1.0), (1.0, 8.0), (2.0, 1.0)]), [1.0, 1.0, 1.0, 1.0, 2.0]);
    }
}
