//! Tells the program what the HDF5 library that was found can do: open files without locking them, read chunks as they lie in the file.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // H5Pset_file_locking came with 1.10.7, and is not in 1.12.0. hdf5-sys names every version up to the one it found.
    println!("cargo:rustc-check-cfg=cfg(hdf5_locking_is_settable)");
    let reaches = |version: &str| std::env::var_os(format!("DEP_HDF5_VERSION_{version}")).is_some();
    if (reaches("1_10_7") && !reaches("1_12_0")) || reaches("1_12_1") {
        println!("cargo:rustc-cfg=hdf5_locking_is_settable");
    }
    // H5Dread_chunk came with 1.10.3, and has another argument since 2.0.
    println!("cargo:rustc-check-cfg=cfg(hdf5_reads_chunks, hdf5_2)");
    if reaches("1_10_3") {
        println!("cargo:rustc-cfg=hdf5_reads_chunks");
    }
    if reaches("2_0_0") {
        println!("cargo:rustc-cfg=hdf5_2");
    }
}
