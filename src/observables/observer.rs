//! Measures copies of the weights: what is due, and how threads share the work.
//!
//! Engines know nothing of it: the epoch loop stops them at the positions named here and hands the weights over. So every
//! engine is measured by the same program, on the host's processors; on a device what can be measured there, if there is one.
//! Invariants: what is recorded of a replica depends on its weights, its seed and the problem alone, not on its neighbours, on
//! threads or on how training was cut; measuring a moment again writes the same numbers again; of steps every replica is
//! measured at its own.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use phasesweep_results::Variable;
use phasesweep_results::variables::STEPS_PER_EPOCH;

use super::Scheduled;
use super::earlier;
use super::moment::{Moment, Moments, Position, Unit};
use super::record::Record;
use super::registry::{Observable, OnDevice};
use super::setup::{Subject, View};
use crate::device::Doubles;
use crate::observe::device::{DeviceFailure, ObservingDevice};

/// Measures replicas at scheduled epochs and steps.
#[derive(Debug)]
pub struct Observer<'a> {
    subject: &'a Subject<'a>,
    asked: Vec<Asked<'a>>,
    threads: usize,
    device: Option<&'a dyn ObservingDevice>,
    /// Every position at which something is due of some replica, kept and remembered weights included.
    stops: Vec<Position>,
    /// Moments whose weights are remembered for measurements at those right after: epochs, and steps.
    remembered: [Moments; 2],
}

/// An observable that was asked for.
#[derive(Debug)]
struct Asked<'a> {
    observable: &'a dyn Observable,
    variables: &'static [&'static Variable],
    moments: Moments,
}

impl Asked<'_> {
    /// The moments whose weights it needs at later ones.
    fn remembers(&self) -> impl Iterator<Item = usize> {
        let before = self.observable.before();
        self.moments.counts.iter().flat_map(move |&count| (1..=before).filter_map(move |back| count.checked_sub(back)))
    }
}

