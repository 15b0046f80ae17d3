//! The fuzz targets' common part: an allocator that counts, and the readers.

pub mod allocation;
pub mod edits;
#[allow(dead_code)]
#[path = "../../../analysis/tests/fixture/mod.rs"]
mod fixture;
pub mod readers;
pub mod results;
#[allow(dead_code)]
#[path = "../../store/samples.rs"]
mod samples;

#[global_allocator]
static ALLOCATOR: allocation::Counted = allocation::Counted;

/// Gives the bytes to the reader that a target is named after, within its limit of memory.
pub fn try_bytes(target: &str, bytes: &[u8]) {
    match target {
        "results" => allocation::within(results::most_memory(bytes), || results::read(bytes)),
        _ => allocation::within(readers::most_memory(target, bytes), || readers::read(target, bytes)),
    }
}
