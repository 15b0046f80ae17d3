//! Layers with weights over a batch: W x + b, and back to W, b and x.
//!
//! A convolution is a product with the columns of its input: for each pixel of an output, what the kernel covers there.

use faer::{Accum, MatMut, MatRef, Par};
use phasesweep_networks::{Extent, Graph, Layer, Node, Op};

/// A layer. `parameters` are always those of the whole network, or a direction among them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Linear<'a> {
    layer: &'a Layer,
    window: Option<Window>,
}

/// The shape of a convolution.
#[derive(Debug, Clone, Copy)]
struct Window {
    inputs: usize,
    kernel: usize,
    height: usize,
    width: usize,
}

impl<'a> Linear<'a> {
    /// The layer of a node; `None` if it has none.
    pub(super) fn of(graph: &Graph, node: &'a Node) -> Option<Linear<'a>> {
        let layer = node.layer.as_ref()?;
        let window = match (node.op, graph.nodes()[node.inputs[0]].extent) {
            (Op::Convolution(window), Extent::Image([inputs, height, width])) => {
                Some(Window { inputs, kernel: window.kernel, height, width })
            }
            _ => None,
        };
        Some(Linear { layer, window })
    }

    fn weight<'p>(&self, parameters: &'p [f64]) -> MatRef<'p, f64> {
        MatRef::from_row_major_slice(&parameters[self.layer.weight_range()], self.layer.outputs(), self.layer.fan_in())
    }

    /// Adds W x to `out` `[row, unit]`.
    pub(super) fn forward(&self, parameters: &[f64], x: &[f64], rows: usize, out: &mut [f64]) {
        let (weight, outputs) = (self.weight(parameters), self.layer.outputs());
        let Some(window) = self.window else {
            let x = MatRef::from_row_major_slice(x, rows, self.layer.fan_in());
            add_product(MatMut::from_row_major_slice_mut(out, rows, outputs), x, weight.transpose());
            return;
        };
        let mut columns = window.columns();
        for (x, out) in window.images(x).zip(out.chunks_exact_mut(outputs * window.pixels())) {
            window.gather(x, &mut columns);
            let out = MatMut::from_row_major_slice_mut(out, outputs, window.pixels());
            add_product(out, weight, window.view(&columns));
        }
    }

    /// Adds the bias to `out` `[row, unit]`.
    pub(super) fn add_bias(&self, parameters: &[f64], out: &mut [f64]) {
        let bias = &parameters[self.layer.bias_range()];
        for (units, b) in out.chunks_exact_mut(self.pixels()).zip(bias.iter().cycle()) {
            units.iter_mut().for_each(|z| *z += b);
        }
    }

    /// Adds δ xᵀ, summed over the rows, to the layer's weights within `gradient`.
    pub(super) fn gradient(&self, delta: &[f64], x: &[f64], rows: usize, gradient: &mut [f64]) {
        let (outputs, fan_in) = (self.layer.outputs(), self.layer.fan_in());
        let own = &mut gradient[self.layer.weight_range()];
        let Some(window) = self.window else {
            let delta = MatRef::from_row_major_slice(delta, rows, outputs);
            let x = MatRef::from_row_major_slice(x, rows, fan_in);
            add_product(MatMut::from_row_major_slice_mut(own, outputs, fan_in), delta.transpose(), x);
            return;
        };
        let mut columns = window.columns();
        for (x, delta) in window.images(x).zip(delta.chunks_exact(outputs * window.pixels())) {
            window.gather(x, &mut columns);
            let delta = MatRef::from_row_major_slice(delta, outputs, window.pixels());
            let own = MatMut::from_row_major_slice_mut(&mut *own, outputs, fan_in);
            add_product(own, delta, window.view(&columns).transpose());
        }
    }

    /// Adds δ, summed over rows and pixels, to the layer's biases within `gradient`.
    pub(super) fn bias_gradient(&self, delta: &[f64], gradient: &mut [f64]) {
        let own = &mut gradient[self.layer.bias_range()];
        for (place, units) in delta.chunks_exact(self.pixels()).enumerate() {
            own[place % self.layer.outputs()] += units.iter().sum::<f64>();
        }
    }

    /// Adds Wᵀ δ to `out` `[row, input]`.
    pub(super) fn backward(&self, parameters: &[f64], delta: &[f64], rows: usize, out: &mut [f64]) {
        let (weight, outputs) = (self.weight(parameters), self.layer.outputs());
        let Some(window) = self.window else {
            let delta = MatRef::from_row_major_slice(delta, rows, outputs);
            add_product(MatMut::from_row_major_slice_mut(out, rows, self.layer.fan_in()), delta, weight);
            return;
        };
        let mut columns = window.columns();
        let size = window.inputs * window.pixels();
        for (delta, out) in delta.chunks_exact(outputs * window.pixels()).zip(out.chunks_exact_mut(size)) {
            columns.fill(0.0);
            let delta = MatRef::from_row_major_slice(delta, outputs, window.pixels());
            let fan_in = self.layer.fan_in();
            let sums = MatMut::from_row_major_slice_mut(&mut columns, fan_in, window.pixels());
            add_product(sums, weight.transpose(), delta);
            window.scatter(&columns, out);
        }
    }

    /// Values of a row that share a bias.
    fn pixels(&self) -> usize {
        self.window.map_or(1, |window| window.pixels())
    }
}

impl Window {
    fn pixels(&self) -> usize {
        self.height * self.width
    }

    fn images<'x>(&self, x: &'x [f64]) -> std::slice::ChunksExact<'x, f64> {
        x.chunks_exact(self.inputs * self.pixels())
    }

    fn columns(&self) -> Vec<f64> {
        vec![0.0; self.inputs * self.kernel * self.kernel * self.pixels()]
    }

    fn view<'c>(&self, columns: &'c [f64]) -> MatRef<'c, f64> {
        MatRef::from_row_major_slice(columns, columns.len() / self.pixels(), self.pixels())
    }

    /// Calls `visit` with each place in the columns and the place in the image that it is taken from, those beyond the
    /// image's border left out.
    fn for_each(&self, mut visit: impl FnMut(usize, usize)) {
        let half = self.kernel / 2;
        let mut row = 0;
        for input in 0..self.inputs {
            for i in 0..self.kernel {
                for j in 0..self.kernel {
                    for y in half.saturating_sub(i)..self.height.min((self.height + half).saturating_sub(i)) {
                        for x in half.saturating_sub(j)..self.width.min((self.width + half).saturating_sub(j)) {
                            let from = (input * self.height + y + i - half) * self.width + x + j - half;
                            visit(row * self.pixels() + y * self.width + x, from);
                        }
                    }
                    row += 1;
                }
            }
        }
    }

    /// The columns of an image. What lies beyond its border is 0 there already.
    fn gather(&self, image: &[f64], columns: &mut [f64]) {
        self.for_each(|to, from| columns[to] = image[from]);
    }

    /// Adds columns to the image that they are of.
    fn scatter(&self, columns: &[f64], image: &mut [f64]) {
        self.for_each(|from, to| image[to] += columns[from]);
    }
}

fn add_product(out: MatMut<'_, f64>, left: MatRef<'_, f64>, right: MatRef<'_, f64>) {
    faer::linalg::matmul::matmul(out, Accum::Add, left, right, 1.0, Par::Seq);
}
