//! Pools from good and from broken files, and blocks against numbers of NumPy.

use std::io::Write;

use proptest::prelude::*;

use super::*;
use crate::data::shape_from;
use crate::data::sources::{Digits, FashionMnist, Idx, Mnist, Stripe};
use crate::sweep::{Labels, Normalise, Selection};

fn data(source: Source, path: Option<&Path>) -> Data {
    Data {
        source,
        labels: Labels::Parity,
        label_noise: 0.0,
        label_draw: 0,
        normalise: Normalise::Standardise,
        selection: Selection::All,
        path: path.map(Path::to_owned),
    }
}

/// An idx file: magic number, sizes, bytes.
fn idx_bytes(magic: u32, sizes: &[u32], bytes: &[u8]) -> Vec<u8> {
    let mut out = magic.to_be_bytes().to_vec();
    sizes.iter().for_each(|size| out.extend(size.to_be_bytes()));
    out.extend(bytes);
    out
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const FILES: [&str; 4] =
    ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"];

/// Six training and three test images of 28×28, as the four files' bytes.
fn small() -> [Vec<u8>; 4] {
    let pixels = |n: usize, seed: usize| -> Vec<u8> { (0..n * 784).map(|i| ((i + seed) * i % 251) as u8).collect() };
    [
        idx_bytes(0x803, &[6, 28, 28], &pixels(6, 1)),
        idx_bytes(0x801, &[6], &[0, 1, 2, 3, 4, 9]),
        idx_bytes(0x803, &[3, 28, 28], &pixels(3, 7)),
        idx_bytes(0x801, &[3], &[5, 6, 7]),
    ]
}

fn directory(files: &[Vec<u8>; 4], name: impl Fn(&str) -> String) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (file, bytes) in FILES.iter().zip(files) {
        std::fs::write(dir.path().join(name(file)), bytes).unwrap();
    }
    dir
}

fn load(dir: &Path, source: Source) -> Result<Pool, DataError> {
    Pool::load_from(&data(source, Some(dir)), &Places::default())
}

#[test]
fn plain_compressed_and_dotted_files_are_the_same_data() {
    let plain = directory(&small(), str::to_owned);
    let packed = directory(&small().map(|bytes| gzip(&bytes)), |name| format!("{name}.gz"));
    let dotted = directory(&small(), |name| name.replace("-idx", ".idx"));
    let pools = [&plain, &packed, &dotted].map(|dir| load(dir.path(), Source::Mnist(Mnist)).unwrap());
    let block = |pool: &Pool| {
        pool.block(&data(Source::Mnist(Mnist), None), &Subsample::Block { size: 6, block: 0 }, false).unwrap()
    };
    for pool in &pools[1..] {
        assert_eq!(pool.digest(), pools[0].digest());
        assert_eq!(block(pool), block(&pools[0]));
    }
    assert_eq!((pools[0].len(), pools[0].test_len(), pools[0].features()), (6, 3, 784));
    assert_eq!(block(&pools[0]).train.y, [0, 1, 0, 1, 0, 1]);
    // One other pixel, one other label: another digest.
    for (file, at) in [(0, 16 + 100), (1, 8 + 2), (2, 16), (3, 8)] {
        let mut files = small();
        files[file][at] ^= 1;
        let other = load(directory(&files, str::to_owned).path(), Source::Mnist(Mnist)).unwrap();
        assert_ne!(other.digest(), pools[0].digest(), "{}", FILES[file]);
    }
    let shape = shape_from(&data(Source::Mnist(Mnist), Some(packed.path())), &Places::default()).unwrap();
    assert_eq!((shape.train, shape.test, shape.features, shape.classes), (6, 3, 784, 2));
}

/// The leftover of a broken unpacking beside the good file is passed over with a word; alone it is an error.
#[test]
fn an_empty_file_beside_a_good_one_is_passed_over() {
    let dir = directory(&small().map(|bytes| gzip(&bytes)), |name| format!("{name}.gz"));
    let good = load(dir.path(), Source::Mnist(Mnist)).unwrap();
    assert!(good.remarks().is_empty());
    std::fs::write(dir.path().join(FILES[2]), []).unwrap();
    let pool = load(dir.path(), Source::Mnist(Mnist)).unwrap();
    assert_eq!(pool.digest(), good.digest());
    let [remark] = pool.remarks() else { panic!("{:?}", pool.remarks()) };
    assert!(remark.contains(FILES[2]) && remark.contains("0 bytes") && remark.contains(".gz"), "{remark}");
    assert!(shape_from(&data(Source::Mnist(Mnist), Some(dir.path())), &Places::default()).is_ok());
    std::fs::remove_file(dir.path().join(format!("{}.gz", FILES[2]))).unwrap();
    let text = load(dir.path(), Source::Mnist(Mnist)).unwrap_err().to_string();
    assert!(text.contains(FILES[2]) && text.contains("0 bytes"), "{text}");
}

