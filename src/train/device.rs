//! Which device trains, chosen at run time: `--device auto|flex|tch|tch:cuda|tch:cuda:N|cuda|cuda:N`.
//!
//! Invariants: a device that this binary was not built for is refused with the cargo feature that builds it; `auto`
//! never fails. Each optional backend is one module, swapped whole for its absence.

use std::fmt;
use std::str::FromStr;

use ::burn::tensor::Device;

use super::TrainError;
use super::binding::{self, Place, Refusal};

#[cfg_attr(feature = "cuda", path = "device/cuda.rs")]
#[cfg_attr(not(feature = "cuda"), path = "device/cuda_absent.rs")]
mod cuda;
#[cfg_attr(feature = "tch", path = "device/tch.rs")]
#[cfg_attr(not(feature = "tch"), path = "device/tch_absent.rs")]
mod tch;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceName {
    /// The best that is built in and present: CUDA by CubeCL, CUDA by LibTorch, the CPU by flex.
    #[default]
    Auto,
    /// The CPU by burn's own kernels.
    Flex,
    /// The CPU by LibTorch.
    Tch,
    /// The rank's own CUDA device by LibTorch.
    TchOwnCuda,
    /// The rank's own CUDA device by CubeCL.
    OwnCuda,
    /// A CUDA device by LibTorch, by its number.
    TchCuda(usize),
    /// A CUDA device by CubeCL, by its number.
    Cuda(usize),
}

/// Why no device was opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// The name means nothing.
    #[error(
        "there is no device `{0}`: choose auto, flex, tch, tch:cuda, cuda, tch:cuda:N or cuda:N (N counts devices from 0)"
    )]
    Unknown(String),
    /// The backend is not in this binary.
    #[error(
        "this binary was built without device `{choice}`: build it with `cargo build --release --features {feature}`"
    )]
    NotBuilt {
        /// What was asked for.
        choice: DeviceName,
        /// The cargo feature that builds it.
        feature: &'static str,
    },
    /// The backend sees fewer devices.
    #[error(
        "device `{choice}` is not here: {seen} CUDA device(s) are visible, numbered from 0; \
         see `nvidia-smi` and CUDA_VISIBLE_DEVICES, or choose `--device flex`"
    )]
    Absent {
        /// What was asked for.
        choice: DeviceName,
        /// How many there are.
        seen: usize,
    },
    /// No GPU for this rank.
    #[error("device `{choice}`: {refusal}")]
    Unbound {
        /// What was asked for.
        choice: DeviceName,
        /// Why not.
        refusal: Refusal,
    },
}

impl FromStr for DeviceName {
    type Err = DeviceError;

    fn from_str(given: &str) -> Result<DeviceName, DeviceError> {
        DeviceName::parse(given)
    }
}

