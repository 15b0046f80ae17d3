//! Which engines a user lets train.

/// Which engines may train.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KernelChoice {
    /// The CPU kernel where it can train the cohort and the device is a CPU.
    #[default]
    Auto,
    /// The same with dense products whatever the inputs: tells what their sparsity is worth.
    Dense,
    /// The kernel without fused multiply-adds, on every processor alike: faster where there is no instruction for them, with other
    /// last digits.
    Unfused,
    /// The burn path always.
    Burn,
}

impl KernelChoice {
    /// What the choices are called.
    pub const NAMES: [&str; 4] = ["auto", "dense", "unfused", "burn"];
}

/// No choice has this name.
#[derive(Debug, thiserror::Error)]
#[error("there is no choice of engines `{0}`: choose auto, dense, unfused or burn")]
pub struct UnknownChoice(String);

impl std::str::FromStr for KernelChoice {
    type Err = UnknownChoice;

    fn from_str(name: &str) -> Result<KernelChoice, UnknownChoice> {
        match name {
            "auto" => Ok(KernelChoice::Auto),
            "dense" => Ok(KernelChoice::Dense),
            "unfused" => Ok(KernelChoice::Unfused),
            "burn" => Ok(KernelChoice::Burn),
            other => Err(UnknownChoice(other.to_owned())),
        }
    }
}
