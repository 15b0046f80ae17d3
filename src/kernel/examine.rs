//! The test errors of a group: of every sample that is in doubt, as [`verdict`] tells, or of all.
//!
//! [`verdict`]: super::verdict

use std::sync::atomic::Ordering;

use super::drift::{Drift, Measure};
use super::first::Source;
use super::group::{Cohort, Member};
use super::inputs::TestSet;
use super::net::Net;
use super::pass::forward;
use super::simd::Lane;
use super::verdict::{AddDoubts, Doubts, Judge};

/// Share of the test samples in doubt above which all are computed: one by one, a sample takes a third longer.
const ALL_ABOVE: f64 = 0.7;

/// Rows of dense inputs that are gathered at a time: whole groups for every instruction set, and few enough to stay in the
/// second cache until the product reads them.
const GATHERED: usize = 60;

/// What a group keeps from one examination to the next.
pub(super) struct Examiner {
    /// Where verdicts may last.
    drift: Option<Drift>,
    /// Samples in doubt for any live member.
    doubtful: Vec<u32>,
    /// Room for the inputs of a tile.
    gathered: Vec<f32>,
}

/// Who is examined: a group with its net.
pub(super) struct Sitting<'a, 'b> {
    pub(super) cohort: &'a Cohort,
    pub(super) members: &'a mut [Member<'b>],
    pub(super) net: &'a mut Net,
    /// Whether each member still trains.
    pub(super) live: &'a [bool],
}

/// One of the test sets.
#[derive(Clone, Copy)]
struct Sheet<'a> {
    number: usize,
    test: &'a TestSet,
    /// The memory that the set was made from.
    x: &'a [f32],
}

impl Examiner {
    /// Starts with the net's weights as they are.
    pub(super) fn new(cohort: &Cohort, net: &Net) -> Examiner {
        let drift = cohort.lasting.then(|| Drift::new(net, cohort.inputs.shift.as_deref()));
        Examiner { drift, doubtful: Vec::new(), gathered: Vec::new() }
    }

    /// Notes how far the outputs can have moved since this was last called.
    #[inline(always)]
    pub(super) fn drifted<V: Lane, const R: usize>(&mut self, cohort: &Cohort, net: &Net, members: &mut [Member<'_>]) {
        let Some(drift) = &mut self.drift else { return };
        V::enter::<_, R>(Measure { drift, net, activation: cohort.problem.activation });
        for (lane, member) in members.iter_mut().enumerate() {
            member.verdicts.drifted(drift, lane);
        }
    }

    /// Measures the errors on every test set and writes them down, as of the recorded epoch `at`.
    #[inline(always)]
    pub(super) fn examine<V: Lane, const R: usize>(&mut self, mut sitting: Sitting<'_, '_>, at: usize) {
        let cohort = sitting.cohort;
        self.drifted::<V, R>(cohort, sitting.net, sitting.members);
        let epochs = cohort.problem.recorded.len();
        for (number, x) in cohort.problem.test_inputs().enumerate() {
            let test = if number == 0 { &cohort.inputs.test } else { &cohort.noisy[number - 1] };
            if number == 1 {
                // The noisy inputs have no background: from here on the plain bias.
                sitting.net.fold(None);
            }
            let (sheet, asked) = (Sheet { number, test, x }, test.labels.len());
            let all = !self.doubt::<V>(&sitting, sheet) || self.doubtful.len() as f64 > ALL_ABOVE * asked as f64;
            let computed = if all { asked } else { self.doubtful.len() };
            for (looks, samples) in cohort.looks.iter().zip([asked, computed]) {
                looks.fetch_add((samples * R) as u64, Ordering::Relaxed);
            }
            match all {
                true => judge_all::<V, R>(&mut sitting, sheet),
                false => self.judge_doubtful::<V, R>(&mut sitting, sheet),
            }
            for (member, _) in sitting.members.iter_mut().zip(sitting.live).filter(|(_, live)| **live) {
                let error = (f64::from(member.verdicts.wrong(number)) / asked as f64) as f32;
                match number {
                    0 => member.state.record.test_error[at] = error,
                    _ => member.state.record.noisy_error[(number - 1) * epochs + at] = error,
                }
            }
        }
    }

    /// Lists the samples in doubt for any live member; false where leads are not kept.
    #[inline(always)]
    fn doubt<V: Lane>(&mut self, sitting: &Sitting<'_, '_>, sheet: Sheet<'_>) -> bool {
        if self.drift.is_none() {
            return false;
        }
        let lengths = &sheet.test.lengths;
        let mut doubts = Doubts::none(lengths.len());
        for (member, _) in sitting.members.iter().zip(sitting.live).filter(|(_, live)| **live) {
            V::enter::<_, 1>(AddDoubts { verdicts: member.verdicts, set: sheet.number, lengths, doubts: &mut doubts });
        }
        doubts.list(&mut self.doubtful);
        true
    }

    /// Judges the samples in doubt, for all members: those who were sure of one see further ahead again.
    #[inline(always)]
    fn judge_doubtful<V: Lane, const R: usize>(&mut self, sitting: &mut Sitting<'_, '_>, sheet: Sheet<'_>) {
        let width = sitting.cohort.problem.block.inputs();
        let room = match sheet.test.rows {
            Some(_) => sitting.net.tile,
            None => sitting.net.tile.min(GATHERED),
        };
        for tile in self.doubtful.chunks(room) {
            let source = match &sheet.test.rows {
                Some(rows) => Source::Sparse(rows, tile),
                None => {
                    self.gathered.resize(sitting.net.tile * width, 0.0);
                    for (row, &sample) in self.gathered.chunks_exact_mut(width).zip(tile) {
                        row.copy_from_slice(&sheet.x[sample as usize * width..][..width]);
                    }
                    Source::Gathered(sheet.test.set.gathered(&self.gathered))
                }
            };
            judge::<V, R>(sitting, sheet, source, tile);
        }
    }
}

/// Judges all samples of a test set for all members.
#[inline(always)]
fn judge_all<V: Lane, const R: usize>(sitting: &mut Sitting<'_, '_>, sheet: Sheet<'_>) {
    for (number, tile) in sheet.test.set.order.chunks(sitting.net.tile).enumerate() {
        let source = sitting.cohort.source(&sheet.test.set, sheet.x, number);
        judge::<V, R>(sitting, sheet, source, tile);
    }
}

/// Judges a tile's samples, which come from `source`.
#[inline(always)]
fn judge<V: Lane, const R: usize>(sitting: &mut Sitting<'_, '_>, sheet: Sheet<'_>, source: Source<'_>, tile: &[u32]) {
    forward::<V, R>(sitting.net, sitting.cohort.problem.activation, source, tile.len());
    let (Some(output), members) = (sitting.net.layers.last(), &mut *sitting.members) else { return };
    let TestSet { lengths, labels, .. } = sheet.test;
    V::enter::<_, R>(Judge { members, set: sheet.number, lengths, labels, tile, output });
}
