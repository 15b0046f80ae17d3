//! Limits from trees of files and environments as real systems have them.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use super::*;

const GIB: u64 = 1 << 30;

/// A system in a directory: absolute paths lie below it.
struct Tree {
    root: tempfile::TempDir,
    variables: HashMap<String, String>,
}

impl HostFiles for Tree {
    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn text(&self, path: &Path) -> Option<String> {
        ThisHost.text(&self.root.path().join(path.strip_prefix("/").unwrap()))
    }
}

impl Tree {
    /// A node with 64 CPUs and 256 GiB free.
    fn new() -> Tree {
        let tree = Tree { root: tempfile::tempdir().unwrap(), variables: HashMap::new() };
        tree.file("/proc/meminfo", "MemTotal:       395000000 kB\nMemAvailable:   268435456 kB\n")
            .file("/proc/self/status", "Name:\tphasesweep\nCpus_allowed_list:\t0-63\n")
    }

    fn file(self, path: &str, text: &str) -> Tree {
        let place = self.root.path().join(path.trim_start_matches('/'));
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        fs::write(place, text).unwrap();
        self
    }

    fn variables(mut self, variables: &[(&str, &str)]) -> Tree {
        self.variables.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self
    }

    fn allows(&self, ranks: usize) -> Allowance {
        Limits::read(self).of_one_of(ranks)
    }

    fn memory(&self, ranks: usize) -> (u64, String) {
        let allowance = self.allows(ranks);
        (allowance.memory, allowance.memory_limit.to_string())
    }

    fn threads(&self, ranks: usize) -> (usize, String) {
        let allowance = self.allows(ranks);
        (allowance.threads, allowance.thread_limit.to_string())
    }
}

/// A node of version 2 where Slurm keeps a job to 16 GiB, its step to 20 and its task to nothing, below a slice of 8 CPUs.
fn version_two() -> Tree {
    let step = "/sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/step_0";
    Tree::new()
        .file("/proc/self/cgroup", "0::/system.slice/slurmstepd.scope/job_7/step_0/user/task_0\n")
        .file("/proc/self/mountinfo", "24 23 0:22 / /proc rw - proc proc rw\n29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n")
        .file(&format!("{step}/user/task_0/memory.max"), "max\n")
        .file(&format!("{step}/memory.max"), "21474836480\n")
        .file("/sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/memory.max", "17179869184\n")
        .file("/sys/fs/cgroup/system.slice/slurmstepd.scope/job_7/memory.high", "max\n")
        .file(&format!("{step}/cpu.max"), "max 100000\n")
        .file("/sys/fs/cgroup/system.slice/cpu.max", "800000 100000\n")
}

/// A node of version 1 where Slurm keeps a job to 16 GiB.
fn version_one() -> Tree {
    let job = "/sys/fs/cgroup/memory/slurm/uid_1000/job_7";
    Tree::new()
        .file(
            "/proc/self/cgroup",
            "9:memory:/slurm/uid_1000/job_7/step_0/task_0\n3:cpu,cpuacct:/slurm/uid_1000/job_7\n1:name=systemd:/\n0::/\n",
        )
        .file(
            "/proc/self/mountinfo",
            "33 28 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
             34 28 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
             35 28 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
        )
        .file(&format!("{job}/step_0/task_0/memory.limit_in_bytes"), "9223372036854771712\n")
        .file(&format!("{job}/step_0/memory.limit_in_bytes"), "17179869184\n")
        .file(&format!("{job}/memory.limit_in_bytes"), "17179869184\n")
        .file("/sys/fs/cgroup/cpu,cpuacct/slurm/uid_1000/job_7/cpu.cfs_quota_us", "400000\n")
        .file("/sys/fs/cgroup/cpu,cpuacct/slurm/uid_1000/job_7/cpu.cfs_period_us", "100000\n")
        .file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n")
        .file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n")
}

#[test]
fn the_group_of_a_job_binds_its_steps_and_tasks() {
    let (bytes, limit) = version_two().memory(4);
    assert_eq!((bytes, limit.as_str()), (4 * GIB, "control group /sys/fs/cgroup/system.slice/slurmstepd.scope/job_7"));
    let (bytes, limit) = version_one().memory(4);
    assert_eq!(bytes, 4 * GIB);
    assert!(limit.starts_with("control group /sys/fs/cgroup/memory/slurm/uid_1000/job_7"), "{limit}");
    assert_eq!(version_two().threads(2), (4, "control group /sys/fs/cgroup/system.slice".to_owned()));
    assert_eq!(version_one().threads(8).0, 1, "half a CPU is still one thread");
    assert_eq!(version_one().threads(2).0, 2);
}

#[test]
fn a_soft_limit_of_version_two_binds_as_well() {
    let throttled = version_two().file("/sys/fs/cgroup/memory.high", "1073741824\n");
    assert_eq!(throttled.memory(1), (GIB, "control group /sys/fs/cgroup".to_owned()));
}

#[test]
fn a_container_sees_its_own_group_at_the_mount_point() {
    let mountinfo = "812 790 0:30 /docker/ab /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n";
    for path in ["/docker/ab", "/", "/../../other"] {
        let container = Tree::new()
            .file("/proc/self/cgroup", &format!("9:memory:{path}\n"))
            .file("/proc/self/mountinfo", mountinfo)
            .file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "2147483648\n");
        assert_eq!(container.memory(1).0, 2 * GIB, "{path}");
    }
}

