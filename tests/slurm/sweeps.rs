//! phasesweep as a job: submitted, interrupted in every way that Slurm has, and complete in the end with the results of
//! an unbroken run.

use super::cluster::{Cluster, stdout};
use super::results::cells;
use phasesweep::slurm::{Client, Launcher, Needs, Overrides, Request, State, Template};
use phasesweep::train::binding::{self, Place, Reason};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const PHASESWEEP: &str = env!("CARGO_BIN_EXE_phasesweep");
const MINUTE: Duration = Duration::from_secs(60);

/// A small sweep of so many cells, one for each seed, whose training is over at once.
fn write_sweep(dir: &Path, name: &str, seeds: usize) -> PathBuf {
    write_longer_sweep(dir, name, seeds, 3)
}

/// The same, of so many epochs.
fn write_longer_sweep(dir: &Path, name: &str, seeds: usize, epochs: usize) -> PathBuf {
    let path = dir.join(format!("{name}.toml"));
    let text = format!(
        "[sweep]\nname = \"{name}\"\nseeds = {{ start = 0, count = {seeds} }}\n\n\
         [[data]]\nsource = \"digits\"\nlabels = \"parity\"\n\n[[subsample]]\nsize = 64\nblock = 0\n\n\
         [[architecture]]\nkind = \"mlp\"\nhidden = [4]\nactivation = \"tanh\"\nobserve = [1]\n\n\
         [[optimiser]]\nkind = \"sgd\"\nlr = 0.1\n\n\
         [train]\nepochs = {epochs}\nloss = \"cross-entropy\"\nbatch = \"full\"\n\n[observe]\nmanifold = {{ every = 1 }}\n"
    );
    fs::write(&path, text).expect("the sweep is written");
    path
}

/// Two nodes of two ranks, each cell pretending to train for so many seconds.
fn two_nodes(cluster: &Cluster, sweep: &Path, launcher: Launcher, seconds_per_cell: f64) -> Request {
    let flags = Overrides {
        nodes: Some(2),
        ntasks_per_node: Some(2),
        cpus_per_task: Some(1),
        time: Some("10".into()),
        ..Default::default()
    };
    let name = sweep.file_stem().expect("a name").to_string_lossy().into_owned();
    let run_dir = cluster.path("runs").join(&name);
    let mut request =
        Request::resolve(&name, &Default::default(), flags, "flex", PHASESWEEP.into(), sweep.to_path_buf(), run_dir);
    request.launcher = launcher;
    request.run_arguments = vec!["--simulate".into(), seconds_per_cell.to_string()];
    request
}

/// Checks, renders and submits, as `phasesweep submit` does.
fn submit(cluster: &Cluster, request: &Request) -> u64 {
    let needs = Needs { cohort_bytes: None, device: request.device_kind() };
    assert_eq!(phasesweep::slurm::check(request, &needs), Ok(()));
    let template = Template::find(request, None, None).expect("a built-in template");
    let script = phasesweep::slurm::render(request, &template).expect("it renders");
    let client = Client::along(cluster.bin().as_os_str());
    let record = phasesweep::slurm::submit(&client, request, &script).expect("Slurm takes it");
    assert!(phasesweep::slurm::read_jobs(&request.run_dir).expect("a list of jobs").contains(&record));
    record.id.number()
}

/// What Slurm says of the run's latest job, asked as `phasesweep status` does.
fn status(cluster: &Cluster, request: &Request) -> State {
    let jobs = phasesweep::slurm::read_jobs(&request.run_dir).expect("a list of jobs");
    let last = jobs.last().expect("a job").id.clone();
    let client = Client::along(cluster.bin().as_os_str());
    phasesweep::slurm::job_states(&client, &[last]).expect("squeue answers")[0].state.clone()
}

fn log(request: &Request, job: u64) -> String {
    fs::read_to_string(request.slurm_dir().join(format!("{job}.log"))).unwrap_or_default()
}

/// Parts that are complete: what has been finished and must not be lost.
fn parts(request: &Request) -> usize {
    fs::read_dir(request.run_dir.join("parts")).map_or(0, |parts| parts.flatten().count())
}

/// The results equal those of one process that was never interrupted, cell by cell, bit by bit.
fn assert_equals_unbroken(cluster: &Cluster, request: &Request) {
    let out = cluster.path("unbroken");
    let mut command = Command::new(PHASESWEEP);
    command.arg("run").arg(&request.sweep).arg("--out").arg(&out).args(["--device", "flex", "--threads", "1"]);
    if request.run_arguments.iter().any(|argument| argument == "--simulate") {
        command.args(["--simulate", "0"]);
    }
    stdout(command.output().expect("phasesweep runs"));
    stdout(Command::new(PHASESWEEP).arg("collect").arg(&out).output().expect("phasesweep collects"));
    let unbroken = cells(&out.join("results.h5"));
    assert!(unbroken.windows(2).all(|pair| pair[0].seed < pair[1].seed), "a cell is counted twice");
    let broken = cells(&request.run_dir.join("results.h5"));
    assert_eq!(broken.len(), unbroken.len());
    let differing: Vec<_> = broken.iter().zip(&unbroken).filter(|(a, b)| a != b).map(|(a, _)| a.seed).collect();
    assert!(differing.is_empty(), "seeds whose results differ from the unbroken run's: {differing:?}");
}

