//! WAV files against Python's reading of them.
#![cfg(feature = "wav")]

mod golden;

use hadal_data::wav;

#[test]
fn every_width_is_what_python_reads() {
    let expected = golden::json("wav.json");
    let files = expected.as_object().unwrap();
    assert_eq!(files.len(), 5);
    for (name, expected) in files {
        let wave = wav::read(golden::path(name)).unwrap();
        assert_eq!(u64::from(wave.rate), expected["rate"].as_u64().unwrap(), "{name}");
        let channels: Vec<Vec<f64>> =
            expected["samples"].as_array().unwrap().iter().map(golden::floats).collect();
        assert_eq!(wave.samples.shape(), [channels.len(), channels[0].len()], "{name}");
        assert_eq!(wave.samples.to_f64(), channels.concat(), "{name}");
    }
}

#[test]
fn what_is_wrong_is_said() {
    let good = std::fs::read(golden::path("pcm16.wav")).unwrap();
    let message = |bytes: &[u8]| wav::from_bytes(bytes).unwrap_err().to_string();
    let cut = message(&good[..good.len() - 3]);
    assert!(cut.contains("sample 38") && cut.contains("fetch it again"), "{cut}");
    assert!(message(b"RIFX").contains("the header"));
    let mut odd = good.clone();
    // The format tag becomes that of GSM 6.10.
    odd[20] = 49;
    let odd = message(&odd);
    assert!(odd.contains("not supported") && odd.contains("ffmpeg"), "{odd}");
}
