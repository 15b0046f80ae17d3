//! What a person watches, and what a key does to it. Pure: no terminal, no clock, no file.
//!
//! Invariants: whatever is read, a view comes of it; the rank that is chosen is one that there is.

use phasesweep::run_directory::Status;

/// Everything that is drawn.
#[derive(Debug, Clone, Default)]
pub(super) struct View {
    /// What the run directory said last; the error of a look that failed.
    pub(super) status: Option<Result<Status, String>>,
    /// Curves of the chosen rank's cells, or of cells that are finished.
    pub(super) curves: Curves,
    /// Place of the chosen rank among those of the status.
    pub(super) chosen: usize,
    /// Which variable is drawn: a place in [`Curves::variables`].
    pub(super) variable: usize,
    /// Whether the keys are explained.
    pub(super) help: bool,
    /// Without colours.
    pub(super) plain: bool,
}

/// Points of a curve, in order.
pub(super) type Points = Vec<(f64, f64)>;

/// Curves of some cells.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Curves {
    /// Whose they are and from where, or why there are none.
    pub(super) source: String,
    /// What stands along the horizontal axis.
    pub(super) along: String,
    /// Each variable with the curves of the cells: points in order, those that were not measured left out.
    pub(super) variables: Vec<(String, Vec<Points>)>,
}

/// What a person does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    /// The next rank.
    Down,
    /// The rank before.
    Up,
    /// The first rank.
    First,
    /// The last rank.
    Last,
    /// The next variable.
    Variable,
    /// Explain the keys, or no longer.
    Help,
    /// Look now.
    Look,
    /// End.
    Quit,
}

/// What follows from a key beside another view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing.
    None,
    /// Look at the directory now.
    Look,
    /// End.
    Quit,
}

impl View {
    /// Ranks of the run.
    pub(super) fn ranks(&self) -> usize {
        let run = self.status.as_ref().and_then(|status| status.as_ref().ok()).and_then(|status| status.run.as_ref());
        run.map_or(0, |run| run.of_rank.len())
    }

    /// Takes what was read.
    pub(super) fn take(&mut self, status: Result<Status, String>) {
        self.status = Some(status);
        self.chosen = self.chosen.min(self.ranks().saturating_sub(1));
    }

    /// What a key does.
    pub(super) fn press(&mut self, key: Key) -> Effect {
        let last = self.ranks().saturating_sub(1);
        match key {
            Key::Down => self.chosen = (self.chosen + 1).min(last),
            Key::Up => self.chosen = self.chosen.saturating_sub(1),
            Key::First => self.chosen = 0,
            Key::Last => self.chosen = last,
            Key::Variable => self.variable = (self.variable + 1) % self.curves.variables.len().max(1),
            Key::Help => self.help = !self.help,
            Key::Look => return Effect::Look,
            Key::Quit => return Effect::Quit,
        }
        match key {
            Key::Down | Key::Up | Key::First | Key::Last => Effect::Look,
            _ => Effect::None,
        }
    }
}
