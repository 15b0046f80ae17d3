//! The arguments that say how a run is executed: the same for `run` and for `plan`; and those of what is computed on the host.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use phasesweep::device::KernelChoice;
use phasesweep::session::ExecutionOptions;
use phasesweep::slurm::Memory;

/// Device, engine, threads and memory.
#[derive(clap::Args, Debug, Clone)]
pub(super) struct ExecutionArguments {
    /// Where to train: auto, flex (CPU), tch (LibTorch on CPU); a GPU for each rank by cuda, tch:cuda, rocm, metal, vulkan or
    /// wgpu; cuda:N (or another with a number): this GPU. `phasesweep doctor` lists what is here.
    #[arg(long, default_value = "auto", value_name = "DEVICE")]
    device: String,
    /// Which engines may train: the CPU kernel where it can (auto; dense: without use of sparse inputs; unfused: faster on
    /// processors without fused multiply-adds, and other last digits on all), or burn always.
    #[arg(long, default_value = "auto", value_parser = kernel_choice())]
    kernel: KernelChoice,
    /// Threads of each rank; unless given, what Slurm gave each task, or an equal share of the CPUs that the ranks may use.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    threads: Option<u32>,
    /// Let the ranks of a node share its GPUs if there are fewer GPUs than ranks.
    #[arg(long)]
    share_gpus: bool,
    /// Let LibTorch round the factors of products to TF32 on a GPU, 10 bits of fraction instead of 23: faster, and the
    /// results' device says so.
    #[arg(long)]
    pub(super) tf32: bool,
    /// Replicas of a cohort at most: smaller cohorts are checkpointed and shared out in smaller pieces.
    #[arg(long, default_value_t = 512, value_name = "N")]
    replicas: usize,
    /// Memory of a cohort: GiB, or with a unit as in 512M; unless given, four fifths of an equal share of what the job
    /// allows (Slurm, control groups) and the node has free.
    #[arg(long, value_name = "GIB", value_parser = Memory::parse_gibibytes)]
    memory: Option<u64>,
}

/// Threads and memory of what is computed on the host's processors, whatever devices there are.
#[derive(clap::Args, Debug, Clone)]
pub(super) struct HostArguments {
    /// Threads of each rank; unless given, what Slurm gave each task, or an equal share of the CPUs that the ranks may use.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    threads: Option<u32>,
    /// Cells of a cohort at most: smaller cohorts are checkpointed and shared out in smaller pieces.
    #[arg(long, default_value_t = 512, value_name = "N")]
    replicas: usize,
    /// Memory of a cohort: GiB, or with a unit as in 512M; unless given, four fifths of an equal share of what the job
    /// allows (Slurm, control groups) and the node has free.
    #[arg(long, value_name = "GIB", value_parser = Memory::parse_gibibytes)]
    memory: Option<u64>,
}

impl From<HostArguments> for ExecutionOptions {
    fn from(given: HostArguments) -> ExecutionOptions {
        let HostArguments { threads, replicas, memory } = given;
        let (device, kernel) = ("flex".to_owned(), KernelChoice::default());
        ExecutionOptions { device, kernel, threads, share_gpus: false, tf32: false, replicas, memory }
    }
}

fn kernel_choice() -> impl TypedValueParser<Value = KernelChoice> {
    PossibleValuesParser::new(KernelChoice::NAMES).try_map(|name| name.parse())
}

impl From<ExecutionArguments> for ExecutionOptions {
    fn from(given: ExecutionArguments) -> ExecutionOptions {
        let ExecutionArguments { device, kernel, threads, share_gpus, tf32, replicas, memory } = given;
        ExecutionOptions { device, kernel, threads, share_gpus, tf32, replicas, memory }
    }
}
