//! What an `[[optimiser]]` says beside its rule: schedules of the learning rate, clipping and SAM, as combinations of the
//! lists that its keys hold.
//!
//! Invariant: every recipe is there once. A key that says nothing about one of several schedules is no part of that one.

use std::collections::HashSet;

use phasesweep_optimisers::{Decay, RateSchedule, Recipe, Unit, Warmup};

use super::judge::Judge;
use super::place::Located;
use super::reader::{Field, List};
use super::table::Keyed;

/// The forms of a schedule, as they are written.
pub(crate) const FORMS: [(&str, Form); 5] = [
    ("constant", Form::Constant),
    ("step", Form::Step),
    ("cosine", Form::Cosine),
    ("linear", Form::Linear),
    ("exponential", Form::Exponential),
];
/// What a schedule may count, as it is written.
pub(crate) const UNITS: [(&str, Unit); 2] = [("epoch", Unit::Epoch), ("step", Unit::Step)];
/// γ of `schedule = "step"` where none is given: that of PyTorch's `StepLR` and `MultiStepLR`.
const STEP_FACTOR: f64 = 0.1;

/// The form of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// The same rate throughout.
    Constant,
    /// A factor every so often, or at stated places.
    Step,
    /// Half a cosine.
    Cosine,
    /// A straight line.
    Linear,
    /// A factor at every count.
    Exponential,
}

/// The keys, as they were typed.
pub(super) struct RecipeKeys<'a> {
    pub(super) schedule: &'a Keyed<List<String>>,
    pub(super) schedule_by: &'a Keyed<String>,
    pub(super) decay_every: &'a Keyed<List<i128>>,
    pub(super) decay_at: &'a Keyed<List<List<i128>>>,
    pub(super) decay_factor: &'a Keyed<List<f64>>,
    pub(super) final_share: &'a Keyed<List<f64>>,
    pub(super) warmup: &'a Keyed<List<i128>>,
    pub(super) warmup_start: &'a Keyed<List<f64>>,
    pub(super) clip_norm: &'a Keyed<List<f64>>,
    pub(super) sam_radius: &'a Keyed<List<f64>>,
}

/// Values of a key that may be absent: what it lists; `None` once, where it is not there.
fn listed<T: Copy, U>(
    key: &Keyed<List<T>>,
    read: impl FnOnce(&Keyed<List<T>>) -> Option<List<U>>,
) -> Option<Vec<Option<U>>> {
    if key.is_absent() {
        return Some(vec![None]);
    }
    Some(read(key)?.into_iter().map(|item| Some(item.value)).collect())
}

