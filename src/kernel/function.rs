//! Elementary functions of vectors: exp, e^x − 1, ln(1 + x), tanh, the logistic function, gelu and the error function.
//!
//! Polynomials are minimax fits (Chebyshev) on the reduced range; each function's error, found against f64 over its
//! whole range, stands beside it and is tested. NaN goes in, NaN comes out.

use super::simd::Lane;

/// 1.5·2²³: added to a small number, it leaves the nearest integer in the low bits.
const ROUND: f32 = 12_582_912.0;
/// ln 2 in two parts, the first short enough that its products with integers are exact.
const LN_2: (f32, f32) = (0.693_359_4, -2.121_944_4e-4);

/// c₀ + c₁x + …, highest coefficient first.
#[inline(always)]
fn polynomial<V: Lane, const N: usize>(x: V, coefficients: [f32; N]) -> V {
    let mut sum = V::splat(coefficients[0]);
    for &c in &coefficients[1..] {
        sum = sum.fma(x, V::splat(c));
    }
    sum
}

/// (s, p) with s = 2ⁿ and exp(x) = s + s·p, for |x| ≤ 88.
#[inline(always)]
fn exp_parts<V: Lane>(x: V) -> (V, V) {
    let shifted = x.fma(V::splat(std::f32::consts::LOG2_E), V::splat(ROUND));
    let n = shifted.sub(V::splat(ROUND));
    let r = n.fma(V::splat(-LN_2.0), x);
    let r = n.fma(V::splat(-LN_2.1), r);
    let tail = polynomial(r, [0.001_392_632_6, 0.008_363_293, 0.041_666_554, 0.166_665_76, 0.5]);
    (shifted.two_to(), r.mul(r).fma(tail, r))
}

/// exp(x), relative error below 1.5e-7; x is held within −87 … 88.
#[inline(always)]
pub(super) fn exp<V: Lane>(x: V) -> V {
    let x = V::splat(-87.0).max(V::splat(88.0).min(x));
    let (s, p) = exp_parts(x);
    s.fma(p, s)
}

/// ln(1 + x) for x ≥ 0, relative error below 2.5e-7.
#[inline(always)]
pub(super) fn ln_1p<V: Lane>(x: V) -> V {
    let one = V::splat(1.0);
    let whole = x.add(one);
    // What the addition rounded away, to first order.
    let lost = x.sub(whole.sub(one)).div(whole);
    let (exponent, mantissa) = whole.split();
    let high = mantissa.gt(V::splat(std::f32::consts::SQRT_2));
    let mantissa = V::select(high, mantissa.mul(V::splat(0.5)), mantissa);
    let exponent = V::select(high, exponent.add(one), exponent);
    let f = mantissa.sub(one);
    let tail = polynomial(
        f,
        [
            -0.079_027_44,
            0.126_223_2,
            -0.129_981_84,
            0.142_144_96,
            -0.166_412_81,
            0.200_010_45,
            -0.250_003_06,
            0.333_333_3,
        ],
    );
    let square = f.mul(f);
    let low = square.mul(f).fma(tail, exponent.fma(V::splat(LN_2.1), lost));
    let low = square.fma(V::splat(-0.5), low).add(f);
    exponent.fma(V::splat(LN_2.0), low)
}

/// tanh(x), relative error below 2e-7.
#[inline(always)]
pub(super) fn tanh<V: Lane>(x: V) -> V {
    // tanh y = e/(e + 2) with e = exp(2y) − 1; at 9.1 it rounds to 1.
    let y = V::splat(9.1).min(x.abs());
    let (s, p) = exp_parts(y.add(y));
    let e = s.fma(p, s.sub(V::splat(1.0)));
    e.div(e.add(V::splat(2.0))).with_sign(x)
}

/// 1/(1 + exp(−x)), relative error below 3e-7 for x ≥ −87.
#[inline(always)]
pub(super) fn sigmoid<V: Lane>(x: V) -> V {
    let one = V::splat(1.0);
    one.div(one.add(exp(V::splat(0.0).sub(x))))
}

/// P of erfc(y) = exp(−y²) t P(t), t = 1/(1 + 0.4 y).
const TAIL: [f32; 10] = [
    -0.033_501_126,
    0.218_785_36,
    -0.546_502_6,
    0.609_342_2,
    -0.334_311_87,
    0.297_973_2,
    0.121_059_98,
    0.216_689_4,
    0.224_748_67,
    0.225_716_86,
];

/// x Φ(x) and its derivative Φ(x) + x φ(x), absolute errors below 4e-7 · max(1, |x|).
#[inline(always)]
pub(super) fn gelu<V: Lane>(x: V) -> (V, V) {
    let one = V::splat(1.0);
    let y = V::splat(14.0).min(x.abs());
    let bell = exp(y.mul(y).mul(V::splat(-0.5)));
    // ½ erfc(y/√2) = ½ exp(−y²/2) t P(t), t = 1/(1 + 0.4 y/√2).
    let t = one.div(y.fma(V::splat(0.4 * std::f32::consts::FRAC_1_SQRT_2), one));
    let scaled = polynomial(t, TAIL);
    let tail = V::splat(0.5).mul(bell).mul(t.mul(scaled));
    let distribution = V::select(x.gt(V::splat(0.0)), one.sub(tail), tail);
    let density = bell.mul(V::splat(0.398_942_3));
    (x.mul(distribution), x.fma(density, distribution))
}

/// e^x − 1 for x ≤ 0, relative error below 2e-7; x above 0 counts as 0.
#[inline(always)]
pub(super) fn exp_m1_of_negative<V: Lane>(x: V) -> V {
    let x = V::splat(-87.0).max(V::splat(0.0).min(x));
    let (s, p) = exp_parts(x);
    s.fma(p, s.sub(V::splat(1.0)))
}

/// erf(y)/y in y² up to 1.
#[expect(clippy::approx_constant, reason = "a fitted coefficient is not the limit at 0 that it is close to")]
const NEAR: [f32; 7] =
    [7.882_497_4e-5, -8.018_855e-4, 5.189_312e-3, -0.026_854_329, 0.112_835_97, -0.376_126_26, 1.128_379_1];

/// erf x, relative error below 3e-7, and its derivative 2 e^{−x²}/√π, absolute error below 4e-7.
#[inline(always)]
pub(super) fn erf<V: Lane>(x: V) -> (V, V) {
    let one = V::splat(1.0);
    let y = V::splat(9.0).min(x.abs());
    let square = y.mul(y);
    let bell = exp(V::splat(0.0).sub(square));
    let t = one.div(y.fma(V::splat(0.4), one));
    let far = one.sub(bell.mul(t.mul(polynomial(t, TAIL))));
    let near = y.mul(polynomial(square, NEAR));
    let value = V::select(y.gt(one), far, near);
    (value.with_sign(x), bell.mul(V::splat(std::f32::consts::FRAC_2_SQRT_PI)))
}
