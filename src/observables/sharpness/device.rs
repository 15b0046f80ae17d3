//! Sharpness on a device: the processes of all replicas go along side by side, each product of theirs in one program.
//!
//! Invariants: products are in double precision, as on the host, whose numbers these are up to rounding; a replica's process ends
//! where it ends on the host, whoever goes on.

use super::super::registry::OnDevice;
use super::super::setup::{Subject, View};
use super::super::training_loss::{self, dot};
use super::Sharpness;
use super::lanczos::Lanczos;
use crate::device::Doubles;
use crate::observe::device::{DeviceFailure, DeviceNetworks};

impl OnDevice for Sharpness {
    fn doubles(&self, subject: &Subject<'_>) -> Doubles {
        Doubles::for_graph(&subject.graph)
    }

    fn measure(&self, networks: &dyn DeviceNetworks, views: &[&View<'_>]) -> Result<Vec<Vec<Vec<f64>>>, DeviceFailure> {
        let subject = views[0].subject;
        let counted: Vec<Vec<usize>> = views.iter().map(|view| training_loss::trained_on(view, self.points)).collect();
        let hessians = networks.derivatives(&training_loss::of_replicas(views, &counted));
        let size = subject.graph.parameters();
        let process = |view: &&View<'_>| Lanczos::new(size, self.eigenvalues, self.iterations, view.seed);
        let mut processes: Vec<Lanczos> = views.iter().map(process).collect();
        loop {
            let wanted: Vec<Option<Vec<f64>>> =
                processes.iter_mut().map(|process| process.wanted().map(<[f64]>::to_vec)).collect();
            if wanted.iter().all(Option::is_none) {
                break;
            }
            let goes_on: Vec<bool> = wanted.iter().map(Option::is_some).collect();
            let vectors: Vec<Vec<f64>> =
                wanted.into_iter().map(|vector| vector.unwrap_or_else(|| vec![0.0; size])).collect();
            let images = hessians.products(&vectors)?;
            for ((process, image), _) in processes.iter_mut().zip(images).zip(goes_on).filter(|(_, goes_on)| *goes_on) {
                process.take(image);
            }
        }
        let mut found: Vec<Vec<Vec<f64>>> = processes
            .into_iter()
            .map(|process| {
                let (values, residuals) = process.found();
                vec![[values, residuals].concat()]
            })
            .collect();
        for piece in 1..=training_loss::pieces_of_probes(self.probes) {
            found.iter_mut().for_each(|pieces| pieces.push(Vec::new()));
            for probe in training_loss::probes(piece, self.probes) {
                let signs: Vec<Vec<f64>> = views.iter().map(|view| super::signs(view.seed, probe, size)).collect();
                let products = hessians.products(&signs)?;
                for ((pieces, signs), product) in found.iter_mut().zip(&signs).zip(&products) {
                    pieces[piece].push(dot(signs, product));
                }
            }
        }
        Ok(found)
    }
}
