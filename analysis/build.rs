//! Tells the program whether the HDF5 library that was found can open files without locking them.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // H5Pset_file_locking came with 1.10.7, and is not in 1.12.0. hdf5-sys names every version up to the one it found.
    println!("cargo:rustc-check-cfg=cfg(hdf5_locking_is_settable)");
    let reaches = |version: &str| std::env::var_os(format!("DEP_HDF5_VERSION_{version}")).is_some();
    if (reaches("1_10_7") && !reaches("1_12_0")) || reaches("1_12_1") {
        println!("cargo:rustc-cfg=hdf5_locking_is_settable");
    }
}
