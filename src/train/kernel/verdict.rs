//! Which test samples a group misclassifies, and which of these verdicts the last steps cannot have changed.
//!
//! A sample is given the class of its greatest output. While that output leads all others by more than [`drift`] lets
//! any two of them have approached, the sample need not be computed again: its verdict stands. As training slows down,
//! most of them do.
//!
//! Invariant: the counts are those of computing every sample at every epoch, to the last one, rounding included. So they
//! do not depend on when a group was formed, which forgets all leads.
//!
//! [`drift`]: super::drift

use super::drift::Drift;
use super::head::{differ, leading};
use super::layer::Layer;
use super::simd::{Buffer, Lane, Task};

/// Leads and sums of drifts are rounded: each is taken to be off by so much of itself.
const SLACK: f32 = 1.0 / 1_048_576.0;

/// What a group of replicas knows of its test samples.
pub(super) struct Verdicts {
    sets: Vec<Known>,
    /// Slope and offset of how far two outputs of each replica can have approached since the group was formed.
    moved: [Vec<f64>; 2],
    /// What rounding puts a difference of outputs off by, with the weights as they are: slope and offset.
    rounding: [Buffer; 2],
    /// Whether leads are kept.
    lasting: bool,
}

/// What is known of one test set.
struct Known {
    /// `[sample, replica]`: how far `moved` must come for the verdict to change at the earliest; NaN where not known.
    leads: Vec<f32>,
    /// A bit for every replica that misclassifies the sample.
    missed: Vec<u16>,
    /// Misclassified samples of each replica.
    wrong: Vec<u32>,
}

impl Verdicts {
    /// Knows nothing yet of sets of such sizes. `lasting`: leads are kept, and every step must be told of.
    pub(super) fn none(replicas: usize, sizes: impl Iterator<Item = usize>, lasting: bool) -> Verdicts {
        let known = |size: usize| Known {
            leads: vec![f32::NAN; if lasting { size * replicas } else { 0 }],
            missed: vec![0; size],
            wrong: vec![0; replicas],
        };
        let rounding = || Buffer::zeros(16);
        Verdicts {
            sets: sizes.map(known).collect(),
            moved: [vec![0.0; 16], vec![0.0; 16]],
            rounding: [rounding(), rounding()],
            lasting,
        }
    }

    /// Whether leads are kept.
    pub(super) fn lasting(&self) -> bool {
        self.lasting
    }

    /// Takes note of what a step moved.
    pub(super) fn drifted(&mut self, drift: &Drift) {
        for (sums, steps) in self.moved.iter_mut().zip([&drift.moved.slope, &drift.moved.offset]) {
            for (sum, &step) in sums.iter_mut().zip(steps.iter()) {
                *sum += f64::from(step);
            }
        }
        self.rounding = [drift.rounding.slope.clone(), drift.rounding.offset.clone()];
    }

    /// Misclassified samples of a set for each replica.
    pub(super) fn wrong(&self, set: usize) -> &[u32] {
        &self.sets[set].wrong
    }

    #[inline(always)]
    fn bounds<V: Lane, const R: usize>(&self) -> Bounds<V> {
        let mut moved = [[0f32; 16]; 2];
        for (to, sums) in moved.iter_mut().zip(&self.moved) {
            for (to, &sum) in to.iter_mut().zip(sums) {
                *to = sum as f32;
            }
        }
        let (moved, rounding) = ([&moved[0][..], &moved[1][..]], [&self.rounding[0][..], &self.rounding[1][..]]);
        Bounds {
            moved: [V::pattern::<R>(moved[0]), V::pattern::<R>(moved[1])],
            rounding: [V::pattern::<R>(rounding[0]), V::pattern::<R>(rounding[1])],
        }
    }
}

/// Slopes and offsets for every replica.
#[derive(Clone, Copy)]
struct Bounds<V> {
    moved: [V; 2],
    rounding: [V; 2],
}

impl<V: Lane> Bounds<V> {
    /// For a sample of the given length: how far its outputs can have approached each other since the group was formed,
    /// and what rounding puts them off by.
    #[inline(always)]
    fn of(self, length: f32) -> (V, V) {
        let length = V::splat(length);
        (self.moved[0].fma(length, self.moved[1]), self.rounding[0].fma(length, self.rounding[1]))
    }
}

/// Lists the samples of a set whose verdicts may have changed for a live replica.
pub(super) struct Doubtful<'a> {
    pub(super) verdicts: &'a mut Verdicts,
    pub(super) set: usize,
    /// ‖x‖ of every sample.
    pub(super) lengths: &'a [f32],
    /// Whether each replica still trains.
    pub(super) live: &'a [bool],
    /// Where their positions go.
    pub(super) doubtful: &'a mut Vec<u32>,
}

impl Task for Doubtful<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let Doubtful { verdicts, set, lengths, live, doubtful } = self;
        doubtful.clear();
        if verdicts.lasting {
            let bounds = verdicts.bounds::<V, R>();
            let live = live.iter().rev().fold(0, |bits, &live| bits << 1 | u32::from(live));
            let leads = verdicts.sets[set].leads.chunks_exact(R);
            for (position, (lead, &length)) in leads.zip(lengths).enumerate() {
                let (moved, rounding) = bounds.of(length);
                let reach = moved.fma(V::splat(1.0 + SLACK), rounding);
                // NaN is not greater than anything.
                let safe = V::bits(V::pattern::<R>(lead).gt(reach));
                if live & !safe != 0 {
                    doubtful.push(position as u32);
                }
            }
        } else {
            doubtful.extend(0..lengths.len() as u32);
        }
    }
}

/// Gives the samples of a tile their verdicts.
pub(super) struct Judge<'a> {
    pub(super) verdicts: &'a mut Verdicts,
    pub(super) set: usize,
    /// ‖x‖ and class of every sample of the set.
    pub(super) lengths: &'a [f32],
    pub(super) labels: &'a [u16],
    /// Positions of the tile's samples.
    pub(super) tile: &'a [u32],
    /// The output layer.
    pub(super) output: &'a Layer,
}

impl Task for Judge<'_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let Judge { verdicts, set, lengths, labels, tile, output } = self;
        let bounds = verdicts.bounds::<V, R>();
        let Known { leads, missed, wrong } = &mut verdicts.sets[set];
        for (row, &position) in output.out.chunks_exact(output.stride).zip(tile) {
            let position = position as usize;
            let (class, lead) = leading::<V, R>(row, output.outputs);
            let now = V::bits(differ(class, V::splat(f32::from(labels[position]))).gt(V::splat(0.0)));
            let now = (now & ((1 << R) - 1)) as u16;
            let mut changed = missed[position] ^ now;
            while changed != 0 {
                let replica = changed.trailing_zeros() as usize;
                match now >> replica & 1 {
                    1 => wrong[replica] += 1,
                    _ => wrong[replica] -= 1,
                }
                changed &= changed - 1;
            }
            missed[position] = now;
            if let Some(to) = leads.get_mut(position * R..(position + 1) * R) {
                let (moved, rounding) = bounds.of(lengths[position]);
                let lead = lead.sub(rounding).add(moved).sub(moved.abs().add(lead).mul(V::splat(SLACK)));
                lead.store_head::<R>(to);
            }
        }
    }
}
