//! The sparse products: one row of C at a time, `C = start + Σ_j A[j] · B[row(j)]` over listed rows of B ([`gather`]), and the
//! way back, `B[row(j)] += A[j] · C` ([`scatter`]).
//!
//! A row takes up to [`Lane::SUMS`] vectors at once, so that its own non-zeros are all it pays for: where samples come in
//! every order, no two of them need to share their inputs. The sum over j runs in order, one fused multiply-add after
//! the other, as in the dense product: leaving zeros out changes no bit.

use super::lane::Lane;
use super::product::{FROM, ONTO, Picked};

/// Panels of one number of vectors, side by side in memory.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Side {
    /// Panels.
    pub(crate) panels: usize,
    /// Distance between rows of B.
    pub(crate) b_row: usize,
    /// Distance between panels of B.
    pub(crate) b_panel: usize,
    /// Distance between panels of C.
    pub(crate) c_panel: usize,
}

/// Panels that a product takes at once: some of `vectors` vectors, and behind them some of one vector less.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Strip {
    /// Vectors of a wide panel.
    pub(crate) vectors: usize,
    /// The wide ones, one at least.
    pub(crate) wide: Side,
    /// The narrow ones, if any.
    pub(crate) narrow: Side,
    /// Where the narrow ones begin in B.
    pub(crate) b_narrow: usize,
    /// Where they begin in C.
    pub(crate) c_narrow: usize,
}

/// Calls a macro for every mixture of panels that is compiled: vectors of a wide panel, number of wide panels, vectors of a
/// narrow panel, number of narrow ones. They are the mixtures that layers of 7 to 19 vectors are laid out in.
macro_rules! mixtures {
    ($each:ident) => {
        $each!(4, 1, 3, 1);
        $each!(5, 1, 4, 1);
        $each!(4, 2, 3, 1);
        $each!(5, 1, 4, 2);
        $each!(5, 2, 4, 1);
        $each!(5, 1, 4, 3);
        $each!(5, 2, 4, 2);
        $each!(5, 3, 4, 1);
    };
}

/// Calls a macro with the numbers of a strip's panels, which are constants to it.
///
/// # Panics
/// If there are more panels than [`Strip::at_once`] or another mixture than [`Strip::mixes`].
macro_rules! each_shape {
    ($v:ty, $nv:expr, $strip:expr, $go:ident) => {{
        let Strip { vectors, wide: Side { panels, .. }, narrow: Side { panels: narrower, .. }, .. } = $strip;
        assert!((1..=$nv).contains(&vectors) && (1..=Strip::at_once::<$v>(vectors)).contains(&panels));
        if narrower > 0 {
            macro_rules! mixed {
                ($n:literal, $p:literal, $m:literal, $q:literal) => {
                    // Conditions on constants first: what a vector has no room for is not compiled.
                    if $nv >= $n && <$v>::SUMS >= $n * $p + $m * $q && (vectors, panels, narrower) == ($n, $p, $q) {
                        return $go!($n, $p, $m, $q);
                    }
                };
            }
            mixtures!(mixed);
            panic!("{panels} panels of {vectors} vectors are not taken with {narrower} narrower ones");
        }
        macro_rules! panels {
            ($n:literal) => {
                if <$v>::SUMS >= 6 * $n && panels == 6 {
                    $go!($n, 6, 1, 0)
                } else if <$v>::SUMS >= 5 * $n && panels == 5 {
                    $go!($n, 5, 1, 0)
                } else if <$v>::SUMS >= 4 * $n && panels == 4 {
                    $go!($n, 4, 1, 0)
                } else if <$v>::SUMS >= 3 * $n && panels == 3 {
                    $go!($n, 3, 1, 0)
                } else if <$v>::SUMS >= 2 * $n && panels == 2 {
                    $go!($n, 2, 1, 0)
                } else {
                    $go!($n, 1, 1, 0)
                }
            };
        }
        if $nv >= 5 && vectors == 5 {
            panels!(5)
        } else if $nv >= 4 && vectors == 4 {
            panels!(4)
        } else if $nv >= 3 && vectors == 3 {
            panels!(3)
        } else if $nv >= 2 && vectors == 2 {
            panels!(2)
        } else {
            panels!(1)
        }
    }};
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

    /// Whether a product of `V` takes so many wide and narrow panels at once.
    #[inline(always)]
    pub(crate) fn mixes<V: Lane, const NV: usize>(vectors: usize, wide: usize, narrow: usize) -> bool {
        let mut known = false;
        macro_rules! is {
            ($n:literal, $p:literal, $m:literal, $q:literal) => {
                known |= NV >= $n && V::SUMS >= $n * $p + $m * $q && (vectors, wide, narrow) == ($n, $p, $q);
            };
        }
        mixtures!(is);
        known
    }

    /// Numbers that B must have, if its rows are below that, and C.
    #[inline(always)]
    fn extents<V: Lane>(&self, below: usize) -> [usize; 2] {
        let side = |side: Side, vectors: usize, at: [usize; 2]| {
            let (last, width) = (side.panels.wrapping_sub(1), vectors * V::LEN);
            match side.panels {
                0 => [0, 0],
                _ => [
                    at[0] + below.saturating_sub(1) * side.b_row + last * side.b_panel + width,
                    at[1] + last * side.c_panel + width,
                ],
            }
        };
        let (wide, narrow) = (
            side(self.wide, self.vectors, [0, 0]),
            side(self.narrow, self.vectors - 1, [self.b_narrow, self.c_narrow]),
        );
        [wide[0].max(narrow[0]), wide[1].max(narrow[1])]
    }
}