/// Submit, two nodes, the walltime's signal, requeue, complete.
#[test]
#[ignore = "starts a real Slurm: make test-slurm"]
fn the_walltime_interrupts_and_the_job_finds_its_way_to_the_end() {
    let Some(cluster) = Cluster::start() else { return };
    // 4 ranks, 36 s of work for each: more than the 30 s by whose end Slurm has sent the signal.
    let sweep = write_sweep(cluster.dir(), "walltime", 288);
    let mut request = two_nodes(&cluster, &sweep, Launcher::Srun, 0.5);
    request.slurm.time = Some("1".into());
    request.notice = Some(30);
    let job = submit(&cluster, &request);
    assert_eq!(cluster.wait(job, 3 * MINUTE), "COMPLETED", "{}", log(&request, job));
    assert!(cluster.restarts(job) >= 1);
    assert!(log(&request, job).contains("USR1 received"), "{}", log(&request, job));
    assert_eq!(status(&cluster, &request), State::Completed);
    assert_equals_unbroken(&cluster, &request);
}

/// The slurmd of a node is killed, its ranks left to themselves: Slurm requeues the job once it calls the node down, and
/// the job completes when the node is back.
#[test]
#[ignore = "starts a real Slurm: make test-slurm"]
fn a_killed_slurmd_costs_nothing_finished() {
    let Some(mut cluster) = Cluster::start() else { return };
    // 50 s of work for each rank: longer than Slurm takes to call the node down.
    let sweep = write_sweep(cluster.dir(), "slurmd", 400);
    let request = two_nodes(&cluster, &sweep, Launcher::Srun, 0.5);
    let job = submit(&cluster, &request);
    cluster.until("some cells are done", MINUTE, || parts(&request) > 0);
    cluster.kill_slurmd("n2");
    cluster.until("Slurm requeues", MINUTE, || cluster.restarts(job) == 1);
    let kept = parts(&request);
    cluster.start_slurmd("n2");
    assert_eq!(cluster.wait(job, 2 * MINUTE), "COMPLETED", "{}", log(&request, job));
    assert!(kept > 0 && parts(&request) >= kept);
    assert_equals_unbroken(&cluster, &request);
}

/// scancel is a person's word: the job does not requeue itself, but what it left is resumed by the next one.
#[test]
#[ignore = "starts a real Slurm: make test-slurm"]
fn a_cancelled_job_stays_cancelled_and_is_resumable() {
    let Some(cluster) = Cluster::start() else { return };
    let sweep = write_sweep(cluster.dir(), "cancelled", 200);
    let request = two_nodes(&cluster, &sweep, Launcher::Mpirun, 0.2);
    let job = submit(&cluster, &request);
    cluster.until("some cells are done", MINUTE, || parts(&request) > 0);
    cluster.cancel(job);
    assert_eq!(cluster.wait(job, MINUTE), "CANCELLED");
    // A job that requeued itself would be pending by now.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!((cluster.state(job).as_str(), cluster.restarts(job)), ("CANCELLED", 0));
    assert_eq!(status(&cluster, &request), State::Cancelled);
    assert!(!log(&request, job).contains("complete, exit code"), "cancelled too late: {}", log(&request, job));
    let next = submit(&cluster, &request);
    assert_eq!(cluster.wait(next, 2 * MINUTE), "COMPLETED", "{}", log(&request, next));
    assert_equals_unbroken(&cluster, &request);
}

/// What preemption does too: the job is put back into the queue from outside, and goes on where it was.
#[test]
#[ignore = "starts a real Slurm: make test-slurm"]
fn a_job_put_back_into_the_queue_goes_on() {
    let Some(cluster) = Cluster::start() else { return };
    // Trained in earnest: what was checkpointed must go on to the same bits.
    let sweep = write_longer_sweep(cluster.dir(), "preempted", 160, 6000);
    let mut request = two_nodes(&cluster, &sweep, Launcher::Srun, 0.0);
    request.run_arguments = vec!["--checkpoint-seconds".into(), "0.5".into()];
    let job = submit(&cluster, &request);
    cluster.until("some cells are done", MINUTE, || parts(&request) > 0);
    cluster.requeue(job);
    let kept = parts(&request);
    assert_eq!(cluster.wait(job, 2 * MINUTE), "COMPLETED", "{}", log(&request, job));
    assert_eq!(cluster.restarts(job), 1);
    assert!(parts(&request) >= kept);
    assert_equals_unbroken(&cluster, &request);
}

