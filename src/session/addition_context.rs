//! What every worker of a process stands on that measures after a run: the run, and what was asked for of it.

use super::error::SessionError;
use super::run_context::RunContext;
use crate::plan::Plan;
use crate::run_directory::Addition;
use crate::store::RunDirectory;
use crate::sweep::AskedAddition;

/// An observable that was asked for, and where its parts go.
pub(super) struct Asked {
    /// As the run directory keeps it.
    pub(super) addition: Addition,
    /// As it is read: settings and moments.
    pub(super) asked: AskedAddition,
    /// Parts, checkpoints and notes.
    pub(super) directory: RunDirectory,
}

impl Asked {
    /// What was asked for of a run of that plan in a directory.
    ///
    /// # Errors
    /// It means something else by now.
    pub(super) fn new(addition: Addition, plan: &Plan, run: &RunDirectory) -> Result<Asked, SessionError> {
        let asked = addition.asked(plan).map_err(SessionError::Input)?;
        let directory = addition.directory(run);
        Ok(Asked { addition, asked, directory })
    }
}

/// A run, and what was asked for of it; shared by the workers of one process.
///
/// The coordinator knows work by numbers below 2³²: here a number is that of a cell of the plan and of an observable.
pub(super) struct AdditionContext {
    /// The run.
    pub(super) run: RunContext,
    /// The observables.
    pub(super) asked: Vec<Asked>,
}

impl AdditionContext {
    /// # Errors
    /// One means something else by now, or there is more to measure than can be counted.
    pub(super) fn new(run: RunContext, additions: Vec<Addition>) -> Result<AdditionContext, SessionError> {
        if additions.len().saturating_mul(run.plan.len()) > u32::MAX as usize {
            return Err(SessionError::Input(format!(
                "{} observables of {} cells are more than can be dealt out at once: ask for them one after another",
                additions.len(),
                run.plan.len()
            )));
        }
        let asked = additions.into_iter().map(|addition| Asked::new(addition, &run.plan, &run.directory));
        let asked = asked.collect::<Result<_, _>>()?;
        Ok(AdditionContext { run, asked })
    }

    /// The number of a cell and an observable.
    pub(super) fn number(&self, observable: usize, cell: u32) -> u32 {
        (observable * self.run.plan.len()) as u32 + cell
    }

    /// The observable and the cell of a number.
    pub(super) fn of_number(&self, number: u32) -> (usize, u32) {
        let cells = self.run.plan.len();
        (number as usize / cells, (number as usize % cells) as u32)
    }
}

#[allow(clippy::unwrap_used)]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::observables::Moments;
    use crate::session::start::pools::Pools;
    use crate::sweep::{parse, parse_additions};

    #[test]
    fn every_cell_and_observable_has_a_number_of_its_own() {
        let sweep = "[sweep]\nname = \"t\"\nseeds = 5\n[[data]]\nsource = \"digits\"\n[[subsample]]\nsize = 50\n\
                     [[architecture]]\nkind = \"mlp\"\nhidden = [5]\n[[optimiser]]\nkind = \"sgd\"\nlr = [0.1, 0.2]\n\
                     [train]\nepochs = 10\n[observe]\nweights = [0, 10]\n";
        let plan = Plan::new(parse(sweep, "t.toml", &[]).unwrap(), &["d".into()]);
        let sets = ["collapse={}".to_owned(), "sharpness={}".to_owned()];
        let additions =
            parse_additions(&sets, 10, &Moments::epochs(vec![0, 10])).unwrap().iter().map(Addition::new).collect();
        let run = RunContext::new(plan, RunDirectory::at("run"), Pools::default());
        let context = AdditionContext::new(run, additions).unwrap();
        let mut numbers = std::collections::HashSet::new();
        for observable in 0..2 {
            for cell in 0..10 {
                let number = context.number(observable, cell);
                assert_eq!(context.of_number(number), (observable, cell));
                assert!(numbers.insert(number));
            }
        }
    }
}
