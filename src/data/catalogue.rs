//! The published data sets: their files, sizes, checksums and mirrors.
//!
//! Checksums of the files as published (`packed`) and of what is within them (`plain`). The plain ones decide where
//! both are known, because the same data is repacked by distributions and packages.
//!
//! Where the sums come from: MNIST's packed sums are those that have long been published with its mirrors, its plain
//! sums are of the files themselves. Fashion-MNIST's packed sums are published beside its mirrors (they match the MD5
//! sums of the authors' page by file), its plain sums are of Debian's package dataset-fashion-mnist. KMNIST's packed
//! sums and all of CIFAR-10's are those published with independent loaders; KMNIST's plain sums are not published.

/// A data set that can be fetched.
#[derive(Debug, Clone, Copy)]
pub struct Published {
    /// Name, as in a sweep file.
    pub name: &'static str,
    /// Format of its files.
    pub format: Format,
    /// What is downloaded.
    pub downloads: &'static [File],
    /// What lies in its directory afterwards.
    pub files: &'static [File],
    /// Addresses of directories that hold the downloads, tried in order; each ends with `/`.
    pub mirrors: &'static [&'static str],
    /// Training and test samples.
    pub samples: (usize, usize),
    /// Inputs of a sample.
    pub features: usize,
    /// One line about it.
    pub about: &'static str,
    /// Its licence.
    pub licence: &'static str,
}

/// Format of a data set's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Four idx files, each plain or gzip.
    Idx,
    /// Six CIFAR-10 binary batches.
    Cifar,
}

/// A file of a data set.
#[derive(Debug, Clone, Copy)]
pub struct File {
    /// Name. Files of idx format may also lie there without the `.gz`.
    pub name: &'static str,
    /// Bytes of the file as published.
    pub bytes: u64,
    /// sha256 of the file as published.
    pub packed: Option<&'static str>,
    /// sha256 of its decompressed content.
    pub plain: Option<&'static str>,
}

const fn file(name: &'static str, bytes: u64, packed: &'static str, plain: &'static str) -> File {
    File { name, bytes, packed: Some(packed), plain: Some(plain) }
}

const fn packed_only(name: &'static str, bytes: u64, packed: &'static str) -> File {
    File { name, bytes, packed: Some(packed), plain: None }
}

const fn batch(name: &'static str, plain: &'static str) -> File {
    File { name, bytes: 30_730_000, packed: None, plain: Some(plain) }
}

const MNIST: [File; 4] = [
    file(
        "train-images-idx3-ubyte.gz",
        9_912_422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    file(
        "train-labels-idx1-ubyte.gz",
        28_881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    file(
        "t10k-images-idx3-ubyte.gz",
        1_648_877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    file(
        "t10k-labels-idx1-ubyte.gz",
        4_542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
];

const FASHION: [File; 4] = [
    file(
        "train-images-idx3-ubyte.gz",
        26_421_880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    file(
        "train-labels-idx1-ubyte.gz",
        29_515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    file(
        "t10k-images-idx3-ubyte.gz",
        4_422_102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    file(
        "t10k-labels-idx1-ubyte.gz",
        5_148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
];

const KMNIST: [File; 4] = [
    packed_only(
        "train-images-idx3-ubyte.gz",
        18_165_135,
        "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
    ),
    packed_only(
        "train-labels-idx1-ubyte.gz",
        29_497,
        "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
    ),
    packed_only(
        "t10k-images-idx3-ubyte.gz",
        3_041_136,
        "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
    ),
    packed_only("t10k-labels-idx1-ubyte.gz", 5_120, "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c"),
];

const CIFAR: [File; 6] = [
    batch("data_batch_1.bin", "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"),
    batch("data_batch_2.bin", "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"),
    batch("data_batch_3.bin", "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"),
    batch("data_batch_4.bin", "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"),
    batch("data_batch_5.bin", "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"),
    batch("test_batch.bin", "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"),
];

/// Every data set that can be fetched.
pub const PUBLISHED: [Published; 4] = [
    Published {
        name: "mnist",
        format: Format::Idx,
        downloads: &MNIST,
        files: &MNIST,
        mirrors: &[
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ],
        samples: (60_000, 10_000),
        features: 784,
        about: "handwritten digits, 28×28",
        licence: "CC BY-SA 3.0",
    },
    Published {
        name: "fashion-mnist",
        format: Format::Idx,
        downloads: &FASHION,
        files: &FASHION,
        mirrors: &[
            "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ],
        samples: (60_000, 10_000),
        features: 784,
        about: "Zalando's clothes, 28×28",
        licence: "MIT",
    },
    Published {
        name: "kmnist",
        format: Format::Idx,
        downloads: &KMNIST,
        files: &KMNIST,
        mirrors: &["https://codh.rois.ac.jp/kmnist/dataset/kmnist/"],
        samples: (60_000, 10_000),
        features: 784,
        about: "cursive Japanese, 28×28",
        licence: "CC BY-SA 4.0",
    },
    Published {
        name: "cifar10",
        format: Format::Cifar,
        downloads: &[File {
            name: "cifar-10-binary.tar.gz",
            bytes: 170_052_171,
            packed: Some("c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"),
            plain: None,
        }],
        files: &CIFAR,
        mirrors: &["https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/"],
        samples: (50_000, 10_000),
        features: 3072,
        about: "colour photographs of ten things, 32×32×3",
        licence: "none stated; cite Krizhevsky 2009",
    },
];

/// The published data set of that name.
pub fn published(name: &str) -> Option<&'static Published> {
    PUBLISHED.iter().find(|set| set.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_can_be_verified_by_a_well_formed_sum() {
        for set in PUBLISHED {
            assert!(set.mirrors.iter().all(|mirror| mirror.starts_with("https://") && mirror.ends_with('/')));
            for file in set.downloads.iter().chain(set.files) {
                let sums: Vec<&str> = [file.packed, file.plain].into_iter().flatten().collect();
                assert!(!sums.is_empty(), "{}/{}", set.name, file.name);
                for sum in sums {
                    assert_eq!(sum.len(), 64, "{}/{}", set.name, file.name);
                    assert!(sum.bytes().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c)));
                }
            }
        }
    }
}
