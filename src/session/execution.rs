//! How a run is executed: device, engine, threads, memory. It decides how fast a sweep is trained, never what comes out.

use crate::amount::bytes;
use crate::device::{DeviceError, DeviceName, KernelChoice};
use crate::host::{Allowance, CpuLimit, MemoryLimit};
use crate::train::Choice;

/// How a run is to be executed, as it was asked for.
#[derive(Debug, Clone)]
pub struct ExecutionOptions {
    /// The device's name, as [`DeviceName::parse`] reads it.
    pub device: String,
    /// Which engines may train.
    pub kernel: KernelChoice,
    /// Threads of each rank; `None`: what Slurm gave each task, or an equal share of the CPUs that the ranks may use.
    pub threads: Option<u32>,
    /// Whether the ranks of a node share its GPUs if there are fewer GPUs than ranks.
    pub share_gpus: bool,
    /// Whether LibTorch may round the factors of products to TF32 on a GPU.
    pub tf32: bool,
    /// Replicas of a cohort at most.
    pub replicas: usize,
    /// Bytes of memory of a cohort; `None`: four fifths of an equal share of what the job allows and the node has free.
    pub memory: Option<u64>,
}

/// How one rank executes a run.
#[derive(Debug, Clone)]
pub struct Execution {
    /// Engine, device and threads.
    pub choice: Choice,
    /// What the rank may use in all, and by which limits.
    pub allowance: Allowance,
    /// Bytes that a cohort may take.
    pub memory: u64,
    /// Replicas of a cohort at most.
    pub replicas: usize,
    /// Whether products may be rounded to TF32.
    pub tf32: bool,
}

impl Execution {
    /// The device for the log, for provenance and for remembered rates: what is rounded otherwise is another device.
    pub fn device(&self) -> String {
        let rounded = if self.tf32 && self.choice.device.is_gpu() { " tf32" } else { "" };
        format!("{}{rounded}", self.choice.device)
    }
}

impl ExecutionOptions {
    /// Resolves the options for the `local_rank`-th rank of a node, which may use what `allowance` says unless the options say
    /// otherwise.
    ///
    /// # Errors
    /// [`DeviceError`] if the device is unknown, was not compiled in, or is not there.
    pub fn resolve(&self, mut allowance: Allowance, local_rank: usize) -> Result<Execution, DeviceError> {
        let device = DeviceName::parse(&self.device)?.for_rank(local_rank, allowance.ranks, self.share_gpus)?;
        if let Some(threads) = self.threads {
            (allowance.threads, allowance.thread_limit) = (threads as usize, CpuLimit::Asked);
        }
        let mut memory = allowance.cohort_memory();
        if let Some(asked) = self.memory {
            if asked > allowance.memory && local_rank == 0 {
                tracing::warn!(
                    "--memory asks for {} a rank, and {} are allowed ({}): the job may be killed for it",
                    bytes(asked),
                    bytes(allowance.memory),
                    allowance.memory_limit
                );
            }
            (allowance.memory, allowance.memory_limit) = (asked, MemoryLimit::Asked);
            memory = asked;
        }
        Ok(Execution {
            choice: Choice { kernel: self.kernel, device, threads: allowance.threads },
            allowance,
            memory,
            replicas: self.replicas.max(1),
            tf32: self.tf32,
        })
    }
}
