//! The gradient flow of the loss on a frozen kernel, until what is to fit fits: the paper's machine on a tangent kernel.
//!
//! On a kernel Θ that does not change, the network's flow θ' = −∇ (1/p) Σ ℓ(y_i F_i)/α, F = α (f − f₀), is one of
//! F(x) = Σ a_i Θ(x, x_i) with a(0) = 0 and a_i' = −α ℓ'(y_i F(x_i)) y_i/p. Computed with c_i = a_i y_i s ≥ 0 and the kernel
//! over s, its mean diagonal: the margins are m = K c with K_ij = y_i y_j Θ_ij/s, and c_i' = −ℓ'(m_i)/p in the time α s t.
//!
//! Such a flow is stiff: its rates are the eigenvalues of the kernel. Where the loss is bent it goes by Shampine and
//! Reichelt's second-order Rosenbrock pair (SIAM J. Sci. Comput. 18, 1997, ode23s), which is stable at any length of a step.
//! Its order holds with an approximate Jacobian, so that samples whose loss is hardly bent (most of them) are left out of the
//! system that is solved. A step is taken if the estimate of its error is within [`TOLERANCE`] on every margin; the end lies
//! between two steps, where margins are linear in between. A plain hinge has no bend, and goes by the network's own rule,
//! explicit Euler steps judged by [`control`](super::control).
//!
//! Invariant: double precision throughout; a flow that did not come to its end says why, and its coefficients are no machine.

use faer::linalg::solvers::Solve;
use faer::{MatMut, MatRef, Side};
use phasesweep_passes::by_faer;
use phasesweep_results::FlowStop;

use super::control::{Bounds, judge};
use super::margin::MarginLoss;

/// Greatest estimated error of a margin in a step.
const TOLERANCE: f64 = 1e-3;
/// A sample whose own rate times the step is under this has no row in the system that is solved.
const STIFF: f64 = 1e-3;
/// The gradient has vanished where ‖Σ u_i φ_i‖² is under this share of (Σ u_i)² s: no machine of a norm that double
/// precision holds fits more.
const VANISHED: f64 = 1e-12;
/// Coefficients under this share of the greatest change no sum.
const NEGLIGIBLE: f64 = 1e-18;

/// When it ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ends {
    /// A sample fits if its margin is no less.
    pub(super) margin: f64,
    /// Share of the samples that fit at which the flow ends.
    pub(super) fitted: f64,
    /// Most steps.
    pub(super) steps: usize,
}

/// Where a flow ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ended {
    /// a_i, for the kernel as it was given.
    pub(super) coefficients: Vec<f64>,
    /// α t.
    pub(super) time: f64,
    /// Steps taken.
    pub(super) steps: usize,
    /// Share of the samples that do not fit.
    pub(super) unfitted: f64,
    /// Why it ended; `None` where it ceased to be finite.
    pub(super) stop: Option<FlowStop>,
}

/// Follows the flow on a symmetric kernel `[sample, sample]` with labels ±1. `bounds` are those of the network's steps.
pub(super) fn flow(kernel: &[f64], labels: &[f64], loss: MarginLoss, bounds: &Bounds, ends: Ends) -> Ended {
    let n = labels.len();
    let scale = (0..n).map(|i| kernel[i * n + i]).sum::<f64>() / n as f64;
    let frozen = Frozen { kernel, labels, scale, loss };
    let mut state = State::at_the_start(&frozen);
    let stop = if scale > 0.0 && scale.is_finite() {
        state.follow(&frozen, bounds, ends)
    } else {
        // A kernel of zeros moves nothing.
        (scale == 0.0).then_some(FlowStop::Gradient)
    };
    let coefficients = state.c.iter().zip(labels).map(|(c, y)| c * y / scale).collect();
    let unfitted = unfitted(&state.margins, ends.margin) as f64 / n.max(1) as f64;
    Ended { coefficients, time: state.time / scale, steps: state.steps, unfitted, stop }
}

/// Samples with a margin that is not enough.
fn unfitted(margins: &[f64], margin: f64) -> usize {
    margins.iter().filter(|m| **m < margin || m.is_nan()).count()
}

