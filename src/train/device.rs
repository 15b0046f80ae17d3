//! Which device trains, chosen at run time: `--device auto|flex|tch|tch:cuda:N|cuda:N`.
//!
//! Invariants: a device that this binary was not built for is refused with the cargo feature that builds it; `auto`
//! never fails. Each optional backend is one module, swapped whole for its absence.

use std::fmt;
use std::str::FromStr;

use ::burn::tensor::Device;

#[cfg_attr(feature = "cuda", path = "device/cuda.rs")]
#[cfg_attr(not(feature = "cuda"), path = "device/cuda_absent.rs")]
mod cuda;
#[cfg_attr(feature = "tch", path = "device/tch.rs")]
#[cfg_attr(not(feature = "tch"), path = "device/tch_absent.rs")]
mod tch;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceChoice {
    /// The best that is built in and present: CUDA by CubeCL, CUDA by LibTorch, the CPU by flex.
    #[default]
    Auto,
    /// The CPU by burn's own kernels.
    Flex,
    /// The CPU by LibTorch.
    Tch,
    /// A CUDA device by LibTorch, by its number.
    TchCuda(usize),
    /// A CUDA device by CubeCL, by its number.
    Cuda(usize),
}

/// Why no device was opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// The name means nothing.
    #[error("there is no device `{0}`: choose auto, flex, tch, tch:cuda:N or cuda:N (N counts devices from 0)")]
    Unknown(String),
    /// The backend is not in this binary.
    #[error(
        "this binary was built without device `{choice}`: build it with `cargo build --release --features {feature}`"
    )]
    NotBuilt {
        /// What was asked for.
        choice: DeviceChoice,
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
        choice: DeviceChoice,
        /// How many there are.
        seen: usize,
    },
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(given: &str) -> Result<DeviceChoice, DeviceError> {
        let number = |digits: &str| digits.parse().map_err(|_| DeviceError::Unknown(given.to_owned()));
        match given {
            "auto" => Ok(DeviceChoice::Auto),
            "flex" => Ok(DeviceChoice::Flex),
            "tch" => Ok(DeviceChoice::Tch),
            _ => {
                if let Some(digits) = given.strip_prefix("tch:cuda:") {
                    number(digits).map(DeviceChoice::TchCuda)
                } else if let Some(digits) = given.strip_prefix("cuda:") {
                    number(digits).map(DeviceChoice::Cuda)
                } else {
                    Err(DeviceError::Unknown(given.to_owned()))
                }
            }
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceChoice::Auto => f.write_str("auto"),
            DeviceChoice::Flex => f.write_str("flex"),
            DeviceChoice::Tch => f.write_str("tch"),
            DeviceChoice::TchCuda(number) => write!(f, "tch:cuda:{number}"),
            DeviceChoice::Cuda(number) => write!(f, "cuda:{number}"),
        }
    }
}

impl DeviceChoice {
    /// What `auto` stands for in this binary on this machine; any other choice stands for itself. `number` is the CUDA
    /// device that `auto` takes, modulo their count: a rank gives its place on the node.
    pub fn resolve(self, number: usize) -> DeviceChoice {
        match self {
            DeviceChoice::Auto if cuda::count() > 0 => DeviceChoice::Cuda(number % cuda::count()),
            DeviceChoice::Auto if tch::cuda_count() > 0 => DeviceChoice::TchCuda(number % tch::cuda_count()),
            DeviceChoice::Auto => DeviceChoice::Flex,
            choice => choice,
        }
    }

    /// Opens the device; `auto` opens the first of the best kind.
    ///
    /// # Errors
    /// [`DeviceError`] if the backend is not built in, or has no device of that number.
    pub fn open(self) -> Result<Device, DeviceError> {
        match self.resolve(0) {
            DeviceChoice::Auto | DeviceChoice::Flex => Ok(Device::flex()),
            choice @ DeviceChoice::Tch => tch::cpu(choice),
            choice @ DeviceChoice::TchCuda(number) => tch::cuda(choice, number),
            choice @ DeviceChoice::Cuda(number) => cuda::open(choice, number),
        }
    }

    /// Whether this device computes on the host's cores.
    pub fn is_cpu(self) -> bool {
        matches!(self.resolve(0), DeviceChoice::Flex | DeviceChoice::Tch)
    }
}

/// Every device that this binary can open on this machine, best first, `flex` last.
pub fn available() -> Vec<DeviceChoice> {
    let cuda = (0..cuda::count()).map(DeviceChoice::Cuda);
    let tch = (0..tch::cuda_count()).map(DeviceChoice::TchCuda);
    let cpu = tch::BUILT.then_some(DeviceChoice::Tch);
    cuda.chain(tch).chain(cpu).chain([DeviceChoice::Flex]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for name in ["auto", "flex", "tch", "tch:cuda:0", "cuda:12"] {
            assert_eq!(name.parse::<DeviceChoice>().unwrap().to_string(), name);
        }
        for name in ["", "gpu", "cuda", "cuda:", "cuda:-1", "tch:cuda", "tch:cuda:x", "Flex"] {
            assert_eq!(name.parse::<DeviceChoice>(), Err(DeviceError::Unknown(name.to_owned())));
        }
    }

    #[test]
    fn auto_opens_and_flex_is_always_there() {
        assert_eq!(available().last(), Some(&DeviceChoice::Flex));
        assert!(DeviceChoice::Auto.open().is_ok());
        assert!(DeviceChoice::Flex.is_cpu());
    }

    #[cfg(not(feature = "tch"))]
    #[test]
    fn what_is_not_built_in_names_its_feature() {
        for choice in [DeviceChoice::Tch, DeviceChoice::TchCuda(1)] {
            let message = choice.open().unwrap_err().to_string();
            assert!(message.contains("--features tch") && message.contains(&choice.to_string()), "{message}");
        }
    }
}
