//! What `phasesweep show` says of a gradient flow: why it ended, its stages, and λ and errors against its time.

use phasesweep_results::{FlowStop, dimension};

use super::super::plot::{Curve, Panel};
use super::View;
use phasesweep::store::Labels;

/// Columns of the table of stages: the variable, its heading, and how many decimals it is given.
const STAGES: [(&str, &str, usize); 9] = [
    ("stage_epoch", "steps", 0),
    ("stage_unfitted", "unfitted", 4),
    ("stage_train_error", "train error", 4),
    ("stage_test_error", "test error", 4),
    ("stage_compression", "lambda", 3),
    ("kernel_alignment", "alignment", 4),
    ("kernel_change", "kernel change", 4),
    ("kernel_test_error", "kernel error", 4),
    ("kernel_flow_test_error", "flow error", 4),
];

/// Curves: the variable, its name, its place among its series and how many those are, and whether on a scale of powers of ten.
const CURVES: [(&str, &str, usize, usize, bool); 5] = [
    ("compression", "lambda", 0, 1, false),
    ("unfitted", "unfitted", 0, 1, false),
    ("test_error", "test error", 0, 1, false),
    ("margin", "median margin", 2, 5, false),
    ("distance_from_start", "lg distance", 0, 1, true),
];

impl View<'_> {
    /// Whether the cell is a gradient flow.
    pub(super) fn is_flow(&self) -> bool {
        self.cell.series("flow_stop").is_some()
    }

    /// Why the flow ended, and a table of its stages.
    pub(super) fn flow(&self) -> String {
        let code = self.row_values("flow_stop").first().copied();
        let ended = match FlowStop::ALL.into_iter().find(|stop| Some(f64::from(stop.code())) == code) {
            Some(FlowStop::Fitted) => "the stated share of the samples fits",
            Some(FlowStop::Steps) => "its steps ran out",
            Some(FlowStop::Time) => "its time ran out",
            Some(FlowStop::Gradient) => "the gradient vanished",
            None => "unknown: it diverged or was not trained",
        };
        let mut out = format!("  ended       {ended}\n");
        if let Some(rejected) = self.row_values("rejected_steps").first().filter(|steps| steps.is_finite()) {
            out += &format!("  rejected    {rejected:.0} steps were tried and not taken\n");
        }
        let Some(Labels::Numbers(stages)) = self.cell.part.axes.get(dimension::STAGE) else { return out };
        let columns: Vec<_> = STAGES
            .iter()
            .map(|(variable, heading, decimals)| (*heading, *decimals, self.row_values(variable)))
            .filter(|(_, _, values)| values.iter().any(|value| value.is_finite()))
            .collect();
        let times = self.row_values("stage_time");
        out += "  stage           time t";
        columns.iter().for_each(|(heading, _, _)| out += &format!("  {heading:>13}"));
        out.push('\n');
        for (place, stage) in stages.iter().enumerate() {
            let name = match *stage {
                0.0 => "start".to_string(),
                1.0 => "end".to_string(),
                share => format!("{share} fitted"),
            };
            let time = times.get(place).copied().filter(|time| time.is_finite());
            let Some(time) = time else {
                out += &format!("  {name:12} it never came to that\n");
                continue;
            };
            out += &format!("  {name:12} {time:>11.4e}");
            for (_, decimals, values) in &columns {
                let value = values.get(place).copied().filter(|value| value.is_finite());
                out += &format!("  {:>13}", value.map_or("–".to_string(), |value| format!("{value:.decimals$}")));
            }
            out.push('\n');
        }
        out
    }

    /// λ, errors and margins against the logarithms of time and of the number of steps.
    pub(super) fn flow_panels(&self) -> Vec<Panel> {
        let times = self.row_values("flow_time");
        let steps: Vec<f64> = self.epochs().into_iter().map(|epoch| epoch as f64).collect();
        let panel = |x: &str, places: &[f64]| {
            let curve = |(variable, name, place, series, powers): (&str, &str, usize, usize, bool)| {
                let values = self.row_values(variable);
                let points = places.iter().zip(values.iter().skip(place).step_by(series));
                // The start lies at minus infinity, and is left out.
                let point = |(&at, &value): (&f64, &f64)| (at.log10(), if powers { value.log10() } else { value });
                Curve { name: name.to_string(), points: points.map(point).collect() }
            };
            let curves = CURVES.into_iter().map(curve);
            Panel { x: x.to_string(), curves: curves.filter(|curve| !curve.points.is_empty()).collect() }
        };
        vec![panel("lg time t", &times), panel("lg steps", &steps)]
    }

    /// All values that a variable has for this cell; none if it was not measured.
    fn row_values(&self, name: &str) -> Vec<f64> {
        self.cell.series(name).map_or_else(Vec::new, |series| series.numbers())
    }
}