/// Labels from 1: five classes, and ids of their own where the classes are not what they were.
#[test]
fn labels_that_do_not_begin_at_zero_are_the_classes_that_there_are() {
    let made = |labels: [u8; 6]| {
        let mut files = small();
        files[1] = idx_bytes(0x801, &[6], &labels);
        files[3] = idx_bytes(0x801, &[3], &[3, 2, 5]);
        directory(&files, str::to_owned)
    };
    let dir = made([1, 2, 3, 4, 5, 1]);
    let with = |labels| Data { labels, ..data(Source::Idx(Idx { transpose: false }), Some(dir.path())) };
    let pool = load(dir.path(), Source::Idx(Idx { transpose: false })).unwrap();
    assert_eq!(pool.labels(), [1, 2, 3, 4, 5]);
    let classes = with(Labels::Classes);
    let block = pool.block(&classes, &Subsample::Block { size: 6, block: 0 }, false).unwrap();
    assert_eq!((block.classes, block.train.y, block.test.y), (5, vec![0, 1, 2, 3, 4, 0], vec![2, 1, 4]));
    assert_eq!(pool.class_numbers(&classes).unwrap(), [1, 2, 3, 4, 5]);
    assert_eq!(shape_from(&classes, &Places::default()).unwrap().classes, 5);
    let census = pool.census(&classes, &Subsample::Block { size: 3, block: 0 }, false).unwrap();
    let said: Vec<String> = census.findings().iter().map(ToString::to_string).collect();
    assert_eq!(said[0], "its labels are 1 to 5: they are taken as the 5 classes that there are");
    assert_eq!(
        said[1],
        "no training sample is of classes 4 and 5: they have no radius and no distance; of 5 the test set has 1 sample"
    );
    assert_ne!(pool.identity(&classes), pool.digest());
    assert_ne!(pool.identity(&with(Labels::Halves)), pool.digest());
    assert_eq!(pool.identity(&with(Labels::Parity)), pool.digest(), "parity asks for the number, as ever");
    // The same pixels with labels from 0 keep the id that they had.
    let plain = load(made([0, 1, 2, 3, 4, 5]).path(), Source::Idx(Idx { transpose: false })).unwrap();
    assert_eq!(plain.identity(&classes), plain.digest());
}

/// EMNIST's letters as NIST ships them: the set's name before MNIST's, `test` for `t10k`, gzip, labels 1 to 26, and images whose
/// rows are columns (column by column, as a Fortran array is).
#[test]
fn emnist_is_read_and_stands_upright_when_transposed() {
    // Three columns of two rows: image k has pixel 10·row + column + 100·k.
    let upright: Vec<u8> =
        (0..2u8).flat_map(|k| (0..2u8).flat_map(move |r| (0..3u8).map(move |c| 100 * k + 10 * r + c))).collect();
    let shipped: Vec<u8> =
        (0..2u8).flat_map(|k| (0..3u8).flat_map(move |c| (0..2u8).map(move |r| 100 * k + 10 * r + c))).collect();
    let dir = tempfile::tempdir().unwrap();
    for (half, labels) in [("train", [1, 26]), ("test", [26, 2])] {
        let write = |name: &str, bytes: Vec<u8>| {
            std::fs::write(dir.path().join(format!("emnist-letters-{half}-{name}-ubyte.gz")), gzip(&bytes)).unwrap();
        };
        write("images-idx3", idx_bytes(0x803, &[2, 3, 2], &shipped));
        write("labels-idx1", idx_bytes(0x801, &[2], &labels));
        std::fs::write(dir.path().join(format!("emnist-digits-{half}-images-idx3-ubyte.gz")), b"not this one").unwrap();
    }
    std::fs::write(dir.path().join("emnist-letters-mapping.txt"), "1 65 97\n26 90 122\n").unwrap();
    let path = dir.path().join("emnist-letters");
    let named = |transpose| Data {
        labels: Labels::Classes,
        normalise: Normalise::None,
        ..data(Source::Idx(Idx { transpose }), Some(&path))
    };
    let pool = Pool::load_from(&named(true), &Places::default()).unwrap();
    assert_eq!((pool.labels(), pool.image(), pool.dir()), (&[1, 2, 26][..], Some([1, 2, 3]), Some(dir.path())));
    let block = pool.block(&named(true), &Subsample::Block { size: 2, block: 0 }, true).unwrap();
    let pixels: Vec<u8> = block.train.x.iter().map(|&x| (x * 255.0).round() as u8).collect();
    assert_eq!((pixels, block.train.y, block.test.y), (upright.clone(), vec![0, 2], vec![2, 1]));
    let shape = shape_from(&named(true), &Places::default()).unwrap();
    assert_eq!((shape.image, shape.classes, shape.train, shape.test), (Some([1, 2, 3]), 3, 2, 2));
    // As they are shipped they lie on their sides, and are other data; upright files of any name are the same.
    let lying = Pool::load_from(&named(false), &Places::default()).unwrap();
    assert_eq!(lying.image(), Some([1, 3, 2]));
    assert_ne!(lying.digest(), pool.digest());
    let plain = [
        idx_bytes(0x803, &[2, 2, 3], &upright),
        idx_bytes(0x801, &[2], &[1, 26]),
        idx_bytes(0x803, &[2, 2, 3], &upright),
        idx_bytes(0x801, &[2], &[26, 2]),
    ];
    let other = load(directory(&plain, str::to_owned).path(), Source::Idx(Idx { transpose: false })).unwrap();
    assert_eq!(other.digest(), pool.digest());
    let text = load(dir.path(), Source::Idx(Idx { transpose: false })).unwrap_err().to_string();
    assert!(text.contains("several sets: emnist-digits, emnist-letters"), "{text}");
}

