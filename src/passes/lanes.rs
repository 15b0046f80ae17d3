//! Vectors of 32 bytes, with AVX2 where the processor has it and as arrays elsewhere, and of 64 bytes with AVX-512.
//!
//! Invariants: all compute the same bits; the processor's own vectors are used only inside functions compiled for their
//! instructions, behind a look at the processor.

#![allow(unsafe_code)]

use std::iter::Sum;

/// A vector of numbers.
pub trait Lanes: Copy {
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
    /// self · b + c, rounded once.
    fn fma(self, b: Self, c: Self) -> Self;
    /// self + b.
    fn add(self, b: Self) -> Self;
    /// self − b.
    fn sub(self, b: Self) -> Self;
    /// self · b.
    fn mul(self, b: Self) -> Self;
    /// self / b.
    fn div(self, b: Self) -> Self;
    /// The greater; `b` where either is NaN.
    fn greater(self, b: Self) -> Self;
    /// The lesser; `b` where either is NaN.
    fn lesser(self, b: Self) -> Self;
    /// `value` where self = b, else 0.
    fn equal(self, b: Self, value: Self) -> Self;
    /// 2ⁿ of whole n within the exponents of normal numbers, where self is n added to 1.5·2²³ (single precision) or 1.5·2⁵²
    /// (double).
    fn two_to(self) -> Self;
    /// e to each of them, to about a unit in the last place; between the least and the greatest normal number. NaN stays.
    fn exp(self) -> Self;
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
        let mut values = [Self::T::default(); 16];
        self.store(&mut values);
        values[..Self::N].iter().copied().sum()
    }
}