impl RecipeKeys<'_> {
    /// Reports every key that is given; `what` has none of them.
    pub(super) fn do_not_apply(&self, what: &str, judge: &mut Judge<'_>) {
        judge.does_not_apply(what, self.schedule);
        judge.does_not_apply(what, self.schedule_by);
        judge.does_not_apply(what, self.decay_every);
        judge.does_not_apply(what, self.decay_at);
        judge.does_not_apply(what, self.decay_factor);
        judge.does_not_apply(what, self.final_share);
        judge.does_not_apply(what, self.warmup);
        judge.does_not_apply(what, self.warmup_start);
        judge.does_not_apply(what, self.clip_norm);
        judge.does_not_apply(what, self.sam_radius);
    }

    /// All recipes. `last` is the number of epochs, where it is known.
    pub(super) fn resolve(&self, last: Option<usize>, judge: &mut Judge<'_>) -> Option<Vec<Recipe>> {
        let before = judge.diagnostics.len();
        let forms = judge.choices(self.schedule, &FORMS);
        let unit = judge.choice(self.schedule_by, &UNITS);
        let every = listed(self.decay_every, |key| judge.wholes(key));
        let places = self.places(judge);
        let factors = listed(self.decay_factor, |key| judge.reals(key));
        let ends = judge.reals(self.final_share);
        let warmups = judge.wholes(self.warmup);
        let starts = listed(self.warmup_start, |key| judge.reals(key));
        let limits = listed(self.clip_norm, |key| judge.reals(key));
        let radii = judge.reals(self.sam_radius);
        let forms: Vec<Form> = forms?.iter().map(|form| form.value).collect();
        self.belong(&forms, warmups.as_deref().unwrap_or_default(), judge);
        if let (Some(last), Some(Unit::Epoch)) = (last, unit) {
            self.within(last, judge);
        }
        if judge.diagnostics.len() > before {
            return None;
        }
        let whole = |value: usize| value as u64;
        let (unit, every, places, factors, starts) = (unit?, every?, places?, factors?, starts?);
        let (ends, warmups, radii) = (values(ends?), values(warmups?), values(radii?));
        let decays = |form: Form| -> Vec<Decay> {
            let factors = || factors.iter().map(|factor| factor.unwrap_or(STEP_FACTOR));
            match form {
                Form::Constant => vec![Decay::Constant],
                Form::Step => {
                    let regular = every.iter().flatten().map(|&every| whole(every));
                    let regular = regular
                        .flat_map(|every| factors().map(move |factor| Decay::Every { every, factor }))
                        .collect::<Vec<_>>();
                    let at = places
                        .iter()
                        .flat_map(|places| factors().map(|factor| Decay::At { places: places.clone(), factor }));
                    regular.into_iter().chain(at).collect()
                }
                Form::Cosine => ends.iter().map(|&end| Decay::Cosine { end }).collect(),
                Form::Linear => ends.iter().map(|&end| Decay::Linear { end }).collect(),
                Form::Exponential => factors().map(|factor| Decay::Exponential { factor }).collect(),
            }
        };
        let decays: Vec<Decay> = forms.into_iter().flat_map(decays).collect();
        let warmups: Vec<Option<Warmup>> = warmups
            .into_iter()
            .flat_map(|length| {
                starts.iter().map(move |start| {
                    let start = start.unwrap_or(Warmup::START);
                    (length > 0).then_some(Warmup { length: whole(length), start })
                })
            })
            .collect();
        let limits = limits?;
        let all = judge.combinations([decays.len(), warmups.len(), limits.len(), radii.len()])?;
        let recipe = |[decay, warmup, limit, radius]: [usize; 4]| {
            let (decay, warmup) = (decays[decay].clone(), warmups[warmup]);
            let constant = warmup.is_none() && decay == Decay::Constant;
            // What never changes counts nothing.
            let unit = if constant { Unit::default() } else { unit };
            let sam_radius = Some(radii[radius]).filter(|&radius| radius > 0.0);
            Recipe { schedule: RateSchedule { unit, warmup, decay }, clip_norm: limits[limit], sam_radius }
        };
        let mut known = HashSet::new();
        Some(all.map(recipe).filter(|recipe| known.insert(format!("{recipe:?}"))).collect())
    }

    /// The lists of places of `decay_at`, each ascending; none where it is not given.
    fn places(&self, judge: &mut Judge<'_>) -> Option<Vec<Vec<u64>>> {
        let Field::Given(given) = &self.decay_at.field else { return Some(Vec::new()) };
        let key = &self.decay_at.key;
        let mut sound = true;
        let mut all = Vec::new();
        for list in &given.value {
            if list.value.is_empty() {
                judge
                    .diagnostics
                    .error(&list.place, "`decay_at` lists nothing")
                    .help("write, say, decay_at = [100, 200]");
                sound = false;
            }
            judge.distinct(key.name, list.value.iter().map(|place| (place.value, &place.place)));
            let read: Vec<Option<Located<usize>>> =
                list.value.iter().map(|place| judge.whole_value(key.name, place, key.bound.range())).collect();
            sound &= read.iter().all(Option::is_some);
            let mut places: Vec<u64> = read.into_iter().flatten().map(|place| place.value as u64).collect();
            places.sort_unstable();
            all.push(places);
        }
        let spelt = all.iter().zip(&given.value).map(|(list, written)| (format!("{list:?}"), &written.place));
        judge.distinct(key.name, spelt);
        sound.then_some(all)
    }

    /// Reports keys that say nothing about any of the schedules, and what a schedule lacks.
    fn belong(&self, forms: &[Form], warmups: &[Located<usize>], judge: &mut Judge<'_>) {
        let has = |form: Form| forms.contains(&form);
        let what = match forms {
            [one] => FORMS
                .iter()
                .find(|(_, form)| form == one)
                .map_or_else(String::new, |(name, _)| format!("schedule = \"{name}\"")),
            _ => "any of these schedules".to_owned(),
        };
        if has(Form::Step) {
            match (self.decay_every.given(), self.decay_at.given()) {
                (Some(_), Some(at)) => {
                    let error = judge.diagnostics.error(&at.place, "`decay_at` says when, and so does `decay_every`");
                    error.help("leave one of them out");
                }
                (None, None) if self.decay_every.is_absent() && self.decay_at.is_absent() => {
                    let place = self.schedule.given().map_or(judge.place, |given| &given.place).clone();
                    let message = "schedule = \"step\" needs `decay_every` or `decay_at`";
                    judge.diagnostics.error(&place, message).help("write, say, decay_every = 100");
                }
                _ => {}
            }
        } else {
            judge.does_not_apply(&what, self.decay_every);
            judge.does_not_apply(&what, self.decay_at);
        }
        if !has(Form::Step) && !has(Form::Exponential) {
            judge.does_not_apply(&what, self.decay_factor);
        }
        if has(Form::Exponential) && self.decay_factor.is_absent() {
            let place = self.schedule.given().map_or(judge.place, |given| &given.place).clone();
            let message = "schedule = \"exponential\" needs `decay_factor`";
            judge.diagnostics.error(&place, message).help("write, say, decay_factor = 0.99");
        }
        if !has(Form::Cosine) && !has(Form::Linear) {
            judge.does_not_apply(&what, self.final_share);
        }
        let warms = warmups.iter().any(|length| length.value > 0);
        if !warms {
            judge.does_not_apply("a rate without a warm-up", self.warmup_start);
        }
        if !warms && forms.iter().all(|form| *form == Form::Constant) {
            judge.does_not_apply("a rate that does not change", self.schedule_by);
        }
    }

    /// Reports places and warm-ups that epochs 0 to `last` − 1, in which steps are taken, leave no room for.
    fn within(&self, last: usize, judge: &mut Judge<'_>) {
        let last = last as i128;
        let warmups = self.warmup.given().map_or(&[][..], |given| &given.value);
        for length in warmups.iter().filter(|length| length.value >= last) {
            let error = judge.diagnostics.error(&length.place, "`warmup` takes all of training");
            error.label(format!("training has {last} epochs"));
        }
        let longest = warmups.iter().map(|length| length.value).max().unwrap_or(0);
        for place in self.decay_at.given().into_iter().flat_map(|given| given.value.iter().flat_map(|list| &list.value))
        {
            if place.value >= last {
                let error =
                    judge.diagnostics.error(&place.place, "`decay_at` names an epoch in which nothing is trained");
                error.label(format!("steps are taken in epochs 0 to {}", last - 1));
            } else if place.value < longest {
                let error = judge.diagnostics.error(&place.place, "`decay_at` names an epoch of the warm-up");
                error.label(format!("the warm-up ends with epoch {longest}"));
            }
        }
    }
}

fn values<T>(list: List<T>) -> Vec<T> {
    list.into_iter().map(|item| item.value).collect()
}
