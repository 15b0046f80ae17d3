//! What is done around a rule's step: a schedule of the learning rate, gradients clipped by their norm, and a gradient that is
//! taken uphill (SAM). All of them go with every rule.
//!
//! Invariants: norms are Euclidean, over all parameters of one replica; a replica whose recipe is plain takes the rule's own
//! steps, to the last bit. A recipe is part of cells' identities where it is not plain, under the names of its keys.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::rate_schedule::{Decay, Moment, RateSchedule, Unit};
use super::{Factors, Rates};

/// What is done around a rule's step.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recipe {
    /// Factors on the learning rate along training.
    pub schedule: RateSchedule,
    /// The norm that gradients are shortened to (`torch.nn.utils.clip_grad_norm_`), greater than 0; `None`: as they are.
    /// Weight decay and moments come after.
    pub clip_norm: Option<f64>,
    /// ρ of sharpness-aware minimisation (Foret et al. 2021), greater than 0: the step at w is taken along the gradient at
    /// w + ρ g/‖g‖, with g the gradient at w without weight decay. `None`: along that at w.
    pub sam_radius: Option<f64>,
}

impl Recipe {
    /// Whether nothing is done beside the rule's step.
    pub fn is_plain(&self) -> bool {
        self.schedule.is_constant() && self.clip_norm.is_none() && self.sam_radius.is_none()
    }

    /// Gradients that a step takes.
    pub fn gradients_per_step(&self) -> usize {
        if self.sam_radius.is_some() { 2 } else { 1 }
    }

    /// The numbers of a step of the rule.
    pub fn factors(&self, rates: &Rates, at: &Moment) -> Factors<f64> {
        // Times 1 changes no bit.
        Rates { lr: rates.lr * self.schedule.factor(at), ..*rates }.factors(at.number())
    }

    /// What the gradient of a step is multiplied with, given its norm: min(1, limit/(norm + 1e-6)), as PyTorch has it.
    pub fn clip_factor(&self, norm: f64) -> f64 {
        let Some(limit) = self.clip_norm else { return 1.0 };
        let factor = limit / (norm + CLIP_EPSILON);
        // Not `min`, which would turn NaN into 1.
        if factor > 1.0 { 1.0 } else { factor }
    }

    /// What the gradient at w is multiplied with on the way uphill, given its norm: ρ/(norm + 1e-12); 0 without SAM.
    pub fn climb_factor(&self, norm: f64) -> f64 {
        self.sam_radius.map_or(0.0, |radius| radius / (norm + CLIMB_EPSILON))
    }
}

/// What PyTorch adds to a norm before it divides by it.
pub const CLIP_EPSILON: f64 = 1e-6;
/// What programs of SAM add to a norm before they divide by it: at a gradient of zero nothing is climbed.
pub const CLIMB_EPSILON: f64 = 1e-12;

impl Decay {
    /// Its name in sweep files and identities.
    pub fn name(&self) -> &'static str {
        match self {
            Decay::Constant => "constant",
            Decay::Every { .. } | Decay::At { .. } => "step",
            Decay::Cosine { .. } => "cosine",
            Decay::Linear { .. } => "linear",
            Decay::Exponential { .. } => "exponential",
        }
    }
}

impl Unit {
    /// Its name in sweep files and identities.
    pub fn name(self) -> &'static str {
        match self {
            Unit::Epoch => "epoch",
            Unit::Step => "step",
        }
    }
}

/// The keys of a sweep file that say it, those that decide nothing left out.
impl Serialize for Recipe {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Recipe { schedule, clip_norm, sam_radius } = self;
        let mut keys = serializer.serialize_map(None)?;
        if !schedule.is_constant() {
            let RateSchedule { unit, warmup, decay } = schedule;
            keys.serialize_entry("schedule", decay.name())?;
            match decay {
                Decay::Constant => {}
                Decay::Every { every, factor } => {
                    keys.serialize_entry("decay_every", every)?;
                    keys.serialize_entry("decay_factor", factor)?;
                }
                Decay::At { places, factor } => {
                    keys.serialize_entry("decay_at", places)?;
                    keys.serialize_entry("decay_factor", factor)?;
                }
                Decay::Cosine { end } | Decay::Linear { end } => keys.serialize_entry("final_share", end)?,
                Decay::Exponential { factor } => keys.serialize_entry("decay_factor", factor)?,
            }
            if let Some(warmup) = warmup {
                keys.serialize_entry("warmup", &warmup.length)?;
                keys.serialize_entry("warmup_start", &warmup.start)?;
            }
            keys.serialize_entry("schedule_by", unit.name())?;
        }
        if let Some(limit) = clip_norm {
            keys.serialize_entry("clip_norm", limit)?;
        }
        if let Some(radius) = sam_radius {
            keys.serialize_entry("sam_radius", radius)?;
        }
        keys.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn norms_are_shortened_to_the_limit_and_never_lengthened() {
        let recipe = Recipe { clip_norm: Some(2.0), ..Recipe::default() };
        assert_eq!(recipe.clip_factor(0.5), 1.0);
        assert!((8.0 * recipe.clip_factor(8.0) - 2.0).abs() < 1e-6);
        assert!(recipe.clip_factor(f64::NAN).is_nan());
        assert_eq!(Recipe::default().clip_factor(f64::NAN), 1.0);
    }

    #[test]
    fn the_way_uphill_is_as_long_as_the_radius() {
        let recipe = Recipe { sam_radius: Some(0.05), ..Recipe::default() };
        assert!((3.0 * recipe.climb_factor(3.0) - 0.05).abs() < 1e-12);
        assert_eq!(0.0 * recipe.climb_factor(0.0), 0.0);
        assert_eq!(Recipe::default().climb_factor(3.0), 0.0);
    }

    #[test]
    fn the_scheduled_rate_is_that_of_every_number_of_the_step() {
        let rates = Rates { lr: 0.4, momentum: 0.9, beta1: 0.8, beta2: 0.9, epsilon: 1e-8, weight_decay: 0.5 };
        let schedule = RateSchedule { decay: Decay::Linear { end: 0.0 }, ..RateSchedule::default() };
        let recipe = Recipe { schedule, ..Recipe::default() };
        let at = Moment { step: 5, per_epoch: 1, epochs: 10 };
        let (scheduled, plain) = (recipe.factors(&rates, &at), rates.factors(6));
        assert_eq!((scheduled.rate, scheduled.shrink), (0.2, 0.9));
        assert!((scheduled.corrected_rate - plain.corrected_rate / 2.0).abs() < 1e-15);
        assert_eq!((scheduled.momentum, scheduled.root_correction), (0.9, plain.root_correction));
        assert_eq!(Recipe::default().factors(&rates, &at), plain);
    }
}
