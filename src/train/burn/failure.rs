//! Errors and panics of the backends, as [`TrainError`]s.
//!
//! burn reports most device failures (LibTorch's out-of-memory among them) by panicking; what it says tells memory from
//! the rest. CubeCL panics in a thread of its own where wgpu is short of memory, and whoever waits for numbers is told that they
//! were never written, or is given numbers that nobody has computed; so panics of other threads are listened to. Whether the
//! device itself is lost, no words tell: it is asked to compute something else.
//!
//! Invariant: nothing that a device answers is believed if one of its threads was short of memory since this thread asked last.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::burn::tensor::Device;

use super::flex::on_flex;
use crate::device::self_test;
use crate::train::TrainError;

/// How often a thread has panicked for lack of memory where nobody waited for its panic.
static SHORTAGES: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// Whether this thread is in a guarded call, whose panics become errors there.
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
    /// The shortages that this thread has heard of; `None` before its first guarded call.
    static KNOWN: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Listens to the panics of all threads from now on; what is said of them stays as it is.
fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let said = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_GUARDED.get() && panic.payload_as_str().is_some_and(tells_of_memory) {
                SHORTAGES.fetch_add(1, Ordering::SeqCst);
            }
            said(panic);
        }));
    });
}

/// Runs device work; a panic in it becomes an error. The caller drops whatever the work was changing.
pub(in crate::train) fn guarded<T>(work: impl FnOnce() -> Result<T, TrainError>) -> Result<T, TrainError> {
    listen();
    let known = KNOWN.get().unwrap_or_else(|| SHORTAGES.load(Ordering::SeqCst));
    let is_within = IS_GUARDED.replace(true);
    let done = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|payload| {
        let message = payload
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| payload.downcast_ref::<&str>().map(|message| (*message).to_owned()))
            .unwrap_or_else(|| "no message".to_owned());
        Err(classify(message))
    });
    IS_GUARDED.set(is_within);
    let now = SHORTAGES.load(Ordering::SeqCst);
    KNOWN.set(Some(now));
    judged(done, now > known)
}

/// What became of device work, if a thread of the device `was_short` of memory meanwhile or not.
fn judged<T>(done: Result<T, TrainError>, was_short: bool) -> Result<T, TrainError> {
    match (done, was_short) {
        (Ok(_), true) => Err(TrainError::OutOfMemory(
            "a thread of the device's had no memory for what it was given, whatever the device answered".to_owned(),
        )),
        (Err(TrainError::Device(message)), true) => Err(TrainError::OutOfMemory(message)),
        (done, _) => done,
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
    }

    /// In a process of its own, since a shortage is everybody's.
    #[test]
    fn a_shortage_of_another_thread_is_heard() {
        const ALONE: &str = "PHASESWEEP_TEST_ALONE";
        if std::env::var_os(ALONE).is_none() {
            let module = module_path!().split_once("::").unwrap().1;
            let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
            alone.args(["--exact", &format!("{module}::a_shortage_of_another_thread_is_heard")]).env(ALONE, "1");
            let said = alone.output().unwrap();
            assert!(said.status.success() && String::from_utf8_lossy(&said.stdout).contains("1 passed"), "{said:?}");
            return;
        }
        let in_vain = || {
            let _ = std::thread::spawn(|| panic!("wgpu error: {}", "Out of Memory")).join();
            Err::<(), _>(TrainError::Device("the bytes were never written".to_owned()))
        };
        assert!(matches!(guarded(in_vain), Err(TrainError::OutOfMemory(message)) if message.contains("never written")));
        let answered = || {
            let _ = std::thread::spawn(|| panic!("wgpu error: {}", "Out of Memory")).join();
            Ok(3)
        };
        assert!(matches!(guarded(answered), Err(TrainError::OutOfMemory(_))));
        assert_eq!(guarded(|| Ok(3)).unwrap(), 3, "it is told once");
    }

    /// As CubeCL does it on wgpu: one thread panics, and another waits for numbers in vain, or is given some.
    #[test]
    fn nothing_is_believed_of_a_device_that_was_short_of_memory() {
        let in_vain = || Err::<(), _>(TrainError::Device("the bytes were never written".to_owned()));
        let said = |done: Result<(), TrainError>| done.unwrap_err();
        assert!(
            matches!(said(judged(in_vain(), true)), TrainError::OutOfMemory(said) if said.contains("never written"))
        );
        assert!(matches!(said(judged(in_vain(), false)), TrainError::Device(_)));
        assert!(matches!(said(judged(Ok(()), true)), TrainError::OutOfMemory(_)));
        assert_eq!(judged(Ok(3), false).unwrap(), 3);
        let lost = judged::<()>(Err(TrainError::Lost("gone".to_owned())), true);
        assert!(matches!(said(lost), TrainError::Lost(_)));
    }
}
