//! phasesweep as a job: submitted, interrupted in every way that Slurm has, and complete in the end with the results of
//! an unbroken run.

use super::cluster::{Cluster, stdout};
use super::results::cells;
use phasesweep::device::binding::{self, Place, Reason};
use phasesweep::slurm::{Client, Launcher, Needs, Request, State, Template};
use phasesweep::sweep::Slurm;
use std::collections::BTreeMap;
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
    let flags = Slurm {
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
    // It is the signal that is to come first, not the end of the time that the run knows of.
    request.run_arguments.extend(["--margin".into(), "5".into()]);
    let job = submit(&cluster, &request);
    assert_eq!(cluster.wait(job, 3 * MINUTE), "COMPLETED", "{}", log(&request, job));
    assert!(cluster.restarts(job) >= 1);
    assert!(log(&request, job).contains("USR1 received"), "{}", log(&request, job));
    assert_eq!(status(&cluster, &request), State::Completed);
    assert_equals_unbroken(&cluster, &request);
}

/// A job that can do nothing in its time ends with the code of a wrong input, and is not queued again.
#[test]
#[ignore = "starts a real Slurm: make test-slurm"]
fn a_job_that_makes_no_progress_is_not_requeued() {
    let Some(cluster) = Cluster::start() else { return };
    let sweep = write_sweep(cluster.dir(), "hopeless", 8);
    // A pretended cell is not checkpointed: half an hour does not fit into three minutes, however often. The run stops
    // after half of them, before Slurm's signal, which may come a minute sooner than it is asked for.
    let mut request = two_nodes(&cluster, &sweep, Launcher::Srun, 1800.0);
    request.slurm.time = Some("3".into());
    request.notice = Some(10);
    request.run_arguments.extend(["--margin".into(), "100".into()]);
    let job = submit(&cluster, &request);
    assert_eq!(cluster.wait(job, 4 * MINUTE), "FAILED", "{}", log(&request, job));
    assert_eq!((cluster.restarts(job), cluster.field(job, "ExitCode")), (0, "2:0".to_owned()));
    let log = log(&request, job);
    assert!(log.contains("nothing was finished or checkpointed") && log.contains("failed with exit code 2"), "{log}");
    assert!(!log.contains("requeueing"), "{log}");
}

/// `submit` from inside a job of another shape: the new job has its own cores and its own memory, and finds the cluster.
#[test]
#[ignore = "starts a real Slurm: make test-slurm"]
fn a_job_submitted_from_inside_another_is_its_own() {
    let Some(cluster) = Cluster::start() else { return };
    let sweep = write_sweep(cluster.dir(), "inside", 8);
    let run_dir = cluster.path("runs/inside");
    // Without --cpus-per-task of its own, srun in the new job would take the surrounding one's, and fail.
    let outer = cluster.sbatch(&format!(
        "#!/bin/bash\n#SBATCH --nodes=1 --ntasks=1 --cpus-per-task=3 --mem-per-cpu=50 --output=outer.log\n\
         {PHASESWEEP} submit {} --out {} --device flex --nodes 2 --ntasks-per-node 2 --mem 200 --time 5\n",
        sweep.display(),
        run_dir.display()
    ));
    assert_eq!(cluster.wait(outer, MINUTE), "COMPLETED", "{}", fs::read_to_string(cluster.path("outer.log")).unwrap());
    let record = phasesweep::slurm::read_jobs(&run_dir).expect("a list of jobs").pop().expect("a job");
    let inner = record.id.number();
    let log = || fs::read_to_string(run_dir.join(format!("slurm/{inner}.log"))).unwrap_or_default();
    assert_eq!(cluster.wait(inner, 2 * MINUTE), "COMPLETED", "{}", log());
    assert!(log().contains("on 4 rank(s) of 1 thread(s)"), "{}", log());
    assert_eq!(cells(&run_dir.join("results.h5")).len(), 8);
}

