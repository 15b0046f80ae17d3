//! The terms on which a sweep is trained: device, engine, threads, memory. They decide how fast, never what.

use crate::host::{Allowance, CpuLimit, MemoryLimit};
use crate::slurm::Memory;
use crate::train::{Choice, DeviceError, DeviceName, KernelChoice};

/// Terms as given on the command line.
#[derive(clap::Args, Debug, Clone)]
pub struct Terms {
    /// Where to train: auto, flex (CPU), tch (LibTorch on CPU), tch:cuda, cuda (a GPU for each rank), tch:cuda:N,
    /// cuda:N (this GPU).
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    pub device: String,
    /// Which engines may train: the CPU kernel where it can (auto; dense: without use of sparse inputs), or burn
    /// always.
    #[arg(long, default_value = "auto", value_enum)]
    pub kernel: KernelChoice,
    /// Threads of each rank; unless given, what Slurm gave each task, or an equal share of the CPUs that the ranks may use.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub threads: Option<u32>,
    /// Let the ranks of a node share its GPUs if there are fewer GPUs than ranks.
    #[arg(long)]
    pub share_gpus: bool,
    /// Let LibTorch round the factors of products to TF32 on a GPU, 10 bits of fraction instead of 23: faster, and the
    /// results' device says so.
    #[arg(long)]
    pub tf32: bool,
    /// Replicas of a cohort at most: smaller cohorts are checkpointed and shared out in smaller pieces.
    #[arg(long, default_value_t = 512, value_name = "N")]
    pub replicas: usize,
    /// Memory of a cohort: GiB, or with a unit as in 512M; unless given, four fifths of an equal share of what the job
    /// allows (Slurm, control groups) and the node has free.
    #[arg(long, value_name = "GIB", value_parser = Memory::parse_gibibytes)]
    pub memory: Option<u64>,
}

/// Terms as they apply to one rank.
#[derive(Debug, Clone)]
pub struct ResolvedTerms {
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

impl ResolvedTerms {
    /// The device for the log, for provenance and for remembered rates: what is rounded otherwise is another device.
    pub fn device(&self) -> String {
        let rounded = if self.tf32 && self.choice.device.is_gpu() { " tf32" } else { "" };
        format!("{}{rounded}", self.choice.device)
    }
}

impl Terms {
    /// Applies the terms to the `local_rank`-th rank of a node, which may use what `allowance` says unless the terms say
    /// otherwise.
    ///
    /// # Errors
    /// [`DeviceError`] if the device is unknown, was not compiled in, or is not there.
    pub fn resolve(&self, mut allowance: Allowance, local_rank: usize) -> Result<ResolvedTerms, DeviceError> {
        let device = DeviceName::parse(&self.device)?.for_rank(local_rank, allowance.ranks, self.share_gpus)?;
        if let Some(threads) = self.threads {
            (allowance.threads, allowance.thread_limit) = (threads as usize, CpuLimit::Asked);
        }
        let mut memory = allowance.cohort_memory();
        if let Some(bytes) = self.memory {
            if bytes > allowance.memory && local_rank == 0 {
                tracing::warn!(
                    "--memory asks for {} a rank, and {} are allowed ({}): the job may be killed for it",
                    super::bytes(bytes),
                    super::bytes(allowance.memory),
                    allowance.memory_limit
                );
            }
            (allowance.memory, allowance.memory_limit) = (bytes, MemoryLimit::Asked);
            memory = bytes;
        }
        Ok(ResolvedTerms {
            choice: Choice { kernel: self.kernel, device, threads: allowance.threads },
            allowance,
            memory,
            replicas: self.replicas.max(1),
            tf32: self.tf32,
        })
    }
}
