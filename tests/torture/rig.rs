//! Runs the binary alone and on ranks, signals it, and reads what it left.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The binary under test.
pub(crate) const PHASESWEEP: &str = env!("CARGO_BIN_EXE_phasesweep");

/// No step of a campaign takes longer: a run that does hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A sweep file of so many seeds and epochs on digits, with two learning rates.
pub(crate) fn write_sweep(directory: &Path, seeds: usize, epochs: usize) -> PathBuf {
    let path = directory.join("sweep.toml");
    let text = format!(
        "[sweep]\nname = \"torture\"\nseeds = {{ count = {seeds} }}\n\n\
         [[data]]\nsource = \"digits\"\nlabels = \"parity\"\n\n[[subsample]]\nsize = 300\nblock = 0\n\n\
         [[architecture]]\nkind = \"mlp\"\nhidden = [8]\nactivation = \"tanh\"\n\n\
         [[optimiser]]\nkind = \"sgd\"\nlr = [0.2, 0.4]\nmomentum = 0.9\n\n\
         [train]\nepochs = {epochs}\nloss = \"cross-entropy\"\nbatch = \"full\"\n\n\
         [observe]\nmisclassified = {{ at = \"log\" }}\n"
    );
    fs::write(&path, text).expect("a scratch directory is writable");
    path
}

/// phasesweep on so many ranks of mpirun (of the library that `PHASESWEEP_MPIRUN` names), or alone.
pub(crate) fn phasesweep(ranks: usize) -> Command {
    let mut command = if ranks > 1 {
        let mut command = Command::new(std::env::var_os("PHASESWEEP_MPIRUN").unwrap_or_else(|| "mpirun".into()));
        // Open MPI's own flags, as variables that other libraries ignore.
        command.env("OMPI_MCA_rmaps_base_oversubscribe", "1").env("OMPI_MCA_hwloc_base_binding_policy", "none");
        command.args(["-n", &ranks.to_string(), PHASESWEEP]);
        command
    } else {
        Command::new(PHASESWEEP)
    };
    command.env("XDG_CACHE_HOME", std::env::temp_dir().join("phasesweep-test-cache")).env_remove("PHASESWEEP_LOG");
    // A container's root must say so.
    command.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
    command.stdin(Stdio::null());
    command
}

/// `phasesweep run` of a sweep into a directory, one thread a rank.
pub(crate) fn run(ranks: usize, sweep: &Path, out: &Path) -> Command {
    let mut command = phasesweep(ranks);
    command.arg("run").arg(sweep).arg("--out").arg(out).args(["--device", "flex", "--threads", "1", "--quiet"]);
    command
}

/// Runs to the end, or fails the test as a hang.
pub(crate) fn finish(command: &mut Command) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let id = child.id();
    let (done, waiting) = std::sync::mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        if waiting.recv_timeout(PATIENCE).is_err() {
            signal(id, "KILL");
            return true;
        }
        false
    });
    let output = child.wait_with_output().expect("its output is read");
    let _ = done.send(());
    let hung = watchdog.join().expect("the watchdog ends");
    assert!(!hung, "{command:?} hangs: {}", said(&output));
    output
}

/// Runs to the end and insists on an exit code.
pub(crate) fn expect_code(command: &mut Command, code: i32) -> Output {
    let output = finish(command);
    assert_eq!(output.status.code(), Some(code), "{command:?}: {}", said(&output));
    output
}

/// Everything a program printed.
pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Sends a signal to a process, which may be gone.
pub(crate) fn signal(pid: u32, name: &str) {
    let _ = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).stderr(Stdio::null()).status();
}

/// The phasesweep processes that a child started, itself included, ranks in order of their pids.
pub(crate) fn processes(of: &Child) -> Vec<u32> {
    let mut family = vec![of.id()];
    let mut found = Vec::new();
    let mut place = 0;
    while let Some(&pid) = family.get(place) {
        place += 1;
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        if name.trim() == "phasesweep" {
            found.push(pid);
        }
        for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            family.extend(children.split_whitespace().filter_map(|pid| pid.parse::<u32>().ok()));
        }
    }
    found.sort_unstable();
    found
}

/// Waits for a child, but not for ever; its exit code.
pub(crate) fn wait(child: &mut Child, what: &str) -> Option<i32> {
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return status.code();
        }
        if started.elapsed() > PATIENCE {
            processes(child).into_iter().for_each(|pid| signal(pid, "KILL"));
            let _ = child.kill();
            panic!("{what}: the run hangs");
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Everything measured of each cell, as bits: cell id → variable → values.
pub(crate) type Results = BTreeMap<String, BTreeMap<&'static str, Vec<u32>>>;

/// Reads the measurements and statuses of every cell, without phasesweep's own reader.
pub(crate) fn results(out: &Path) -> Results {
    let path = out.join("results.h5");
    let file = hdf5::File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let ids: Vec<hdf5::types::VarLenUnicode> = file.dataset("cell_id").expect("ids").read_raw().expect("ids");
    let mut all: Results = ids.iter().map(|id| (id.as_str().to_owned(), BTreeMap::new())).collect();
    assert_eq!(all.len(), ids.len(), "a cell is counted twice");
    for name in
        ["train_loss", "train_error", "test_error", "radius", "distance", "misclassified", "misclassified_count"]
    {
        let Ok(dataset) = file.dataset(name) else { continue };
        let bits: Vec<u32> = if name == "misclassified" {
            dataset.read_raw::<u8>().expect("bytes").into_iter().map(u32::from).collect()
        } else {
            dataset.read_raw::<f32>().expect("floats").into_iter().map(f32::to_bits).collect()
        };
        let each = bits.len() / ids.len().max(1);
        for (place, id) in ids.iter().enumerate() {
            let values = bits[place * each..(place + 1) * each].to_vec();
            all.entry(id.as_str().to_owned()).or_default().insert(name, values);
        }
    }
    all
}
