//! The question, once it has been checked: from what was typed to what the rest may trust, and what the tables say of
//! each other.
//!
//! Invariants: whatever [`crate::sweep::parse`] answers may be trusted: no axis is empty or lists an entry twice,
//! every size is positive, every layer to be observed exists, every epoch named is trained. A [`Sweep`] is answered only if
//! nothing was reported; a table that is wrong does not keep the others from being judged.
//!
//! Every type that takes part in a cell's identity derives `Serialize`; field order and names are part of the
//! identity (see `crate::plan`), so changing either changes every id.

use super::architecture::{self, Architecture};
use super::data::{self, Data};
use super::diagnostics::Diagnostics;
use super::observe::{self, Observe};
use super::optimiser::{self, Optimiser};
use super::place::Located;
use super::prune::{self, Prune, PruneSize};
use super::raw::RawSweep;
use super::schedule::Length;
use super::slurm::{self, Slurm};
use super::stop::{self, Stop};
use super::subsample::{self, Subsample};
use super::table::RawTable;
use super::train::{self, Train};
use super::{agreement, head, judge, report};
use crate::observables::Schedule;
use phasesweep_results::report::ReportSettings;

/// A checked sweep. Its axes are the six lists; their product is the grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweep {
    /// Name of the sweep; also the name of its run directory. Letters, digits, `-`, `_`, `.`.
    pub name: String,
    /// Seeds, ascending and distinct.
    pub seeds: Vec<u64>,
    /// What the sweep is for, in a person's words; part of no identity.
    pub description: Option<String>,
    /// Data sources.
    pub data: Vec<Data>,
    /// Which samples of the source are trained on.
    pub subsamples: Vec<Subsample>,
    /// Networks.
    pub architectures: Vec<Architecture>,
    /// Optimisers; a list of numbers in the file is already spread out.
    pub optimisers: Vec<Optimiser>,
    /// Which of the block's samples are left out of training; `[Prune::None]` unless the file says more.
    pub prunes: Vec<Prune>,
    /// Length, loss and batch.
    pub train: Train,
    /// What is measured, and when.
    pub observe: Observe,
    /// When seeds stop being added and when a replica may leave early.
    pub stop: Stop,
    /// What the report is about; part of no identity.
    pub report: ReportSettings,
    /// Defaults for `phasesweep submit`; command-line flags override them.
    pub slurm: Slurm,
}

impl Sweep {
    /// Number of cells of the grid with so many seeds; `None` where it cannot be counted in 64 bits.
    fn product(&self, seeds: usize) -> Option<u64> {
        let models = [self.architectures.len(), self.optimisers.len()];
        let samples = [self.data.len(), self.subsamples.len(), self.prunes.len()];
        let mut counts = models.into_iter().chain(samples).chain([seeds]);
        counts.try_fold(1_u64, |product, count| product.checked_mul(count as u64))
    }

    /// Number of cells of the grid: the product of its axes.
    pub fn grid_size(&self) -> u64 {
        // `parse` answers no sweep whose product overflows.
        self.product(self.seeds.len()).unwrap_or(u64::MAX)
    }

    /// Number of cells if every seed that [`Stop`] may add is added; `None` where it overflows.
    pub(crate) fn most_cells(&self) -> Option<u64> {
        let most = self.stop.half_width.map_or(0, |adaptive| adaptive.max_seeds);
        self.product(most.max(self.seeds.len()))
    }
}

/// Judges the whole file; what is wrong is pushed.
pub(crate) fn resolve(raw: &RawSweep, diagnostics: &mut Diagnostics) -> Option<Sweep> {
    missing_tables(raw, diagnostics);
    let head = raw.sweep.as_ref().and_then(|table| head::resolve(table, diagnostics));
    let train = raw.train.as_ref().and_then(|table| train::resolve(table, diagnostics));
    let last = raw.train.as_ref().and_then(|table| train::last_epoch(&table.keys));
    let data = axis("[[data]]", &raw.data, diagnostics, data::resolve);
    let pools = data::pools(&data.entries);
    let subsamples =
        axis("[[subsample]]", &raw.subsamples, diagnostics, |table, out| subsample::resolve(table, &pools, out));
    let architectures = axis("[[architecture]]", &raw.architectures, diagnostics, |table, out| {
        architecture::resolve(table, &data.entries, out)
    });
    let optimisers =
        axis("[[optimiser]]", &raw.optimisers, diagnostics, |table, out| optimiser::resolve(table, last, out));
    let prunes = axis("[[prune]]", &raw.prunes, diagnostics, |table, out| prune::resolve(table, last, out));
    let steps = train.as_ref().and_then(|train| last_step(train, &subsamples.entries));
    let observe = observe::resolve(raw.observe.as_ref(), Length { epochs: last, steps }, diagnostics);
    let seeds = head.as_ref().map(|head| head.seeds.len());
    let stop = stop::resolve(raw.stop.as_ref(), seeds, diagnostics);
    let report = report::resolve(raw.report.as_ref(), diagnostics);
    let slurm = slurm::resolve(raw.slurm.as_ref(), diagnostics);
    if let (Some(table), Some(train)) = (&raw.train, &train) {
        train::batch_fits(table, train, &subsamples.entries, diagnostics);
    }
    agreement::manifold_needed(raw, diagnostics);
    let flow = agreement::flows(raw, &optimisers.entries, &data.entries, diagnostics);
    agreement::observables_fit(raw, flow.is_some(), diagnostics);
    agreement::steps_fit(raw, observe.as_ref(), flow.is_some(), diagnostics);
    agreement::attacks_fit(raw, observe.as_ref(), &optimisers.entries, diagnostics);
    if !diagnostics.is_empty() {
        return None;
    }
    let (head, train, mut observe) = (head?, train?, observe?);
    let mut prunes = prunes.into_values();
    if prunes.is_empty() {
        prunes.push(Prune::None);
    }
    record_what_prunes_need(&mut observe, &prunes, train.epochs);
    if let Some(flow) = flow {
        (observe.manifold_every, observe.flow) = (None, Some(flow));
    }
    let sweep = Sweep {
        name: head.name,
        seeds: head.seeds,
        description: head.description,
        data: data.into_values(),
        subsamples: subsamples.into_values(),
        architectures: architectures.into_values(),
        optimisers: optimisers.into_values(),
        prunes,
        train,
        observe,
        stop: stop?,
        report: report?,
        slurm: slurm?,
    };
    if sweep.most_cells().is_none() {
        diagnostics.unplaced("the axes multiply to more cells than can be counted").help("shorten an axis");
        return None;
    }
    Some(sweep)
}

