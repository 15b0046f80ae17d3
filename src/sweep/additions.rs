//! Observables that are asked for after a run, on the weights that it kept: `--set 'sharpness={at={every=10}}'`.
//!
//! The tables are those of `[observe]`, with the same keys, bounds and defaults; nothing else of a sweep file can be asked
//! for, since nothing is trained. Invariant: what comes out lists kept epochs alone, so that two requests which come to the
//! same are equal.

use super::diagnostics::Diagnostics;
use super::document::{Table, Value};
use super::observables::{Times, table};
use super::overrides;
use super::reader::{Field, TableReader, opened};
use super::schedule::Length;
use super::written::Commas;
use crate::observables::{Moments, Scheduled};

/// An observable that is asked for after a run.
#[derive(Debug, Clone, PartialEq)]
pub struct AskedAddition {
    /// Its name, which is its key in `[observe]`.
    pub observable: &'static str,
    /// The `--set` arguments that ask for it, in order.
    pub sets: Vec<String>,
    /// Its settings, and nothing else; it lists [`AskedAddition::moments`].
    pub scheduled: Scheduled,
    /// The moments asked for at which the run kept weights.
    pub moments: Moments,
    /// The moments asked for at which it did not.
    pub not_kept: Moments,
}

/// Reads the `--set` arguments that ask for observables of a run of `last` epochs, which kept its weights at the moments
/// `kept`. Epochs are not kept where the run kept steps, nor the other way round: which steps end an epoch differs from cell to
/// cell. An observable without a schedule is asked for at all of these.
///
/// # Errors
/// Everything that is wrong with them, at once; see [`Diagnostics`].
pub fn parse_additions(sets: &[String], last: usize, kept: &Moments) -> Result<Vec<AskedAddition>, Diagnostics> {
    let mut diagnostics = Diagnostics::new("--set", "");
    let mut root = Table::default();
    for argument in sets {
        overrides::apply(&mut root, argument, &mut diagnostics);
    }
    let additions = read(&root, sets, last, kept, &mut diagnostics);
    diagnostics.into_result(additions)
}

fn read(
    root: &Table,
    sets: &[String],
    last: usize,
    kept: &Moments,
    diagnostics: &mut Diagnostics,
) -> Option<Vec<AskedAddition>> {
    let mut additions = Some(Vec::new());
    for entry in &root.entries {
        let node = opened(&entry.value, Commas::Belong, diagnostics)?;
        match (&node.value, entry.key.value.as_str()) {
            (Value::Table(observe), "observe") => {
                for of_observe in observe.entries.iter().map(|entry| &entry.key) {
                    if !Scheduled::NAMES.contains(&of_observe.value.as_str()) {
                        refuse(&of_observe.value, &of_observe.place, diagnostics);
                        additions = None;
                    }
                }
                for name in Scheduled::NAMES {
                    let mut reader = TableReader::new("[observe]", observe, diagnostics);
                    let (table_of, asked) = match reader.unread_table(name) {
                        Field::Absent => continue,
                        Field::Broken => (None, Vec::new()),
                        Field::Given(table_of) => (Some(table_of), of_observable(sets, name)),
                    };
                    let addition = table_of.and_then(|node| {
                        let node = (&node.value, &node.place);
                        let length = Length { epochs: Some(last), steps: None };
                        let mut scheduled = Scheduled::default();
                        table(&mut scheduled, name, node, length, Times::WrittenOr(kept), diagnostics)?;
                        // What an observable adds to its schedule (the end, say) counts as asked for.
                        let listed = scheduled.moments(last).into_iter().next().unwrap_or_default();
                        let is_kept =
                            |count: &usize| listed.unit == kept.unit && kept.counts.binary_search(count).is_ok();
                        let (there, not_there) = listed.counts.into_iter().partition(is_kept);
                        let of = |counts: Vec<usize>| Moments { unit: listed.unit, counts };
                        let (moments, not_kept) = (of(there), of(not_there));
                        let mut scheduled = Scheduled::default();
                        table(&mut scheduled, name, node, length, Times::Only(&moments), diagnostics)?;
                        Some(AskedAddition { observable: name, sets: asked, scheduled, moments, not_kept })
                    });
                    match (&mut additions, addition) {
                        (Some(additions), Some(addition)) => additions.push(addition),
                        _ => additions = None,
                    }
                }
            }
            _ => {
                refuse(&entry.key.value, &entry.key.place, diagnostics);
                additions = None;
            }
        }
    }
    additions
}

