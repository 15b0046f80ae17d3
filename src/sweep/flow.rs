//! Gradient flows: their numbers, and `[flow]`, what is measured of them.
//!
//! The resolved types take part in cells' identities: field order and names may not change.

use serde::Serialize;

use super::diagnostics::Diagnostics;
use super::judge::{Judge, words};
use super::reader::{Field, List};
use super::table::{RawTable, Table, keys, no_kinds};
use crate::key::{Absent, Bound, Form, Key, Literal, Values, Variant};

/// Points and components may not be more.
const MOST: i128 = 1_000_000;
/// Steps may not be more.
const MOST_STEPS: i128 = 1_000_000_000;

keys! {
    /// Keys of `[flow]`.
    RawFlow {
        /// Shares of fitted samples at which the stage variables are kept; the start (0) and the end (1) always.
        stages: List<f64> = number_list { bound: Bound::Share, absent: Absent::Is(Literal::Toml("[0.1]")) },
        /// Those of the stages at which the tangent kernel is measured; `[]`: never.
        kernel: List<f64> = number_list { bound: Bound::Share, absent: Absent::Is(Literal::Toml("[0, 1]")) },
        /// Those of the stages at which the weights are kept as safetensors; `[]`: never.
        weights_at: List<f64> = number_list { bound: Bound::Share, absent: Absent::Is(Literal::Toml("[]")) },
        /// Training samples, the first ones, whose Gram matrix's spectrum is taken.
        kernel_points: i128 = integer { bound: Bound::Whole(3, MOST), absent: Absent::Is(Literal::Integer(512)) },
        /// Test samples, the first ones, of the machines on the frozen kernel; 0: no machine.
        kernel_test: i128 = integer { bound: Bound::Whole(0, MOST), absent: Absent::Is(Literal::Integer(2000)) },
        /// Eigenvalues, projections and coordinates kept.
        components: i128 = integer { bound: Bound::Whole(1, MOST), absent: Absent::Is(Literal::Integer(10)) },
        /// Neurons of the first hidden layer, the first ones, whose weights, bias, output weight and kink are recorded with the
        /// losses, on data whose informative coordinates are known (stripe, cylinder); 0: none.
        neurons: i128 = integer { bound: Bound::Whole(0, MOST), absent: Absent::Is(Literal::Integer(0)) },
        /// Positions from −3 to 3 along the first informative coordinate at which the output F is averaged over the others at
        /// the stages, on data whose informative coordinates are known; 0: none.
        profile: i128 = integer { bound: Bound::Whole(0, MOST), absent: Absent::Is(Literal::Integer(0)) },
        /// Most steps of the gradient flow of the loss on the frozen kernel, beside the machine of maximal margin; 0: no flow.
        kernel_flow: i128 = integer { bound: Bound::Whole(0, MOST_STEPS), absent: Absent::Is(Literal::Integer(0)) },
        /// Shares of the starting training loss: at the first step at which it is no more, the kernel is measured as well.
        kernel_losses: List<f64> = number_list { bound: Bound::InsideUnit, absent: Absent::Is(Literal::Toml("[]")) },
        /// That one of the stages whose λ compresses the samples for the kernel of the start (stripe and cylinder alone).
        kernel_compressed: f64 = number { bound: Bound::Share, absent: Absent::Means("none") },
        /// Whether the kernels of the output layer's parameters and of all others are measured as well.
        kernel_parts: bool = boolean { absent: Absent::Is(Literal::Flag(false)) },
        /// Bins of the mutual information of each eigenvector's projection with the label; 0: none.
        kernel_information: i128 = integer { bound: Bound::Whole(0, 1000), absent: Absent::Is(Literal::Integer(0)) },
    }
}

/// `[flow]`
pub(crate) const TABLE: Table = Table {
    name: "flow",
    header: "[flow]",
    about: "What is measured of gradient flows, and of nothing else.",
    keys: RawFlow::KEYS,
    kinds: no_kinds,
};

