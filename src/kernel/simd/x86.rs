//! AVX2 (with FMA) and AVX-512 vectors.
//!
//! Every intrinsic is called in an unsafe block for one reason, given here once: the vector types are private to this
//! room and reach other code only through [`dispatch`], whose caller has asked the processor for the instructions.

#![allow(clippy::undocumented_unsafe_blocks)] // the reason is the same for all, and stands above

use std::arch::asm;
use std::arch::x86_64::*;

use super::isa::Isa;
use super::lane::{self, Lane, ROWS, Task};

/// Eight f32 in a ymm register.
#[derive(Clone, Copy)]
pub(super) struct Ymm(__m256);

/// Sixteen f32 in a zmm register.
#[derive(Clone, Copy)]
pub(super) struct Zmm(__m512);

/// A round of 3 rows × 4 vectors, with the instruction that reads an element of A.
macro_rules! round_3_by_4 {
    ($read:literal, $sum:expr, $a:expr, $a_row:expr, $b:expr) => {{
        let [[s00, s01, s02, s03], [s10, s11, s12, s13], [s20, s21, s22, s23]] = $sum;
        asm!(
            concat!($read, " {f0}, [{a}]"),
            concat!($read, " {f1}, [{a} + 4*{row}]"),
            concat!($read, " {f2}, [{a} + 8*{row}]"),
            "vmovups {column}, [{b}]",
            "vfmadd231ps {s00}, {f0}, {column}",
            "vfmadd231ps {s10}, {f1}, {column}",
            "vfmadd231ps {s20}, {f2}, {column}",
            "vmovups {column}, [{b} + 32]",
            "vfmadd231ps {s01}, {f0}, {column}",
            "vfmadd231ps {s11}, {f1}, {column}",
            "vfmadd231ps {s21}, {f2}, {column}",
            "vmovups {column}, [{b} + 64]",
            "vfmadd231ps {s02}, {f0}, {column}",
            "vfmadd231ps {s12}, {f1}, {column}",
            "vfmadd231ps {s22}, {f2}, {column}",
            "vmovups {column}, [{b} + 96]",
            "vfmadd231ps {s03}, {f0}, {column}",
            "vfmadd231ps {s13}, {f1}, {column}",
            "vfmadd231ps {s23}, {f2}, {column}",
            a = in(reg) $a,
            row = in(reg) $a_row,
            b = in(reg) $b,
            s00 = inout(ymm_reg) s00.0, s01 = inout(ymm_reg) s01.0, s02 = inout(ymm_reg) s02.0, s03 = inout(ymm_reg) s03.0,
            s10 = inout(ymm_reg) s10.0, s11 = inout(ymm_reg) s11.0, s12 = inout(ymm_reg) s12.0, s13 = inout(ymm_reg) s13.0,
            s20 = inout(ymm_reg) s20.0, s21 = inout(ymm_reg) s21.0, s22 = inout(ymm_reg) s22.0, s23 = inout(ymm_reg) s23.0,
            f0 = out(ymm_reg) _,
            f1 = out(ymm_reg) _,
            f2 = out(ymm_reg) _,
            column = out(ymm_reg) _,
            options(pure, readonly, nostack, preserves_flags),
        );
    }};
}

/// [`Lane::round`] of 3 rows × 4 vectors. Twelve sums, three factors and a column are all 16 registers; left to itself,
/// the compiler loads the next columns early and spills sums for them.
///
/// # Safety
/// As for [`Lane::round`].
#[inline]
#[target_feature(enable = "avx,fma")]
unsafe fn round_3_by_4<const P: usize>(sum: &mut [[Ymm; 4]; 3], a: *const f32, a_row: usize, b: *const f32) {
    unsafe {
        match P {
            1 => round_3_by_4!("vbroadcastss", sum, a, a_row, b),
            2 => round_3_by_4!("vbroadcastsd", sum, a, a_row, b),
            4 => round_3_by_4!("vbroadcastf128", sum, a, a_row, b),
            _ => round_3_by_4!("vmovups", sum, a, a_row, b),
        }
    }
}

/// A mask of the first lanes.
#[inline(always)]
unsafe fn first_of_8(count: usize) -> __m256i {
    unsafe { _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)) }
}

impl Lane for Ymm {
    const LEN: usize = 8;
    const SUMS: usize = 12;
    type Mask = __m256;

    #[inline(always)]
    unsafe fn round<const MR: usize, const NV: usize, const P: usize>(
        sum: &mut [[Self; NV]; MR],
        a: *const f32,
        a_row: usize,
        b: *const f32,
    ) {
        if MR != 3 || NV != 4 {
            return unsafe { lane::round::<Self, MR, NV, P>(sum, a, a_row, b) };
        }
        // SAFETY: the sum has 3 × 4 vectors, as just seen; the caller vouches for what is read.
        unsafe { round_3_by_4::<P>(&mut *std::ptr::from_mut(sum).cast(), a, a_row, b) }
    }

    #[inline(always)]
    fn enter<T: Task, const R: usize>(task: T) {
        unsafe { ymm::<T, R>(task) }
    }

