//! The few calls of the HDF5 libraries that the `hdf5` crate does not wrap: dimension scales, files in memory, and chunks
//! written as they lie in the file; and how files on disk are opened, without HDF5's own file locks.
//!
//! HDF5 locks every file that it opens (flock(2)). Nothing here relies on these locks: files are replaced whole, never
//! written in place, and the lease says who works in a run directory. They only do harm: a results file that somebody
//! has open for writing elsewhere could not be read, some network file systems have no locks at all, and since HDF5
//! opens files without `O_CLOEXEC`, every child that is started meanwhile holds a lock for as long as it lives. A
//! person who wants them sets `HDF5_USE_FILE_LOCKING=TRUE`, which HDF5 itself puts above what is asked for here.
//!
//! The only file of the store with `unsafe`. Invariant: every call into the libraries is made under the `hdf5` crate's
//! global lock, which serialises all of HDF5 in this process. The high-level library is linked by `hdf5-sys` (feature
//! `hl`) from wherever it found HDF5 itself.

#![allow(unsafe_code)]

use std::ffi::{CString, c_char, c_uint, c_void};
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};

use hdf5::file::FileBuilder;
use hdf5::types::VarLenUnicode;
use hdf5::{Dataset, File, Location, Result};
use hdf5_sys::h5::{herr_t, hsize_t};
use hdf5_sys::h5f::H5Fget_file_image;
use hdf5_sys::h5i::hid_t;
use hdf5_sys::h5p::H5P_DEFAULT;

unsafe extern "C" {
    fn H5DSset_scale(scale: hid_t, name: *const c_char) -> herr_t;
    fn H5DSattach_scale(dataset: hid_t, scale: hid_t, index: c_uint) -> herr_t;
    fn H5LTopen_file_image(bytes: *mut c_void, length: usize, flags: c_uint) -> hid_t;
    // HDF5 1.10.3 and later.
    fn H5Dwrite_chunk(
        dataset: hid_t,
        transfer: hid_t,
        filters: u32,
        offset: *const hsize_t,
        length: usize,
        bytes: *const c_void,
    ) -> herr_t;
}

/// Opens a file on disk for reading.
pub(crate) fn open(path: &Path) -> Result<File> {
    unlocked().open(path)
}

/// Creates a file on disk; one that is there is emptied.
pub(crate) fn create(path: &Path) -> Result<File> {
    unlocked().create(path)
}

/// How files on disk are opened. HDF5 before 1.10.7, and 1.12.0, know of no way but `HDF5_USE_FILE_LOCKING=FALSE`.
fn unlocked() -> FileBuilder {
    #[cfg_attr(not(hdf5_locking_is_settable), allow(unused_mut))]
    let mut options = File::with_options();
    #[cfg(hdf5_locking_is_settable)]
    options.access_plist().file_locking(false);
    options
}

/// Makes a dataset the scale of a dimension of that name.
pub(crate) fn set_scale(scale: &Dataset, name: &str) -> Result<()> {
    let name = CString::new(name).map_err(|_| hdf5::Error::from("a dimension's name holds a zero byte"))?;
    // SAFETY: the id is that of a live dataset (borrowed for the call), the name is terminated by a zero and only read.
    hdf5::sync::sync(|| hdf5::h5check(unsafe { H5DSset_scale(scale.id(), name.as_ptr()) })).map(drop)
}

/// Attaches a scale to one dimension of a dataset.
pub(crate) fn attach_scale(dataset: &Dataset, scale: &Dataset, dimension: usize) -> Result<()> {
    // SAFETY: both ids are those of live datasets, borrowed for the call; an index out of range is an error code.
    let code = || unsafe { H5DSattach_scale(dataset.id(), scale.id(), dimension as c_uint) };
    hdf5::sync::sync(|| hdf5::h5check(code())).map(drop)
}

/// A new file that lives in memory only.
pub(crate) fn create_in_memory() -> Result<File> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // The library takes two open in-memory files of one name for the same file. It also looks whether there is a file of
    // that name on disk: where there can be none, and not in the working directory, which may be on a busy file server.
    let name = format!("/dev/null/phasesweep-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    File::with_options().with_fapl(|access| access.core_filebacked(false)).create(name)
}

/// The bytes that the file would have on disk.
pub(crate) fn image(file: &File) -> Result<Vec<u8>> {
    file.flush()?;
    hdf5::sync::sync(|| {
        // SAFETY: a null buffer asks for the length only.
        let length = unsafe { H5Fget_file_image(file.id(), ptr::null_mut(), 0) };
        let length = usize::try_from(length).map_err(|_| hdf5::Error::from("the file has no image"))?;
        let mut bytes = vec![0_u8; length];
        // SAFETY: the buffer has the length that is stated, and lives through the call.
        let copied = unsafe { H5Fget_file_image(file.id(), bytes.as_mut_ptr().cast(), length) };
        if usize::try_from(copied) == Ok(length) { Ok(bytes) } else { Err("the file's image changed its size".into()) }
    })
}