/// What a job allows is what `plan` says in it: the memory of the node, of its CPUs, and the cores of an exclusive node.
#[test]
#[ignore = "starts a real Slurm: make test-slurm"]
fn the_limits_of_a_job_are_seen_in_it() {
    let Some(cluster) = Cluster::start() else { return };
    let sweep = write_sweep(cluster.dir(), "limits", 1);
    for (options, expected) in [
        ("--ntasks=1 --mem=700", "700.0 MiB allowed per rank (SLURM_MEM_PER_NODE)"),
        ("--ntasks=1 --cpus-per-task=3 --mem-per-cpu=150", "450.0 MiB allowed per rank (SLURM_MEM_PER_CPU)"),
        ("--ntasks=1 --cpus-per-task=1 --mem=700", "1   per rank (SLURM_CPUS_PER_TASK)"),
    ] {
        let job = cluster.sbatch(&format!(
            "#!/bin/bash\n#SBATCH --nodes=1 {options} --output=job-%j.log\n{PHASESWEEP} plan {}\n",
            sweep.display()
        ));
        assert_eq!(cluster.wait(job, MINUTE), "COMPLETED", "{options}");
        let said = fs::read_to_string(cluster.path(&format!("job-{job}.log"))).expect("a log");
        assert!(said.contains(expected), "{options}: {said}");
    }
    // Nothing asked for but the node: its four cores are the rank's, by the job script's own count.
    let mut request = two_nodes(&cluster, &sweep, Launcher::Mpirun, 0.0);
    request.slurm = Slurm { nodes: Some(1), extra: vec!["#SBATCH --exclusive".into()], ..Slurm::default() };
    let job = submit(&cluster, &request);
    assert_eq!(cluster.wait(job, MINUTE), "COMPLETED", "{}", log(&request, job));
    assert!(log(&request, job).contains("1 rank(s) of 4 thread(s)"), "{}", log(&request, job));
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

/// Submits `slurm/array.sbatch` with a program in phasesweep's place and waits for its tasks; their logs, by index.
fn run_array(cluster: &Cluster, indices: &str, program: &str, sweeps: &[PathBuf]) -> BTreeMap<usize, String> {
    let script = std::env::current_dir().expect("a working directory").join("slurm/array.sbatch");
    let (array, export) = (format!("--array={indices}"), format!("--export=ALL,PHASESWEEP={program}"));
    let mut words = vec![export.as_str(), array.as_str(), "--cpus-per-task=1", "--mem=100", "--"];
    words.extend(sweeps.iter().map(|sweep| sweep.to_str().expect("a plain path")));
    let job = cluster.sbatch_file(&script, &words);
    let client = Client::along(cluster.bin().as_os_str());
    let id = phasesweep::slurm::JobId::parse(&job.to_string()).expect("an id");
    cluster.until("all tasks have ended", 2 * MINUTE, || {
        let states = phasesweep::slurm::job_states(&client, std::slice::from_ref(&id)).expect("squeue answers");
        states.iter().all(|task| !task.state.is_live())
    });
    let prefix = format!("phasesweep-{job}_");
    let task = |name: &str| name.strip_prefix(&prefix)?.strip_suffix(".log")?.parse::<usize>().ok();
    let entries = fs::read_dir(cluster.dir()).expect("the rig's directory").flatten();
    let logs = entries.filter_map(|entry| Some((task(&entry.file_name().to_string_lossy())?, entry.path())));
    logs.map(|(task, path)| (task, fs::read_to_string(path).expect("a log"))).collect()
}

/// The plain file, as a person would use it: an array whose tasks take one sweep each, from any first index.
#[test]
#[ignore = "starts a real Slurm: make test-slurm"]
fn an_array_takes_one_sweep_for_each_task() {
    let Some(cluster) = Cluster::start() else { return };
    let sweeps: Vec<PathBuf> = (1..=3).map(|n| write_sweep(cluster.dir(), &format!("array{n}"), n)).collect();
    let logs = run_array(&cluster, "0-2", PHASESWEEP, &sweeps);
    assert_eq!(logs.len(), 3);
    for (task, seeds) in (1..=3).enumerate() {
        let results = cluster.path(&format!("runs/array{seeds}/results.h5"));
        assert!(results.exists(), "{}", logs[&task]);
        assert_eq!(cells(&results).len(), seeds, "{}", logs[&task]);
    }
}

/// Whatever the indices are, the k-th task takes the k-th sweep, requeued or not; or every task refuses.
#[test]
#[ignore = "starts a real Slurm: make test-slurm"]
fn an_array_works_from_any_first_index_or_refuses_in_every_task() {
    let Some(cluster) = Cluster::start() else { return };
    let sweeps: Vec<PathBuf> = ["a", "b", "c"].map(|name| cluster.path(&format!("{name}.toml"))).to_vec();
    // In place of phasesweep: says which sweep it was given; all but the first are interrupted once. The last task of an
    // array has the number of the whole array, which must not be requeued in its place.
    let program = cluster.path("tell");
    let text = "#!/bin/bash\n[ \"$1\" = run ] || exit 0\necho \"given $2, restart ${SLURM_RESTART_COUNT:-0}\"\n\
                [ \"${SLURM_RESTART_COUNT:-0}\" = 0 ] && [[ $2 != *a.toml ]] && sleep 5 && exit 75\nexit 0\n";
    fs::write(&program, text).expect("a program");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("executable");
    let program = program.display().to_string();
    for (indices, expected) in [("1-3", [1, 2, 3]), ("7-11:2", [7, 9, 11])] {
        let logs = run_array(&cluster, indices, &program, &sweeps);
        for (task, sweep) in expected.iter().zip(&sweeps) {
            let given = format!("given {}, restart", sweep.display());
            let launches = if sweep.ends_with("a.toml") { 1 } else { 2 };
            assert_eq!(logs[task].matches(&given).count(), launches, "{indices}, task {task}: {}", logs[task]);
            assert_eq!(logs[task].matches("given ").count(), launches, "{indices}, task {task}: {}", logs[task]);
        }
    }
    let twin = cluster.path("other/a.toml");
    for (indices, tasks, sweeps, reason) in [
        ("0-1", 2, sweeps.clone(), "3 sweeps and 2 tasks"),
        ("0-3", 4, sweeps.clone(), "3 sweeps and 4 tasks"),
        ("1,2,6", 3, sweeps.clone(), "not evenly spaced"),
        ("0-1", 2, vec![sweeps[0].clone(), twin], "several sweeps are called a"),
    ] {
        let logs = run_array(&cluster, indices, &program, &sweeps);
        assert_eq!(logs.len(), tasks, "{indices}");
        for (task, log) in logs {
            assert!(log.contains(reason) && !log.contains("given"), "{indices}, task {task}: {log}");
        }
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
                variable: "CUDA_VISIBLE_DEVICES",
                visible: Some(visible),
                lister: "nvidia-smi -L",
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
