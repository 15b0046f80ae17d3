//! Chunks of a variable as they lie in the file, unpacked by all threads at once.
//!
//! HDF5 unpacks one chunk after another, under a lock, which took a fifth of a report on 10⁵ cells. Invariants: what is handed out is
//! what HDF5 reads; whatever is not stored as phasesweep stores it (chunks of whole cells, shuffled or not, deflated, of the very
//! type that is asked for) is left to HDF5, and so is a chunk that cannot be unpacked, of which HDF5 says what is wrong. Every
//! call of the library is made under the `hdf5` crate's global lock.

#![allow(unsafe_code)]

use std::ops::Range;

use hdf5::filters::Filter;
use hdf5::{Dataset, H5Type};
use ndarray::{ArrayD, IxDyn};
use rayon::prelude::*;

use super::coordinates::DEFLATE;

/// A number that is stored as it lies in memory.
pub(super) trait Stored: H5Type + Copy + Default + Send + Sync {
    /// The numbers whose first bytes come first, then their second ones, and so on: shuffled, as HDF5 calls it.
    fn from_planes(planes: &[u8], out: &mut [Self]);
    /// The numbers of bytes one after another.
    fn from_bytes(bytes: &[u8], out: &mut [Self]);
}

macro_rules! stored {
    ($($number:ty),*) => {$(
        impl Stored for $number {
            fn from_planes(planes: &[u8], out: &mut [Self]) {
                let count = planes.len() / size_of::<Self>();
                for (at, number) in out.iter_mut().enumerate() {
                    *number = <$number>::from_le_bytes(std::array::from_fn(|byte| planes[byte * count + at]));
                }
            }
            fn from_bytes(bytes: &[u8], out: &mut [Self]) {
                for (number, bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
                    *number = <$number>::from_le_bytes(*bytes);
                }
            }
        }
    )*};
}
stored!(u8, i64, f32, f64);

/// Values of some cells, `[cells.len(), …]`; `None` if they are to be read by HDF5.
pub(super) fn unpacked<T: Stored>(dataset: &Dataset, cells: &Range<usize>) -> Option<ArrayD<T>> {
    let (shape, chunk) = (dataset.shape(), dataset.chunk()?);
    let (&length, &together) = (shape.first()?, chunk.first()?);
    let is_shuffled = match dataset.filters().as_slice() {
        [Filter::Deflate(_)] => false,
        [Filter::Shuffle, Filter::Deflate(_)] => true,
        _ => return None,
    };
    let begins_a_chunk = |cell: usize| together > 0 && cell.is_multiple_of(together);
    let whole = chunk[1..] == shape[1..] && begins_a_chunk(cells.start);
    let whole = whole && cells.end <= length && (cells.end == length || begins_a_chunk(cells.end));
    // A big-endian file has another type.
    if !whole
        || cells.is_empty()
        || cfg!(target_endian = "big")
        || !dataset.dtype().ok()?.eq(&hdf5::Datatype::from_type::<T>().ok()?)
    {
        return None;
    }
    let of_cell: usize = shape[1..].iter().product();
    let bytes = together.checked_mul(of_cell)?.checked_mul(size_of::<T>())?;
    let mut values = vec![T::default(); cells.len().checked_mul(of_cell)?];
    let unpack = |(at, out): (usize, &mut [T])| {
        let packed = packed(dataset, cells.start + at * together, shape.len(), bytes)?;
        let mut planes = vec![0; bytes];
        let mut inflate = flate2::Decompress::new(true);
        let ended = inflate.decompress(&packed, &mut planes, flate2::FlushDecompress::Finish).ok()?;
        if ended != flate2::Status::StreamEnd || inflate.total_out() != bytes as u64 {
            return None;
        }
        // The last chunk of a variable goes on beyond its cells.
        if is_shuffled {
            T::from_planes(&planes, out)
        } else {
            T::from_bytes(&planes, out)
        }
        Some(())
    };
    let of_chunk = (together * of_cell).max(1);
    values.par_chunks_mut(of_chunk).enumerate().map(unpack).collect::<Option<()>>()?;
    ArrayD::from_shape_vec(IxDyn(&[&[cells.len()], &shape[1..]].concat()), values).ok()
}

