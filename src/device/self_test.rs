//! Whether a device computes what the host does, asked of it before anything is trained there.
//!
//! What an API promises and what a driver does are two things: shading languages leave open what a function makes of large
//! arguments and what a comparison makes of NaN, and software renderers differ in both. A wrong tanh shows in no error message; it
//! shows as a result. So a device that fails here is refused.
//!
//! Invariants: every operation that training takes its decisions by is asked (argmax, comparisons with what is not finite), and
//! every function that a network may be made of, at ordinary, at large and at not finite arguments; products and sums are of whole
//! numbers, which f32 (and factors rounded to TF32) hold exactly, so that they are compared exactly.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ::burn::tensor::{Device, Int, Tensor, TensorData, activation};

/// What a device computes otherwise than the host.
#[derive(Debug, Clone, PartialEq)]
pub enum Wrong {
    /// A number.
    Number {
        /// The operation, with its argument.
        operation: String,
        /// What came out.
        found: f32,
        /// What is right.
        expected: f32,
    },
    /// It did not compute at all.
    Failed {
        /// The operation.
        operation: &'static str,
        /// What its driver says.
        message: String,
    },
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wrong::Number { operation, found, expected } => {
                write!(f, "{operation} came out as {found} instead of {expected}")
            }
            Wrong::Failed { operation, message } => write!(f, "{operation} failed: {message}"),
        }
    }
}

/// Arguments of functions: ordinary, beyond where f32's exponential overflows or vanishes, and not finite.
const ARGUMENTS: [f32; 16] =
    [-3.0e38, -1000.0, -104.0, -88.0, -20.0, -2.5, -0.5, -1.0e-3, 0.0, 1.0e-3, 0.5, 2.5, 20.0, 88.0, 1000.0, f32::NAN];

/// Absolute and relative difference within which a function agrees: Vulkan grants exp an error of some 2·10⁻⁶ of its value at
/// an argument of 20, and what is made of it more; a wrong branch is off by orders of magnitude.
const TOLERANCE: f64 = 2e-5;

/// Runs the test, a fraction of a second where kernels are compiled first.
///
/// # Errors
/// The first thing that is [`Wrong`].
pub fn run(device: &Device) -> Result<(), Wrong> {
    functions(device)?;
    comparisons(device)?;
    products(device)
}

/// What an operation gives on the device; a panic of the backend is a failure.
fn compute(operation: &'static str, work: impl FnOnce() -> Tensor<1>) -> Result<Vec<f32>, Wrong> {
    let failed = |message: String| Wrong::Failed { operation, message };
    let data = catch_unwind(AssertUnwindSafe(|| work().try_into_data().map_err(|error| error.to_string())));
    let data = data.map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        failed(text.unwrap_or_else(|| "the backend panicked".to_owned()))
    })?;
    let values = data.map_err(failed)?.try_into_vec::<f32>();
    values.map_err(|error| failed(format!("{error:?}")))
}

fn tensor(values: &[f32], device: &Device) -> Tensor<1> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
}

/// Whether a value is right: within the tolerance, infinite or as large as f32 goes where it should be, NaN for NaN.
fn agrees(found: f32, expected: f64) -> bool {
    if expected.is_nan() {
        return found.is_nan();
    }
    if expected.abs() > f64::from(f32::MAX) {
        return found.abs() >= f32::MAX && f64::from(found.signum()) == expected.signum();
    }
    (f64::from(found) - expected).abs() <= TOLERANCE * expected.abs().max(1.0)
}

