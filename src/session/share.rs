//! A rank's share of its node: threads and memory.

/// What is known of a node and of the ranks on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// Cores of the node that the job may use.
    pub cores: usize,
    /// Cores that this process is allowed to run on.
    pub allowed: usize,
    /// Ranks of this run on the node.
    pub ranks: usize,
    /// Cores that the scheduler gave each rank, where it says so.
    pub cores_per_rank: Option<usize>,
    /// Memory available, in bytes.
    pub memory: u64,
}

impl Node {
    /// Reads the node as this process sees it.
    pub fn observe(ranks: usize) -> Node {
        let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse::<usize>().ok());
        let allowed = std::thread::available_parallelism().map_or(1, usize::from);
        Node {
            cores: number("SLURM_CPUS_ON_NODE").unwrap_or_else(|| online_cores().unwrap_or(allowed)),
            allowed,
            ranks: ranks.max(1),
            cores_per_rank: number("SLURM_CPUS_PER_TASK"),
            memory: available_memory(),
        }
    }

    /// Threads of one rank: what the scheduler said, else an equal share of the cores, and never more than the cores
    /// that the process may run on (a launcher that binds ranks has shared them out already).
    pub fn threads_per_rank(&self) -> usize {
        self.cores_per_rank.unwrap_or(self.cores / self.ranks.max(1)).min(self.allowed).max(1)
    }

    /// Bytes that one rank may fill: an equal share of four fifths of what is available.
    pub fn memory_per_rank(&self) -> u64 {
        self.memory / 5 * 4 / self.ranks.max(1) as u64
    }
}

/// Cores that are online, whatever this process is bound to.
fn online_cores() -> Option<usize> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let cores = text.lines().filter(|line| line.starts_with("processor")).count();
    (cores > 0).then_some(cores)
}

/// Memory that can be filled without swapping; 4 GiB where the system does not tell.
fn available_memory() -> u64 {
    std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("MemAvailable:"))?.to_string();
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        })
        .map_or(4 << 30, |kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(cores: usize, allowed: usize, ranks: usize, cores_per_rank: Option<usize>) -> usize {
        Node { cores, allowed, ranks, cores_per_rank, memory: 0 }.threads_per_rank()
    }

    #[test]
    fn cores_are_shared_out_once() {
        assert_eq!(node(64, 64, 4, None), 16, "unbound ranks share the node");
        assert_eq!(node(64, 1, 4, None), 1, "a rank bound to a core has one thread");
        assert_eq!(node(64, 16, 4, None), 16, "ranks bound to a quarter each have that quarter");
        assert_eq!(node(64, 64, 1, Some(8)), 8, "the scheduler's word counts");
        assert_eq!(node(2, 2, 64, None), 1, "oversubscribed ranks have one thread");
    }
}
