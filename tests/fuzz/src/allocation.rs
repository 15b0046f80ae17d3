//! An allocator that counts, so that a reader which takes memory on the word of a header is found at once, without its
//! machine being filled.
//!
//! Only what Rust code allocates is counted: what the HDF5 library takes for itself, libFuzzer bounds by `-rss_limit_mb`.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};

/// Bytes that are allocated now.
static LIVE: AtomicIsize = AtomicIsize::new(0);
/// Bytes that may be.
static MOST: AtomicIsize = AtomicIsize::new(isize::MAX);

/// The system's allocator, counted.
pub struct Counted;

impl Counted {
    fn add(bytes: usize) {
        let bytes = isize::try_from(bytes).unwrap_or(isize::MAX);
        let live = LIVE.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if live > MOST.load(Ordering::Relaxed) {
            MOST.store(isize::MAX, Ordering::Relaxed);
            eprintln!("an allocation of {bytes} bytes makes {live}: more than the reader is allowed");
            std::process::abort();
        }
    }

    fn remove(bytes: usize) {
        LIVE.fetch_sub(bytes as isize, Ordering::Relaxed);
    }
}

// SAFETY: every call is handed on to the system's allocator with the same arguments; counting touches atomics alone.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Counted::add(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        Counted::add(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Counted::add(size);
        // SAFETY: the caller's promise is passed on.
        let moved = unsafe { System.realloc(pointer, layout, size) };
        Counted::remove(layout.size());
        moved
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        Counted::remove(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// Runs `read`, which may take no more than `bytes` beyond what is allocated now; if it does, the process ends.
pub fn within<T>(bytes: usize, read: impl FnOnce() -> T) -> T {
    let bytes = isize::try_from(bytes).unwrap_or(isize::MAX);
    MOST.store(LIVE.load(Ordering::Relaxed).saturating_add(bytes), Ordering::Relaxed);
    let out = read();
    MOST.store(isize::MAX, Ordering::Relaxed);
    out
}
