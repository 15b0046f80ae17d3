//! The names of devices, and why one cannot be opened.

use std::fmt;
use std::str::FromStr;

use super::binding::Refusal;

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

    /// Whether this is burn's own CPU backend, beside which the CPU kernel may be used. `auto` is not resolved.
    pub fn is_flex(self) -> bool {
        self == DeviceName::Flex
    }

    /// Whether this is a GPU, with memory of its own. `auto` is not resolved.
    pub fn is_gpu(self) -> bool {
        !matches!(self, DeviceName::Auto | DeviceName::Flex | DeviceName::Tch)
    }
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
}