/// QMNIST's extended labels as its page has them: magic number 0x0c02, rows, 8 columns, big-endian 32-bit integers in row-major
/// order, of which column 0 is the class.
#[test]
fn qmnist_has_its_classes_in_the_first_column_of_a_table() {
    let row = |class: i32| [class, 4, 2599, 149, 30 + class, 281_769, 0, 0];
    let table = |classes: &[i32]| {
        let bytes: Vec<u8> = classes.iter().flat_map(|&class| row(class)).flat_map(i32::to_be_bytes).collect();
        idx_bytes(0xc02, &[classes.len() as u32, 8], &bytes)
    };
    let write = |dir: &Path, test: &[i32]| {
        let [images, _, test_images, _] = small();
        for (name, bytes) in [
            ("qmnist-train-images-idx3-ubyte", images),
            ("qmnist-train-labels-idx2-int", table(&[0, 1, 2, 3, 4, 9])),
            ("qmnist-test-images-idx3-ubyte", test_images),
            ("qmnist-test-labels-idx2-int", table(test)),
        ] {
            std::fs::write(dir.join(format!("{name}.gz")), gzip(&bytes)).unwrap();
        }
    };
    let source = || Source::Idx(Idx { transpose: false });
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &[5, 6, 7]);
    let pool = load(dir.path(), source()).unwrap();
    // The same samples as those of MNIST's own names with labels in bytes.
    let plain = load(directory(&small(), str::to_owned).path(), source()).unwrap();
    assert_eq!((pool.digest(), pool.labels()), (plain.digest(), plain.labels()));
    let whole = Data { labels: Labels::Classes, ..data(source(), Some(dir.path())) };
    assert_eq!(shape_from(&whole, &Places::default()).unwrap().classes, 9);
    // Labels beyond a byte are labels; what no class number can be is refused with its place.
    write(dir.path(), &[5, 6, 700]);
    let wide = load(dir.path(), source()).unwrap();
    assert_eq!(wide.labels().last(), Some(&700));
    assert_eq!(wide.class_numbers(&whole).unwrap().last(), Some(&700));
    for (label, told) in [(-1, "label -1 of sample 1"), (70_000, "label 70000 of sample 1")] {
        write(dir.path(), &[5, label, 7]);
        let text = load(dir.path(), source()).unwrap_err().to_string();
        assert!(text.contains("qmnist-test-labels-idx2-int.gz") && text.contains(told), "{text}");
    }
    // A table that is cut, of floats, and one of labels in one dimension, 32 and 16 bits wide.
    let labels = |bytes: Vec<u8>| {
        std::fs::write(dir.path().join("qmnist-test-labels-idx2-int.gz"), gzip(&bytes)).unwrap();
        load(dir.path(), source())
    };
    let mut cut = table(&[5, 6, 7]);
    cut.truncate(60);
    assert!(labels(cut).unwrap_err().to_string().contains("3 items of 8×1"));
    let mut floats = table(&[5, 6, 7]);
    floats[2] = 0x0d;
    let text = labels(floats).unwrap_err().to_string();
    assert!(text.contains("32-bit floats in 2 dimensions (3×8") && text.contains("first column"), "{text}");
    for (magic, bytes) in
        [(0xc01, [5, 6, 7].map(i32::to_be_bytes).concat()), (0xb01, [5, 6, 7].map(i16::to_be_bytes).concat())]
    {
        assert_eq!(labels(idx_bytes(magic, &[3], &bytes)).unwrap().digest(), plain.digest());
    }
}

