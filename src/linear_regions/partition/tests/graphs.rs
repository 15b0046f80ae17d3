//! Partitions of graphs: residual networks, convolutions, pooling by maximum and by mean, normalisation, held against
//! `phasesweep_networks::reference` at points and against closed forms.

use std::collections::{HashMap, HashSet};

use phasesweep_networks::{
    Activation, ArchitectureKind, Cnn, Count, Element, Graph, Layers, Normalisation, Number, Op, PoolKind, Pooling,
    Ports, ResidualMlp, Word, reference,
};

use super::*;

/// Signs of an activation's units, or winners of a maximum's windows.
type States = Vec<Vec<usize>>;

/// A network, its parameters, and the plane and window on which it is cut.
struct Case {
    graph: Graph,
    parameters: Vec<f64>,
    plane: Plane,
    half: f64,
    cut: Partition,
}

/// Parameters uniform in ±√(6/fan_in) (so that signals keep their size), biases in ±0.5.
fn parameters(graph: &Graph, seed: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut all = Vec::new();
    for (_, layer) in graph.layers() {
        let bound = (6.0 / layer.fan_in() as f64).sqrt();
        all.extend((0..layer.weights()).map(|_| rng.random_range(-bound..bound)));
        all.extend((0..layer.biases()).map(|_| rng.random_range(-0.5..0.5)));
    }
    all
}

impl Case {
    fn new(kind: &ArchitectureKind, ports: Ports, activation: Activation, half: f64, seed: u64) -> Case {
        let graph = kind.graph(ports, activation).unwrap();
        let parameters = parameters(&graph, seed);
        Case::of(graph, parameters, half, seed)
    }

    fn of(graph: Graph, parameters: Vec<f64>, half: f64, seed: u64) -> Case {
        let network = PiecewiseLinear::from_graph(&graph, &parameters).unwrap();
        let plane = plane(network.inputs(), 1000 + seed);
        let cut = partition(&network, &plane, &square(half), Limits::regions(500_000)).unwrap();
        Case { graph, parameters, plane, half, cut }
    }

    fn values(&self, point: Point) -> Vec<Vec<f64>> {
        reference::forward(&self.graph, &self.parameters, &self.plane.at(point))
    }

    /// Signs and winners at a point by the definition, and whether it lies so near a border that rounding decides.
    fn states(&self, point: Point) -> (States, bool) {
        let values = self.values(point);
        let (mut states, mut unclear) = (Vec::new(), false);
        for node in self.graph.nodes() {
            let Some(&from) = node.inputs.first() else { continue };
            let (of, input) = (&values[from], self.graph.nodes()[from].extent);
            match node.op {
                Op::Activation(Activation::Relu | Activation::LeakyRelu) => {
                    states.push(of.iter().map(|&z| usize::from(z > 0.0)).collect());
                    // What is zero is so on a whole region, but for a chance of none.
                    unclear |= of.iter().any(|&z| z != 0.0 && z.abs() < 1e-10);
                }
                Op::Pool(pool) if pool.kind == Pooling::Max && pool.window != [1, 1] => {
                    let [
                        phasesweep_networks::Extent::Image([_, height, width]),
                        phasesweep_networks::Extent::Image([channels, down, across]),
                    ] = [input, node.extent]
                    else {
                        panic!("a pooling is of images")
                    };
                    let mut winners = Vec::new();
                    for window in 0..channels * down * across {
                        let (channel, row, column) =
                            (window / (down * across), window / across % down, window % across);
                        let mut inside: Vec<f64> = Vec::new();
                        for i in 0..pool.window[0] {
                            for j in 0..pool.window[1] {
                                let (y, x) = (row * pool.stride[0] + i, column * pool.stride[1] + j);
                                inside.push(of[(channel * height + y) * width + x]);
                            }
                        }
                        let most = inside.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                        winners.push(inside.iter().position(|&x| x == most).unwrap());
                        unclear |= inside.iter().any(|&x| x != most && most - x < 1e-10);
                    }
                    states.push(winners);
                }
                _ => {}
            }
        }
        (states, unclear)
    }

    fn states_of(&self, region: usize) -> States {
        let each = self.cut.nonlinearities().iter().enumerate();
        each.map(|(layer, nonlinearity)| match *nonlinearity {
            Nonlinearity::Signs { units } => {
                (0..units).map(|unit| usize::from(self.cut.is_active(region, layer, unit))).collect()
            }
            Nonlinearity::Winners { windows, .. } => {
                (0..windows).map(|window| self.cut.winner(region, layer, window)).collect()
            }
        })
        .collect()
    }

