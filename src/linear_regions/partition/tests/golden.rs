//! The partitions of perceptrons are recorded bit by bit: vertices, patterns, outputs and summaries stay what they were.

use super::*;

/// A digest of all that a partition and its summary hold.
fn digest(widths: &[usize], slope: f64, seed: u64, half: f64) -> (Vec<usize>, [usize; 3], String) {
    let network = random(widths, slope, seed);
    let (plane, window) = (plane(widths[0], 50 + seed), square(half));
    let cut = partition(&network, &plane, &window, Limits::regions(1_000_000)).unwrap();
    let mut hasher = blake3::Hasher::new();
    let mut number = |x: f64| {
        hasher.update(&x.to_bits().to_le_bytes());
    };
    for region in 0..cut.regions() {
        cut.polygon(region).into_iter().flatten().for_each(&mut number);
        cut.pattern(region).iter().for_each(|word| number(f64::from_bits(*word)));
    }
    for edge in cut.edges() {
        edge.ends.into_iter().flatten().for_each(&mut number);
        let Origin::Neuron { layer, neuron } = edge.origin else { panic!("the window's border is no edge") };
        number(f64::from(layer));
        number(f64::from(neuron));
    }
    (0..cut.vertices()).for_each(|vertex| cut.outputs(vertex).iter().copied().for_each(&mut number));
    let decision = cut.decision();
    let summary = cut.summary(&decision, &window);
    let lists = [&summary.areas[..], &summary.classes, &summary.nearness.borders, &summary.nearness.even];
    lists.into_iter().flatten().copied().for_each(&mut number);
    number(summary.border);
    number(summary.boundary);
    (cut.growth().to_vec(), cut.euler(), hasher.finalize().to_hex()[..16].to_owned())
}

#[test]
fn perceptrons_are_cut_as_they_were() {
    let cases = [
        (vec![20, 24, 24, 10], 0.0, 1, 2.0),
        (vec![12, 70, 65, 4], 0.0, 2, 1.5),
        (vec![8, 30, 30, 1], 0.01, 3, 3.0),
        (vec![6, 16, 16, 16, 16, 2], -0.5, 4, 2.0),
        (vec![5, 3], 0.0, 5, 1.0),
    ];
    let all: Vec<_> = cases.iter().map(|(widths, slope, seed, half)| digest(widths, *slope, *seed, *half)).collect();
    let told: Vec<String> =
        all.iter().map(|(growth, euler, digest)| format!("{growth:?} {euler:?} {digest}")).collect();
    assert_eq!(
        told,
        [
            "[142, 574] [620, 1193, 574] ca723f120f9b33ce",
            "[749, 3060] [3166, 6225, 3060] f55fe7d54967c534",
            "[368, 1706] [1772, 3477, 1706] eacddd0021380d73",
            "[81, 395, 763, 1305] [1379, 2683, 1305] 51d0973dc78874ba",
            "[1] [4, 4, 1] f111912577f0ca15",
        ]
    );
}