/// What does not change.
struct Frozen<'a> {
    kernel: &'a [f64],
    labels: &'a [f64],
    scale: f64,
    loss: MarginLoss,
}

impl Frozen<'_> {
    /// K_ij.
    fn entry(&self, i: usize, j: usize) -> f64 {
        self.kernel[i * self.labels.len() + j] * self.labels[i] * self.labels[j] / self.scale
    }

    /// K v: a sum of rows, of those whose coefficient counts.
    fn apply(&self, v: &[f64]) -> Vec<f64> {
        let n = self.labels.len();
        let greatest = v.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
        let least = NEGLIGIBLE * greatest;
        let counts =
            |(row, (v, y)): (usize, (&f64, &f64))| (v.abs() > least || v.is_nan()).then(|| (row, v * y / self.scale));
        let terms: Vec<(usize, f64)> = v.iter().zip(self.labels).enumerate().filter_map(counts).collect();
        let mut sum = vec![0.0; n];
        let row = |k: usize| &self.kernel[k * n..(k + 1) * n];
        let four = terms.chunks_exact(4);
        for &(k, v) in four.remainder() {
            sum.iter_mut().zip(row(k)).for_each(|(sum, a)| *sum += v * a);
        }
        for terms in four {
            let [(i, p), (j, q), (k, r), (l, s)] = [terms[0], terms[1], terms[2], terms[3]];
            let rows = row(i).iter().zip(row(j)).zip(row(k)).zip(row(l));
            sum.iter_mut().zip(rows).for_each(|(sum, (((a, b), c), d))| *sum += (p * a + q * b) + (r * c + s * d));
        }
        sum.iter_mut().zip(self.labels).for_each(|(sum, y)| *sum *= y);
        sum
    }

    /// K v at some samples alone.
    fn apply_at(&self, samples: &[usize], v: &[f64]) -> Vec<f64> {
        let n = self.labels.len();
        let signed: Vec<f64> = v.iter().zip(self.labels).map(|(v, y)| v * y / self.scale).collect();
        samples.iter().map(|&i| self.labels[i] * dot(&self.kernel[i * n..(i + 1) * n], &signed)).collect()
    }

    /// c' where the margins are these.
    fn slope(&self, margins: &[f64]) -> Vec<f64> {
        let share = 1.0 / margins.len() as f64;
        // A margin that is not finite must make the step not finite too.
        margins.iter().map(|&m| if m.is_finite() { share * self.loss.pull(m) } else { f64::NAN }).collect()
    }
}

/// Where the flow is.
struct State {
    c: Vec<f64>,
    margins: Vec<f64>,
    /// c'
    slope: Vec<f64>,
    /// m'
    speed: Vec<f64>,
    time: f64,
    steps: usize,
    /// Length of the next step to be tried.
    step: f64,
}

/// A step that was tried.
struct Tried {
    /// Mean of c' over it.
    slope: Vec<f64>,
    /// Mean of m' over it.
    speed: Vec<f64>,
    /// c' after it.
    next: Vec<f64>,
    /// m' after it, where that is known.
    next_speed: Option<Vec<f64>>,
    /// Whether it is taken.
    taken: bool,
    /// What the next step's length is of this one's.
    factor: f64,
}

impl State {
    fn at_the_start(frozen: &Frozen<'_>) -> State {
        let n = frozen.labels.len();
        let margins = vec![0.0; n];
        let slope = frozen.slope(&margins);
        let speed = frozen.apply(&slope);
        // A first step that moves margins by a tenth; the control takes it from there.
        let step = 0.1 / greatest(&speed);
        State { c: vec![0.0; n], margins, slope, speed, time: 0.0, steps: 0, step }
    }

