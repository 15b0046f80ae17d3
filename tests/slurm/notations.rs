//! The notations of time and memory, held against Slurm itself: what sbatch takes we take, with the same meaning, and
//! what it refuses we refuse.

use super::cluster::{Cluster, stdout};
use phasesweep::slurm::{Memory, Walltime};

/// A job that is held, with one option; `None` if sbatch refuses it, else a field of what Slurm understood.
fn understood(cluster: &Cluster, option: &str, field: &str) -> Option<String> {
    let mut command = cluster.command("sbatch");
    let output = command.args(["--parsable", "--hold", option, "--wrap", "true"]).output().expect("sbatch runs");
    output.status.success().then(|| {
        let job: u64 = stdout(output).trim().parse().expect("an id");
        let value = cluster.field(job, field);
        cluster.cancel(job);
        value
    })
}

#[test]
#[ignore = "starts a real Slurm: make test-slurm"]
fn walltimes_mean_what_they_mean_to_slurm() {
    let Some(cluster) = Cluster::start() else { return };
    // Negative times are left out: 22.05 takes --time=-5 for eight thousand years.
    for text in [
        "30",
        "0:30",
        "90:30",
        "2:00:05",
        "12:00:00",
        "1-12",
        "1-12:30",
        "1-12:30:01",
        "UNLIMITED",
        "unlimited",
        "INFINITE",
        "infinite",
        "-1",
        "100:00",
        "25:00:00",
        "1h",
        "1:2:3:4",
        "1:",
        "1-",
        "-",
        "1-2-3",
        "soon",
        "1.5",
        "1-2:3:4:5",
    ] {
        let ours = Walltime::parse(text);
        let theirs = understood(&cluster, &format!("--time={text}"), "TimeLimit");
        let Some(theirs) = theirs else {
            assert_eq!(ours, None, "sbatch refuses --time={text}");
            continue;
        };
        match ours {
            Some(Walltime::Unlimited) => assert_eq!(theirs, "UNLIMITED", "{text}"),
            // Slurm keeps whole minutes, rounded up.
            Some(Walltime::Seconds(seconds)) => {
                let Some(Walltime::Seconds(kept)) = Walltime::parse(&theirs) else { panic!("{text}: {theirs}") };
                assert_eq!(seconds.div_ceil(60) * 60, kept, "{text} is {theirs}");
            }
            None => panic!("sbatch takes --time={text} as {theirs}"),
        }
    }
}

#[test]
#[ignore = "starts a real Slurm: make test-slurm"]
fn amounts_of_memory_mean_what_they_mean_to_slurm() {
    let Some(cluster) = Cluster::start() else { return };
    // Nodes have 2000 MB: more would be refused for another reason.
    for text in [
        "1000", "1000M", "1000m", "1000MB", "1000mb", "1G", "1g", "1GB", "1gb", "1024K", "2048KB", "G", "1.5G", "1GiB",
        "1 G", "1X", "x",
    ] {
        let ours = Memory::parse(text);
        let theirs = understood(&cluster, &format!("--mem={text}"), "MinMemoryNode");
        let theirs = theirs.map(|text| Memory::parse(&text).unwrap_or_else(|| panic!("Slurm says {text}")));
        assert_eq!(ours, theirs, "--mem={text}");
    }
}
