//! Elementary functions against f64 over their whole range, on every instruction set.

use super::reference::activation;
use crate::Activation;
use crate::function::{erf, exp, exp_m1_of_negative, gelu, ln_1p, sigmoid, tanh};
use crate::simd::{Isa, Lane, Task, dispatch};

#[derive(Clone, Copy, Debug)]
enum Function {
    Exp,
    Ln1p,
    Tanh,
    Sigmoid,
    Gelu,
    GeluSlope,
    ExpM1,
    Erf,
    ErfSlope,
}

const ALL: [Function; 9] = [
    Function::Exp,
    Function::Ln1p,
    Function::Tanh,
    Function::Sigmoid,
    Function::Gelu,
    Function::GeluSlope,
    Function::ExpM1,
    Function::Erf,
    Function::ErfSlope,
];

struct Apply<'a> {
    function: Function,
    x: &'a mut [f32],
}

impl Task for Apply<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        for chunk in self.x.chunks_exact_mut(V::LEN) {
            let x = V::load(chunk);
            let y = match self.function {
                Function::Exp => exp(x),
                Function::Ln1p => ln_1p(x),
                Function::Tanh => tanh(x),
                Function::Sigmoid => sigmoid(x),
                Function::Gelu => gelu(x).0,
                Function::GeluSlope => gelu(x).1,
                Function::ExpM1 => exp_m1_of_negative(x),
                Function::Erf => erf(x).0,
                Function::ErfSlope => erf(x).1,
            };
            y.store(chunk);
        }
    }
}

/// Greatest error over `x`, by the given measure of (ours, exact, x).
fn worst(function: Function, x: &[f32], exact: impl Fn(f64) -> f64, error: impl Fn(f64, f64, f64) -> f64) -> f64 {
    let mut worst = 0f64;
    for isa in Isa::here().chain([Isa::Unfused]) {
        let mut y = x.to_vec();
        dispatch(isa, 1, Apply { function, x: &mut y });
        for (&y, &x) in y.iter().zip(x) {
            let x = f64::from(x);
            worst = worst.max(error(f64::from(y), exact(x), x));
        }
    }
    println!("{function:?}: {worst:e}");
    worst
}

/// Both signs, from tiny to `top`, evenly spread over magnitudes and over values.
fn points(top: f32, both: bool) -> Vec<f32> {
    let n = 1 << 16;
    let magnitudes = (0..n).map(|i| top * 1e-6f32.powf(i as f32 / n as f32));
    let values = (0..n).map(|i| top * i as f32 / n as f32);
    magnitudes.chain(values).flat_map(|x| [x, if both { -x } else { x }]).collect()
}

/// The same bits on every instruction set: from the least magnitudes to the greatest, within the ranges and beyond.
#[test]
fn functions_have_the_same_bits_everywhere() {
    let magnitudes = (0..f32::INFINITY.to_bits()).step_by(65_521).map(f32::from_bits);
    let all: Vec<f32> = points(100.0, true).into_iter().step_by(16).chain(magnitudes.flat_map(|x| [x, -x])).collect();
    let whole = all.len() / 16 * 16;
    for function in ALL {
        let on = |isa: Isa| {
            let mut x = all[..whole].to_vec();
            dispatch(isa, 1, Apply { function, x: &mut x });
            x
        };
        let portable = on(Isa::Portable);
        for isa in Isa::here() {
            for ((&x, a), b) in all.iter().zip(&portable).zip(on(isa)) {
                assert!(
                    a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
                    "{function:?} of {x:e}: {a:e}, {b:e}"
                );
            }
        }
    }
}

fn relative(y: f64, exact: f64, _: f64) -> f64 {
    if exact == 0.0 { y.abs() } else { ((y - exact) / exact).abs() }
}

#[test]
fn relative_errors() {
    // Two roundings are 1.2e-7; the polynomials add little.
    assert!(worst(Function::Exp, &points(86.0, true), f64::exp, relative) < 1.5e-7);
    assert!(worst(Function::Tanh, &points(12.0, true), f64::tanh, relative) < 2e-7);
    assert!(worst(Function::Ln1p, &points(1e4, false), f64::ln_1p, relative) < 2.5e-7);
    assert!(worst(Function::Sigmoid, &points(80.0, true), |x| 1.0 / (1.0 + (-x).exp()), relative) < 3e-7);
}

#[test]
fn gelu_errors() {
    let x: Vec<f32> = points(9.0, true).into_iter().step_by(16).collect();
    let scaled = |y: f64, exact: f64, x: f64| (y - exact).abs() / x.abs().max(1.0);
    let value = |x: f64| activation(Activation::Gelu, x).0;
    let slope = |x: f64| activation(Activation::Gelu, x).1;
    assert!(worst(Function::Gelu, &x, value, scaled) < 4e-7);
    assert!(worst(Function::GeluSlope, &x, slope, scaled) < 4e-7);
}

#[test]
fn errors_of_the_error_function_and_of_exp_m1() {
    use phasesweep_networks::Activation as Named;
    let x = points(10.0, true);
    // The library's error function is itself good to 1e-12 or so.
    assert!(worst(Function::Erf, &x, |x| Named::Erf.value(x), relative) < 3e-7);
    assert!(worst(Function::ErfSlope, &x, |x| Named::Erf.slope(x), |y, exact, _| (y - exact).abs()) < 4e-7);
    let negative: Vec<f32> = points(86.0, false).into_iter().map(|x| -x).collect();
    assert!(worst(Function::ExpM1, &negative, f64::exp_m1, relative) < 2e-7);
}

#[test]
fn not_a_number_stays() {
    for function in ALL {
        for isa in Isa::here().chain([Isa::Unfused]) {
            let mut x = [f32::NAN; 16];
            dispatch(isa, 1, Apply { function, x: &mut x });
            assert!(x.iter().all(|x| x.is_nan()), "{function:?} on {isa:?}");
        }
    }
}

#[test]
fn beyond_the_range() {
    let mut x = [f32::INFINITY, f32::NEG_INFINITY, 100.0, -100.0, 1e30, -1e30, 0.0, -0.0].repeat(2);
    dispatch(Isa::detect(), 1, Apply { function: Function::Tanh, x: &mut x });
    assert_eq!(x[..8], [1.0, -1.0, 1.0, -1.0, 1.0, -1.0, 0.0, 0.0]);
}
