//! What a vector of f32 can do, and what is compiled once for each kind of vector.
//!
//! Every other file of this room is written over [`Lane`]; this one imports none of them.

/// A vector of `LEN` f32.
pub(crate) trait Lane: Copy {
    /// Number of lanes.
    const LEN: usize;
    /// Vectors that the sparse product sums at once: as many as the registers hold beside a factor.
    const SUMS: usize;
    /// Result of a comparison.
    type Mask: Copy;

    /// The same number in every lane.
    fn splat(x: f32) -> Self;
    /// Reads `LEN` numbers.
    ///
    /// # Safety
    /// `from` must be valid for reading `LEN` numbers.
    unsafe fn load_at(from: *const f32) -> Self;
    /// Reads `P` numbers, a power of two not above `LEN`, and repeats them to fill the lanes.
    ///
    /// # Safety
    /// `from` must be valid for reading `P` numbers.
    unsafe fn pattern_at<const P: usize>(from: *const f32) -> Self;
    /// Writes `LEN` numbers.
    ///
    /// # Safety
    /// `to` must be valid for writing `LEN` numbers.
    unsafe fn store_at(self, to: *mut f32);
    /// Reads `count` numbers, fewer than `LEN`; the other lanes are 0.
    ///
    /// # Safety
    /// `from` must be readable for `count` numbers.
    #[inline(always)]
    unsafe fn load_part_at(from: *const f32, count: usize) -> Self {
        let mut all = [0f32; 16];
        // SAFETY: as the caller vouches; there are at most 16 lanes.
        all[..count].copy_from_slice(unsafe { std::slice::from_raw_parts(from, count) });
        Self::load(&all)
    }
    /// Writes the first `count` lanes, fewer than `LEN`.
    ///
    /// # Safety
    /// `to` must be writable for `count` numbers.
    #[inline(always)]
    unsafe fn store_part_at(self, to: *mut f32, count: usize) {
        let mut all = [0f32; 16];
        self.store(&mut all);
        // SAFETY: as the caller vouches; there are at most 16 lanes.
        unsafe { std::slice::from_raw_parts_mut(to, count) }.copy_from_slice(&all[..count]);
    }

    /// Sum.
    fn add(self, other: Self) -> Self;
    /// Difference.
    fn sub(self, other: Self) -> Self;
    /// Product.
    fn mul(self, other: Self) -> Self;
    /// Quotient.
    fn div(self, other: Self) -> Self;
    /// `self · by + plus`, rounded once (but for [`Isa::Unfused`](super::Isa::Unfused)).
    fn fma(self, by: Self, plus: Self) -> Self;
    /// The greater; `other` where either is NaN.
    fn max(self, other: Self) -> Self;
    /// The lesser; `other` where either is NaN.
    fn min(self, other: Self) -> Self;
    /// Square root.
    fn sqrt(self) -> Self;
    /// Whether self > other; false where either is NaN.
    fn gt(self, other: Self) -> Self::Mask;
    /// Whether self is NaN.
    fn is_nan(self) -> Self::Mask;
    /// Bit i is set where lane i is.
    fn bits(mask: Self::Mask) -> u32;
    /// `yes` where the mask is set, else `no`.
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self;
    /// Absolute value.
    fn abs(self) -> Self;
    /// The magnitude of self, which must not be negative, with the sign of `sign`.
    fn with_sign(self, sign: Self) -> Self;
    /// 2ⁿ, where self is 1.5·2²³ + n and −126 ≤ n ≤ 127.
    fn two_to(self) -> Self;
    /// Exponent e and mantissa m of a positive normal number m·2ᵉ, 1 ≤ m < 2.
    fn split(self) -> (Self, Self);

    /// Adds one product of a column of A with a row of B: `sum[m][v] += a[m · a_row] · b[v]`, where an element of A is a
    /// pattern of `P` numbers. A vector whose registers are all taken by the sums writes this out itself.
    ///
    /// # Safety
    /// `a` must be readable at `m · a_row` for `P` numbers, m < `MR`, and `b` for `NV` vectors.
    #[inline(always)]
    unsafe fn round<const MR: usize, const NV: usize, const P: usize>(
        sum: &mut [[Self; NV]; MR],
        a: *const f32,
        a_row: usize,
        b: *const f32,
    ) {
        // SAFETY: as the caller vouches.
        unsafe { round::<Self, MR, NV, P>(sum, a, a_row, b) }
    }

