//! Pictures of the exact partition at the phases, where `phasesweep slice` has left some in the run directory
//! (`slices/<cell>/slice.json` and a drawing for each frame). Where it has not, there are none.

use std::path::Path;

use phasesweep_results::slice;
use serde::Deserialize;

use super::search::Complexity;
use crate::pictures::base64;
use crate::results::Results;

/// Cells whose pictures are shown at most.
const MOST_CELLS: usize = 3;

/// Pictures of one cell.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Strip {
    /// What is seen.
    pub caption: String,
    /// Addresses (`data:`) of the drawings, each with the phase that it stands for.
    pub frames: Vec<(String, String)>,
}

#[derive(Deserialize)]
struct Series {
    format: String,
    frames: Vec<Frame>,
}

#[derive(Deserialize)]
struct Frame {
    file: String,
    step: Option<f64>,
    regions: u64,
}

/// Strips of the cells that have pictures: the frames nearest, on a logarithmic axis of steps, to the start, the trough,
/// the beginning of the final descent, and the end.
pub fn strips(results: &Results, complexity: &Complexity) -> Vec<Strip> {
    let folder = results.path().parent().unwrap_or(Path::new("")).join(slice::FOLDER);
    let mut out = Vec::new();
    for row in complexity.principal_rows() {
        if out.len() == MOST_CELLS {
            break;
        }
        let id = &results.cells.id[row.cell];
        let here = folder.join(id);
        let Ok(text) = std::fs::read_to_string(here.join(slice::FILE)) else { continue };
        let Ok(series) = serde_json::from_str::<Series>(&text) else { continue };
        if series.format != slice::FORMAT {
            continue;
        }
        let mut chosen: Vec<(usize, &str)> = Vec::new();
        let last = series.frames.iter().filter_map(|frame| frame.step).fold(f64::NAN, f64::max);
        for (step, name) in [
            (0.0, "start"),
            (row.trough.step, "end of the descent"),
            (row.falls_from.step, "start of the final descent"),
            (last, "end"),
        ] {
            if let Some(place) = nearest(&series.frames, step).filter(|place| chosen.iter().all(|(of, _)| of != place))
            {
                chosen.push((place, name));
            }
        }
        let picture = |&(place, name): &(usize, &str)| {
            let frame = &series.frames[place];
            // Only names of files beside it: a path would lead out of the folder.
            let name_only = Path::new(&frame.file).file_name()?;
            let drawing = std::fs::read(here.join(name_only)).ok()?;
            Some((format!("data:image/svg+xml;base64,{}", base64(&drawing)), name.to_owned()))
        };
        let frames: Vec<(String, String)> = chosen.iter().filter_map(picture).collect();
        let regions: Vec<String> = chosen.iter().map(|(place, _)| series.frames[*place].regions.to_string()).collect();
        if !frames.is_empty() {
            let seed = results.cells.seed[row.cell];
            let caption = format!(
                "Linear regions of cell {id} (seed {seed}) on a plane, exactly, at the kept weights nearest to: {}. {} regions. \
                 Red: the decision boundary.",
                chosen.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", "),
                regions.join(", ")
            );
            out.push(Strip { caption, frames });
        }
    }
    out
}

/// The frame nearest to a step; `None` if either is not known.
fn nearest(frames: &[Frame], step: f64) -> Option<usize> {
    let distance = |of: f64| ((1.0 + of).ln() - (1.0 + step).ln()).abs();
    let known = frames.iter().enumerate().filter_map(|(place, frame)| Some((place, distance(frame.step?))));
    known.filter(|(_, distance)| distance.is_finite()).min_by(|a, b| a.1.total_cmp(&b.1)).map(|(place, _)| place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_frame_is_so_by_the_logarithm() {
        let frame = |step: Option<f64>| Frame { file: "a.svg".into(), step, regions: 1 };
        let frames = [Some(0.0), None, Some(10.0), Some(1000.0)].map(frame);
        assert_eq!(nearest(&frames, 0.0), Some(0));
        // √(11 · 1001) ≈ 105 lies in the middle.
        assert_eq!(nearest(&frames, 90.0), Some(2));
        assert_eq!(nearest(&frames, 120.0), Some(3));
        assert_eq!(nearest(&frames, f64::NAN), None);
    }
}