#[test]
fn generic_directories_have_their_own_sizes_and_classes() {
    let bytes: Vec<u8> = (0..5 * 6).collect();
    let files = [
        idx_bytes(0x803, &[5, 2, 3], &bytes),
        idx_bytes(0x801, &[5], &[0, 1, 2, 1, 0]),
        idx_bytes(0x803, &[1, 2, 3], &bytes[..6]),
        idx_bytes(0x801, &[1], &[3]),
    ];
    let dir = directory(&files, str::to_owned);
    let pool = load(dir.path(), Source::Idx(Idx { transpose: false })).unwrap();
    assert_eq!((pool.labels(), pool.image()), (&[0, 1, 2, 3][..], Some([1, 2, 3])));
    let classes = Data { labels: Labels::Classes, ..data(Source::Idx(Idx { transpose: false }), Some(dir.path())) };
    let shape = shape_from(&classes, &Places::default()).unwrap();
    assert_eq!((shape.features, shape.classes, shape.train, shape.test), (6, 4, 5, 1));
    let text = load(dir.path(), Source::Mnist(Mnist)).unwrap_err().to_string();
    assert!(text.contains("2×3") && text.contains("28×28") && text.contains("idx"), "{text}");
}

/// The error of a directory whose files were damaged.
fn damaged(damage: impl Fn(&mut [Vec<u8>; 4])) -> String {
    let mut files = small();
    damage(&mut files);
    load(directory(&files, str::to_owned).path(), Source::Mnist(Mnist)).unwrap_err().to_string()
}

#[test]
fn malformed_files_are_told_by_name_and_numbers() {
    let all =
        |text: String, parts: &[&str]| parts.iter().for_each(|part| assert!(text.contains(part), "{part}: {text}"));
    // 16 + 6 · 784 = 4720 bytes.
    all(damaged(|f| f[0].truncate(4000)), &[FILES[0], "4000", "4720", "truncated", "fetch"]);
    all(damaged(|f| f[0].truncate(10)), &[FILES[0], "10 bytes", "16"]);
    all(damaged(|f| f[0].clear()), &[FILES[0], "0 bytes", "16"]);
    all(damaged(|f| f[3].push(0)), &[FILES[3], "12", "11", "not what its header says"]);
    all(
        damaged(|f| f[2][2] = 0x0d),
        &[FILES[2], "32-bit floats in 3 dimensions (3×28×28", "00 00 0d 03", "unsigned bytes"],
    );
    all(damaged(|f| f.swap(0, 1)), &[FILES[0], "unsigned bytes in 1 dimension (6;", "swapped"]);
    all(
        damaged(|f| f[0] = idx_bytes(0x804, &[6, 28, 28, 1], &[0; 6 * 784])),
        &["4 dimensions (6×28×28×1", "3 dimensions"],
    );
    all(damaged(|f| f[0] = b"\x93NUMPY\x01\x00v\x00{'descr'".to_vec()), &[FILES[0], "NumPy array", "93 4e 55 4d"]);
    all(damaged(|f| f[1] = b"<html>404</html>".to_vec()), &[FILES[1], "web page", "unsigned bytes in 1 dimension"]);
    all(damaged(|f| f[1] = idx_bytes(0x801, &[5], &[0; 5])), &[FILES[0], FILES[1], "6 images", "5 labels"]);
    all(damaged(|f| f[3][9] = 10), &[FILES[3], "sample 1", "label 10", "0 to 9"]);
    all(damaged(|f| f[2] = idx_bytes(0x803, &[3, 14, 56], &[0; 3 * 784])), &["28×28", "14×56"]);
    all(damaged(|f| f[0] = idx_bytes(0x803, &[0, 28, 28], &[])), &[FILES[0], "0 images"]);
    // A header of 2⁶⁴ bytes and more is not believed.
    all(damaged(|f| f[0][4..16].fill(0xff)), &[FILES[0], "more than this machine can hold"]);
    // A compressed file cut short.
    let mut files = small().map(|bytes| gzip(&bytes));
    let half = files[0].len() / 2;
    files[0].truncate(half);
    let text =
        load(directory(&files, |name| format!("{name}.gz")).path(), Source::Mnist(Mnist)).unwrap_err().to_string();
    all(text, &[FILES[0], "damaged gzip", "Fetch or copy"]);
    // Whatever it says, it never advises to delete what may be the only copy.
    for damage in 0..8usize {
        let text = damaged(|f| match damage {
            0..4 => f[damage].truncate(9),
            _ => f[damage - 4][..4].copy_from_slice(b"\x00\x00\x0c\x07"),
        });
        assert!(!["remove", "Remove", "delete"].iter().any(|word| text.contains(word)), "{text}");
    }
    // Missing files.
    let dir = directory(&small(), str::to_owned);
    std::fs::remove_file(dir.path().join(FILES[1])).unwrap();
    std::fs::remove_file(dir.path().join(FILES[2])).unwrap();
    all(
        load(dir.path(), Source::Mnist(Mnist)).unwrap_err().to_string(),
        &["missing", FILES[1], FILES[2], "data fetch mnist"],
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Whatever a file holds, reading ends with an error or with as many bytes as the header says, never in a panic.
    #[test]
    fn arbitrary_files_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..64), magic: bool, zip: bool) {
        if magic && bytes.len() > 15 {
            bytes[..4].copy_from_slice(&0x803u32.to_be_bytes());
            // Small sizes now and then, so that some files are well-formed.
            for size in [4, 8, 12] {
                bytes[size..size + 3].fill(0);
            }
        }
        let mut files = small();
        files[0] = if zip { gzip(&bytes) } else { bytes };
        let dir = directory(&files, str::to_owned);
        if let Ok(pool) = load(dir.path(), Source::Idx(Idx { transpose: false })) {
            prop_assert_eq!(pool.len(), 6);
        }
    }

    /// A well-formed file cut anywhere is an error.
    #[test]
    fn every_cut_is_noticed(file in 0usize..4, share in 0.0f64..1.0) {
        let text = damaged(|files| {
            let length = (files[file].len() as f64 * share) as usize;
            files[file].truncate(length);
        });
        prop_assert!(text.contains(FILES[file]), "{}", text);
    }
}

