//! The stragglers themselves: grids of images, where the results file holds the block's images.

use super::frequency::Frequency;
use crate::error::Result;
use crate::pictures::{base64, png};
use crate::results::Results;

/// Images of a class shown at most.
const MOST: usize = 24;
/// Images side by side.
const COLUMNS: usize = 12;

/// The most stable stragglers of one class.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Grid {
    /// Class.
    pub class: i64,
    /// What is seen.
    pub caption: String,
    /// `data:` address of the PNG.
    pub address: String,
    /// Width on the page in pixels.
    pub width: usize,
}

/// One grid per class. Empty where the file holds no images, or cells of more than one block (which of them the images
/// belong to would be a guess).
pub fn grids(results: &Results, frequencies: &[Frequency]) -> Result<Vec<Grid>> {
    let mut everywhere = frequencies.iter().filter(|frequency| frequency.axis == "all");
    let (Some(block), None) = (everywhere.next(), everywhere.next()) else { return Ok(Vec::new()) };
    let (Some(images), Some(labels)) = (results.block_images()?, results.block_labels()?) else {
        return Ok(Vec::new());
    };
    let [count, height, width] = images.shape()[..] else { return Ok(Vec::new()) };
    if labels.len() != count || height == 0 || width == 0 {
        return Ok(Vec::new());
    }
    let mut classes: Vec<i64> = labels.clone();
    classes.sort_unstable();
    classes.dedup();
    let counts: Vec<(usize, usize)> =
        block.counts.iter().map(|&(sample, cells)| (sample as usize, cells as usize)).collect();
    let mut out = Vec::new();
    for class in classes {
        let mut mine: Vec<(usize, usize)> =
            counts.iter().copied().filter(|(sample, _)| labels.get(*sample) == Some(&class)).collect();
        mine.sort_by_key(|&(sample, cells)| (std::cmp::Reverse(cells), sample));
        mine.truncate(MOST);
        let (Some(first), Some(last)) = (mine.first(), mine.last()) else { continue };
        let share = |cells: usize| 100.0 * cells as f64 / block.cells as f64;
        let caption = format!(
            "Class {class}: the {} samples that are stragglers most often, in {:.0}% to {:.0}% of {} cells.",
            mine.len(),
            share(first.1),
            share(last.1),
            block.cells
        );
        let (columns, rows) = (COLUMNS.min(mine.len()), mine.len().div_ceil(COLUMNS));
        let gap = width.div_ceil(14);
        let (across, down) = (columns * (width + gap) - gap, rows * (height + gap) - gap);
        let mut pixels = vec![128; across * down];
        for (place, (sample, _)) in mine.iter().enumerate() {
            let (left, top) = ((place % COLUMNS) * (width + gap), (place / COLUMNS) * (height + gap));
            for row in 0..height {
                for column in 0..width {
                    pixels[(top + row) * across + left + column] = images[[*sample, row, column]];
                }
            }
        }
        // Small digits are shown at a size that an eye can read.
        let zoom = (56 / width.max(height)).max(1);
        let address = format!("data:image/png;base64,{}", base64(&png(&pixels, across, down)));
        out.push(Grid { class, caption, address, width: across * zoom });
    }
    Ok(out)
}
