//! A group of replicas from epoch to epoch, or to a step of a pass: the work of one thread.

use super::cohort::{Cohort, Member};
use super::first::{Gradient, Source};
use super::gradient::Ascent;
use super::head::{AddToCentres, Centres, LossGradient, Totals};
use super::minibatch::Minibatch;
use super::net::Net;
use super::pass::{backward, forward};
use super::shape::Shape;
use super::simd::{Lane, Task};
use super::test_error::{GroupView, TestErrors};
use super::update;
use super::weights::{Moments, Weights};
use crate::elementwise::keeps_slope;
use crate::problem::{Batch, Network, Position, UNMEASURED_BYTE};
use phasesweep_optimisers::Moment;

/// Takes a group from its position to `until`; all members are live, at the same position, and as many as lanes allow.
pub(super) struct Advance<'a, 'b> {
    pub(super) cohort: &'a Cohort,
    pub(super) members: &'a mut [Member<'b>],
    pub(super) until: Position,
}

impl Task for Advance<'_, '_> {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let Advance { cohort, members, until } = self;
        Group::new::<V, MR, NV, R>(cohort, members).advance::<V, MR, NV, R>(until);
    }
}

struct Group<'a, 'b> {
    cohort: &'a Cohort,
    members: &'a mut [Member<'b>],
    net: Net,
    /// Whether a member still trains.
    live: Vec<bool>,
    /// 0/1 of each position and member, if any member leaves samples out.
    kept: Option<Vec<f32>>,
    /// Kept samples of each member and class.
    counts: Vec<Vec<f64>>,
    centres: Centres,
    totals: Totals,
    /// 1 / kept samples.
    scale: Vec<f32>,
    test_errors: TestErrors,
    /// Room for the weights, if steps are taken along a gradient uphill.
    ascent: Option<Ascent>,
}

/// What a pass over the block is for.
#[derive(Clone, Copy)]
struct Plan {
    gradient: bool,
    /// Whether a batch normalisation takes the moments of the samples, not the running averages.
    training: bool,
    manifold: bool,
    snapshot: Option<usize>,
}