/// Computes one row of C. The sum starts from `start` where the mode is [`FROM`], from C itself where it is [`ONTO`],
/// and from zero otherwise; `start` lies as C does.
///
/// # Panics
/// If an operand is too short for what is asked, or there are more panels than [`Strip::at_once`] or another mixture than
/// [`Strip::mixes`].
#[inline(always)]
pub(crate) fn gather<V: Lane, const NV: usize, const MODE: u8>(
    strip: Strip,
    a: &[f32],
    rows: Picked<'_>,
    b: &[f32],
    c: &mut [f32],
    start: &[f32],
) {
    let (list, below) = rows.parts();
    let [b_extent, c_extent] = strip.extents::<V>(below);
    assert!(a.len() == list.len() && c.len() >= c_extent);
    assert!(MODE != FROM || start.len() >= c_extent);
    assert!(list.is_empty() || b.len() >= b_extent);
    macro_rules! go {
        ($n:literal, $p:literal, $m:literal, $q:literal) => {
            // SAFETY: the extents were checked above; every listed row is below `below`.
            unsafe { row::<V, $n, $p, $m, $q, MODE>(strip, a, list, b.as_ptr(), c.as_mut_ptr(), start.as_ptr()) }
        };
    }
    each_shape!(V, NV, strip, go)
}

/// Adds `A[j] · C` to the listed rows of B: a row's sums go on where the last sample's stopped, as if one call had taken all of
/// them in their order.
///
/// # Panics
/// As [`gather`].
#[inline(always)]
pub(crate) fn scatter<V: Lane, const NV: usize>(strip: Strip, a: &[f32], rows: Picked<'_>, c: &[f32], b: &mut [f32]) {
    let (list, below) = rows.parts();
    let [b_extent, c_extent] = strip.extents::<V>(below);
    assert!(a.len() == list.len() && c.len() >= c_extent);
    assert!(list.is_empty() || b.len() >= b_extent);
    macro_rules! go {
        ($n:literal, $p:literal, $m:literal, $q:literal) => {
            // SAFETY: the extents were checked above; every listed row is below `below`.
            unsafe { spread::<V, $n, $p, $m, $q>(strip, a, list, c.as_ptr(), b.as_mut_ptr()) }
        };
    }
    each_shape!(V, NV, strip, go)
}

/// `P` panels of `NV` vectors, and `Q` of `M`.
///
/// # Safety
/// The operands must reach as far as [`scatter`] asserts, with so many panels.
#[inline(always)]
unsafe fn spread<V: Lane, const NV: usize, const P: usize, const M: usize, const Q: usize>(
    strip: Strip,
    a: &[f32],
    list: &[u16],
    c: *const f32,
    b: *mut f32,
) {
    let Strip { wide, narrow, b_narrow, c_narrow, .. } = strip;
    let (mut from, mut from_narrow) = ([[V::splat(0.0); NV]; P], [[V::splat(0.0); M]; Q]);
    // SAFETY: every offset below stays within the extents that the caller vouches for.
    unsafe {
        load(&mut from, c, wide.c_panel);
        if Q > 0 {
            load(&mut from_narrow, c.add(c_narrow), narrow.c_panel);
        }
        for (factor, &row) in a.iter().zip(list) {
            let (factor, row) = (V::splat(*factor), usize::from(row));
            add_to(&from, factor, b.add(row * wide.b_row), wide.b_panel);
            if Q > 0 {
                add_to(&from_narrow, factor, b.add(b_narrow + row * narrow.b_row), narrow.b_panel);
            }
        }
    }
}

