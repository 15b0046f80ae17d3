//! Which test samples a replica misclassifies, and which of these verdicts the last steps cannot have changed.
//!
//! A sample is given the class of its greatest output. While that output leads all others by more than [`drift`] lets
//! any two of them have approached, the sample need not be computed again: its verdict stands. As training slows down,
//! most of them do.
//!
//! Invariant: the counts are those of computing every sample at every epoch, to the last one, rounding included. So they
//! do not depend on what was known when training was taken up.
//!
//! [`drift`]: super::drift

use super::drift::Drift;
use super::group::Member;
use super::head::{differ, leading};
use super::layer::Layer;
use super::simd::{Lane, Task, get};

/// Leads and sums of drifts are rounded: each is taken to be off by so much of itself.
const SLACK: f32 = 1.0 / 1_048_576.0;

/// What a replica knows of its test samples.
pub(super) struct Verdicts {
    sets: Vec<Known>,
    /// Slope and offset of how far two outputs can have approached since the kernel took over.
    moved: [f64; 2],
    /// What rounding puts a difference of outputs off by, with the weights as they are: slope and offset.
    rounding: [f32; 2],
}

/// What is known of one test set.
struct Known {
    /// For each sample, how far `moved` must come for its verdict to change at the earliest; NaN where not known.
    leads: Vec<f32>,
    /// Whether each sample is misclassified.
    missed: Vec<bool>,
    /// Misclassified samples.
    wrong: u32,
}

impl Verdicts {
    /// Knows nothing yet of sets of such sizes. `lasting`: leads are kept, and every step must be told of.
    pub(super) fn none(sizes: impl Iterator<Item = usize>, lasting: bool) -> Verdicts {
        let known = |size: usize| Known {
            leads: vec![f32::NAN; if lasting { size } else { 0 }],
            missed: vec![false; size],
            wrong: 0,
        };
        Verdicts { sets: sizes.map(known).collect(), moved: [0.0; 2], rounding: [0.0; 2] }
    }

    /// Takes note of what was moved, for the replica in a lane of its group.
    pub(super) fn drifted(&mut self, drift: &Drift, lane: usize) {
        let Drift { moved, rounding, .. } = drift;
        self.moved[0] += f64::from(moved.slope[lane]);
        self.moved[1] += f64::from(moved.offset[lane]);
        self.rounding = [rounding.slope[lane], rounding.offset[lane]];
    }

    /// Misclassified samples of a set.
    pub(super) fn wrong(&self, set: usize) -> u32 {
        self.sets[set].wrong
    }

    /// Takes a sample's verdict, and its lead.
    fn judged(&mut self, set: usize, sample: usize, missed: bool, lead: f32) {
        let known = &mut self.sets[set];
        let was = std::mem::replace(&mut known.missed[sample], missed);
        known.wrong = known.wrong + u32::from(missed) - u32::from(was);
        if let Some(known) = known.leads.get_mut(sample) {
            *known = lead;
        }
    }
}

/// The samples of a set that are in doubt, a bit each.
pub(super) struct Doubts(Vec<u64>);

impl Doubts {
    /// None of so many.
    pub(super) fn none(samples: usize) -> Doubts {
        Doubts(vec![0; samples.div_ceil(64)])
    }

    /// Writes them down, ascending.
    pub(super) fn list(&self, to: &mut Vec<u32>) {
        to.clear();
        for (at, &word) in (0u32..).zip(&self.0) {
            let mut left = word;
            while left != 0 {
                to.push(64 * at + left.trailing_zeros());
                left &= left - 1;
            }
        }
    }
}

/// Adds the samples of a set whose verdicts may have changed for a replica.
pub(super) struct AddDoubts<'a> {
    pub(super) verdicts: &'a Verdicts,
    pub(super) set: usize,
    /// ‖x‖ of every sample.
    pub(super) lengths: &'a [f32],
    pub(super) doubts: &'a mut Doubts,
}

impl Task for AddDoubts<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let AddDoubts { verdicts, set, lengths, doubts } = self;
        let slope = V::splat(verdicts.moved[0] as f32);
        let offset = V::splat(verdicts.moved[1] as f32);
        let (off_slope, off_offset) = (V::splat(verdicts.rounding[0]), V::splat(verdicts.rounding[1]));
        let leads = verdicts.sets[set].leads.chunks(V::LEN);
        for ((first, lengths), leads) in (0..).step_by(V::LEN).zip(lengths.chunks(V::LEN)).zip(leads) {
            let length = get::<V>(lengths);
            let moved = slope.fma(length, offset).mul(V::splat(1.0 + SLACK));
            let reach = off_slope.fma(length, moved.add(off_offset));
            // NaN is not greater than anything.
            let sure = V::bits(get::<V>(leads).gt(reach));
            let doubt = !u64::from(sure) & ((1 << lengths.len()) - 1);
            doubts.0[first / 64] |= doubt << (first % 64);
        }
    }
}

/// Gives the samples of a tile their verdicts, for every member of a group.
pub(super) struct Judge<'a, 'b> {
    pub(super) members: &'a mut [Member<'b>],
    pub(super) set: usize,
    /// ‖x‖ and class of every sample of the set.
    pub(super) lengths: &'a [f32],
    pub(super) labels: &'a [u16],
    /// The tile's samples.
    pub(super) tile: &'a [u32],
    /// The output layer.
    pub(super) output: &'a Layer,
}

impl Task for Judge<'_, '_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let Judge { members, set, lengths, labels, tile, output } = self;
        let mut bounds = [[0f32; 16]; 4];
        for (lane, member) in members.iter().enumerate() {
            let Verdicts { moved, rounding, .. } = &*member.verdicts;
            for (to, bound) in bounds.iter_mut().zip([moved[0] as f32, moved[1] as f32, rounding[0], rounding[1]]) {
                to[lane] = bound;
            }
        }
        let (slope, offset) = (V::pattern::<R>(&bounds[0]), V::pattern::<R>(&bounds[1]));
        let (off_slope, off_offset) = (V::pattern::<R>(&bounds[2]), V::pattern::<R>(&bounds[3]));
        let mut leads = [0f32; 16];
        for (row, &sample) in output.out.chunks_exact(output.stride).zip(tile) {
            let sample = sample as usize;
            let (class, lead) = leading::<V, R>(row, output.outputs);
            let missed = V::bits(differ(class, V::splat(f32::from(labels[sample]))).gt(V::splat(0.0)));
            let length = V::splat(lengths[sample]);
            let moved = slope.fma(length, offset);
            let slack = moved.add(lead).mul(V::splat(SLACK));
            lead.sub(off_slope.fma(length, off_offset)).add(moved).sub(slack).store(&mut leads);
            for (lane, member) in members.iter_mut().enumerate() {
                member.verdicts.judged(set, sample, missed >> lane & 1 == 1, leads[lane]);
            }
        }
    }
}