impl<'a, 'b> Group<'a, 'b> {
    #[inline(always)]
    fn new<V: Lane, const MR: usize, const NV: usize, const R: usize>(
        cohort: &'a Cohort,
        members: &'a mut [Member<'b>],
    ) -> Group<'a, 'b> {
        assert_eq!(members.len(), R, "a group fills its lanes");
        let problem = &cohort.problem;
        let used = members.iter().map(|member| problem.rule.moments(&member.replica.rates));
        let shape = Shape {
            walk: match &problem.network {
                Network::Chain { .. } => None,
                Network::Graph(walk) => Some(walk),
            },
            layers: problem.network.chain(),
            order: &cohort.inputs.order,
            replicas: R,
            tile: cohort.tile,
            product: [V::LEN, MR, NV],
            moments: used.fold([false; 2], |all, one| [all[0] || one[0], all[1] || one[1]]),
            slope: keeps_slope(problem.network.activation()),
        };
        let mut net = Net::zeros(&shape);
        for (r, member) in members.iter().enumerate() {
            net.load(r, member.state);
        }
        let set = &cohort.inputs.train;
        let keeps =
            |member: &Member<'_>, sample: u32| member.replica.kept.as_ref().is_none_or(|kept| kept[sample as usize]);
        let pruned = members.iter().any(|member| member.replica.kept.is_some());
        let kept = pruned.then(|| {
            let of = |&sample: &u32| members.iter().map(move |member| f32::from(u8::from(keeps(member, sample))));
            set.order.iter().flat_map(of).collect::<Vec<f32>>()
        });
        let mut counts = vec![vec![0.0; problem.block.classes]; R];
        for (&sample, &label) in set.order.iter().zip(&set.labels) {
            for (counts, member) in counts.iter_mut().zip(members.iter()) {
                counts[usize::from(label)] += f64::from(u8::from(keeps(member, sample)));
            }
        }
        let scale = counts.iter().map(|counts| (1.0 / counts.iter().sum::<f64>()) as f32).collect();
        let observed = if problem.manifold.is_empty() { &[][..] } else { &problem.observed };
        let centres = Centres::zeros(&net, observed, problem.block.classes);
        let (live, totals, test_errors) = (vec![true; R], Totals::zeros(R), TestErrors::new(cohort, &net));
        let climbs = members.iter().any(|member| member.replica.recipe.sam_radius.is_some());
        let ascent = (climbs && problem.batch == Batch::Full).then(|| Ascent::new(&net));
        Group { cohort, members, net, live, kept, counts, centres, totals, scale, test_errors, ascent }
    }

    #[inline(always)]
    fn advance<V: Lane, const MR: usize, const NV: usize, const R: usize>(&mut self, until: Position) {
        let problem = &self.cohort.problem;
        let shift = self.cohort.inputs.shift.as_deref();
        let full = problem.batch == Batch::Full;
        // In evaluation a batch normalisation is another function than in training: what is recorded is measured apart.
        let apart = full && problem.network.averaged() > 0;
        let mut minibatch = match problem.batch {
            Batch::Full => None,
            Batch::Mini { size } => {
                let replicas = self.members.iter().map(|member| member.replica).collect();
                Some(Minibatch::new::<MR>(self.cohort, replicas, size))
            }
        };
        let start = self.members[0].state.position();
        for epoch in start.epoch..until.epoch + usize::from(until.step > 0) {
            // Of a pass that was begun before, the weights at its beginning were measured then.
            let begun = if epoch == start.epoch { start.step } else { 0 };
            let due = |epochs: &[usize]| epochs.binary_search(&epoch).ok().filter(|_| begun == 0);
            let recorded = due(&problem.recorded);
            let manifold = recorded.filter(|_| problem.manifold.binary_search(&epoch).is_ok());
            let snapshot = due(&problem.snapshots);
            let train = epoch < problem.epochs;
            let gradient = train && full;
            let measured = recorded.is_some() || snapshot.is_some();
            if gradient || measured {
                self.net.fold(shift);
                let mut broken = vec![false; R];
                if gradient && apart {
                    self.pass::<V, MR, NV, R>(Plan { gradient, training: true, manifold: false, snapshot: None });
                    self.totals.mark_broken(&mut broken);
                }
                if measured || !apart {
                    let (gradient, manifold) = (gradient && !apart, manifold.is_some());
                    self.pass::<V, MR, NV, R>(Plan { gradient, training: false, manifold, snapshot });
                    self.totals.mark_broken(&mut broken);
                }
                self.freeze(&broken, epoch, snapshot);
            }
            if let Some(at) = recorded.filter(|_| self.live.contains(&true)) {
                self.record(at, manifold.is_some());
                let Group { cohort, members, net, live, .. } = self;
                self.test_errors.measure::<V, R>(GroupView { cohort, members, net, live }, at);
            }
            if !self.live.contains(&true) {
                return;
            }
            if !train {
                continue;
            }
            match &mut minibatch {
                None => {
                    self.net.complete(shift);
                    self.net.move_averages();
                    self.climb::<V, MR, NV, R>();
                    let at = Moment { step: epoch as u64, per_epoch: 1, epochs: problem.epochs as u64 };
                    let replicas = self.members.iter().map(|member| member.replica);
                    update::step::<V, R>(&mut self.net, problem.rule, replicas, &at);
                }
                Some(minibatch) => {
                    let end = if epoch == until.epoch { until.step } else { usize::MAX };
                    minibatch.pass::<V, R>(&mut self.net, epoch, begun..end);
                }
            }
            if epoch == until.epoch {
                // Within a pass: whether it leaves finite weights is asked when it is over.
                break;
            }
            let broken = self.net.broken();
            self.freeze(&broken, epoch + 1, None);
        }
        self.test_errors.drifted::<V, R>(self.cohort, &self.net, self.members);
        for replica in 0..R {
            if self.live[replica] {
                self.unload(replica, until);
            }
        }
    }

    /// Replaces the full gradient by the one uphill, for replicas with SAM.
    #[inline(always)]
    fn climb<V: Lane, const MR: usize, const NV: usize, const R: usize>(&mut self) {
        let Some(mut ascent) = self.ascent.take() else { return };
        let shift = self.cohort.inputs.shift.as_deref();
        ascent.climb::<V, R>(&mut self.net, self.members.iter().map(|member| &member.replica.recipe));
        self.net.fold(shift);
        self.pass::<V, MR, NV, R>(Plan { gradient: true, training: true, manifold: false, snapshot: None });
        self.net.complete(shift);
        ascent.descend(&mut self.net);
        self.ascent = Some(ascent);
    }

    /// Forward over the training set, with the gradient if the plan says so.
    #[inline(always)]
    fn pass<V: Lane, const MR: usize, const NV: usize, const R: usize>(&mut self, plan: Plan) {
        let problem = &self.cohort.problem;
        let set = &self.cohort.inputs.train;
        let tile = self.net.tile;
        self.totals = Totals::zeros(R);
        if plan.gradient {
            self.net.clear();
        }
        if plan.manifold {
            self.centres.clear();
        }
        let samples = problem.block.train.len();
        let bytes = problem.snapshot_bytes();
        if let Some(snapshot) = plan.snapshot {
            for (member, _) in self.members.iter_mut().zip(&self.live).filter(|(_, live)| **live) {
                member.state.record.misclassified[snapshot * bytes..(snapshot + 1) * bytes].fill(0);
            }
        }
        for (number, first) in (0..samples).step_by(tile).enumerate() {
            let valid = tile.min(samples - first);
            let source = self.cohort.source(set, &problem.block.train.x, number);
            let weights = match &self.kept {
                None => Weights::All,
                Some(kept) => Weights::Kept(&kept[first * R..]),
            };
            let moments = if plan.training { Moments::Step(weights) } else { Moments::Running };
            forward::<V, R>(&mut self.net, problem.network.activation(), source, valid, moments);
            let labels = &set.labels[first..first + valid];
            if plan.manifold {
                let (centres, net) = (&mut self.centres, &self.net);
                V::enter::<_, R>(AddToCentres { centres, net, labels, weights });
            }
            let Some(output) = self.net.outputs_mut() else { return };
            let members = &mut self.members;
            let live = &self.live;
            let mut mark = |row: usize, replica: usize| {
                if let (Some(snapshot), true) = (plan.snapshot, live[replica]) {
                    let sample = set.order[first + row] as usize;
                    let byte = snapshot * bytes + sample / 8;
                    members[replica].state.record.misclassified[byte] |= 0x80 >> (sample % 8);
                }
            };
            let missed: Option<&mut dyn FnMut(usize, usize)> =
                if plan.snapshot.is_some() { Some(&mut mark) } else { None };
            let (kind, scale, totals) = (problem.loss, &self.scale, &mut self.totals);
            V::enter::<_, R>(LossGradient { output, kind, labels, weights, scale, totals, missed });
            let gradient = match (source, &self.cohort.inputs.columns) {
                (Source::Images(images), _) => Some(Gradient::Images(images)),
                (_, columns) => columns.as_ref().map(|columns| Gradient::Columns(columns, number)),
            };
            if let Some(gradient) = gradient.filter(|_| plan.gradient) {
                backward::<V, R>(&mut self.net, problem.network.activation(), gradient, valid, number == 0);
            }
        }
    }

    /// Writes down training loss, error, radii and distances of the epoch just passed.
    fn record(&mut self, at: usize, manifold: bool) {
        let Cohort { problem, pairs, .. } = self.cohort;
        let (epochs, classes) = (problem.recorded.len(), problem.block.classes);
        for (replica, member) in self.members.iter_mut().enumerate().filter(|&(replica, _)| self.live[replica]) {
            let record = &mut member.state.record;
            let count: f64 = self.counts[replica].iter().sum();
            record.train_loss[at] = (self.totals.loss[replica] / count) as f32;
            record.train_error[at] = (self.totals.wrong[replica] / count) as f32;
            if manifold {
                let layers = self.centres.finish(&self.net, replica, &self.counts[replica], pairs);
                for (layer, (radii, distances)) in layers.into_iter().enumerate() {
                    for (class, radius) in radii.into_iter().enumerate() {
                        record.radius[(layer * classes + class) * epochs + at] = radius;
                    }
                    for (pair, distance) in distances.into_iter().enumerate() {
                        record.distance[(layer * pairs.len() + pair) * epochs + at] = distance;
                    }
                }
            }
        }
    }

    /// Takes replicas that are no longer finite out of the group, as they were at `epoch`.
    fn freeze(&mut self, broken: &[bool], epoch: usize, snapshot: Option<usize>) {
        let bytes = self.cohort.problem.snapshot_bytes();
        for replica in broken.iter().enumerate().filter_map(|(replica, &broken)| broken.then_some(replica)) {
            if !self.live[replica] {
                continue;
            }
            self.live[replica] = false;
            self.unload(replica, Position { epoch, step: 0 });
            let state = &mut self.members[replica].state;
            state.diverged = Some(epoch);
            if let Some(snapshot) = snapshot {
                state.record.misclassified[snapshot * bytes..(snapshot + 1) * bytes].fill(UNMEASURED_BYTE);
            }
            self.net.silence(replica);
        }
    }

    fn unload(&mut self, replica: usize, at: Position) {
        let member = &mut self.members[replica];
        let used = self.cohort.problem.rule.moments(&member.replica.rates);
        self.net.unload(replica, used, member.state);
        (member.state.epoch, member.state.step) = (at.epoch, at.step);
    }
}
