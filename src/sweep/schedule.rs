//! Epochs and steps as they are written, turned into a [`Schedule`].

use super::judge::Judge;
use super::place::Located;
use super::reader::{Epochs, Steps};
use crate::observables::Schedule;

/// Points per factor of ten where "log" is all that is said.
pub(crate) const PER_DECADE: usize = 10;
/// Training may not be longer.
pub(crate) const LONGEST: i128 = 100_000_000;
/// More points per decade than this are every epoch.
const DENSEST: i128 = 1000;

/// How long training is, as far as that is known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Length {
    /// The last epoch.
    pub(crate) epochs: Option<usize>,
    /// The last step of the cells that take the fewest, pruned ones left out.
    pub(crate) steps: Option<usize>,
}

/// The schedule; `length` is that of training. `None` is an error, or a boolean, which is the caller's.
pub(crate) fn resolve(judge: &mut Judge<'_>, key: &str, written: &Located<Epochs>, length: Length) -> Option<Schedule> {
    let last = length.epochs;
    match &written.value {
        Epochs::Never | Epochs::Always => None,
        Epochs::One(epoch) => listed(judge, key, &[written.with(*epoch)], last),
        Epochs::List(epochs) => listed(judge, key, epochs, last),
        Epochs::Steps(steps) => of_steps(judge, key, steps, length.steps),
        Epochs::Every(every) => {
            let every = judge.whole_value("every", every, 1..=LONGEST)?.value;
            Some(Schedule::Every { every })
        }
        Epochs::Log(None) => Some(Schedule::Log { per_decade: PER_DECADE }),
        Epochs::Log(Some(per_decade)) => {
            let per_decade = judge.whole_value("epochs per decade", per_decade, 1..=DENSEST)?.value;
            Some(Schedule::Log { per_decade })
        }
    }
}

fn of_steps(judge: &mut Judge<'_>, key: &str, written: &Steps, last: Option<usize>) -> Option<Schedule> {
    let until = |judge: &mut Judge<'_>, until: &Located<i128>| {
        let whole = judge.whole_value("until", until, 1..=LONGEST)?.value;
        steps_there(judge, key, [until], last).then_some(whole)
    };
    match written {
        Steps::List(steps) => {
            let sound = steps_there(judge, key, steps, last);
            judge.distinct(key, steps.iter().map(|step| (step.value, &step.place)));
            let mut steps: Vec<usize> = steps.iter().filter_map(|step| usize::try_from(step.value).ok()).collect();
            steps.sort_unstable();
            sound.then_some(Schedule::Steps { steps })
        }
        Steps::Every { every, until: end } => {
            let every = judge.whole_value("every", every, 1..=LONGEST);
            Some(Schedule::EverySteps { until: until(judge, end)?, every: every?.value })
        }
        Steps::Log { per_decade, until: end, singly_until } => {
            let per_decade = judge.whole_value("steps per decade", per_decade, 1..=DENSEST);
            let singly_until =
                singly_until.as_ref().map(|singly| judge.whole_value("singly_until", singly, 1..=end.value));
            let singly_until = match singly_until {
                None => None,
                Some(singly) => Some(singly?.value),
            };
            Some(Schedule::LogSteps { until: until(judge, end)?, per_decade: per_decade?.value, singly_until })
        }
    }
}

/// Whether training has all of these steps; reports each that it has not.
fn steps_there<'a>(
    judge: &mut Judge<'_>,
    key: &str,
    steps: impl IntoIterator<Item = &'a Located<i128>>,
    last: Option<usize>,
) -> bool {
    let mut sound = true;
    for step in steps {
        if step.value < 0 || last.is_some_and(|last| step.value > last as i128) {
            sound = false;
            let error = judge.diagnostics.error(&step.place, format!("`{key}` names a step that there is not"));
            match last {
                Some(last) => error.label(format!("training has steps 0 to {last}")).help(
                    "an epoch has as many steps as there are batches in the smallest [[subsample]], one with a full batch",
                ),
                None => error.label("steps are counted from 0"),
            };
        }
    }
    sound
}

/// Reports steps where epochs alone can be named; whether there was anything to report.
pub(crate) fn refuse_steps(judge: &mut Judge<'_>, key: &str, written: &Located<Epochs>, help: &'static str) -> bool {
    let steps = matches!(written.value, Epochs::Steps(_));
    if steps {
        judge.diagnostics.error(&written.place, format!("`{key}` names steps, and takes epochs alone")).help(help);
    }
    steps
}

fn listed(judge: &mut Judge<'_>, key: &str, epochs: &[Located<i128>], last: Option<usize>) -> Option<Schedule> {
    let mut sound = true;
    for epoch in epochs {
        let beyond = last.is_some_and(|last| epoch.value > last as i128);
        if epoch.value < 0 || beyond {
            sound = false;
            let error = judge.diagnostics.error(&epoch.place, format!("`{key}` names an epoch that there is not"));
            error.label(match last {
                Some(last) => format!("training has epochs 0 to {last}"),
                None => "epochs are counted from 0".to_string(),
            });
        }
    }
    judge.distinct(key, epochs.iter().map(|epoch| (epoch.value, &epoch.place)));
    let mut epochs: Vec<usize> = epochs.iter().filter_map(|epoch| usize::try_from(epoch.value).ok()).collect();
    epochs.sort_unstable();
    sound.then_some(Schedule::At { epochs })
}
