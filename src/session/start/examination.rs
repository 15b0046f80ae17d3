//! What is found out about a sweep's data before anything is trained: by rank 0 at the start of a run, and by `plan`.
//!
//! Invariant: whatever depends on the sweep and its data alone is refused here, with exit code 2 and all of it at once. A
//! worker that meets it would try it twice, bisect its cohort, and call the cells failed.

use std::collections::BTreeSet;
use std::sync::Arc;

use rayon::prelude::*;

use super::pools::Pools;
use crate::data::{self, Census, DataError, Finding, Pool};
use crate::plan::{DataIdentity, Plan, Variant, removes_by_distance};
use crate::session::error::SessionError;
use crate::sweep::{Data, InversionOf, Prune, PruneSize, Sweep};
use crate::train;
use phasesweep_networks::{Misfit, Ports};

/// Blocks of a source whose inputs are looked at, taken evenly from all: each costs a pass over its samples.
const LOOKED_AT: usize = 64;

/// What rank 0 found.
#[derive(Debug, Default)]
pub(in crate::session) struct Examined {
    /// Identity of each data set, as text.
    pub(in crate::session) identities: Vec<String>,
    /// The sources that were read for it.
    pub(in crate::session) pools: Pools,
    /// What a person should know before training, in sentences.
    pub(in crate::session) findings: Vec<String>,
}

/// Examines the data of a sweep that is to be run.
///
/// # Errors
/// [`SessionError::Data`] if a source is not there or not right; [`SessionError::Refused`] if the sweep asks of it what
/// cannot be trained or measured.
pub(in crate::session) fn examine(sweep: &Sweep) -> Result<Examined, SessionError> {
    let mut pools = Pools::default();
    let findings = findings(sweep, &mut pools, Absent::Refused)?;
    Ok(Examined { identities: identities(sweep, &mut pools)?, pools, findings })
}

/// What a person should know of the data of a sweep that is being planned, in sentences: those of a run. A published
/// data set that was not fetched yet is no error; it is said that its blocks were not looked at.
///
/// # Errors
/// As `run`: everything that depends on the sweep and its data alone.
pub fn findings_of_plan(sweep: &Sweep) -> Result<Vec<String>, SessionError> {
    findings(sweep, &mut Pools::default(), Absent::Said)
}

/// What becomes of a published data set that is not on this machine.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Absent {
    Refused,
    Said,
}

/// Identity of each data set of the sweep, as text ([`DataIdentity`]).
///
/// # Errors
/// A source is not there or not right, or a block cannot be cut from it.
pub(in crate::session) fn identities(sweep: &Sweep, pools: &mut Pools) -> Result<Vec<String>, DataError> {
    sweep.data.iter().map(|data| Ok(identity(sweep, data, pools)?.to_string())).collect()
}

fn identity(sweep: &Sweep, data: &Data, pools: &mut Pools) -> Result<DataIdentity, DataError> {
    if let Some(digest) = data::generated_identity(data) {
        return Ok(DataIdentity { digest: digest.to_hex().to_string(), ..DataIdentity::default() });
    }
    let pool = pools.get(data)?;
    let many = pool.classes(data) > 2;
    let mut lacking = BTreeSet::new();
    if many && sweep.stop.after_inversion.is_some() {
        for (place, subsample) in sweep.subsamples.iter().enumerate() {
            if pool.census(data, subsample, false)?.train.contains(&0) {
                lacking.insert(place);
            }
        }
    }
    Ok(DataIdentity {
        digest: pool.identity(data).to_hex().to_string(),
        many_classes: many && sweep.prunes.iter().any(removes_by_distance),
        lacking,
    })
}

