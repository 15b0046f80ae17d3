//! Vectors of f32 and the matrix products, dense and sparse, for each instruction set: the only unsafe code of the kernel.
//!
//! Invariants that make the unsafe blocks sound:
//! - a vector type leaves this module only as the type parameter of [`Task::run`], which [`dispatch`] calls after the
//!   processor was asked whether it has the instructions;
//! - [`Indices`] are checked against their bound when they are built;
//! - [`product()`], [`gather()`] and [`scatter()`] check the extent of their operands before their loops.
//!
//! The numbers of a lane never meet those of another lane: no operation here crosses lanes, and [`Lane::bits`] tells of
//! comparisons only.

#![allow(unsafe_code)]

mod aligned;
mod gather;
mod isa;
mod lane;
mod portable;
mod product;
#[cfg(target_arch = "x86_64")]
mod x86;

pub(super) use aligned::Buffer;
pub(super) use gather::{Side, Strip, gather, scatter};
pub(super) use isa::Isa;
pub(super) use lane::{Lane, ROWS, Task, get, put};
pub(super) use product::{ADD, FROM, Indices, ONTO, Operand, Picked, Rows, STORE, product};

/// Asks for memory that is read soon, where the processor cannot tell by itself.
#[inline(always)]
pub(super) fn prefetch<T>(memory: &[T]) {
    #[cfg(target_arch = "x86_64")]
    x86::prefetch(memory);
    #[cfg(not(target_arch = "x86_64"))]
    let _ = memory;
}

/// Runs a task with the instructions of `isa` for `replicas` (a power of two, at most `isa.lanes()`).
///
/// # Panics
/// If the processor lacks the instructions, or `replicas` is not one of the sizes.
pub(super) fn dispatch<T: Task>(isa: Isa, replicas: usize, task: T) {
    assert!(isa.available(), "instruction set {} is not available", isa.name());
    match isa {
        Isa::Unfused => portable::dispatch::<T, false>(replicas, task),
        Isa::Portable => portable::dispatch::<T, true>(replicas, task),
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the processor was asked above for the instructions that these functions enable.
        _ => unsafe { x86::dispatch(isa, replicas, task) },
        #[cfg(not(target_arch = "x86_64"))]
        _ => unreachable!("not available, as asserted"),
    }
}
