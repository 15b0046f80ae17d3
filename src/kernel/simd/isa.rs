//! The instruction sets, whether the processor has them, and the sizes that suit each.

/// An instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Isa {
    /// What every processor has.
    Portable,
    /// AVX2 with FMA.
    Avx2,
    /// AVX-512 F and DQ.
    Avx512,
}

impl Isa {
    /// The best that this processor has.
    pub(crate) fn detect() -> Isa {
        [Isa::Avx512, Isa::Avx2].into_iter().find(|isa| isa.available()).unwrap_or(Isa::Portable)
    }

    /// Whether this processor has it.
    pub(crate) fn available(self) -> bool {
        match self {
            Isa::Portable => true,
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
            Isa::Portable | Isa::Avx2 => 8,
            Isa::Avx512 => 16,
        }
    }

    /// Rows of the product's register tile.
    pub(crate) fn rows(self) -> usize {
        match self {
            Isa::Portable => 4,
            Isa::Avx2 => 3,
            Isa::Avx512 => 5,
        }
    }

    /// Samples in a tile at most: a panel of their gradients is to stay in the first cache.
    pub(crate) fn tile(self) -> usize {
        match self {
            Isa::Avx2 => 192,
            Isa::Portable | Isa::Avx512 => 240,
        }
    }

    /// Inputs whose weights a panel's product takes at a time, at most. With AVX2 they fill two thirds of a first cache of
    /// 32 KiB and are read from there by every group of the tile; a panel's whole column would come from the second cache
    /// each time, and from the third whenever a neighbour crowds that one.
    pub(crate) fn inputs_at_once(self) -> usize {
        match self {
            Isa::Avx2 => 176,
            Isa::Portable | Isa::Avx512 => usize::MAX,
        }
    }

    /// Name for the log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Isa::Portable => "portable",
            Isa::Avx2 => "avx2",
            Isa::Avx512 => "avx512",
        }
    }
}