const PRECISIONS: [(&str, Precision); 2] = [("f32", Precision::F32), ("f64", Precision::F64)];
const WATCHED: [(&str, Watched); 2] = [("all", Watched::All), ("pulling", Watched::Pulling)];

const fn number(name: &'static str, bound: Bound, default: f64, doc: &'static str) -> Key {
    Key { name, form: Form::Numbers, bound, absent: Absent::Is(Literal::Number(default)), doc, ..Key::BLANK }
}

/// The name of the kind in sweep files, labels and identities.
pub(super) const NAME: &str = "gradient-flow";

/// The keys of `kind = "gradient-flow"`.
const KEYS: [Key; 9] = [
    number(
        "alpha",
        Bound::Positive,
        1.0,
        "output scale α of α (f − f₀): small is the feature regime, large the lazy one",
    ),
    number("gradient_change", Bound::Positive, 1e-4, "greatest ‖g' − g‖²/(‖g‖ ‖g'‖) of a step"),
    number("output_change", Bound::Positive, 0.1, "greatest change of an output α (f − f₀) in a step"),
    number(
        "kink_change",
        Bound::NotNegative,
        0.01,
        "a step that changes no output by more than this is taken whatever the gradient does",
    ),
    number("margin", Bound::Positive, 1.0, "a sample fits if its margin y F is no less"),
    number("fitted", Bound::Share, 1.0, "share of the samples that fit at which the flow ends"),
    Key { absent: Absent::Means("none"), ..number("time", Bound::Positive, 0.0, "longest time t") },
    Key {
        name: "precision",
        form: Form::Strings,
        words: Some(|| words(&PRECISIONS)),
        absent: Absent::Is(Literal::Word("f64")),
        doc: "arithmetic",
        ..Key::BLANK
    },
    Key {
        name: "watched",
        form: Form::Strings,
        words: Some(|| words(&WATCHED)),
        absent: Absent::Is(Literal::Word("all")),
        doc: "training samples whose outputs bound a step: all, or those that pull before or after it",
        ..Key::BLANK
    },
];

/// Gradient flow among the kinds of `[[optimiser]]`.
pub(super) fn variant() -> Variant {
    let about = "gradient flow by adaptive Euler steps, of α (f − f₀)";
    Variant { name: NAME, about, keys: KEYS.to_vec() }
}

/// Mean-field parametrisation (Mei, Montanari and Nguyen 2018): all parameters N(0, 1) at the start, hidden layers
/// W a/√fan-in + b, the output (1/h) Σ β a without a bias, the activation scaled to unit second moment under N(0, 1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MeanField {
    /// Variance of the initial biases.
    pub bias_variance: f64,
}

/// A gradient flow's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Flow {
    /// Output scale α: small is the feature regime, large the lazy one.
    pub alpha: f64,
    /// Greatest ‖g' − g‖²/(‖g‖ ‖g'‖) of a step.
    pub gradient_change: f64,
    /// Greatest change of an output α (f − f₀) in a step.
    pub output_change: f64,
    /// A step that changes no output by more than this is taken whatever the gradient does.
    pub kink_change: f64,
    /// A sample fits if y α (f − f₀) is no less.
    pub margin: f64,
    /// Share of the samples that fit at which the flow ends.
    pub fitted: f64,
    /// Longest time t.
    pub time: Option<f64>,
    /// Arithmetic.
    pub precision: Precision,
    /// Training samples whose outputs bound a step.
    #[serde(skip_serializing_if = "Watched::all")]
    pub watched: Watched,
}

/// Training samples whose outputs bound a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Watched {
    /// All of them.
    All,
    /// Those that pull, before the step or after it.
    Pulling,
}

impl Watched {
    /// Not written into identities: they are older than the choice.
    fn all(&self) -> bool {
        *self == Watched::All
    }
}