/// The table of the issue: the least of what the node has free and what Slurm gives, per node, per CPU or per GPU.
#[test]
fn slurm_limits_a_node_its_cpus_or_its_gpus() {
    for (variables, ranks, bytes, limit) in [
        (&[][..], 1, 256 * GIB, "free memory of the node"),
        (&[], 4, 64 * GIB, "free memory of the node"),
        (&[("SLURM_MEM_PER_NODE", "2048")], 1, 2 * GIB, "SLURM_MEM_PER_NODE"),
        (&[("SLURM_MEM_PER_NODE", "2048")], 4, GIB / 2, "SLURM_MEM_PER_NODE"),
        (&[("SLURM_MEM_PER_NODE", "16G")], 1, 16 * GIB, "SLURM_MEM_PER_NODE"),
        (&[("SLURM_MEM_PER_NODE", "0")], 1, 256 * GIB, "free memory of the node"),
        (&[("SLURM_MEM_PER_NODE", "512000")], 1, 256 * GIB, "free memory of the node"),
        (&[("SLURM_MEM_PER_NODE", "much")], 1, 256 * GIB, "free memory of the node"),
        (&[("SLURM_MEM_PER_CPU", "1024"), ("SLURM_CPUS_ON_NODE", "8")], 2, 4 * GIB, "SLURM_MEM_PER_CPU"),
        // Without the number of CPUs, those that the process may run on.
        (&[("SLURM_MEM_PER_CPU", "1024")], 1, 64 * GIB, "SLURM_MEM_PER_CPU"),
        (&[("SLURM_MEM_PER_GPU", "10240"), ("SLURM_GPUS_ON_NODE", "4")], 4, 10 * GIB, "SLURM_MEM_PER_GPU"),
        (&[("SLURM_MEM_PER_GPU", "10240")], 1, 10 * GIB, "SLURM_MEM_PER_GPU"),
    ] {
        let tree = Tree::new().variables(variables);
        assert_eq!(tree.memory(ranks), (bytes, limit.to_owned()), "{variables:?}, {ranks} ranks");
    }
    let both = version_two().variables(&[("SLURM_MEM_PER_NODE", "8192")]);
    assert_eq!(both.memory(1), (8 * GIB, "SLURM_MEM_PER_NODE".to_owned()), "the least decides");
}

#[test]
fn threads_are_those_asked_for_or_those_of_the_job() {
    for (variables, ranks, threads, limit) in [
        (&[][..], 1, 64, "CPUs that the process may run on"),
        (&[], 4, 16, "CPUs that the process may run on"),
        (&[], 100, 1, "CPUs that the process may run on"),
        (&[("SLURM_CPUS_PER_TASK", "8")], 4, 8, "SLURM_CPUS_PER_TASK"),
        // An exclusive node of 64 cores, and nothing asked for.
        (&[("SLURM_CPUS_ON_NODE", "64")], 1, 64, "SLURM_CPUS_ON_NODE"),
        (&[("SLURM_CPUS_ON_NODE", "64")], 4, 16, "SLURM_CPUS_ON_NODE"),
        // A shared node without binding: the mask shows all CPUs, Slurm gave ten.
        (&[("SLURM_CPUS_ON_NODE", "10")], 10, 1, "SLURM_CPUS_ON_NODE"),
        (&[("SLURM_CPUS_ON_NODE", "32"), ("SLURM_CPUS_PER_TASK", "8")], 4, 8, "SLURM_CPUS_PER_TASK"),
        // Daemons of mpirun are given all CPUs of the node as one task; the ranks share them.
        (&[("SLURM_CPUS_ON_NODE", "32"), ("SLURM_CPUS_PER_TASK", "32")], 4, 8, "SLURM_CPUS_ON_NODE"),
        (&[("SLURM_CPUS_PER_TASK", "0")], 1, 64, "CPUs that the process may run on"),
    ] {
        let tree = Tree::new().variables(variables);
        assert_eq!(tree.threads(ranks), (threads, limit.to_owned()), "{variables:?}, {ranks} ranks");
    }
}

#[test]
fn bound_ranks_keep_what_they_are_bound_to() {
    let bound =
        Tree::new().file("/proc/self/status", "Cpus_allowed_list:\t16-31\n").variables(&[("SLURM_CPUS_ON_NODE", "64")]);
    let quarters: Vec<CpuSet> =
        ["0-15", "16-31", "32-47", "48-63"].into_iter().map(|list| list.parse().unwrap()).collect();
    assert_eq!(Limits::read(&bound).of_rank(&quarters).threads, 16);
    let one_core = Tree::new().file("/proc/self/status", "Cpus_allowed_list:\t5\n");
    let allowance = Limits::read(&one_core).of_rank(&["5".parse().unwrap(), "6".parse().unwrap()]);
    assert_eq!((allowance.threads, allowance.thread_limit), (1, CpuLimit::Affinity));
}

#[test]
fn nothing_readable_is_said_to_be_assumed() {
    let bare = Tree { root: tempfile::tempdir().unwrap(), variables: HashMap::new() };
    let allowance = bare.allows(2);
    assert_eq!((allowance.memory, allowance.memory_limit), (2 * GIB, MemoryLimit::Assumed));
    assert_eq!((allowance.threads, allowance.thread_limit), (1, CpuLimit::Assumed));
}

/// This very system: whatever it says, it is read.
#[cfg(target_os = "linux")]
#[test]
fn this_system_is_read() {
    let limits = Limits::read(&ThisHost);
    assert!(!limits.cpus().is_empty());
    let allowance = limits.of_one_of(1);
    assert!(allowance.memory_limit != MemoryLimit::Assumed && allowance.memory > 0, "{allowance:?}");
    // The standard library asks sched_getaffinity and the groups' quotas by code of its own; Slurm's variables it ignores.
    if ["SLURM_CPUS_ON_NODE", "SLURM_CPUS_PER_TASK"].iter().all(|name| std::env::var_os(name).is_none()) {
        assert_eq!(allowance.threads, std::thread::available_parallelism().map_or(1, usize::from));
    }
}
