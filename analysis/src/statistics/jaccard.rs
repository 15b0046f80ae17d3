//! Overlap of two sets of samples given as bits (Jaccard 1901): |A ∩ B|/|A ∪ B|.

/// Sizes (|A ∩ B|, |A ∪ B|) of two bit sets over the same samples.
pub fn intersection_and_union(a: &[u64], b: &[u64]) -> (u32, u32) {
    a.iter().zip(b).fold((0, 0), |(both, either), (x, y)| (both + (x & y).count_ones(), either + (x | y).count_ones()))
}

/// Jaccard's index; NaN where both sets are empty.
pub fn index(a: &[u64], b: &[u64]) -> f64 {
    let (both, either) = intersection_and_union(a, b);
    if either == 0 { f64::NAN } else { f64::from(both) / f64::from(either) }
}

/// Jaccard's index of two sets whose sizes are known.
pub fn index_of_sizes(a: &[u64], b: &[u64], size_a: usize, size_b: usize) -> f64 {
    let both: u32 = a.iter().zip(b).map(|(x, y)| (x & y).count_ones()).sum();
    let either = size_a + size_b - both as usize;
    if either == 0 { f64::NAN } else { f64::from(both) / either as f64 }
}

/// Index that two independent random sets of these sizes among `samples` would have, to first order:
/// E|A ∩ B| = |A||B|/P over |A| + |B| − |A||B|/P.
pub fn by_chance(a: f64, b: f64, samples: f64) -> f64 {
    let both = a * b / samples;
    both / (a + b - both)
}
