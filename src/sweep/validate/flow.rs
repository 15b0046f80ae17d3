//! Gradient flows: their numbers, what is measured of them, and what does not go with them.

use super::judge::{Bound, Judge, Otherwise};
use crate::sweep::diagnostics::Diagnostics;
use crate::sweep::place::{Located, Place};
use crate::sweep::raw::{BatchSize, RawArchitecture, RawOptimiser, RawSweep, RawTrain};
use crate::sweep::reader::{Epochs, Field};
use crate::sweep::resolved::{
    Data, Flow, FlowObserve, Labels, Loss, MeanField, Optimiser, OptimiserKind, Precision, Source, Watched,
};

/// Mean-field numbers of an `[[architecture]]`, `None` for the standard parametrisation.
pub(super) fn mean_fields(judge: &mut Judge<'_>, raw: &RawArchitecture) -> Option<Vec<Option<MeanField>>> {
    let kinds = [("standard", false), ("mean-field", true)];
    let mean_field = judge.choice("parametrisation", &raw.parametrisation, &kinds, Otherwise::Is(false))?;
    if mean_field {
        let variances = judge.reals("bias_variance", &raw.bias_variance, Bound::NotNegative, Otherwise::Is(1.0))?;
        return Some(variances.iter().map(|variance| Some(MeanField { bias_variance: variance.value })).collect());
    }
    let place = raw.bias_variance.given().map(|given| given.place.clone());
    judge.not_applicable(
        "the standard parametrisation",
        &[("bias_variance", place, "parametrisation = \"mean-field\"")],
    );
    Some(vec![None])
}

/// The entries of an `[[optimiser]]` of kind gradient-flow.
pub(super) fn optimisers(judge: &mut Judge<'_>, raw: &RawOptimiser) -> Option<Vec<Optimiser>> {
    let alpha = judge.reals("alpha", &raw.alpha, Bound::Positive, Otherwise::Is(1.0));
    let gradient = judge.reals("gradient_change", &raw.gradient_change, Bound::Positive, Otherwise::Is(1e-4));
    let output = judge.reals("output_change", &raw.output_change, Bound::Positive, Otherwise::Is(0.1));
    let kink = judge.reals("kink_change", &raw.kink_change, Bound::NotNegative, Otherwise::Is(0.01));
    let margin = judge.reals("margin", &raw.margin, Bound::Positive, Otherwise::Is(1.0));
    let fitted = judge.reals("fitted", &raw.fitted, Bound::Share, Otherwise::Is(1.0));
    let time = match &raw.time {
        Field::Absent => Some(vec![None]),
        field => judge
            .reals("time", field, Bound::Positive, Otherwise::Required("1e6"))
            .map(|times| times.iter().map(|time| Some(time.value)).collect::<Vec<_>>()),
    };
    let precisions = [("f32", Precision::F32), ("f64", Precision::F64)];
    let precision = judge.choices("precision", &raw.precision, &precisions, Otherwise::Is(Precision::F64));
    let all_or_pulling = [("all", Watched::All), ("pulling", Watched::Pulling)];
    let watched = judge.choices("watched", &raw.watched, &all_or_pulling, Otherwise::Is(Watched::All));
    let (alpha, gradient, output, kink) = (alpha?, gradient?, output?, kink?);
    let (margin, fitted, time, precision, watched) = (margin?, fitted?, time?, precision?, watched?);
    let lengths = [
        alpha.len(),
        gradient.len(),
        output.len(),
        kink.len(),
        margin.len(),
        fitted.len(),
        time.len(),
        precision.len(),
        watched.len(),
    ];
    let entry = |[a, g, o, k, m, f, t, p, w]: [usize; 9]| Optimiser {
        kind: OptimiserKind::GradientFlow,
        lr: 0.0,
        momentum: 0.0,
        beta1: 0.0,
        beta2: 0.0,
        epsilon: 0.0,
        weight_decay: 0.0,
        flow: Some(Flow {
            alpha: alpha[a].value,
            gradient_change: gradient[g].value,
            output_change: output[o].value,
            kink_change: kink[k].value,
            margin: margin[m].value,
            fitted: fitted[f].value,
            time: time[t],
            precision: precision[p].value,
            watched: watched[w].value,
        }),
    };
    Some(judge.combinations(lengths)?.map(entry).collect())
}

/// β of the soft hinge; `Some(None)` for the other losses.
pub(super) fn hinge_beta(judge: &mut Judge<'_>, raw: &RawTrain, loss: Loss) -> Option<Option<f64>> {
    match (&raw.hinge_beta, loss) {
        (Field::Broken, _) => None,
        (Field::Absent, Loss::SoftHinge) => Some(Some(20.0)),
        (Field::Absent, _) => Some(None),
        (Field::Given(beta), Loss::SoftHinge) => {
            judge.real("hinge_beta", beta, Bound::Positive).map(|beta| Some(beta.value))
        }
        (Field::Given(beta), _) => {
            judge.not_applicable("this loss", &[("hinge_beta", Some(beta.place.clone()), "loss = \"soft-hinge\"")]);
            None
        }
    }
}

