//! What is known of a published data set: its files, sizes, checksums and mirrors. The sets themselves are described by
//! their sources (`sources`).
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
    /// The package of Debian that installs it, if there is one.
    pub package: Option<&'static str>,
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

pub(super) const fn file(name: &'static str, bytes: u64, packed: &'static str, plain: &'static str) -> File {
    File { name, bytes, packed: Some(packed), plain: Some(plain) }
}

pub(super) const fn packed_only(name: &'static str, bytes: u64, packed: &'static str) -> File {
    File { name, bytes, packed: Some(packed), plain: None }
}

pub(super) const fn batch(name: &'static str, plain: &'static str) -> File {
    File { name, bytes: 30_730_000, packed: None, plain: Some(plain) }
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_file_can_be_verified_by_a_well_formed_sum() {
        for set in super::super::sources::published() {
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