/// Arithmetic of a gradient flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32-bit.
    F32,
    /// 64-bit.
    F64,
}

/// What is measured of gradient flows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FlowObserve {
    /// Shares of fitted samples at which the stage variables are kept, ascending, from 0 (the start) to 1 (the end).
    pub stages: Vec<f64>,
    /// Those of `stages` at which the tangent kernel is measured, ascending.
    pub kernel: Vec<f64>,
    /// Training samples whose Gram matrix's spectrum is taken.
    pub kernel_points: usize,
    /// Test samples of the machines on the frozen kernel; 0: no machine.
    pub kernel_test: usize,
    /// Eigenvalues and projections kept.
    pub components: usize,
    /// Those of `stages` at which the weights are kept, ascending. Not written into identities where there are none: they are
    /// older than the choice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub weights_at: Vec<f64>,
    /// Neurons of the first hidden layer, the first ones, that are recorded as points. As `weights_at`, not written into
    /// identities where there are none.
    #[serde(skip_serializing_if = "is_zero")]
    pub neurons: usize,
    /// Positions along the first informative coordinate at which the output is averaged; as `neurons`.
    #[serde(skip_serializing_if = "is_zero")]
    pub profile: usize,
    /// Most steps of the gradient flow on the frozen kernel; 0: no flow. This and what follows are written into identities only
    /// where they are asked for: identities are older.
    #[serde(skip_serializing_if = "is_zero")]
    pub kernel_flow: usize,
    /// Shares of the starting loss at which the kernel is measured, ascending.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kernel_losses: Vec<f64>,
    /// That one of `stages` whose λ compresses the samples for the kernel of the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kernel_compressed: Option<f64>,
    /// Whether the kernels of the output layer and of all other layers are measured.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub kernel_parts: bool,
    /// Bins of the mutual information of eigenvectors with the labels; 0: it is not measured.
    #[serde(skip_serializing_if = "is_zero")]
    pub kernel_information: usize,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl FlowObserve {
    /// Training points of the tangent kernel, of `samples` training samples; 0 where it is not measured.
    pub fn points(&self, samples: usize) -> usize {
        if self.kernel.is_empty() { 0 } else { self.kernel_points.min(samples) }
    }

    /// Whether any tangent kernel is measured.
    pub fn measures_kernels(&self) -> bool {
        !self.kernel.is_empty() || !self.kernel_losses.is_empty() || self.kernel_compressed.is_some()
    }
}

/// The numbers of a gradient flow.
pub(super) fn numbers(values: &Values) -> Flow {
    fn chosen<T: Copy>(choice: &[(&str, T)], word: &str, otherwise: T) -> T {
        choice.iter().find(|(name, _)| *name == word).map_or(otherwise, |(_, value)| *value)
    }
    Flow {
        alpha: values.real("alpha"),
        gradient_change: values.real("gradient_change"),
        output_change: values.real("output_change"),
        kink_change: values.real("kink_change"),
        margin: values.real("margin"),
        fitted: values.real("fitted"),
        time: values.real_if_given("time"),
        precision: chosen(&PRECISIONS, values.word("precision"), Precision::F64),
        watched: chosen(&WATCHED, values.word("watched"), Watched::All),
    }
}

