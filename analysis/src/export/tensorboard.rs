//! Event files for TensorBoard, a run a cell: every series along training as a scalar, the specification as text.
//!
//! An event file is a sequence of records: the length (u64), its masked CRC-32C, the bytes, their masked CRC-32C, all little-endian
//! (TensorFlow, `core/lib/io/record_writer.h`); each record is a protocol buffer `Event` (`core/util/event.proto`), of which five
//! fields are written. Weights & Biases reads such folders too (`wandb sync`). Invariants: steps are epochs, or steps of the
//! optimiser of what was measured at steps; what was not measured has no event.

use std::fs;
use std::path::Path;

use super::choice::Choice;
use super::runs::{self, Point};
use super::series;
use crate::error::{Error, Result};
use crate::results::Results;
use crate::tables::write::file;

/// Writes a folder a run; says how many there are.
pub(super) fn write(results: &Results, folder: &Path, choice: &Choice) -> Result<String> {
    let variables = series::variables(results, choice.every)?;
    for range in series::slabs(results, &variables) {
        let slabs: Vec<Vec<f32>> =
            variables.iter().map(|of| series::read(results, of, range.clone())).collect::<Result<_>>()?;
        for cell in range.clone() {
            let run = runs::run(results, cell);
            let metrics = runs::metrics(&variables, &slabs, cell - range.start, run.seconds);
            let folder = folder.join(&run.name);
            fs::create_dir_all(&folder).map_err(|source| Error::Write { path: folder.clone(), source })?;
            // The name that TensorBoard looks for; of one cell always the same, so that an export replaces the last one.
            let path = folder.join(format!("events.out.tfevents.0.{}", results.cells.id[cell]));
            file(&path, &events(&run.parameters, &metrics))?;
        }
    }
    Ok(format!("{} runs: tensorboard --logdir {}", results.cells.len(), folder.display()))
}

/// The bytes of an event file.
fn events(parameters: &[(String, String)], metrics: &[(String, Vec<Point>)]) -> Vec<u8> {
    let mut out = Vec::new();
    let event = |seconds: f64, step: i64, content: (u32, Vec<u8>)| {
        let mut bytes = Message::default();
        bytes.double(1, seconds);
        bytes.integer(2, step);
        bytes.bytes(content.0, &content.1);
        bytes.0
    };
    record(&mut out, &event(0.0, 0, (3, b"brain.Event:2".to_vec())));
    let rows: String =
        parameters.iter().map(|(name, value)| format!("| {name} | {} |\n", value.replace('|', "\\|"))).collect();
    record(
        &mut out,
        &event(0.0, 0, (5, text_summary("specification", &format!("| key | value |\n| --- | --- |\n{rows}")))),
    );
    for (tag, points) in metrics {
        for point in points {
            let mut value = Message::default();
            value.bytes(1, tag.as_bytes());
            value.float(2, point.value);
            let mut summary = Message::default();
            summary.bytes(1, &value.0);
            record(&mut out, &event(point.seconds, point.at, (5, summary.0)));
        }
    }
    out
}

/// A `Summary` with a text, as the plugin `text` shows it: a tensor of one string.
fn text_summary(tag: &str, text: &str) -> Vec<u8> {
    const STRING: i64 = 7;
    let (mut plugin, mut metadata, mut tensor) = (Message::default(), Message::default(), Message::default());
    plugin.bytes(1, b"text");
    metadata.bytes(1, &plugin.0);
    tensor.integer(1, STRING);
    // A shape of no dimension: one string.
    tensor.bytes(2, &[]);
    tensor.bytes(8, text.as_bytes());
    let mut value = Message::default();
    value.bytes(1, tag.as_bytes());
    value.bytes(8, &tensor.0);
    value.bytes(9, &metadata.0);
    let mut summary = Message::default();
    summary.bytes(1, &value.0);
    summary.0
}

/// A protocol buffer, field by field (the wire format of Protocol Buffers: the number of a field and the form of its value, then
/// the value).
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn key(&mut self, field: u32, form: u32) {
        self.varint(u64::from(field << 3 | form));
    }

    fn double(&mut self, field: u32, value: f64) {
        self.key(field, 1);
        self.0.extend(value.to_le_bytes());
    }

    fn float(&mut self, field: u32, value: f32) {
        self.key(field, 5);
        self.0.extend(value.to_le_bytes());
    }

    fn integer(&mut self, field: u32, value: i64) {
        self.key(field, 0);
        self.varint(value as u64);
    }

    fn bytes(&mut self, field: u32, value: &[u8]) {
        self.key(field, 2);
        self.varint(value.len() as u64);
        self.0.extend(value);
    }
}

/// Appends a record.
fn record(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = (bytes.len() as u64).to_le_bytes();
    out.extend(length);
    out.extend(masked(&length).to_le_bytes());
    out.extend(bytes);
    out.extend(masked(bytes).to_le_bytes());
}

/// CRC-32C, rotated and offset, so that a checksum of bytes that hold checksums is none of theirs.
fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_in_the_wire_format() {
        // The example of the format's own documentation: field 1 holds 150.
        let mut message = Message::default();
        message.integer(1, 150);
        assert_eq!(message.0, [0x08, 0x96, 0x01]);
        // And field 2 the text "testing".
        let mut message = Message::default();
        message.bytes(2, b"testing");
        assert_eq!(message.0, [&[0x12, 0x07][..], b"testing"].concat());
    }
}
