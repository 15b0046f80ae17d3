//! The names of devices, and why one cannot be opened.

use std::fmt;
use std::str::FromStr;

use super::binding::Refusal;
use super::runtimes::Runtime;
use super::self_test::Wrong;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DeviceName {
    /// The best that is built in and present: a GPU, by the first of [`Runtime::ALL`] that finds one; else the CPU by flex.
    #[default]
    Auto,
    /// The CPU by burn's own kernels.
    Flex,
    /// The CPU by LibTorch.
    Tch,
    /// The rank's own GPU, by a runtime.
    Own(Runtime),
    /// What a runtime finds, by its number from 0.
    Numbered(Runtime, usize),
}

/// Why no device was opened.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DeviceError {
    /// The name means nothing.
    #[error("there is no device `{0}`: choose {choices}", choices = DeviceName::choices())]
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
    /// The runtime sees fewer devices.
    #[error(
        "device `{choice}` is not here: {seen} device(s) are visible, numbered from 0; see `{lister}` and \
         `phasesweep doctor`, or choose `--device flex`"
    )]
    Absent {
        /// What was asked for.
        choice: DeviceName,
        /// How many there are.
        seen: usize,
        /// The command that lists them.
        lister: &'static str,
    },
    /// No GPU for this rank.
    #[error("device `{choice}`: {refusal}")]
    Unbound {
        /// What was asked for.
        choice: DeviceName,
        /// Why not.
        refusal: Refusal,
    },
    /// It computes something else than the host.
    #[error(
        "device `{choice}` ({about}) computes wrongly: {wrong}. Nothing that it measures could be trusted; update its driver, \
         or choose another device, as `--device flex`"
    )]
    Wrong {
        /// Which it is.
        choice: DeviceName,
        /// What its driver calls it.
        about: String,
        /// What it computes wrongly.
        wrong: Wrong,
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
            DeviceName::Own(runtime) => f.write_str(runtime.name()),
            DeviceName::Numbered(runtime, number) => write!(f, "{}:{number}", runtime.name()),
        }
    }
}

impl DeviceName {
    /// All names, for a person.
    pub fn choices() -> String {
        let own: Vec<&str> = Runtime::ALL.into_iter().map(Runtime::name).collect();
        format!("auto, flex, tch, {}, or one of these with a number (cuda:1; N counts devices from 0)", own.join(", "))
    }

    /// Reads a name: `auto`, `flex`, `tch`, a runtime's (`cuda`), or that with a number (`cuda:1`).
    ///
    /// # Errors
    /// [`DeviceError::Unknown`] for anything else.
    pub fn parse(given: &str) -> Result<DeviceName, DeviceError> {
        match given {
            "auto" => return Ok(DeviceName::Auto),
            "flex" => return Ok(DeviceName::Flex),
            "tch" => return Ok(DeviceName::Tch),
            _ => {}
        }
        let named = |runtime: Runtime| {
            let rest = given.strip_prefix(runtime.name())?;
            if rest.is_empty() {
                return Some(DeviceName::Own(runtime));
            }
            let digits = rest.strip_prefix(':').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
            digits.parse().ok().map(|number| DeviceName::Numbered(runtime, number))
        };
        Runtime::ALL.into_iter().find_map(named).ok_or_else(|| DeviceError::Unknown(given.to_owned()))
    }

    /// Whether this is burn's own CPU backend, beside which the CPU kernel may be used. `auto` is not resolved.
    pub fn is_flex(self) -> bool {
        self == DeviceName::Flex
    }

    /// Whether this is reached as a GPU is, with memory of its own. `auto` is not resolved.
    pub fn is_gpu(self) -> bool {
        matches!(self, DeviceName::Own(_) | DeviceName::Numbered(..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        let names = ["auto", "flex", "tch", "tch:cuda", "cuda", "tch:cuda:0", "cuda:12", "rocm", "rocm:3", "metal"];
        for name in names.into_iter().chain(["vulkan:0", "wgpu", "wgpu:1"]) {
            assert_eq!(name.parse::<DeviceName>().unwrap().to_string(), name);
        }
        for name in ["", "gpu", "cuda:", "cuda:-1", "cuda:+1", "tch:cuda:", "tch:cuda:x", "Flex", "wgpu0", "tch:wgpu"] {
            assert_eq!(name.parse::<DeviceName>(), Err(DeviceError::Unknown(name.to_owned())));
        }
    }
}
