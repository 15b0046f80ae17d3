//! Elementwise functions and their derivatives, written so that the compiler makes vectors of them.
//!
//! Absolute error within 4e-7 of the exact function: exponentials by range reduction and a polynomial of degree 6, the
//! error function by Abramowitz and Stegun (1964), 7.1.26. Ties: the derivative of max(0, z) is 0 at 0.

use phasesweep_networks::{Activation, LEAK};

/// Replaces z by σ(z).
pub(super) fn apply(kind: Activation, z: &mut [f32]) {
    match kind {
        Activation::Relu => z.iter_mut().for_each(|z| *z = if *z > 0.0 { *z } else { 0.0 }),
        Activation::Tanh => z.iter_mut().for_each(|z| *z = tanh(*z)),
        Activation::Sigmoid => z.iter_mut().for_each(|z| *z = sigmoid(*z)),
        Activation::Gelu => z.iter_mut().for_each(|z| *z *= normal(*z)),
        Activation::Softplus => z.iter_mut().for_each(|z| *z = z.max(0.0) + (-z.abs()).exp().ln_1p()),
        Activation::LeakyRelu => z.iter_mut().for_each(|z| *z = if *z > 0.0 { *z } else { LEAK as f32 * *z }),
        Activation::Swish => z.iter_mut().for_each(|z| *z *= sigmoid(*z)),
        Activation::Elu => z.iter_mut().for_each(|z| *z = if *z > 0.0 { *z } else { z.exp_m1() }),
        Activation::Erf => z.iter_mut().for_each(|z| *z = 2.0 * normal(std::f32::consts::SQRT_2 * *z) - 1.0),
        Activation::Quadratic => z.iter_mut().for_each(|z| *z *= *z),
        Activation::Identity => {}
    }
}

/// Replaces z by σ'(z).
pub(super) fn slope(kind: Activation, z: &mut [f32]) {
    match kind {
        Activation::Relu => z.iter_mut().for_each(|z| *z = if *z > 0.0 { 1.0 } else { 0.0 }),
        Activation::Tanh => z.iter_mut().for_each(|z| {
            let h = tanh(*z);
            *z = (1.0 - h) * (1.0 + h);
        }),
        Activation::Sigmoid => z.iter_mut().for_each(|z| {
            let h = sigmoid(*z);
            *z = h * (1.0 - h);
        }),
        Activation::Gelu => z.iter_mut().for_each(|z| {
            let density = exp(-0.5 * *z * *z) * 0.398_942_3;
            *z = *z * density + normal(*z);
        }),
        Activation::Softplus => z.iter_mut().for_each(|z| *z = sigmoid(*z)),
        Activation::LeakyRelu => z.iter_mut().for_each(|z| *z = if *z > 0.0 { 1.0 } else { LEAK as f32 }),
        Activation::Swish => z.iter_mut().for_each(|z| {
            let h = sigmoid(*z);
            *z = h * (1.0 + *z * (1.0 - h));
        }),
        Activation::Elu => z.iter_mut().for_each(|z| *z = exp(z.min(0.0))),
        Activation::Erf => z.iter_mut().for_each(|z| *z = std::f32::consts::FRAC_2_SQRT_PI * exp(-*z * *z)),
        Activation::Quadratic => z.iter_mut().for_each(|z| *z *= 2.0),
        Activation::Identity => z.fill(1.0),
    }
}

fn tanh(z: f32) -> f32 {
    1.0 - 2.0 / (exp(2.0 * z) + 1.0)
}

fn sigmoid(z: f32) -> f32 {
    1.0 / (1.0 + exp(-z))
}

/// Φ(z) = ½ (1 + erf(z/√2)).
fn normal(z: f32) -> f32 {
    let x = z.abs() * std::f32::consts::FRAC_1_SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let series = ((((1.061_405_4 * t - 1.453_152) * t + 1.421_413_7) * t - 0.284_496_74) * t + 0.254_829_6) * t;
    let half = 0.5 * series * exp(-x * x);
    if z > 0.0 { 1.0 - half } else { half }
}

/// eˣ for x cut to [−87, 88], where f32 has the limits already.
fn exp(x: f32) -> f32 {
    /// 1.5·2²³: adding it rounds to a whole number, which the low bits then hold.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    // ln 2 in two parts, the first of few digits: n times it is exact.
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let series = 1.0
        + r * (1.0 + r * (0.5 + r * (1.666_666_7e-1 + r * (4.166_666_8e-2 + r * (8.333_334e-3 + r * 1.388_888_9e-3)))));
    series * f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000))
}

#[cfg(test)]
mod tests {
    use super::*;
    use statrs::function::erf::erf;

    #[test]
    fn functions_and_slopes_are_those_of_double_precision() {
        let phi = |z: f64| 0.5 * (1.0 + erf(z * std::f64::consts::FRAC_1_SQRT_2));
        for step in -4000..=4000 {
            let z = f64::from(step) * 0.005;
            let logistic = 1.0 / (1.0 + (-z).exp());
            let bell = (-0.5 * z * z).exp() / std::f64::consts::TAU.sqrt();
            let exact = [
                (Activation::Relu, z.max(0.0), f64::from(u8::from(z > 0.0))),
                (Activation::Tanh, z.tanh(), 1.0 - z.tanh().powi(2)),
                (Activation::Sigmoid, logistic, logistic * (1.0 - logistic)),
                (Activation::Gelu, z * phi(z), phi(z) + z * bell),
                (Activation::Softplus, (1.0 + z.exp()).ln(), logistic),
                (Activation::LeakyRelu, z.max(0.01 * z), if z > 0.0 { 1.0 } else { 0.01 }),
                (Activation::Swish, z * logistic, logistic * (1.0 + z * (1.0 - logistic))),
                (Activation::Elu, if z > 0.0 { z } else { z.exp_m1() }, z.min(0.0).exp()),
                (Activation::Erf, erf(z), std::f64::consts::FRAC_2_SQRT_PI * (-z * z).exp()),
                (Activation::Quadratic, z * z, 2.0 * z),
                (Activation::Identity, z, 1.0),
            ];
            for (kind, value, derivative) in exact {
                let (mut got, mut gone) = ([z as f32], [z as f32]);
                apply(kind, &mut got);
                slope(kind, &mut gone);
                // What the module promises, times |z| for gelu and swish, plus half a unit in the last place of z itself; the
                // error function is twice the normal distribution's; a square has the relative error of z twice.
                let close = 8e-7 * z.abs().max(1.0)
                    + 6e-8 * z.abs()
                    + if kind == Activation::Quadratic { 2e-7 * z * z } else { 0.0 };
                assert!((f64::from(got[0]) - value).abs() < close, "{kind:?} {z}: {got:?} {value}");
                assert!((f64::from(gone[0]) - derivative).abs() < close, "{kind:?}' {z}: {gone:?} {derivative}");
            }
        }
        let mut far = [-1e30, 1e30];
        apply(Activation::Tanh, &mut far);
        assert_eq!(far, [-1.0, 1.0]);
    }
}