/// A function on a device, and in f64.
type Function = (&'static str, fn(Tensor<1>) -> Tensor<1>, fn(f64) -> f64);

fn functions(device: &Device) -> Result<(), Wrong> {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let all: [Function; 13] = [
        ("tanh", Tensor::tanh, f64::tanh),
        ("exp", Tensor::exp, f64::exp),
        ("sigmoid", activation::sigmoid, sigmoid),
        ("erf", Tensor::erf, |x| if x.is_nan() { x } else { statrs::function::erf::erf(x) }),
        (
            "softplus",
            |x| activation::softplus(x, 1.0),
            |x| if x.is_nan() { x } else { x.max(0.0) + (-x.abs()).exp().ln_1p() },
        ),
        ("relu", activation::relu, |x| if x.is_nan() { x } else { x.max(0.0) }),
        ("square root", |x| x.abs().sqrt(), |x| x.abs().sqrt()),
        ("logarithm", |x| x.abs().add_scalar(1.0).log(), |x| (x.abs() + 1.0).ln()),
        ("reciprocal", |x| x.abs().add_scalar(1.0).recip(), |x| 1.0 / (x.abs() + 1.0)),
        ("difference", |x| x.clone() - x, |x| 0.0 * x),
        ("quotient", |x| x.clone() / x.abs().add_scalar(2.0), |x| x / (x.abs() + 2.0)),
        ("clamp from above", |x| x.clamp_max(1.0), |x| if x.is_nan() { x } else { x.min(1.0) }),
        ("negative", Tensor::neg, |x| -x),
    ];
    for (name, on_device, on_host) in all {
        let found = compute(name, || on_device(tensor(&ARGUMENTS, device)))?;
        for (&argument, &found) in ARGUMENTS.iter().zip(&found) {
            let expected = on_host(f64::from(argument));
            // Whether a clamp or a maximum keeps NaN differs even among processors, and no decision is taken by it.
            let open = argument.is_nan() && matches!(name, "relu" | "softplus" | "clamp from above");
            if !open && !agrees(found, expected) {
                let operation = format!("{name} of {argument:?}");
                return Err(Wrong::Number { operation, found, expected: expected as f32 });
            }
        }
    }
    Ok(())
}

/// What a diverged replica is recognised by, and who is misclassified.
fn comparisons(device: &Device) -> Result<(), Wrong> {
    let values = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, -f32::MAX, 0.0, -0.0, 1.0];
    let exact = |operation: &'static str, found: Vec<f32>, expected: &[f32]| {
        let wrong = found.iter().zip(expected).zip(&values).find(|((found, expected), _)| found != expected);
        match wrong {
            Some(((&found, &expected), argument)) => {
                Err(Wrong::Number { operation: format!("{operation} of {argument:?}"), found, expected })
            }
            None => Ok(()),
        }
    };
    let finite = compute("is finite", || tensor(&values, device).is_finite().float())?;
    exact("is finite", finite, &[0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0])?;
    let greater = compute("is greater than a half", || tensor(&values, device).greater_elem(0.5).float())?;
    exact("is greater than a half", greater, &[0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0])?;
    // A sum that meets NaN is NaN: divergence is found by it.
    let sum = compute("sum with NaN", || {
        let mut many = vec![1.0; 1000];
        many[777] = f32::NAN;
        tensor(&many, device).sum_dim(0)
    })?;
    if !sum[0].is_nan() {
        return Err(Wrong::Number { operation: "sum with NaN".to_owned(), found: sum[0], expected: f32::NAN });
    }
    let rows = [[3.0, -1.0, 3.0, 2.0], [-5.0, -4.0, -4.0, -6.0], [0.0, 0.0, 0.0, 1.0e-30]].concat();
    let argmax = compute("argmax", || {
        let rows: Tensor<2> = Tensor::from_data(TensorData::new(rows.clone(), [3, 4]), device);
        let found: Tensor<2, Int> = rows.argmax(1);
        found.float().reshape([3])
    })?;
    // Of equals, the first: a tie must not depend on the device. The last row's value may be taken for 0.
    for (row, expected) in [(0, 0.0), (1, 1.0)] {
        if argmax[row] != expected {
            return Err(Wrong::Number { operation: format!("argmax of row {row}"), found: argmax[row], expected });
        }
    }
    Ok(())
}

/// Products and sums of whole numbers, at sizes that tiles of no device divide.
fn products(device: &Device) -> Result<(), Wrong> {
    const SIZES: [(usize, usize, usize); 3] = [(1, 1, 1), (3, 70, 5), (67, 131, 37)];
    let whole = |k: usize, modulus: usize| ((k * 7 + k / 3) % modulus) as f32 - (modulus / 2) as f32;
    for (m, n, p) in SIZES {
        let a: Vec<f32> = (0..2 * m * n).map(|k| whole(k, 11)).collect();
        let b: Vec<f32> = (0..2 * n * p).map(|k| whole(k, 13)).collect();
        let found = compute("matrix product", || {
            let a: Tensor<3> = Tensor::from_data(TensorData::new(a.clone(), [2, m, n]), device);
            let b: Tensor<3> = Tensor::from_data(TensorData::new(b.clone(), [2, n, p]), device);
            a.matmul(b).reshape([2 * m * p])
        })?;
        let at = |stack: usize, i: usize, j: usize| {
            (0..n).map(|k| a[(stack * m + i) * n + k] * b[(stack * n + k) * p + j]).sum::<f32>()
        };
        for (place, &found) in found.iter().enumerate() {
            let expected = at(place / (m * p), place / p % m, place % p);
            if found != expected {
                let operation = format!("element {place} of a stack of products {m}×{n} by {n}×{p}");
                return Err(Wrong::Number { operation, found, expected });
            }
        }
        let sums = compute("sum over rows", || {
            let a: Tensor<3> = Tensor::from_data(TensorData::new(a.clone(), [2, m, n]), device);
            a.sum_dim(2).reshape([2 * m])
        })?;
        for (row, &found) in sums.iter().enumerate() {
            let expected: f32 = a[row * n..(row + 1) * n].iter().sum();
            if found != expected {
                return Err(Wrong::Number { operation: format!("sum of row {row} of {n}"), found, expected });
            }
        }
        let chosen = compute("choice of rows", || {
            let a: Tensor<2> = Tensor::from_data(TensorData::new(a.clone(), [2 * m, n]), device);
            let rows = Tensor::<1, Int>::from_data(TensorData::new(vec![m as i64, 0], [2]), device);
            a.select(0, rows).reshape([2 * n])
        })?;
        for (place, &found) in chosen.iter().enumerate() {
            let expected = a[if place < n { m * n + place } else { place - n }];
            if found != expected {
                return Err(Wrong::Number { operation: format!("choice of row, element {place}"), found, expected });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_s_own_backend_passes() {
        assert_eq!(run(&Device::flex()), Ok(()));
    }

    #[test]
    fn what_is_wrong_is_seen() {
        // SwiftShader's tanh, a flushed exponential, a lost sign, and a NaN that became a number.
        for (found, expected) in [(f32::NAN, 1.0), (0.0, 1.0), (f32::MAX, f64::NEG_INFINITY), (0.0, f64::NAN)] {
            assert!(!agrees(found, expected), "{found} was taken for {expected}");
        }
        for (found, expected) in [(f32::INFINITY, 1e300), (f32::MAX, f64::INFINITY), (0.0, 1e-44), (f32::NAN, f64::NAN)]
        {
            assert!(agrees(found, expected), "{found} was not taken for {expected}");
        }
    }
}
