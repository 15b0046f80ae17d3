//! From numbers to places: linear and logarithmic scales with ticks at round numbers.

/// How numbers are laid out along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Evenly.
    Linear,
    /// By their logarithm; numbers ≤ 0 have no place.
    Log,
    /// By their logarithm, with a place for 0 apart from the others, at the axis' start; numbers < 0 have none.
    LogAndZero,
}

/// An axis: its range in numbers, and whether it runs backwards.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    /// Lowest number shown.
    pub low: f64,
    /// Highest number shown.
    pub high: f64,
    /// Layout.
    pub kind: Kind,
    /// Whether the highest number stands first.
    pub reversed: bool,
}

/// Where 0 has its place on a logarithmic axis, and where the logarithm begins: parts of the axis' length.
const ZERO: f64 = 0.03;
const FIRST: f64 = 0.1;

impl Scale {
    /// A scale that holds all finite values (positive ones, if logarithmic), with a margin of some hundredths each side.
    pub fn around(values: impl Iterator<Item = f64>, kind: Kind) -> Self {
        let shown = values.filter(|value| value.is_finite() && (kind == Kind::Linear || *value > 0.0));
        let (low, high) = shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        if low > high {
            return Scale { low: if kind == Kind::Linear { 0.0 } else { 0.1 }, high: 1.0, kind, reversed: false };
        }
        let (low, high) = match kind {
            Kind::Linear => {
                let margin = if high > low { (high - low) / 25.0 } else { high.abs().max(1e-6) / 25.0 };
                (low - margin, high + margin)
            }
            Kind::Log | Kind::LogAndZero => {
                let margin = (high / low).powf(1.0 / 40.0).max(1.01);
                (low / margin, high * margin)
            }
        };
        Scale { low, high, kind, reversed: false }
    }

    /// The same, running backwards.
    pub fn backwards(mut self) -> Self {
        self.reversed = true;
        self
    }

    /// Place of a number, 0 at the axis' start and 1 at its end. `None` for what has no place.
    pub fn place(&self, value: f64) -> Option<f64> {
        let part = match self.kind {
            Kind::Linear => (value - self.low) / (self.high - self.low),
            Kind::Log if value > 0.0 => self.along_logarithm(value),
            Kind::LogAndZero if value > 0.0 => FIRST + (1.0 - FIRST) * self.along_logarithm(value),
            Kind::LogAndZero if value == 0.0 => ZERO,
            Kind::Log | Kind::LogAndZero => return None,
        };
        part.is_finite().then_some(if self.reversed { 1.0 - part } else { part })
    }

    fn along_logarithm(&self, value: f64) -> f64 {
        (value / self.low).ln() / (self.high / self.low).ln()
    }

    /// Round numbers within the range, about as many as asked for, with their labels.
    pub fn ticks(&self, about: usize) -> Vec<(f64, String)> {
        if self.kind == Kind::LogAndZero {
            let rest = Scale { kind: Kind::Log, ..self.clone() };
            return [(0.0, "0".to_owned())].into_iter().chain(rest.ticks(about)).collect();
        }
        if self.kind == Kind::Log && self.high / self.low > 5.0 {
            return self.decade_ticks(about);
        }
        let rough = (self.high - self.low) / about.max(1) as f64;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 2.5, 5.0, 10.0]
            .map(|s| s * power)
            .into_iter()
            .find(|step| *step >= 0.7 * rough)
            .unwrap_or(rough);
        let first = (self.low / step).ceil() as i64;
        let last = (self.high / step).floor() as i64;
        // A step of 2.5 needs one decimal more than its power of ten.
        let decimals = (-(step.log10() + 1e-9).floor()).max(0.0) as usize
            + usize::from((step / power - 2.5).abs() < 1e-9 && power < 10.0);
        (first..=last).map(|k| k as f64 * step).map(|v| (v, format!("{v:.decimals$}"))).collect()
    }

    fn decade_ticks(&self, about: usize) -> Vec<(f64, String)> {
        let decades = (self.high / self.low).log10();
        let mantissas: &[f64] = match about as f64 / decades {
            dense if dense >= 2.4 => &[1.0, 2.0, 5.0],
            medium if medium >= 1.4 => &[1.0, 3.0],
            _ => &[1.0],
        };
        let stride = (decades / about as f64).round().max(1.0) as i32;
        let (from, to) = (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        (from..=to)
            .filter(|power| power.rem_euclid(stride) == 0)
            .flat_map(|power| mantissas.iter().map(move |m| m * 10f64.powi(power)))
            .filter(|value| (self.low..=self.high).contains(value))
            .map(|value| (value, plain(value)))
            .collect()
    }
}

/// A number of few digits as a label: plain where short, else with an exponent.
fn plain(value: f64) -> String {
    if (1e-4..1e5).contains(&value) { format!("{}", (value * 1e6).round() / 1e6) } else { format!("{value:.0e}") }
}
