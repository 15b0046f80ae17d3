//! Which device trains, chosen at run time: `--device auto|flex|tch|tch:cuda|tch:cuda:N|cuda|cuda:N`.
//!
//! Invariants: a device that this binary was not built for is refused with the cargo feature that builds it; `auto`
//! never fails. Each optional backend is one module, swapped whole for its absence.

pub mod binding;
#[cfg_attr(feature = "cuda", path = "cuda.rs")]
#[cfg_attr(not(feature = "cuda"), path = "cuda_absent.rs")]
mod cuda;
mod engines;
mod name;
#[cfg_attr(feature = "tch", path = "tch.rs")]
#[cfg_attr(not(feature = "tch"), path = "tch_absent.rs")]
mod tch;

pub use engines::{KernelChoice, UnknownChoice};
pub use name::{DeviceError, DeviceName};

use ::burn::tensor::Device;

use binding::Place;

impl DeviceName {
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

    /// Whether the device can be opened; opening one only names it, so this is cheap.
    fn check(self) -> Result<(), DeviceError> {
        self.open().map(|_| ())
    }
}

/// Settles, before the first device is opened, whether NVIDIA's libraries may round the factors of products to TF32: left to
/// itself, LibTorch lets convolutions do so and matrix products not. To be called while the process has one thread.
#[allow(unsafe_code)]
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
