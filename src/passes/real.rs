//! The two precisions of a flow: conversions, matrix products (faer), and the vectors of the shallow network's loops.
//!
//! Invariant: a product is a function of its operands alone (one thread, fixed order), so that a flow repeats itself bit
//! for bit.

#![allow(unsafe_code)]

use std::iter::Sum;
use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

use super::algebra::multiply;
use super::lanes::Lanes;

/// A matrix in a slice.
#[derive(Debug, Clone, Copy)]
pub struct View<'a, T> {
    /// Its numbers.
    pub data: &'a [T],
    /// Rows.
    pub rows: usize,
    /// Columns.
    pub columns: usize,
    /// Whether a row, rather than a column, lies contiguous.
    pub by_row: bool,
}

impl<'a, T> View<'a, T> {
    /// `rows × columns`, column by column.
    pub fn columns(data: &'a [T], rows: usize, columns: usize) -> View<'a, T> {
        View { data, rows, columns, by_row: false }
    }

    /// `rows × columns`, row by row.
    pub fn rows(data: &'a [T], rows: usize, columns: usize) -> View<'a, T> {
        View { data, rows, columns, by_row: true }
    }

    /// The transpose.
    pub fn t(self) -> View<'a, T> {
        View { data: self.data, rows: self.columns, columns: self.rows, by_row: !self.by_row }
    }
}

/// f32 or f64.
pub trait Real:
    Copy
    + Send
    + Sync
    + PartialOrd
    + Default
    + std::fmt::Debug
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + Sum
    + 'static
{
    /// A number below this share of the greatest is lost in a sum of either.
    const NEGLIGIBLE: f64;

    /// Nearest number.
    fn of(value: f64) -> Self;
    /// Exactly the same number.
    fn wide(self) -> f64;
    /// `out` (column by column) = a · b, or += where `add`.
    fn product(out: &mut [Self], a: View<'_, Self>, b: View<'_, Self>, add: bool);
    /// Does a job with vectors of 32 bytes: with AVX2 where `fast`, as arrays elsewhere.
    fn vectorised<J: Job<Self>>(fast: bool, job: J) -> J::Output;
    /// Does a job, which must not mind how long they are, with those vectors.
    fn with<J: Job<Self>>(vectors: Vectors, job: J) -> J::Output;
}

/// What vectors a processor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vectors {
    /// Arrays of 32 bytes, which any has.
    Arrays,
    /// 32 bytes, with fused multiply-adds.
    Avx2,
    /// 64 bytes.
    Avx512,
}

impl Vectors {
    /// The longest that this processor has.
    pub fn longest() -> Vectors {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx512f") && fast() {
            return Vectors::Avx512;
        }
        if fast() { Vectors::Avx2 } else { Vectors::Arrays }
    }

    /// Their name, for the log.
    pub fn name(self) -> &'static str {
        match self {
            Vectors::Arrays => "portable",
            Vectors::Avx2 => "avx2",
            Vectors::Avx512 => "avx512",
        }
    }
}

/// Loops that can be compiled for vectors of any kind.
pub trait Job<T: Real> {
    /// What comes of it.
    type Output;
    /// Does it.
    fn run<V: Lanes<T = T>>(self) -> Self::Output;
}

macro_rules! real {
    ($type:ty, $lanes:literal, $negligible:literal, $fast:ty, $long:ty) => {
        impl Real for $type {
            const NEGLIGIBLE: f64 = $negligible;

            #[inline(always)]
            fn of(value: f64) -> $type {
                value as $type
            }

            #[inline(always)]
            fn wide(self) -> f64 {
                f64::from(self)
            }

            fn product(out: &mut [$type], a: View<'_, $type>, b: View<'_, $type>, add: bool) {
                use faer::{Accum, MatMut, MatRef};
                fn matrix(v: View<'_, $type>) -> MatRef<'_, $type> {
                    if v.by_row {
                        MatRef::from_row_major_slice(v.data, v.rows, v.columns)
                    } else {
                        MatRef::from_column_major_slice(v.data, v.rows, v.columns)
                    }
                }
                let target = MatMut::from_column_major_slice_mut(out, a.rows, b.columns);
                let accumulate = if add { Accum::Add } else { Accum::Replace };
                multiply(target, accumulate, matrix(a), matrix(b));
            }

            fn vectorised<J: Job<$type>>(fast: bool, job: J) -> J::Output {
                #[cfg(target_arch = "x86_64")]
                if fast {
                    #[target_feature(enable = "avx2,fma")]
                    unsafe fn enter<J: Job<$type>>(job: J) -> J::Output {
                        job.run::<$fast>()
                    }
                    // SAFETY: `fast` is set only where the processor has these instructions.
                    return unsafe { enter(job) };
                }
                let _ = fast;
                job.run::<[$type; $lanes]>()
            }

            fn with<J: Job<$type>>(vectors: Vectors, job: J) -> J::Output {
                #[cfg(target_arch = "x86_64")]
                if vectors == Vectors::Avx512 {
                    assert!(Vectors::longest() == Vectors::Avx512, "the processor has no AVX-512");
                    #[target_feature(enable = "avx512f,avx2,fma")]
                    unsafe fn enter<J: Job<$type>>(job: J) -> J::Output {
                        job.run::<$long>()
                    }
                    // SAFETY: the processor was asked for these instructions above.
                    return unsafe { enter(job) };
                }
                Self::vectorised(vectors != Vectors::Arrays, job)
            }
        }

        const _: () = assert!(<[$type; $lanes] as Lanes>::N == $lanes);
    };
}

#[cfg(target_arch = "x86_64")]
use super::lanes::{F32x8, F32x16, F64x4, F64x8};
#[cfg(not(target_arch = "x86_64"))]
type F32x8 = [f32; 8];
#[cfg(not(target_arch = "x86_64"))]
type F64x4 = [f64; 4];

real!(f32, 8, 1e-8, F32x8, F32x16);
real!(f64, 4, 1e-14, F64x4, F64x8);

/// Whether the processor has the instructions of the fast loops.
pub fn fast() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
    #[cfg(not(target_arch = "x86_64"))]
    return false;
}
