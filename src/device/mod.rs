//! Which device trains, chosen at run time: `--device auto|flex|tch`, or a runtime's GPU (`cuda`, `tch:cuda`, `rocm`, `metal`,
//! `vulkan`, `wgpu`), the rank's own or by its number.
//!
//! Invariants: a device that this binary was not built for is refused with the cargo feature that builds it; `auto` never
//! fails and never takes a software renderer; before a rank trains on a device other than flex, the device has computed what the
//! host computes ([`self_test`]).

pub mod binding;
pub mod doubles;
mod engines;
mod longest_sum;
mod name;
mod runtimes;
pub mod self_test;

pub use engines::{KernelChoice, UnknownChoice};
pub use name::{DeviceError, DeviceName};
pub(crate) use runtimes::largest_tensor;
pub use runtimes::{Adapter, AdapterKind, Runtime};

use std::sync::{Mutex, PoisonError};

use ::burn::tensor::Device;

use binding::Place;
pub use doubles::Doubles;
pub(crate) use doubles::wide;
pub(crate) use longest_sum::{longest_sum, samples_at_once};

impl DeviceName {
    /// The device of one of `ranks` ranks on a node, the `local_rank`-th, checked to be there and to compute what the host
    /// does. A runtime's name without a number, and `auto`, give each rank a GPU of its own by [`binding`], which the log
    /// says; if there are too few, ranks share them when `sharing` was asked for, and by `auto` with a warning.
    ///
    /// # Errors
    /// [`DeviceError`] if the runtime is not built in, has no device of that number, or too few of them, or if the device
    /// computes wrongly.
    pub fn for_rank(self, local_rank: usize, ranks: usize, sharing: bool) -> Result<DeviceName, DeviceError> {
        let device = match self {
            DeviceName::Auto => match best() {
                Some(runtime) => self.own(runtime, local_rank, ranks, true)?,
                None => DeviceName::Flex,
            },
            DeviceName::Own(runtime) => self.own(runtime, local_rank, ranks, sharing)?,
            DeviceName::Numbered(..) => {
                if ranks > 1 && !sharing {
                    tracing::warn!(
                        "all {ranks} ranks of this node train on `{self}`: leave the number out to give each its own"
                    );
                }
                self
            }
            DeviceName::Flex | DeviceName::Tch => self,
        };
        device.check()?;
        let longest = longest_sum(&device.open()?);
        if local_rank == 0 && longest < usize::MAX {
            tracing::warn!(
                "`{device}` ends a sum after {longest} numbers and drops the rest: longer sums are taken in parts, and steps that \
                 need longer ones are refused"
            );
        }
        Ok(device)
    }

    /// The rank's own device of a runtime. A software renderer is taken only where there is no GPU, and may be shared.
    fn own(self, runtime: Runtime, local_rank: usize, ranks: usize, sharing: bool) -> Result<DeviceName, DeviceError> {
        let found = found(self, runtime)?;
        let gpus = runtime.gpus();
        if let (0, Some(software)) = (gpus, found.first()) {
            if local_rank == 0 {
                tracing::warn!("`{}` finds no GPU here; it computes on the CPU: {software}", runtime.name());
            }
            return Ok(DeviceName::Numbered(runtime, 0));
        }
        let variable = runtime.visibility().unwrap_or_default();
        let visible = if variable.is_empty() { None } else { std::env::var(variable).ok() };
        let gpus_per_task = std::env::var("SLURM_GPUS_PER_TASK").ok().and_then(|count| count.parse().ok());
        let place = Place {
            variable,
            visible: visible.as_deref(),
            lister: runtime.lister(),
            gpus_per_task,
            local_rank,
            local_size: ranks,
            gpus,
            sharing,
        };
        let binding = binding::bind(&place).map_err(|refusal| DeviceError::Unbound { choice: self, refusal })?;
        if matches!(binding.reason, binding::Reason::Shared { .. }) {
            tracing::warn!("local rank {local_rank}: {binding}");
        } else {
            tracing::info!("local rank {local_rank}: {binding}");
        }
        if let [first, _, ..] = binding.ordinals.as_slice() {
            tracing::warn!("local rank {local_rank} trains on GPU {first} alone: start one rank for each GPU");
        }
        Ok(DeviceName::Numbered(runtime, binding.ordinals[0]))
    }

    /// Opens the device; `auto` opens the first of the best kind. Nothing is computed on it.
    ///
    /// # Errors
    /// [`DeviceError`] if the runtime is not built in, or has no device of that number.
    pub fn open(self) -> Result<Device, DeviceError> {
        match self {
            DeviceName::Auto => match best() {
                Some(runtime) => DeviceName::Numbered(runtime, 0).open(),
                None => Ok(Device::flex()),
            },
            DeviceName::Flex => Ok(Device::flex()),
            DeviceName::Tch => runtimes::libtorch().ok_or(DeviceError::NotBuilt { choice: self, feature: "tch" }),
            DeviceName::Own(runtime) => Ok(adapter(self, runtime, 0)?.device.clone()),
            DeviceName::Numbered(runtime, number) => Ok(adapter(self, runtime, number)?.device.clone()),
        }
    }

