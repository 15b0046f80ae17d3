//! Epochs as they are written, turned into a [`Schedule`].

use super::judge::Judge;
use super::place::Located;
use super::reader::Epochs;
use crate::observables::Schedule;

/// Points per factor of ten where "log" is all that is said.
pub(crate) const PER_DECADE: usize = 10;
/// Training may not be longer.
pub(crate) const LONGEST: i128 = 100_000_000;
/// More points per decade than this are every epoch.
const DENSEST: i128 = 1000;

/// The schedule; `last` is the last epoch where it is known. `None` is an error, or a boolean, which is the caller's.
pub(crate) fn resolve(
    judge: &mut Judge<'_>,
    key: &str,
    written: &Located<Epochs>,
    last: Option<usize>,
) -> Option<Schedule> {
    match &written.value {
        Epochs::Never | Epochs::Always => None,
        Epochs::One(epoch) => listed(judge, key, &[written.with(*epoch)], last),
        Epochs::List(epochs) => listed(judge, key, epochs, last),
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
