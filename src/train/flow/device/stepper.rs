//! Steps of a stack of replicas on the device: trials in blocks, each judged and followed by the next without the host.
//!
//! Invariants: what a trial does to a replica follows from its parameters and the length alone; a replica that has come to
//! the end of its leg, or takes no part, keeps all of its numbers to the bit; nothing is read here: the host fetches what
//! [`Stepper::block`] and [`Stepper::point`] answer.

use std::sync::Arc;

use ::burn::tensor::{Bool, Tensor};

use super::place::Place;
use super::pull::Pull;
use super::stacked::Stacked;
use crate::sweep::{Flow, Watched};
use crate::train::burn::parameters::Parameters;
use crate::train::flow::control::{AIM, Bounds, GROWTH};
use crate::train::flow::leg::Leg;
use crate::train::flow::margin::MarginLoss;
use phasesweep_passes::Real;

/// Share of the time that is left which the device does not count on: what it has spent of it since the host has said how
/// much that is, it sums in the precision of the flow.
const SLACK: f64 = 1e-4;
/// A change below which any step is allowed, whatever is divided by it.
const NOTHING: f64 = 1e-30;

/// A run of training samples that goes through the network at once.
#[derive(Debug, Clone)]
pub(super) struct Tile {
    /// First sample.
    pub(super) start: usize,
    /// Samples.
    pub(super) len: usize,
    /// Inputs `[sample, input]`.
    pub(super) x: Tensor<2>,
    /// y = ±1, `[1, 1, sample]`.
    pub(super) y: Tensor<3>,
}

/// What stacks of one precision share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) place: Place,
    pub(super) network: Stacked,
    pub(super) tiles: Vec<Tile>,
    pub(super) loss: MarginLoss,
    /// y of all training samples, `[1, 1, sample]`.
    pub(super) y: Tensor<3>,
    /// Whether a sum of losses may end a leg.
    pub(super) sums_losses: bool,
}

/// Numbers that replicas have of their own, each `[replica, 1, 1]` unless it says otherwise.
#[derive(Debug, Clone)]
struct Own {
    pull: Pull,
    gradient: Tensor<3>,
    output: Tensor<3>,
    kink: Tensor<3>,
    /// The least d at which a sample fits.
    fitting: Tensor<3>,
    /// One over the number of kept samples.
    share: Tensor<3>,
    /// Whether the outputs of all kept samples bound a step, and not only of those that pull; absent where that is so of all
    /// replicas.
    all: Option<Tensor<3, Bool>>,
    /// Samples that do not count, `[replica, 1, sample]`; absent where all do.
    pruned: Option<Tensor<3, Bool>>,
    /// Whether time is limited for any replica.
    limited: bool,
    /// f at the start, `[replica, 1, sample]`.
    start: Tensor<3>,
}

/// A point of every replica's flow.
#[derive(Debug, Clone)]
struct Point {
    parameters: Parameters,
    /// θ'
    gradient: Parameters,
    /// ‖θ'‖, `[replica, 1, 1]`.
    norm: Tensor<3>,
    /// f, `[replica, 1, sample]`.
    outputs: Tensor<3>,
    /// −ℓ', `[replica, 1, sample]`.
    force: Tensor<3>,
}

/// The device's half of a stack.
#[derive(Debug)]
pub(super) struct Stepper {
    shared: Arc<Shared>,
    own: Own,
    here: Point,
    /// Length of the next step, `[replica, 1, 1]`; of no meaning before the first.
    step: Tensor<3>,
}

/// One replica as the device is told of it.
pub(super) struct Given<'a> {
    /// Its numbers.
    pub(super) numbers: Flow,
    /// Which training samples count; `None`: all.
    pub(super) kept: Option<&'a [bool]>,
    /// Its parameters at the start.
    pub(super) start: &'a [f64],
    /// Its parameters now.
    pub(super) here: &'a [f64],
}

