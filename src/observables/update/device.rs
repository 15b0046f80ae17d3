//! Updates on a device: the gradients of all replicas at their weights in one program, and those at the weights before in another.
//!
//! Invariant: everything is in double precision, as on the host, whose numbers these are up to rounding.

use super::super::registry::OnDevice;
use super::super::setup::{Subject, View};
use super::super::training_loss::{self, drawn};
use super::{Update, cosine};
use crate::device::Doubles;
use crate::observe::device::{DeviceFailure, DeviceNetworks};

impl OnDevice for Update {
    fn doubles(&self, subject: &Subject<'_>) -> Doubles {
        Doubles::for_graph(&subject.graph)
    }

    fn measure(&self, networks: &dyn DeviceNetworks, views: &[&View<'_>]) -> Result<Vec<Vec<Vec<f64>>>, DeviceFailure> {
        let counted: Vec<Vec<usize>> = views.iter().map(|view| drawn(view, self.points)).collect();
        let losses = training_loss::of_replicas(views, &counted);
        let now = networks.derivatives(&losses).gradients()?;
        // A replica at its start has no weights before, and its gradient there is not asked for.
        let before: Vec<&[f32]> =
            views.iter().map(|view| view.before(self.at.unit(), 1).unwrap_or(view.parameters)).collect();
        let then = networks.at(&before).derivatives(&losses).gradients()?;
        let found = views.iter().zip(now.iter().zip(&then));
        Ok(found.map(|(view, (now, then))| vec![self.measured(view, |_| cosine(now, then))]).collect())
    }
}
