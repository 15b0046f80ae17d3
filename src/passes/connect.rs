//! Which pixels of one image each pixel of another sums over, in a convolution or on the way back through it.
//!
//! Invariant: every pixel that a list names lies within its image.

use phasesweep_networks::Window;

/// The sums of the pixels of one image, the target, over those of another, the source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Connections {
    /// Where each target pixel's terms begin, and where the last ones end.
    starts: Vec<u32>,
    /// Tap of the kernel and source pixel of each term.
    terms: Vec<[u32; 2]>,
    /// Target pixels whose terms are a whole square window of the source, row by row, and the window's first pixel.
    pub(crate) whole: Vec<[u32; 2]>,
    /// All other target pixels.
    pub(crate) cut: Vec<u32>,
    /// Pixels in a row of the source.
    pub(crate) row: usize,
    /// Whether the taps of a whole window run backwards.
    pub(crate) flipped: bool,
}

impl Connections {
    /// One pixel that sums over one pixel: a dense layer.
    pub(crate) fn single() -> Connections {
        Connections::of(vec![vec![[0, 0]]], 1, 1, false)
    }

    /// Pixels of the target.
    pub(crate) fn pixels(&self) -> usize {
        self.starts.len() - 1
    }

    /// The terms of a target pixel: tap and source pixel.
    #[inline(always)]
    pub(crate) fn terms(&self, pixel: usize) -> &[[u32; 2]] {
        &self.terms[self.starts[pixel] as usize..self.starts[pixel + 1] as usize]
    }

    fn of(lists: Vec<Vec<[u32; 2]>>, taps: usize, row: usize, flipped: bool) -> Connections {
        let mut new = Connections { row, flipped, ..Connections::default() };
        new.starts.push(0);
        for (pixel, list) in lists.into_iter().enumerate() {
            match list.first() {
                // On the way back through strides windows have gaps; their lists are shorter.
                Some(first) if list.len() == taps => new.whole.push([pixel as u32, first[1]]),
                _ => new.cut.push(pixel as u32),
            }
            new.terms.extend(list);
            new.starts.push(new.terms.len() as u32);
        }
        new
    }
}

/// A convolution's connections forwards and backwards, and for each tap of the kernel the pairs of an output and an input
/// pixel that it connects. `image` and `out` are height and width of the input and of the output.
pub(crate) fn convolution(
    window: Window,
    image: [usize; 2],
    out: [usize; 2],
) -> (Connections, Connections, Vec<Vec<[u32; 2]>>) {
    let Window { kernel, stride, padding, .. } = window;
    let [height, width] = image;
    let mut forwards = vec![Vec::new(); out[0] * out[1]];
    let mut backwards = vec![Vec::new(); height * width];
    let mut pairs = vec![Vec::new(); kernel * kernel];
    for (row, column) in (0..out[0]).flat_map(|row| (0..out[1]).map(move |column| (row, column))) {
        let target = row * out[1] + column;
        for (i, j) in (0..kernel).flat_map(|i| (0..kernel).map(move |j| (i, j))) {
            let y = (row * stride + i).checked_sub(padding).filter(|&y| y < height);
            let x = (column * stride + j).checked_sub(padding).filter(|&x| x < width);
            let Some((y, x)) = y.zip(x) else { continue };
            let (source, tap) = (y * width + x, i * kernel + j);
            forwards[target].push([tap as u32, source as u32]);
            backwards[source].push([tap as u32, target as u32]);
            pairs[tap].push([target as u32, source as u32]);
        }
    }
    let taps = kernel * kernel;
    let back = Connections::of(backwards, if stride == 1 { taps } else { usize::MAX }, out[1], true);
    (Connections::of(forwards, taps, width, false), back, pairs)
}
