//! One tile of samples through a graph, forwards and back.

use phasesweep_networks::Op;

use super::elementwise::Apply;
use super::gather::Gather;
use super::lanes::Lanes;
use super::placement::{Arrival, exclusive, shape, vectors};
use super::plan::{Laid, Passes, Sums, Weights};
use super::pool::{Normalised, Pooled, Unnormalised, Way};
use super::real::{Job, Real, View};
use super::slopes::Slopes;

/// Memory for the tiles of one thread.
#[derive(Debug, Clone, Default)]
pub struct Room<T> {
    values: Vec<Vec<T>>,
    /// For each node, what its way forwards leaves beside its value.
    beside: Vec<Vec<T>>,
    deltas: Vec<Vec<T>>,
    sums: Vec<T>,
}

/// What a layer leaves for the derivatives by its parameters, at the samples of a tile.
#[derive(Debug, Clone, Copy)]
pub enum Signal<'a, T> {
    /// Of a dense layer: its inputs `[input, lane]` and the gradient at its outputs `[output, lane]`.
    Dense {
        /// `[input, lane]`
        input: &'a [T],
        /// `[output, lane]`
        delta: &'a [T],
    },
    /// Of every other layer: the derivatives themselves, `[weight then bias, lane]`.
    Sums(&'a [T]),
}

/// How many samples make a tile.
pub(crate) const fn lanes<T>() -> usize {
    32 / size_of::<T>()
}

fn sized<T: Real>(buffer: &mut Vec<T>, vectors: usize) {
    if buffer.len() < vectors * lanes::<T>() {
        buffer.resize(vectors * lanes::<T>(), T::default());
    }
}

/// Sums over lanes.
struct Across<'a, T> {
    from: &'a [T],
    /// Added to.
    to: &'a mut [T],
}

impl<T: Real> Job<T> for Across<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<V: Lanes<T = T>>(self) {
        for (from, to) in self.from.chunks_exact(V::N).zip(self.to) {
            *to += V::load(from).sum();
        }
    }
}

impl Passes {
    /// Samples of a tile.
    pub fn tile<T>() -> usize {
        lanes::<T>()
    }

    /// f of a tile of samples or fewer; `rows` is `[sample, input]`, `out` `[sample]`.
    pub fn outputs<T: Real>(&self, weights: &Weights<T>, fast: bool, rows: &[T], out: &mut [T], room: &mut Room<T>) {
        let last = self.forwards(weights, fast, rows, false, room);
        out.copy_from_slice(&room.values[last][..out.len()]);
    }

    /// f of a tile of samples or fewer, and Σ c ∂f of them added to `gradient`. `c` answers each sample's coefficient from
    /// its place in the tile and its output.
    pub fn gradient<T: Real>(
        &self,
        weights: &Weights<T>,
        fast: bool,
        rows: &[T],
        c: impl FnMut(usize, T) -> T,
        gradient: &mut [T],
        room: &mut Room<T>,
    ) {
        self.signals(weights, fast, rows, c, room, |place, signal| {
            let Some(layer) = &self.graph.nodes()[place].layer else { return };
            match signal {
                Signal::Dense { input, delta } => {
                    let (inputs, outputs) = (layer.fan_in(), layer.outputs());
                    let input = View::rows(input, inputs, lanes::<T>());
                    let slopes = View::rows(delta, outputs, lanes::<T>());
                    T::product(&mut gradient[layer.weight_range()], input, slopes.t(), true);
                    let to = &mut gradient[layer.bias_range()];
                    T::vectorised(fast, Across { from: delta, to });
                }
                Signal::Sums(sums) => {
                    let to = &mut gradient[layer.weight_range().start..layer.bias_range().end];
                    T::vectorised(fast, Across { from: sums, to });
                }
            }
        });
    }