/// Frozen from NumPy 2.4 and scikit-learn 1.9:
///
/// ```python
/// from sklearn.datasets import load_digits
/// x = load_digits().data.astype("u1"); train, test = x[:1500] / 16., x[1500:] / 16.
/// m, s = train.mean(0), train.std(0, ddof=1); keep = s > 0
/// a = ((train[:, keep] - m[keep]) / s[keep]).astype("f4"); b = ((test[:, keep] - m[keep]) / s[keep]).astype("f4")
/// np.flatnonzero(~keep), a[0, :8], a[1499, -6:], b[0, :8], b[296, 20:26]
/// abs(a.astype(float)).sum(), abs(b.astype(float)).sum(), (a.astype(float) ** 3).sum()
/// ```
#[test]
fn digits_are_standardised_as_numpy_does() {
    let data = data(Source::Digits(Digits { train: 1500 }), None);
    let pool = Pool::load_from(&data, &Places::default()).unwrap();
    let block = pool.block(&data, &Subsample::Block { size: 1500, block: 0 }, false).unwrap();
    assert_eq!((block.features, block.inputs(), block.classes, block.image), (64, 61, 2, None));
    let dropped: Vec<u32> = (0..64).filter(|j| !block.live.contains(j)).collect();
    assert_eq!(dropped, [0, 32, 39]);
    assert_eq!((block.train.len(), block.test.len()), (1500, 297));
    assert_eq!(block.train.y.iter().filter(|&&y| y == 1).count(), 754);
    let close = |got: &[f32], expected: &[f64]| {
        assert_eq!(got.len(), expected.len());
        // The same f64 arithmetic up to rounding, then one rounding to f32.
        assert!(got.iter().zip(expected).all(|(&a, &b)| (f64::from(a) - b).abs() <= 1e-6), "{got:?} {expected:?}");
    };
    #[rustfmt::skip]
    let first = [-0.3401850163936615, -0.04710497707128525, 0.2842893898487091, -0.6787903308868408, -0.8622532486915588,
        -0.41875675320625305, -0.1339094638824463, -0.06466306000947952];
    close(&block.train.x[..8], &first);
    #[rustfmt::skip]
    let last = [2.0417568683624268, 0.4286007285118103, -0.42111149430274963, 0.15403805673122406, 0.8670606017112732,
        -0.2095922827720642];
    close(&block.train.x[1500 * 61 - 6..], &last);
    #[rustfmt::skip]
    let first_test = [-0.3401850163936615, -1.095435380935669, -2.0446786880493164, 0.022439349442720413,
        1.0749987363815308, 0.16123874485492706, -0.1339094638824463, -0.06466306000947952];
    close(&block.test.x[..8], &first_test);
    #[rustfmt::skip]
    let last_test = [1.1689313650131226, -0.5458732843399048, -0.12005938589572906, -0.03652702271938324,
        -0.7980528473854065, -0.6566085815429688];
    close(&block.test.x[296 * 61 + 20..296 * 61 + 26], &last_test);
    let sum = |x: &[f32], f: fn(f64) -> f64| x.iter().map(|&v| f(f64::from(v))).sum::<f64>();
    // 91,500 values, each within 6e-8 relative of NumPy's.
    assert!((sum(&block.train.x, f64::abs) - 63380.55360788922).abs() < 1e-2);
    assert!((sum(&block.test.x, f64::abs) - 12399.445724254823).abs() < 1e-2);
    assert!((sum(&block.train.x, |v| v.powi(3)) - 384926.9931883937).abs() < 1.0);
}

