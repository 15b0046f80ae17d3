//! Poolings over a batch of images `[row, channel, height, width]`.

use phasesweep_networks::{Extent, Graph, Node, Op, Pool, Pooling};

use super::Real;

/// The windows of a pooling. Of equal values the first is the greatest.
#[derive(Debug, Clone, Copy)]
pub(in crate::observe) struct Windows {
    pool: Pool,
    height: usize,
    width: usize,
    down: usize,
    across: usize,
}

impl Windows {
    /// Those of a node; `None` if it is no pooling.
    pub(in crate::observe) fn of(graph: &Graph, node: &Node) -> Option<Windows> {
        match (node.op, graph.nodes()[node.inputs[0]].extent, node.extent) {
            (Op::Pool(pool), Extent::Image([_, height, width]), Extent::Image([_, down, across])) => {
                Some(Windows { pool, height, width, down, across })
            }
            _ => None,
        }
    }

    /// Calls `visit` with every pooled value's place and its window's first pixel, of so many values that are pooled.
    fn for_each(&self, values: usize, mut visit: impl FnMut(usize, usize)) {
        let [down, across] = self.pool.stride;
        let mut at = 0;
        for plane in (0..values).step_by((self.height * self.width).max(1)) {
            for row in 0..self.down {
                for column in 0..self.across {
                    visit(at, plane + row * down * self.width + column * across);
                    at += 1;
                }
            }
        }
    }

    /// The lines of a window from its first pixel on.
    fn lines<'v, T>(&self, values: &'v [T], corner: usize) -> impl Iterator<Item = (usize, &'v [T])> + use<'v, T> {
        let ([high, wide], width) = (self.pool.window, self.width);
        (0..high).map(move |line| (corner + line * width, &values[corner + line * width..][..wide]))
    }

    fn greatest<T: Real>(&self, values: &[T], corner: usize) -> usize {
        let mut best = corner;
        for (start, line) in self.lines(values, corner) {
            for (place, &value) in (start..).zip(line) {
                if value > values[best] {
                    best = place;
                }
            }
        }
        best
    }

    /// One over the number of values of a window.
    fn share<T: Real>(&self) -> T {
        T::of(1.0 / (self.pool.window[0] * self.pool.window[1]) as f64)
    }

    /// What is taken of each window of `from`: its mean, or its value where the greatest of `values` is. The two are the
    /// same, or `from` is a derivative of the values.
    pub(in crate::observe) fn take<T: Real>(&self, values: &[T], from: &[T], out: &mut [T]) {
        match self.pool.kind {
            Pooling::Max => self.for_each(values.len(), |at, corner| out[at] = from[self.greatest(values, corner)]),
            Pooling::Mean => self.for_each(values.len(), |at, corner| {
                let line = |sum, (_, line): (usize, &[T])| line.iter().fold(sum, |sum, &x| sum + x);
                out[at] = self.lines(from, corner).fold(T::ZERO, line) * self.share();
            }),
        }
    }

    /// Adds gradients at what was taken to those at the values.
    pub(in crate::observe) fn give<T: Real>(&self, values: &[T], delta: &[T], below: &mut [T]) {
        let [high, wide] = self.pool.window;
        match self.pool.kind {
            Pooling::Max => {
                self.for_each(values.len(), |at, corner| below[self.greatest(values, corner)] += delta[at]);
            }
            Pooling::Mean => self.for_each(values.len(), |at, corner| {
                let own = delta[at] * self.share();
                for line in 0..high {
                    below[corner + line * self.width..][..wide].iter_mut().for_each(|sum| *sum += own);
                }
            }),
        }
    }
}
