//! Many kills at random moments; after each, relaunches until the sweep is complete, and the results of an unbroken run.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::rig::{Results, expect_code, finish, processes, results, run, said, signal, wait, write_sweep};

const SEEDS: usize = 12;
// Long enough that most blows fall while cells are trained and not while MPI starts, on a fast machine too.
const EPOCHS: usize = 8000;

/// What befalls a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Blow {
    /// kill -9 of one rank.
    KillOne,
    /// kill -9 of every rank at once, as a power cut.
    KillAll,
    /// kill -9 of mpirun itself.
    KillLauncher,
    /// SIGTERM, as scancel sends.
    Terminate,
    /// SIGUSR1, as Slurm sends before the walltime.
    Warn,
    /// A rank stands still for a while and goes on.
    Pause,
}

const BLOWS: [Blow; 6] = [Blow::KillOne, Blow::KillAll, Blow::KillLauncher, Blow::Terminate, Blow::Warn, Blow::Pause];

/// Strikes; the processes are looked up at the last moment.
fn strike(blow: Blow, child: &Child, random: &mut ChaCha8Rng) {
    let ranks = processes(child);
    let one = (!ranks.is_empty()).then(|| ranks[random.random_range(0..ranks.len())]);
    match blow {
        Blow::KillOne => one.into_iter().for_each(|pid| signal(pid, "KILL")),
        Blow::KillAll => ranks.into_iter().for_each(|pid| signal(pid, "KILL")),
        Blow::KillLauncher => signal(child.id(), "KILL"),
        Blow::Terminate => signal(child.id(), "TERM"),
        Blow::Warn => signal(child.id(), "USR1"),
        Blow::Pause => {
            if let Some(pid) = one {
                signal(pid, "STOP");
                std::thread::sleep(Duration::from_millis(random.random_range(50..800)));
                signal(pid, "CONT");
            }
        }
    }
}

/// Runs until nothing is left to do; how many launches it took.
fn relaunch(ranks: usize, sweep: &Path, out: &Path, case: &str) -> usize {
    for launch in 1..=10 {
        let output = finish(&mut run(ranks, sweep, out));
        match output.status.code() {
            Some(0) => return launch,
            // A rank that the launcher has not ended yet may still hold the directory.
            Some(75) => std::thread::sleep(Duration::from_millis(200)),
            code => panic!("{case}: relaunched with exit code {code:?}: {}", said(&output)),
        }
    }
    panic!("{case}: not complete after ten launches");
}

/// One kill of the campaign: strikes a run at a random moment, relaunches it, and compares.
fn kill(nth: u64, seed: u64, sweep: &Path, unbroken: &Results, whole: [Duration; 2]) -> (Blow, usize, bool) {
    let mut random = ChaCha8Rng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(nth));
    let ranks = random.random_range(1..=2);
    let blow = BLOWS[random.random_range(0..BLOWS.len())];
    let checkpoint = [0.0, 0.05, 300.0][random.random_range(0..3)];
    // Past the end too: a blow may come while results are collected, or too late.
    let moment = whole[ranks - 1].mul_f64(random.random_range(0.0..1.1));
    let case = format!(
        "kill {nth} of seed {seed}: {blow:?} after {moment:?} on {ranks} rank(s), checkpoints every {checkpoint} s"
    );
    let dir = tempfile::tempdir().expect("a scratch directory");
    let out = dir.path().join("run");
    let mut command = run(ranks, sweep, &out);
    command.args(["--checkpoint-seconds", &checkpoint.to_string()]).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().expect("the program starts");
    std::thread::sleep(moment);
    strike(blow, &child, &mut random);
    let code = wait(&mut child, &case);
    // Open MPI's mpirun answers SIGTERM with a code of its own, and kills the ranks a second later.
    let orderly = blow == Blow::Warn || blow == Blow::Terminate && ranks == 1;
    if orderly && moment > whole[ranks - 1].mul_f64(0.5) {
        assert!(matches!(code, Some(0 | 75)), "{case}: an orderly stop ended with {code:?}");
    }
    let launches = if code == Some(0) { 0 } else { relaunch(ranks, sweep, &out, &case) };
    assert!(results(&out) == *unbroken, "{case}: the results differ from those of an unbroken run");
    (blow, launches, code == Some(0))
}

/// The campaign.
#[test]
fn killed_runs_end_in_the_results_of_an_unbroken_one() {
    let number = |name: &str, default: u64| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default);
    let (kills, seed) = (number("PHASESWEEP_KILLS", 8), number("PHASESWEEP_SEED", 1));
    let dir = tempfile::tempdir().expect("a scratch directory");
    let sweep = write_sweep(dir.path(), SEEDS, EPOCHS);
    let whole = [1, 2].map(|ranks| {
        let started = Instant::now();
        expect_code(&mut run(ranks, &sweep, &dir.path().join(format!("unbroken-{ranks}"))), 0);
        started.elapsed()
    });
    let unbroken = results(&dir.path().join("unbroken-1"));
    assert_eq!(unbroken.len(), 2 * SEEDS);
    assert!(results(&dir.path().join("unbroken-2")) == unbroken, "results depend on the number of ranks");
    let started = Instant::now();
    let mut tally: BTreeMap<Blow, [usize; 3]> = BTreeMap::new();
    for nth in 0..kills {
        let (blow, launches, unharmed) = kill(nth, seed, &sweep, &unbroken, whole);
        let of = tally.entry(blow).or_default();
        *of = [of[0] + 1, of[1] + launches, of[2] + usize::from(unharmed)];
    }
    println!("{kills} kills of seed {seed} in {:.0?}; an unbroken run takes {whole:.1?}", started.elapsed());
    for (blow, [count, launches, unharmed]) in tally {
        println!("  {blow:?}: {count}, {launches} relaunches in all, {unharmed} runs that ended by themselves");
    }
}
