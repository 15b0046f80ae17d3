//! From the question to the cells: which training runs a sweep asks for, each with an id that is its content.
//!
//! A plan is the same on every rank and for every order of ranks: it is a function of the resolved sweep and of the
//! digests of its data. Cells are not stored but counted: cell `i` is variant `i / seeds` at seed `i % seeds`, so a
//! plan of a million cells is as small as its axes.

mod coordinates;
mod id;
mod identity;
mod keys;
mod label;

pub use coordinates::{KeyCoordinate, KeyValues, NumericCoordinate};
pub use id::{CellId, CohortId, VariantId};
pub(crate) use identity::removes_by_distance;
pub use identity::{DataIdentity, NotAnIdentity};
pub use label::AxisLabels;

use serde::Serialize;

use crate::sweep::{Architecture, Data, Observe, Optimiser, Prune, Subsample, Sweep, Train};

/// Version of the canonical specification behind cell ids. A change of what a specification means raises it.
const SPECIFICATION: u32 = 1;

/// A point of the grid without its seed: indices into the sweep's axes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Variant {
    /// Index into `sweep.data`.
    pub data: usize,
    /// Index into `sweep.subsamples`.
    pub subsample: usize,
    /// Index into `sweep.architectures`.
    pub architecture: usize,
    /// Index into `sweep.optimisers`.
    pub optimiser: usize,
    /// Index into [`Plan::prunes`].
    pub prune: usize,
}

/// Which entry of each axis a variant takes, in the order of [`Plan::AXES`].
fn entries_of(variant: &Variant) -> [usize; 5] {
    let &Variant { data, subsample, architecture, optimiser, prune } = variant;
    [data, subsample, architecture, optimiser, prune]
}

/// Everything that decides a variant's results, in the order and under the names that its cells' ids are made of.
#[derive(Serialize)]
struct Specification<'a> {
    specification: u32,
    data: &'a Data,
    data_digest: &'a str,
    subsample: &'a Subsample,
    architecture: &'a Architecture,
    optimiser: &'a Optimiser,
    prune: &'a Prune,
    train: &'a Train,
    observe: &'a Observe,
    after_inversion: Option<usize>,
    /// Rules that decide this cell and are newer than the first ids: none for nearly all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rules: Vec<&'static str>,
}

/// An entry of the data axis as ids know it: without what only says where its samples are.
fn by_content(data: &Data) -> Data {
    Data { source: data.source.by_content(), ..data.clone() }
}

/// A sweep's cells.
#[derive(Debug, Clone)]
pub struct Plan {
    sweep: Sweep,
    prunes: Vec<Prune>,
    seeds: Vec<u64>,
    variants: Vec<Variant>,
    specifications: Vec<String>,
    digests: Vec<String>,
    labelling: label::Labelling,
}

