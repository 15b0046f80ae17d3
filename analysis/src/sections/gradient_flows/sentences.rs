//! What the flows come to, in sentences: counts first, then exponents beside the theory's.

use super::axes::FlowAxes;
use super::drift::FACTOR;
use super::fits::{Fit, MACHINES, Over, Range, gain, principal};
use super::flows::{Curve, Family, Flows, Measure, Size};
use super::theory::{Regime, beta};
use crate::options::Options;
use crate::results::{FlowStop, Status};
use crate::statistics::interval::Interval;
use crate::tables::text::significant;

/// How often something was so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// So often.
    pub yes: usize,
    /// Of so many.
    pub of: usize,
}

impl Count {
    /// Over some answers; those that are not known do not count.
    pub fn over(answers: impl Iterator<Item = Option<bool>>) -> Self {
        answers
            .flatten()
            .fold(Count::default(), |count, yes| Count { yes: count.yes + usize::from(yes), of: count.of + 1 })
    }

    fn and(self, other: Count) -> Count {
        Count { yes: self.yes + other.yes, of: self.of + other.of }
    }

    fn words(self) -> String {
        format!("{} of {}", self.yes, self.of)
    }
}

/// Whether the mean test error of the feature regime lies under that of the lazy one, at each p that both have; `None`
/// where fewer than half of the flows of one came to the stage.
pub fn under(flows: &Flows, family: &Family, stage: usize) -> Vec<(f64, Option<bool>)> {
    let Some((feature, lazy)) = flows.pair(family) else { return Vec::new() };
    let mean = |size: &Size| flows.reached_mean(size, stage, Measure::TestError);
    let pairs = feature.sizes.iter().filter_map(|a| Some((a, lazy.sizes.iter().find(|b| b.p == a.p)?)));
    pairs.map(|(a, b)| (a.p, less(mean(a), mean(b)))).collect()
}

/// Whether a machine on the kernel of the end errs less than one on that of the start, in each size (means over the flows
/// that fit) and in each such flow of a curve.
pub fn kernel(flows: &Flows, curve: &Curve) -> (Count, Count) {
    let (start, end) = (FlowAxes::START, flows.axes.end());
    let by_size = curve.sizes.iter().map(|size| {
        let of = |stage| {
            let values = flows.values(size, stage, Measure::KernelTestError, |flow| flow.reached(end));
            crate::statistics::moments::mean(&values)
        };
        less(of(end), of(start))
    });
    let members = curve.sizes.iter().flat_map(|size| &size.flows).map(|&flow| &flows.flows[flow]);
    let by_flow = members
        .filter(|flow| flow.reached(end))
        .map(|flow| less(flow.at(end, Measure::KernelTestError), flow.at(start, Measure::KernelTestError)));
    (Count::over(by_size), Count::over(by_flow))
}

fn less(a: f64, b: f64) -> Option<bool> {
    (a.is_finite() && b.is_finite()).then_some(a < b)
}

