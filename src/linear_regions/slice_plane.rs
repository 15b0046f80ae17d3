//! The plane that is cut, its window, and the samples marked on it.

use std::path::Path;

use super::SliceError;
use super::partition::{Plane, Point, Window};
use super::weights::Tensors;
use crate::data::Samples;

/// What every frame of a series is cut from.
pub struct SlicePlane {
    /// The plane through input space.
    pub plane: Plane,
    /// The square that is cut, around the marks' centroid or the origin of the plane.
    pub window: Window,
    /// Half side of the window.
    pub half: f64,
    /// Points to mark, with what is written at them.
    pub marks: Vec<(Point, String)>,
    /// Indices of the samples in the training block, where the plane goes through samples.
    pub samples: Vec<usize>,
}

impl SlicePlane {
    /// Through three training samples.
    pub fn through_samples(train: &Samples, chosen: &[usize], reach: f64) -> Result<SlicePlane, SliceError> {
        let samples: [usize; 3] = match chosen {
            [] => apart(&train.y).ok_or_else(|| {
                SliceError::Samples("a plane goes through three samples; the training block has fewer".to_owned())
            })?,
            [i, j, k] => [*i, *j, *k],
            _ => return Err(SliceError::Samples("--samples takes three indices: --samples 0,1,2".to_owned())),
        };
        if let Some(index) = samples.iter().find(|index| **index >= train.len()) {
            return Err(SliceError::Samples(format!(
                "the training block has no sample {index}: its {} samples count from 0",
                train.len()
            )));
        }
        let inputs = train.x.len() / train.len();
        let points = samples.map(|index| {
            train.x[index * inputs..(index + 1) * inputs].iter().map(|&x| f64::from(x)).collect::<Vec<f64>>()
        });
        let labels = samples.map(|index| train.y[index].to_string());
        let mut plane = SlicePlane::through(&points, labels, reach)?;
        plane.samples = samples.to_vec();
        Ok(plane)
    }

    /// From a safetensors file: `points` `[3, inputs]`, or `origin` `[inputs]` and `directions` `[2, inputs]`.
    pub fn from_file(path: &Path, reach: f64) -> Result<SlicePlane, SliceError> {
        let tensors = Tensors::read(path)?;
        let refuse = || SliceError::File {
            path: path.to_owned(),
            what: "it holds no plane: a tensor `points` of shape [3, inputs] is expected, or `origin` [inputs] and \
                   `directions` [2, inputs]"
                .to_owned(),
        };
        if let Some((&[3, inputs], values)) = tensors.get("points") {
            let rows: Vec<Vec<f64>> = values.chunks(inputs.max(1)).map(<[f64]>::to_vec).collect();
            let points: [Vec<f64>; 3] = rows.try_into().map_err(|_| refuse())?;
            return SlicePlane::through(&points, ["a", "b", "c"].map(str::to_owned), reach);
        }
        let (Some((&[inputs], origin)), Some((&[2, along], directions))) =
            (tensors.get("origin"), tensors.get("directions"))
        else {
            return Err(refuse());
        };
        if inputs != along || inputs == 0 {
            return Err(refuse());
        }
        let (first, second) = directions.split_at(inputs);
        let plane = Plane::along(origin.to_vec(), first, second)?;
        let length = |direction: &[f64]| direction.iter().map(|x| x * x).sum::<f64>().sqrt();
        SlicePlane::around(plane, reach * length(first).max(length(second)), Vec::new())
    }

    fn through(points: &[Vec<f64>; 3], labels: [String; 3], reach: f64) -> Result<SlicePlane, SliceError> {
        let [a, b, c] = points;
        let plane = Plane::through([a, b, c])?;
        let marks: Vec<(Point, String)> = points.iter().map(|point| plane.coordinates(point)).zip(labels).collect();
        let farthest = marks.iter().map(|([u, v], _)| u.hypot(*v)).fold(0.0, f64::max);
        SlicePlane::around(plane, reach * farthest, marks)
    }

    fn around(plane: Plane, half: f64, marks: Vec<(Point, String)>) -> Result<SlicePlane, SliceError> {
        let window = Window::rectangle([0.0, 0.0], [half, half]).map_err(SliceError::Window)?;
        Ok(SlicePlane { plane, window, half, marks, samples: Vec::new() })
    }
}

/// The first three samples of different classes; where there are only two classes, two of the first one's; failing that,
/// the first three.
fn apart(labels: &[u16]) -> Option<[usize; 3]> {
    let mut chosen: Vec<usize> = Vec::new();
    for (index, label) in labels.iter().enumerate() {
        if chosen.len() < 3 && chosen.iter().all(|&other| labels[other] != *label) {
            chosen.push(index);
        }
    }
    for index in 0..labels.len() {
        if chosen.len() < 3 && !chosen.contains(&index) {
            chosen.push(index);
        }
    }
    chosen.sort_unstable();
    chosen.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn default_samples_are_of_different_classes_where_there_are_three() {
        assert_eq!(apart(&[7, 7, 1, 7, 1, 3, 0]), Some([0, 2, 5]));
        assert_eq!(apart(&[1, 1, 1, 0, 0]), Some([0, 1, 3]));
        assert_eq!(apart(&[1, 1, 1]), Some([0, 1, 2]));
        assert_eq!(apart(&[1, 0]), None);
    }

    #[test]
    fn the_window_reaches_past_the_samples() {
        let train =
            Samples { x: vec![0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 0.0, 3.0, 0.0, 1.0, 1.0, 1.0], y: vec![0, 1, 2, 2] };
        let plane = SlicePlane::through_samples(&train, &[0, 1, 2], 2.0).ok().unwrap();
        // The centroid (1, 1, 0) is √5 from two of the points.
        assert!((plane.half - 2.0 * 5f64.sqrt()).abs() < 1e-12);
        assert_eq!(plane.marks.iter().map(|mark| mark.1.as_str()).collect::<Vec<_>>(), ["0", "1", "2"]);
        assert!(plane.marks.iter().all(|mark| plane.window.contains(mark.0)));
        for wrong in [&[0, 1][..], &[0, 1, 4], &[0, 1, 1]] {
            assert!(SlicePlane::through_samples(&train, wrong, 2.0).is_err(), "{wrong:?}");
        }
    }
}