/// A rank that is killed is launched again in the same allocation, without a turn in the queue.
#[test]
#[ignore = "starts a real Slurm: make test-slurm"]
fn a_killed_rank_is_launched_again_in_the_same_allocation() {
    let Some(cluster) = Cluster::start() else { return };
    let sweep = write_longer_sweep(cluster.dir(), "rank", 160, 6000);
    let mut request = two_nodes(&cluster, &sweep, Launcher::Mpirun, 0.0);
    request.run_arguments = vec!["--checkpoint-seconds".into(), "0.5".into()];
    let job = submit(&cluster, &request);
    cluster.until("some cells are done", MINUTE, || parts(&request) > 0);
    cluster.kill_one("phasesweep", "n2");
    assert_eq!(cluster.wait(job, 2 * MINUTE), "COMPLETED", "{}", log(&request, job));
    assert!(log(&request, job).contains("launching again"), "{}", log(&request, job));
    assert_eq!(cluster.restarts(job), 0);
    assert_equals_unbroken(&cluster, &request);
}

/// The plain file, as a person would use it: an array whose tasks take one sweep each.
#[test]
#[ignore = "starts a real Slurm: make test-slurm"]
fn an_array_takes_one_sweep_for_each_task() {
    let Some(cluster) = Cluster::start() else { return };
    let sweeps: Vec<PathBuf> = (1..=3).map(|n| write_sweep(cluster.dir(), &format!("array{n}"), n)).collect();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("slurm/array.sbatch");
    let mut words = vec!["--array=0-2", "--cpus-per-task=1", "--"];
    words.extend(sweeps.iter().map(|sweep| sweep.to_str().expect("a plain path")));
    let export = format!("--export=ALL,PHASESWEEP={PHASESWEEP}");
    words.insert(0, &export);
    let job = cluster.sbatch_file(&script, &words);
    let client = Client::along(cluster.bin().as_os_str());
    let id = phasesweep::slurm::JobId::parse(&job.to_string()).expect("an id");
    cluster.until("all tasks have ended", 2 * MINUTE, || {
        let states = phasesweep::slurm::job_states(&client, std::slice::from_ref(&id)).expect("squeue answers");
        states.len() == 3 && states.iter().all(|task| !task.state.is_live())
    });
    for (task, seeds) in (1..=3).enumerate() {
        let log = fs::read_to_string(cluster.path(&format!("phasesweep-{job}_{task}.log"))).expect("a log");
        let results = cluster.path(&format!("runs/array{seeds}/results.h5"));
        assert!(results.exists(), "{log}");
        assert_eq!(cells(&results).len(), seeds, "{log}");
    }
}

/// With either launcher, and numbers as Slurm really gives them, no two ranks of a node take the same GPU.
#[test]
#[ignore = "starts a real Slurm: make test-slurm"]
fn gpus_are_bound_one_to_a_rank() {
    let Some(cluster) = Cluster::start() else { return };
    let sweep = write_sweep(cluster.dir(), "gpus", 1);
    // In place of phasesweep: each rank tells what it was given. `collect` has nothing to do.
    let program = cluster.path("tell");
    let text = "#!/bin/bash\n[ \"$1\" = run ] || exit 0\n\
                echo \"given $SLURMD_NODENAME ${OMPI_COMM_WORLD_LOCAL_RANK:-$SLURM_LOCALID} \
                ${CUDA_VISIBLE_DEVICES:-none} ${SLURM_GPUS_PER_TASK:-0}\"\n";
    fs::write(&program, text).expect("a program");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("executable");
    for (nodes, launcher, reason) in [
        (1, Launcher::Mpirun, Reason::ByLocalRank { idle: 0 }),
        (2, Launcher::Mpirun, Reason::ByLocalRank { idle: 0 }),
        (2, Launcher::Srun, Reason::GivenByTask),
    ] {
        let mut request = two_nodes(&cluster, &sweep, launcher, 0.0);
        request.program = program.clone();
        request.device = "tch:cuda".into();
        request.slurm.nodes = Some(nodes);
        request.slurm.gpus_per_task = Some(1);
        let job = submit(&cluster, &request);
        assert_eq!(cluster.wait(job, MINUTE), "COMPLETED", "{}", log(&request, job));
        let log = log(&request, job);
        let mut taken = Vec::new();
        for line in log.lines().filter_map(|line| line.strip_prefix("given ")) {
            let &[node, rank, visible, per_task] = line.split(' ').collect::<Vec<_>>().as_slice() else {
                panic!("{line:?}")
            };
            let place = Place {
                visible: Some(visible),
                gpus_per_task: per_task.parse().ok().filter(|&gpus| gpus > 0),
                local_rank: rank.parse().expect("a local rank"),
                local_size: 2,
                gpus: visible.split(',').count(),
                sharing: false,
            };
            let binding = binding::bind(&place).unwrap_or_else(|refusal| panic!("{line:?}: {refusal}"));
            assert_eq!(binding.reason, reason, "{line:?}");
            taken.push((node.to_owned(), binding.names));
        }
        taken.sort_unstable();
        taken.dedup();
        assert_eq!(taken.len(), 2 * nodes as usize, "{nodes} nodes, {launcher:?}: {log}");
    }
}
