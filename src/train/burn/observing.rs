//! Networks of replicas on a device, for observables that are measured where training is: [`DeviceNetworks`] by the passes of
//! this folder.
//!
//! Invariant: replicas never mix, and every product is one for each replica, so that what is measured of a replica does not
//! depend on who is measured beside it as far as the backend's products and convolutions keep to that.

use std::sync::OnceLock;

use ::burn::tensor::{Device, Tensor};
use phasesweep_networks::Graph;

use super::derivatives::Derivatives;
use super::input::Input;
use super::network::{self, Mode, Pass, Value};
use super::parameters::Parameters;
use super::transfer;
use crate::device::{Doubles, largest_tensor, longest_sum};
use crate::observe::device::{
    DeviceDerivatives, DeviceFailure, DeviceNetworks, DevicePass, ObservingDevice, Points, TrainingLosses,
};

/// Numbers of a node's values at once, where the device takes tensors as large: 256 MiB, enough to keep a GPU at work.
const MOST_NUMBERS: usize = 1 << 26;

/// Measures on a burn device.
#[derive(Debug)]
pub struct BurnObserving {
    device: Device,
    /// Asked of it once it matters.
    doubles: OnceLock<Doubles>,
    most_numbers: usize,
}

impl BurnObserving {
    /// On this device.
    pub fn new(device: Device) -> BurnObserving {
        let largest = largest_tensor(&device).and_then(|bytes| usize::try_from(bytes / 4).ok());
        // Sums over the points of a block are within the longest one then.
        let most_numbers = largest.unwrap_or(usize::MAX).min(longest_sum(&device)).min(MOST_NUMBERS);
        BurnObserving { device, doubles: OnceLock::new(), most_numbers }
    }

    /// With so many numbers of a node's values at once.
    #[cfg(test)]
    pub(super) fn in_blocks_of(self, most_numbers: usize) -> BurnObserving {
        BurnObserving { most_numbers, ..self }
    }
}

impl ObservingDevice for BurnObserving {
    fn device(&self) -> &Device {
        &self.device
    }

    fn doubles(&self) -> Doubles {
        *self.doubles.get_or_init(|| Doubles::of(&self.device))
    }

    fn networks<'g>(&self, graph: &'g Graph, parameters: &[&[f32]]) -> Box<dyn DeviceNetworks + 'g> {
        Box::new(Networks::new(&self.device, graph, parameters, self.most_numbers))
    }
}

struct Networks<'g> {
    device: Device,
    graph: &'g Graph,
    parameters: Parameters,
    replicas: usize,
    most_numbers: usize,
}

impl<'g> Networks<'g> {
    fn new(device: &Device, graph: &'g Graph, parameters: &[&[f32]], most_numbers: usize) -> Networks<'g> {
        let replicas = parameters.len();
        let parameters = Parameters::upload(device, graph, parameters);
        Networks { device: device.clone(), graph, parameters, replicas, most_numbers }
    }
}

impl DeviceNetworks for Networks<'_> {
    fn device(&self) -> &Device {
        &self.device
    }

    fn most_numbers(&self) -> usize {
        self.most_numbers
    }

    fn values(&self, points: Points, nodes: &[usize]) -> Vec<Tensor<3>> {
        let rows = match points {
            Points::Shared(x) => Input::Each(x),
            Points::Own(x) => Input::Own(x),
        };
        network::values(self.graph, &self.parameters, vec![(0, Value::Rows(rows))], nodes)
    }

    fn values_beyond(&self, known: Vec<(usize, Tensor<3>)>, nodes: &[usize]) -> Vec<Tensor<3>> {
        let extent = |node: usize| self.graph.nodes()[node].extent;
        let known = known.into_iter().map(|(node, values)| (node, Value::of_node(values, extent(node)))).collect();
        network::values(self.graph, &self.parameters, known, nodes)
    }

    fn pass(&self, points: Tensor<3>) -> Box<dyn DevicePass + '_> {
        let [_, rows, inputs] = points.dims();
        let none = Parameters(Vec::new());
        let mode = Mode::Folded { back: true };
        let pass = network::forward(self.graph, &self.parameters, &none, Input::Own(points), &mode);
        Box::new(There { networks: self, pass, points: [self.replicas, rows, inputs] })
    }

    fn derivatives(&self, losses: &TrainingLosses) -> Box<dyn DeviceDerivatives + '_> {
        Box::new(Derivatives::new(&self.device, self.graph, self.parameters.clone(), losses, self.most_numbers))
    }

    fn at(&self, parameters: &[&[f32]]) -> Box<dyn DeviceNetworks + '_> {
        Box::new(Networks::new(&self.device, self.graph, parameters, self.most_numbers))
    }

    fn fetch(&self, tensors: Vec<Tensor<2>>) -> Result<Vec<Vec<f32>>, DeviceFailure> {
        transfer::fetch(tensors).map_err(|error| DeviceFailure(Box::new(error)))
    }
}

struct There<'n> {
    networks: &'n Networks<'n>,
    pass: Pass,
    /// Dimensions of the points.
    points: [usize; 3],
}

impl DevicePass for There<'_> {
    fn outputs(&self) -> Tensor<3> {
        self.pass.outputs()
    }

    fn back(self: Box<Self>, delta: Tensor<3>) -> Tensor<3> {
        let There { networks, pass, points } = *self;
        let back = pass.back_to_inputs(networks.graph, &networks.parameters, delta);
        // No output may depend on the samples.
        back.unwrap_or_else(|| Tensor::zeros(points, &networks.device))
    }
}