    /// A tiling, of regions that differ where they border.
    fn check_tiling(&self) {
        let (sum, whole) = (total_area(&self.cut), 4.0 * self.half * self.half);
        assert!((sum - whole).abs() < 1e-9 * whole, "areas add up to {sum} of {whole}");
        assert!((0..self.cut.regions()).all(|region| self.cut.area(region) > -1e-15 * whole), "turned inside out");
        let [v, e, f] = self.cut.euler();
        assert_eq!(v + f, e + 1, "V = {v}, E = {e}, F = {f}");
        for edge in self.cut.edges() {
            let [a, b] = edge.regions;
            match edge.origin {
                Origin::Border => panic!("a border of the window inside: {edge:?}"),
                Origin::Neuron { layer, neuron } => {
                    let on = [a, b].map(|region| self.cut.is_active(region, layer as usize, neuron as usize));
                    assert_ne!(on[0], on[1], "{edge:?}");
                }
                Origin::Winner { layer, window } => {
                    let [a, b] = [a, b].map(|region| self.cut.winner(region, layer as usize, window as usize));
                    assert_ne!(a, b, "{edge:?}");
                }
            }
        }
        let distinct: HashSet<&[u64]> = (0..self.cut.regions()).map(|region| self.cut.pattern(region)).collect();
        assert_eq!(distinct.len(), self.cut.regions(), "a convex region has its pattern for itself");
    }

    /// At random convex combinations of a region's corners the outputs are the same combination of those at the corners:
    /// of `regions` of them, evenly along the list.
    fn check_affine(&self, regions: usize) {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let outputs = |point: Point| self.values(point).pop().unwrap();
        for region in (0..self.cut.regions()).step_by(self.cut.regions().div_ceil(regions)) {
            let corners = self.cut.polygon(region);
            let at_corners: Vec<Vec<f64>> = corners.iter().map(|&corner| outputs(corner)).collect();
            for _ in 0..3 {
                let weights: Vec<f64> = corners.iter().map(|_| -rng.random_range(1e-9..1.0f64).ln()).collect();
                let total: f64 = weights.iter().sum();
                let mix =
                    |of: &dyn Fn(usize) -> f64| (0..corners.len()).map(|i| weights[i] / total * of(i)).sum::<f64>();
                let point = [mix(&|i| corners[i][0]), mix(&|i| corners[i][1])];
                for (class, output) in outputs(point).into_iter().enumerate() {
                    let affine = mix(&|i| at_corners[i][class]);
                    assert!((output - affine).abs() < 1e-6 * (1.0 + output.abs()), "{output} is not {affine}");
                }
            }
        }
    }

    /// The pattern of every random point is that of the region that it lies in.
    fn check_points(&self, points: usize) {
        let regions: HashMap<States, usize> =
            (0..self.cut.regions()).map(|region| (self.states_of(region), region)).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let mut unclear = 0;
        for _ in 0..points {
            let point = [0, 1].map(|_| rng.random_range(-self.half..self.half));
            let (states, near) = self.states(point);
            if near {
                unclear += 1;
                continue;
            }
            let Some(&region) = regions.get(&states) else { panic!("the region of {point:?} was lost") };
            let corners = self.cut.polygon(region);
            let next = corners.iter().cycle().skip(1);
            let side = |(a, b): (&Point, &Point)| (b[0] - a[0]) * (point[1] - a[1]) - (b[1] - a[1]) * (point[0] - a[0]);
            // A point on the border is on either side of it by rounding of coordinates of the window's size.
            let inside = corners.iter().zip(next).map(side).all(|side| side > -1e-9 * self.half * self.half);
            assert!(inside, "{point:?} is not in its region {region}");
        }
        // Of the area, what is nearer to a border than 1e-10 is far less than this.
        assert!(unclear * 1000 <= points, "{unclear} of {points} points lie on borders");
    }

    /// What is met on a grid is fewer regions than there are, or as many.
    fn check_grid(&self, side: usize) -> usize {
        let place = |k: usize| self.half * (2.0 * (k as f64 + 0.5) / side as f64 - 1.0);
        let met: HashSet<States> =
            (0..side * side).map(|k| self.states([place(k % side), place(k / side)]).0).collect();
        assert!(met.len() <= self.cut.regions(), "{} regions are met, of {}", met.len(), self.cut.regions());
        met.len()
    }