fn findings(sweep: &Sweep, pools: &mut Pools, absent: Absent) -> Result<Vec<String>, SessionError> {
    // Labels need no identities: no digest is asked for.
    let plan = Plan::new(sweep.clone(), &[]);
    let mut said: Vec<String> = Vec::new();
    let mut refused: Vec<String> = Vec::new();
    for (place, data) in sweep.data.iter().enumerate() {
        let pool = match pools.get(data) {
            Ok(pool) => pool,
            Err(DataError::NotFound { name, .. })
                if absent == Absent::Said && data.path.is_none() && data::sources::published_as(&name).is_some() =>
            {
                // Of its sizes, which are published, what follows is known all the same.
                let shape = data::shape(data)?;
                let ports = Ports { inputs: shape.features, image: shape.image, classes: shape.classes };
                refused_networks(sweep, &name, ports).into_iter().for_each(|sentence| say(&mut refused, sentence));
                say(
                    &mut said,
                    format!(
                        "{name} is not here ('phasesweep data fetch {name}' gets it): what its blocks hold was not looked at"
                    ),
                );
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        pool.remarks().iter().for_each(|remark| say(&mut said, remark.clone()));
        let source = Source { plan: &plan, place, data, pool };
        let found = source.look();
        found.refused.into_iter().for_each(|sentence| say(&mut refused, sentence));
        found.said.into_iter().for_each(|sentence| say(&mut said, sentence));
    }
    if refused.is_empty() {
        return Ok(said);
    }
    Err(SessionError::Refused(refused))
}

/// Adds a sentence, once.
fn say(sentences: &mut Vec<String>, sentence: String) {
    if !sentences.contains(&sentence) {
        sentences.push(sentence);
    }
}

/// One data set of the sweep.
struct Source<'a> {
    plan: &'a Plan,
    /// Index into the sweep's data.
    place: usize,
    data: &'a Data,
    pool: Arc<Pool>,
}

#[derive(Default)]
struct Found {
    said: Vec<String>,
    refused: Vec<String>,
}

impl Source<'_> {
    fn look(&self) -> Found {
        let sweep = self.plan.sweep();
        let name = self.label(0, 0);
        let mut found = Found::default();
        let pool = &self.pool;
        let ports = Ports { inputs: pool.features(), image: pool.image(), classes: pool.classes(self.data) };
        refused_networks(sweep, &name, ports).into_iter().for_each(|sentence| say(&mut found.refused, sentence));
        let step = sweep.subsamples.len().div_ceil(LOOKED_AT);
        let counted: Vec<Result<Census, DataError>> = sweep
            .subsamples
            .par_iter()
            .enumerate()
            .map(|(place, subsample)| self.pool.census(self.data, subsample, place % step == 0))
            .collect();
        let (mut accepted, mut refused) = (Vec::new(), Vec::new());
        for (place, counted) in counted.into_iter().enumerate() {
            match counted {
                Err(error) => say(&mut found.refused, error.to_string()),
                Ok(census) => {
                    let block = self.label(1, place);
                    if let Some(sentence) = self.refused_prune(&census, &block) {
                        say(&mut found.refused, format!("{name}, {block}: {sentence}"));
                    }
                    let (wrong, fine): (Vec<Finding>, Vec<Finding>) =
                        census.findings().into_iter().partition(Finding::is_refusal);
                    refused.push((block.clone(), wrong));
                    accepted.push((block, fine));
                }
            }
        }
        found.refused.extend(data::sentences(&name, &refused));
        found.said = data::sentences(&name, &accepted);
        found
    }

    /// Label of the data (axis 0), or of a subsample of it (axis 1).
    fn label(&self, axis: usize, subsample: usize) -> String {
        let variant = Variant { data: self.place, subsample, architecture: 0, optimiser: 0, prune: 0 };
        self.plan.labels(variant)[axis].clone()
    }

    /// Why the sweep's pruned cells have no training set on a block, if that follows from the block alone.
    fn refused_prune(&self, census: &Census, block: &str) -> Option<String> {
        let numbers = self.pool.class_numbers(self.data).ok()?;
        let classes = self.plan.sweep().prunes.iter().filter_map(|prune| match *prune {
            Prune::Stragglers { at } | Prune::Random { like: PruneSize::Stragglers { at } } => match at {
                InversionOf::Distance => None,
                InversionOf::Radius0 => Some(0),
                InversionOf::Radius1 => Some(1),
            },
            Prune::None | Prune::Misclassified { .. } | Prune::Random { .. } => None,
        });
        let has =
            |class: u16| numbers.iter().position(|&number| number == class).is_some_and(|at| census.train[at] > 0);
        let class = classes.into_iter().find(|&class| !has(class))?;
        Some(format!(
            "[[prune]] leaves out the stragglers at radius_{class}, but no training sample is of class {class}: it has no \
             radius. Write at = \"distance\", or take other samples than {block}"
        ))
    }
}

/// Why networks of the sweep cannot be trained, or not measured as asked, on data of a shape: a sentence each.
fn refused_networks(sweep: &Sweep, name: &str, ports: Ports) -> Vec<String> {
    let mut refused = Vec::new();
    for architecture in &sweep.architectures {
        let label = architecture.kind.label();
        let graph = match architecture.kind.graph(ports, architecture.activation) {
            Ok(graph) => graph,
            Err(misfit) => {
                refused.push(match (misfit, ports.image) {
                    (Misfit::PooledAway, Some([_, height, width])) => format!(
                        "{name}: its images of {height}×{width} are pooled away by {label}. Take fewer convolutions or a \
                         smaller pool"
                    ),
                    (Misfit::NoImages, _) => {
                        format!("{name}: a convolutional network needs images, and these are points")
                    }
                    _ => format!("{name}: {label} cannot be built: {misfit}"),
                });
                continue;
            }
        };
        let flows = sweep.optimisers.iter().any(|optimiser| optimiser.flow.is_some());
        let mean_field = architecture.mean_field.is_some();
        let trained = flows.then(|| train::flow::followed(&graph, mean_field).err()).flatten();
        let measured = sweep.observe.probes.refusals(&graph, sweep.train.loss);
        let reasons = trained.into_iter().chain(measured);
        refused.extend(reasons.map(|reason| format!("[[architecture]] {label}: {reason}")));
    }
    refused
}