    fn follow(&mut self, frozen: &Frozen<'_>, bounds: &Bounds, ends: Ends) -> Option<FlowStop> {
        let count = self.c.len() as f64;
        // As the network's flow judges it, rounding included.
        let done = |margins: &[f64]| unfitted(margins, ends.margin) as f64 / count <= 1.0 - ends.fitted;
        if done(&self.margins) {
            return Some(FlowStop::Fitted);
        }
        while self.steps < ends.steps {
            let force: f64 = self.slope.iter().map(|u| u.abs()).sum();
            if dot(&self.slope, &self.speed) <= VANISHED * force * force {
                return Some(FlowStop::Gradient);
            }
            let tried = if frozen.loss.is_bent() { self.rosenbrock(frozen) } else { self.euler(frozen, bounds) };
            if !tried.taken {
                self.step *= tried.factor;
                if !(self.step > 0.0 && self.step.is_finite()) {
                    return None;
                }
                continue;
            }
            let length = self.step;
            let after: Vec<f64> = along(&self.margins, length, &tried.speed);
            self.steps += 1;
            let ended = done(&after);
            let length = if ended { self.last(length, &tried, &done) } else { length };
            self.margins = if ended { along(&self.margins, length, &tried.speed) } else { after };
            self.c = along(&self.c, length, &tried.slope);
            self.time += length;
            if ended {
                return Some(FlowStop::Fitted);
            }
            self.speed = tried.next_speed.unwrap_or_else(|| frozen.apply(&tried.next));
            self.slope = tried.next;
            self.step *= tried.factor;
        }
        Some(FlowStop::Steps)
    }

    /// The part of a step after which what is to fit first does, to a billionth of the step.
    fn last(&self, length: f64, tried: &Tried, done: &impl Fn(&[f64]) -> bool) -> f64 {
        let (mut low, mut high) = (0.0, length);
        for _ in 0..30 {
            let middle = 0.5 * (low + high);
            if done(&along(&self.margins, middle, &tried.speed)) {
                high = middle;
            } else {
                low = middle;
            }
        }
        high
    }

    /// An explicit Euler step. The gradient of the parameters is Σ c_i' y_i ∂f_i, so that ‖g‖² = c'ᵀ K c'.
    fn euler(&self, frozen: &Frozen<'_>, bounds: &Bounds) -> Tried {
        let next = frozen.slope(&along(&self.margins, self.step, &self.speed));
        let next_speed = frozen.apply(&next);
        let minus = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<f64>>();
        let change = dot(&minus(&next, &self.slope), &minus(&next_speed, &self.speed));
        let product = (dot(&self.slope, &self.speed) * dot(&next, &next_speed)).sqrt();
        let change = if product == 0.0 { 0.0 } else { change.max(0.0) / product };
        let verdict = judge(bounds, change, self.step * greatest(&self.speed));
        let (slope, speed) = (self.slope.clone(), self.speed.clone());
        let next_speed = Some(next_speed);
        Tried { slope, speed, next, next_speed, taken: verdict.taken, factor: verdict.factor }
    }

    /// A step of ode23s: k₁ = W⁻¹ u₀, k₂ = W⁻¹ (u₁ − k₁) + k₁, k₃ = W⁻¹ (u₂ − e (k₂ − u₁) − 2 (k₁ − u₀)) with
    /// W = 1 + γ h D K/p, γ = 1/(2 + √2), e = 6 + √2, u the slopes at the start, at h/2 along k₁ and at the end, c + h k₂;
    /// the error is h (k₁ − 2 k₂ + k₃)/6.
    fn rosenbrock(&self, frozen: &Frozen<'_>) -> Tried {
        let shorter = |factor: f64| Tried {
            slope: Vec::new(),
            speed: Vec::new(),
            next: Vec::new(),
            next_speed: None,
            taken: false,
            factor,
        };
        let (h, root) = (self.step, std::f64::consts::SQRT_2);
        let Some(system) = System::new(frozen, &self.margins, h / (2.0 + root)) else { return shorter(0.1) };
        let combine = |terms: &[(f64, &[f64])]| -> Vec<f64> {
            (0..self.c.len()).map(|i| terms.iter().map(|(factor, v)| factor * v[i]).sum()).collect()
        };
        let first = system.solve(&self.slope);
        let first_speed = frozen.apply(&first);
        let half = frozen.slope(&along(&self.margins, 0.5 * h, &first_speed));
        let second = combine(&[(1.0, &system.solve(&combine(&[(1.0, &half), (-1.0, &first)]))), (1.0, &first)]);
        let speed = frozen.apply(&second);
        let next = frozen.slope(&along(&self.margins, h, &speed));
        let e = 6.0 + root;
        let right = [(1.0, &next[..]), (-e, &second), (e, &half), (-2.0, &first), (2.0, &self.slope)];
        let third_speed = frozen.apply(&system.solve(&combine(&right)));
        let error = combine(&[(h / 6.0, &first_speed), (-h / 3.0, &speed), (h / 6.0, &third_speed)]);
        let error = greatest(&error);
        if !error.is_finite() {
            return shorter(0.1);
        }
        let wanted = 0.8 * (TOLERANCE / error).cbrt();
        if error > TOLERANCE {
            return shorter(wanted.clamp(0.1, 0.8));
        }
        Tried { slope: second, speed, next, next_speed: None, taken: true, factor: wanted.clamp(0.5, 3.0) }
    }
}