/// The bytes in the file of the chunk that begins at a cell, which unpacked are so many; `None` where there is none, or one to which not
/// every filter was applied.
#[cfg(hdf5_reads_chunks)]
fn packed(dataset: &Dataset, cell: usize, dimensions: usize, bytes: usize) -> Option<Vec<u8>> {
    use hdf5_sys::h5::{herr_t, hsize_t};
    use hdf5_sys::h5i::hid_t;

    unsafe extern "C" {
        fn H5Dget_chunk_storage_size(dataset: hid_t, offset: *const hsize_t, bytes: *mut hsize_t) -> herr_t;
    }
    let mut offset = vec![0; dimensions];
    offset[0] = cell as hsize_t;
    hdf5::sync::sync(|| {
        let mut size: hsize_t = 0;
        // SAFETY: the id is that of a live dataset, borrowed for the call, and the offset has an entry for each of its dimensions.
        hdf5::h5check(unsafe { H5Dget_chunk_storage_size(dataset.id(), offset.as_ptr(), &raw mut size) }).ok()?;
        // A chunk that claims to hold more than its bytes can, or bytes that it does not need, is damaged.
        let believable = size.saturating_mul(DEFLATE) >= bytes as u64 && size <= 2 * bytes as u64 + 64;
        let mut packed = vec![0_u8; believable.then_some(usize::try_from(size).ok()?)?];
        let mut skipped = 0;
        // SAFETY: as above; the buffer has as many bytes as the library has just said that the chunk takes.
        hdf5::h5check(unsafe { read_chunk(dataset, &offset, &mut skipped, &mut packed) }).ok()?;
        (skipped == 0).then_some(packed)
    })
}

/// A library before 1.10.3 cannot say it.
#[cfg(not(hdf5_reads_chunks))]
fn packed(_dataset: &Dataset, _cell: usize, _dimensions: usize, _bytes: usize) -> Option<Vec<u8>> {
    None
}

