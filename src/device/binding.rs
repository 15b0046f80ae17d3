//! Which GPU a rank trains on.
//!
//! Pure: what the environment says and what the driver sees go in; a [`Binding`] or a [`Refusal`] comes out. Two ranks
//! never share a GPU unless sharing was asked for, and then the binding says so; whoever calls logs [`Binding`]'s text.
//! Whether another rank of its node was bound to the same GPU from outside, a rank cannot know.
//!
//! Ordinals count the devices that this process sees, as the CUDA and HIP runtimes do: 0 is the first entry of
//! `CUDA_VISIBLE_DEVICES` (`ROCR_VISIBLE_DEVICES` on AMD's), whatever its number on the node.

use std::fmt;

/// What a rank knows of its node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The variable that hides GPUs from a process, as `CUDA_VISIBLE_DEVICES`; empty where the runtime heeds none.
    pub variable: &'static str,
    /// Its value, if it is set.
    pub visible: Option<&'a str>,
    /// The command that tells which GPUs the node has.
    pub lister: &'static str,
    /// `SLURM_GPUS_PER_TASK`, if set: srun then gives each rank GPUs of its own.
    pub gpus_per_task: Option<usize>,
    /// This rank among those of its node, from 0.
    pub local_rank: usize,
    /// Ranks of the job on this node.
    pub local_size: usize,
    /// GPUs that the driver shows to this process.
    pub gpus: usize,
    /// Ranks may share GPUs: asked for by a person.
    pub sharing: bool,
}

/// The GPUs of a rank, and why these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Ordinals of its GPUs, ascending, at least one.
    pub ordinals: Vec<usize>,
    /// Their entries in [`Place::variable`], where it is set: numbers on the node, or `GPU-…` and `MIG-…` names.
    pub names: Vec<String>,
    /// That variable.
    pub variable: &'static str,
    /// Why these.
    pub reason: Reason,
}

/// Why a rank has its GPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// srun gave them to this rank (`--gpus-per-task`).
    GivenByTask,
    /// The only rank of its node takes all that it sees.
    Alone,
    /// By its place among the ranks of its node.
    ByLocalRank {
        /// GPUs of the node that no rank takes.
        idle: usize,
    },
    /// Shared, as asked.
    Shared {
        /// Ranks on this GPU, this one included.
        ranks: usize,
    },
}

impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ordinals: Vec<String> = self.ordinals.iter().map(usize::to_string).collect();
        write!(f, "GPU {}", ordinals.join(", "))?;
        if !self.names.is_empty() {
            write!(f, " ({}: {})", self.variable, self.names.join(", "))?;
        }
        match self.reason {
            Reason::GivenByTask => write!(f, ", given to this rank by srun"),
            Reason::Alone => write!(f, ", all that the node's only rank sees"),
            Reason::ByLocalRank { idle: 0 } => write!(f, ", by the rank's place on its node"),
            Reason::ByLocalRank { idle } => {
                write!(f, ", by the rank's place on its node; {idle} of its GPUs stay idle")
            }
            Reason::Shared { ranks } => write!(f, ", shared by {ranks} ranks as asked"),
        }
    }
}

/// Why a rank gets no GPU.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The environment hides every GPU.
    #[error(
        "{variable} = {value:?} hides every GPU from this rank: ask Slurm for one (--gpus-per-task=1), or unset the \
         variable, or train with --device flex"
    )]
    Hidden {
        /// Its name.
        variable: &'static str,
        /// The variable.
        value: String,
    },
    /// The driver shows none.
    #[error("no GPU is visible to this rank: `{lister}` tells what the node has; or train with --device flex")]
    NoGpu {
        /// The command that lists them.
        lister: &'static str,
    },
    /// The variable is not what the driver made of it.
    #[error(
        "{variable} = {value:?} names {named} GPU(s) but the driver shows {gpus}: an entry does not exist, is listed \
         twice, or the variable changed after start; compare it with `{lister}`"
    )]
    Mismatch {
        /// Its name.
        variable: &'static str,
        /// The command that lists the GPUs.
        lister: &'static str,
        /// The variable.
        value: String,
        /// Entries in it.
        named: usize,
        /// GPUs that the driver shows.
        gpus: usize,
    },
    /// More ranks than GPUs.
    #[error(
        "{ranks} ranks on this node and {gpus} GPU(s) for them: start {gpus} rank(s) a node, ask for more GPUs \
         (--gpus-per-task=1), or allow sharing with --share-gpus"
    )]
    TooFew {
        /// Ranks on the node.
        ranks: usize,
        /// GPUs that they see.
        gpus: usize,
    },
    /// The caller's numbers contradict each other.
    #[error(
        "local rank {local_rank} of {local_size}: the launcher's numbers contradict each other; start with srun or mpirun"
    )]
    NoSuchRank {
        /// The rank.
        local_rank: usize,
        /// Ranks on the node.
        local_size: usize,
    },
}

