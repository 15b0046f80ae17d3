//! A job's limits through the real program: memory as the job has it, times that cannot be, an allocation that brings
//! nothing, and what `submit` refuses before it queues.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::rig::{BASE, expect_code, mpirun, phasesweep, sweep_file};

/// 256 cells of 100 MiB and more.
const LARGE: &str = r#"
[sweep]
name = "memory"
seeds = 256
[[data]]
source = "digits"
labels = "classes"
[[subsample]]
size = 1500
[[architecture]]
kind = "mlp"
hidden = [2000, 2000, 2000]
activation = "relu"
[[optimiser]]
kind = "adam"
lr = 0.001
[train]
epochs = 2
"#;

/// Variables of a job that this test may run in itself.
const OF_A_JOB: [&str; 8] = [
    "SLURM_JOB_ID",
    "SLURM_JOB_END_TIME",
    "SLURM_MEM_PER_NODE",
    "SLURM_MEM_PER_CPU",
    "SLURM_MEM_PER_GPU",
    "SLURM_CPUS_ON_NODE",
    "SLURM_CPUS_PER_TASK",
    "SLURM_RESTART_COUNT",
];

fn outside_of_jobs(mut command: Command) -> Command {
    for name in OF_A_JOB {
        command.env_remove(name);
    }
    command
}

fn said(output: &Output) -> String {
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(!said.contains("panicked"), "{said}");
    said
}

#[test]
fn plan_says_what_the_job_allows_and_by_which_limit() {
    let dir = tempfile::tempdir().unwrap();
    let sweep = sweep_file(dir.path(), LARGE);
    let plan = |variables: &[(&str, &str)], ranks: &str| {
        let mut command = outside_of_jobs(phasesweep());
        command.arg("plan").arg(&sweep).args(["--ranks", ranks]).envs(variables.iter().copied());
        said(&expect_code(&mut command, 0))
    };
    let two = plan(&[("SLURM_MEM_PER_NODE", "2048")], "1");
    assert!(two.contains("2.0 GiB allowed per rank (SLURM_MEM_PER_NODE)"), "{two}");
    let shared = plan(&[("SLURM_MEM_PER_NODE", "2048")], "4");
    assert!(shared.contains("512.0 MiB allowed per rank (SLURM_MEM_PER_NODE)"), "{shared}");
    let by_cpu = plan(&[("SLURM_MEM_PER_CPU", "512"), ("SLURM_CPUS_ON_NODE", "3")], "1");
    assert!(by_cpu.contains("1.5 GiB allowed per rank (SLURM_MEM_PER_CPU)"), "{by_cpu}");
    let threads = plan(&[("SLURM_CPUS_PER_TASK", "1")], "1");
    assert!(threads.contains("1   per rank (SLURM_CPUS_PER_TASK)"), "{threads}");
    let mut doctor = outside_of_jobs(phasesweep());
    doctor.arg("doctor").env("SLURM_MEM_PER_NODE", "2048");
    let doctor = said(&doctor.output().unwrap());
    assert!(doctor.contains("2.0 GiB of memory allowed (SLURM_MEM_PER_NODE)"), "{doctor}");
}

/// Shorter than the margin that is kept free unless told otherwise: the margin gives way, and it trains.
#[test]
fn a_short_walltime_shortens_the_margin() {
    let dir = tempfile::tempdir().unwrap();
    let sweep = sweep_file(dir.path(), BASE);
    let mut run = outside_of_jobs(phasesweep());
    run.arg("run").arg(&sweep).arg("--out").arg(dir.path().join("out")).args(["--walltime", "45"]);
    let words = said(&expect_code(&mut run, 0));
    assert!(words.contains("22 s of the 60 s of --margin"), "{words}");
}

#[test]
fn times_and_amounts_that_are_none_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let sweep = sweep_file(dir.path(), BASE);
    let out = dir.path().join("out");
    for wrong in [
        ["--walltime", "nan"],
        ["--walltime", "inf"],
        ["--walltime", "0"],
        ["--walltime", "soon"],
        ["--margin", "nan"],
        ["--margin", "-1"],
        ["--checkpoint-seconds", "nan"],
        ["--memory", "nan"],
        ["--memory", "0"],
        ["--threads", "0"],
    ] {
        let wrong = format!("{}={}", wrong[0], wrong[1]);
        let mut run = outside_of_jobs(phasesweep());
        let words = said(&expect_code(run.arg("run").arg(&sweep).arg("--out").arg(&out).arg(&wrong), 2));
        assert!(words.contains(wrong.split('=').next().unwrap()), "{wrong}: {words}");
        assert!(!out.exists(), "{wrong}");
    }
    let words = said(&expect_code(phasesweep().arg("status").arg(&out).args(["--every", "nan"]), 2));
    assert!(words.contains("--every") && words.contains("number of seconds"), "{words}");
}

#[test]
fn a_job_that_has_ended_starts_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let sweep = sweep_file(dir.path(), BASE);
    let out = dir.path().join("out");
    for command in [phasesweep(), mpirun(2)] {
        let mut run = outside_of_jobs(command);
        run.arg("run").arg(&sweep).arg("--out").arg(&out).env("SLURM_JOB_END_TIME", "1000000000");
        let words = said(&expect_code(&mut run, 2));
        assert!(words.contains("SLURM_JOB_END_TIME") && words.contains("--walltime"), "{words}");
        assert!(!out.exists());
    }
    // A person's word goes above that of a job that is over.
    let mut run = outside_of_jobs(phasesweep());
    run.arg("run").arg(&sweep).arg("--out").arg(&out).env("SLURM_JOB_END_TIME", "1000000000");
    expect_code(run.args(["--walltime", "1:00:00"]), 0);
}

