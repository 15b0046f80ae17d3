//! Tells the program the git commit that it is built from, for the provenance of results; empty where unknown. And
//! whether the HDF5 library that was found can open files without locking them.

use std::process::Command;

fn main() {
    let commit = Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=12"])
        // Else git writes the index that it has looked through, and the next build would begin with this program again, and
        // so with the library.
        .env("GIT_OPTIONAL_LOCKS", "0")
        .output()
        .ok()
        .filter(|output| output.status.success())
        .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_string())
        .unwrap_or_default();
    println!("cargo:rustc-env=PHASESWEEP_GIT_COMMIT={commit}");
    println!("cargo:rerun-if-changed=.git/HEAD");
    println!("cargo:rerun-if-changed=.git/index");

    // H5Pset_file_locking came with 1.10.7, and is not in 1.12.0. hdf5-sys names every version up to the one it found.
    println!("cargo:rustc-check-cfg=cfg(hdf5_locking_is_settable)");
    let reaches = |version: &str| std::env::var_os(format!("DEP_HDF5_VERSION_{version}")).is_some();
    if (reaches("1_10_7") && !reaches("1_12_0")) || reaches("1_12_1") {
        println!("cargo:rustc-cfg=hdf5_locking_is_settable");
    }
}