/// The GPUs of the rank at `place`.
///
/// By the variable that hides GPUs where Slurm gave each rank its own; else ranks of a node divide among them, in order and
/// evenly, the GPUs that all of them see. GPUs that do not divide evenly stay idle, and the binding says how many.
///
/// # Errors
/// See [`Refusal`].
pub fn bind(place: &Place) -> Result<Binding, Refusal> {
    let Place { local_rank, local_size, gpus, variable, lister, .. } = *place;
    if local_rank >= local_size {
        return Err(Refusal::NoSuchRank { local_rank, local_size });
    }
    let names = match place.visible {
        Some(value) => {
            let names = entries(value);
            if names.is_empty() {
                return Err(Refusal::Hidden { variable, value: value.to_owned() });
            }
            if names.len() != gpus {
                return Err(Refusal::Mismatch { variable, lister, value: value.to_owned(), named: names.len(), gpus });
            }
            names
        }
        None => Vec::new(),
    };
    if gpus == 0 {
        return Err(Refusal::NoGpu { lister });
    }
    let (ordinals, reason) = if place.visible.is_some() && place.gpus_per_task == Some(gpus) {
        ((0..gpus).collect(), Reason::GivenByTask)
    } else if local_size == 1 {
        ((0..gpus).collect(), Reason::Alone)
    } else if gpus >= local_size {
        let each = gpus / local_size;
        (
            (local_rank * each..(local_rank + 1) * each).collect::<Vec<_>>(),
            Reason::ByLocalRank { idle: gpus % local_size },
        )
    } else if place.sharing {
        let ordinal = local_rank % gpus;
        (vec![ordinal], Reason::Shared { ranks: (ordinal..local_size).step_by(gpus).count() })
    } else {
        return Err(Refusal::TooFew { ranks: local_size, gpus });
    };
    let names = ordinals.iter().filter_map(|&ordinal| names.get(ordinal)).map(|&name| name.to_owned()).collect();
    Ok(Binding { ordinals, names, variable, reason })
}