impl From<DeviceError> for TrainError {
    fn from(error: DeviceError) -> TrainError {
        TrainError::Device(error.to_string())
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceName::Auto => f.write_str("auto"),
            DeviceName::Flex => f.write_str("flex"),
            DeviceName::Tch => f.write_str("tch"),
            DeviceName::TchOwnCuda => f.write_str("tch:cuda"),
            DeviceName::OwnCuda => f.write_str("cuda"),
            DeviceName::TchCuda(number) => write!(f, "tch:cuda:{number}"),
            DeviceName::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl DeviceName {
    /// Reads `auto`, `flex`, `tch`, `tch:cuda`, `cuda`, `tch:cuda:N` or `cuda:N`.
    ///
    /// # Errors
    /// [`DeviceError::Unknown`] for anything else.
    pub fn parse(given: &str) -> Result<DeviceName, DeviceError> {
        let number = |digits: &str| digits.parse().map_err(|_| DeviceError::Unknown(given.to_owned()));
        match given {
            "auto" => Ok(DeviceName::Auto),
            "flex" => Ok(DeviceName::Flex),
            "tch" => Ok(DeviceName::Tch),
            "tch:cuda" => Ok(DeviceName::TchOwnCuda),
            "cuda" => Ok(DeviceName::OwnCuda),
            _ => match (given.strip_prefix("tch:cuda:"), given.strip_prefix("cuda:")) {
                (Some(digits), _) => number(digits).map(DeviceName::TchCuda),
                (None, Some(digits)) => number(digits).map(DeviceName::Cuda),
                (None, None) => Err(DeviceError::Unknown(given.to_owned())),
            },
        }
    }

    /// The device of one of `ranks` ranks on a node, the `local_rank`-th, checked to be there. `cuda`, `tch:cuda` and
    /// `auto` give each rank a GPU of its own by [`binding`], which the log says; if there are too few, ranks share them
    /// when `sharing` was asked for, and by `auto` with a warning.
    ///
    /// # Errors
    /// [`DeviceError`] if the backend is not built in, has no device of that number, or too few of them.
    pub fn for_rank(self, local_rank: usize, ranks: usize, sharing: bool) -> Result<DeviceName, DeviceError> {
        let (cubecl, libtorch) = (cuda::count(), tch::cuda_count());
        let device = match self {
            DeviceName::Auto if cubecl > 0 => DeviceName::Cuda(self.own(cubecl, local_rank, ranks, true)?),
            DeviceName::Auto if libtorch > 0 => DeviceName::TchCuda(self.own(libtorch, local_rank, ranks, true)?),
            DeviceName::Auto => DeviceName::Flex,
            DeviceName::OwnCuda => {
                cuda::open(self, 0)?;
                DeviceName::Cuda(self.own(cubecl, local_rank, ranks, sharing)?)
            }
            DeviceName::TchOwnCuda => {
                tch::cuda(self, 0)?;
                DeviceName::TchCuda(self.own(libtorch, local_rank, ranks, sharing)?)
            }
            named @ (DeviceName::TchCuda(_) | DeviceName::Cuda(_)) => {
                if ranks > 1 && !sharing {
                    tracing::warn!(
                        "all {ranks} ranks of this node train on `{named}`: leave the number out to give each its own"
                    );
                }
                named
            }
            DeviceName::Flex | DeviceName::Tch => self,
        };
        device.check()?;
        Ok(device)
    }

    /// Number of the rank's own GPU among `gpus`.
    fn own(self, gpus: usize, local_rank: usize, ranks: usize, sharing: bool) -> Result<usize, DeviceError> {
        let visible = std::env::var("CUDA_VISIBLE_DEVICES").ok();
        let gpus_per_task = std::env::var("SLURM_GPUS_PER_TASK").ok().and_then(|count| count.parse().ok());
        let place = Place { visible: visible.as_deref(), gpus_per_task, local_rank, local_size: ranks, gpus, sharing };
        let binding = binding::bind(&place).map_err(|refusal| DeviceError::Unbound { choice: self, refusal })?;
        if matches!(binding.reason, binding::Reason::Shared { .. }) {
            tracing::warn!("local rank {local_rank}: {binding}");
        } else {
            tracing::info!("local rank {local_rank}: {binding}");
        }
        if let [first, _, ..] = binding.ordinals.as_slice() {
            tracing::warn!("local rank {local_rank} trains on GPU {first} alone: start one rank for each GPU");
        }
        Ok(binding.ordinals[0])
    }

    /// Opens the device; `auto` opens the first of the best kind.
    ///
    /// # Errors
    /// [`DeviceError`] if the backend is not built in, or has no device of that number.
    pub fn open(self) -> Result<Device, DeviceError> {
        match self {
            DeviceName::Auto | DeviceName::OwnCuda | DeviceName::TchOwnCuda => self.for_rank(0, 1, false)?.open(),
            DeviceName::Flex => Ok(Device::flex()),
            DeviceName::Tch => tch::cpu(self),
            DeviceName::TchCuda(number) => tch::cuda(self, number),
            DeviceName::Cuda(number) => cuda::open(self, number),
        }
    }

    /// Whether this is burn's own CPU backend, beside which the CPU kernel may be used. `auto` is not resolved.
    pub fn is_flex(self) -> bool {
        self == DeviceName::Flex
    }

    /// Whether this is a GPU, with memory of its own. `auto` is not resolved.
    pub fn is_gpu(self) -> bool {
        !matches!(self, DeviceName::Auto | DeviceName::Flex | DeviceName::Tch)
    }

    /// Whether the device can be opened; opening one only names it, so this is cheap.
    fn check(self) -> Result<(), DeviceError> {
        self.open().map(|_| ())
    }
}

/// Settles, before the first device is opened, whether NVIDIA's libraries may round the factors of products to TF32: left to
/// itself, LibTorch lets convolutions do so and matrix products not. To be called while the process has one thread.
pub fn settle_precision(tf32: bool) {
    let (name, value) = if tf32 { ("TORCH_ALLOW_TF32_CUBLAS_OVERRIDE", "1") } else { ("NVIDIA_TF32_OVERRIDE", "0") };
    // SAFETY: no other thread reads the environment yet: the command line calls this before it starts any.
    unsafe { std::env::set_var(name, value) };
}

/// Every device that this binary can open on this machine, best first, `flex` last.
pub fn available() -> Vec<DeviceName> {
    let cuda = (0..cuda::count()).map(DeviceName::Cuda);
    let tch = (0..tch::cuda_count()).map(DeviceName::TchCuda);
    let cpu = tch::BUILT.then_some(DeviceName::Tch);
    cuda.chain(tch).chain(cpu).chain([DeviceName::Flex]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for name in ["auto", "flex", "tch", "tch:cuda", "cuda", "tch:cuda:0", "cuda:12"] {
            assert_eq!(name.parse::<DeviceName>().unwrap().to_string(), name);
        }
        for name in ["", "gpu", "cuda:", "cuda:-1", "tch:cuda:", "tch:cuda:x", "Flex"] {
            assert_eq!(name.parse::<DeviceName>(), Err(DeviceError::Unknown(name.to_owned())));
        }
    }

    #[test]
    fn auto_opens_and_flex_is_always_there() {
        assert_eq!(available().last(), Some(&DeviceName::Flex));
        assert!(DeviceName::Auto.open().is_ok());
        let dealt = DeviceName::Auto.for_rank(3, 4, false).unwrap();
        assert!(dealt != DeviceName::Auto && available().contains(&dealt));
        assert!(DeviceName::Flex.for_rank(0, 1, false).unwrap().is_flex());
    }

    #[cfg(not(feature = "tch"))]
    #[test]
    fn what_is_not_built_in_names_its_feature() {
        for choice in [DeviceName::Tch, DeviceName::TchCuda(1)] {
            let message = choice.open().unwrap_err().to_string();
            assert!(message.contains("--features tch") && message.contains(&choice.to_string()), "{message}");
        }
    }
}