impl<'a> Observer<'a> {
    /// The observer of a subject's replicas; `per_epoch` are the numbers of steps that they take in an epoch, in any order.
    ///
    /// # Errors
    /// A sentence, if what was asked for cannot be measured on this subject.
    pub fn new(
        subject: &'a Subject<'a>,
        scheduled: &'a Scheduled,
        per_epoch: &[usize],
        threads: usize,
    ) -> Result<Observer<'a>, String> {
        let last = subject.setup.epochs;
        if !subject.graph.nodes().is_empty()
            && let Some(reason) = scheduled.refusals(&subject.graph, subject.loss).into_iter().next()
        {
            return Err(reason);
        }
        let mut asked = Vec::new();
        for (variables, observable) in scheduled.asked() {
            asked.push(Asked { observable, variables, moments: observable.moments(last) });
        }
        let remembered = Unit::ALL.map(|unit| {
            let of_unit = asked.iter().filter(|asked| asked.moments.unit == unit);
            Moments { unit, counts: ascending(of_unit.flat_map(Asked::remembers).collect()) }
        });
        let mut lists = scheduled.moments(last);
        lists.extend(remembered.iter().cloned());
        let per_epoch = ascending(per_epoch.to_vec());
        let stops = lists.iter().flat_map(|moments| per_epoch.iter().flat_map(|&steps| moments.positions(steps)));
        // A step beyond the end of a replica's training comes never.
        let stops = ascending(stops.filter(|stop| *stop <= Position::at_epoch(last)).collect());
        if lists.iter().any(|moments| !moments.is_empty()) && subject.graph.nodes().is_empty() {
            return Err(
                "the network cannot be built on the block's inputs, so nothing of it can be measured".to_owned()
            );
        }
        Ok(Observer { subject, asked, threads: threads.max(1), device: None, stops, remembered })
    }

    /// Measures on this device what can be measured there.
    pub fn on(self, device: Option<&'a dyn ObservingDevice>) -> Observer<'a> {
        Observer { device, ..self }
    }

    /// The device on which it measures what can be measured there.
    pub fn device(&self) -> Option<&'a dyn ObservingDevice> {
        self.device
    }

    /// Whether anything is due of some replica at a position.
    pub fn due(&self, at: Position) -> bool {
        self.stops.binary_search(&at).is_ok()
    }

    /// The next position, after this one, at which something is due.
    pub fn next(&self, at: Position) -> Option<Position> {
        self.stops.get(self.stops.partition_point(|&due| due <= at)).copied()
    }

    /// Measures of each view what is due where it is, and writes it into its record. At the last epoch of training, what
    /// follows from all measurements is written, too.
    ///
    /// # Errors
    /// [`DeviceFailure`] if the device fails; some of what was due is not written then.
    pub fn observe(&self, views: &[View<'_>], records: &mut [&mut Record]) -> Result<(), DeviceFailure> {
        for (view, record) in views.iter().zip(records.iter_mut()) {
            record.set(&STEPS_PER_EPOCH, 0, &[view.steps_per_epoch as f64]);
        }
        // Of each view the observables that are due, with the place among their moments.
        let due: Vec<Vec<(usize, usize)>> = views.iter().map(|view| self.due_of(view)).collect();
        let mut found = self.measure(views, &due)?;
        for (number, ((record, view), due)) in records.iter_mut().zip(views).zip(&due).enumerate() {
            for &(asked, at) in due {
                let Asked { observable, variables, moments } = &self.asked[asked];
                let values = observable.values(self.subject, found.remove(&(number, asked)).unwrap_or_default());
                for (variable, values) in variables.iter().chain(observable.working()).zip(values) {
                    record.set_along(variable, moments.len(), at, &values);
                }
                if view.at == Position::at_epoch(self.subject.setup.epochs) {
                    observable.conclude(self.subject, record);
                }
            }
            for remembered in &self.remembered {
                if let Some(place) = remembered.place(view.at, view.steps_per_epoch) {
                    let moment = Moment { unit: remembered.unit, count: remembered.counts[place] };
                    earlier::remember(record, moment, view.parameters);
                }
            }
        }
        Ok(())
    }

    /// What is found of each view by each observable that is due of it, piece by piece.
    fn measure(&self, views: &[View<'_>], due: &[Vec<(usize, usize)>]) -> Result<Found, DeviceFailure> {
        let (mut found, mut on_host) = (Found::new(), Vec::new());
        for (asked, Asked { observable, .. }) in self.asked.iter().enumerate() {
            let is_due = |view: &usize| due[*view].iter().any(|&(due, _)| due == asked);
            let of_views: Vec<usize> = (0..views.len()).filter(is_due).collect();
            if of_views.is_empty() {
                continue;
            }
            let there = self.device.zip(observable.on_device(self.subject));
            let has_doubles = |(device, asked): &(&dyn ObservingDevice, &dyn OnDevice)| {
                // A device is asked what it computes only where that matters.
                let doubles = asked.doubles(self.subject);
                doubles == Doubles::Nothing || device.doubles() >= doubles
            };
            if let Some((device, on_device)) = there.filter(has_doubles) {
                let own: Vec<&View<'_>> = of_views.iter().map(|&view| &views[view]).collect();
                let parameters: Vec<&[f32]> = own.iter().map(|view| view.evaluated()).collect();
                let networks = device.networks(&self.subject.graph, &parameters);
                let pieces = on_device.measure(&*networks, &own)?;
                found.extend(of_views.into_iter().map(|view| (view, asked)).zip(pieces));
            } else {
                let count = observable.pieces(self.subject);
                let pieces = |view| (0..count).map(move |piece| Piece { view, asked, piece });
                on_host.extend(of_views.into_iter().flat_map(pieces));
            }
        }
        for (piece, numbers) in on_host.iter().zip(self.work(&on_host, views)) {
            found.entry((piece.view, piece.asked)).or_default().push(numbers);
        }
        Ok(found)
    }

    /// The observables that are due of a view, each with the place of the moment among its own.
    fn due_of(&self, view: &View<'_>) -> Vec<(usize, usize)> {
        let place = |asked: &Asked<'_>| asked.moments.place(view.at, view.steps_per_epoch);
        self.asked.iter().enumerate().filter_map(|(number, asked)| Some((number, place(asked)?))).collect()
    }

    /// Shares the pieces out among threads; what they found, in the order of the pieces.
    fn work(&self, pieces: &[Piece], views: &[View<'_>]) -> Vec<Vec<f64>> {
        let threads = self.threads.min(pieces.len());
        let queue = Mutex::new(pieces.iter().enumerate());
        let found: Mutex<Vec<Vec<f64>>> = Mutex::new(vec![Vec::new(); pieces.len()]);
        let work = || {
            loop {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some((place, piece)) = next else { break };
                let numbers = self.asked[piece.asked].observable.piece(&views[piece.view], piece.piece);
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

fn ascending<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort_unstable();
    list.dedup();
    list
}

/// What the pieces found, in their order, of each view and observable.
type Found = BTreeMap<(usize, usize), Vec<Vec<f64>>>;

/// A piece of work: one of an observable's pieces, of one replica.
#[derive(Debug, Clone, Copy)]
struct Piece {
    view: usize,
    asked: usize,
    piece: usize,
}
