//! What the theory of invariant data expects of learning curves (Paccolat et al., J. Stat. Mech. 2021, arXiv 2007.11471,
//! sections 4 and 5). Exponents of the number p of training samples, as p goes to infinity.

/// How a network learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Regime {
    /// Weights move far: α < 1.
    Feature,
    /// α = 1.
    Between,
    /// Weights hardly move and the tangent kernel stays: α > 1.
    Lazy,
}

impl Regime {
    /// By the output scale α of the mean-field network (output (1/h) Σ β a), for which 1 parts the two.
    pub fn of(alpha: f64) -> Self {
        match alpha {
            alpha if alpha < 1.0 => Regime::Feature,
            alpha if alpha > 1.0 => Regime::Lazy,
            _ => Regime::Between,
        }
    }

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Regime::Feature => "feature",
            Regime::Between => "between",
            Regime::Lazy => "lazy",
        }
    }
}

/// β of the test error, ε ~ p^−β, on data of `dimension` d of which `parallel` d∥ are informative: lazy d/(3d − 2); feature
/// (2d − 1)/(3d − 2) for d∥ = 1 and (d + d⊥/2)/(3d − 2), d⊥ = d − d∥, beyond. `None` where the theory is silent.
pub fn beta(regime: Regime, dimension: f64, parallel: f64) -> Option<f64> {
    if !(dimension >= 1.0 && (1.0..=dimension).contains(&parallel)) {
        return None;
    }
    let over = 3.0 * dimension - 2.0;
    match regime {
        Regime::Lazy => Some(dimension / over),
        Regime::Feature if parallel == 1.0 => Some((2.0 * dimension - 1.0) / over),
        Regime::Feature => Some((dimension + (dimension - parallel) / 2.0) / over),
        Regime::Between => None,
    }
}

/// Exponent of the compression, λ ~ p^a, when a tenth of the samples fit: ½ in the feature regime, 0 in the lazy one.
pub fn compression(regime: Regime) -> Option<f64> {
    match regime {
        Regime::Feature => Some(0.5),
        Regime::Lazy => Some(0.0),
        Regime::Between => None,
    }
}
