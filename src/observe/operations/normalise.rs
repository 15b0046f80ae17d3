//! Normalisations over a batch: y = γ x̂ + β, x̂ = (x − m)/√(v + ε) of each row by itself.
//!
//! Of a batch normalisation x̂ = x: it is γ x + β here, what it is in evaluation, of parameters into which its running
//! averages were folded. Of a layer normalisation the mean m and the variance v move with the row. With s = 1/√(v + ε), means
//! over the row ⟨·⟩, and a dash for the derivative along a direction:
//!
//! - x̂' = s (x' − ⟨x'⟩ − x̂ ⟨x̂ x'⟩), s' = −s² ⟨x̂ x'⟩;
//! - with u = γ δ the gradient at x is s (u − ⟨u⟩ − x̂ ⟨u x̂⟩), and its derivative follows by the product rule.

use phasesweep_networks::{Extent, Layer, Node, Normalisation, Op};

use super::Real;

/// A normalisation. `parameters` are always those of the whole network, or a direction among them.
#[derive(Debug, Clone, Copy)]
pub(in crate::observe) struct Normaliser<'a> {
    layer: &'a Layer,
    over: Normalisation,
    /// Values of a row that share a γ and a β.
    pixels: usize,
}

impl<'a> Normaliser<'a> {
    /// That of a node; `None` if it is none.
    pub(in crate::observe) fn of(node: &'a Node) -> Option<Normaliser<'a>> {
        let Op::Normalise(over) = node.op else { return None };
        let pixels = match node.extent {
            Extent::Units(_) => 1,
            Extent::Image([_, height, width]) => height * width,
        };
        Some(Normaliser { layer: node.layer.as_ref()?, over, pixels })
    }

    /// Values of a row.
    fn size(&self) -> usize {
        self.layer.outputs() * self.pixels
    }

    fn gamma<'p, T>(&self, parameters: &'p [T]) -> &'p [T] {
        &parameters[self.layer.weight_range()]
    }

    fn beta<'p, T>(&self, parameters: &'p [T]) -> &'p [T] {
        &parameters[self.layer.bias_range()]
    }

    /// The mean and s of a row; 0 and 1 of a batch normalisation.
    fn moments<T: Real>(&self, row: &[T]) -> [T; 2] {
        match self.over {
            Normalisation::Batch => [T::ZERO, T::of(1.0)],
            Normalisation::Layer => {
                let mean = mean(row.iter().map(|&x| wide(x)));
                let variance = mean_of_squares(row, mean);
                [T::of(mean), T::of(1.0 / (variance + Normalisation::EPSILON).sqrt())]
            }
        }
    }

    /// x̂ of a row, and s.
    fn standard<T: Real>(&self, row: &[T]) -> (Vec<T>, T) {
        let [mean, scale] = self.moments(row);
        (row.iter().map(|&x| (x - mean) * scale).collect(), scale)
    }

    /// γ x̂ + β, of rows in place.
    pub(in crate::observe) fn forward<T: Real>(&self, parameters: &[T], rows: &mut [T]) {
        let affine = self.gamma(parameters).iter().zip(self.beta(parameters));
        for row in rows.chunks_exact_mut(self.size()) {
            let [mean, scale] = self.moments(row);
            for (units, (&gamma, &beta)) in row.chunks_exact_mut(self.pixels).zip(affine.clone()) {
                units.iter_mut().for_each(|x| *x = gamma * ((*x - mean) * scale) + beta);
            }
        }
    }

    /// γ x, of rows in place: the linear part of a batch normalisation.
    pub(in crate::observe) fn linear<T: Real>(&self, parameters: &[T], rows: &mut [T]) {
        for row in rows.chunks_exact_mut(self.size()) {
            for (units, &gamma) in row.chunks_exact_mut(self.pixels).zip(self.gamma(parameters)) {
                units.iter_mut().for_each(|x| *x *= gamma);
            }
        }
    }

    /// Adds the gradient at `x` `[row, value]` to `below`, from that at what comes out.
    pub(in crate::observe) fn backward<T: Real>(&self, parameters: &[T], x: &[T], delta: &[T], below: &mut [T]) {
        let rows = x.chunks_exact(self.size()).zip(delta.chunks_exact(self.size()));
        for ((x, delta), below) in rows.zip(below.chunks_exact_mut(self.size())) {
            let (standard, scale) = self.standard(x);
            let inner = self.times_gamma(parameters, delta);
            let [mean, along] = self.means(&inner, &standard);
            for ((sum, &u), &x) in below.iter_mut().zip(&inner).zip(&standard) {
                *sum += scale * (u - mean - along * x);
            }
        }
    }

    /// γ times a row.
    fn times_gamma<T: Real>(&self, parameters: &[T], row: &[T]) -> Vec<T> {
        let units = row.chunks_exact(self.pixels).zip(self.gamma(parameters));
        units.flat_map(|(units, &gamma)| units.iter().map(move |&d| gamma * d)).collect()
    }

    /// ⟨u⟩ and ⟨u x̂⟩, by which the moments move; 0 of a batch normalisation.
    fn means<T: Real>(&self, u: &[T], standard: &[T]) -> [T; 2] {
        match self.over {
            Normalisation::Batch => [T::ZERO; 2],
            Normalisation::Layer => {
                let along = mean(u.iter().zip(standard).map(|(&u, &x)| wide(u) * wide(x)));
                [T::of(mean(u.iter().map(|&u| wide(u)))), T::of(along)]
            }
        }
    }

    /// Adds the gradients at γ and β, summed over the rows, to them within `gradient`.
    pub(in crate::observe) fn gradient(&self, x: &[f64], delta: &[f64], gradient: &mut [f64]) {
        for (x, delta) in x.chunks_exact(self.size()).zip(delta.chunks_exact(self.size())) {
            self.row_gradient(&self.standard(x).0, delta, gradient);
        }
    }

    fn row_gradient(&self, standard: &[f64], delta: &[f64], gradient: &mut [f64]) {
        let units = standard.chunks_exact(self.pixels).zip(delta.chunks_exact(self.pixels));
        let (gammas, betas) = (self.layer.weight_range(), self.layer.bias_range());
        for ((gamma, beta), (x, delta)) in gammas.zip(betas).zip(units) {
            gradient[gamma] += x.iter().zip(delta).map(|(x, d)| x * d).sum::<f64>();
            gradient[beta] += delta.iter().sum::<f64>();
        }
    }

    /// The derivative of what comes out along a direction, where `x` moves by `tangent`.
    pub(in crate::observe) fn along(
        &self,
        parameters: &[f64],
        direction: &[f64],
        x: &[f64],
        tangent: &[f64],
    ) -> Vec<f64> {
        let mut out = Vec::with_capacity(x.len());
        for (x, tangent) in x.chunks_exact(self.size()).zip(tangent.chunks_exact(self.size())) {
            let (standard, scale) = self.standard(x);
            let moved = self.moved(&standard, scale, tangent);
            for (place, (x, moved)) in standard.iter().zip(&moved).enumerate() {
                let unit = place / self.pixels;
                let fixed = self.gamma(parameters)[unit] * moved;
                out.push(self.gamma(direction)[unit] * x + fixed + self.beta(direction)[unit]);
            }
        }
        out
    }

    /// x̂'.
    fn moved(&self, standard: &[f64], scale: f64, tangent: &[f64]) -> Vec<f64> {
        let [mean, along] = self.means(tangent, standard);
        tangent.iter().zip(standard).map(|(t, x)| scale * (t - mean - along * x)).collect()
    }

    /// The derivatives of [`Normaliser::gradient`], added to `product`, and of [`Normaliser::backward`], added to `below`,
    /// along a direction: `delta` is the gradient at what comes out, `own` its derivative.
    #[expect(clippy::too_many_arguments, reason = "two derivatives of a function of four arguments")]
    pub(in crate::observe) fn backward_along(
        &self,
        parameters: &[f64],
        direction: &[f64],
        x: &[f64],
        tangent: &[f64],
        delta: &[f64],
        own: &[f64],
        product: &mut [f64],
        below: &mut [f64],
    ) {
        let size = self.size();
        let rows = x.chunks_exact(size).zip(tangent.chunks_exact(size));
        let rows = rows.zip(delta.chunks_exact(size).zip(own.chunks_exact(size)));
        for (((x, tangent), (delta, own)), below) in rows.zip(below.chunks_exact_mut(size)) {
            let (standard, scale) = self.standard(x);
            let moved = self.moved(&standard, scale, tangent);
            self.row_gradient(&standard, own, product);
            // Of β there is nothing more: its gradient is δ.
            let units = moved.chunks_exact(self.pixels).zip(delta.chunks_exact(self.pixels));
            for (gamma, (moved, delta)) in self.layer.weight_range().zip(units) {
                product[gamma] += moved.iter().zip(delta).map(|(x, d)| x * d).sum::<f64>();
            }
            let inner = self.times_gamma(parameters, delta);
            let mut inner_moved = self.times_gamma(parameters, own);
            super::add(&mut inner_moved, &self.times_gamma(direction, delta));
            let [mean, along] = self.means(&inner, &standard);
            let [mean_moved, first] = self.means(&inner_moved, &standard);
            let second = self.means(&inner, &moved)[1];
            let scale_moved = -scale * scale * self.means(tangent, &standard)[1];
            for (place, sum) in below.iter_mut().enumerate() {
                let (x, moved) = (standard[place], moved[place]);
                let back = inner[place] - mean - along * x;
                let back_moved = inner_moved[place] - mean_moved - along * moved - (first + second) * x;
                *sum += scale_moved * back + scale * back_moved;
            }
        }
    }
}

fn wide<T: Real>(x: T) -> f64 {
    x.into()
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

fn mean_of_squares<T: Real>(row: &[T], centre: f64) -> f64 {
    mean(row.iter().map(|&x| (wide(x) - centre).powi(2)))
}
