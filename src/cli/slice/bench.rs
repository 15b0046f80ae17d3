//! How long a frame takes: a random network, initialised as PyTorch does, on a plane through three random points.

use std::time::Instant;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::super::exit::{Exit, Failure};
use phasesweep::linear_regions::partition::{Dense, Limits, PiecewiseLinear, Plane, Window, partition};

/// Cuts ten outputs' worth of network, five seeds, and prints each one's regions and seconds.
pub(in crate::cli) fn bench(inputs: usize, width: usize, depth: usize, half_side: f64) -> Result<Exit, Failure> {
    let widths = [vec![inputs], vec![width; depth], vec![10]].concat();
    println!("{} network, half side {half_side}, {} threads", shape(&widths), rayon::current_num_threads());
    for seed in 0..5 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut draw =
            |count: usize, bound: f64| (0..count).map(|_| rng.random_range(-bound..bound)).collect::<Vec<_>>();
        let layers = widths.windows(2).map(|pair| {
            let bound = 1.0 / (pair[0] as f64).sqrt();
            Dense { weight: draw(pair[0] * pair[1], bound), bias: draw(pair[1], bound) }
        });
        let network = PiecewiseLinear::new(layers.collect(), 0.0).map_err(Failure::input)?;
        let [a, b, c] = [(); 3].map(|()| draw(inputs, 3f64.sqrt()));
        let plane = Plane::through([&a, &b, &c]).map_err(Failure::input)?;
        let window = Window::rectangle([0.0, 0.0], [half_side; 2]).map_err(Failure::input)?;
        let began = Instant::now();
        let cut = partition(&network, &plane, &window, Limits::regions(usize::MAX)).map_err(Failure::input)?;
        let cut_seconds = began.elapsed().as_secs_f64();
        let decision = cut.decision();
        let summary = cut.summary(&decision, &window);
        println!(
            "seed {seed}: {} regions cut in {cut_seconds:.3} s; with decision boundary and distances {:.3} s",
            summary.regions,
            began.elapsed().as_secs_f64()
        );
    }
    Ok(Exit::Complete)
}

fn shape(widths: &[usize]) -> String {
    widths.iter().map(usize::to_string).collect::<Vec<_>>().join("-")
}