/// Pretended cells leave no checkpoint: what does not fit into the walltime brings nothing, now or again.
#[test]
fn an_allocation_that_brings_nothing_is_no_interruption() {
    let dir = tempfile::tempdir().unwrap();
    let sweep = sweep_file(dir.path(), BASE);
    for (ranks, command) in [(1, phasesweep()), (2, mpirun(2))] {
        let mut run = outside_of_jobs(command);
        run.arg("run").arg(&sweep).arg("--out").arg(dir.path().join(format!("out-{ranks}")));
        let words = said(&expect_code(run.args(["--simulate", "600", "--walltime", "4"]), 2));
        assert!(words.contains("nothing was finished or checkpointed"), "{words}");
    }
}

/// Trained in earnest, the same sweep comes nearer to its end in every allocation: it is interrupted, and goes on.
#[test]
fn an_allocation_that_brings_a_checkpoint_is_an_interruption() {
    let dir = tempfile::tempdir().unwrap();
    let sweep = sweep_file(dir.path(), &BASE.replace("epochs = 30", "epochs = 5000000"));
    for _ in 0..2 {
        let mut run = outside_of_jobs(phasesweep());
        run.arg("run").arg(&sweep).arg("--out").arg(dir.path().join("out")).args(["--walltime", "20"]);
        let words = said(&expect_code(&mut run, 75));
        assert!(words.contains("the walltime is near"), "{words}");
    }
}

/// A directory with a program called sbatch that keeps what it is given.
fn with_sbatch(dir: &Path) -> String {
    let program = dir.join("sbatch");
    let body =
        "#!/bin/sh\nenv > \"$(dirname \"$0\")/environment\"\ncp \"$2\" \"$(dirname \"$0\")/script\"\necho 4711\n";
    std::fs::write(&program, body).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    format!("{}:{}", dir.display(), std::env::var("PATH").unwrap_or_default())
}

#[test]
fn a_job_submitted_from_inside_another_is_told_nothing_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let sweep = sweep_file(dir.path(), BASE);
    let mut submit = phasesweep();
    submit.arg("submit").arg(&sweep).arg("--out").arg(dir.path().join("out")).env("PATH", with_sbatch(dir.path()));
    submit.envs([
        ("SLURM_JOB_ID", "99"),
        ("SLURM_CPUS_PER_TASK", "4"),
        ("SLURM_MEM_PER_CPU", "100"),
        ("SRUN_CPUS_PER_TASK", "4"),
        ("SLURM_CONF", "/etc/site/slurm.conf"),
        ("SBATCH_ACCOUNT", "physics"),
    ]);
    expect_code(&mut submit, 0);
    let environment = std::fs::read_to_string(dir.path().join("environment")).unwrap();
    let slurm: Vec<&str> = environment.lines().filter(|line| line.starts_with('S') && line.contains("_")).collect();
    let mut slurm: Vec<&str> = slurm
        .into_iter()
        .filter(|line| ["SLURM", "SBATCH", "SRUN"].iter().any(|name| line.starts_with(name)))
        .collect();
    slurm.sort_unstable();
    assert_eq!(slurm, ["SBATCH_ACCOUNT=physics", "SLURM_CONF=/etc/site/slurm.conf"]);
}

#[test]
fn what_sbatch_takes_is_taken_and_what_contradicts_itself_is_not_queued() {
    let dir = tempfile::tempdir().unwrap();
    let path = with_sbatch(dir.path());
    let submit = |text: &str, arguments: &[&str], code: i32| {
        let sweep = sweep_file(dir.path(), text);
        let mut command = phasesweep();
        command.arg("submit").arg(sweep).arg("--out").arg(dir.path().join("out")).env("PATH", &path).args(arguments);
        said(&expect_code(&mut command, code))
    };
    for (mem, time) in [("64g", "UNLIMITED"), ("64GB", "2-12"), ("64gb", "12:00:00"), ("65536", "90:30")] {
        let table = format!("{BASE}\n[slurm]\nmem = \"{mem}\"\ntime = \"{time}\"\n");
        let by_table = submit(&table, &["--dry-run"], 0);
        let by_flag = submit(BASE, &["--dry-run", "--mem", mem, "--time", time], 0);
        assert_eq!(by_table, by_flag, "{mem}, {time}: there is one reader");
        assert!(by_flag.contains(&format!("#SBATCH --mem={mem}")), "{by_flag}");
    }
    let twice = format!("{BASE}\n[slurm]\ntime = \"1:00:00\"\nextra = [\"#SBATCH -t 5\"]\n");
    for (text, arguments, words) in [
        (BASE, &["--mem", "4G", "--extra", "#SBATCH --mem-per-cpu=1G"][..], "exclude each other"),
        (BASE, &["--extra", "#SBATCH --output=mine.log"], "gives --output twice"),
        (BASE, &["--time", "1:00:00", "--time", "2:00:00"], "cannot be used multiple times"),
        (BASE, &["--", "--threads", "4"], "'--threads <N>' cannot be used multiple times"),
        (BASE, &["--", "--walltime", "nan"], "not a walltime"),
        (BASE, &["--", "--epochs", "4"], "--epochs"),
        (BASE, &["--mem", "64 G"], "not an amount of memory"),
        (BASE, &["--time", "1h"], "days-hours:minutes:seconds or UNLIMITED"),
        (&twice, &[], "gives --time twice"),
    ] {
        let said = submit(text, arguments, 2);
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert!(!dir.path().join("script").exists(), "{arguments:?} was queued");
    }
}