/// The last step of the unpruned cells that take the fewest; `None` where no subsample is sound.
fn last_step(train: &Train, subsamples: &[Located<Subsample>]) -> Option<usize> {
    let fewest = subsamples.iter().map(|entry| train.batch.steps(entry.value.size())).min()?;
    train.epochs.checked_mul(fewest)
}

fn missing_tables(raw: &RawSweep, diagnostics: &mut Diagnostics) {
    let needed = [
        ("sweep", "[sweep]", "name = \"first\" and seeds = 64"),
        ("data", "[[data]]", "source = \"digits\""),
        ("subsample", "[[subsample]]", "size = 1500"),
        ("architecture", "[[architecture]]", "kind = \"mlp\" and hidden = [20]"),
        ("optimiser", "[[optimiser]]", "kind = \"sgd\" and lr = 0.1"),
        ("train", "[train]", "epochs = 500"),
    ];
    for (name, header, example) in needed {
        if !raw.present.iter().any(|present| present == name) {
            diagnostics.unplaced(format!("{header} is missing")).help(format!("write {header} with, say, {example}"));
        }
    }
}

/// An axis: the entries of all its tables, each with its table's place.
struct Axis<T> {
    entries: Vec<Located<T>>,
}

impl<T> Axis<T> {
    fn into_values(self) -> Vec<T> {
        self.entries.into_iter().map(|entry| entry.value).collect()
    }
}

fn axis<R, T: std::fmt::Debug>(
    header: &'static str,
    tables: &[RawTable<R>],
    diagnostics: &mut Diagnostics,
    resolve: impl Fn(&RawTable<R>, &mut Diagnostics) -> Option<Vec<T>>,
) -> Axis<T> {
    let mut entries = Vec::new();
    for table in tables {
        let resolved = resolve(table, diagnostics).unwrap_or_default();
        if entries.len() + resolved.len() > judge::AXIS_LIMIT {
            let message = format!("with this {header} the axis has more than {} entries", judge::AXIS_LIMIT);
            diagnostics.error(&table.place, message).help("shorten a list or a range");
            break;
        }
        entries.extend(resolved.into_iter().map(|value| Located::new(value, table.place.clone())));
    }
    judge::repeated(header, &entries, diagnostics);
    Axis { entries }
}

/// Adds the epochs whose misclassified samples a prune leaves out to those at which they are kept: those it names, and
/// for stragglers every epoch at which the inversion may turn out to lie.
fn record_what_prunes_need(observe: &mut Observe, prunes: &[Prune], last: usize) {
    let kept = observe.misclassified.as_ref().map(|schedule| schedule.epochs(last)).unwrap_or_default();
    let mut needed = kept.clone();
    let mut stragglers = false;
    for prune in prunes {
        match *prune {
            Prune::None => {}
            Prune::Misclassified { epoch } | Prune::Random { like: PruneSize::Misclassified { epoch } } => {
                needed.push(epoch);
            }
            Prune::Stragglers { .. } | Prune::Random { like: PruneSize::Stragglers { .. } } => stragglers = true,
        }
    }
    let every = observe.manifold_every.unwrap_or(1);
    if stragglers {
        needed.extend(observe.epochs.epochs(last).into_iter().filter(|epoch| epoch % every == 0));
    }
    needed.sort_unstable();
    needed.dedup();
    if needed == kept {
        return;
    }
    // The rule is part of every cell's identity: the short form where there is one, so that an equal question has
    // an equal name.
    let regular = Schedule::Every { every };
    let of_every = |epoch: &usize| epoch.is_multiple_of(every) || *epoch == last;
    let complete = needed.iter().filter(|epoch| epoch.is_multiple_of(every)).count() == last / every + 1;
    let same = stragglers && complete && needed.iter().all(of_every);
    observe.misclassified = Some(if same { regular } else { Schedule::At { epochs: needed } });
}