#[test]
fn whole_images_keep_their_constant_pixels_as_zeros() {
    let data = data(Source::Digits(Digits { train: 1500 }), None);
    let pool = Pool::load_from(&data, &Places::default()).unwrap();
    let subsample = Subsample::Draw { size: 300, draw: 4 };
    let (part, whole) = (pool.block(&data, &subsample, false).unwrap(), pool.block(&data, &subsample, true).unwrap());
    assert_eq!((whole.inputs(), whole.image), (64, Some([1, 8, 8])));
    assert_eq!(part.source_index, whole.source_index);
    for (samples, all) in [(&part.train, &whole.train), (&part.test, &whole.test)] {
        assert_eq!(samples.y, all.y);
        for (row, whole_row) in samples.x.chunks(part.inputs()).zip(all.x.chunks(64)) {
            for j in 0..64u32 {
                let kept = part.live.iter().position(|&live| live == j).map_or(0.0, |place| row[place]);
                assert_eq!(whole_row[j as usize], kept);
            }
        }
    }
}

/// The samples that a sweep uses, by a loop over the labels of the whole block.
#[test]
fn chosen_and_grouped_labels_are_a_smaller_pool() {
    let whole = Data {
        labels: Labels::Classes,
        normalise: Normalise::None,
        ..data(Source::Digits(Digits { train: 1500 }), None)
    };
    let pool = Pool::load(&whole).unwrap();
    let all = pool.block(&whole, &Subsample::Block { size: 1500, block: 0 }, false).unwrap();
    let groups = vec![vec![0, 2, 4], vec![1, 3]];
    let places = |y: &[u16], class: &dyn Fn(u16) -> Option<u16>| -> Vec<(usize, u16)> {
        y.iter().enumerate().filter_map(|(row, &label)| Some((row, class(label)?))).collect()
    };
    type Class<'a> = &'a dyn Fn(u16) -> Option<u16>;
    let only: Class<'_> = &|label| [3, 5].iter().position(|&kept| kept == label).map(|class| class as u16);
    let grouped: Class<'_> =
        &|label| groups.iter().position(|group: &Vec<u32>| group.contains(&u32::from(label))).map(|class| class as u16);
    for (selection, class, numbers) in
        [(Selection::Only(vec![3, 5]), only, [3, 5]), (Selection::Groups(groups.clone()), grouped, [0, 1])]
    {
        let chosen = Data { selection, ..whole.clone() };
        let (train, test) = (places(&all.train.y, class), places(&all.test.y, class));
        let shape = shape_from(&chosen, &Places::default()).unwrap();
        assert_eq!((shape.classes, shape.train, shape.test), (2, train.len(), test.len()));
        assert_eq!((pool.classes(&chosen), pool.class_numbers(&chosen).unwrap()), (2, numbers.to_vec()));
        // The second block of 100 holds the samples 100 to 199 of those that are used.
        let block = pool.block(&chosen, &Subsample::Block { size: 100, block: 1 }, false).unwrap();
        let expected = &train[100..200];
        assert!(block.source_index.iter().zip(expected).all(|(&row, (place, _))| row as usize == *place));
        assert!(block.train.y.iter().zip(expected).all(|(y, (_, class))| y == class));
        assert!(block.test.y.iter().zip(&test).all(|(y, (_, class))| y == class));
        let inputs = block.inputs();
        let row = |x: &[f32], of: usize, k: usize| -> Vec<f32> {
            block
                .live
                .iter()
                .map(|&live| x[of * all.inputs() + all.live.iter().position(|&l| l == live).unwrap()])
                .collect::<Vec<_>>()[k..]
                .to_vec()
        };
        for (place, (of, _)) in expected.iter().enumerate() {
            assert_eq!(block.train.x[place * inputs..(place + 1) * inputs], row(&all.train.x, *of, 0));
        }
        assert_eq!(block.test.len(), test.len());
        assert_eq!(block.test.x[..inputs], row(&all.test.x, test[0].0, 0));
        // Draws are of those that are used, and a balanced one has as many of each class.
        let draw = pool.block(&chosen, &Subsample::Draw { size: 200, draw: 3 }, false).unwrap();
        assert!(draw.source_index.iter().all(|&row| train.iter().any(|(place, _)| *place == row as usize)));
        let balanced = pool.block(&chosen, &Subsample::Balanced { size: 200, draw: 3 }, false).unwrap();
        assert_eq!(balanced.train.y.iter().filter(|&&y| y == 1).count(), 100);
        let census = pool.census(&chosen, &Subsample::Block { size: 100, block: 1 }, true).unwrap();
        let count = |of: &[(usize, u16)]| [0, 1].map(|class| of.iter().filter(|(_, y)| *y == class).count()).to_vec();
        assert_eq!((census.train.clone(), census.test.clone()), (count(expected), count(&test)));
        assert!(census.findings().is_empty(), "{:?}", census.findings());
        assert_eq!(
            pool.identity(&chosen),
            pool.identity(&whole),
            "the samples are the same; what is used of them is in the entry"
        );
        // More than there is: the answer names what is used.
        let error = pool.block(&chosen, &Subsample::Block { size: 1200, block: 0 }, false).unwrap_err().to_string();
        assert!(error.contains(&chosen.selection.written()) && error.contains(&train.len().to_string()), "{error}");
    }
    let names = |selection| pool.census_of_all(&Data { selection, ..whole.clone() }).unwrap().classes;
    assert_eq!(names(Selection::Only(vec![3, 5])), ["3", "5"]);
    assert_eq!(names(Selection::Groups(groups)), ["0 (labels 0, 2 and 4)", "1 (labels 1 and 3)"]);
    let odd = Data { selection: Selection::Only(vec![3, 12]), ..whole.clone() };
    let error = pool.block(&odd, &Subsample::Block { size: 10, block: 0 }, false).unwrap_err().to_string();
    assert!(error.contains("only = [3, 12] asks for label 12") && error.contains("0 to 9"), "{error}");
    // Rules of labels are applied to those that are used.
    let upper = Data { labels: Labels::Halves, selection: Selection::Only(vec![2, 3, 9]), ..whole.clone() };
    let halves = pool.block(&upper, &Subsample::Block { size: 60, block: 0 }, false).unwrap();
    for (&row, &y) in halves.source_index.iter().zip(&halves.train.y) {
        assert_eq!(y, u16::from(all.train.y[row as usize] == 9), "2 and 3 are the lower half of three labels");
    }
}