/// Opens, for reading, a file that is in memory: no second read from disk, and none of HDF5's file locks, which some
/// network file systems do not have.
pub(crate) fn open_image(bytes: &mut [u8]) -> Result<File> {
    const COPY_AND_READ_ONLY: c_uint = 0;
    hdf5::sync::sync(|| {
        // SAFETY: with these flags the library copies the bytes before it returns and keeps no pointer to them.
        let id = unsafe { H5LTopen_file_image(bytes.as_mut_ptr().cast(), bytes.len(), COPY_AND_READ_ONLY) };
        let id = hdf5::h5check(id)?;
        // SAFETY: the id is that of the file just opened, and its one reference is handed over here.
        unsafe { hdf5::from_id(id) }
    })
}

/// Writes the chunk that begins at element `first` of a one-dimensional dataset as it will lie in the file: its filters are
/// applied already.
pub(crate) fn write_chunk(dataset: &Dataset, first: usize, bytes: &[u8]) -> Result<()> {
    const ALL_FILTERS_APPLIED: u32 = 0;
    if dataset.ndim() != 1 {
        return Err("a chunk of bytes is written to one dimension only".into());
    }
    let offset = [first as hsize_t];
    hdf5::sync::sync(|| {
        // SAFETY: the id is that of a live dataset of one dimension, for which one offset is read; the bytes live through
        // the call and have the length that is stated.
        hdf5::h5check(unsafe {
            let bytes_at = bytes.as_ptr().cast();
            H5Dwrite_chunk(dataset.id(), H5P_DEFAULT, ALL_FILTERS_APPLIED, offset.as_ptr(), bytes.len(), bytes_at)
        })
    })
    .map(drop)
}

/// A text as HDF5 keeps it: variable length, UTF-8. Zero bytes, which it cannot hold, become U+FFFD.
pub(crate) fn text(value: &str) -> VarLenUnicode {
    value.replace('\0', "\u{fffd}").parse().unwrap_or_default()
}

/// Texts as HDF5 keeps them.
pub(crate) fn texts<'a>(values: impl IntoIterator<Item = &'a str>) -> Vec<VarLenUnicode> {
    values.into_iter().map(text).collect()
}

/// Writes a text attribute.
pub(crate) fn write_text(place: &Location, name: &str, value: &str) -> Result<()> {
    place.new_attr::<VarLenUnicode>().create(name)?.write_scalar(&text(value))
}

/// Reads a text attribute.
pub(crate) fn read_text(place: &Location, name: &str) -> Result<String> {
    Ok(place.attr(name)?.read_scalar::<VarLenUnicode>()?.as_str().to_owned())
}

/// All values of a dataset. One that claims more than its bytes in the file can hold is refused before memory is taken: of
/// a byte, deflate makes 1032 at most.
pub(crate) fn values<T: hdf5::H5Type>(dataset: &Dataset) -> Result<Vec<T>> {
    const DEFLATE: u64 = 1032;
    let claimed = dataset.shape().iter().fold(1_u64, |count, &length| count.saturating_mul(length as u64));
    let stored = dataset.storage_size();
    if claimed > stored.saturating_mul(DEFLATE) {
        return Err(format!("{} claims {claimed} values and holds {stored} bytes", dataset.name()).into());
    }
    dataset.read_raw()
}

/// Writes a scalar attribute.
pub(crate) fn write_number<T: hdf5::H5Type>(place: &Location, name: &str, value: T) -> Result<()> {
    place.new_attr::<T>().create(name)?.write_scalar(&value)
}

#[cfg(all(test, hdf5_locking_is_settable))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// HDF5 opens files without `O_CLOEXEC`: a child has them open for as long as it lives, and a lock would be its too.
    #[test]
    fn a_child_that_was_started_meanwhile_holds_no_lock() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.h5");
        let file = create(&path).unwrap();
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        write_number(&file, "number", 7_u32).unwrap();
        file.close().unwrap();
        // With locks, as another program opens it.
        let opened = File::open_rw(&path).map(drop);
        let _ = child.kill();
        let _ = child.wait();
        opened.unwrap();
    }

    #[test]
    fn a_file_that_another_program_has_locked_opens() {
        if std::env::var_os("HDF5_USE_FILE_LOCKING").is_some() {
            eprintln!("not tested: HDF5_USE_FILE_LOCKING is set, which HDF5 puts above what a program asks for");
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.h5");
        write_number(&create(&path).unwrap(), "number", 7_u32).unwrap();
        let other = std::fs::File::options().read(true).write(true).open(&path).unwrap();
        other.lock().unwrap();
        assert!(File::open(&path).is_err(), "the lock is seen by those who look for it");
        assert_eq!(open(&path).unwrap().attr("number").unwrap().read_scalar::<u32>().unwrap(), 7);
    }
}