    fn check(&self, most_met: f64) {
        self.check_tiling();
        self.check_affine(1000);
        self.check_points(10_000);
        let met = self.check_grid(100);
        println!("{} regions, layer by layer {:?}; a grid meets {met}", self.cut.regions(), self.cut.growth());
        assert!(met as f64 > most_met * self.cut.regions() as f64, "a grid meets {met} of {}", self.cut.regions());
    }
}

fn word(activation: Activation) -> Element {
    Element::Word(Word::Apply(activation))
}

fn conv(channels: usize, kernel: usize, stride: usize, padding: usize, groups: usize) -> Element {
    Element::Convolution { conv: Count::Of(channels), kernel, stride, padding, groups, bias: true }
}

fn residual(residual: Vec<Element>) -> Element {
    Element::Residual { residual, shortcut: Vec::new() }
}

fn output() -> Element {
    Element::Dense { dense: Count::Classes, bias: true }
}

fn layers(layers: Vec<Element>) -> ArchitectureKind {
    ArchitectureKind::Layers(Layers { layers })
}

fn image(channels: usize, side: usize) -> Ports {
    Ports { inputs: channels * side * side, image: Some([channels, side, side]), classes: 3 }
}

#[test]
fn a_residual_perceptron_is_cut_exactly() {
    let kind = ArchitectureKind::ResidualMlp(ResidualMlp { width: 12, blocks: 3 });
    let ports = Ports { inputs: 6, image: None, classes: 3 };
    let case = Case::new(&kind, ports, Activation::Relu, 2.0, 1);
    case.check(0.5);
    // Something bends behind the last block.
    assert_eq!((case.cut.growth().len(), case.cut.nonlinearities().len()), (3, 4));
    assert!(case.cut.growth()[2] < case.cut.regions());
}

#[test]
fn a_residual_network_of_convolutions_is_cut_exactly() {
    let relu = || word(Activation::Relu);
    let kind = layers(vec![
        conv(3, 3, 1, 1, 1),
        relu(),
        residual(vec![conv(3, 3, 1, 1, 1), relu(), conv(3, 3, 1, 1, 1)]),
        relu(),
        residual(vec![conv(4, 3, 2, 1, 1), relu(), conv(4, 3, 1, 1, 1)]),
        relu(),
        Element::PoolAll { pool_all: PoolKind::Mean },
        output(),
    ]);
    Case::new(&kind, image(1, 5), Activation::Relu, 1.0, 2).check(0.2);
}

#[test]
fn a_convolutional_network_with_max_pooling_is_cut_exactly() {
    let kind = ArchitectureKind::Cnn(Cnn { channels: vec![3, 4], kernel: 3, pool: 2, hidden: vec![8] });
    let case = Case::new(&kind, image(1, 8), Activation::Relu, 1.0, 3);
    case.check(0.2);
    let kinds: Vec<bool> =
        case.cut.nonlinearities().iter().map(|one| matches!(one, Nonlinearity::Winners { .. })).collect();
    assert_eq!(kinds, [false, true, false, true, false]);
    assert_eq!(case.cut.growth().len(), 3);
    assert_eq!(case.cut.growth().last(), Some(&case.cut.regions()));
}

#[test]
fn overlapping_pooling_leaks_groups_strides_and_scales_are_cut_exactly() {
    let max = |side, stride| Element::Pool { pool: PoolKind::Max, side, stride };
    let kind = layers(vec![
        conv(4, 3, 1, 1, 2),
        max(3, 2),
        word(Activation::LeakyRelu),
        Element::Scale { scale: Number(-1.5) },
        Element::Depthwise { depthwise: 2, stride: 1, padding: 1, bias: false },
        max(2, 1),
        word(Activation::Identity),
        Element::Pool { pool: PoolKind::Mean, side: 2, stride: 1 },
        Element::Dense { dense: Count::Of(6), bias: false },
        word(Activation::LeakyRelu),
        output(),
    ]);
    let case = Case::new(&kind, image(2, 6), Activation::Tanh, 1.5, 4);
    case.check(0.2);
    assert!(matches!(case.cut.nonlinearities()[0], Nonlinearity::Winners { windows: 16, of: 9 }));
}