/// The first sentence, in which the counts stand, and the others; `windows` are the fits in sliding windows of p, `without` tells
/// of machines on frozen kernels that came to nothing.
pub fn sentences(flows: &Flows, fits: &[Fit], windows: &[Fit], without: &[String], options: &Options) -> Vec<String> {
    let end = flows.axes.end();
    let trained = flows.flows.iter().filter(|flow| flow.status == Status::Complete).count();
    let fitted = flows.flows.iter().filter(|flow| flow.reached(end)).count();
    let answers = || flows.families.iter().flat_map(|family| under(flows, family, end));
    let lower = Count::over(answers().map(|answer| answer.1));
    let feature = || flows.curves.iter().filter(|curve| curve.regime == Regime::Feature);
    let kernels = feature().map(|curve| kernel(flows, curve).0).fold(Count::default(), Count::and);
    let mut first = format!("Geometric compression: {fitted} of {trained} flows fit all that they were asked to");
    if lower.of > 0 {
        first += &format!(
            "; in the feature regime the test error lies under that of the lazy regime at {} sizes of the training set",
            lower.words()
        );
    }
    if kernels.of > 0 {
        first += &format!(
            "; there the machine of maximal margin errs less on the end’s tangent kernel than on the start’s at {}",
            kernels.words()
        );
    }
    let mut out = vec![first + "."];
    out.extend(endings(flows, trained, fitted));
    for (index, family) in flows.families.iter().enumerate() {
        out.extend(comparison(flows, family, end));
        for &curve in &family.curves {
            out.extend(exponent(flows, fits, family, curve));
        }
        if let Some((gain, interval)) = gain(flows, index, end, options) {
            let of = |regime| beta(regime, family.dimension, family.parallel);
            let theory = of(Regime::Feature).zip(of(Regime::Lazy));
            let theory = theory.map_or(String::new(), |(a, b)| format!("; theory {}", significant(a - b, 3)));
            out.push(format!(
                "{}: β of the feature regime less β of the lazy one is {}{}{theory}.",
                family.name,
                significant(gain, 3),
                within(interval, over(flows)),
            ));
        }
        for &curve in &family.curves {
            out.extend(compressed(flows, fits, family, curve));
            out.extend(drifting(flows, windows, family, curve));
        }
        for &curve in &family.curves {
            out.extend(kernels_of(flows, family, &flows.curves[curve]));
            out.extend(machines_of(flows, fits, family, curve));
        }
    }
    out.extend(without.iter().cloned());
    out.extend(caution(flows));
    out
}

/// How flows ended that do not fit what they were asked to.
fn endings(flows: &Flows, trained: usize, fitted: usize) -> Option<String> {
    let count =
        |stop: FlowStop| flows.flows.iter().filter(|f| f.status == Status::Complete && f.stop == Some(stop)).count();
    let mut parts = Vec::new();
    for (stop, words) in [
        (FlowStop::Steps, "ran out of steps"),
        (FlowStop::Time, "ran out of time t"),
        (FlowStop::Gradient, "came to rest with samples unfitted"),
    ] {
        if count(stop) > 0 {
            parts.push(format!("{} {words}", count(stop)));
        }
    }
    let lost = flows.flows.len() - trained;
    if lost > 0 {
        parts.push(format!("{lost} diverged, failed or are not trained yet"));
    }
    if parts.is_empty() {
        return None;
    }
    Some(format!(
        "Of the {} other flows, {}; they enter no mean and no fit but those marked “all, as they ended”. A size of which fewer \
         than half of the trained flows fit has no mean.",
        flows.flows.len() - fitted,
        parts.join(", ")
    ))
}

/// Test error of the feature regime beside the lazy one's.
fn comparison(flows: &Flows, family: &Family, end: usize) -> Option<String> {
    let answers = under(flows, family, end);
    let all = Count::over(answers.iter().map(|answer| answer.1));
    let (feature, lazy) = flows.pair(family).filter(|_| all.of > 0)?;
    let upper = Count::over(answers.iter().filter(|answer| answer.0 >= 256.0).map(|answer| answer.1));
    // Flows of one size that share seed and draws start from the same network on the same samples.
    let pairs = Count::over(feature.sizes.iter().flat_map(|size| {
        let other = lazy.sizes.iter().find(|other| other.p == size.p);
        size.flows.iter().map(move |&flow| {
            let mine = &flows.flows[flow];
            let other = other?.flows.iter().map(|&other| &flows.flows[other]).find(|other| other.unit == mine.unit)?;
            let error = |flow: &super::flows::Flow| flow.at(end, Measure::TestError);
            (mine.reached(end) && other.reached(end)).then(|| error(mine) < error(other))
        })
    }));
    let not: Vec<String> =
        answers.iter().filter(|answer| answer.1 == Some(false)).map(|answer| format!("p = {}", answer.0)).collect();
    let open: Vec<String> =
        answers.iter().filter(|answer| answer.1.is_none()).map(|answer| answer.0.to_string()).collect();
    let mut said = format!(
        "{}: test error of {} under that of {} at {} sizes of the training set",
        family.name,
        feature.name,
        lazy.name,
        all.words()
    );
    if upper.of > 0 && upper.of < all.of {
        said += &format!(" ({} with p ≥ 256)", upper.words());
    }
    said += &format!(", in {} pairs of flows from the same start", pairs.words());
    if !not.is_empty() {
        said += &format!("; not at {}", not.join(", "));
    }
    if !open.is_empty() {
        said += &format!("; not comparable at p = {}", open.join(", "));
    }
    Some(said + ".")
}