fn refuse(key: &str, place: &super::place::Place, diagnostics: &mut Diagnostics) {
    let error = diagnostics.error(place, format!("`{key}` cannot be asked for after a run"));
    error.label("nothing is trained any more").help(format!(
        "on kept weights can be measured: {}. Everything else is part of a run: change it in the sweep file and run that",
        Scheduled::NAMES.join(", ")
    ));
}

/// The arguments about one observable.
fn of_observable(sets: &[String], name: &str) -> Vec<String> {
    let is_about = |set: &&String| {
        let key = set.split('=').next().unwrap_or_default().trim();
        let key = key.strip_prefix("observe.").unwrap_or(key);
        // `observe={…}` asks for all that it names.
        key == "observe" || key.split('.').next().map(str::trim) == Some(name)
    };
    sets.iter().filter(is_about).cloned().collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn asked(sets: &[&str]) -> Result<Vec<AskedAddition>, String> {
        let sets: Vec<String> = sets.iter().map(|set| set.to_string()).collect();
        parse_additions(&sets, 100, &Moments::epochs(vec![0, 10, 20, 100])).map_err(|error| error.to_string())
    }

    #[test]
    fn without_a_schedule_every_kept_epoch_is_meant() {
        let additions = asked(&["sharpness={}", "collapse={at=[0,5,20]}"]).unwrap();
        let [sharpness, collapse] = additions.as_slice() else { panic!("{additions:?}") };
        assert_eq!((sharpness.observable, &sharpness.moments.counts[..]), ("sharpness", &[0, 10, 20, 100][..]));
        assert_eq!(sharpness.sets, ["sharpness={}"]);
        assert_eq!(sharpness.scheduled.epochs(100), [0, 10, 20, 100]);
        assert!(sharpness.not_kept.is_empty());
        assert_eq!((&collapse.moments.counts[..], &collapse.not_kept.counts[..]), (&[0, 20][..], &[5][..]));
        assert_eq!(collapse.scheduled.epochs(100), [0, 20]);
    }

    #[test]
    fn where_steps_are_kept_steps_are_asked_for() {
        let asked = |set: &str| {
            let kept = Moments::steps(vec![0, 3, 50]);
            parse_additions(&[set.to_owned()], 100, &kept).map(|mut asked| asked.remove(0)).unwrap()
        };
        assert_eq!(asked("sharpness={}").moments, Moments::steps(vec![0, 3, 50]));
        let some = asked("sharpness={at={steps=[3,4]}}");
        assert_eq!((some.moments, some.not_kept), (Moments::steps(vec![3]), Moments::steps(vec![4])));
        let epochs = asked("sharpness={at=[0,3]}");
        assert!(epochs.moments.is_empty());
        assert_eq!(epochs.not_kept, Moments::epochs(vec![0, 3]), "an epoch is not the step of that number");
    }

    #[test]
    fn what_comes_to_the_same_is_equal() {
        let settings = |set: &str| serde_json::to_string(&asked(&[set]).unwrap()[0].scheduled).unwrap();
        assert_eq!(settings("sharpness={at={every=10}}"), settings("observe.sharpness={probes=10}"));
        assert_ne!(settings("sharpness={}"), settings("sharpness={at=[0,10]}"));
        assert_ne!(settings("sharpness={}"), settings("sharpness.probes=3"));
    }

    #[test]
    fn what_is_no_observable_is_refused_at_its_place() {
        for (set, word) in [
            ("weights=[1]", "`weights` cannot be asked for after a run"),
            ("train.epochs=3", "`train` cannot be asked for after a run"),
            ("sharpnes={}", "did you mean"),
            ("sharpness={probe=3}", "unknown key `probe` in `sharpness`"),
            ("sharpness={at=[200]}", "an epoch that there is not"),
            ("sharpness=3", "must be a table"),
        ] {
            let told = asked(&[set]).unwrap_err();
            assert!(told.contains(word), "{set}: {told}");
        }
    }
}