/// The table, or what holds without it.
pub(super) fn resolve(table: Option<&RawTable<RawFlow>>, diagnostics: &mut Diagnostics) -> Option<FlowObserve> {
    let whole = FlowObserve {
        stages: vec![0.0, 0.1, 1.0],
        kernel: vec![0.0, 1.0],
        kernel_points: 512,
        kernel_test: 2000,
        components: 10,
        weights_at: Vec::new(),
        neurons: 0,
        profile: 0,
        kernel_flow: 0,
        kernel_losses: Vec::new(),
        kernel_compressed: None,
        kernel_parts: false,
        kernel_information: 0,
    };
    let Some(table) = table else { return Some(whole) };
    let (raw, mut judge) = (&table.keys, Judge::of(TABLE.header, table, diagnostics));
    let before = judge.diagnostics.len();
    let stages = match &raw.stages.field {
        Field::Given(given) => {
            let shares = given.value.iter().filter_map(|share| judge.real("stages", share, raw.stages.key.bound));
            sorted(shares.map(|share| share.value).chain([0.0, 1.0]).collect())
        }
        _ => whole.stages,
    };
    let mut some_of_them = |key: &str, field: &Field<List<f64>>| {
        let Field::Given(given) = field else { return None };
        for stage in given.value.iter().filter(|stage| !stages.contains(&stage.value)) {
            let error = judge.diagnostics.error(&stage.place, format!("`{key}` names a stage that there is not"));
            error.help("list it in `stages`, or take 0, the start, and 1, the end");
        }
        Some(sorted(given.value.iter().map(|stage| stage.value).collect()))
    };
    let kernel = some_of_them("kernel", &raw.kernel.field).unwrap_or(whole.kernel);
    let weights_at = some_of_them("weights_at", &raw.weights_at.field).unwrap_or(whole.weights_at);
    let kernel_compressed = raw.kernel_compressed.given().map(|given| {
        if !stages.contains(&given.value) {
            let error = judge.diagnostics.error(&given.place, "`kernel_compressed` names a stage that there is not");
            error.help("list it in `stages`, or take 0, the start, and 1, the end");
        }
        given.value
    });
    let kernel_losses = match &raw.kernel_losses.field {
        Field::Given(given) => {
            let (key, losses) = (&raw.kernel_losses.key, given.value.iter());
            let shares = losses.filter_map(|share| judge.real(key.name, share, key.bound));
            sorted(shares.map(|share| share.value).collect())
        }
        _ => whole.kernel_losses,
    };
    let kernel_parts = judge.flag(&raw.kernel_parts);
    let counts = [&raw.kernel_points, &raw.kernel_test, &raw.components, &raw.kernel_flow, &raw.kernel_information];
    let [kernel_points, kernel_test, components, kernel_flow, kernel_information] = counts.map(|key| judge.whole(key));
    let [neurons, profile] = [&raw.neurons, &raw.profile].map(|key| judge.whole(key));
    if let (Field::Given(flow), Some(1..), Some(0)) = (&raw.kernel_flow.field, kernel_flow, kernel_test) {
        let error =
            judge.diagnostics.error(&flow.place, "`kernel_flow` asks for a machine, and kernel_test = 0 for none");
        error.help("write how many test samples the machines are tested on: kernel_test = 2000");
    }
    let measured = !kernel.is_empty() || !kernel_losses.is_empty() || kernel_compressed.is_some();
    let needs = [
        ("kernel_flow", &raw.kernel_flow.field, kernel_flow),
        ("kernel_information", &raw.kernel_information.field, kernel_information),
    ];
    for (key, field, value) in needs {
        if let (Field::Given(given), Some(1..), false) = (field, value, measured) {
            let error =
                judge.diagnostics.error(&given.place, format!("`{key}` is of tangent kernels, and none is measured"));
            error.help("name stages in `kernel`, as in kernel = [0, 1], or leave the key out for start and end");
        }
    }
    if judge.diagnostics.len() > before {
        return None;
    }
    Some(FlowObserve {
        stages,
        kernel,
        kernel_points: kernel_points?,
        kernel_test: kernel_test?,
        components: components?,
        weights_at,
        neurons: neurons?,
        profile: profile?,
        kernel_flow: kernel_flow?,
        kernel_losses,
        kernel_compressed,
        kernel_parts: kernel_parts?,
        kernel_information: kernel_information?,
    })
}

fn sorted(mut shares: Vec<f64>) -> Vec<f64> {
    shares.sort_by(f64::total_cmp);
    shares.dedup();
    shares
}
