//! The series of class manifolds: which a file holds, and their values.
//!
//! With more than two classes there are two more, which stand for all of them: the mean radius over the classes and the mean
//! distance over the pairs of classes that the training block holds ([`mean_of_measured`]). What is true of the classes 0
//! and 1 need not be true of the others.

use ndarray::{Array4, ArrayD, Ix4, s};
use phasesweep_results::variables::{DISTANCE, RADIUS};

use crate::error::Result;
use crate::principal::mean_of_measured;
use crate::results::Results;
use crate::turning_point::Extremum;

/// A series of class manifolds: where its values come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manifold {
    /// The radius of the class at that place.
    Radius(usize),
    /// The distance of the pair of classes at that place.
    Distance(usize),
    /// The mean radius over all classes.
    MeanRadius,
    /// The mean distance over all pairs of classes.
    MeanDistance,
}

impl Manifold {
    /// Whether it is a radius, or a mean of radii.
    pub fn is_radius(self) -> bool {
        matches!(self, Manifold::Radius(_) | Manifold::MeanRadius)
    }

    /// Whether it stands for all classes.
    pub fn is_mean(self) -> bool {
        matches!(self, Manifold::MeanRadius | Manifold::MeanDistance)
    }

    /// Which way it turns.
    pub fn extremum(self) -> Extremum {
        if self.is_radius() { Extremum::Minimum } else { Extremum::Maximum }
    }

    /// Its values along the epochs, at a layer of the cell at a place of the slabs of `radius` and `distance`; `None` if
    /// the file lacks the variable.
    pub fn values(self, slabs: &Manifolds, place: usize, layer: usize) -> Option<Vec<f32>> {
        let all = |slab: &Option<Array4<f32>>| -> Option<Vec<Vec<f32>>> {
            let of_layer = slab.as_ref()?.slice(s![place, layer, .., ..]).to_owned();
            Some(of_layer.rows().into_iter().map(|row| row.to_vec()).collect())
        };
        let one = |slab: &Option<Array4<f32>>, at: usize| Some(slab.as_ref()?.slice(s![place, layer, at, ..]).to_vec());
        let mean = |rows: Vec<Vec<f32>>| mean_of_measured(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
        match self {
            Manifold::Radius(class) => one(&slabs.radius, class),
            Manifold::Distance(pair) => one(&slabs.distance, pair),
            Manifold::MeanRadius => all(&slabs.radius).map(mean),
            Manifold::MeanDistance => all(&slabs.distance).map(mean),
        }
    }
}

/// Radii and distances of some cells, `[cell, layer, class or pair, epoch]`.
#[derive(Debug)]
pub struct Manifolds {
    radius: Option<Array4<f32>>,
    distance: Option<Array4<f32>>,
}

impl Manifolds {
    /// Reads those of some cells.
    pub fn read(results: &Results, cells: std::ops::Range<usize>) -> Result<Manifolds> {
        let whole = |slab: Option<ArrayD<f32>>| slab.and_then(|a| a.into_dimensionality::<Ix4>().ok());
        Ok(Manifolds {
            radius: whole(results.slab(RADIUS.name, cells.clone())?),
            distance: whole(results.slab(DISTANCE.name, cells)?),
        })
    }
}

/// Names of the observables that a file holds, and where the values of each come from.
pub fn observables(results: &Results) -> Vec<(String, Manifold)> {
    let many = results.classes.len() > 2;
    let radii = results.classes.iter().filter(|_| results.has(RADIUS.name)).enumerate();
    let pairs = results.pairs.iter().filter(|_| results.has(DISTANCE.name)).enumerate();
    let distance = |pair: &String| match results.pairs.len() {
        1 => "distance".to_owned(),
        _ => format!("distance_{}", pair.replace('-', "_")),
    };
    let mut out: Vec<(String, Manifold)> =
        radii.map(|(place, class)| (format!("radius_{class}"), Manifold::Radius(place))).collect();
    out.extend(pairs.map(|(place, pair)| (distance(pair), Manifold::Distance(place))));
    for (variable, mean) in [("radius", Manifold::MeanRadius), ("distance", Manifold::MeanDistance)] {
        if many && results.has(variable) {
            out.push((format!("{variable}_mean"), mean));
        }
    }
    out
}