/// # Safety
/// `to` must be readable and writable for every panel.
#[inline(always)]
unsafe fn add_to<V: Lane, const NV: usize, const P: usize>(from: &[[V; NV]; P], factor: V, to: *mut f32, panel: usize) {
    for (p, of_panel) in from.iter().enumerate() {
        for (v, &from) in of_panel.iter().enumerate() {
            // SAFETY: as the caller vouches.
            unsafe {
                let to = to.add(p * panel + v * V::LEN);
                factor.fma(from, V::load_at(to)).store_at(to);
            }
        }
    }
}

/// `P` panels of `NV` vectors, and `Q` of `M`.
///
/// # Safety
/// The operands must reach as far as [`gather`] asserts, with so many panels.
#[inline(always)]
unsafe fn row<V: Lane, const NV: usize, const P: usize, const M: usize, const Q: usize, const MODE: u8>(
    strip: Strip,
    a: &[f32],
    list: &[u16],
    b: *const f32,
    c: *mut f32,
    start: *const f32,
) {
    let Strip { wide, narrow, b_narrow, c_narrow, .. } = strip;
    let (mut sum, mut sum_narrow) = ([[V::splat(0.0); NV]; P], [[V::splat(0.0); M]; Q]);
    // SAFETY: every offset below stays within the extents that the caller vouches for.
    unsafe {
        if MODE == FROM || MODE == ONTO {
            let from = if MODE == FROM { start } else { c.cast_const() };
            load(&mut sum, from, wide.c_panel);
            if Q > 0 {
                load(&mut sum_narrow, from.add(c_narrow), narrow.c_panel);
            }
        }
        for (factor, &row) in a.iter().zip(list) {
            let (factor, row) = (V::splat(*factor), usize::from(row));
            add(&mut sum, factor, b.add(row * wide.b_row), wide.b_panel);
            if Q > 0 {
                add(&mut sum_narrow, factor, b.add(b_narrow + row * narrow.b_row), narrow.b_panel);
            }
        }
        store(&sum, c, wide.c_panel);
        if Q > 0 {
            store(&sum_narrow, c.add(c_narrow), narrow.c_panel);
        }
    }
}

/// # Safety
/// `from` must be readable for every panel of the sum.
#[inline(always)]
unsafe fn load<V: Lane, const NV: usize, const P: usize>(sum: &mut [[V; NV]; P], from: *const f32, panel: usize) {
    for (p, of_panel) in sum.iter_mut().enumerate() {
        for (v, sum) in of_panel.iter_mut().enumerate() {
            // SAFETY: as the caller vouches.
            *sum = unsafe { V::load_at(from.add(p * panel + v * V::LEN)) };
        }
    }
}

/// # Safety
/// `from` must be readable for every panel of the sum.
#[inline(always)]
unsafe fn add<V: Lane, const NV: usize, const P: usize>(
    sum: &mut [[V; NV]; P],
    factor: V,
    from: *const f32,
    panel: usize,
) {
    for (p, of_panel) in sum.iter_mut().enumerate() {
        for (v, sum) in of_panel.iter_mut().enumerate() {
            // SAFETY: as the caller vouches.
            *sum = factor.fma(unsafe { V::load_at(from.add(p * panel + v * V::LEN)) }, *sum);
        }
    }
}

/// # Safety
/// `to` must be writable for every panel of the sum.
#[inline(always)]
unsafe fn store<V: Lane, const NV: usize, const P: usize>(sum: &[[V; NV]; P], to: *mut f32, panel: usize) {
    for (p, of_panel) in sum.iter().enumerate() {
        for (v, sum) in of_panel.iter().enumerate() {
            // SAFETY: as the caller vouches.
            unsafe { sum.store_at(to.add(p * panel + v * V::LEN)) };
        }
    }
}