    /// Whether the device is there and computes what the host does.
    ///
    /// # Errors
    /// [`DeviceError`] if not.
    pub fn check(self) -> Result<(), DeviceError> {
        let device = self.open()?;
        if self.is_flex() {
            return Ok(());
        }
        self_test::run(&device).map_err(|wrong| {
            let about = self.adapter().map_or_else(|| "LibTorch's CPU".to_owned(), ToString::to_string);
            DeviceError::Wrong { choice: self, about, wrong }
        })
    }

    /// What the device computes in double precision. It is asked by computing, once.
    ///
    /// # Errors
    /// As [`DeviceName::open`].
    pub fn doubles(self) -> Result<Doubles, DeviceError> {
        static ASKED: Mutex<Vec<(DeviceName, Doubles)>> = Mutex::new(Vec::new());
        let device = self.open()?;
        let mut asked = ASKED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, doubles)) = asked.iter().find(|(name, _)| *name == self) {
            return Ok(*doubles);
        }
        let doubles = Doubles::of(&device);
        asked.push((self, doubles));
        Ok(doubles)
    }

    /// What its driver says of the device, where there is a driver.
    pub fn adapter(self) -> Option<&'static Adapter> {
        match self {
            DeviceName::Numbered(runtime, number) => adapter(self, runtime, number).ok(),
            _ => None,
        }
    }
}

/// The first runtime that finds a GPU.
fn best() -> Option<Runtime> {
    Runtime::ALL.into_iter().find(|runtime| runtime.gpus() > 0)
}

/// What a runtime finds: something.
fn found(choice: DeviceName, runtime: Runtime) -> Result<&'static [Adapter], DeviceError> {
    let found = runtime.adapters().ok_or(DeviceError::NotBuilt { choice, feature: runtime.feature() })?;
    if found.is_empty() { Err(DeviceError::Absent { choice, seen: 0, lister: runtime.lister() }) } else { Ok(found) }
}

/// An adapter by its number.
fn adapter(choice: DeviceName, runtime: Runtime, number: usize) -> Result<&'static Adapter, DeviceError> {
    let found = found(choice, runtime)?;
    found.get(number).ok_or(DeviceError::Absent { choice, seen: found.len(), lister: runtime.lister() })
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
    let count = |runtime: Runtime| runtime.adapters().map_or(0, <[Adapter]>::len);
    let numbered = |runtime: Runtime| (0..count(runtime)).map(move |number| DeviceName::Numbered(runtime, number));
    let cpu = runtimes::libtorch().map(|_| DeviceName::Tch);
    Runtime::ALL.into_iter().flat_map(numbered).chain(cpu).chain([DeviceName::Flex]).collect()
}

/// A device as an engine's description says it, "LibTorch(Cpu)".
pub(crate) fn shown(device: &Device) -> String {
    let written = format!("{device:?}");
    written.strip_prefix("Device<").and_then(|name| name.strip_suffix('>')).unwrap_or(&written).to_owned()
}

/// The runtimes that are built in.
pub fn built() -> Vec<Runtime> {
    Runtime::ALL.into_iter().filter(|runtime| runtime.is_built()).collect()
}

/// Where numerical tests of the burn path compute: on flex, or where PHASESWEEP_TEST_DEVICE says (`make test-wgpu`).
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) fn device_under_test() -> Device {
    let name = std::env::var("PHASESWEEP_TEST_DEVICE").unwrap_or_else(|_| "flex".to_owned());
    // As [`settle_precision`] does; a test's process has threads before it opens a device.
    let exact = std::env::var("NVIDIA_TF32_OVERRIDE").is_ok_and(|value| value == "0");
    assert!(exact || !name.starts_with("tch:cuda"), "cuDNN rounds to TF32 unless NVIDIA_TF32_OVERRIDE=0");
    DeviceName::parse(&name).unwrap().open().unwrap()
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
        assert!(dealt.adapter().is_none_or(|adapter| adapter.kind.is_gpu()), "auto took {dealt}");
        assert!(DeviceName::Flex.for_rank(0, 1, false).unwrap().is_flex());
    }

    #[test]
    fn what_is_not_built_in_names_its_feature() {
        for runtime in Runtime::ALL.into_iter().filter(|runtime| !runtime.is_built()) {
            for choice in [DeviceName::Own(runtime), DeviceName::Numbered(runtime, 1)] {
                let message = choice.open().unwrap_err().to_string();
                let named = message.contains(&format!("--features {}", runtime.feature()));
                assert!(named && message.contains(&choice.to_string()), "{message}");
            }
        }
    }

    #[test]
    fn what_is_here_computes_as_the_host_or_is_refused() {
        for device in available() {
            match device.check() {
                Ok(()) => {}
                Err(error) => assert!(matches!(error, DeviceError::Wrong { .. }), "{device}: {error}"),
            }
        }
    }
}