/// The entries of `CUDA_VISIBLE_DEVICES` (and of AMD's) that are heeded: up to the first that is no device (`-1`, `NoDevFiles`).
fn entries(value: &str) -> Vec<&str> {
    let is_device = |entry: &&str| {
        let number = !entry.is_empty() && entry.bytes().all(|b| b.is_ascii_digit());
        number || entry.starts_with("GPU-") || entry.starts_with("MIG-")
    };
    value.split(',').map(str::trim).take_while(is_device).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn place(visible: Option<&str>, local_rank: usize, local_size: usize, gpus: usize) -> Place<'_> {
        let (variable, lister) = ("CUDA_VISIBLE_DEVICES", "nvidia-smi -L");
        Place { variable, visible, lister, gpus_per_task: None, local_rank, local_size, gpus, sharing: false }
    }

    #[test]
    fn srun_gives_each_rank_its_own() {
        // Without cgroups ranks are told different numbers; with them, each sees its GPU as number 0.
        for value in ["0", "3", "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"] {
            let own = Place { gpus_per_task: Some(1), ..place(Some(value), 3, 4, 1) };
            let binding = bind(&own).unwrap();
            assert_eq!((binding.ordinals, binding.reason), (vec![0], Reason::GivenByTask));
            assert_eq!(binding.names, [value]);
        }
    }

    #[test]
    fn ranks_that_see_all_take_their_turn() {
        let binding = bind(&place(Some("4,5,6,7"), 2, 4, 4)).unwrap();
        assert_eq!((binding.ordinals.as_slice(), binding.names.as_slice()), (&[2][..], &["6".to_owned()][..]));
        assert_eq!(bind(&place(None, 1, 2, 4)).unwrap().ordinals, [2, 3]);
        let odd = bind(&place(None, 1, 2, 3)).unwrap();
        assert_eq!((odd.ordinals.as_slice(), odd.reason), (&[1][..], Reason::ByLocalRank { idle: 1 }));
        assert!(odd.to_string().contains("1 of its GPUs stay idle"));
        assert_eq!(bind(&place(None, 0, 1, 4)).unwrap().ordinals, [0, 1, 2, 3]);
    }

    #[test]
    fn sharing_must_be_asked_for_and_is_said() {
        // mpirun -n 2 with CUDA_VISIBLE_DEVICES=0: both would land on one GPU.
        let two_on_one = place(Some("0"), 1, 2, 1);
        let refusal = bind(&two_on_one).unwrap_err();
        assert_eq!(refusal, Refusal::TooFew { ranks: 2, gpus: 1 });
        assert!(refusal.to_string().contains("--share-gpus"));
        let shared = bind(&Place { sharing: true, ..two_on_one }).unwrap();
        assert_eq!(shared.reason, Reason::Shared { ranks: 2 });
        assert!(shared.to_string().contains("shared by 2 ranks"));
        let third_of_five_on_two = Place { sharing: true, ..place(None, 2, 5, 2) };
        let binding = bind(&third_of_five_on_two).unwrap();
        assert_eq!((binding.ordinals, binding.reason), (vec![0], Reason::Shared { ranks: 3 }));
    }

    #[test]
    fn hidden_missing_and_unknown_gpus_are_told_apart() {
        for hidden in ["", "-1", "NoDevFiles", "-1,0", " "] {
            assert!(matches!(bind(&place(Some(hidden), 0, 1, 0)), Err(Refusal::Hidden { .. })), "{hidden:?}");
        }
        assert_eq!(bind(&place(None, 0, 1, 0)), Err(Refusal::NoGpu { lister: "nvidia-smi -L" }));
        let mismatch = bind(&place(Some("0,9"), 0, 1, 1));
        assert!(matches!(mismatch, Err(Refusal::Mismatch { named: 2, gpus: 1, .. })));
        assert!(matches!(bind(&place(Some("0,-1,1"), 0, 1, 1)), Ok(Binding { ordinals, .. }) if ordinals == [0]));
        assert!(matches!(bind(&place(None, 2, 2, 2)), Err(Refusal::NoSuchRank { .. })));
    }

    proptest! {
        /// Over all ranks of a node: without sharing, no GPU is held twice; with it, loads differ by one at most and the
        /// number of ranks that each binding states is the true one.
        #[test]
        fn a_node_is_divided(size in 1usize..20, gpus in 1usize..20, sharing: bool) {
            let bindings: Vec<_> =
                (0..size).map(|rank| bind(&Place { sharing, ..place(None, rank, size, gpus) })).collect();
            if gpus < size && !sharing {
                prop_assert!(bindings.iter().all(Result::is_err));
                return Ok(());
            }
            let mut held = vec![0; gpus];
            for binding in bindings.iter().flatten() {
                prop_assert!(!binding.ordinals.is_empty());
                binding.ordinals.iter().for_each(|&ordinal| held[ordinal] += 1);
            }
            if gpus >= size {
                prop_assert!(held.iter().all(|&ranks| ranks <= 1));
                for binding in bindings.iter().flatten() {
                    if let Reason::ByLocalRank { idle } = binding.reason {
                        prop_assert_eq!(idle, held.iter().filter(|&&ranks| ranks == 0).count());
                    }
                }
            } else {
                prop_assert!(held.iter().max().unwrap() - held.iter().min().unwrap() <= 1);
                for binding in bindings.iter().flatten() {
                    prop_assert_eq!(binding.reason, Reason::Shared { ranks: held[binding.ordinals[0]] });
                }
            }
        }
    }
}
