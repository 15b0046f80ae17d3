//! Eight lanes as a plain array, for processors without the wider instructions and as a check on them.
//!
//! Multiply and add are rounded once, as by the instruction, or, where that was chosen for speed, apart.

use super::lane::{Lane, ROWS, Task};

/// Eight f32. `FUSED`: whether a multiplication and the addition that takes it up are rounded once.
#[derive(Clone, Copy)]
#[repr(C, align(32))]
pub(super) struct Wide<const FUSED: bool>([f32; 8]);

/// Runs a task for `replicas` side by side.
///
/// # Panics
/// If there are not 1, 2, 4 or 8 of them.
pub(super) fn dispatch<T: Task, const FUSED: bool>(replicas: usize, task: T) {
    match replicas {
        1 => Wide::<FUSED>::enter::<T, 1>(task),
        2 => Wide::<FUSED>::enter::<T, 2>(task),
        4 => Wide::<FUSED>::enter::<T, 4>(task),
        8 => Wide::<FUSED>::enter::<T, 8>(task),
        other => unreachable!("{other} replicas in a portable vector"),
    }
}

impl<const FUSED: bool> Wide<FUSED> {
    #[inline(always)]
    fn map(self, f: impl Fn(f32) -> f32) -> Self {
        Wide(std::array::from_fn(|i| f(self.0[i])))
    }

    #[inline(always)]
    fn zip(self, other: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        Wide(std::array::from_fn(|i| f(self.0[i], other.0[i])))
    }
}

impl<const FUSED: bool> Lane for Wide<FUSED> {
    const LEN: usize = 8;
    const SUMS: usize = 4;
    type Mask = [bool; 8];

    #[inline(never)]
    fn enter<T: Task, const R: usize>(task: T) {
        task.run::<Self, ROWS, 1, R>();
    }

    #[inline(always)]
    fn splat(x: f32) -> Self {
        Wide([x; 8])
    }

    #[inline(always)]
    unsafe fn load_at(from: *const f32) -> Self {
        // SAFETY: the caller vouches for eight numbers.
        Wide(unsafe { from.cast::<[f32; 8]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn pattern_at<const P: usize>(from: *const f32) -> Self {
        // SAFETY: the caller vouches for P numbers, and i % P < P.
        Wide(std::array::from_fn(|i| unsafe { from.add(i % P).read() }))
    }

    #[inline(always)]
    unsafe fn store_at(self, to: *mut f32) {
        // SAFETY: the caller vouches for eight numbers.
        unsafe { to.cast::<[f32; 8]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.zip(other, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.zip(other, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.zip(other, |a, b| a / b)
    }

    #[inline(always)]
    fn fma(self, by: Self, plus: Self) -> Self {
        if FUSED {
            Wide(std::array::from_fn(|i| phasesweep_fused::single(self.0[i], by.0[i], plus.0[i])))
        } else {
            self.mul(by).add(plus)
        }
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| if a < b { a } else { b })
    }

    #[inline(always)]
    fn sqrt(self) -> Self {
        self.map(f32::sqrt)
    }

    #[inline(always)]
    fn gt(self, other: Self) -> Self::Mask {
        std::array::from_fn(|i| self.0[i] > other.0[i])
    }

    #[inline(always)]
    fn is_nan(self) -> Self::Mask {
        std::array::from_fn(|i| self.0[i].is_nan())
    }

    #[inline(always)]
    fn bits(mask: Self::Mask) -> u32 {
        mask.iter().rev().fold(0, |bits, &set| bits << 1 | u32::from(set))
    }

    #[inline(always)]
    fn select(mask: Self::Mask, yes: Self, no: Self) -> Self {
        Wide(std::array::from_fn(|i| if mask[i] { yes.0[i] } else { no.0[i] }))
    }

    #[inline(always)]
    fn abs(self) -> Self {
        self.map(f32::abs)
    }

    #[inline(always)]
    fn with_sign(self, sign: Self) -> Self {
        self.zip(sign, f32::copysign)
    }

    #[inline(always)]
    fn two_to(self) -> Self {
        self.map(|x| f32::from_bits((x.to_bits() << 23).wrapping_add(0x3f80_0000)))
    }

    #[inline(always)]
    fn split(self) -> (Self, Self) {
        let exponent = self.map(|x| (x.to_bits() >> 23) as i32 as f32 - 127.0);
        (exponent, self.map(|x| f32::from_bits((x.to_bits() & 0x007f_ffff) | 0x3f80_0000)))
    }
}
