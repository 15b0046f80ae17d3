//! Subnormal numbers count as 0 in a process that trains.
//!
//! Moments of Adam whose gradient has died, the losses of samples that are fitted beyond doubt, and signals behind
//! saturated units fall below the least normal number (1.2e-38 in single precision) and stay there. Intel's processors take
//! more than a hundred cycles for an operation that meets one: 10⁵ steps on 500 digits took 29 s there, and 8 s with
//! them taken for 0. What training records was the same to the last bit: to a weight they are nothing.
//!
//! Invariant: all threads of a process agree, since new threads take the mode from the one that starts them; so it is set once,
//! first of all. Programs that only read numbers (the report) leave it as it is.

#![allow(unsafe_code)]

/// Takes subnormal operands and results for 0, in this thread and in those that it starts from now on. To be called first
/// of all in `main`. Where the processor is neither x86-64 nor AArch64 nothing happens.
pub fn flush_subnormals() {
    #[cfg(target_arch = "x86_64")]
    {
        // MXCSR: results (bit 15) and operands (bit 6).
        const MODES: u32 = 1 << 15 | 1 << 6;
        let mut control = 0_u32;
        // SAFETY: every x86-64 processor has MXCSR; rounding and masks of exceptions stay what they are, and the compiler
        // keeps no promise about numbers that are subnormal.
        unsafe {
            std::arch::asm!("stmxcsr [{0}]", in(reg) &raw mut control, options(nostack, preserves_flags));
            control |= MODES;
            std::arch::asm!("ldmxcsr [{0}]", in(reg) &raw const control, options(nostack, preserves_flags, readonly));
        }
    }
    #[cfg(target_arch = "aarch64")]
    {
        // FPCR: operands and results (bit 24).
        // SAFETY: as above.
        unsafe {
            let mut control: u64;
            std::arch::asm!("mrs {0}, fpcr", out(reg) control, options(nomem, nostack, preserves_flags));
            control |= 1 << 24;
            std::arch::asm!("msr fpcr, {0}", in(reg) control, options(nomem, nostack, preserves_flags));
        }
    }
}

#[cfg(all(test, any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests {
    use std::hint::black_box;
    use std::thread;

    use super::flush_subnormals;

    #[test]
    fn threads_take_subnormal_numbers_for_nothing_once_their_parent_does() {
        let sums = || {
            let half = black_box(f32::MIN_POSITIVE) * black_box(0.5);
            let double = black_box(f64::MIN_POSITIVE) * black_box(0.5);
            (half.to_bits(), black_box(f32::from_bits(1)) * black_box(1e30), double.to_bits())
        };
        let before = sums();
        let (own, child) = thread::spawn(move || {
            flush_subnormals();
            (sums(), thread::spawn(sums).join())
        })
        .join()
        .expect("a thread that multiplies");
        assert!(before.0 != 0 && before.1 > 0.0 && before.2 != 0, "the tests' own thread keeps them: {before:?}");
        assert_eq!((own, child.expect("its child")), ((0, 0.0, 0), (0, 0.0, 0)));
        assert_eq!(sums(), before, "another thread's mode does not reach this one");
    }

    #[test]
    fn normal_numbers_and_nan_stay() {
        let [normal, nan] = thread::spawn(|| {
            flush_subnormals();
            [black_box(f32::MIN_POSITIVE) * black_box(1.0), black_box(f32::NAN) * black_box(0.0)]
        })
        .join()
        .expect("a thread that multiplies");
        assert!(normal == f32::MIN_POSITIVE && nan.is_nan());
    }
}
