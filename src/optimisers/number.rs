//! The arithmetic of a step: what a vector, a tensor and an f64 have in common.

/// A number, or many of them side by side. How a compound operation rounds is each arithmetic's own.
pub trait Number: Clone {
    /// Sum.
    fn plus(self, other: &Self) -> Self;
    /// Product.
    fn times(self, other: &Self) -> Self;
    /// Quotient.
    fn over(self, other: &Self) -> Self;
    /// Square root.
    fn root(self) -> Self;
    /// −1, 0 or 1; NaN of NaN.
    fn sign(self) -> Self;
    /// self + a·b.
    fn plus_product(self, a: &Self, b: &Self) -> Self;
    /// self − rate·step.
    fn minus_product(self, rate: &Self, step: &Self) -> Self;
    /// self − rate·numerator/denominator.
    fn minus_ratio(self, rate: &Self, numerator: &Self, denominator: &Self) -> Self;
    /// decay·self + rest·new, where rest = 1 − decay.
    fn average(self, decay: &Self, rest: &Self, new: &Self) -> Self;
    /// decay·self + rest·new², where rest = 1 − decay.
    fn average_square(self, decay: &Self, rest: &Self, new: &Self) -> Self;
}

impl Number for f64 {
    fn plus(self, other: &f64) -> f64 {
        self + other
    }

    fn times(self, other: &f64) -> f64 {
        self * other
    }

    fn over(self, other: &f64) -> f64 {
        self / other
    }

    fn root(self) -> f64 {
        self.sqrt()
    }

    fn sign(self) -> f64 {
        if self == 0.0 || self.is_nan() { self } else { self.signum() }
    }

    fn plus_product(self, a: &f64, b: &f64) -> f64 {
        self + a * b
    }

    fn minus_product(self, rate: &f64, step: &f64) -> f64 {
        self - rate * step
    }

    fn minus_ratio(self, rate: &f64, numerator: &f64, denominator: &f64) -> f64 {
        self - rate * numerator / denominator
    }

    fn average(self, decay: &f64, rest: &f64, new: &f64) -> f64 {
        decay * self + rest * new
    }

    fn average_square(self, decay: &f64, rest: &f64, new: &f64) -> f64 {
        decay * self + rest * new * new
    }
}
