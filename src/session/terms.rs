//! The terms on which a sweep is trained: device, engine, threads, memory. They decide how fast, never what.

use super::share::Node;
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
    /// Threads of each rank; an equal share of the node's cores unless given.
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
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
    /// Memory of each rank in GiB; an equal share of what is available unless given.
    #[arg(long, value_name = "GIB")]
    pub memory: Option<f64>,
}

/// Terms as they apply to one rank.
#[derive(Debug, Clone)]
pub struct ResolvedTerms {
    /// Engine, device and threads.
    pub choice: Choice,
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
    /// Applies the terms to a rank of this node, the `local_rank`-th of its ranks.
    ///
    /// # Errors
    /// [`DeviceError`] if the device is unknown, was not compiled in, or is not there.
    pub fn resolve(&self, node: &Node, local_rank: usize) -> Result<ResolvedTerms, DeviceError> {
        let threads = self.threads.unwrap_or_else(|| node.threads_per_rank()).max(1);
        let device = DeviceName::parse(&self.device)?.for_rank(local_rank, node.ranks, self.share_gpus)?;
        let memory = self.memory.map_or_else(|| node.memory_per_rank(), |gib| (gib * (1u64 << 30) as f64) as u64);
        Ok(ResolvedTerms {
            choice: Choice { kernel: self.kernel, device, threads },
            memory,
            replicas: self.replicas.max(1),
            tf32: self.tf32,
        })
    }
}
