//! WAV: sound as samples.

use crate::{DataError, file};
use hadal_graph::{Bytes, DType, HostTensor};
use hound::{SampleFormat, WavReader};
use std::path::Path;

const FORMAT: &str = "WAV";

/// A sound.
#[derive(Clone, Debug, PartialEq)]
pub struct Wave {
    /// `f32[channels, frames]`, from -1 to 1: an integer sample is divided by `2^(bits - 1)`, as `torchaudio.load` does.
    pub samples: HostTensor,
    /// Frames a second.
    pub rate: u32,
}

/// Reads a file of integers with 8 to 32 bits or of 32-bit floats. Errors: `Io`, `Malformed`, `Unsupported`.
pub fn read(path: impl AsRef<Path>) -> Result<Wave, DataError> {
    let path = path.as_ref();
    from_bytes(&file::read(path)?).map_err(|error| error.in_file(path))
}

/// Reads a file that is in memory. Errors: `Malformed`, `Unsupported`.
pub fn from_bytes(bytes: &[u8]) -> Result<Wave, DataError> {
    let mut reader = WavReader::new(bytes).map_err(|error| broken("the header", error))?;
    let spec = reader.spec();
    let channels = usize::from(spec.channels);
    if channels == 0 || spec.sample_rate == 0 {
        let found = format!("{channels} channels at {} Hz", spec.sample_rate);
        return Err(DataError::malformed(FORMAT, "the header", found, "at least 1 of each"));
    }
    // Each sample takes at least one byte of the file.
    let declared = (reader.len() as usize).min(bytes.len());
    let mut interleaved: Vec<f32> = Vec::with_capacity(declared);
    match spec.sample_format {
        SampleFormat::Float => {
            for sample in reader.samples::<f32>() {
                interleaved.push(sample.map_err(|error| at(interleaved.len(), error))?);
            }
        }
        SampleFormat::Int => {
            if !(1..=32).contains(&spec.bits_per_sample) {
                let found = format!("{} bits a sample", spec.bits_per_sample);
                return Err(DataError::malformed(FORMAT, "the header", found, "1 to 32"));
            }
            let scale = (1u64 << (spec.bits_per_sample - 1)) as f64;
            for sample in reader.samples::<i32>() {
                let sample = sample.map_err(|error| at(interleaved.len(), error))?;
                interleaved.push((f64::from(sample) / scale) as f32);
            }
        }
    }
    if !interleaved.len().is_multiple_of(channels) {
        let found = format!("{} samples", interleaved.len());
        let expected = format!("a multiple of {channels}, the number of channels");
        return Err(DataError::malformed(FORMAT, "the samples", found, expected));
    }
    let frames = interleaved.len() / channels;
    let mut planes = Vec::with_capacity(4 * interleaved.len());
    for channel in 0..channels {
        let samples = interleaved.iter().skip(channel).step_by(channels);
        planes.extend(samples.flat_map(|sample| sample.to_le_bytes()));
    }
    let samples = HostTensor::from_bytes(DType::F32, [channels, frames], Bytes::new(planes))
        .map_err(DataError::other)?;
    Ok(Wave { samples, rate: spec.sample_rate })
}

fn at(sample: usize, error: hound::Error) -> DataError {
    broken(&format!("sample {sample}"), error)
}

fn broken(place: &str, error: hound::Error) -> DataError {
    match error {
        hound::Error::Unsupported | hound::Error::TooWide => DataError::Unsupported {
            file: String::new(),
            place: place.into(),
            what: "this encoding of samples".into(),
            hint: "convert it to 16-bit PCM, as with `ffmpeg -i FILE -c:a pcm_s16le OUT.wav`".into(),
        },
        hound::Error::IoError(error) => DataError::malformed(FORMAT, place, error.to_string(), "more bytes")
            .with_hint("the file is incomplete; fetch it again"),
        other => DataError::malformed(FORMAT, place, other.to_string(), "PCM or 32-bit float samples"),
    }
}
