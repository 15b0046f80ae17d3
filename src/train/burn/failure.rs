//! Errors and panics of the backends, as [`TrainError`]s.
//!
//! burn reports most device failures (LibTorch's out-of-memory among them) by panicking; what it says tells memory from
//! the rest. CubeCL panics in a thread of its own where wgpu is short of memory, and whoever waits for numbers is told no more than
//! that they were never written; so panics of other threads are listened to. Whether the device itself is lost, no words
//! tell: it is asked to compute something else.

use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use ::burn::tensor::Device;

use super::flex::on_flex;
use crate::device::self_test;
use crate::train::TrainError;

/// Whether a thread has panicked for lack of memory, and no failure was put down to that yet.
static SHORT_OF_MEMORY: AtomicBool = AtomicBool::new(false);

/// Listens to the panics of all threads from now on; what is said of them stays as it is.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let said = take_hook();
        set_hook(Box::new(move |panic| {
            if panic.payload_as_str().is_some_and(tells_of_memory) {
                SHORT_OF_MEMORY.store(true, Ordering::SeqCst);
            }
            said(panic);
        }));
    });
}

/// Runs device work; a panic in it becomes an error. The caller drops whatever the work was changing.
pub(in crate::train) fn guarded<T>(work: impl FnOnce() -> Result<T, TrainError>) -> Result<T, TrainError> {
    listen();
    let done = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let message = payload
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| payload.downcast_ref::<&str>().map(|message| (*message).to_owned()))
            .unwrap_or_else(|| "no message".to_owned());
        Err(classify(message))
    });
    match done {
        Ok(done) => Ok(done),
        Err(error) => match (SHORT_OF_MEMORY.swap(false, Ordering::SeqCst), error) {
            (true, TrainError::Device(message)) => Err(TrainError::OutOfMemory(message)),
            (_, error) => Err(error),
        },
    }
}

/// Tells a failure of what was computed from that of the device: one that does not even compute the self-test any more is lost.
pub(in crate::train) fn told_apart(error: TrainError, device: &Device) -> TrainError {
    match error {
        TrainError::Device(message) if !on_flex(device) => match self_test::run(device) {
            Ok(()) => TrainError::Device(message),
            Err(wrong) => TrainError::Lost(format!("{message}; and then {wrong}")),
        },
        other => other,
    }
}

/// Tells a lack of memory from other failures by the words that CUDA, LibTorch and CubeCL use.
pub(super) fn classify(message: impl ToString) -> TrainError {
    let message = message.to_string();
    if tells_of_memory(&message) { TrainError::OutOfMemory(message) } else { TrainError::Device(message) }
}

fn tells_of_memory(message: &str) -> bool {
    let lower = message.to_lowercase();
    let memory = [
        "out of memory",
        "out_of_memory",
        "outofmemory",
        "memory allocation",
        "alloc failed",
        "allocate buffer of size",
    ];
    memory.iter().any(|words| lower.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_of_its_kind() {
        let memory = guarded::<()>(|| panic!("CUDA out of memory. Tried to allocate {} GiB", 20));
        assert!(matches!(memory, Err(TrainError::OutOfMemory(message)) if message.contains("20 GiB")));
        let wgpu = classify("An IO error happened\nCaused by:\n  can't allocate buffer of size: 153600000");
        assert!(matches!(wgpu, TrainError::OutOfMemory(_)));
        let other = guarded::<()>(|| panic!("cublas failed"));
        assert!(matches!(other, Err(TrainError::Device(_))));
        assert_eq!(guarded(|| Ok(3)).unwrap(), 3);
        // As CubeCL does it on wgpu: one thread panics, another waits for numbers in vain.
        let in_vain = || {
            let _ = std::thread::spawn(|| panic!("wgpu error: {}", "Out of Memory")).join();
            Err::<(), _>(TrainError::Device("the bytes were never written".to_owned()))
        };
        assert!(matches!(guarded(in_vain), Err(TrainError::OutOfMemory(message)) if message.contains("never written")));
    }
}
