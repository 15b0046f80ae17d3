//! Two-dimensional slices of input space: a plane with orthonormal directions and a convex window in it.

use super::error::PartitionError;

/// A point of the slice: coordinates (u, v), in the units of the inputs.
pub type Point = [f64; 2];

/// Sine of the least angle between two directions that span a plane.
const LEAST_SINE: f64 = 1e-9;

/// A plane: origin + u·e₁ + v·e₂ with orthonormal e₁ and e₂.
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    origin: Vec<f64>,
    directions: [Vec<f64>; 2],
}

impl Plane {
    /// The plane at `origin` along two directions, which are made orthonormal (Gram–Schmidt): e₁ along the first.
    ///
    /// # Errors
    /// [`PartitionError::Plane`] if the lengths differ, a number is not finite, or the directions are parallel.
    pub fn along(origin: Vec<f64>, first: &[f64], second: &[f64]) -> Result<Plane, PartitionError> {
        if first.len() != origin.len() || second.len() != origin.len() {
            let lengths = format!("{}, {} and {} coordinates", origin.len(), first.len(), second.len());
            return Err(PartitionError::Plane(format!("its origin and directions have {lengths}")));
        }
        if !origin.iter().chain(first).chain(second).all(|number| number.is_finite()) {
            return Err(PartitionError::Plane("a coordinate is not finite".to_owned()));
        }
        let parallel = || PartitionError::Plane("its points lie on one line: choose other samples".to_owned());
        let unit = |direction: Vec<f64>, least: f64| {
            let length = dot(&direction, &direction).sqrt();
            let long_enough = length > least;
            long_enough.then(|| direction.iter().map(|x| x / length).collect::<Vec<f64>>()).ok_or_else(parallel)
        };
        let without = |direction: &[f64], axis: &[f64]| {
            let along = dot(direction, axis);
            direction.iter().zip(axis).map(|(x, e)| x - along * e).collect::<Vec<f64>>()
        };
        let one = unit(first.to_vec(), 0.0)?;
        let length = dot(second, second).sqrt();
        // Twice is enough: after the second pass only rounding of the unit vectors is left.
        let two = unit(without(second, &one), LEAST_SINE * length)?;
        let two = unit(without(&two, &one), 0.5)?;
        Ok(Plane { origin, directions: [one, two] })
    }

    /// The plane through three points: the origin is their centroid, e₁ points from the first to the second.
    ///
    /// # Errors
    /// As [`Plane::along`].
    pub fn through(points: [&[f64]; 3]) -> Result<Plane, PartitionError> {
        let [a, b, c] = points;
        if a.len() != b.len() || a.len() != c.len() {
            let lengths = format!("{}, {} and {} coordinates", a.len(), b.len(), c.len());
            return Err(PartitionError::Plane(format!("its three points have {lengths}")));
        }
        let centroid = (0..a.len()).map(|i| (a[i] + b[i] + c[i]) / 3.0).collect();
        let from_a = |to: &[f64]| to.iter().zip(a).map(|(x, a)| x - a).collect::<Vec<f64>>();
        Plane::along(centroid, &from_a(b), &from_a(c))
    }

    /// Dimension of the space that the plane lies in.
    pub fn dimension(&self) -> usize {
        self.origin.len()
    }

    /// The origin.
    pub fn origin(&self) -> &[f64] {
        &self.origin
    }

    /// e₁ and e₂.
    pub fn directions(&self) -> &[Vec<f64>; 2] {
        &self.directions
    }

    /// The point of input space at (u, v).
    pub fn at(&self, [u, v]: Point) -> Vec<f64> {
        let [one, two] = &self.directions;
        self.origin.iter().zip(one.iter().zip(two)).map(|(o, (a, b))| o + u * a + v * b).collect()
    }

    /// Coordinates of a point's foot on the plane.
    pub fn coordinates(&self, x: &[f64]) -> Point {
        let from_origin: Vec<f64> = x.iter().zip(&self.origin).map(|(x, o)| x - o).collect();
        [dot(&from_origin, &self.directions[0]), dot(&from_origin, &self.directions[1])]
    }
}

