//! Measures copies of the weights: what is due, and how threads share the work.
//!
//! Engines know nothing of it: the epoch loop stops them at the epochs named here and hands the weights over. So every
//! engine and device is measured by the same program, on the host's processors. Invariants: what is recorded of a replica
//! depends on its weights, its seed and the problem alone, not on its neighbours, on threads or on how training was cut;
//! measuring an epoch again writes the same numbers again.

use std::sync::{Mutex, PoisonError};

use phasesweep_results::Variable;
use phasesweep_results::variables::STEPS_PER_EPOCH;

use super::Scheduled;
use super::earlier;
use super::record::Record;
use super::registry::Observable;
use super::setup::{Subject, View};

/// Measures replicas at scheduled epochs.
#[derive(Debug)]
pub struct Observer<'a> {
    subject: &'a Subject<'a>,
    asked: Vec<Asked<'a>>,
    threads: usize,
    /// Every epoch at which something is due, kept and remembered weights included.
    epochs: Vec<usize>,
    /// Those whose weights are remembered for measurements at the epochs right after.
    remembered: Vec<usize>,
}

/// An observable that was asked for.
#[derive(Debug)]
struct Asked<'a> {
    observable: &'a dyn Observable,
    variables: &'static [&'static Variable],
    epochs: Vec<usize>,
}

impl Asked<'_> {
    /// The epochs whose weights it needs at later ones.
    fn remembers(&self) -> impl Iterator<Item = usize> {
        let before = self.observable.before();
        self.epochs.iter().flat_map(move |&epoch| (1..=before).filter_map(move |back| epoch.checked_sub(back)))
    }
}

impl<'a> Observer<'a> {
    /// The observer of a subject's replicas.
    ///
    /// # Errors
    /// A sentence, if what was asked for cannot be measured on this subject.
    pub fn new(subject: &'a Subject<'a>, scheduled: &'a Scheduled, threads: usize) -> Result<Observer<'a>, String> {
        let last = subject.setup.epochs;
        if !subject.graph.nodes().is_empty()
            && let Some(reason) = scheduled.refusals(&subject.graph, subject.loss).into_iter().next()
        {
            return Err(reason);
        }
        let mut asked = Vec::new();
        for (variables, observable) in scheduled.asked() {
            asked.push(Asked { observable, variables, epochs: observable.epochs(last) });
        }
        let ascending = |mut epochs: Vec<usize>| {
            epochs.sort_unstable();
            epochs.dedup();
            epochs
        };
        let remembered = ascending(asked.iter().flat_map(Asked::remembers).collect());
        let epochs = ascending([scheduled.epochs(last), remembered.clone()].concat());
        if !epochs.is_empty() && subject.graph.nodes().is_empty() {
            return Err(
                "the network cannot be built on the block's inputs, so nothing of it can be measured".to_owned()
            );
        }
        Ok(Observer { subject, asked, threads: threads.max(1), epochs, remembered })
    }

    /// Whether anything is due at an epoch.
    pub fn due(&self, epoch: usize) -> bool {
        self.epochs.binary_search(&epoch).is_ok()
    }

    /// The next epoch, after this one, at which something is due.
    pub fn next(&self, epoch: usize) -> Option<usize> {
        self.epochs.get(self.epochs.partition_point(|&due| due <= epoch)).copied()
    }

    /// Measures what is due at `epoch` of the views, and writes it into their records. At the last epoch of training,
    /// what follows from all measurements is written, too.
    pub fn observe(&self, epoch: usize, views: &[View<'_>], records: &mut [&mut Record]) {
        for (view, record) in views.iter().zip(records.iter_mut()) {
            record.set(&STEPS_PER_EPOCH, 0, &[view.steps_per_epoch as f64]);
        }
        let due: Vec<(&Asked<'_>, usize)> =
            self.asked.iter().filter_map(|asked| Some((asked, asked.epochs.binary_search(&epoch).ok()?))).collect();
        let counts: Vec<usize> = due.iter().map(|(asked, _)| asked.observable.pieces(self.subject)).collect();
        let pieces: Vec<Piece> = (0..views.len())
            .flat_map(|view| counts.iter().enumerate().map(move |(due, &count)| (view, due, count)))
            .flat_map(|(view, due, count)| (0..count).map(move |piece| Piece { view, due, piece }))
            .collect();
        let mut found = self.work(&pieces, views, &due).into_iter();
        for (record, view) in records.iter_mut().zip(views) {
            for ((asked, at), &count) in due.iter().zip(&counts) {
                let values = asked.observable.values(self.subject, found.by_ref().take(count).collect());
                for (variable, values) in asked.variables.iter().chain(asked.observable.working()).zip(values) {
                    record.set_along(variable, asked.epochs.len(), *at, &values);
                }
                if epoch == self.subject.setup.epochs {
                    asked.observable.conclude(self.subject, record);
                }
            }
            if self.remembered.binary_search(&epoch).is_ok() {
                earlier::remember(record, epoch, view.parameters);
            }
        }
    }

    /// Shares the pieces out among threads; what they found, in the order of the pieces.
    fn work(&self, pieces: &[Piece], views: &[View<'_>], due: &[(&Asked<'_>, usize)]) -> Vec<Vec<f64>> {
        let threads = self.threads.min(pieces.len());
        let queue = Mutex::new(pieces.iter().enumerate());
        let found: Mutex<Vec<Vec<f64>>> = Mutex::new(vec![Vec::new(); pieces.len()]);
        let work = || {
            loop {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((place, piece)) = next else { break };
                let numbers = due[piece.due].0.observable.piece(&views[piece.view], piece.piece);
                found.lock().unwrap_or_else(PoisonError::into_inner)[place] = numbers;
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
        found.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A piece of work: one of an observable's pieces, of one replica.
#[derive(Debug, Clone, Copy)]
struct Piece {
    view: usize,
    due: usize,
    piece: usize,
}
