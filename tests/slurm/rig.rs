//! The cluster itself: that what the other tests stand on is true of it, with a plain MPI program and plain scripts.

use super::cluster::{Cluster, find, stdout};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

/// `ranks.c`, compiled; `None`, with a word, without Open MPI's compiler.
fn ranks(cluster: &Cluster) -> Option<PathBuf> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/slurm/ranks.c");
    let program = cluster.path("ranks");
    if find("mpicc").is_none() {
        eprintln!("no MPI tests under Slurm: mpicc is missing (Debian: apt-get install libopenmpi-dev)");
        return None;
    }
    stdout(Command::new("mpicc").arg(source).arg("-o").arg(&program).output().expect("mpicc runs"));
    Some(program)
}

/// `srun` through PMIx and `mpirun` both make one job of ranks on two nodes.
#[test]
#[ignore = "starts a real Slurm: make test-slurm"]
fn ranks_span_two_nodes_by_srun_and_by_mpirun() {
    let Some(cluster) = Cluster::start() else { return };
    let Some(program) = ranks(&cluster) else { return };
    for launcher in ["srun --mpi=pmix", "mpirun"] {
        let job = cluster.sbatch(&format!(
            "#!/bin/bash\n#SBATCH --nodes=2 --ntasks-per-node=2 --output=job-%j.log\n{launcher} {} 0\n",
            program.display()
        ));
        assert_eq!(cluster.wait(job, MINUTE), "COMPLETED", "{launcher}");
        let log = fs::read_to_string(cluster.path(&format!("job-{job}.log"))).expect("a log");
        for rank in 0..4 {
            assert!(log.contains(&format!("rank {rank} of 4 on n{}", rank / 2 + 1)), "{launcher}: {log}");
        }
    }
}

/// `--gpus-per-task` gives each rank a number of its own, as on a node with GPUs.
#[test]
#[ignore = "starts a real Slurm: make test-slurm"]
fn gpus_are_numbered_by_rank() {
    let Some(cluster) = Cluster::start() else { return };
    let mut command = cluster.command("srun");
    command.args(["--nodes=2", "--ntasks-per-node=2", "--gpus-per-task=1", "bash", "-c"]);
    command.arg("echo $SLURMD_NODENAME $CUDA_VISIBLE_DEVICES");
    let said = stdout(command.output().expect("srun runs"));
    let mut lines: Vec<&str> = said.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["n1 0", "n1 1", "n2 0", "n2 1"]);
}

/// A job whose batch shell is signalled passes it on, requeues itself, and runs again; one whose node is cut off is
/// requeued by Slurm.
#[test]
#[ignore = "starts a real Slurm: make test-slurm"]
fn jobs_return_after_a_signal_and_after_a_power_cut() {
    let Some(mut cluster) = Cluster::start() else { return };
    let Some(program) = ranks(&cluster) else { return };
    let job = cluster.sbatch(&format!(
        "#!/bin/bash\n#SBATCH --nodes=2 --ntasks-per-node=1 --requeue --open-mode=append --output=job-%j.log\n\
         if [ ${{SLURM_RESTART_COUNT:-0}} -ge 2 ]; then exit 0; fi\n\
         srun --mpi=pmix {} 120 & child=$!\n\
         trap 'kill -USR1 $child' USR1\n\
         wait $child; wait $child; code=$?\n\
         echo \"code $code\"; [ $code -eq 75 ] && scontrol requeue $SLURM_JOB_ID\nexit $code\n",
        program.display()
    ));
    let log = cluster.path(&format!("job-{job}.log"));
    let count = |what: &str| fs::read_to_string(&log).unwrap_or_default().matches(what).count();
    cluster.until("both ranks run", MINUTE, || count("rank 0 of 2") == 1 && count("rank 1 of 2") == 1);
    cluster.signal_batch(job, "USR1");
    cluster.until("both ranks run again", MINUTE, || count("rank 0 of 2") == 2 && count("rank 1 of 2") == 2);
    assert_eq!((count("stops for signal 10"), count("\ncode 75\n"), cluster.restarts(job)), (2, 1, 1));
    cluster.kill_node("n2");
    cluster.until("Slurm notices and requeues", MINUTE, || cluster.restarts(job) == 2);
    cluster.start_slurmd("n2");
    assert_eq!(cluster.wait(job, MINUTE), "COMPLETED");
}

/// A rank that is killed takes its step down, with either launcher, and the script learns of it.
#[test]
#[ignore = "starts a real Slurm: make test-slurm"]
fn a_killed_rank_ends_its_step() {
    let Some(cluster) = Cluster::start() else { return };
    let Some(program) = ranks(&cluster) else { return };
    for launcher in ["srun --mpi=pmix --kill-on-bad-exit=0 --wait=60", "mpirun"] {
        let job = cluster.sbatch(&format!(
            "#!/bin/bash\n#SBATCH --nodes=2 --ntasks-per-node=2 --output=job-%j.log\n{launcher} {} 120\n\
             code=$?; echo \"code $code\"; exit $code\n",
            program.display()
        ));
        let log = cluster.path(&format!("job-{job}.log"));
        let text = || fs::read_to_string(&log).unwrap_or_default();
        cluster.until("all ranks run", MINUTE, || text().matches(" of 4 on ").count() == 4);
        cluster.kill_one("ranks", "n2");
        assert_eq!(cluster.wait(job, MINUTE), "FAILED", "{launcher}");
        assert!(text().contains("\ncode 137\n"), "{launcher}: {}", text());
    }
}

/// A dropped cluster leaves no process and no directory behind, jobs that ran in it included.
#[test]
#[ignore = "starts a real Slurm: make test-slurm"]
fn nothing_is_left_behind() {
    let Some(cluster) = Cluster::start() else { return };
    let job = cluster.sbatch("#!/bin/bash\nsleep 1000\n");
    cluster.wait_for(job, &["RUNNING"], MINUTE);
    let dir = cluster.dir().to_path_buf();
    drop(cluster);
    assert!(!dir.exists());
    let mark = dir.display().to_string();
    let of_ours = |pid: &fs::DirEntry| {
        let environment = fs::read(pid.path().join("environ")).unwrap_or_default();
        String::from_utf8_lossy(&environment).contains(&mark)
    };
    let left = || fs::read_dir("/proc").expect("/proc").flatten().filter(of_ours).count();
    // What was killed is gone when the kernel has come to it.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while left() > 0 && std::time::Instant::now() < deadline {
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(left(), 0);
}
