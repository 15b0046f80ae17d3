//! The two calls of HDF5's high-level library that attach dimension scales, which the `hdf5` crate does not wrap: what makes an
//! array of a file one that netCDF-4 readers know the dimensions of.
//!
//! Invariant: every call is made under the `hdf5` crate's global lock, which
//! serialises all of HDF5 in this process. The library is linked by `hdf5-sys` (feature `hl`).

#![allow(unsafe_code)]

use std::ffi::{CString, c_char, c_uint};

use hdf5::{Dataset, Result};
use hdf5_sys::h5::herr_t;
use hdf5_sys::h5i::hid_t;

unsafe extern "C" {
    fn H5DSset_scale(scale: hid_t, name: *const c_char) -> herr_t;
    fn H5DSattach_scale(dataset: hid_t, scale: hid_t, index: c_uint) -> herr_t;
}

/// Makes a dataset the scale of a dimension of that name.
pub(super) fn set(scale: &Dataset, name: &str) -> Result<()> {
    let name = CString::new(name).map_err(|_| hdf5::Error::from("a dimension's name holds a zero byte"))?;
    // SAFETY: the id is that of a live dataset (borrowed for the call), the name is terminated by a zero and only read.
    hdf5::sync::sync(|| hdf5::h5check(unsafe { H5DSset_scale(scale.id(), name.as_ptr()) })).map(drop)
}

/// Attaches a scale to one dimension of a dataset.
pub(super) fn attach(dataset: &Dataset, scale: &Dataset, dimension: usize) -> Result<()> {
    // SAFETY: both ids are those of live datasets, borrowed for the call; an index out of range is an error code.
    let code = || unsafe { H5DSattach_scale(dataset.id(), scale.id(), dimension as c_uint) };
    hdf5::sync::sync(|| hdf5::h5check(code())).map(drop)
}
