//! A series of frames in numbers: what `slice.csv` and `slice.json` hold. What is not known is empty or null.

use serde::Serialize;

use super::partition::{SHARES, Summary};
use super::weights::Weights;

/// Frames of one network along training, all on one window.
pub struct Frames {
    /// The cell, where a run's weights were cut.
    pub cell: Option<String>,
    /// Training samples that the plane goes through.
    pub samples: Vec<usize>,
    /// Half side of the window.
    pub half: f64,
    /// The frames, in the order of training.
    pub frames: Vec<Frame>,
}

/// One frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Name of its picture.
    pub file: String,
    /// What is written above it.
    pub title: String,
    /// Epoch of the weights, where their file says it.
    pub epoch: Option<u64>,
    /// Optimiser steps that were taken by then, where the file says it.
    pub step: Option<f64>,
    /// Training error of the cell at that epoch, where it was recorded.
    pub train_error: Option<f64>,
    /// Test error likewise.
    pub test_error: Option<f64>,
    /// Numbers of the partition.
    pub summary: Summary,
}

impl Frame {
    /// The frame of a network, and what was recorded of its cell; errors that are not finite are unknown.
    pub fn new(read: &Weights, summary: Summary, train_error: Option<f64>, test_error: Option<f64>) -> Frame {
        let stem = read.file.file_stem().map_or_else(|| "frame".into(), |stem| stem.to_string_lossy().into_owned());
        Frame {
            file: format!("{stem}.svg"),
            title: read.title(),
            epoch: read.epoch,
            step: read.step,
            train_error: train_error.filter(|error| error.is_finite()),
            test_error: test_error.filter(|error| error.is_finite()),
            summary,
        }
    }

    /// The line under the title.
    pub fn caption(&self) -> String {
        let regions = self.summary.regions;
        let error =
            |name: &str, error: Option<f64>| error.map_or_else(String::new, |e| format!(", {name} error {e:.3}"));
        format!("{regions} regions{}{}", error("training", self.train_error), error("test", self.test_error))
    }

    /// How much nearer to the decision boundary the borders lie than evenly spread points do: the ratio of the medians.
    pub fn gathering(&self) -> Option<f64> {
        let nearness = &self.summary.nearness;
        Some(nearness.borders[MEDIAN] / nearness.even[MEDIAN]).filter(|ratio| ratio.is_finite())
    }
}

/// Place of the median in [`SHARES`].
const MEDIAN: usize = SHARES.len() / 2;

/// `slice.json`.
#[derive(Serialize)]
struct Document<'a> {
    format: &'static str,
    cell: Option<&'a str>,
    samples: &'a [usize],
    half_side: f64,
    shares: [f64; SHARES.len()],
    frames: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    file: &'a str,
    title: &'a str,
    epoch: Option<u64>,
    step: Option<f64>,
    train_error: Option<f64>,
    test_error: Option<f64>,
    regions: usize,
    regions_up_to_layer: &'a [usize],
    area_of_region: [Option<f64>; SHARES.len()],
    border_length: f64,
    boundary_length: f64,
    class_areas: &'a [f64],
    border_distance: [Option<f64>; SHARES.len()],
    even_distance: [Option<f64>; SHARES.len()],
}

impl<'a> Entry<'a> {
    fn of(frame: &'a Frame) -> Entry<'a> {
        let Frame { summary, .. } = frame;
        Entry {
            file: &frame.file,
            title: &frame.title,
            epoch: frame.epoch,
            step: frame.step,
            train_error: frame.train_error,
            test_error: frame.test_error,
            regions: summary.regions,
            regions_up_to_layer: &summary.growth,
            area_of_region: known(summary.areas),
            border_length: summary.border,
            boundary_length: summary.boundary,
            class_areas: &summary.classes,
            border_distance: known(summary.nearness.borders),
            even_distance: known(summary.nearness.even),
        }
    }
}

fn known(values: [f64; SHARES.len()]) -> [Option<f64>; SHARES.len()] {
    values.map(|value| Some(value).filter(|value| value.is_finite()))
}

impl Frames {
    /// The series as JSON.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        let document = Document {
            format: phasesweep_results::slice::FORMAT,
            cell: self.cell.as_deref(),
            samples: &self.samples,
            half_side: self.half,
            shares: SHARES,
            frames: self.frames.iter().map(Entry::of).collect(),
        };
        serde_json::to_string_pretty(&document)
    }

    /// The series as CSV, a row for each frame.
    pub fn csv(&self) -> String {
        let layers = self.frames.iter().map(|frame| frame.summary.growth.len()).max().unwrap_or(0);
        let percent = |name: &str| SHARES.map(|share| format!("{name}_{:.0}", 100.0 * share)).join(",");
        let up_to: String = (1..=layers).map(|layer| format!(",regions_up_to_layer_{layer}")).collect();
        let mut out = format!(
            "title,epoch,step,train_error,test_error,regions{up_to},{},border_length,boundary_length,{},{}\n",
            percent("area_of_region"),
            percent("border_distance"),
            percent("even_distance")
        );
        for frame in &self.frames {
            let Summary { growth, areas, border, boundary, nearness, .. } = &frame.summary;
            let number = |value: f64| if value.is_finite() { value.to_string() } else { String::new() };
            let several = |values: [f64; SHARES.len()]| values.map(number).join(",");
            let maybe = |value: Option<f64>| value.map_or_else(String::new, number);
            let grown: String = (0..layers)
                .map(|layer| format!(",{}", growth.get(layer).map_or_else(String::new, usize::to_string)))
                .collect();
            out += &format!(
                "\"{}\",{},{},{},{},{}{grown},{},{border},{boundary},{},{}\n",
                frame.title.replace('"', "\"\""),
                frame.epoch.map_or_else(String::new, |epoch| epoch.to_string()),
                maybe(frame.step),
                maybe(frame.train_error),
                maybe(frame.test_error),
                frame.summary.regions,
                several(*areas),
                several(nearness.borders),
                several(nearness.even)
            );
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::super::partition::Nearness;
    use super::*;

    fn frame(step: Option<f64>, distance: f64) -> Frame {
        Frame {
            file: "a.svg".into(),
            title: "epoch 3".into(),
            epoch: Some(3),
            step,
            train_error: None,
            test_error: Some(0.25),
            summary: Summary {
                regions: 12,
                growth: vec![7, 12],
                areas: [0.5; 5],
                border: 3.0,
                boundary: 0.0,
                classes: vec![4.0, 0.0],
                nearness: Nearness { borders: [distance; 5], even: [2.0 * distance; 5] },
            },
        }
    }

    #[test]
    fn what_is_not_known_is_empty_and_null_never_zero() {
        let frames = vec![frame(Some(15.0), 1.5), frame(None, f64::NAN)];
        assert_eq!((frames[0].gathering(), frames[1].gathering()), (Some(0.5), None));
        let series = Frames { cell: None, samples: vec![], half: 1.0, frames };
        let csv = series.csv();
        let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.rsplit(',').collect()).collect();
        assert!(rows.iter().all(|row| row.len() == rows[1].len()), "{csv}");
        // From the right: five even distances, five of borders.
        assert_eq!((rows[1][0], rows[1][9], rows[2][0], rows[2][9]), ("3", "1.5", "", ""));
        let json: serde_json::Value = serde_json::from_str(&series.json().ok().unwrap()).unwrap();
        assert_eq!(json["frames"][0]["step"], 15.0);
        assert!(json["frames"][1]["step"].is_null() && json["frames"][1]["border_distance"][0].is_null());
        assert!(json["frames"][0]["train_error"].is_null() && json["cell"].is_null());
    }
}
