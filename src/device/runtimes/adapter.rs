//! What a runtime finds: a device, and what its driver says of it.

use std::fmt;

use ::burn::tensor::Device;

use crate::amount::bytes;

/// What computes. The order is that in which adapters of a runtime are listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AdapterKind {
    /// A GPU with memory of its own.
    Discrete,
    /// A GPU that shares the host's memory.
    Integrated,
    /// A GPU, or a part of one, given to a virtual machine.
    Virtual,
    /// The driver does not say.
    Unknown,
    /// A program that imitates a GPU on the CPU: right at best, never fast.
    Software,
}

impl AdapterKind {
    /// Whether this is taken for a GPU: what the driver does not name is one, a software renderer is none.
    pub fn is_gpu(self) -> bool {
        self != AdapterKind::Software
    }
}

impl fmt::Display for AdapterKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AdapterKind::Discrete => "GPU",
            AdapterKind::Integrated => "integrated GPU",
            AdapterKind::Virtual => "virtual GPU",
            AdapterKind::Unknown => "of unknown kind",
            AdapterKind::Software => "software",
        })
    }
}

/// A device that a runtime finds.
#[derive(Debug, Clone)]
pub struct Adapter {
    /// By which burn reaches it.
    pub device: Device,
    /// What it is.
    pub kind: AdapterKind,
    /// What the driver calls it.
    pub name: Option<String>,
    /// The driver and its version.
    pub driver: Option<String>,
    /// Bytes of its own memory.
    pub memory: Option<u64>,
    /// Bytes of the largest tensor that it takes, where there is a limit beside the memory.
    pub largest_tensor: Option<u64>,
}

impl Adapter {
    /// An adapter of which nothing but its kind is known.
    #[cfg(any(feature = "cuda", feature = "rocm", feature = "tch", feature = "wgpu"))]
    pub(super) fn of(device: Device, kind: AdapterKind) -> Adapter {
        Adapter { device, kind, name: None, driver: None, memory: None, largest_tensor: None }
    }
}

impl fmt::Display for Adapter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name}, {}", self.kind)?,
            None => write!(f, "{}", self.kind)?,
        }
        if let Some(memory) = self.memory {
            write!(f, ", {} of memory", bytes(memory))?;
        }
        if let Some(largest) = self.largest_tensor {
            write!(f, ", tensors of up to {}", bytes(largest))?;
        }
        if let Some(driver) = &self.driver {
            write!(f, ", driver {driver}")?;
        }
        Ok(())
    }
}
