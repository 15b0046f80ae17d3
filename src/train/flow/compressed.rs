//! The tangent kernel of the start on compressed samples: does the compression alone explain the kernel of the end?
//!
//! The uninformative coordinates of all samples, training and test, are divided by the λ that the flow had at a stage, and
//! the network's initial weights see those. The labels are untouched: they do not depend on these coordinates. What is
//! recorded is the kernel's likeness to that of the end on the samples as they are, beside that of the start's own, and what
//! the machines learn on it. Missing where the flow never came to the stage.

use super::frozen::machines;
use super::stage::View;
use super::tangent::Signals;
use crate::observables::{Record, flow, flow_kernels};
use crate::observe::spectrum;

/// Measures it, with `view` the end of a flow.
pub(super) fn measure(view: &View<'_>, record: &mut Record) {
    let observe = &view.flow.observe;
    let (Some(stage), Some(parallel)) = (observe.kernel_compressed, view.flow.parallel) else { return };
    let Some(place) = observe.stages.iter().position(|known| *known == stage) else { return };
    let by = record.number(&flow::STAGE_COMPRESSION, place);
    if !(by.is_finite() && by > 0.0) {
        return;
    }
    record.set(&flow_kernels::COMPRESSED_BY, 0, &[by]);
    let (inputs, x) = (view.problem.block.inputs(), view.inputs());
    let compress = |x: &[f32]| compressed(x, inputs, parallel, by);
    let on_start = |x: &[f32]| Signals::of(view.network, view.start, x);
    let (points, labels) = (view.points(), view.kept.iter().map(|&sample| view.labels[sample]).collect::<Vec<f64>>());
    let of_compressed = on_start(&compress(&x));
    let gram = |signals: &Signals| {
        let head = signals.head(points);
        view.kernel(&head, &head)
    };
    let head = &x[..points * inputs];
    let of_end = Signals::of(view.network, view.parameters, head);
    let (end, own, start) = (gram(&of_end), gram(&of_compressed), gram(&on_start(head)));
    record.set(&flow_kernels::COMPRESSED_KERNEL_ALIGNMENT, 0, &[spectrum::alignment(&own, &labels[..points])]);
    record.set(&flow_kernels::COMPRESSED_KERNEL_LIKENESS, 0, &[likeness(&own, &end)]);
    record.set(&flow_kernels::START_KERNEL_LIKENESS, 0, &[likeness(&start, &end)]);
    drop((end, own, start));

    let tests = view.tests();
    if tests == 0 {
        return;
    }
    let whole = view.kernel(&of_compressed, &of_compressed);
    let of_test = || {
        let of_test = on_start(&compress(&view.problem.block.test.x[..tests * inputs]));
        view.kernel(&of_compressed, &of_test)
    };
    let machines = machines(&view.lesson(&labels), whole, of_test);
    record.set(&flow_kernels::COMPRESSED_KERNEL_TEST_ERROR, 0, &[machines.test_error]);
    record.set(&flow_kernels::COMPRESSED_KERNEL_VIOLATION, 0, &[machines.violation]);
    if let Some(flow) = machines.flow {
        record.set(&flow_kernels::COMPRESSED_KERNEL_FLOW_TEST_ERROR, 0, &[flow.test_error]);
        record.set(&flow_kernels::COMPRESSED_KERNEL_FLOW_UNFITTED, 0, &[flow.unfitted]);
        record.set(&flow_kernels::COMPRESSED_KERNEL_FLOW_STOP, 0, &[flow.code()]);
    }
}

/// Samples `[sample, input]` with all but the first `parallel` inputs divided by `by`.
fn compressed(x: &[f32], inputs: usize, parallel: usize, by: f64) -> Vec<f32> {
    let mut x = x.to_vec();
    for row in x.chunks_exact_mut(inputs.max(1)) {
        row.iter_mut().skip(parallel).for_each(|value| *value = (f64::from(*value) / by) as f32);
    }
    x
}

/// Σ a b/(‖a‖ ‖b‖): the cosine between two matrices.
fn likeness(a: &[f64], b: &[f64]) -> f64 {
    let along: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    along / (spectrum::frobenius(a) * spectrum::frobenius(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_carries_nothing_is_divided_and_the_rest_is_left() {
        let x = [1.0, 2.0, 3.0, -4.0, 5.0, 6.0];
        assert_eq!(compressed(&x, 3, 1, 2.0), [1.0, 1.0, 1.5, -4.0, 2.5, 3.0]);
        assert_eq!(compressed(&x, 3, 2, 2.0), [1.0, 2.0, 1.5, -4.0, 5.0, 3.0]);
        assert_eq!(likeness(&[1.0, 2.0, 2.0, 0.0], &[2.0, 4.0, 4.0, 0.0]), 1.0);
        assert_eq!(likeness(&[1.0, 0.0], &[0.0, 3.0]), 0.0);
    }
}
