//! What the tables of a sweep file say of each other: what goes with gradient flows and what does not, and what needs a
//! measurement that another table leaves out.

use super::data::{Data, Labels};
use super::diagnostics::Diagnostics;
use super::flow::{self, FlowObserve};
use super::observe::Observe;
use super::optimiser::Optimiser;
use super::place::{Located, Place};
use super::raw::RawSweep;
use super::reader::{BatchSize, Epochs, Field};
use crate::observables::attacked_flows::MOST_ALPHA;
use crate::observables::robustness::Climbed;
use crate::observables::{OBSERVABLES, Unit};

/// What is measured of the sweep's flows; `None` where there are none, or something was reported.
pub(super) fn flows(
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
        let two = entry.value.selection.classes().or(entry.value.source.classes()) == Some(2);
        if !two && matches!(entry.value.labels, Labels::Classes | Labels::Random) {
            let error = diagnostics.error(&entry.place, "a gradient flow has one output, for two classes");
            error.help("write labels = \"parity\", \"halves\" or \"one-vs-rest\", or choose two labels: only = [3, 5]");
        }
    }
    let observe = flow::resolve(raw.flow.as_ref(), diagnostics)?;
    informative(raw, data, diagnostics);
    Some(observe)
}

/// Reports what is measured along informative coordinates where no data of the sweep say which those are.
fn informative(raw: &RawSweep, data: &[Located<Data>], diagnostics: &mut Diagnostics) {
    let Some(table) = raw.flow.as_ref().filter(|_| data.iter().all(|entry| entry.value.source.informative().is_none()))
    else {
        return;
    };
    for key in [&table.keys.neurons, &table.keys.profile] {
        if let Some(given) = key.given().filter(|given| given.value != 0) {
            let what = format!("`{}` needs data whose informative coordinates are known", key.key.name);
            diagnostics.error(&given.place, what).help("leave it out, or choose source = \"stripe\" or \"cylinder\"");
        }
    }
}

/// Reports what only a gradient flow understands.
fn needs_flow(raw: &RawSweep, diagnostics: &mut Diagnostics) {
    let mut needs: Vec<(&str, &Place)> = Vec::new();
    for table in &raw.architectures {
        if let Some(given) = table.keys.parametrisation.given().filter(|given| given.value == "mean-field") {
            needs.push(("parametrisation = \"mean-field\"", &given.place));
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
    if let Some(smoothing) = raw.train.as_ref().and_then(|train| train.keys.label_smoothing.given()) {
        wrong.push(("`label_smoothing`", smoothing.place.clone()));
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

/// Reports what asks for an inversion where radii and distances are not measured.
pub(crate) fn manifold_needed(raw: &RawSweep, diagnostics: &mut Diagnostics) {
    let off = raw.observe.as_ref().and_then(|table| table.keys.manifold.given());
    let Some(off) = off.filter(|written| matches!(written.value, Epochs::Never)) else { return };
    let mut needs = Vec::new();
    for prune in &raw.prunes {
        let words = [&prune.keys.remove, &prune.keys.like].map(|field| field.given());
        if words.into_iter().flatten().any(|word| word.value == "stragglers") {
            needs.push(("the stragglers of [[prune]]", &prune.place));
        }
    }
    if let Some(stop) = &raw.stop {
        if let Some(after) = stop.keys.after_inversion.given() {
            needs.push(("`after_inversion`", &after.place));
        }
        if let Some(half_width) = stop.keys.half_width.given() {
            needs.push(("`half_width` of ε*", &half_width.place));
        }
    }
    for (what, place) in needs {
        let label = format!("manifold = false ({})", diagnostics.name_of(&off.place));
        let error = diagnostics.error(place, format!("{what} needs the inversion, which is not measured"));
        error.label(label).help("write manifold = { every = 1 } in [observe]");
    }
}

/// Reports attacks of flows that single precision does not know F well enough for, or that are to climb a loss of their own.
pub(crate) fn attacks_fit(
    raw: &RawSweep,
    observe: Option<&Observe>,
    optimisers: &[Located<Optimiser>],
    diagnostics: &mut Diagnostics,
) {
    let tables = raw.observe.as_ref().map(|table| &table.keys.observables);
    let asked = tables.and_then(|tables| tables.iter().find(|(name, _)| *name == "robustness")?.1.given());
    let attacks = observe.and_then(|observe| observe.probes.robustness.as_ref());
    let (Some(written), Some(attacks)) = (asked, attacks) else { return };
    let flows = || optimisers.iter().filter_map(|entry| Some((entry.value.flow.as_ref()?, &entry.place)));
    if flows().next().is_some() && attacks.attack_loss != Climbed::Trained {
        let error = diagnostics.error(&written.place, "`attack_loss` does not go with gradient flow");
        error.help("leave it out: an attack of a flow lowers its margin y F, and with it every loss of the margin");
    }
    if let Some((_, place)) = flows().find(|(flow, _)| flow.alpha > MOST_ALPHA) {
        let what = format!("`robustness` is not measured of flows with alpha over {MOST_ALPHA}");
        diagnostics.error(place, what).help(
            "F = α (f − f₀) is attacked in single precision, which does not know a difference of numbers so much larger; take a \
             smaller alpha, or leave `robustness` out",
        );
    }
}

/// Reports steps that are named where flows are followed, which have none of that kind.
pub(crate) fn steps_fit(raw: &RawSweep, observe: Option<&Observe>, flows: bool, diagnostics: &mut Diagnostics) {
    let (Some(table), Some(observe), true) = (raw.observe.as_ref(), observe, flows) else { return };
    for (name, field) in &table.keys.observables {
        let names_steps = observe.probes.schedule_of(name).is_some_and(|schedule| schedule.unit() == Unit::Step);
        if let (true, Some(written)) = (names_steps, field.given()) {
            let error = diagnostics.error(&written.place, format!("`{name}` names steps of a gradient flow"));
            error.help(
                "a flow adapts its steps, and every one of them is an epoch: name epochs, as in at = [0, 1, 2, 5]",
            );
        }
    }
}

/// Reports what the rest of the file leaves no room for.
pub(crate) fn observables_fit(raw: &RawSweep, flows: bool, diagnostics: &mut Diagnostics) {
    let Some(observe) = raw.observe.as_ref().map(|table| &table.keys) else { return };
    let weights = observe.weights.given().filter(|written| !matches!(written.value, Epochs::Never));
    let tables = observe.observables.iter().map(|(name, field)| (*name, field.given().map(|written| &written.place)));
    if let (true, Some(written)) = (flows, weights) {
        let error = diagnostics.error(&written.place, "a gradient flow keeps its weights at stages, not at epochs");
        error.help("write weights_at = [0, 1] in [flow]: the start, the end, and any other of its `stages`");
    }
    for (key, place) in tables {
        let of_flows = OBSERVABLES.iter().find(|entry| entry.name == key).map_or(Ok(()), |entry| entry.of_flows);
        if let (true, Some(place), Err(reason)) = (flows, place, of_flows) {
            let error = diagnostics.error(place, format!("`{key}` is not measured of a gradient flow"));
            error.help(reason);
        }
    }
    let leaves = raw.stop.as_ref().is_some_and(|stop| stop.keys.after_inversion.given().is_some());
    if let (true, Some(written)) = (leaves, weights) {
        let error = diagnostics.error(&written.place, "`weights` are kept of cells that train to their end");
        error.help("leave out after_inversion in [stop], or weights");
    }
}