#[test]
fn batch_normalisation_is_cut_as_it_evaluates() {
    let normalise = || Element::Normalise { normalise: Normalisation::Batch };
    let relu = || word(Activation::Relu);
    let kind = layers(vec![
        Element::Convolution { conv: Count::Of(3), kernel: 3, stride: 1, padding: 1, groups: 1, bias: false },
        normalise(),
        relu(),
        residual(vec![conv(3, 3, 1, 1, 1), normalise(), relu()]),
        Element::Pool { pool: PoolKind::Max, side: 2, stride: 2 },
        Element::Dense { dense: Count::Of(5), bias: true },
        normalise(),
        relu(),
        output(),
    ]);
    let graph = kind.graph(image(1, 5), Activation::Relu).unwrap();
    let own: Vec<f32> = parameters(&graph, 5).into_iter().map(|x| x as f32).collect();
    // Means around 0.3, variances around 2.
    let averages: Vec<f32> = (0..graph.averaged())
        .map(|at| if graph.averages().any(|own| own.variances.contains(&at)) { 2.0 } else { 0.3 } + 0.01 * at as f32)
        .collect();
    let folded: Vec<f64> = graph.evaluated(&own, &averages).iter().map(|&x| f64::from(x)).collect();
    Case::of(graph, folded, 2.0, 5).check(0.3);
}

#[test]
fn the_greatest_of_planes_is_their_upper_envelope() {
    // Eight planes (u cos θ + v sin θ)/2 around a floor of height c: the floor is the greatest inside an octagon whose
    // inradius is 2c, each plane in a sector outside it. All nine meet nowhere, but without the floor eight meet in a point.
    let c = 0.3;
    let angles: Vec<f64> = (0..8).map(|k| f64::from(45 * k).to_radians()).collect();
    let corners = (0..8).map(|k| (f64::from(k) * 45.0 + 22.5).to_radians()).map(|a| [2.0 * a.cos(), 2.0 * a.sin()]);
    let window = Window::polygon(corners.collect()).unwrap();
    let kind = layers(vec![Element::PoolAll { pool_all: PoolKind::Max }, output()]);
    let ports = Ports { inputs: 9, image: Some([1, 3, 3]), classes: 1 };
    let graph = kind.graph(ports, Activation::Relu).unwrap();
    let network = PiecewiseLinear::from_graph(&graph, &[1.0, 0.0]).unwrap();
    for floor in [0, 4, 8] {
        let with = |value: f64, others: &dyn Fn(f64) -> f64| {
            let mut all: Vec<f64> = angles.iter().map(|&angle| others(angle)).collect();
            all.insert(floor, value);
            all
        };
        let plane = Plane::along(with(c, &|_| 0.0), &with(0.0, &f64::cos), &with(0.0, &f64::sin)).unwrap();
        let cut = partition(&network, &plane, &window, Limits::regions(1000)).unwrap();
        assert_eq!(cut.regions(), 9, "the floor is pixel {floor}");
        let area = |region: usize| cut.area(region);
        let octagon = 8.0 * (2.0 * c).powi(2) * (std::f64::consts::PI / 8.0).tan();
        let sector = (window.area() - octagon) / 8.0;
        for region in 0..9 {
            let expected = if cut.winner(region, 0, 0) == floor { octagon } else { sector };
            assert!((area(region) - expected).abs() < 1e-12, "{} is not {expected}", area(region));
        }
        // Corners: eight of the window and eight of the octagon, and nothing left of the borders that were taken away.
        let [v, e, f] = cut.euler();
        assert_eq!([v, e, f], [16, 24, 9]);
    }
    // Without the floor all eight meet in a point.
    let ports = Ports { inputs: 8, image: Some([1, 2, 4]), classes: 1 };
    let network = PiecewiseLinear::from_graph(&kind.graph(ports, Activation::Relu).unwrap(), &[1.0, 0.0]).unwrap();
    let along = |of: &dyn Fn(f64) -> f64| angles.iter().map(|&angle| of(angle)).collect::<Vec<f64>>();
    let plane = Plane::along(vec![0.0; 8], &along(&f64::cos), &along(&f64::sin)).unwrap();
    let cut = partition(&network, &plane, &window, Limits::regions(1000)).unwrap();
    assert_eq!(cut.euler(), [9, 16, 8]);
}