macro_rules! array {
    ($type:ty, $lanes:literal, $fused:path, $exp:ident, $mantissa:literal, $bias:literal) => {
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
                std::array::from_fn(|k| $fused(self[k], b[k], c[k]))
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
            fn mul(self, b: Self) -> Self {
                std::array::from_fn(|k| self[k] * b[k])
            }

            #[inline(always)]
            fn div(self, b: Self) -> Self {
                std::array::from_fn(|k| self[k] / b[k])
            }

            #[inline(always)]
            fn greater(self, b: Self) -> Self {
                std::array::from_fn(|k| if self[k] > b[k] { self[k] } else { b[k] })
            }

            #[inline(always)]
            fn lesser(self, b: Self) -> Self {
                std::array::from_fn(|k| if self[k] < b[k] { self[k] } else { b[k] })
            }

            #[inline(always)]
            fn equal(self, b: Self, value: Self) -> Self {
                std::array::from_fn(|k| if self[k] == b[k] { value[k] } else { 0.0 })
            }

            #[inline(always)]
            fn two_to(self) -> Self {
                self.map(|n| <$type>::from_bits((n.to_bits() << $mantissa).wrapping_add($bias << $mantissa)))
            }

            #[inline(always)]
            fn exp(self) -> Self {
                $exp(self)
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

array!(f32, 8, phasesweep_fused::single, exp_single, 23, 127);
array!(f64, 4, phasesweep_fused::double, exp_double, 52, 1023);

/// e^x = 2ⁿ e^r with |r| ≤ ½ ln 2 and e^r by the polynomial of the Cephes library (Moshier, expf): 1 ulp or so.
#[inline(always)]
fn exp_single<V: Lanes<T = f32>>(x: V) -> V {
    const WHOLE: f32 = 12_582_912.0;
    let x = V::splat(88.3).lesser(V::splat(-87.3).greater(x));
    let shifted = x.fma(V::splat(std::f32::consts::LOG2_E), V::splat(WHOLE));
    let n = shifted.sub(V::splat(WHOLE));
    let r = n.fma(V::splat(2.121_944_4e-4), n.fma(V::splat(-0.693_359_4), x));
    let mut p = V::splat(1.987_569_1e-4);
    for c in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5, 1.0, 1.0] {
        p = p.fma(r, V::splat(c));
    }
    p.mul(shifted.two_to())
}

/// As [`exp_single`], with the series up to r¹³/13!: what it leaves out is 4e-18 of e^r.
#[inline(always)]
fn exp_double<V: Lanes<T = f64>>(x: V) -> V {
    const WHOLE: f64 = 6_755_399_441_055_744.0;
    let x = V::splat(709.0).lesser(V::splat(-708.0).greater(x));
    let shifted = x.fma(V::splat(std::f64::consts::LOG2_E), V::splat(WHOLE));
    let n = shifted.sub(V::splat(WHOLE));
    let r = n.fma(V::splat(-1.428_606_820_309_417_2e-6), n.fma(V::splat(-0.693_145_751_953_125), x));
    // 1/13!, 1/12!, …
    let mut p = V::splat(1.605_904_383_682_161_5e-10);
    for c in [
        2.087_675_698_786_81e-9,
        2.505_210_838_544_172e-8,
        2.755_731_922_398_589e-7,
        2.755_731_922_398_589_3e-6,
        2.480_158_730_158_73e-5,
        1.984_126_984_126_984e-4,
        1.388_888_888_888_889e-3,
        8.333_333_333_333_333e-3,
        4.166_666_666_666_666_4e-2,
        1.666_666_666_666_666_6e-1,
        0.5,
        1.0,
        1.0,
    ] {
        p = p.fma(r, V::splat(c));
    }
    p.mul(shifted.two_to())
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    #![allow(clippy::undocumented_unsafe_blocks)] // Stated once, for all: see the module's invariant.

    use std::arch::x86_64::*;

    use super::Lanes;

    /// `value` where a > b, or where a = b, else 0: comparisons of 64 bytes answer with a mask, shorter ones with a vector.
    macro_rules! chosen {
        ($greater:ident, $equal:ident, $inner:ty, $compare:ident, $and:ident) => {
            #[inline(always)]
            unsafe fn $greater(a: $inner, b: $inner, value: $inner) -> $inner {
                unsafe { $and($compare::<_CMP_GT_OQ>(a, b), value) }
            }

            #[inline(always)]
            unsafe fn $equal(a: $inner, b: $inner, value: $inner) -> $inner {
                unsafe { $and($compare::<_CMP_EQ_OQ>(a, b), value) }
            }
        };
    }

    chosen!(greater_8, equal_8, __m256, _mm256_cmp_ps, _mm256_and_ps);
    chosen!(greater_4, equal_4, __m256d, _mm256_cmp_pd, _mm256_and_pd);
    chosen!(wide_greater_16, wide_equal_16, __m512, _mm512_cmp_ps_mask, _mm512_maskz_mov_ps);
    chosen!(wide_greater_8, wide_equal_8, __m512d, _mm512_cmp_pd_mask, _mm512_maskz_mov_pd);

    #[inline(always)]
    unsafe fn abs_8(a: __m256) -> __m256 {
        unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), a) }
    }

    #[inline(always)]
    unsafe fn abs_4(a: __m256d) -> __m256d {
        unsafe { _mm256_andnot_pd(_mm256_set1_pd(-0.0), a) }
    }

    macro_rules! vector {
        (
            $(#[$doc:meta])* $name:ident, $inner:ty, $type:ty, $lanes:literal, $splat:ident, $load:ident, $store:ident,
            $fma:ident, $add:ident, $sub:ident, $sqrt:ident, $max:ident, $zero:ident, $greater:ident, $equal:ident,
            $abs:ident, $mul:ident, $div:ident, $min:ident, $exp:ident, $to_bits:ident, $from_bits:ident, $left:ident,
            $plus:ident, $bits:ident, $mantissa:literal, $bias:literal
        ) => {
            $(#[$doc])*
            #[derive(Clone, Copy)]
            pub(crate) struct $name($inner);

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
                fn mul(self, b: Self) -> Self {
                    $name(unsafe { $mul(self.0, b.0) })
                }

                #[inline(always)]
                fn div(self, b: Self) -> Self {
                    $name(unsafe { $div(self.0, b.0) })
                }

                #[inline(always)]
                fn greater(self, b: Self) -> Self {
                    $name(unsafe { $max(self.0, b.0) })
                }

                #[inline(always)]
                fn lesser(self, b: Self) -> Self {
                    $name(unsafe { $min(self.0, b.0) })
                }

                #[inline(always)]
                fn equal(self, b: Self, value: Self) -> Self {
                    $name(unsafe { $equal(self.0, b.0, value.0) })
                }

                #[inline(always)]
                fn two_to(self) -> Self {
                    $name(unsafe {
                        let exponents = $left::<$mantissa>($to_bits(self.0));
                        $from_bits($plus(exponents, $bits($bias << $mantissa)))
                    })
                }

                #[inline(always)]
                fn exp(self) -> Self {
                    super::$exp(self)
                }

                #[inline(always)]
                fn sqrt(self) -> Self {
                    $name(unsafe { $sqrt(self.0) })
                }

                #[inline(always)]
                fn abs(self) -> Self {
                    $name(unsafe { $abs(self.0) })
                }

                #[inline(always)]
                fn positive(self) -> Self {
                    $name(unsafe { $max(self.0, $zero()) })
                }

                #[inline(always)]
                fn gate(self, value: Self) -> Self {
                    $name(unsafe { $greater(self.0, $zero(), value.0) })
                }
            }
        };
    }

    vector!(
        /// Eight f32.
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
        greater_8,
        equal_8,
        abs_8,
        _mm256_mul_ps,
        _mm256_div_ps,
        _mm256_min_ps,
        exp_single,
        _mm256_castps_si256,
        _mm256_castsi256_ps,
        _mm256_slli_epi32,
        _mm256_add_epi32,
        _mm256_set1_epi32,
        23,
        127
    );
    vector!(
        /// Four f64.
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
        greater_4,
        equal_4,
        abs_4,
        _mm256_mul_pd,
        _mm256_div_pd,
        _mm256_min_pd,
        exp_double,
        _mm256_castpd_si256,
        _mm256_castsi256_pd,
        _mm256_slli_epi64,
        _mm256_add_epi64,
        _mm256_set1_epi64x,
        52,
        1023
    );
    vector!(
        /// Sixteen f32.
        F32x16,
        __m512,
        f32,
        16,
        _mm512_set1_ps,
        _mm512_loadu_ps,
        _mm512_storeu_ps,
        _mm512_fmadd_ps,
        _mm512_add_ps,
        _mm512_sub_ps,
        _mm512_sqrt_ps,
        _mm512_max_ps,
        _mm512_setzero_ps,
        wide_greater_16,
        wide_equal_16,
        _mm512_abs_ps,
        _mm512_mul_ps,
        _mm512_div_ps,
        _mm512_min_ps,
        exp_single,
        _mm512_castps_si512,
        _mm512_castsi512_ps,
        _mm512_slli_epi32,
        _mm512_add_epi32,
        _mm512_set1_epi32,
        23,
        127
    );
    vector!(
        /// Eight f64.
        F64x8,
        __m512d,
        f64,
        8,
        _mm512_set1_pd,
        _mm512_loadu_pd,
        _mm512_storeu_pd,
        _mm512_fmadd_pd,
        _mm512_add_pd,
        _mm512_sub_pd,
        _mm512_sqrt_pd,
        _mm512_max_pd,
        _mm512_setzero_pd,
        wide_greater_8,
        wide_equal_8,
        _mm512_abs_pd,
        _mm512_mul_pd,
        _mm512_div_pd,
        _mm512_min_pd,
        exp_double,
        _mm512_castpd_si512,
        _mm512_castsi512_pd,
        _mm512_slli_epi64,
        _mm512_add_epi64,
        _mm512_set1_epi64,
        52,
        1023
    );
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{F32x8, F32x16, F64x4, F64x8};
