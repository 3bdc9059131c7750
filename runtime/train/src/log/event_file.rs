//! Records as TensorBoard event files.
//!
//! An event file is a TFRecord file: for each event its length, a checksum of that, the event, and a checksum of it. An event is a
//! protobuf message; the few fields that scalars need are written here by hand (`tensorflow/core/util/event.proto`, `summary.proto`).

use crate::{Result, TrainError};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// A file that TensorBoard reads: scalars by tag and step.
#[derive(Debug)]
pub struct EventFile {
    file: File,
    path: PathBuf,
}

impl EventFile {
    /// A new file in `folder` for a run that goes on after `step`. TensorBoard drops what earlier files say of later steps.
    ///
    /// Errors: `Io`.
    pub fn create(folder: &Path, step: u64) -> Result<EventFile> {
        std::fs::create_dir_all(folder).map_err(TrainError::io(folder))?;
        let seconds = now() as u64;
        // Names sort by time, which TensorBoard relies on; a number tells files of one second apart.
        let mut number = 0;
        let (file, path) = loop {
            let path = folder.join(format!("events.out.tfevents.{seconds:010}.hadal.{number}"));
            match File::create_new(&path) {
                Ok(file) => break (file, path),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(TrainError::io(&path)(error)),
            }
        };
        let mut events = EventFile { file, path };
        events.event(0, |out| bytes(out, 3, b"brain.Event:2"))?;
        if step > 0 {
            // SessionLog { status: START }.
            events.event(step + 1, |out| bytes(out, 7, &[8, 1]))?;
        }
        Ok(events)
    }

    /// Adds scalars of a step. Errors: `Io`.
    pub fn scalars(&mut self, step: u64, values: &[(&str, f64)]) -> Result<()> {
        self.event(step, |out| {
            let mut summary = Vec::new();
            for (tag, value) in values {
                let mut entry = Vec::new();
                bytes(&mut entry, 1, tag.as_bytes());
                entry.push(2 << 3 | 5);
                entry.extend((*value as f32).to_le_bytes());
                bytes(&mut summary, 1, &entry);
            }
            bytes(out, 5, &summary);
        })
    }

    fn event(&mut self, step: u64, fields: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
        let mut event = vec![1 << 3 | 1];
        event.extend(now().to_le_bytes());
        event.push(2 << 3);
        varint(&mut event, step);
        fields(&mut event);
        let length = (event.len() as u64).to_le_bytes();
        let mut record = Vec::with_capacity(event.len() + 16);
        record.extend(length);
        record.extend(masked(&length).to_le_bytes());
        record.extend(&event);
        record.extend(masked(&event).to_le_bytes());
        self.file.write_all(&record).map_err(TrainError::io(&self.path))
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A field of bytes, text or a message.
fn bytes(out: &mut Vec<u8>, field: u8, content: &[u8]) {
    out.push(field << 3 | 2);
    varint(out, content.len() as u64);
    out.extend(content);
}

/// CRC-32C (Castagnoli), rotated and shifted as TFRecord wants it.
fn masked(data: &[u8]) -> u32 {
    let mut crc = !0u32;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ 0x82f6_3b78 & (crc & 1).wrapping_neg();
        }
    }
    (!crc).rotate_right(15).wrapping_add(0xa282_ead8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_format() {
        // RFC 3720, B.4: 32 zeros.
        let crc = masked(&[0; 32]).wrapping_sub(0xa282_ead8).rotate_left(15);
        assert_eq!(crc, 0x8a91_36aa);
        let crc = masked(b"123456789").wrapping_sub(0xa282_ead8).rotate_left(15);
        assert_eq!(crc, 0xe306_9283);
    }

    #[test]
    fn varints() {
        for (value, expected) in [(0u64, &[0u8][..]), (127, &[127]), (128, &[128, 1]), (300, &[172, 2])] {
            let mut out = Vec::new();
            varint(&mut out, value);
            assert_eq!(out, expected);
        }
    }
}