impl Stepper {
    /// Copies replicas to the device and evaluates them at their start and where they are.
    pub(super) fn new(shared: Arc<Shared>, replicas: &[Given<'_>]) -> Stepper {
        let place = &shared.place;
        let samples = shared.tiles.iter().map(|tile| tile.len).sum::<usize>();
        let column = |of: &dyn Fn(&Given<'_>) -> f64| place.column(replicas.iter().map(of).collect());
        let bounds = |of: fn(Bounds) -> f64| column(&|replica| of(Bounds::of(&replica.numbers)));
        let alphas: Vec<f64> = replicas.iter().map(|replica| replica.numbers.alpha).collect();
        let counted = |replica: &Given<'_>| replica.kept.map_or(samples, |kept| kept.iter().filter(|&&k| k).count());
        let watches_all = |replica: &Given<'_>| replica.numbers.watched == Watched::All;
        let pruned = replicas.iter().any(|replica| replica.kept.is_some()).then(|| {
            let of_replica = |replica: &Given<'_>| match replica.kept {
                Some(kept) => kept.iter().map(|&kept| f64::from(u8::from(!kept))).collect(),
                None => vec![0.0; samples],
            };
            let flags = replicas.iter().flat_map(of_replica).collect();
            place.tensor(flags, [replicas.len(), 1, samples]).greater_elem(0.5)
        });
        let all = (!replicas.iter().all(watches_all)).then(|| {
            let flags = column(&|replica| f64::from(u8::from(watches_all(replica))));
            flags.greater_elem(0.5).expand([replicas.len(), 1, samples])
        });
        let upload = |of: for<'b> fn(&Given<'b>) -> &'b [f64]| {
            let vectors: Vec<&[f64]> = replicas.iter().map(of).collect();
            shared.network.upload(place, &vectors)
        };
        let own = Own {
            pull: Pull::new(place, shared.loss, &alphas),
            gradient: bounds(|bounds| bounds.gradient),
            output: bounds(|bounds| bounds.output),
            kink: bounds(|bounds| bounds.kink),
            fitting: column(&|replica| place.least(replica.numbers.alpha, replica.numbers.margin)),
            share: column(&|replica| 1.0 / counted(replica).max(1) as f64),
            all,
            pruned,
            limited: replicas.iter().any(|replica| replica.numbers.time.is_some()),
            start: outputs(&shared, &upload(|replica| replica.start)),
        };
        let here = own.evaluate(&shared, upload(|replica| replica.here));
        let step = here.norm.zeros_like();
        Stepper { own, here, step, shared }
    }

    /// f of the training samples at the start, of every replica.
    pub(super) fn start(&self) -> Tensor<3> {
        self.own.start.clone()
    }

    /// Some replicas' points: f, ‖θ'‖, and, where asked for, their parameters layer by layer, weight then bias.
    pub(super) fn point(&self, rows: &[usize], parameters: bool) -> Vec<Tensor<3>> {
        let here = [self.here.outputs.clone(), self.here.norm.clone()];
        let of_parameters = parameters.then(|| self.here.parameters.clone().into_tensors()).into_iter().flatten();
        let all = here.into_iter().chain(of_parameters);
        let replicas = self.here.norm.dims()[0];
        if rows.len() == replicas && rows.iter().copied().eq(0..replicas) {
            return all.collect();
        }
        let rows = self.shared.place.places(rows);
        all.map(|tensor| tensor.select(0, rows.clone())).collect()
    }

    /// Lets all replicas go but those at these rows.
    pub(super) fn keep(&mut self, rows: &[usize]) {
        let rows = self.shared.place.places(rows);
        let select = |tensor: &Tensor<3>| tensor.clone().select(0, rows.clone());
        // A mask is chosen from as numbers are: not every device selects flags.
        let flags = |mask: &Tensor<3, Bool>| select(&mask.clone().float()).greater_elem(0.5);
        let own = &self.own;
        self.own = Own {
            pull: own.pull.map(select),
            gradient: select(&own.gradient),
            output: select(&own.output),
            kink: select(&own.kink),
            fitting: select(&own.fitting),
            share: select(&own.share),
            all: own.all.as_ref().map(flags),
            pruned: own.pruned.as_ref().map(flags),
            limited: own.limited,
            start: select(&own.start),
        };
        self.here = Point {
            parameters: self.here.parameters.select(&rows),
            gradient: self.here.gradient.select(&rows),
            norm: select(&self.here.norm),
            outputs: select(&self.here.outputs),
            force: select(&self.here.force),
        };
        self.step = select(&self.step);
    }

    /// Makes so many trials, of every replica that has a leg until that ends. Answers, `[replica, trial + 2]`: each trial's
    /// length, negative of steps that were not taken, 0 of none; the length of the next one; and 1 where the leg ended at a
    /// number of samples, at a loss, or without a gradient, else 0.
    pub(super) fn block(&mut self, legs: &[Option<Leg>], trials: usize) -> Tensor<2> {
        let place = self.shared.place.clone();
        let replicas = legs.len();
        // One upload for all of it. What is larger than any flow lasts stands for no limit, in either precision.
        let number = |of: fn(&Leg) -> f64| legs.iter().map(move |leg| leg.as_ref().map_or(0.0, of).min(1e30));
        let told = number(|leg| leg.length)
            .chain(number(|leg| leg.steps as f64))
            .chain(number(|leg| leg.unfitted))
            .chain(number(|leg| leg.loss))
            .chain(number(|leg| leg.left));
        let told = place.tensor(told.collect(), [5 * replicas, 1, 1]);
        let told = |which: usize| told.clone().narrow(0, which * replicas, replicas);
        let (first, mut steps, unfitted, loss) = (told(0), told(1), told(2), told(3));
        let mut left = told(4);
        let slack = left.clone().mul_scalar(SLACK);
        let mut going = steps.clone().greater_elem(0.5);
        let mut ended = going.clone().bool_and(going.clone().bool_not());
        let mut rows = Vec::with_capacity(trials + 2);
        for trial in 0..trials {
            let length = if trial == 0 { first.clone() } else { self.step.clone() };
            let mut active = going.clone().bool_and(length.clone().greater_elem(0.0));
            active = active.bool_and(length.clone().is_finite());
            if trial > 0 && self.own.limited {
                active = active.bool_and(length.clone().lower_equal(left.clone() - slack.clone()));
            }
            let moved = |place: Tensor<3>, slope: Tensor<3>| place + slope * length.clone();
            let parameters = self.here.parameters.clone().zip(self.here.gradient.clone(), moved);
            let tried = self.own.evaluate(&self.shared, parameters);
            let (taken, factor) = self.own.judge(&self.here, &tried);
            let taken = taken.bool_and(active.clone());
            let not_taken = taken.clone().bool_not();
            rows.push(
                length
                    .clone()
                    .mask_where(not_taken.clone(), length.clone().neg())
                    .mask_fill(active.clone().bool_not(), 0.0),
            );
            if self.own.limited {
                left = left - length.clone().mask_fill(not_taken.clone(), 0.0);
            }
            self.step = self.step.clone().mask_where(active, length * factor);
            let over = self.own.is_over(&self.shared, &tried, &unfitted, &loss);
            ended = ended.bool_or(over.bool_and(taken.clone()));
            steps = steps.clone().mask_where(taken.clone(), steps.sub_scalar(1.0));
            going = steps.clone().greater_elem(0.5).bool_and(ended.clone().bool_not());
            self.here = tried.gated(&taken, self.here.clone());
        }
        rows.push(self.step.clone());
        rows.push(ended.cast(place.float()));
        Tensor::cat(rows, 2).reshape([replicas, trials + 2])
    }
}