/// W = 1 + g D K/p, with D the bends of the loss, of the samples of which g D_i/p is no less than [`STIFF`] (for the others 1).
struct System<'a> {
    frozen: &'a Frozen<'a>,
    /// The samples with a row of their own.
    stiff: Vec<usize>,
    /// √(g D_i/p) of those.
    root: Vec<f64>,
    /// `None`: there is no such sample.
    factors: Option<faer::linalg::solvers::Llt<f64>>,
}

impl<'a> System<'a> {
    /// `None` where it is not positive definite: something is not finite.
    fn new(frozen: &'a Frozen<'a>, margins: &[f64], g: f64) -> Option<System<'a>> {
        let share = g / margins.len() as f64;
        let rate = |m: &f64| share * frozen.loss.bend(*m);
        let stiff: Vec<usize> = (0..margins.len()).filter(|&i| rate(&margins[i]) >= STIFF).collect();
        let root: Vec<f64> = stiff.iter().map(|&i| rate(&margins[i]).sqrt()).collect();
        let size = stiff.len();
        let mut matrix = vec![0.0; size * size];
        for (row, (&i, a)) in matrix.chunks_exact_mut(size.max(1)).zip(stiff.iter().zip(&root)) {
            row.iter_mut()
                .zip(stiff.iter().zip(&root))
                .for_each(|(value, (&j, b))| *value = a * b * frozen.entry(i, j));
        }
        (0..size).for_each(|k| matrix[k * size + k] += 1.0);
        let matrix = MatRef::from_column_major_slice(&matrix, size, size);
        let factors = if size > 0 { Some(by_faer(|| matrix.llt(Side::Lower)).ok()?) } else { None };
        Some(System { frozen, stiff, root, factors })
    }

    /// x of W x = b. With S the stiff samples and R = √(g D/p): x is b elsewhere, and on S it is R z, where
    /// (1 + R K R) z = R⁻¹ b − R K b', b' being b outside of S.
    fn solve(&self, b: &[f64]) -> Vec<f64> {
        let mut x = b.to_vec();
        let Some(factors) = &self.factors else { return x };
        let mut outside = b.to_vec();
        self.stiff.iter().for_each(|&i| outside[i] = 0.0);
        let pulled = self.frozen.apply_at(&self.stiff, &outside);
        let right = self.stiff.iter().zip(&self.root).zip(pulled);
        let mut z: Vec<f64> = right.map(|((&i, root), pulled)| b[i] / root - root * pulled).collect();
        let size = z.len();
        by_faer(|| factors.solve_in_place(MatMut::from_column_major_slice_mut(&mut z, size, 1)));
        self.stiff.iter().zip(&self.root).zip(z).for_each(|((&i, root), z)| x[i] = root * z);
        x
    }
}

fn along(from: &[f64], length: f64, slope: &[f64]) -> Vec<f64> {
    from.iter().zip(slope).map(|(from, slope)| from + length * slope).collect()
}

/// Σ a b in eight interleaved parts: fixed in order, and fit for vectors.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        sums.iter_mut().zip(a).zip(b).for_each(|((sum, a), b)| *sum += a * b);
    }
    sums.iter().sum::<f64>() + a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum::<f64>()
}

/// The greatest magnitude; NaN where there is one.
fn greatest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most: f64, v| if v.abs() > most || v.is_nan() { v.abs() } else { most })
}