/// What is drawn for a sample depends on its place in the source: a smaller pool does not draw anew.
#[test]
fn a_sample_keeps_its_random_class_in_a_smaller_pool() {
    let random = |labels, label_noise, selection| Data {
        labels,
        label_noise,
        selection,
        ..data(Source::Digits(Digits { train: 1500 }), None)
    };
    let pool = Pool::load(&random(Labels::Random, 0.0, Selection::All)).unwrap();
    let groups = Selection::Groups(vec![vec![0, 1, 2, 3, 4], vec![5, 6, 7, 8, 9]]);
    let block = |data: &Data| pool.block(data, &Subsample::Block { size: 700, block: 0 }, false).unwrap();
    let (halves, grouped) =
        (block(&random(Labels::Halves, 0.3, Selection::All)), block(&random(Labels::Classes, 0.3, groups)));
    assert_eq!((halves.train.y, halves.test.y), (grouped.train.y, grouped.test.y));
}

#[test]
fn impossible_requests_are_refused() {
    for train in [0, 1797, 5000] {
        let text =
            Pool::load_from(&data(Source::Digits(Digits { train }), None), &Places::default()).unwrap_err().to_string();
        assert!(text.contains("1797") && text.contains("1 to 1796"), "{text}");
    }
    let digits = data(Source::Digits(Digits { train: 100 }), None);
    let pool = Pool::load_from(&digits, &Places::default()).unwrap();
    let text = pool.block(&digits, &Subsample::Block { size: 60, block: 1 }, false).unwrap_err().to_string();
    assert!(text.contains("120") && text.contains("100") && text.contains("digits"), "{text}");
    let text = pool.block(&digits, &Subsample::Block { size: 1, block: 0 }, false).unwrap_err().to_string();
    assert!(text.contains("constant"), "{text}");
    assert!(pool.block(&digits, &Subsample::Draw { size: 0, draw: 0 }, false).is_err());
}

