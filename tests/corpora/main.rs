//! Every input that fuzzing has kept (`tests/fuzz/corpora`), given to its reader: none panics, hangs, or takes more memory
//! than the reader is allowed. The report's reader has its own such test, in `analysis/tests/corpora.rs`.
//!
//! One test alone, because memory is counted for the whole process.

// The modules are the fuzz targets' library.
#![allow(unreachable_pub)]

#[path = "../fuzz/src/allocation.rs"]
mod allocation;
#[path = "../fuzz/src/edits.rs"]
mod edits;
#[path = "../fuzz/src/readers.rs"]
mod readers;
#[allow(dead_code)]
#[path = "../store/samples.rs"]
mod samples;

#[global_allocator]
static ALLOCATOR: allocation::Counted = allocation::Counted;

#[test]
fn every_kept_input_is_read_or_refused() {
    let corpora = std::env::current_dir().unwrap().join("tests/fuzz/corpora");
    for target in readers::TARGETS {
        let mut tried = 0;
        for entry in std::fs::read_dir(corpora.join(target)).unwrap() {
            let path = entry.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            // Captured by the test's harness unless it fails: says which input it was.
            println!("{}", path.display());
            allocation::within(readers::most_memory(target, &bytes), || readers::read(target, &bytes));
            if target == "arrays" {
                damaged(&bytes);
            }
            tried += 1;
        }
        assert!(tried > 0, "{target} has no corpus");
    }
    readers::clean();
}

/// A sound input of arrays in many states of damage: some of its bytes replaced, or its end missing.
fn damaged(bytes: &[u8]) {
    use proptest::prelude::*;
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(60));
    let length = bytes.len();
    let changes = proptest::collection::vec((1..length.max(2), any::<u8>()), 0..4);
    let outcome = runner.run(&(changes, 0..=length, any::<bool>()), |(changes, end, torn)| {
        let mut bytes = bytes.to_vec();
        for (at, byte) in changes.into_iter().filter(|(at, _)| *at < length) {
            bytes[at] = byte;
        }
        bytes.truncate(if torn { end } else { length });
        allocation::within(readers::most_memory("arrays", &bytes), || readers::read("arrays", &bytes));
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}
