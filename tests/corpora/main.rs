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
            tried += 1;
        }
        assert!(tried > 0, "{target} has no corpus");
    }
    readers::clean();
}