impl Plan {
    /// Lays out the grid. `digests` holds the identity of each of `sweep.data`, in order, as text ([`DataIdentity`]); a
    /// text that is none stands for itself.
    ///
    /// Where a sweep prunes, the unpruned cell that a pruned one starts from is part of the plan, asked for or not.
    /// With adaptive seeds the plan reaches to the greatest number of seeds; the first `sweep.seeds.len()` of each
    /// variant are those certain to run.
    pub fn new(sweep: Sweep, digests: &[String]) -> Plan {
        let mut prunes = sweep.prunes.clone();
        if !prunes.contains(&Prune::None) {
            prunes.insert(0, Prune::None);
        }
        let mut seeds = sweep.seeds.clone();
        if let Some(adaptive) = &sweep.stop.half_width {
            let mut next = seeds.last().map_or(0, |last| last.saturating_add(1));
            while seeds.len() < adaptive.max_seeds {
                seeds.push(next);
                next = next.saturating_add(1);
            }
        }
        let mut variants = Vec::new();
        for data in 0..sweep.data.len() {
            for subsample in 0..sweep.subsamples.len() {
                for architecture in 0..sweep.architectures.len() {
                    for optimiser in 0..sweep.optimisers.len() {
                        for prune in 0..prunes.len() {
                            variants.push(Variant { data, subsample, architecture, optimiser, prune });
                        }
                    }
                }
            }
        }
        let identity = |text: &String| {
            text.parse().unwrap_or_else(|_| DataIdentity { digest: text.clone(), ..DataIdentity::default() })
        };
        let identities: Vec<DataIdentity> = digests.iter().map(identity).collect();
        let unknown = DataIdentity::default();
        let by_content: Vec<Data> = sweep.data.iter().map(by_content).collect();
        let specifications = variants
            .iter()
            .map(|v| {
                let identity = identities.get(v.data).unwrap_or(&unknown);
                let specification = Specification {
                    specification: SPECIFICATION,
                    data: &by_content[v.data],
                    data_digest: &identity.digest,
                    subsample: &sweep.subsamples[v.subsample],
                    architecture: &sweep.architectures[v.architecture],
                    optimiser: &sweep.optimisers[v.optimiser],
                    prune: &prunes[v.prune],
                    train: &sweep.train,
                    observe: &sweep.observe,
                    after_inversion: sweep.stop.after_inversion,
                    rules: identity.rules(v.subsample, &prunes[v.prune], sweep.stop.after_inversion),
                };
                serde_json::to_string(&specification).unwrap_or_else(|error| {
                    unreachable!("a specification of numbers and names always has a JSON form: {error}")
                })
            })
            .collect();
        let labelling = label::Labelling::of(&sweep, &prunes);
        Plan { sweep, prunes, seeds, variants, specifications, digests: digests.to_vec(), labelling }
    }