/// β of a curve beside the theory's.
fn exponent(flows: &Flows, fits: &[Fit], family: &Family, curve: usize) -> Option<String> {
    let end = flows.axes.end();
    let fit = principal(fits, curve, Measure::TestError, end)?;
    let mut said = format!("{}, {}: β = {}", family.name, flows.curves[curve].name, described(flows, fit));
    said += &against_theory(fit);
    let find = |over: Over, range: Range, stage: usize| {
        let wanted = (curve, Measure::TestError, stage, over, range);
        fits.iter().find(|fit| (fit.curve, fit.measure, fit.stage, fit.over, fit.range) == wanted)
    };
    let mut more = Vec::new();
    if let Some(upper) = find(Over::Reached, Range::Upper, end) {
        more.push(format!("over p = {} to {} alone {}", upper.law.from, upper.law.to, brief(upper)));
    }
    if let Some((late, stage)) =
        flows.axes.late().and_then(|late| Some((find(Over::Reached, Range::Whole, late)?, late)))
    {
        more.push(format!("when {}% of the samples fit {}", percent(flows.axes.stages[stage]), brief(late)));
    }
    if let Some(all) = find(Over::AsEnded, Range::Whole, end) {
        more.push(format!("of all flows as they ended, p = {} to {}, {}", all.law.from, all.law.to, brief(all)));
    }
    if !more.is_empty() {
        said += &format!("; {}", more.join("; "));
    }
    Some(said + ".")
}

/// Exponent, intervals and what they are over.
fn described(flows: &Flows, fit: &Fit) -> String {
    let left = if fit.short > 0 { format!(", {} more did not come so far", fit.short) } else { String::new() };
    format!(
        "{}{}{} (p = {} to {}, {} sizes, {} flows{left})",
        significant(fit.exponent(), 3),
        within(fit.over_seeds(), over(flows)),
        within(fit.of_line(), " of the points about the line"),
        fit.law.from,
        fit.law.to,
        fit.line().points,
        fit.used,
    )
}

fn brief(fit: &Fit) -> String {
    format!("{}{}", significant(fit.exponent(), 3), within(fit.over_seeds(), ""))
}

fn against_theory(fit: &Fit) -> String {
    let Some(theory) = fit.theory else { return String::new() };
    let inside = |interval: Interval| interval.is_known().then(|| (interval.low..=interval.high).contains(&theory));
    let place = match (inside(fit.over_seeds()), inside(fit.of_line())) {
        (None, None) => "",
        (Some(true), Some(false)) => ", inside the first interval only",
        (Some(false), Some(true)) => ", inside the second interval only",
        (Some(true), _) | (None, Some(true)) => ", inside",
        (Some(false), _) | (None, Some(false)) => ", outside",
    };
    format!("; theory {}{place}", significant(theory, 3))
}

/// λ of a curve when a tenth of the samples fit.
fn compressed(flows: &Flows, fits: &[Fit], family: &Family, curve: usize) -> Option<String> {
    let early = flows.axes.early()?;
    let curve_of = &flows.curves[curve];
    let means: Vec<(f64, f64)> = (curve_of.sizes.iter())
        .map(|size| (size.p, flows.reached_mean(size, early, Measure::Compression)))
        .filter(|mean| mean.1.is_finite())
        .collect();
    let (first, last) = (means.first()?, means.last()?);
    let head = format!(
        "{}, {}: when {}% of the samples fit, λ is {} at p = {} and {} at p = {}",
        family.name,
        curve_of.name,
        percent(flows.axes.stages[early]),
        significant(first.1, 3),
        first.0,
        significant(last.1, 3),
        last.0
    );
    let fit = principal(fits, curve, Measure::Compression, early);
    let fit =
        fit.map_or(String::new(), |fit| format!(", λ ~ p^a with a = {}{}", described(flows, fit), against_theory(fit)));
    Some(format!("{head}{fit}."))
}