    /// Runs a task as a function of its own, compiled for this vector; how large loops are kept apart.
    fn enter<T: Task, const R: usize>(task: T);

    /// Reads the first `LEN` numbers of a slice.
    #[inline(always)]
    fn load(from: &[f32]) -> Self {
        let from = &from[..Self::LEN];
        // SAFETY: the slice has LEN numbers.
        unsafe { Self::load_at(from.as_ptr()) }
    }

    /// Writes to the first `LEN` numbers of a slice.
    #[inline(always)]
    fn store(self, to: &mut [f32]) {
        let to = &mut to[..Self::LEN];
        // SAFETY: the slice has LEN numbers.
        unsafe { self.store_at(to.as_mut_ptr()) }
    }

    /// Reads the first `P` numbers of a slice and repeats them.
    #[inline(always)]
    fn pattern<const P: usize>(from: &[f32]) -> Self {
        let from = &from[..P];
        // SAFETY: the slice has P numbers.
        unsafe { Self::pattern_at::<P>(from.as_ptr()) }
    }

    /// Writes the first `P` lanes to the first `P` numbers of a slice.
    #[inline(always)]
    fn store_head<const P: usize>(self, to: &mut [f32]) {
        let mut all = [0f32; 16];
        self.store(&mut all);
        to[..P].copy_from_slice(&all[..P]);
    }
}

/// Reads the first numbers of a slice; lanes beyond its end are 0.
#[inline(always)]
pub(crate) fn get<V: Lane>(from: &[f32]) -> V {
    if from.len() >= V::LEN {
        return V::load(from);
    }
    // SAFETY: the slice has so many numbers.
    unsafe { V::load_part_at(from.as_ptr(), from.len()) }
}

/// Writes the first lanes to a slice, as far as it goes.
#[inline(always)]
pub(crate) fn put<V: Lane>(vector: V, to: &mut [f32]) {
    if to.len() >= V::LEN {
        return vector.store(to);
    }
    // SAFETY: the slice has so many numbers.
    unsafe { vector.store_part_at(to.as_mut_ptr(), to.len()) }
}

/// Rows of the product's register tile, whatever the vector. Samples come in groups of so many, and in tiles of whole groups,
/// by which sums are ordered: it is the same for all, so that their bits are.
pub(crate) const ROWS: usize = 3;

/// Work that is compiled once for each instruction set and number of replicas.
pub(crate) trait Task {
    /// `V`: the vector. `MR` × `NV`: register tile of the product, [`ROWS`] × vectors. `R`: replicas side by side in a
    /// vector, at most `V::LEN`. Implementations must be `#[inline(always)]` all the way down to other tasks, and
    /// without closures that compute with vectors, to be compiled with the instructions of `V`.
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self);
}

/// Adds one product of a column of A with a row of B, as [`Lane::round`] states.
///
/// # Safety
/// `a` must be readable at `m · a_row` for `P` numbers, m < `MR`, and `b` for `NV` vectors.
#[inline(always)]
pub(super) unsafe fn round<V: Lane, const MR: usize, const NV: usize, const P: usize>(
    sum: &mut [[V; NV]; MR],
    a: *const f32,
    a_row: usize,
    b: *const f32,
) {
    // SAFETY: as the caller vouches.
    unsafe {
        // The fewer of the two are held in registers while the others come one by one.
        if MR < NV {
            let mut factors = [V::splat(0.0); MR];
            for (m, factor) in factors.iter_mut().enumerate() {
                *factor = V::pattern_at::<P>(a.add(m * a_row));
            }
            for v in 0..NV {
                let column = V::load_at(b.add(v * V::LEN));
                for (row, &factor) in sum.iter_mut().zip(&factors) {
                    row[v] = factor.fma(column, row[v]);
                }
            }
        } else {
            let mut columns = [V::splat(0.0); NV];
            for (v, column) in columns.iter_mut().enumerate() {
                *column = V::load_at(b.add(v * V::LEN));
            }
            for (m, row) in sum.iter_mut().enumerate() {
                let factor = V::pattern_at::<P>(a.add(m * a_row));
                for (sum, &column) in row.iter_mut().zip(&columns) {
                    *sum = factor.fma(column, *sum);
                }
            }
        }
    }
}
