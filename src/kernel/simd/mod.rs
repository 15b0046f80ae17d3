//! Vectors of f32 and the matrix products, dense and sparse, for each instruction set: the only unsafe code of the kernel.
//!
//! Invariants that make the unsafe blocks sound:
//! - a vector type leaves this module only as the type parameter of [`Task::run`], which [`dispatch`] calls after the
//!   processor was asked whether it has the instructions;
//! - [`Indices`] are checked against their bound when they are built;
//! - [`product()`] and [`gather()`] check the extent of their operands before their loops.
//!
//! The numbers of a lane never meet those of another lane: no operation here crosses lanes, and [`Lane::bits`] tells of
//! comparisons only.

mod aligned;
mod gather;
mod portable;
mod product;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(super) use aligned::Buffer;
pub(super) use gather::{Strip, gather};
pub(super) use product::{ADD, FROM, Indices, ONTO, Operand, Picked, Rows, STORE, product};

/// A vector of `LEN` f32.
pub(super) trait Lane: Copy {
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

    /// Sum.
    fn add(self, other: Self) -> Self;
    /// Difference.
    fn sub(self, other: Self) -> Self;
    /// Product.
    fn mul(self, other: Self) -> Self;
    /// Quotient.
    fn div(self, other: Self) -> Self;
    /// `self · by + plus`; rounded once where the instruction exists.
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
        unsafe { product::round::<Self, MR, NV, P>(sum, a, a_row, b) }
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
pub(super) fn get<V: Lane>(from: &[f32]) -> V {
    if from.len() >= V::LEN {
        return V::load(from);
    }
    let mut all = [0f32; 16];
    all[..from.len()].copy_from_slice(from);
    V::load(&all)
}

/// Writes the first lanes to a slice, as far as it goes.
#[inline(always)]
pub(super) fn put<V: Lane>(vector: V, to: &mut [f32]) {
    if to.len() >= V::LEN {
        return vector.store(to);
    }
    let mut all = [0f32; 16];
    vector.store(&mut all);
    to.copy_from_slice(&all[..to.len()]);
}

/// Asks for memory that is read soon, where the processor cannot tell by itself.
#[inline(always)]
pub(super) fn prefetch<T>(memory: &[T]) {
    #[cfg(target_arch = "x86_64")]
    x86::prefetch(memory);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = memory;
}

/// An instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Isa {
    /// What every processor has.
    Portable,
    /// AVX2 with FMA.
    Avx2,
    /// AVX-512 F and DQ.
    Avx512,
}

impl Isa {
    /// The best that this processor has.
    pub(super) fn detect() -> Isa {
        [Isa::Avx512, Isa::Avx2].into_iter().find(|isa| isa.available()).unwrap_or(Isa::Portable)
    }

    /// Whether this processor has it.
    pub(super) fn available(self) -> bool {
        match self {
            Isa::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => {
                Isa::Avx2.available() && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq")
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// Lanes of its vectors.
    pub(super) fn lanes(self) -> usize {
        match self {
            Isa::Portable | Isa::Avx2 => 8,
            Isa::Avx512 => 16,
        }
    }

    /// Rows of the product's register tile.
    pub(super) fn rows(self) -> usize {
        match self {
            Isa::Portable => 4,
            Isa::Avx2 => 3,
            Isa::Avx512 => 5,
        }
    }

    /// Samples in a tile at most: a panel of their gradients is to stay in the first cache.
    pub(super) fn tile(self) -> usize {
        match self {
            Isa::Avx2 => 192,
            Isa::Portable | Isa::Avx512 => 240,
        }
    }

    /// Inputs whose weights a panel's product takes at a time, at most. With AVX2 they fill two thirds of a first cache of
    /// 32 KiB and are read from there by every group of the tile; a panel's whole column would come from the second cache
    /// each time, and from the third whenever a neighbour crowds that one.
    pub(super) fn inputs_at_once(self) -> usize {
        match self {
            Isa::Avx2 => 176,
            Isa::Portable | Isa::Avx512 => usize::MAX,
        }
    }

    /// Name for the log.
    pub(super) fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
        }
    }
}

/// Work that is compiled once for each instruction set and number of replicas.
pub(super) trait Task {
    /// `V`: the vector. `MR` × `NV`: register tile of the product, rows × vectors. `R`: replicas side by side in a
    /// vector, at most `V::LEN`. Implementations must be `#[inline(always)]` all the way down to other tasks, and
    /// without closures that compute with vectors, to be compiled with the instructions of `V`.
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self);
}

/// Runs a task with the instructions of `isa` for `replicas` (a power of two, at most `isa.lanes()`).
///
/// # Panics
/// If the processor lacks the instructions, or `replicas` is not one of the sizes.
pub(super) fn dispatch<T: Task>(isa: Isa, replicas: usize, task: T) {
    assert!(isa.available(), "instruction set {} is not available", isa.name());
    match isa {
        Isa::Portable => match replicas {
            1 => portable::Wide::enter::<T, 1>(task),
            2 => portable::Wide::enter::<T, 2>(task),
            4 => portable::Wide::enter::<T, 4>(task),
            8 => portable::Wide::enter::<T, 8>(task),
            other => unreachable!("{other} replicas in a portable vector"),
        },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor was asked above for the instructions that these functions enable.
        _ => unsafe { x86::dispatch(isa, replicas, task) },
        #[cfg(not(target_arch = "x86_64"))]
        _ => unreachable!("not available, as asserted"),
    }
}
