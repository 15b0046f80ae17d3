//! The norm of the gradient on a device: those of all replicas in one program.
//!
//! Invariant: everything is in double precision, as on the host, whose numbers these are up to rounding.

use super::super::registry::OnDevice;
use super::super::setup::{Subject, View};
use super::super::training_loss::{self, length};
use super::GradientNorm;
use crate::device::Doubles;
use crate::observe::device::{DeviceFailure, DeviceNetworks};

impl OnDevice for GradientNorm {
    fn doubles(&self, subject: &Subject<'_>) -> Doubles {
        Doubles::for_graph(&subject.graph)
    }

    fn measure(&self, networks: &dyn DeviceNetworks, views: &[&View<'_>]) -> Result<Vec<Vec<Vec<f64>>>, DeviceFailure> {
        let counted: Vec<Vec<usize>> = views.iter().map(|view| training_loss::trained_on(view, usize::MAX)).collect();
        let losses = training_loss::of_replicas(views, &counted);
        let gradients = networks.derivatives(&losses).gradients()?;
        Ok(gradients.iter().map(|gradient| vec![vec![length(gradient)]]).collect())
    }
}
