//! The sparse product: one row of C at a time, `C = start + Σ_j A[j] · B[row(j)]` over listed rows of B.
//!
//! A row takes up to [`Lane::SUMS`] vectors at once, so that its own non-zeros are all it pays for: where samples come in
//! every order, no two of them need to share their inputs. The sum over j runs in order, one fused multiply-add after
//! the other, as in the dense product: leaving zeros out changes no bit.

use super::lane::Lane;
use super::product::{FROM, ONTO, Picked};

/// Panels side by side in memory, all of the same number of vectors.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Strip {
    /// Panels.
    pub(crate) panels: usize,
    /// Vectors of a panel.
    pub(crate) vectors: usize,
    /// Distance between rows of B.
    pub(crate) b_row: usize,
    /// Distance between panels of B.
    pub(crate) b_panel: usize,
    /// Distance between panels of C.
    pub(crate) c_panel: usize,
}

impl Strip {
    /// Panels that a product of `V` takes at once, at most.
    #[inline(always)]
    fn at_once<V: Lane>(vectors: usize) -> usize {
        (V::SUMS / vectors).clamp(1, 6)
    }

    /// Panels to take at once of so many, in shares as equal as may be.
    #[inline(always)]
    pub(crate) fn share<V: Lane>(vectors: usize, panels: usize) -> usize {
        panels.div_ceil(panels.div_ceil(Strip::at_once::<V>(vectors)))
    }
}

/// Computes one row of C. The sum starts from `start` where the mode is [`FROM`], from C itself where it is [`ONTO`],
/// and from zero otherwise; `start` lies as C does.
///
/// # Panics
/// If an operand is too short for what is asked, or there are more panels than [`Strip::at_once`].
#[inline(always)]
pub(crate) fn gather<V: Lane, const NV: usize, const MODE: u8>(
    strip: Strip,
    a: &[f32],
    rows: Picked<'_>,
    b: &[f32],
    c: &mut [f32],
    start: &[f32],
) {
    let Strip { panels, vectors, b_row, b_panel, c_panel } = strip;
    let (list, below) = rows.parts();
    let width = vectors * V::LEN;
    assert!((1..=NV).contains(&vectors) && (1..=Strip::at_once::<V>(vectors)).contains(&panels));
    assert!(a.len() == list.len() && c.len() >= (panels - 1) * c_panel + width);
    assert!(MODE != FROM || start.len() >= (panels - 1) * c_panel + width);
    assert!(list.is_empty() || b.len() >= (below - 1) * b_row + (panels - 1) * b_panel + width);
    macro_rules! go {
        ($n:literal, $p:literal) => {
            // SAFETY: the extents were checked above; every listed row is below `below`.
            unsafe { row::<V, $n, $p, MODE>(strip, a, list, b.as_ptr(), c.as_mut_ptr(), start.as_ptr()) }
        };
    }
    macro_rules! panels {
        ($n:literal) => {
            // Conditions on constants first: what a vector has no room for is not compiled.
            if V::SUMS >= 6 * $n && panels == 6 {
                go!($n, 6)
            } else if V::SUMS >= 5 * $n && panels == 5 {
                go!($n, 5)
            } else if V::SUMS >= 4 * $n && panels == 4 {
                go!($n, 4)
            } else if V::SUMS >= 3 * $n && panels == 3 {
                go!($n, 3)
            } else if V::SUMS >= 2 * $n && panels == 2 {
                go!($n, 2)
            } else {
                go!($n, 1)
            }
        };
    }
    if NV >= 5 && vectors == 5 {
        panels!(5)
    } else if NV >= 4 && vectors == 4 {
        panels!(4)
    } else if NV >= 3 && vectors == 3 {
        panels!(3)
    } else if NV >= 2 && vectors == 2 {
        panels!(2)
    } else {
        panels!(1)
    }
}

/// # Safety
/// The operands must reach as far as [`gather`] asserts, with `NV` vectors and `P` panels.
#[inline(always)]
unsafe fn row<V: Lane, const NV: usize, const P: usize, const MODE: u8>(
    strip: Strip,
    a: &[f32],
    list: &[u16],
    b: *const f32,
    c: *mut f32,
    start: *const f32,
) {
    let mut sum = [[V::splat(0.0); NV]; P];
    // SAFETY: every offset below stays within the extents that the caller vouches for.
    unsafe {
        if MODE == FROM || MODE == ONTO {
            let from = if MODE == FROM { start } else { c.cast_const() };
            for (p, panel) in sum.iter_mut().enumerate() {
                for (v, sum) in panel.iter_mut().enumerate() {
                    *sum = V::load_at(from.add(p * strip.c_panel + v * V::LEN));
                }
            }
        }
        for (factor, &row) in a.iter().zip(list) {
            let factor = V::splat(*factor);
            let from = b.add(usize::from(row) * strip.b_row);
            for (p, panel) in sum.iter_mut().enumerate() {
                for (v, sum) in panel.iter_mut().enumerate() {
                    *sum = factor.fma(V::load_at(from.add(p * strip.b_panel + v * V::LEN)), *sum);
                }
            }
        }
        for (p, panel) in sum.iter().enumerate() {
            for (v, sum) in panel.iter().enumerate() {
                sum.store_at(c.add(p * strip.c_panel + v * V::LEN));
            }
        }
    }
}
