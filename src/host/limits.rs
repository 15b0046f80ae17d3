//! How much memory and how many threads each rank of a node may have, and which limit says so.
//!
//! Invariants: the least of all limits decides; every limit is one of the whole node (or of the job's part of it) and is
//! shared equally by the ranks of this run there, except those that a launcher has already shared out (CPUs that a rank
//! is bound to, `SLURM_CPUS_PER_TASK`); a rank has at least one thread.

use std::fmt;
use std::path::{Path, PathBuf};

use super::cgroup;
use super::cpus::CpuSet;
use super::files::HostFiles;
use crate::slurm::Memory;

/// Memory that is assumed where no limit can be read: what the smallest machine in use has.
const ASSUMED_MEMORY: u64 = 4 << 30;

/// What limits the memory of the ranks of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemoryLimit {
    /// A variable of Slurm: `SLURM_MEM_PER_NODE`, or another times the job's CPUs or GPUs on the node.
    Slurm(&'static str),
    /// A control group, by its directory.
    Group(PathBuf),
    /// What the node has free.
    Free,
    /// Nothing could be read: 4 GiB are assumed.
    Assumed,
    /// `--memory`.
    Asked,
}

impl fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            MemoryLimit::Slurm(variable) => f.write_str(variable),
            MemoryLimit::Group(directory) => write!(f, "control group {}", directory.display()),
            MemoryLimit::Free => f.write_str("free memory of the node"),
            MemoryLimit::Assumed => f.write_str("assumed: the system does not tell its memory"),
            MemoryLimit::Asked => f.write_str("--memory"),
        }
    }
}

/// What limits the threads of a rank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CpuLimit {
    /// `SLURM_CPUS_PER_TASK`.
    PerTask,
    /// `SLURM_CPUS_ON_NODE`, shared by the ranks.
    OnNode,
    /// The CPUs that the process may run on, shared by the ranks that may run on them too.
    Affinity,
    /// The CPU time of a control group, by its directory, shared by the ranks.
    Group(PathBuf),
    /// Nothing could be read: one thread is assumed.
    Assumed,
    /// `--threads`.
    Asked,
}

impl fmt::Display for CpuLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CpuLimit::PerTask => f.write_str("SLURM_CPUS_PER_TASK"),
            CpuLimit::OnNode => f.write_str("SLURM_CPUS_ON_NODE"),
            CpuLimit::Affinity => f.write_str("CPUs that the process may run on"),
            CpuLimit::Group(directory) => write!(f, "control group {}", directory.display()),
            CpuLimit::Assumed => f.write_str("assumed: the system does not tell its CPUs"),
            CpuLimit::Asked => f.write_str("--threads"),
        }
    }
}

/// What one rank may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowance {
    /// Ranks of this run on the node.
    pub ranks: usize,
    /// Bytes that the rank may take in all.
    pub memory: u64,
    /// The limit that says so.
    pub memory_limit: MemoryLimit,
    /// Threads of the rank.
    pub threads: usize,
    /// The limit that says so.
    pub thread_limit: CpuLimit,
}

impl Allowance {
    /// Bytes that a cohort may take: four fifths of what is allowed. The rest is for the program, MPI and files.
    pub fn cohort_memory(&self) -> u64 {
        self.memory / 5 * 4
    }
}

/// The limits of this process, its job and its node, as they were read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Limits {
    /// Bytes for all ranks of the node together.
    memory: Vec<(MemoryLimit, u64)>,
    /// CPUs of the job on this node, by Slurm.
    on_node: Option<f64>,
    /// CPUs of each rank, by Slurm.
    per_task: Option<f64>,
    /// CPUs that the process may run on.
    cpus: CpuSet,
    /// CPUs' worth of time of each group.
    groups: Vec<(PathBuf, f64)>,
}

