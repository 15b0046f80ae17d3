//! a · b + c rounded once, to the same bits on every processor: what the portable vectors of the kernel and of the passes
//! compute with, so that their numbers are those of AVX2.
//!
//! Where every processor of an architecture has the instruction (ARM, RISC-V, PowerPC, and x86 built for FMA), it is used.
//! x86-64 without FMA would call the C library for every number; there the rounding is emulated in doubles, without branches,
//! so that loops become vectors.
//!
//! Invariants: the bits are those of [`f32::mul_add`] and [`f64::mul_add`] for all numbers, zeros with their signs, subnormal
//! numbers and infinities included; NaN where these are, with whatever payload.
//!
//! Source: Boldo and Melquiond, Emulation of a FMA and correctly rounded sums: proved algorithms using rounding to odd, IEEE
//! Transactions on Computers 57 (2008). A number that is rounded to odd with two digits more than wanted, and then to
//! nearest, is rounded as if it had been rounded once.

/// Whether the target has the instruction whatever the processor.
const INSTRUCTION: bool = cfg!(any(not(target_arch = "x86_64"), target_feature = "fma"));

/// The sum of two numbers and what rounding took from it, exactly (Knuth, The Art of Computer Programming 2, 4.2.2).
#[inline(always)]
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let other = sum - a;
    (sum, (a - (sum - other)) + (b - other))
}

/// A sum, rounded to nearest and short of `error`, as rounded to odd: where it is not exact and ends in an even digit, the
/// neighbour on the side of the error, which ends in an odd one.
#[inline(always)]
fn to_odd(sum: f64, error: f64) -> f64 {
    let bits = sum.to_bits();
    // NaN, which the error of an infinite sum is, counts as no error.
    let inexact = u64::from(error < 0.0) | u64::from(error > 0.0);
    let even = !bits & 1;
    // Towards zero where the error and the sum have different signs: their magnitude is then one digit less.
    let inwards = (error.to_bits() ^ bits) >> 63;
    // 1 outwards, −1 inwards.
    let step = 1u64.wrapping_sub(inwards << 1);
    f64::from_bits(bits.wrapping_add(step & 0u64.wrapping_sub(inexact & even)))
}

/// a · b + c, rounded once.
#[inline(always)]
pub fn single(a: f32, b: f32, c: f32) -> f32 {
    if INSTRUCTION { a.mul_add(b, c) } else { single_emulated(a, b, c) }
}

/// A product of two f32 is exact in f64, so that one sum is all that rounds; a double has 29 digits more than a single.
#[inline(always)]
fn single_emulated(a: f32, b: f32, c: f32) -> f32 {
    let (sum, error) = two_sum(f64::from(a) * f64::from(b), f64::from(c));
    to_odd(sum, error) as f32
}

/// a · b + c, rounded once.
#[inline(always)]
pub fn double(a: f64, b: f64, c: f64) -> f64 {
    if INSTRUCTION { a.mul_add(b, c) } else { double_emulated(a, b, c) }
}

/// Magnitudes between which products of doubles are taken apart without over- or underflow: 2⁻⁴⁰⁰ and 2⁴⁰⁰. Their product's
/// last digit is above 2⁻⁹⁰⁶, and so is that of every part.
const APART: [f64; 2] = [3.872_591_914_849_318e-121, 2.582_249_878_086_908_6e120];

/// Whether a factor can be taken apart.
#[inline(always)]
fn moderate(x: f64) -> bool {
    x == 0.0 || (x.abs() > APART[0] && x.abs() < APART[1])
}

/// What is out of range goes to the C library.
#[inline(always)]
fn double_emulated(a: f64, b: f64, c: f64) -> f64 {
    // The addend stays far from overflow, and above the products' last digits unless it is zero.
    if moderate(a) && moderate(b) && moderate(c) { double_moderate(a, b, c) } else { a.mul_add(b, c) }
}

/// The upper 26 digits of a number, and the others (Veltkamp).
#[inline(always)]
fn halves(x: f64) -> (f64, f64) {
    let shifted = x * 134_217_729.0;
    let high = shifted - (shifted - x);
    (high, x - high)
}