/// The exponent of λ in the first and in the last sliding window.
fn drifting(flows: &Flows, windows: &[Fit], family: &Family, curve: usize) -> Option<String> {
    let early = flows.axes.early()?;
    let of = |fit: &&Fit| (fit.curve, fit.measure, fit.stage) == (curve, Measure::Compression, early);
    let (first, last) = (windows.iter().find(of)?, windows.iter().rfind(of)?);
    let curve = &flows.curves[curve];
    if first.law.from == last.law.from || curve.regime != Regime::Feature {
        return None;
    }
    let window = |fit: &Fit| format!("{} over p = {} to {}", brief(fit), fit.law.from, fit.law.to);
    let theory = last.theory.map_or(String::new(), |theory| format!("; theory {}, at large p", significant(theory, 3)));
    Some(format!(
        "{}, {}: in windows of a factor {FACTOR} of p, a of λ ~ p^a goes from {} to {}{theory}.",
        family.name,
        curve.name,
        window(first),
        window(last),
    ))
}

/// Kernels of start and end.
fn kernels_of(flows: &Flows, family: &Family, curve: &Curve) -> Option<String> {
    let (by_size, by_flow) = kernel(flows, curve);
    if by_size.of == 0 {
        return None;
    }
    let end = flows.axes.end();
    let largest = curve.sizes.iter().rev().find(|size| {
        let known = flows.values(size, end, Measure::KernelTestError, |flow| flow.reached(end));
        !known.is_empty()
    })?;
    let of = |stage, measure| {
        significant(crate::statistics::moments::mean(&flows.values(largest, stage, measure, |f| f.reached(end))), 3)
    };
    Some(format!(
        "{}, {}: the machine of maximal margin errs less on the end’s tangent kernel than on the start’s at {} sizes, in {} flows; \
         at p = {} kernel of the start {}, of the end {}, network {}.",
        family.name,
        curve.name,
        by_size.words(),
        by_flow.words(),
        largest.p,
        of(FlowAxes::START, Measure::KernelTestError),
        of(end, Measure::KernelTestError),
        of(end, Measure::NetworkTestError),
    ))
}

/// Exponents of the machines' learning curves on the kernels of start and end.
fn machines_of(flows: &Flows, fits: &[Fit], family: &Family, curve: usize) -> Option<String> {
    let mut parts = Vec::new();
    for (measure, machine) in MACHINES.into_iter().zip(["maximal margin", "gradient flow until all fits"]) {
        for (stage, when) in [(FlowAxes::START, "start"), (flows.axes.end(), "end")] {
            let Some(fit) = principal(fits, curve, measure, stage) else { continue };
            let theory = fit.theory.map_or(String::new(), |theory| format!(" (theory {})", significant(theory, 3)));
            parts.push(format!("{machine} on the {when}’s kernel {}{theory}", brief(fit)));
        }
    }
    let name = &flows.curves[curve].name;
    (!parts.is_empty()).then(|| format!("{}, {name}: β of machines: {}.", family.name, parts.join("; ")))
}

fn within(interval: Interval, what: &str) -> String {
    if interval.is_known() {
        format!(" [{}, {}]{what}", significant(interval.low, 3), significant(interval.high, 3))
    } else {
        String::new()
    }
}

/// A share in percent, without needless decimals.
pub fn percent(share: f64) -> String {
    ((1e4 * share).round() / 100.0).to_string()
}

/// What bootstrap intervals are over.
fn over(flows: &Flows) -> &'static str {
    if one_set(flows) { " over seeds" } else { " over seeds and draws" }
}

/// Whether all flows of any size trained on the same samples.
fn one_set(flows: &Flows) -> bool {
    let draw = |&flow: &usize| flows.flows[flow].draw;
    let same = |size: &Size| size.flows.iter().all(|flow| Some(draw(flow)) == size.flows.first().map(draw));
    flows.curves.iter().flat_map(|curve| &curve.sizes).all(same)
}

/// What the intervals over seeds do not hold.
fn caution(flows: &Flows) -> Option<String> {
    one_set(flows).then(|| {
        "Every size has one training set, the same for all seeds: an interval over seeds says nothing of the draw of that set, \
         which moves the points about the line and is seen in the interval of the line alone; `draw` in [[subsample]] draws \
         several."
            .to_owned()
    })
}