impl Limits {
    /// Reads the limits of the process that `files` shows.
    pub fn read(files: &dyn HostFiles) -> Limits {
        let count = |name: &str| files.variable(name)?.trim().parse::<u32>().ok().filter(|&count| count > 0);
        let status = files.text(Path::new("/proc/self/status")).unwrap_or_default();
        let listed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
        let cpus: CpuSet = listed.and_then(|list| list.parse().ok()).unwrap_or_default();
        let on_node = count("SLURM_CPUS_ON_NODE");

        // Slurm counts in MiB and leaves the unit out; 0 is the whole node.
        let bytes = |name: &str| match Memory::parse(files.variable(name)?.trim())? {
            Memory::Bytes(bytes) => Some(bytes),
            Memory::WholeNode => None,
        };
        let job_cpus = u64::from(on_node.unwrap_or(cpus.len().max(1) as u32));
        let job_gpus = u64::from(count("SLURM_GPUS_ON_NODE").unwrap_or(1));
        let slurm = [("SLURM_MEM_PER_NODE", 1), ("SLURM_MEM_PER_CPU", job_cpus), ("SLURM_MEM_PER_GPU", job_gpus)];
        let slurm = slurm.into_iter().filter_map(|(name, units)| {
            bytes(name).map(|bytes| (MemoryLimit::Slurm(name), bytes.saturating_mul(units)))
        });
        let groups = cgroup::memory(files).into_iter().map(|group| (MemoryLimit::Group(group.group), group.limit));
        let free = free_memory(files).map(|bytes| (MemoryLimit::Free, bytes));
        Limits {
            memory: slurm.chain(groups).chain(free).collect(),
            on_node: on_node.map(f64::from),
            per_task: count("SLURM_CPUS_PER_TASK").map(f64::from),
            cpus,
            groups: cgroup::cpus(files).into_iter().map(|group| (group.group, group.limit)).collect(),
        }
    }

    /// The CPUs that the process may run on.
    pub fn cpus(&self) -> &CpuSet {
        &self.cpus
    }

    /// What a rank may use if `ranks` ranks of this node, all of them like this process, share it.
    pub fn of_one_of(&self, ranks: usize) -> Allowance {
        self.of_rank(&vec![self.cpus.clone(); ranks.max(1)])
    }

    /// What this process may use as one of the ranks of its node. `cpus` has an entry for each of them, this one
    /// included: the CPUs that it may run on.
    pub fn of_rank(&self, cpus: &[CpuSet]) -> Allowance {
        let ranks = cpus.len().max(1);
        let least = self.memory.iter().min_by_key(|(_, bytes)| *bytes);
        let (memory_limit, memory) = least.cloned().unwrap_or((MemoryLimit::Assumed, ASSUMED_MEMORY));

        let shared = |count: f64| count / ranks as f64;
        let per_task = self.per_task.map(|count| (CpuLimit::PerTask, count));
        let on_node = self.on_node.map(|count| (CpuLimit::OnNode, shared(count)));
        let bound = (!self.cpus.is_empty()).then(|| (CpuLimit::Affinity, self.cpus.share_among(cpus)));
        let groups = self.groups.iter().map(|(group, count)| (CpuLimit::Group(group.clone()), shared(*count)));
        let limits = per_task.into_iter().chain(on_node).chain(bound).chain(groups);
        let least = limits.min_by(|(_, one), (_, other)| one.total_cmp(other));
        let (thread_limit, threads) = least.unwrap_or((CpuLimit::Assumed, 1.0));
        Allowance {
            ranks,
            memory: memory / ranks as u64,
            memory_limit,
            // Ten tenths of a CPU are one, whatever their sum is rounded to.
            threads: ((threads + 1e-9) as usize).max(1),
            thread_limit,
        }
    }
}

/// Memory that the node can give without swapping, in bytes (proc(5), `/proc/meminfo`).
fn free_memory(files: &dyn HostFiles) -> Option<u64> {
    let text = files.text(Path::new("/proc/meminfo"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}
