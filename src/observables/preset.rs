//! Choices of a paper's authors, as one key of an observable's table: `preset = "humayun-2024"`.
//!
//! A preset is nothing but other defaults: each key that is given beside it has the value that is given. Invariant: a preset is
//! resolved where the table is read and is itself no part of an identity, so that a preset and the keys that it stands for, written
//! out, are the same cell.

use super::keys::Keys;

/// Whose choices stand where a key is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// Those of the documentation.
    None,
    /// Those of the programs that the authors published for Humayun, Balestriero & Baraniuk, "Deep networks always grok and
    /// here is why" (ICML 2024, arXiv 2402.15555).
    Humayun2024,
}

impl Preset {
    const ALL: [Preset; 2] = [Preset::None, Preset::Humayun2024];
    const NAMES: [&'static str; 2] = ["none", "humayun-2024"];

    /// Reads the key `preset`; whoever asks for others says afterwards what their defaults are.
    pub fn read(keys: &mut dyn Keys) -> Option<Preset> {
        let meaning = "whose choices stand for keys that are not given: those below, or those of the authors' programs";
        keys.word("preset", &Preset::NAMES, 0, meaning).map(|place| Preset::ALL[place])
    }

    /// Whether it is that of the authors.
    pub fn is_humayun(self) -> bool {
        self == Preset::Humayun2024
    }
}