impl Point {
    /// This where `gate` is set, `old` elsewhere.
    fn gated(self, gate: &Tensor<3, Bool>, old: Point) -> Point {
        let choose = |new: Tensor<3>, old: Tensor<3>| {
            let mask = gate.clone().expand(old.dims());
            old.mask_where(mask, new)
        };
        Point {
            parameters: self.parameters.gated(gate, old.parameters),
            gradient: self.gradient.gated(gate, old.gradient),
            norm: choose(self.norm, old.norm),
            outputs: choose(self.outputs, old.outputs),
            force: choose(self.force, old.force),
        }
    }
}

impl Own {
    /// f and θ' at these parameters.
    fn evaluate(&self, shared: &Shared, parameters: Parameters) -> Point {
        let network = &shared.network;
        let scaled = network.scaled(parameters.clone());
        let (mut outputs, mut forces, mut gradient) = (Vec::new(), Vec::new(), None);
        for tile in &shared.tiles {
            let of_tile = |whole: &Tensor<3>| whole.clone().narrow(2, tile.start, tile.len);
            let pass = network.forward(&scaled, &tile.x);
            let f = pass.outputs();
            let d = (f.clone() - of_tile(&self.start)) * tile.y.clone();
            let mut force = self.pull.force(&shared.place, d);
            if let Some(pruned) = &self.pruned {
                force = force.mask_fill(pruned.clone().narrow(2, tile.start, tile.len), 0.0);
            }
            outputs.push(f);
            forces.push(force.clone());
            let seed = force * tile.y.clone() * self.share.clone();
            let part = network.backward(pass, &scaled, seed);
            gradient = Some(match gradient {
                Some(sum) => Parameters::zip(sum, part, |a, b| a + b),
                None => part,
            });
        }
        let gradient = network.scaled(gradient.unwrap_or_else(|| parameters.clone().map(|tensor| tensor.zeros_like())));
        let norm = gradient.norm().unwrap_or_else(|| self.share.zeros_like());
        Point { parameters, gradient, norm, outputs: joined(outputs), force: joined(forces) }
    }