#[inline(always)]
fn double_moderate(a: f64, b: f64, c: f64) -> f64 {
    // The product and its error, exactly (Dekker).
    let product = a * b;
    let ((ah, al), (bh, bl)) = (halves(a), halves(b));
    let rest = al * bl - (((product - ah * bh) - al * bh) - ah * bl);
    // Boldo and Melquiond, figure 4.
    let (th, tl) = two_sum(c, rest);
    let (vh, vl) = two_sum(product, th);
    let (sum, error) = two_sum(tl, vl);
    let total = vh + to_odd(sum, error);
    // Where nothing is left, the product was exact, and its sum with the addend has the right sign of zero.
    if total == 0.0 { product + c } else { total }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn same_single(a: f32, b: f32, c: f32) {
        let (ours, exact) = (single_emulated(a, b, c), a.mul_add(b, c));
        let same = ours.to_bits() == exact.to_bits() || (ours.is_nan() && exact.is_nan());
        assert!(same, "{a:e} · {b:e} + {c:e}: {ours:e} instead of {exact:e}");
    }

    fn same_double(a: f64, b: f64, c: f64) {
        let (ours, exact) = (double_emulated(a, b, c), a.mul_add(b, c));
        let same = ours.to_bits() == exact.to_bits() || (ours.is_nan() && exact.is_nan());
        assert!(same, "{a:e} · {b:e} + {c:e}: {ours:e} instead of {exact:e}");
    }

    #[test]
    fn the_edges_are_those_of_the_instruction() {
        let least = f32::from_bits(1);
        let edges = [0.0, 1.0, 1.0 + f32::EPSILON, 1.0 - f32::EPSILON / 2.0, 0.1, 3.0, f32::MAX, f32::MIN_POSITIVE];
        let more = [least, f32::INFINITY, f32::NAN, 2f32.powi(-75), 2f32.powi(12), 1.0 + 2f32.powi(-12)];
        let all: Vec<f32> = edges.into_iter().chain(more).flat_map(|x| [x, -x]).collect();
        for &a in &all {
            for &b in &all {
                for &c in &all {
                    same_single(a, b, c);
                }
            }
        }
        let edges = [0.0, 1.0, 1.0 + f64::EPSILON, 1.0 - f64::EPSILON / 2.0, 0.1, f64::MAX, f64::MIN_POSITIVE];
        let more = [f64::from_bits(1), f64::INFINITY, f64::NAN, 2f64.powi(-538), 2f64.powi(27), APART[0], APART[1]];
        let all: Vec<f64> = edges.into_iter().chain(more).flat_map(|x| [x, -x, x * 3.0]).collect();
        for &a in &all {
            for &b in &all {
                for &c in &all {
                    same_double(a, b, c);
                }
            }
        }
    }

    #[test]
    fn halfway_between_two_numbers_the_last_digit_decides() {
        // (1 + 2⁻¹²)² + c is just above or below the middle of two neighbours, by less than a double can tell.
        for (a, c) in [(1.0 + 2f32.powi(-12), 2f32.powi(-60)), (1.0 + 2f32.powi(-12), -2f32.powi(-60))] {
            same_single(a, a, c);
            same_single(a, -a, c);
            // As a product and a sum of doubles, rounded twice, it comes out as if c were 0.
            let twice = |c: f32| (f64::from(a) * f64::from(a) + f64::from(c)) as f32;
            assert_eq!(twice(c), twice(0.0));
        }
        assert_ne!(single_emulated(1.0 + 2f32.powi(-12), 1.0 + 2f32.powi(-12), 2f32.powi(-60)), {
            let a = 1.0 + 2f32.powi(-12);
            a * a
        });
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 200_000, ..ProptestConfig::default() })]

        #[test]
        fn any_singles(a: u32, b: u32, c: u32) {
            same_single(f32::from_bits(a), f32::from_bits(b), f32::from_bits(c));
        }

        /// Addends near the product, where digits cancel, and near halves of its last digit.
        #[test]
        fn singles_that_cancel(a in -2f32..2.0, b in -2f32..2.0, off in -3i32..4, scale in -60i32..30, sign: bool) {
            let product = -(a * b);
            let near = f32::from_bits(product.to_bits().wrapping_add_signed(off));
            same_single(a, b, near);
            same_single(a, b, (a * b) * 2f32.powi(scale) * if sign { 1.0 } else { -1.0 });
        }

        #[test]
        fn any_doubles(a: u64, b: u64, c: u64) {
            same_double(f64::from_bits(a), f64::from_bits(b), f64::from_bits(c));
        }

        #[test]
        fn doubles_that_cancel(a in -2f64..2.0, b in -2f64..2.0, off in -3i64..4, scale in -120i32..60, sign: bool) {
            let product = -(a * b);
            let near = f64::from_bits(product.to_bits().wrapping_add_signed(off));
            same_double(a, b, near);
            same_double(a, b, (a * b) * 2f64.powi(scale) * if sign { 1.0 } else { -1.0 });
        }

        /// Few digits each: products and sums that end halfway.
        #[test]
        fn numbers_of_few_digits(a in -9000i32..9000, b in -9000i32..9000, c in -9000i32..9000, at in -70i32..70) {
            let (x, y) = (f64::from(a), f64::from(b));
            same_double(x + x * f64::EPSILON, y, f64::from(c) * 2f64.powi(at));
            same_single(a as f32, b as f32, c as f32 * 2f32.powi(at));
        }
    }
}
