//! The one matrix product: `C[m][v] = start + Σ_j A[j][m] · B[row(j)][v]` for a register tile of rows m and vectors v.
//!
//! The sum over j runs in order, one fused multiply-add after the other: an element's value depends on its own row
//! and column alone, whatever the shape of the tile around it.

use super::lane::Lane;

/// Row numbers, each below a bound.
#[derive(Debug)]
pub(crate) struct Indices {
    list: Vec<u16>,
    below: usize,
}

impl Indices {
    /// Takes a list of row numbers.
    ///
    /// # Panics
    /// If one is not below the bound.
    pub(crate) fn new(list: Vec<u16>, below: usize) -> Indices {
        assert!(list.iter().all(|&row| usize::from(row) < below), "a row number is out of bounds");
        Indices { list, below }
    }

    /// A stretch of the list.
    pub(crate) fn range(&self, range: std::ops::Range<usize>) -> Picked<'_> {
        Picked { list: &self.list[range], below: self.below }
    }

    /// Length of the list.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }
}

/// A stretch of [`Indices`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Picked<'a> {
    list: &'a [u16],
    below: usize,
}

impl<'a> Picked<'a> {
    /// The row numbers, and the bound that they are below.
    #[inline(always)]
    pub(crate) fn parts(self) -> (&'a [u16], usize) {
        (self.list, self.below)
    }
}

/// Which rows of B the sum runs over.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Rows<'a> {
    /// The first so many.
    All(usize),
    /// The listed ones.
    Listed(Picked<'a>),
}

/// Where the numbers of A or B lie.
#[derive(Clone, Copy)]
pub(crate) struct Operand<'a> {
    /// The memory, from the operand's first number on.
    pub(crate) data: &'a [f32],
    /// Distance between rows m of A, or rows of B.
    pub(crate) row: usize,
    /// Distance between the A of successive j; unused for B.
    pub(crate) step: usize,
}

/// The sum starts from a given row of vectors and overwrites C.
pub(crate) const FROM: u8 = 0;
/// The sum starts from zero and overwrites C.
pub(crate) const STORE: u8 = 1;
/// The sum starts from zero, then is added to C.
pub(crate) const ADD: u8 = 2;
/// The sum starts from C and overwrites it: it goes on where another call stopped, with the same bits as one call.
pub(crate) const ONTO: u8 = 3;

/// Computes a tile of `MR` rows and `vectors` ≤ `NV` vectors. A's elements are patterns of `P` numbers; `MODE` says how
/// the sum begins and where it goes, `start` is read by [`FROM`] only. `NEAR`: the patterns of A's rows lie side by
/// side. B is a panel, its rows side by side, unless the mode is [`ADD`].
///
/// # Panics
/// If an operand is too short for what is asked, or does not lie as stated.
#[inline(always)]
pub(crate) fn product<V: Lane, const MR: usize, const NV: usize, const P: usize, const MODE: u8, const NEAR: bool>(
    vectors: usize,
    a: Operand<'_>,
    b: Operand<'_>,
    rows: Rows<'_>,
    c: &mut [f32],
    c_row: usize,
    start: &[f32],
) {
    let width = vectors * V::LEN;
    let (n, below) = match rows {
        Rows::All(n) => (n, n),
        Rows::Listed(picked) => (picked.list.len(), picked.below),
    };
    assert!((1..=NV).contains(&vectors) && c.len() >= (MR - 1) * c_row + width);
    assert!(MODE != FROM || start.len() >= width);
    assert!((MODE == ADD || b.row == width) && (!NEAR || a.row == P));
    if n > 0 {
        assert!(a.data.len() >= (n - 1) * a.step + (MR - 1) * a.row + P);
        assert!(b.data.len() >= (below - 1) * b.row + width);
    }
    let (to, from) = (c.as_mut_ptr(), start.as_ptr());
    macro_rules! go {
        ($n:literal) => {
            // SAFETY: the extents were checked above; every listed row is below `below`.
            unsafe {
                match rows {
                    Rows::All(_) => tile::<V, MR, $n, P, MODE, NEAR, false>(n, a, b, std::ptr::null(), to, c_row, from),
                    Rows::Listed(picked) => {
                        tile::<V, MR, $n, P, MODE, NEAR, true>(n, a, b, picked.list.as_ptr(), to, c_row, from)
                    }
                }
            }
        };
    }
    if NV >= 5 && vectors == 5 {
        go!(5)
    } else if NV >= 4 && vectors == 4 {
        go!(4)
    } else if NV >= 3 && vectors == 3 {
        go!(3)
    } else if NV >= 2 && vectors == 2 {
        go!(2)
    } else {
        go!(1)
    }
}

/// # Safety
/// A, B, C and `start` must be readable (C writable) to the extent that [`product`] asserts; `list` must hold `n` rows
/// of B where `LISTED`.
#[inline(always)]
unsafe fn tile<
    V: Lane,
    const MR: usize,
    const NV: usize,
    const P: usize,
    const MODE: u8,
    const NEAR: bool,
    const LISTED: bool,
>(
    n: usize,
    a: Operand<'_>,
    b: Operand<'_>,
    list: *const u16,
    c: *mut f32,
    c_row: usize,
    start: *const f32,
) {
    let mut sum = [[V::splat(0.0); NV]; MR];
    let a_row = if NEAR { P } else { a.row };
    let b_row = if MODE == ADD { b.row } else { NV * V::LEN };
    // SAFETY: every offset below stays within the extents that the caller vouches for.
    unsafe {
        if MODE == FROM {
            for v in 0..NV {
                let first = V::load_at(start.add(v * V::LEN));
                for row in &mut sum {
                    row[v] = first;
                }
            }
        }
        if MODE == ONTO {
            for (m, row) in sum.iter_mut().enumerate() {
                for (v, so_far) in row.iter_mut().enumerate() {
                    *so_far = V::load_at(c.add(m * c_row + v * V::LEN));
                }
            }
        }
        let (mut at, from) = (a.data.as_ptr(), b.data.as_ptr());
        let mut j = 0;
        // Two rounds at a time: the loop's own instructions count at this size.
        while j + 2 <= n {
            for ahead in 0..2 {
                let row = if LISTED { usize::from(*list.add(j + ahead)) } else { j + ahead };
                V::round::<MR, NV, P>(&mut sum, at.add(ahead * a.step), a_row, from.add(row * b_row));
            }
            j += 2;
            // `wrapping`: it may step past the end, where it is not used.
            at = at.wrapping_add(2 * a.step);
        }
        if j < n {
            let row = if LISTED { usize::from(*list.add(j)) } else { j };
            V::round::<MR, NV, P>(&mut sum, at, a_row, from.add(row * b_row));
        }
        for (m, row) in sum.iter().enumerate() {
            for (v, &total) in row.iter().enumerate() {
                let to = c.add(m * c_row + v * V::LEN);
                let total = if MODE == ADD { V::load_at(to).add(total) } else { total };
                total.store_at(to);
            }
        }
    }
}