#[test]
fn what_is_affine_nowhere_and_what_is_too_large_is_refused_by_name() {
    let points = Ports { inputs: 4, image: None, classes: 2 };
    let refused = |kind: &ArchitectureKind, activation| {
        let graph = kind.graph(points, activation).unwrap();
        let parameters = parameters(&graph, 1);
        PiecewiseLinear::from_graph(&graph, &parameters).unwrap_err().to_string()
    };
    let residual = ArchitectureKind::ResidualMlp(ResidualMlp { width: 3, blocks: 1 });
    for activation in Activation::ALL.into_iter().filter(|activation| !activation.is_piecewise_affine()) {
        let told = refused(&residual, activation);
        assert!(told.contains(activation.name()) && told.contains("bends everywhere"), "{told}");
    }
    let normalised = layers(vec![Element::Normalise { normalise: Normalisation::Layer }, output()]);
    assert!(refused(&normalised, Activation::Relu).contains("layer normalisation"));
    let graph = residual.graph(points, Activation::Relu).unwrap();
    let mut own = parameters(&graph, 1);
    assert!(PiecewiseLinear::from_graph(&graph, &own[1..]).unwrap_err().to_string().contains("parameters"));
    own[3] = f64::NAN;
    assert!(PiecewiseLinear::from_graph(&graph, &own).unwrap_err().to_string().contains("`input` holds"));

    let kind = ArchitectureKind::Cnn(Cnn { channels: vec![4], kernel: 3, pool: 2, hidden: vec![] });
    let graph = kind.graph(image(1, 8), Activation::Relu).unwrap();
    let network = PiecewiseLinear::from_graph(&graph, &parameters(&graph, 2)).unwrap();
    let cut = |limits| partition(&network, &plane(64, 2), &square(1.0), limits).unwrap_err();
    let bytes = 300_000;
    let error = cut(Limits { regions: 1_000_000, bytes });
    // 256 units at every corner of what is cut.
    assert!(
        matches!(error, PartitionError::TooLarge { most, layer: 1, numbers: 256, regions } if most == bytes && regions > 1),
        "{error:?}"
    );
    assert!(error.to_string().contains("256 numbers") && error.to_string().contains("smaller window"), "{error}");
    assert_eq!(cut(Limits::regions(50)), PartitionError::TooMany { most: 50, layer: 1 });
}

/// An element of a random network of images.
fn element() -> impl Strategy<Value = Element> {
    let relus = || prop_oneof![Just(Activation::Relu), Just(Activation::LeakyRelu), Just(Activation::Identity)];
    prop_oneof![
        3 => (1..4usize, 1..4usize, 1..3usize, 0..2usize).prop_map(|(channels, kernel, stride, padding)| {
            conv(channels, kernel, stride, padding.min(kernel - 1), 1)
        }),
        1 => (1..3usize, 0..2usize).prop_map(|(depthwise, padding)| {
            Element::Depthwise { depthwise, stride: 1, padding: padding.min(depthwise - 1), bias: true }
        }),
        3 => relus().prop_map(word),
        2 => (1..4usize, 1..3usize).prop_map(|(side, stride)| Element::Pool { pool: PoolKind::Max, side, stride }),
        1 => (1..3usize, 1..3usize).prop_map(|(side, stride)| Element::Pool { pool: PoolKind::Mean, side, stride }),
        1 => Just(Element::Normalise { normalise: Normalisation::Batch }),
        1 => (-2.0..2.0f64).prop_map(|factor| Element::Scale { scale: Number(factor) }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn any_small_graph_is_tiled(
        before in prop::collection::vec(element(), 0..3),
        branch in prop::collection::vec(element(), 1..4),
        after in prop::collection::vec(element(), 0..3),
        seed: u64,
        half in 0.1..2.0f64,
    ) {
        let all = [before, vec![residual(branch)], after, vec![output()]].concat();
        let seed = seed >> 1;
        // Not every list fits the images; those that do not are no case.
        if let Ok(graph) = layers(all).graph(Ports { inputs: 32, image: Some([2, 4, 4]), classes: 2 }, Activation::Relu) {
            let parameters = parameters(&graph, seed);
            let case = Case::of(graph, parameters, half, seed);
            case.check_tiling();
            case.check_affine(50);
            case.check_points(200);
            case.check_grid(12);
        }
    }
}