    /// Whether a step from here to there is taken, and what the next one's length is of this one's, each `[replica, 1, 1]`.
    fn judge(&self, here: &Point, tried: &Point) -> (Tensor<3, Bool>, Tensor<3>) {
        let apart = here.gradient.clone().zip(tried.gradient.clone(), |a, b| b - a);
        let square = apart.map(|tensor| tensor.clone() * tensor).sum().unwrap_or_else(|| self.share.zeros_like());
        // One norm after the other: their product may be too small for single precision.
        let none = here.norm.clone().lower_equal_elem(0.0).bool_or(tried.norm.clone().lower_equal_elem(0.0));
        let gradient = (square / here.norm.clone() / tried.norm.clone()).mask_fill(none, 0.0);
        let mut moved = (tried.outputs.clone() - here.outputs.clone()).abs();
        if let Some(pruned) = &self.pruned {
            moved = moved.mask_fill(pruned.clone(), 0.0);
        }
        // Whether a maximum keeps what is no number differs among devices; a sum does everywhere.
        let finite = (moved.clone().sum_dim(2) + gradient.clone()).is_finite();
        if let Some(all) = &self.all {
            let watched = pulling(here).bool_or(pulling(tried)).bool_or(all.clone());
            moved = moved.mask_fill(watched.bool_not(), 0.0);
        }
        let output = moved.max_dim(2) * self.pull.alpha();
        judge([&self.gradient, &self.output, &self.kink], gradient, output, finite)
    }

    /// Whether a leg ends here, if a step led here.
    fn is_over(&self, shared: &Shared, there: &Point, unfitted: &Tensor<3>, loss: &Tensor<3>) -> Tensor<3, Bool> {
        let d = (there.outputs.clone() - self.start.clone()) * shared.y.clone();
        let kept = |values: Tensor<3>| match &self.pruned {
            Some(pruned) => values.mask_fill(pruned.clone(), 0.0),
            None => values,
        };
        let short = kept(d.clone().lower(self.fitting.clone()).cast(shared.place.float()));
        let mut over = short.sum_dim(2).lower_equal(unfitted.clone());
        over = over.bool_or(there.norm.clone().lower_equal_elem(0.0));
        if shared.sums_losses {
            over = over.bool_or(kept(self.pull.value(d)).sum_dim(2).lower_equal(loss.clone()));
        }
        over
    }
}