    #[inline(always)]
    fn splat(x: f32) -> Self {
        Ymm(unsafe { _mm256_set1_ps(x) })
    }

    #[inline(always)]
    unsafe fn load_at(from: *const f32) -> Self {
        Ymm(unsafe { _mm256_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn pattern_at<const P: usize>(from: *const f32) -> Self {
        Ymm(unsafe {
            match P {
                1 => _mm256_set1_ps(*from),
                2 => _mm256_castpd_ps(_mm256_set1_pd(from.cast::<f64>().read_unaligned())),
                4 => _mm256_broadcast_ps(&from.cast::<__m128>().read_unaligned()),
                _ => _mm256_loadu_ps(from),
            }
        })
    }

    #[inline(always)]
    unsafe fn store_at(self, to: *mut f32) {
        unsafe { _mm256_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn load_part_at(from: *const f32, count: usize) -> Self {
        Ymm(unsafe { _mm256_maskload_ps(from, first_of_8(count)) })
    }

    #[inline(always)]
    unsafe fn store_part_at(self, to: *mut f32, count: usize) {
        unsafe { _mm256_maskstore_ps(to, first_of_8(count), self.0) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Ymm(unsafe { _mm256_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Ymm(unsafe { _mm256_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Ymm(unsafe { _mm256_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Ymm(unsafe { _mm256_div_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn fma(self, by: Self, plus: Self) -> Self {
        Ymm(unsafe { _mm256_fmadd_ps(self.0, by.0, plus.0) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Ymm(unsafe { _mm256_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Ymm(unsafe { _mm256_min_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Ymm(unsafe { _mm256_sqrt_ps(self.0) })
    }

    #[inline(always)]
    fn gt(self, other: Self) -> Self::Mask {
        unsafe { _mm256_cmp_ps::<_CMP_GT_OQ>(self.0, other.0) }
    }

    #[inline(always)]
    fn is_nan(self) -> Self::Mask {
        unsafe { _mm256_cmp_ps::<_CMP_UNORD_Q>(self.0, self.0) }
    }

    #[inline(always)]
    fn bits(mask: Self::Mask) -> u32 {
        unsafe { _mm256_movemask_ps(mask) as u32 }
    }

    #[inline(always)]
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
        Ymm(unsafe { _mm256_blendv_ps(no.0, yes.0, mask) })
    }

    #[inline(always)]
    fn abs(self) -> Self {
        Ymm(unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), self.0) })
    }

    #[inline(always)]
    fn with_sign(self, sign: Self) -> Self {
        Ymm(unsafe { _mm256_or_ps(self.0, _mm256_and_ps(_mm256_set1_ps(-0.0), sign.0)) })
    }

    #[inline(always)]
    fn two_to(self) -> Self {
        Ymm(unsafe {
            let shifted = _mm256_slli_epi32::<23>(_mm256_castps_si256(self.0));
            _mm256_castsi256_ps(_mm256_add_epi32(shifted, _mm256_set1_epi32(0x3f80_0000)))
        })
    }

    #[inline(always)]
    fn split(self) -> (Self, Self) {
        unsafe {
            let bits = _mm256_castps_si256(self.0);
            let exponent = _mm256_cvtepi32_ps(_mm256_srli_epi32::<23>(bits));
            let fraction = _mm256_and_si256(bits, _mm256_set1_epi32(0x007f_ffff));
            let mantissa = _mm256_or_si256(fraction, _mm256_set1_epi32(0x3f80_0000));
            (Ymm(_mm256_sub_ps(exponent, _mm256_set1_ps(127.0))), Ymm(_mm256_castsi256_ps(mantissa)))
        }
    }
}

impl Lane for Zmm {
    const LEN: usize = 16;
    const SUMS: usize = 24;
    type Mask = __mmask16;

    #[inline(always)]
    fn enter<T: Task, const R: usize>(task: T) {
        unsafe { zmm::<T, R>(task) }
    }

    #[inline(always)]
    fn splat(x: f32) -> Self {
        Zmm(unsafe { _mm512_set1_ps(x) })
    }

    #[inline(always)]
    unsafe fn load_at(from: *const f32) -> Self {
        Zmm(unsafe { _mm512_loadu_ps(from) })
    }

    #[inline(always)]
    unsafe fn pattern_at<const P: usize>(from: *const f32) -> Self {
        Zmm(unsafe {
            match P {
                1 => _mm512_set1_ps(*from),
                2 => _mm512_castpd_ps(_mm512_set1_pd(from.cast::<f64>().read_unaligned())),
                4 => _mm512_broadcast_f32x4(_mm_loadu_ps(from)),
                8 => _mm512_broadcast_f32x8(_mm256_loadu_ps(from)),
                _ => _mm512_loadu_ps(from),
            }
        })
    }

    #[inline(always)]
    unsafe fn store_at(self, to: *mut f32) {
        unsafe { _mm512_storeu_ps(to, self.0) }
    }

    #[inline(always)]
    unsafe fn load_part_at(from: *const f32, count: usize) -> Self {
        Zmm(unsafe { _mm512_maskz_loadu_ps((1 << count) - 1, from) })
    }

    #[inline(always)]
    unsafe fn store_part_at(self, to: *mut f32, count: usize) {
        unsafe { _mm512_mask_storeu_ps(to, (1 << count) - 1, self.0) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Zmm(unsafe { _mm512_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        Zmm(unsafe { _mm512_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        Zmm(unsafe { _mm512_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        Zmm(unsafe { _mm512_div_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn fma(self, by: Self, plus: Self) -> Self {
        Zmm(unsafe { _mm512_fmadd_ps(self.0, by.0, plus.0) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        Zmm(unsafe { _mm512_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        Zmm(unsafe { _mm512_min_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        Zmm(unsafe { _mm512_sqrt_ps(self.0) })
    }

    #[inline(always)]
    fn gt(self, other: Self) -> Self::Mask {
        unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, other.0) }
    }

    #[inline(always)]
    fn is_nan(self) -> Self::Mask {
        unsafe { _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(self.0, self.0) }
    }

    #[inline(always)]
    fn bits(mask: Self::Mask) -> u32 {
        u32::from(mask)
    }

    #[inline(always)]
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
        Zmm(unsafe { _mm512_mask_blend_ps(mask, no.0, yes.0) })
    }

    #[inline(always)]
    fn abs(self) -> Self {
        Zmm(unsafe { _mm512_abs_ps(self.0) })
    }

    #[inline(always)]
    fn with_sign(self, sign: Self) -> Self {
        Zmm(unsafe { _mm512_or_ps(self.0, _mm512_and_ps(_mm512_set1_ps(-0.0), sign.0)) })
    }

    #[inline(always)]
    fn two_to(self) -> Self {
        Zmm(unsafe {
            let shifted = _mm512_slli_epi32::<23>(_mm512_castps_si512(self.0));
            _mm512_castsi512_ps(_mm512_add_epi32(shifted, _mm512_set1_epi32(0x3f80_0000)))
        })
    }

    #[inline(always)]
    fn split(self) -> (Self, Self) {
        unsafe {
            let bits = _mm512_castps_si512(self.0);
            let exponent = _mm512_cvtepi32_ps(_mm512_srli_epi32::<23>(bits));
            let fraction = _mm512_and_si512(bits, _mm512_set1_epi32(0x007f_ffff));
            let mantissa = _mm512_or_si512(fraction, _mm512_set1_epi32(0x3f80_0000));
            (Zmm(_mm512_sub_ps(exponent, _mm512_set1_ps(127.0))), Zmm(_mm512_castsi512_ps(mantissa)))
        }
    }
}

/// Fetches every cache line of some memory.
#[inline(always)]
pub(super) fn prefetch<T>(memory: &[T]) {
    let bytes = std::mem::size_of_val(memory);
    for offset in (0..bytes).step_by(64) {
        // SAFETY: a hint without effect on memory; the address lies within the slice.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(memory.as_ptr().cast::<i8>().add(offset)) };
    }
}

/// Compiles a task for AVX2: 3 rows × 4 vectors are 12 accumulators, with the rows' factors and a column all 16 registers.
/// Two units of four cycles have 8 in flight; the rest is slack for late loads. A group of few samples leaves more of
/// sparse products out: 28% remain of MNIST's by threes, 30% by fours, 33% by sixes.
#[inline(never)]
#[target_feature(enable = "avx,avx2,fma,popcnt")]
fn ymm<T: Task, const R: usize>(task: T) {
    task.run::<Ymm, ROWS, 4, R>();
}

/// Compiles a task for AVX-512: 3 rows × 5 vectors are 15 accumulators, nearly twice as many as are in flight.
#[inline(never)]
#[target_feature(enable = "avx,avx2,fma,popcnt,avx512f,avx512dq")]
fn zmm<T: Task, const R: usize>(task: T) {
    task.run::<Zmm, ROWS, 5, R>();
}

/// Runs a task for `replicas` side by side.
///
/// # Safety
/// The processor must have the instructions of `isa`.
pub(super) unsafe fn dispatch<T: Task>(isa: Isa, replicas: usize, task: T) {
    // SAFETY: the caller vouches for the instructions.
    unsafe {
        match (isa, replicas) {
            (Isa::Avx2, 1) => ymm::<T, 1>(task),
            (Isa::Avx2, 2) => ymm::<T, 2>(task),
            (Isa::Avx2, 4) => ymm::<T, 4>(task),
            (Isa::Avx2, 8) => ymm::<T, 8>(task),
            (Isa::Avx512, 1) => zmm::<T, 1>(task),
            (Isa::Avx512, 2) => zmm::<T, 2>(task),
            (Isa::Avx512, 4) => zmm::<T, 4>(task),
            (Isa::Avx512, 8) => zmm::<T, 8>(task),
            (Isa::Avx512, 16) => zmm::<T, 16>(task),
            (isa, other) => unreachable!("{other} replicas in a vector of {}", isa.name()),
        }
    }
}
