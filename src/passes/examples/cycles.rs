//! Cycles a sample of the passes through a depthwise separable residual network on 28×28 images: forwards alone, and
//! forwards and back with the gradient. The least of many tiles, in ticks of the processor's time stamp counter.
//!
//! `cargo run --release -p phasesweep-passes --example cycles`

use phasesweep_networks::{Activation, ArchitectureKind, Count, Element, Graph, Layers, PoolKind, Ports, Word};
use phasesweep_passes::{Passes, Real, Room, Weights, fast};

/// 16 layers without biases after the manner of MNAS (Paccolat et al. 2021, §2 of the reference): a convolution by 3 of
/// stride 2, seven depthwise separable ones, of which four are residual, the mean over pixels, and the output.
fn network(width: usize) -> Graph {
    let pointwise = |channels: usize| Element::Convolution {
        conv: Count::Of(channels),
        kernel: 1,
        stride: 1,
        padding: 0,
        groups: 1,
        bias: false,
    };
    let swish = || Element::Word(Word::Apply(Activation::Swish));
    let separable = |channels: usize, stride: usize| {
        vec![
            Element::Depthwise { depthwise: 3, stride, padding: 1, bias: false },
            swish(),
            pointwise(channels),
            swish(),
        ]
    };
    let residual = |channels: usize| Element::Residual { residual: separable(channels, 1), shortcut: vec![] };
    let first =
        Element::Convolution { conv: Count::Of(width), kernel: 3, stride: 2, padding: 1, groups: 1, bias: false };
    let mut layers = vec![first, swish(), residual(width), residual(width)];
    layers.extend(separable(2 * width, 2));
    layers.extend([residual(2 * width), residual(2 * width)]);
    layers.extend(separable(4 * width, 2));
    layers.extend(separable(4 * width, 1));
    layers.push(Element::PoolAll { pool_all: PoolKind::Mean });
    layers.push(Element::Dense { dense: Count::Classes, bias: false });
    let ports = Ports { inputs: 784, image: Some([1, 28, 28]), classes: 1 };
    let kind = ArchitectureKind::Layers(Layers { layers });
    match kind.graph(ports, Activation::Swish) {
        Ok(graph) => graph,
        Err(misfit) => unreachable!("the network fits its images: {misfit}"),
    }
}

fn ticks() -> u64 {
    #[cfg(target_arch = "x86_64")]
    {
        // SAFETY: every x86-64 processor has the instruction.
        #[allow(unsafe_code)]
        unsafe {
            std::arch::x86_64::_rdtsc()
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    {
        std::time::Instant::now().elapsed().as_nanos() as u64
    }
}

fn measure<T: Real>(name: &str, graph: &Graph) {
    let passes = match Passes::new(graph.clone()) {
        Ok(passes) => passes,
        Err(refused) => return println!("{refused}"),
    };
    let number = |k: usize| T::of(((k * 7919) % 1000) as f64 / 1000.0 - 0.5);
    let parameters: Vec<T> = (0..graph.parameters()).map(|k| number(k) * T::of(0.6)).collect();
    let (tile, fast) = (Passes::tile::<T>(), fast());
    let rows: Vec<T> = (0..tile * passes.inputs()).map(number).collect();
    let (mut weights, mut room) = (Weights::default(), Room::default());
    passes.load(&parameters, &mut weights);
    let (mut out, mut gradient) = (vec![T::default(); tile], vec![T::default(); parameters.len()]);
    let (mut forwards, mut both) = (u64::MAX, u64::MAX);
    for _ in 0..2000 {
        let start = ticks();
        passes.outputs(&weights, fast, &rows, &mut out, &mut room);
        let middle = ticks();
        passes.gradient(&weights, fast, &rows, |_, _| T::of(0.01), &mut gradient, &mut room);
        forwards = forwards.min(middle - start);
        both = both.min(ticks() - middle);
    }
    let each = |ticks: u64| ticks as f64 / tile as f64 / 1000.0;
    println!(
        "{name}: {} parameters, {} products a sample; forwards {:.1}, forwards and back {:.1} thousand ticks a sample",
        graph.parameters(),
        passes.products(),
        each(forwards),
        each(both)
    );
}

fn main() {
    let graph = network(10);
    measure::<f32>("single precision", &graph);
    measure::<f64>("double precision", &graph);
}
