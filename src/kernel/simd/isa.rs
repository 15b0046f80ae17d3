//! The instruction sets, whether the processor has them, and the sizes that suit each.
//!
//! Invariant: what differs between sets changes no bit of what is trained, but for [`Isa::Unfused`], which is chosen and never
//! detected.

/// An instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Isa {
    /// What every processor has, with a multiplication and the addition that takes it up rounded apart.
    Unfused,
    /// What every processor has, rounded as with the instructions of the others.
    Portable,
    /// AVX2 with FMA.
    Avx2,
    /// AVX-512 F and DQ.
    Avx512,
}

impl Isa {
    /// Those that compute the same bits, from the plainest to the widest.
    const SAME: [Isa; 3] = [Isa::Portable, Isa::Avx2, Isa::Avx512];

    /// The best that this processor has.
    pub(crate) fn detect() -> Isa {
        Isa::here().next_back().unwrap_or(Isa::Portable)
    }

    /// Those that this processor has and that compute the same bits, from the plainest to the widest.
    pub(crate) fn here() -> impl DoubleEndedIterator<Item = Isa> {
        Isa::SAME.into_iter().filter(|isa| isa.available())
    }

    /// Whether this processor has it.
    pub(crate) fn available(self) -> bool {
        match self {
            Isa::Unfused | Isa::Portable => true,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => {
                Isa::Avx2.available() && is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq")
            }
            #[cfg(not(target_arch = "x86_64"))]
            _ => false,
        }
    }

    /// Lanes of its vectors.
    pub(crate) fn lanes(self) -> usize {
        match self {
            Isa::Unfused | Isa::Portable | Isa::Avx2 => 8,
            Isa::Avx512 => 16,
        }
    }

    /// Inputs whose weights a panel's product takes at a time, at most. With AVX2 they fill two thirds of a first cache of
    /// 32 KiB and are read from there by every group of the tile; a panel's whole column would come from the second cache
    /// each time, and from the third whenever a neighbour crowds that one.
    pub(crate) fn inputs_at_once(self) -> usize {
        match self {
            Isa::Avx2 => 176,
            Isa::Unfused | Isa::Portable | Isa::Avx512 => usize::MAX,
        }
    }

    /// Name for the log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Isa::Unfused => "portable unfused",
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
        }
    }
}
