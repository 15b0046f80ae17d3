//! The runtimes by which burn reaches a GPU: a file for each, and what each finds on this machine.
//!
//! Invariants: a runtime that is not built in finds `None`, which is not the same as finding nothing; adapters are listed with
//! GPUs first and software last, so that the number of an adapter does not depend on whether a software renderer is installed;
//! listing adapters computes nothing on them, and is done once for each runtime that is asked: a cohort opens its device by it.

mod absent;
mod adapter;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(any(feature = "cuda", feature = "rocm", feature = "wgpu"))]
mod enumeration;
#[cfg(feature = "wgpu")]
mod graphics;
#[cfg(feature = "metal")]
mod metal;
#[cfg(feature = "rocm")]
mod rocm;
#[cfg(feature = "tch")]
mod tch;
#[cfg(feature = "vulkan")]
mod vulkan;
#[cfg(feature = "wgpu")]
mod wgpu;

#[cfg(not(feature = "cuda"))]
use absent as cuda;
#[cfg(not(feature = "metal"))]
use absent as metal;
#[cfg(not(feature = "rocm"))]
use absent as rocm;
#[cfg(not(feature = "tch"))]
use absent as tch;
#[cfg(not(feature = "vulkan"))]
use absent as vulkan;
#[cfg(not(feature = "wgpu"))]
use absent as wgpu;

use std::sync::OnceLock;

use ::burn::tensor::Device;

pub use adapter::{Adapter, AdapterKind};

/// A runtime that computes on GPUs, in the order in which `auto` asks for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Runtime {
    /// NVIDIA's GPUs by CubeCL.
    Cuda,
    /// NVIDIA's GPUs by LibTorch.
    TchCuda,
    /// AMD's GPUs by CubeCL's HIP.
    Rocm,
    /// Apple's GPUs by CubeCL's Metal.
    Metal,
    /// Any GPU with a Vulkan driver, by SPIR-V.
    Vulkan,
    /// Any GPU with a Vulkan, Metal or DirectX driver, by WGSL.
    Wgpu,
}

impl Runtime {
    /// All of them.
    pub const ALL: [Runtime; 6] =
        [Runtime::Cuda, Runtime::TchCuda, Runtime::Rocm, Runtime::Metal, Runtime::Vulkan, Runtime::Wgpu];

    /// What `--device` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Runtime::Cuda => "cuda",
            Runtime::TchCuda => "tch:cuda",
            Runtime::Rocm => "rocm",
            Runtime::Metal => "metal",
            Runtime::Vulkan => "vulkan",
            Runtime::Wgpu => "wgpu",
        }
    }

    /// The cargo feature that builds it.
    pub fn feature(self) -> &'static str {
        match self {
            Runtime::TchCuda => "tch",
            other => other.name(),
        }
    }

    /// The environment variable that hides GPUs from a process, where the runtime heeds one.
    pub fn visibility(self) -> Option<&'static str> {
        match self {
            Runtime::Cuda | Runtime::TchCuda => Some("CUDA_VISIBLE_DEVICES"),
            Runtime::Rocm => Some("ROCR_VISIBLE_DEVICES"),
            Runtime::Metal | Runtime::Vulkan | Runtime::Wgpu => None,
        }
    }

    /// The command that lists the GPUs that its driver knows.
    pub fn lister(self) -> &'static str {
        match self {
            Runtime::Cuda | Runtime::TchCuda => "nvidia-smi -L",
            Runtime::Rocm => "rocm-smi",
            Runtime::Metal => "system_profiler SPDisplaysDataType",
            Runtime::Vulkan | Runtime::Wgpu => "vulkaninfo --summary",
        }
    }

    /// Whether this program was built with it.
    pub fn is_built(self) -> bool {
        match self {
            Runtime::Cuda => cfg!(feature = "cuda"),
            Runtime::TchCuda => cfg!(feature = "tch"),
            Runtime::Rocm => cfg!(feature = "rocm"),
            Runtime::Metal => cfg!(feature = "metal"),
            Runtime::Vulkan => cfg!(feature = "vulkan"),
            Runtime::Wgpu => cfg!(feature = "wgpu"),
        }
    }

    /// What it finds on this machine, GPUs first; `None` if it is not built in.
    pub fn adapters(self) -> Option<&'static [Adapter]> {
        static FOUND: [OnceLock<Option<Vec<Adapter>>>; Runtime::ALL.len()] =
            [const { OnceLock::new() }; Runtime::ALL.len()];
        FOUND[self as usize].get_or_init(|| self.list()).as_deref()
    }

    fn list(self) -> Option<Vec<Adapter>> {
        let mut found = match self {
            Runtime::Cuda => cuda::adapters(),
            Runtime::TchCuda => tch::adapters(),
            Runtime::Rocm => rocm::adapters(),
            Runtime::Metal => metal::adapters(),
            Runtime::Vulkan => vulkan::adapters(),
            Runtime::Wgpu => wgpu::adapters(),
        }?;
        found.sort_by_key(|adapter| adapter.kind);
        Some(found)
    }

    /// GPUs among what it finds; 0 if it is not built in.
    pub fn gpus(self) -> usize {
        self.adapters().unwrap_or_default().iter().filter(|adapter| adapter.kind.is_gpu()).count()
    }
}

/// The CPU by LibTorch; `None` if it is not built in.
pub(super) fn libtorch() -> Option<Device> {
    tch::cpu()
}

/// Bytes of the largest tensor that a device takes, where its driver states a limit beside its memory.
pub(crate) fn largest_tensor(device: &Device) -> Option<u64> {
    let mut adapters = Runtime::ALL.into_iter().filter_map(Runtime::adapters).flatten();
    adapters.find(|adapter| adapter.device == *device)?.largest_tensor
}