#[test]
fn generated_points_come_as_they_are_and_are_known_without_making_them() {
    let stripe = |train| Data {
        normalise: Normalise::None,
        labels: Labels::Classes,
        ..data(Source::Stripe(Stripe { dimension: 5, train, test: 40, stretch: 1.0 }), None)
    };
    let (large, small) = (stripe(200), stripe(90));
    let pools = [&large, &small].map(|data| Pool::load(data).unwrap());
    assert_eq!(Some(pools[0].identity(&large)), generated_identity(&large));
    assert_ne!(generated_identity(&large), generated_identity(&small));
    let subsample = Subsample::Block { size: 30, block: 2 };
    let blocks =
        [pools[0].block(&large, &subsample, false).unwrap(), pools[1].block(&small, &subsample, false).unwrap()];
    assert_eq!(blocks[0], blocks[1]);
    assert_eq!((blocks[0].inputs(), blocks[0].classes, blocks[0].image), (5, 2, None));
    assert!(
        blocks[0].train.x.chunks(5).zip(&blocks[0].train.y).all(|(x, &y)| (y == 1) == (x[0] > -0.3 && x[0] < 1.18549))
    );
    let shape = shape_from(&large, &Places::default()).unwrap();
    assert_eq!((shape.features, shape.classes, shape.train, shape.test, shape.image), (5, 2, 200, 40, None));
}

#[test]
fn a_sweep_can_be_planned_before_its_data_is_there() {
    let places = Places::default();
    let shape = shape_from(&data(Source::FashionMnist(FashionMnist), None), &places).unwrap();
    assert_eq!((shape.features, shape.classes, shape.train, shape.test), (784, 2, 60_000, 10_000));
    assert!(shape_from(&data(Source::Idx(Idx { transpose: false }), None), &places).is_err());
    assert!(shape_from(&data(Source::Mnist(Mnist), Some(Path::new("/nowhere"))), &places).is_err());
}

/// MNIST, where it is found: REFERENCE's 669 live pixels, and NumPy's numbers (the snippet above with pixels/255 and
/// the first 8192 training images; x[0, 300:306], t[9999, 300:306] and the sums of absolute values).
#[test]
fn mnist_block_zero_is_the_papers() {
    let mnist = data(Source::Mnist(Mnist), None);
    let places = Places { home: None, system: None, ..Places::from_env() };
    let pool = match Pool::load_from(&mnist, &places) {
        Ok(pool) => pool,
        Err(DataError::NotFound { .. }) => return eprintln!("skipped: PHASESWEEP_DATA holds no mnist"),
        Err(error) => panic!("{error}"),
    };
    let block = pool.block(&mnist, &Subsample::Block { size: 8192, block: 0 }, false).unwrap();
    assert_eq!(block.inputs(), 669);
    assert_eq!(block.train.y.iter().filter(|&&y| y == 1).count(), 4169);
    let close = |got: &[f32], expected: [f64; 6]| {
        assert!(got.iter().zip(expected).all(|(&a, b)| (f64::from(a) - b).abs() <= 1e-6), "{got:?}");
    };
    #[rustfmt::skip]
    close(&block.train.x[300..306], [-0.028937339782714844, -0.061340924352407455, -0.131510391831398,
        -0.23987393081188202, -0.3729068338871002, -0.5262693166732788]);
    #[rustfmt::skip]
    close(&block.test.x[9999 * 669 + 300..9999 * 669 + 306], [-0.028937339782714844, -0.061340924352407455,
        -0.131510391831398, -0.23987393081188202, -0.3729068338871002, 0.670310378074646]);
    let sum = |x: &[f32]| x.iter().map(|&v| f64::from(v).abs()).sum::<f64>();
    // Relative 1e-7: each value is rounded to f32 once, here and in NumPy.
    assert!((sum(&block.train.x) / 2832757.467914469 - 1.0).abs() < 1e-7);
    assert!((sum(&block.test.x) / 3483133.8061359655 - 1.0).abs() < 1e-7);
    let half = pool.block(&mnist, &Subsample::Block { size: 4096, block: 0 }, false).unwrap();
    assert_eq!((half.inputs(), half.train.y.iter().filter(|&&y| y == 1).count()), (654, 2070));
    let report = crate::data::check("mnist", None, &[], false, &places).unwrap();
    assert!(report.is_ok(), "{report}");
}