/// Reads a chunk as it lies in the file, and which filters were not applied to it.
///
/// # Safety
/// `dataset` is a live dataset of chunks, `offset` where one of them begins, an entry for each dimension, and `packed` as long as that
/// chunk is in the file.
#[cfg(hdf5_reads_chunks)]
unsafe fn read_chunk(dataset: &Dataset, offset: &[u64], skipped: &mut u32, packed: &mut [u8]) -> i32 {
    use hdf5_sys::h5p::H5P_DEFAULT;

    let (id, offset, out) = (dataset.id(), offset.as_ptr(), packed.as_mut_ptr().cast());
    // SAFETY: what the caller promises.
    #[cfg(not(hdf5_2))]
    return unsafe { hdf5_sys::h5d::H5Dread_chunk1(id, H5P_DEFAULT, offset, skipped, out) };
    #[cfg(hdf5_2)]
    return unsafe { hdf5_sys::h5d::H5Dread_chunk2(id, H5P_DEFAULT, offset, skipped, out, &mut packed.len()) };
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use hdf5::{Hyperslab, Selection, SliceOrIndex};
    use proptest::prelude::*;

    use super::*;

    /// As HDF5 reads them.
    fn by_the_library<T: H5Type>(dataset: &Dataset, cells: &Range<usize>) -> ArrayD<T> {
        let all = |range: Range<usize>| SliceOrIndex::SliceTo { start: range.start, step: 1, end: range.end, block: 1 };
        let mut slices = vec![all(cells.clone())];
        slices.extend(dataset.shape()[1..].iter().map(|&length| all(0..length)));
        dataset.read_slice::<T, Selection, IxDyn>(Hyperslab::from(slices).into()).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn what_is_unpacked_is_what_the_library_reads(
            cells in 1_usize..50,
            rest in prop::collection::vec(1_usize..6, 0..3),
            together in 1_usize..20,
            shuffled: bool,
            ends in (0_usize..60, 0_usize..60),
            seed: u32,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let file = hdf5::File::create(folder.path().join("file.h5")).unwrap();
            let together = together.min(cells);
            let (shape, chunk) = ([&[cells], rest.as_slice()].concat(), [&[together], rest.as_slice()].concat());
            // Any bits, NaN and denormals among them.
            let bits = |at: usize| (at as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) >> (at % 32);
            let count: usize = shape.iter().product();
            let floats = ArrayD::from_shape_vec(shape.as_slice(), (0..count).map(|at| f32::from_bits(bits(at))).collect()).unwrap();
            let bytes = floats.mapv(|value| value.to_bits() as u8);
            let builder = |name: &str| {
                let packed = if shuffled { file.new_dataset_builder().shuffle().deflate(1) } else { file.new_dataset_builder().deflate(6) };
                (packed.chunk(chunk.as_slice()), name.to_owned())
            };
            let (packed, name) = builder("floats");
            let of_floats = packed.empty::<f32>().shape(shape.as_slice()).create(name.as_str()).unwrap();
            of_floats.write(&floats).unwrap();
            let (packed, name) = builder("bytes");
            let of_bytes = packed.empty::<u8>().shape(shape.as_slice()).create(name.as_str()).unwrap();
            of_bytes.write(&bytes).unwrap();
            // A range on borders of chunks, or up to the end; and any other.
            let aligned = (ends.0 % cells) / together * together;
            let up_to = (aligned + together * (1 + ends.1 % 4)).min(cells);
            for range in [0..cells, aligned..up_to] {
                let same = |a: &f32, b: &f32| a.to_bits() == b.to_bits();
                let (ours, theirs) = (unpacked::<f32>(&of_floats, &range).unwrap(), by_the_library::<f32>(&of_floats, &range));
                prop_assert_eq!(ours.shape(), theirs.shape());
                prop_assert!(ours.iter().zip(&theirs).all(|(a, b)| same(a, b)));
                prop_assert_eq!(unpacked::<u8>(&of_bytes, &range).unwrap(), by_the_library::<u8>(&of_bytes, &range));
            }
            if aligned + 1 < cells && together > 1 {
                prop_assert!(unpacked::<f32>(&of_floats, &(aligned + 1..cells)).is_none(), "half a chunk");
            }
            prop_assert!(unpacked::<f64>(&of_floats, &(0..cells)).is_none(), "another type");
        }
    }

    #[test]
    fn what_is_stored_otherwise_or_damaged_is_left_to_the_library() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file.h5");
        let file = hdf5::File::create(&path).unwrap();
        let values = ArrayD::from_shape_fn(IxDyn(&[40, 30]), |at| (at[0] * 31 + at[1]) as f32);
        let unchunked = file.new_dataset::<f32>().shape([40, 30]).create("unchunked").unwrap();
        let unpacked_chunks = file.new_dataset::<f32>().chunk([8, 30]).shape([40, 30]).create("chunks").unwrap();
        let half = file.new_dataset::<f32>().chunk([8, 15]).deflate(1).shape([40, 30]).create("half").unwrap();
        let summed =
            file.new_dataset::<f32>().chunk([8, 30]).deflate(1).fletcher32().shape([40, 30]).create("summed").unwrap();
        let doubles = file.new_dataset::<f64>().chunk([8, 30]).deflate(1).shape([40, 30]).create("doubles").unwrap();
        for dataset in [&unchunked, &unpacked_chunks, &half, &summed, &doubles] {
            dataset.write(&values).unwrap();
            assert!(unpacked::<f32>(dataset, &(0..40)).is_none(), "{dataset:?}");
        }
        // Cells that were never written have no chunk, and the missing value.
        let partly =
            file.new_dataset::<f32>().chunk([8, 30]).deflate(1).fill_value(f32::NAN).shape([40, 30]).create("partly");
        let partly = partly.unwrap();
        partly.write_slice(&values.slice(ndarray::s![..16, ..]), ndarray::s![..16, ..]).unwrap();
        assert!(unpacked::<f32>(&partly, &(0..40)).is_none());
        assert_eq!(unpacked::<f32>(&partly, &(0..16)).unwrap(), by_the_library::<f32>(&partly, &(0..16)));

        // A byte of a chunk is changed.
        let sound =
            file.new_dataset::<f32>().chunk([8, 30]).shuffle().deflate(1).shape([40, 30]).create("sound").unwrap();
        sound.write(&values).unwrap();
        let chunk = sound.chunk_info(2).unwrap();
        drop((unchunked, unpacked_chunks, half, summed, doubles, partly, sound));
        file.close().unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[(chunk.addr + chunk.size / 2) as usize] ^= 0x55;
        std::fs::write(&path, bytes).unwrap();
        let file = hdf5::File::open(&path).unwrap();
        let damaged = file.dataset("sound").unwrap();
        assert!(unpacked::<f32>(&damaged, &(0..16)).is_some(), "its neighbours are sound");
        assert!(unpacked::<f32>(&damaged, &(0..40)).is_none());
        assert!(damaged.read_dyn::<f32>().is_err());
    }
}
