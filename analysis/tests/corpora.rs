//! Every results file that fuzzing has kept (`tests/fuzz/corpora/results`), given to the report's reader: none panics,
//! hangs, or takes more memory than it is allowed.
//!
//! One test alone, because memory is counted for the whole process.

// The modules are the fuzz targets' library.
#![allow(unreachable_pub)]

#[path = "../../tests/fuzz/src/allocation.rs"]
mod allocation;
#[path = "../../tests/fuzz/src/edits.rs"]
mod edits;
#[allow(dead_code)]
mod fixture;
#[path = "../../tests/fuzz/src/results.rs"]
mod results;

use std::path::Path;

#[global_allocator]
static ALLOCATOR: allocation::Counted = allocation::Counted;

#[test]
fn every_kept_results_file_is_read_or_refused() {
    let corpus = Path::new("../tests/fuzz/corpora/results");
    let mut tried = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        // Captured by the test's harness unless it fails: says which input it was.
        println!("{}", path.display());
        allocation::within(results::most_memory(&bytes), || results::read(&bytes));
        tried += 1;
    }
    assert!(tried > 0, "there is no corpus");
    results::clean();
}