/// What is measured of the sweep's flows; `None` where there are none, or something was reported.
pub(super) fn resolve(
    raw: &RawSweep,
    optimisers: &[Located<Optimiser>],
    data: &[Located<Data>],
    diagnostics: &mut Diagnostics,
) -> Option<FlowObserve> {
    let flows = optimisers.iter().filter(|entry| entry.value.flow.is_some()).count();
    if flows == 0 {
        needs_flow(raw, diagnostics);
        return None;
    }
    if let Some(other) = optimisers.iter().find(|entry| entry.value.flow.is_none()) {
        let error = diagnostics.error(&other.place, "a sweep of gradient flows has no other optimisers");
        error.help("make two sweep files of it: what is measured of the two differs");
    }
    excluded(raw, diagnostics);
    for entry in data {
        let artificial = matches!(entry.value.source, Source::Stripe { .. } | Source::Cylinder { .. });
        if !artificial && matches!(entry.value.labels, Labels::Classes | Labels::Random) {
            let error = diagnostics.error(&entry.place, "a gradient flow has one output, for two classes");
            error.help("write labels = \"parity\", \"halves\" or \"one-vs-rest\"");
        }
    }
    observed(raw, diagnostics)
}

/// Reports what only a gradient flow understands.
fn needs_flow(raw: &RawSweep, diagnostics: &mut Diagnostics) {
    let mut needs: Vec<(&str, &Place)> = Vec::new();
    for table in &raw.architectures {
        if let Some(given) = table.keys.parametrisation.given().filter(|given| given.value == "mean-field") {
            needs.push(("parametrisation = \"mean-field\"", &given.place));
        }
        if let Some(given) = table.keys.activation.given()
            && let Some(word) = given.value.iter().find(|word| word.value == "softplus")
        {
            needs.push(("activation = \"softplus\"", &word.place));
        }
    }
    if let Some(loss) = raw.train.as_ref().and_then(|train| train.keys.loss.given())
        && loss.value.ends_with("hinge")
    {
        needs.push(("a hinge loss", &loss.place));
    }
    if let Some(flow) = &raw.flow {
        needs.push(("[flow]", &flow.place));
    }
    for (what, place) in needs {
        let error = diagnostics.error(place, format!("{what} goes with gradient flow"));
        error.help("write kind = \"gradient-flow\" in [[optimiser]]");
    }
}

/// Reports what does not go with a gradient flow.
fn excluded(raw: &RawSweep, diagnostics: &mut Diagnostics) {
    let mut wrong: Vec<(&str, Place)> = Vec::new();
    for prune in &raw.prunes {
        if prune.keys.remove.given().is_none_or(|word| word.value != "none") {
            wrong.push(("[[prune]]", prune.place.clone()));
        }
    }
    if let Some(train) = &raw.train
        && let Some(batch) = train.keys.batch.given()
        && matches!(batch.value, BatchSize::Samples(_))
    {
        wrong.push(("a batch smaller than the training set", batch.place.clone()));
    }
    if let Some(observe) = &raw.observe {
        let asked = |field: &Field<Epochs>| {
            field.given().filter(|given| !matches!(given.value, Epochs::Never)).map(|given| given.place.clone())
        };
        wrong.extend(asked(&observe.keys.manifold).map(|place| ("`manifold`", place)));
        wrong.extend(asked(&observe.keys.misclassified).map(|place| ("`misclassified`", place)));
        wrong.extend(observe.keys.noise.given().map(|given| ("`noise`", given.place.clone())));
    }
    if let Some(stop) = &raw.stop {
        wrong.push(("[stop]", stop.place.clone()));
    }
    for (what, place) in wrong {
        let error = diagnostics.error(&place, format!("{what} does not go with gradient flow"));
        error.help("leave it out; `fitted` and `time` in [[optimiser]] say when a flow ends, [flow] what is measured");
    }
}

fn observed(raw: &RawSweep, diagnostics: &mut Diagnostics) -> Option<FlowObserve> {
    let whole = FlowObserve {
        stages: vec![0.0, 0.1, 1.0],
        kernel: vec![0.0, 1.0],
        kernel_points: 512,
        kernel_test: 2000,
        components: 10,
    };
    let Some(table) = &raw.flow else { return Some(whole) };
    let (raw, mut judge) = (&table.keys, Judge::of("[flow]", table, diagnostics));
    let before = judge.diagnostics.len();
    let stages = match &raw.stages {
        Field::Given(given) => {
            let shares = given.value.iter().filter_map(|share| judge.real("stages", share, Bound::Share));
            sorted(shares.map(|share| share.value).chain([0.0, 1.0]).collect())
        }
        _ => whole.stages,
    };
    let kernel = match &raw.kernel {
        Field::Given(given) => {
            for stage in given.value.iter().filter(|stage| !stages.contains(&stage.value)) {
                let error = judge.diagnostics.error(&stage.place, "`kernel` names a stage that there is not");
                error.help("list it in `stages`, or take 0, the start, and 1, the end");
            }
            sorted(given.value.iter().map(|stage| stage.value).collect())
        }
        _ => whole.kernel,
    };
    let mut count = |key: &str, field: &Field<i128>, least: i128, otherwise: usize| {
        judge.whole_if_given(key, field, least..=1_000_000).unwrap_or(otherwise)
    };
    let observe = FlowObserve {
        stages,
        kernel,
        kernel_points: count("kernel_points", &raw.kernel_points, 3, whole.kernel_points),
        kernel_test: count("kernel_test", &raw.kernel_test, 0, whole.kernel_test),
        components: count("components", &raw.components, 1, whole.components),
    };
    (judge.diagnostics.len() == before).then_some(observe)
}

fn sorted(mut shares: Vec<f64>) -> Vec<f64> {
    shares.sort_by(f64::total_cmp);
    shares.dedup();
    shares
}