/// The part of a plane that is cut up: a convex polygon, counter-clockwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    corners: Vec<Point>,
}

impl Window {
    /// A convex polygon by its corners, counter-clockwise.
    ///
    /// # Errors
    /// [`PartitionError::Window`] with fewer than three corners, or if they do not turn left all the way round once.
    pub fn polygon(corners: Vec<Point>) -> Result<Window, PartitionError> {
        let refuse = |what: &str| Err(PartitionError::Window(what.to_owned()));
        if corners.len() < 3 {
            return refuse("it has fewer than three corners");
        }
        if !corners.iter().flatten().all(|number| number.is_finite()) {
            return refuse("a corner is not finite");
        }
        let n = corners.len();
        let turn = |i: usize| {
            let [a, b, c] = [corners[i], corners[(i + 1) % n], corners[(i + 2) % n]];
            let (p, q) = ([b[0] - a[0], b[1] - a[1]], [c[0] - b[0], c[1] - b[1]]);
            (p[0] * q[1] - p[1] * q[0]).atan2(p[0] * q[0] + p[1] * q[1])
        };
        let turns: Vec<f64> = (0..n).map(turn).collect();
        let once = (turns.iter().sum::<f64>() - std::f64::consts::TAU).abs() < 1e-6;
        if turns.iter().any(|&angle| angle <= 0.0) || !once {
            return refuse("its corners do not make a convex polygon, counter-clockwise");
        }
        Ok(Window { corners })
    }

    /// The rectangle of the given half sides around a point.
    ///
    /// # Errors
    /// [`PartitionError::Window`] if a half side is not positive and finite.
    pub fn rectangle(centre: Point, half: [f64; 2]) -> Result<Window, PartitionError> {
        if half.iter().any(|side| !side.is_finite() || *side <= 0.0) {
            return Err(PartitionError::Window(format!("its half sides are {} and {}", half[0], half[1])));
        }
        let ([x, y], [w, h]) = (centre, half);
        Window::polygon(vec![[x - w, y - h], [x + w, y - h], [x + w, y + h], [x - w, y + h]])
    }

    /// The points at most `radius` from a point by the sum of both coordinates' distances: the cross-polytope of two
    /// directions.
    ///
    /// # Errors
    /// [`PartitionError::Window`] if the radius is not positive and finite.
    pub fn diamond([x, y]: Point, radius: f64) -> Result<Window, PartitionError> {
        if !radius.is_finite() || radius <= 0.0 {
            return Err(PartitionError::Window(format!("its radius is {radius}")));
        }
        Window::polygon(vec![[x + radius, y], [x, y + radius], [x - radius, y], [x, y - radius]])
    }

    /// Corners, counter-clockwise.
    pub fn corners(&self) -> &[Point] {
        &self.corners
    }

    /// Area.
    pub fn area(&self) -> f64 {
        let mut ring = self.corners.clone();
        ring.push(self.corners[0]);
        area(&ring)
    }

    /// Whether a point lies inside or on the border.
    pub fn contains(&self, [x, y]: Point) -> bool {
        let next = self.corners.iter().cycle().skip(1);
        self.corners.iter().zip(next).all(|(a, b)| (b[0] - a[0]) * (y - a[1]) >= (b[1] - a[1]) * (x - a[0]))
    }
}

/// Σ a·b over the shorter one.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Signed area of a closed ring of points, the first one repeated at the end: positive counter-clockwise (the shoelace
/// formula about the first point, so that a small polygon far from the origin keeps its digits).
pub fn area(ring: &[Point]) -> f64 {
    let Some(&[x, y]) = ring.first() else { return 0.0 };
    let cross = |pair: &[Point]| (pair[0][0] - x) * (pair[1][1] - y) - (pair[0][1] - y) * (pair[1][0] - x);
    0.5 * ring.windows(2).map(cross).sum::<f64>()
}
