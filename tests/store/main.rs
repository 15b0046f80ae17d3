//! The store's contract: what is written is read back, what is torn is noticed, what is whole stays whole through
//! kills and full disks, and one run at a time has a directory.

#![allow(clippy::unwrap_used)]

mod collected;
mod durability;
mod leases;
mod parts;
mod samples;