/// What [`control::judge`](crate::train::flow::control::judge) says of changes of the gradient and of outputs, of every replica:
/// whether the step is taken, and what the next one's length is of this one's. `bounds` are those on the gradient, on
/// outputs, and on outputs at a kink; `finite`: whether both changes are.
fn judge(
    [gradient_bound, output_bound, kink_bound]: [&Tensor<3>; 3],
    gradient: Tensor<3>,
    output: Tensor<3>,
    finite: Tensor<3, Bool>,
) -> (Tensor<3, Bool>, Tensor<3>) {
    let by_gradient = (gradient_bound.clone() / gradient.clone().clamp_min(NOTHING)).sqrt();
    let divisor = output.clone().clamp_min(NOTHING);
    let by_kink = kink_bound.clone() / divisor.clone();
    let by_output = output_bound.clone() / divisor;
    let allowed = by_gradient.max_pair(by_kink).min_pair(by_output).mul_scalar(AIM);
    let across = output.clone().lower_equal(kink_bound.clone());
    let taken = gradient.lower_equal(gradient_bound.clone()).bool_or(across);
    let taken = taken.bool_and(output.lower_equal(output_bound.clone())).bool_and(finite.clone());
    let longer = allowed.clone().clamp(0.5, GROWTH);
    let factor = allowed.clamp(0.1, AIM).mask_where(taken.clone(), longer);
    (taken, factor.mask_fill(finite.bool_not(), 0.1))
}

/// Which samples pull, by no less than a share of the greatest pull that a sum would not notice: `[replica, 1, sample]`.
fn pulling(point: &Point) -> Tensor<3, Bool> {
    let force = point.force.clone().abs();
    let share = match force.dtype() {
        ::burn::tensor::DType::F64 => f64::NEGLIGIBLE,
        _ => f32::NEGLIGIBLE,
    };
    let least = force.clone().max_dim(2).mul_scalar(share);
    force.clone().greater_elem(0.0).bool_and(force.greater_equal(least))
}

/// f of the training samples, `[replica, 1, sample]`.
fn outputs(shared: &Shared, parameters: &Parameters) -> Tensor<3> {
    let scaled = shared.network.scaled(parameters.clone());
    let of_tile = |tile: &Tile| shared.network.forward(&scaled, &tile.x).outputs();
    joined(shared.tiles.iter().map(of_tile).collect())
}

/// Tiles side by side.
fn joined(mut tiles: Vec<Tensor<3>>) -> Tensor<3> {
    match tiles.pop() {
        Some(only) if tiles.is_empty() => only,
        Some(last) => {
            tiles.push(last);
            Tensor::cat(tiles, 2)
        }
        None => unreachable!("a block has samples"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::device_under_test;
    use crate::sweep::Precision;
    use crate::train::burn::transfer;
    use crate::train::flow::control;

    #[test]
    fn trials_are_judged_as_on_the_host() {
        let place = Place { device: device_under_test(), precision: Precision::F32 };
        let changes = [0.0, 1e-9, 3e-5, 0.7e-4, 0.9e-4, 1.1e-4, 4e-4, 0.05, 3.0, f64::INFINITY, f64::NAN];
        let outputs = [0.0, 1e-7, 0.004, 0.009, 0.011, 0.05, 0.09, 0.11, 0.4, 7.0, f64::NAN];
        for kink in [0.0, 0.01] {
            let bounds = Bounds { gradient: 1e-4, output: 0.1, kink };
            let pairs: Vec<(f64, f64)> = changes.iter().flat_map(|&g| outputs.map(|o| (g, o))).collect();
            let column = |of: &dyn Fn((f64, f64)) -> f64| place.column(pairs.iter().map(|&pair| of(pair)).collect());
            let (gradient, output) = (column(&|pair| pair.0), column(&|pair| pair.1));
            let finite = (gradient.clone() + output.clone()).is_finite();
            let of = [bounds.gradient, bounds.output, bounds.kink].map(|bound| column(&|_| bound));
            let (taken, factor) = judge([&of[0], &of[1], &of[2]], gradient, output, finite);
            let found = transfer::fetch_wide(vec![taken.cast(place.float()), factor]).unwrap();
            for (k, &(gradient, output)) in pairs.iter().enumerate() {
                let expected = control::judge(&bounds, gradient, output);
                assert_eq!(found[0][k] == 1.0, expected.taken, "{gradient} {output}");
                // Single precision, of a quotient and a root.
                assert!((found[1][k] - expected.factor).abs() < 1e-6, "{gradient} {output}: {}", found[1][k]);
            }
        }
    }
}
