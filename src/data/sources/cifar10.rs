//! CIFAR-10: colour photographs of ten things, 32×32 (Krizhevsky 2009). The three colours are summed into one channel, as
//! the inversion paper has it, or kept.

use serde::Serialize;

use super::definition::{Decoded, Definition, Files, Half, PathKey, Sizes, digest_of_samples};
use crate::data::DataError;
use crate::data::catalogue::{File, Format, Published, batch};
use crate::data::cifar;
use crate::data::matrix::Matrix;
use crate::key::{Absent, Form, Key, Label, Literal, Values};

const FILES: [File; 6] = [
    batch("data_batch_1.bin", "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"),
    batch("data_batch_2.bin", "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"),
    batch("data_batch_3.bin", "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"),
    batch("data_batch_4.bin", "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"),
    batch("data_batch_5.bin", "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"),
    batch("test_batch.bin", "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"),
];

const PUBLISHED: Published = Published {
    name: "cifar10",
    format: Format::Cifar,
    downloads: &[File {
        name: "cifar-10-binary.tar.gz",
        bytes: 170_052_171,
        packed: Some("c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"),
        plain: None,
    }],
    files: &FILES,
    mirrors: &["https://www.cs.toronto.edu/~kriz/", "https://cave.cs.toronto.edu/kriz/"],
    samples: (50_000, 10_000),
    features: 3072,
    about: "colour photographs of ten things, 32×32×3",
    licence: "none stated; cite Krizhevsky 2009",
    package: None,
};

const CHANNELS: [(&str, Channels); 2] = [("sum", Channels::Sum), ("flat", Channels::Flat)];

/// The source.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cifar10 {
    /// Sum the three colours into one channel (the inversion paper), or keep 3072 inputs.
    pub channels: Channels,
}

/// What becomes of CIFAR's three colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channels {
    /// Summed into one: 1024 inputs.
    Sum,
    /// Kept: 3072 inputs, channel by channel.
    Flat,
}

impl Cifar10 {
    /// Bytes that are summed into one input.
    fn planes(&self) -> usize {
        match self.channels {
            Channels::Sum => 3,
            Channels::Flat => 1,
        }
    }

    fn with(&self, (train, test): (usize, usize)) -> Sizes {
        let planes = self.planes();
        Sizes { features: cifar::PIXELS / planes, labels: 10, train, test, image: Some([3 / planes, 32, 32]) }
    }
}

impl Definition for Cifar10 {
    const NAME: &'static str = PUBLISHED.name;
    const ABOUT: &'static str = PUBLISHED.about;
    const KEYS: &'static [Key] = &[Key {
        name: "channels",
        form: Form::Strings,
        words: Some(|| CHANNELS.map(|(word, _)| word).to_vec()),
        absent: Absent::Is(Literal::Word("sum")),
        label: Label::Word,
        doc: "`\"sum\"` of the colours, or `\"flat\"`: all 3072 inputs",
        ..Key::BLANK
    }];
    const PATH: PathKey = PathKey::Optional;
    const PUBLISHED: Option<&'static Published> = Some(&PUBLISHED);

    fn new(values: &Values) -> Cifar10 {
        let word = values.word("channels");
        Cifar10 { channels: CHANNELS.iter().find(|(name, _)| *name == word).map_or(Channels::Sum, |(_, value)| *value) }
    }

    fn plain() -> Cifar10 {
        Cifar10 { channels: Channels::Flat }
    }

    fn wanted() -> Vec<String> {
        cifar::NAMES.map(str::to_owned).to_vec()
    }

    fn classes(&self) -> Option<usize> {
        Some(10)
    }

    fn known(&self) -> Option<Sizes> {
        Some(self.with(PUBLISHED.samples))
    }

    fn sizes(&self, files: &Files<'_>) -> Result<Sizes, DataError> {
        let Some(dir) = files.find_or_published()? else { return Ok(self.with(PUBLISHED.samples)) };
        let mut counts = Vec::new();
        for file in cifar::files(&dir, &files.advice())? {
            counts.push(cifar::records(&file)?);
        }
        let test = counts.pop().unwrap_or(0);
        Ok(self.with((counts.iter().sum(), test)))
    }

    fn decode(&self, files: &Files<'_>) -> Result<Decoded, DataError> {
        let dir = files.find()?;
        let (train, test) = cifar::read(&cifar::files(&dir, &files.advice())?)?;
        let digest = digest_of_samples(cifar::PIXELS, [(&train.pixels, &train.labels), (&test.pixels, &test.labels)]);
        let planes = self.planes();
        let half = |part: cifar::Part| {
            Half::of_bytes(Matrix::bytes(part.pixels, cifar::PIXELS / planes, planes, 255.0), &part.labels)
        };
        Ok(Decoded {
            dir: Some(dir),
            image: Some([3 / planes, 32, 32]),
            ..Decoded::new(half(train), half(test), super::definition::plain_labels(10), digest)
        })
    }
}
