//! Vectors of 32 bytes: with AVX2 where the processor has it, as arrays elsewhere.
//!
//! Invariant: the AVX2 types are used only inside functions compiled for AVX2 and FMA, behind a look at the processor.

#![allow(unsafe_code)]

use std::iter::Sum;

/// A vector of numbers.
pub(super) trait Lanes: Copy {
    /// Its numbers.
    type T: Copy + Default + Sum;
    /// How many.
    const N: usize;

    /// The same number everywhere.
    fn splat(value: Self::T) -> Self;
    /// The first numbers of a slice.
    fn load(from: &[Self::T]) -> Self;
    /// Into the first places of a slice.
    fn store(self, to: &mut [Self::T]);
    /// self · b + c.
    fn fma(self, b: Self, c: Self) -> Self;
    /// self + b.
    fn add(self, b: Self) -> Self;
    /// self − b.
    fn sub(self, b: Self) -> Self;
    /// Square roots.
    fn sqrt(self) -> Self;
    /// Magnitudes.
    fn abs(self) -> Self;
    /// max(self, 0).
    fn positive(self) -> Self;
    /// `value` where self > 0, else 0.
    fn gate(self, value: Self) -> Self;
    /// The sum of its numbers.
    #[inline(always)]
    fn sum(self) -> Self::T {
        let mut values = [Self::T::default(); 8];
        self.store(&mut values);
        values[..Self::N].iter().copied().sum()
    }
}

macro_rules! array {
    ($type:ty, $lanes:literal) => {
        impl Lanes for [$type; $lanes] {
            type T = $type;
            const N: usize = $lanes;

            #[inline(always)]
            fn splat(value: $type) -> Self {
                [value; $lanes]
            }

            #[inline(always)]
            fn load(from: &[$type]) -> Self {
                std::array::from_fn(|k| from[k])
            }

            #[inline(always)]
            fn store(self, to: &mut [$type]) {
                to[..$lanes].copy_from_slice(&self);
            }

            #[inline(always)]
            fn fma(self, b: Self, c: Self) -> Self {
                std::array::from_fn(|k| self[k] * b[k] + c[k])
            }

            #[inline(always)]
            fn add(self, b: Self) -> Self {
                std::array::from_fn(|k| self[k] + b[k])
            }

            #[inline(always)]
            fn sub(self, b: Self) -> Self {
                std::array::from_fn(|k| self[k] - b[k])
            }

            #[inline(always)]
            fn sqrt(self) -> Self {
                self.map(<$type>::sqrt)
            }

            #[inline(always)]
            fn abs(self) -> Self {
                self.map(<$type>::abs)
            }

            #[inline(always)]
            fn positive(self) -> Self {
                self.map(|z| if z > 0.0 { z } else { 0.0 })
            }

            #[inline(always)]
            fn gate(self, value: Self) -> Self {
                std::array::from_fn(|k| if self[k] > 0.0 { value[k] } else { 0.0 })
            }
        }
    };
}

array!(f32, 8);
array!(f64, 4);

#[cfg(target_arch = "x86_64")]
mod avx2 {
    #![allow(clippy::undocumented_unsafe_blocks)] // Stated once, for all: see the module's invariant.

    use std::arch::x86_64::*;

    use super::Lanes;

    macro_rules! vector {
        (
            $name:ident, $inner:ty, $type:ty, $lanes:literal, $splat:ident, $load:ident, $store:ident, $fma:ident,
            $add:ident, $sub:ident, $sqrt:ident, $max:ident, $zero:ident, $compare:ident, $and:ident, $and_not:ident
        ) => {
            /// Eight f32 or four f64 in one register.
            #[derive(Clone, Copy)]
            pub(in crate::train::flow) struct $name($inner);

            impl Lanes for $name {
                type T = $type;
                const N: usize = $lanes;

                #[inline(always)]
                fn splat(value: $type) -> Self {
                    $name(unsafe { $splat(value) })
                }

                #[inline(always)]
                fn load(from: &[$type]) -> Self {
                    let from = &from[..$lanes];
                    $name(unsafe { $load(from.as_ptr()) })
                }

                #[inline(always)]
                fn store(self, to: &mut [$type]) {
                    let to = &mut to[..$lanes];
                    unsafe { $store(to.as_mut_ptr(), self.0) }
                }

                #[inline(always)]
                fn fma(self, b: Self, c: Self) -> Self {
                    $name(unsafe { $fma(self.0, b.0, c.0) })
                }

                #[inline(always)]
                fn add(self, b: Self) -> Self {
                    $name(unsafe { $add(self.0, b.0) })
                }

                #[inline(always)]
                fn sub(self, b: Self) -> Self {
                    $name(unsafe { $sub(self.0, b.0) })
                }

                #[inline(always)]
                fn sqrt(self) -> Self {
                    $name(unsafe { $sqrt(self.0) })
                }

                #[inline(always)]
                fn abs(self) -> Self {
                    $name(unsafe { $and_not($splat(-0.0), self.0) })
                }

                #[inline(always)]
                fn positive(self) -> Self {
                    $name(unsafe { $max(self.0, $zero()) })
                }

                #[inline(always)]
                fn gate(self, value: Self) -> Self {
                    $name(unsafe { $and($compare::<_CMP_GT_OQ>(self.0, $zero()), value.0) })
                }
            }
        };
    }

    vector!(
        F32x8,
        __m256,
        f32,
        8,
        _mm256_set1_ps,
        _mm256_loadu_ps,
        _mm256_storeu_ps,
        _mm256_fmadd_ps,
        _mm256_add_ps,
        _mm256_sub_ps,
        _mm256_sqrt_ps,
        _mm256_max_ps,
        _mm256_setzero_ps,
        _mm256_cmp_ps,
        _mm256_and_ps,
        _mm256_andnot_ps
    );
    vector!(
        F64x4,
        __m256d,
        f64,
        4,
        _mm256_set1_pd,
        _mm256_loadu_pd,
        _mm256_storeu_pd,
        _mm256_fmadd_pd,
        _mm256_add_pd,
        _mm256_sub_pd,
        _mm256_sqrt_pd,
        _mm256_max_pd,
        _mm256_setzero_pd,
        _mm256_cmp_pd,
        _mm256_and_pd,
        _mm256_andnot_pd
    );
}

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::{F32x8, F64x4};
