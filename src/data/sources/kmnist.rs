//! KMNIST: cursive Japanese in MNIST's format (Clanuwat et al., arXiv 1812.01718).

use serde::Serialize;

use super::mnist_format::in_mnist_format;
use crate::data::catalogue::{File, Format, Published, packed_only};

const FILES: [File; 4] = [
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

const PUBLISHED: Published = Published {
    name: "kmnist",
    format: Format::Idx,
    downloads: &FILES,
    files: &FILES,
    mirrors: &["https://codh.rois.ac.jp/kmnist/dataset/kmnist/"],
    samples: (60_000, 10_000),
    features: 784,
    about: "cursive Japanese, 28×28",
    licence: "CC BY-SA 4.0",
    package: None,
};

/// The source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Kmnist;

in_mnist_format!(Kmnist, PUBLISHED);
