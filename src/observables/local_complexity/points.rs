//! Which points are looked at: training, test and random ones, in groups that share their directions.
//!
//! Invariant: a point depends on the cell's seed, its set and its place alone, so that whoever looks at a point of a place looks
//! at the same one at every epoch.

use serde::Serialize;

use super::super::setup::{Subject, View};
use super::frame::{GROUP, frame, random_points};

/// Points whose neighbourhoods are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PointSet {
    /// Each input uniform between its least and greatest value in the training block, or in a stated box.
    Random,
    /// Test samples.
    Test,
    /// Training samples of the block, pruned or not.
    Train,
}

impl PointSet {
    /// All of them, ascending.
    pub const ALL: [PointSet; 3] = [PointSet::Random, PointSet::Test, PointSet::Train];

    /// Their names, in that order.
    pub const NAMES: [&'static str; 3] = [PointSet::ALL[0].name(), PointSet::ALL[1].name(), PointSet::ALL[2].name()];

    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            PointSet::Random => "random",
            PointSet::Test => "test",
            PointSet::Train => "train",
        }
    }
}

/// The points of all sets that were asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Points<'a> {
    /// The sets, in the order of their labels.
    pub sets: &'a [PointSet],
    /// Points of a set of each kind at most, in the order of [`PointSet::ALL`]; there are no more training and test points
    /// than samples.
    pub most: [usize; 3],
    /// Least and greatest value of every input of a random point; `None`: those of each input in the training block.
    pub random_box: Option<[f64; 2]>,
    /// Whether all points of all sets share one frame of directions.
    pub shared_frame: bool,
}

impl Points<'_> {
    /// Points of a set, where there are so many training and test samples.
    pub fn count(&self, set: PointSet, samples: usize, tests: usize) -> usize {
        let most = self.most[set as usize];
        match set {
            PointSet::Random => most,
            PointSet::Test => most.min(tests),
            PointSet::Train => most.min(samples),
        }
    }

    /// Points of all sets together.
    pub fn total(&self, samples: usize, tests: usize) -> usize {
        self.sets.iter().map(|&set| self.count(set, samples, tests)).sum()
    }

    /// Every group of points: the place of its set, and its number in the set.
    pub fn groups(&self, subject: &Subject<'_>) -> Vec<(usize, usize)> {
        let (samples, tests) = (subject.block.train.len(), subject.block.test.len());
        let groups = |(place, &set): (usize, &PointSet)| {
            (0..self.count(set, samples, tests).div_ceil(GROUP)).map(move |group| (place, group)).collect::<Vec<_>>()
        };
        self.sets.iter().enumerate().flat_map(groups).collect()
    }

    /// How many points a group has.
    pub fn size(&self, subject: &Subject<'_>, (set, group): (usize, usize)) -> usize {
        let points = self.count(self.sets[set], subject.block.train.len(), subject.block.test.len());
        GROUP.min(points - group * GROUP)
    }

    /// The points of a group `[point, input]`; `set` is the place of its set.
    pub fn group(&self, view: &View<'_>, (set, group): (usize, usize)) -> Vec<f32> {
        let count = self.size(view.subject, (set, group));
        let (block, set) = (view.subject.block, self.sets[set]);
        let first = group * GROUP;
        let rows = first * block.inputs()..(first + count) * block.inputs();
        match set {
            PointSet::Random => match self.random_box {
                None => random_points(view.seed, first, count, view.subject.input_range()),
                Some([low, high]) => {
                    random_points(view.seed, first, count, &vec![(low as f32, high as f32); block.inputs()])
                }
            },
            PointSet::Test => block.test.x[rows].to_vec(),
            PointSet::Train => block.train.x[rows].to_vec(),
        }
    }

    /// The directions `[direction, input]` that a group's points share. A longer frame begins with the directions of a
    /// shorter one.
    pub fn frame(&self, view: &View<'_>, (set, group): (usize, usize), directions: usize, inputs: usize) -> Vec<f32> {
        let (set, group) = if self.shared_frame { (0, 0) } else { (self.sets[set] as u64, group as u64) };
        frame(view.seed, set, group, directions, inputs)
    }
}