    /// Names of the axes other than the seed: each a string coordinate of `results.h5`.
    pub const AXES: [&'static str; 5] = phasesweep_results::AXES;

    /// Labels of a variant, one per axis.
    pub fn labels(&self, variant: Variant) -> AxisLabels {
        let entries = entries_of(&variant);
        std::array::from_fn(|axis| self.labelling.of_axis(axis)[entries[axis]].clone())
    }

    /// Labels of an axis's entries; `axis` counts in [`Plan::AXES`].
    pub fn axis_labels(&self, axis: usize) -> &[String] {
        self.labelling.of_axis(axis)
    }

    /// The sweep behind the plan.
    pub fn sweep(&self) -> &Sweep {
        &self.sweep
    }

    /// The prune axis with the unpruned entry that every pruned cell needs.
    pub fn prunes(&self) -> &[Prune] {
        &self.prunes
    }

    /// All seeds a variant may be trained with; the first [`Plan::certain_seeds`] of them are certain.
    pub fn seeds(&self) -> &[u64] {
        &self.seeds
    }

    /// Number of seeds of each variant that run whatever an adaptive rule decides.
    pub fn certain_seeds(&self) -> usize {
        self.sweep.seeds.len()
    }

    /// The grid without its seeds.
    pub fn variants(&self) -> &[Variant] {
        &self.variants
    }

    /// Number of cells, those an adaptive rule may never ask for included.
    pub fn len(&self) -> usize {
        self.variants.len() * self.seeds.len()
    }

    /// Whether there is no cell; never so for a checked sweep.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Index into [`Plan::variants`] of a cell.
    pub fn variant_of(&self, cell: u32) -> usize {
        cell as usize / self.seeds.len()
    }

    /// Seed of a cell.
    pub fn seed_of(&self, cell: u32) -> u64 {
        self.seeds[cell as usize % self.seeds.len()]
    }

    /// The cell of a variant at the `seed`-th seed.
    pub fn cell(&self, variant: usize, seed: usize) -> u32 {
        (variant * self.seeds.len() + seed) as u32
    }

    /// The unpruned cell that a pruned cell starts from; `None` for an unpruned cell.
    pub fn full_cell_of(&self, cell: u32) -> Option<u32> {
        let variant = self.variant_of(cell);
        let here = self.variants[variant];
        if self.prunes[here.prune] == Prune::None {
            return None;
        }
        let none = self.prunes.iter().position(|prune| *prune == Prune::None)?;
        let full = variant - here.prune + none;
        Some(self.cell(full, cell as usize % self.seeds.len()))
    }

    /// Kind of each variant, in order: variants of equal kind train in one cohort. They share data, block, shape of the
    /// network, update rule and number of gradients in a step (two of SAM), and differ in numbers only: learning rates and
    /// their schedules, initial scale, which samples were pruned away. Unpruned variants never share a kind with pruned ones, which have to wait for them.
    pub fn kinds(&self) -> Vec<u32> {
        let mut seen = std::collections::HashMap::new();
        self.variants
            .iter()
            .map(|variant| {
                let architecture = &self.sweep.architectures[variant.architecture];
                let bias_variance = architecture.mean_field.map(|field| field.bias_variance.to_bits());
                let shape = (&architecture.kind, architecture.activation as u8, bias_variance, &architecture.observe);
                let optimiser = &self.sweep.optimisers[variant.optimiser];
                let rule = (optimiser.kind, optimiser.recipe.gradients_per_step());
                let pruned = self.prunes[variant.prune] != Prune::None;
                let next = seen.len() as u32;
                *seen.entry((variant.data, variant.subsample, shape, rule, pruned)).or_insert(next)
            })
            .collect()
    }

    /// Canonical specification of a variant: JSON, everything that decides its results except the seed.
    pub fn specification(&self, variant: usize) -> &str {
        &self.specifications[variant]
    }

    /// Identity of a variant, which all its seeds share and which does not depend on its place in the grid.
    pub fn variant_id(&self, variant: usize) -> VariantId {
        VariantId::of_specification(&self.specifications[variant])
    }

    /// Whether every cell is there once.
    ///
    /// # Errors
    /// A sentence, if two entries of `sweep.data` (two directories, say) are the same samples with the same labels and
    /// scaling: their cells have the same ids, and would count twice in every mean.
    pub fn check_distinct(&self) -> Result<(), String> {
        let mut known = std::collections::HashMap::new();
        for (here, (data, digest)) in self.sweep.data.iter().zip(&self.digests).enumerate() {
            let identity = serde_json::to_string(&by_content(data)).unwrap_or_default();
            if let Some(first) = known.insert((identity, digest), here) {
                let [first, second] = [first, here].map(|entry| &self.axis_labels(0)[entry]);
                return Err(format!(
                    "two [[data]] are the same data: `{first}` and `{second}` hold the same samples, labelled and scaled \
                     alike, so that each of their cells would be there twice. Leave one of them out"
                ));
            }
        }
        Ok(())
    }

    /// Id of one cell: for who needs few, since those of all take 16 bytes each.
    pub fn id(&self, cell: u32) -> CellId {
        CellId::of_specification(&self.specifications[self.variant_of(cell)]).at_seed(self.seed_of(cell))
    }

    /// Ids of all cells, in order.
    pub fn ids(&self) -> Vec<CellId> {
        let mut ids = Vec::with_capacity(self.len());
        for specification in &self.specifications {
            let of_variant = CellId::of_specification(specification);
            ids.extend(self.seeds.iter().map(|&seed| of_variant.at_seed(seed)));
        }
        ids
    }

    /// Digest of the plan: ranks that disagree on it must not work together.
    pub fn digest(&self) -> u64 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(env!("CARGO_PKG_VERSION").as_bytes());
        for seed in &self.seeds {
            hasher.update(&seed.to_le_bytes());
        }
        for specification in &self.specifications {
            hasher.update(specification.as_bytes());
        }
        let mut first = [0; 8];
        first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        u64::from_le_bytes(first)
    }
}

#[cfg(test)]
mod tests;
