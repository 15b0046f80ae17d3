//! Products and decompositions of matrices by faer, on one thread.
//!
//! faer's products with AVX-512 and AVX (private-gemm-x86 0.1) end without clearing the upper halves of the vector registers.
//! On Intel's processors every change between instructions of the old encoding, which programs for any x86-64 are made of, and
//! of the new one, which the C library's exponentials are made of, then takes some hundred cycles, for as long as the thread
//! lives: a hyperbolic tangent took 220 ns in place of 20. So whatever calls faer does it here.
//!
//! Invariants: a product is a function of its operands alone (one thread, fixed order); behind a call the upper halves are clear.

#![allow(unsafe_code)]

use faer::traits::ComplexField;
use faer::traits::math_utils::one;
use faer::{Accum, MatMut, MatRef, Par};

/// `left` · `right`, added to `out` or in its place.
#[allow(clippy::disallowed_methods, reason = "the one place that calls it")]
pub fn multiply<T: ComplexField>(out: MatMut<'_, T>, accum: Accum, left: MatRef<'_, T>, right: MatRef<'_, T>) {
    by_faer(|| faer::linalg::matmul::matmul(out, accum, left, right, one::<T>(), Par::Seq));
}

/// Does what is done by faer, and clears the upper halves of the vector registers.
pub fn by_faer<T>(work: impl FnOnce() -> T) -> T {
    let found = work();
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx") {
        // SAFETY: the processor has the instruction.
        unsafe { clear_upper_halves() }
    }
    found
}

/// A call of its own, so that nobody's numbers are in those halves.
///
/// # Safety
/// The processor must have AVX.
#[cfg(target_arch = "x86_64")]
#[inline(never)]
#[target_feature(enable = "avx")]
unsafe fn clear_upper_halves() {
    std::arch::x86_64::_mm256_zeroupper();
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    /// The parts of a thread's registers that are in use (Intel, Software Developer's Manual 1, 13.2): of vectors of 32 and of
    /// 64 bytes, the upper halves. `None` where the processor does not tell.
    fn upper_halves_in_use() -> Option<bool> {
        #[target_feature(enable = "xsave")]
        fn in_use() -> u64 {
            // SAFETY: the processor and the system have the instruction, and its first operand, as was asked below.
            unsafe { std::arch::x86_64::_xgetbv(1) }
        }
        let tells = is_x86_feature_detected!("avx")
            && is_x86_feature_detected!("xsavec")
            && std::arch::x86_64::__cpuid_count(13, 1).eax & 1 << 2 != 0;
        // SAFETY: as asked.
        tells.then(|| unsafe { in_use() } & (1 << 2 | 1 << 6) != 0)
    }

    #[test]
    fn vector_registers_are_left_as_the_c_library_wants_them() {
        let numbers: Vec<f64> = (0..64 * 64).map(|k| f64::from(k % 7)).collect();
        let matrix = MatRef::from_column_major_slice(&numbers, 64, 64);
        let mut out = vec![0.0; 64 * 64];
        multiply(MatMut::from_column_major_slice_mut(&mut out, 64, 64), Accum::Replace, matrix, matrix);
        assert_ne!(upper_halves_in_use(), Some(true));
        let sum: f64 = (0..64).map(|k| numbers[k * 64] * numbers[k]).sum();
        assert_eq!(out[0], sum);
        let factors = by_faer(|| matrix.partial_piv_lu());
        assert_ne!(upper_halves_in_use(), Some(true));
        drop(factors);
    }
}
