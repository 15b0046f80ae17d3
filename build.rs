//! Tells the program the git commit that it is built from, for the provenance of results; empty where unknown. And
//! whether the HDF5 library that was found can open files without locking them.

use std::process::Command;

fn main() {
    let commit = git(&["describe", "--always", "--dirty", "--abbrev=12"]).unwrap_or_default();
    println!("cargo:rustc-env=PHASESWEEP_GIT_COMMIT={commit}");
    // git says where they are: in a worktree `.git` is a file, and a path that is not there would rerun this with every build.
    for name in ["HEAD", "index"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]) {
            println!("cargo:rerun-if-changed={path}");
        }
    }

    // H5Pset_file_locking came with 1.10.7, and is not in 1.12.0. hdf5-sys names every version up to the one it found.
    println!("cargo:rustc-check-cfg=cfg(hdf5_locking_is_settable)");
    let reaches = |version: &str| std::env::var_os(format!("DEP_HDF5_VERSION_{version}")).is_some();
    if (reaches("1_10_7") && !reaches("1_12_0")) || reaches("1_12_1") {
        println!("cargo:rustc-cfg=hdf5_locking_is_settable");
    }
}

/// What git answers, on one line; `None` without git or outside a repository.
fn git(arguments: &[&str]) -> Option<String> {
    let mut git = Command::new("git");
    // Else git writes the index that it has looked through, and the next build would begin with this program again, and so with
    // the library.
    git.args(arguments).env("GIT_OPTIONAL_LOCKS", "0");
    let output = git.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
