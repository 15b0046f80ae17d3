//! The machine's limit, as the kernel could reach it: fused multiply-adds on registers alone.

use std::hint::black_box;
use std::time::{Duration, Instant};

use super::simd::{Isa, Lane, Task, dispatch};

/// Independent sums: more than two units of five cycles have in flight.
const SUMS: usize = 12;
/// Multiply-adds of each sum between two looks at the clock.
const ROUNDS: usize = 100_000;

/// Floating-point operations per second (two for each multiply-add) that so many threads reach together, with the
/// instructions that the kernel uses on this processor. Takes about `time`.
pub fn peak(threads: usize, time: Duration) -> f64 {
    let isa = Isa::detect();
    let one = move || {
        let started = Instant::now();
        let mut operations = 0.0;
        while started.elapsed() < time {
            dispatch(isa, 1, Spin);
            operations += (2 * SUMS * ROUNDS * isa.lanes()) as f64;
        }
        operations / started.elapsed().as_secs_f64()
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.max(1)).map(|_| scope.spawn(one)).collect();
        one() + others.into_iter().map(|other| other.join().unwrap_or(f64::NAN)).sum::<f64>()
    })
}

struct Spin;

impl Task for Spin {
    #[inline(always)]
    fn run<V: Lane, const MR: usize, const NV: usize, const R: usize>(self) {
        let (factor, term) = (V::splat(black_box(0.999)), V::splat(black_box(1e-3)));
        let mut sums = [V::splat(black_box(0.5)); SUMS];
        for _ in 0..ROUNDS {
            for sum in &mut sums {
                *sum = sum.fma(factor, term);
            }
        }
        let mut out = [0.0; 16];
        for sum in sums {
            sum.store(&mut out);
            black_box(&out);
        }
    }
}