    /// As [`Passes::gradient`], and hands what each layer leaves to `each`, with the layer's node, from the last to the first:
    /// nothing where every coefficient is 0.
    pub fn signals<T: Real>(
        &self,
        weights: &Weights<T>,
        fast: bool,
        rows: &[T],
        mut c: impl FnMut(usize, T) -> T,
        room: &mut Room<T>,
        each: impl FnMut(usize, Signal<'_, T>),
    ) {
        let last = self.forwards(weights, fast, rows, true, room);
        for (buffer, &size) in self.back.pool.sizes.iter().enumerate() {
            room.deltas.resize_with(room.deltas.len().max(buffer + 1), Vec::new);
            sized(&mut room.deltas[buffer], size);
        }
        let samples = rows.len() / self.inputs().max(1);
        let seed = &mut room.deltas[self.back.delta[self.graph.nodes().len() - 1]][..lanes::<T>()];
        let mut still = true;
        for (lane, (seed, &output)) in seed.iter_mut().zip(&room.values[last]).enumerate() {
            *seed = if lane < samples { c(lane, output) } else { T::default() };
            // What is not a number goes on.
            still &= *seed == T::default();
        }
        if still {
            return;
        }
        self.backwards(weights, fast, room, each);
    }

    /// Fills the room's values; the buffer of the output.
    fn forwards<T: Real>(&self, weights: &Weights<T>, fast: bool, rows: &[T], kept: bool, room: &mut Room<T>) -> usize {
        let places = if kept { &self.kept } else { &self.brief };
        let count = self.graph.nodes().len();
        room.values.resize_with(room.values.len().max(places.pool.sizes.len()), Vec::new);
        room.beside.resize_with(room.beside.len().max(count), Vec::new);
        for (buffer, &size) in room.values.iter_mut().zip(&places.pool.sizes) {
            sized(buffer, size);
        }
        let lanes = lanes::<T>();
        for (place, node) in self.graph.nodes().iter().enumerate() {
            let target = places.value[place];
            let source = node.inputs.first().map_or(target, |&input| places.value[input]);
            let mut to = std::mem::take(&mut room.values[target]);
            let size = vectors(node.extent) * lanes;
            let from_shape = node.inputs.first().map(|&input| shape(self.graph.nodes()[input].extent));
            let [channels, pixels, plane] = shape(node.extent);
            let [_, from_pixels, from_plane] = from_shape.unwrap_or([channels, pixels, plane]);
            match node.op {
                Op::Input => load(&mut to, rows, [channels, pixels, plane]),
                Op::Dense | Op::Convolution(_) => {
                    if let Some(sums) = &self.sums[place] {
                        let laid = &weights.layers[place];
                        let from = &room.values[source];
                        T::vectorised(fast, forwards(sums, laid, [from_plane, plane], from, &mut to[..size]));
                    }
                }
                Op::Activation(kind) if target == source => {
                    T::vectorised(fast, Apply { kind, z: &mut to[..size], values: None });
                }
                Op::Activation(kind) => {
                    if kept && exclusive(&self.graph, &self.consumers, node.inputs[0]) {
                        let z = &mut room.values[source][..size];
                        T::vectorised(fast, Apply { kind, z, values: Some(&mut to[..size]) });
                    } else {
                        let z = &mut room.beside[place];
                        z.clear();
                        z.extend_from_slice(&room.values[source][..size]);
                        T::vectorised(fast, Apply { kind, z, values: Some(&mut to[..size]) });
                    }
                }
                Op::Scale(factor) => {
                    let factor = T::of(factor.0);
                    if target != source {
                        to[..size].copy_from_slice(&room.values[source][..size]);
                    }
                    to[..size].iter_mut().for_each(|x| *x = *x * factor);
                }
                Op::Add => {
                    let [a, b] = [node.inputs[0], node.inputs[1]].map(|input| places.value[input]);
                    if a == target && b == target {
                        to[..size].iter_mut().for_each(|x| *x = *x + *x);
                    } else if a == target || b == target {
                        let other = &room.values[if a == target { b } else { a }][..size];
                        to[..size].iter_mut().zip(other).for_each(|(x, &y)| *x += y);
                    } else {
                        let both = room.values[a][..size].iter().zip(&room.values[b][..size]);
                        to[..size].iter_mut().zip(both).for_each(|(x, (&a, &b))| *x = a + b);
                    }
                }
                Op::Flatten if target == source => {}
                Op::Flatten => {
                    let rows = room.values[source].chunks_exact(from_plane * lanes);
                    for (to, from) in to[..size].chunks_exact_mut(from_pixels * lanes).zip(rows) {
                        to.copy_from_slice(&from[..from_pixels * lanes]);
                    }
                }
                Op::Pool(pool) => {
                    let size = pool.window[0] * pool.window[1];
                    let (kind, windows, from) = (pool.kind, &self.windows[place], &room.values[source]);
                    let to = Way::Forwards(&mut to);
                    T::vectorised(
                        fast,
                        Pooled { kind, windows, size, channels, from, from_plane, to, to_plane: plane },
                    );
                }
                Op::Normalise(_) => {
                    let standard = &mut room.beside[place];
                    standard.resize(size + lanes, T::default());
                    let laid = &weights.layers[place];
                    T::vectorised(
                        fast,
                        Normalised {
                            shape: [channels, pixels, plane],
                            gamma: &laid.forwards,
                            beta: &laid.bias,
                            from: &room.values[source][..size],
                            to: &mut to[..size],
                            standard,
                        },
                    );
                }
            }
            room.values[target] = to;
        }
        places.value[count - 1]
    }

    fn backwards<T: Real>(
        &self,
        weights: &Weights<T>,
        fast: bool,
        room: &mut Room<T>,
        mut each: impl FnMut(usize, Signal<'_, T>),
    ) {
        let (lanes, values) = (lanes::<T>(), &self.kept.value);
        for (place, node) in self.graph.nodes().iter().enumerate().rev() {
            let own = self.back.delta[place];
            if own == usize::MAX || node.op == Op::Input {
                continue;
            }
            let (input, arrival) = (node.inputs[0], self.back.arrivals[place][0]);
            let [channels, pixels, plane] = shape(node.extent);
            let [_, from_pixels, from_plane] = shape(self.graph.nodes()[input].extent);
            let (size, from_size) = (vectors(node.extent) * lanes, vectors(self.graph.nodes()[input].extent) * lanes);
            let add = arrival == Arrival::Added;
            // The gradient here, taken out of the room so that it can be read while others are written.
            let mut delta = std::mem::take(&mut room.deltas[own]);
            let below_at = self.back.delta[input];
            match node.op {
                Op::Dense | Op::Convolution(_) => {
                    let (Some(sums), laid) = (&self.sums[place], &weights.layers[place]) else { continue };
                    let x = &room.values[values[input]][..from_size];
                    if node.op == Op::Dense {
                        each(place, Signal::Dense { input: x, delta: &delta[..size] });
                    } else {
                        let parameters = node.layer.as_ref().map_or(0, phasesweep_networks::Layer::parameters);
                        sized(&mut room.sums, parameters);
                        let job = Slopes {
                            connections: &sums.forwards,
                            pairs: &sums.pairs,
                            groups: sums.groups,
                            inputs: sums.inputs,
                            outputs: sums.outputs,
                            input: x,
                            input_plane: from_plane,
                            delta: &delta,
                            delta_plane: plane,
                            sums: &mut room.sums[..parameters * lanes],
                        };
                        T::vectorised(fast, job);
                        each(place, Signal::Sums(&room.sums[..parameters * lanes]));
                    }
                    if arrival != Arrival::None {
                        let below = &mut room.deltas[below_at][..from_size];
                        let job = Gather {
                            connections: &sums.backwards,
                            weights: &laid.backwards,
                            bias: &[],
                            taps: sums.pairs.len(),
                            groups: sums.groups,
                            sources: sums.outputs,
                            targets: sums.inputs,
                            from: &delta,
                            from_plane: plane,
                            to: below,
                            to_plane: from_plane,
                            add,
                        };
                        T::vectorised(fast, job);
                    }
                }
                Op::Activation(_) => {
                    let slope = if exclusive(&self.graph, &self.consumers, input) {
                        &room.values[values[input]]
                    } else {
                        &room.beside[place]
                    };
                    match arrival {
                        Arrival::None => {}
                        Arrival::Stays => {
                            delta[..size].iter_mut().zip(slope).for_each(|(delta, &slope)| *delta = *delta * slope);
                        }
                        Arrival::Written | Arrival::Added => {
                            let each = room.deltas[below_at].iter_mut().zip(delta[..size].iter().zip(slope));
                            each.for_each(|(to, (&delta, &slope))| {
                                let value = delta * slope;
                                *to = if add { *to + value } else { value };
                            });
                        }
                    }
                }
                Op::Scale(factor) => {
                    let factor = T::of(factor.0);
                    match arrival {
                        Arrival::None => {}
                        Arrival::Stays => delta[..size].iter_mut().for_each(|delta| *delta = *delta * factor),
                        Arrival::Written | Arrival::Added => {
                            let each = room.deltas[below_at].iter_mut().zip(&delta[..size]);
                            each.for_each(|(to, &delta)| {
                                let value = delta * factor;
                                *to = if add { *to + value } else { value };
                            });
                        }
                    }
                }
                Op::Add => {
                    for (k, &input) in node.inputs.iter().enumerate().rev() {
                        let arrival = self.back.arrivals[place][k];
                        if matches!(arrival, Arrival::None | Arrival::Stays) {
                            continue;
                        }
                        let add = arrival == Arrival::Added;
                        let to = &mut room.deltas[self.back.delta[input]];
                        if add {
                            to[..size].iter_mut().zip(&delta).for_each(|(to, &delta)| *to += delta);
                        } else {
                            to[..size].copy_from_slice(&delta[..size]);
                        }
                    }
                }
                Op::Flatten => match arrival {
                    Arrival::None | Arrival::Stays => {}
                    Arrival::Written | Arrival::Added => {
                        let below = room.deltas[below_at].chunks_exact_mut(from_plane * lanes);
                        for (to, from) in below.zip(delta[..size].chunks_exact(from_pixels * lanes)) {
                            if add {
                                to.iter_mut().zip(from).for_each(|(to, &from)| *to += from);
                            } else {
                                to[..from.len()].copy_from_slice(from);
                            }
                        }
                    }
                },
                Op::Pool(pool) => {
                    if arrival != Arrival::None {
                        let below = &mut room.deltas[below_at][..from_size];
                        if !add {
                            below.fill(T::default());
                        }
                        let (kind, windows, from) = (pool.kind, &self.windows[place], &room.values[values[input]]);
                        let size = pool.window[0] * pool.window[1];
                        let to = Way::Backwards(&delta, below);
                        T::vectorised(
                            fast,
                            Pooled { kind, windows, size, channels, from, from_plane, to, to_plane: plane },
                        );
                    }
                }
                Op::Normalise(_) => {
                    sized(&mut room.sums, 2 * channels);
                    let sums = &mut room.sums[..2 * channels * lanes];
                    let below = (arrival != Arrival::None).then(|| (&mut room.deltas[below_at][..from_size], add));
                    let (gamma, standard) = (&weights.layers[place].forwards, &room.beside[place]);
                    let shape = [channels, pixels, plane];
                    let delta = &delta[..size];
                    T::vectorised(fast, Unnormalised { shape, gamma, standard, delta, below, sums });
                    each(place, Signal::Sums(&room.sums[..2 * channels * lanes]));
                }
                Op::Input => {}
            }
            room.deltas[own] = delta;
        }
    }
}

fn forwards<'a, T: Real>(
    sums: &'a Sums,
    laid: &'a Laid<T>,
    [from_plane, to_plane]: [usize; 2],
    from: &'a [T],
    to: &'a mut [T],
) -> Gather<'a, T> {
    Gather {
        connections: &sums.forwards,
        weights: &laid.forwards,
        bias: &laid.bias,
        taps: sums.pairs.len(),
        groups: sums.groups,
        sources: sums.inputs,
        targets: sums.outputs,
        from,
        from_plane,
        to,
        to_plane,
        add: false,
    }
}

/// From rows `[sample, channel, pixel]` to `[channel, pixel, lane]`; lanes without a sample are 0.
fn load<T: Real>(to: &mut [T], rows: &[T], [channels, pixels, plane]: [usize; 3]) {
    let (lanes, inputs) = (lanes::<T>(), channels * pixels);
    for channel in 0..channels {
        for pixel in 0..pixels {
            let to = &mut to[(channel * plane + pixel) * lanes..][..lanes];
            for (lane, to) in to.iter_mut().enumerate() {
                *to = rows.get(lane * inputs + channel * pixels + pixel).copied().unwrap_or_default();
            }
        }
    }
}
