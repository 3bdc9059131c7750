//! Damaged files of every format: thousands of fixed mutations, none of which may panic or take memory that the file does not justify.

mod golden;

use hadal_data::table::json_lines;
use hadal_data::{idx, text};

/// Most memory that this process has had mapped, in bytes; what is allocated shows even if nobody touches it. None where the system does
/// not tell.
fn peak() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmPeak:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<usize>().ok()? * 1024)
}

/// Most memory by which reading damaged copies of a small file may raise the peak.
const ALLOWANCE: usize = 64 << 20;

/// Numbers that sizes like to break on.
const AWKWARD: [u64; 9] = [0, 1, 0x7f, 0xff, 0x7fff_ffff, 0xffff_ffff, 1 << 40, i64::MAX as u64, u64::MAX];

/// Pieces that texts like to break on.
const PIECES: [&[u8]; 8] =
    [b"9999999999999999999", b"[[[[[[[[", b"\"", b"}", b"null", b"\n", b",", b"\xff\xff\xff\xff\x0f"];

/// One damaged copy.
fn damaged(original: &[u8], random: &mut hadal_data::Random) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..1 + random.below(3) {
        let at = random.below(bytes.len());
        let end = (at + random.below(40)).min(bytes.len());
        match random.below(9) {
            0 => bytes.truncate(at),
            1 | 2 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            3 if at < bytes.len() => bytes[at] = random.u32() as u8,
            4 => {
                let number = AWKWARD[random.below(AWKWARD.len())];
                let both = [number.to_le_bytes(), number.to_be_bytes()];
                let size = [1, 2, 4, 8][random.below(4)].min(bytes.len() - at);
                let big = random.below(2);
                let number = if big == 1 { &both[1][8 - size..] } else { &both[0][..size] };
                bytes[at..at + size].copy_from_slice(number);
            }
            5 => {
                let piece = bytes[at..end].to_vec();
                let to = random.below(bytes.len());
                bytes.splice(to..to, piece);
            }
            6 => drop(bytes.drain(at..end)),
            7 => {
                if let Some(digit) = bytes.iter_mut().skip(at).find(|b| b.is_ascii_digit()) {
                    *digit = b"0123456789-e."[random.below(13)];
                }
            }
            _ => {
                let piece = PIECES[random.below(PIECES.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
        }
    }
    bytes
}

/// Reads `count` damaged copies of a file and returns how many were refused.
fn attack<T, E: std::fmt::Display>(
    name: &str,
    count: usize,
    seed: u64,
    read: impl Fn(&[u8]) -> Result<T, E>,
) -> usize {
    let original = std::fs::read(golden::path(name)).unwrap();
    if let Err(error) = read(&original) {
        panic!("{name} is not even read whole: {error}");
    }
    let random = hadal_data::Random::new(seed);
    let mut refused = 0;
    let before = peak();
    for round in 0..count {
        let bytes = damaged(&original, &mut random.at(&[round as u64]));
        let result = read(&bytes);
        if let (Some(before), Some(after)) = (before, peak()) {
            let taken = after - before;
            assert!(taken < ALLOWANCE, "{name}, round {round}: {taken} bytes for a file of {}", bytes.len());
        }
        if let Err(error) = result {
            refused += 1;
            let message = error.to_string();
            assert!(!message.is_empty() && message.len() < 5000, "{name}, round {round}: {message}");
        }
    }
    refused
}

fn utf8(bytes: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(bytes).map_err(|error| error.to_string())
}

#[test]
fn damaged_files_are_refused() {
    // Panics within other crates are caught and become errors; only those of this one are worth printing.
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.location().is_none_or(|place| !place.file().contains("registry")) {
            print(panic);
        }
    }));
    // One test, so that the peak of memory is that of one reader.
    for (seed, name) in (0..).zip(["u1.idx", "f8.idx", "i2.idx.gz"]) {
        let refused = attack(name, 4000, seed, idx::from_bytes);
        assert!(refused > 1000, "only {refused} damaged copies of {name} were refused");
    }
    let refused = attack("table.jsonl", 4000, 10, |bytes| {
        json_lines::parse(utf8(bytes)?).map_err(|error| error.to_string())
    });
    assert!(refused > 2000, "only {refused} damaged JSON lines were refused");
    attack("table.jsonl", 1000, 11, |bytes| {
        let text = utf8(bytes)?;
        let vocabulary = text::CharVocabulary::of(text);
        let tokens = vocabulary.encode(text).map_err(|error| error.to_string())?;
        text::Windows::new(tokens, 7, 2).map_err(|error| error.to_string())
    });
    #[cfg(feature = "csv")]
    {
        use hadal_data::table::csv::{Kind, Options, parse};
        let strict = ["id", "weight", "gap"].into_iter().zip([Kind::Int, Kind::Float, Kind::Int]);
        let strict = strict.fold(Options::default(), |options, (name, kind)| options.kind(name, kind));
        let refused = attack("table.csv", 4000, 20, |bytes| {
            parse(utf8(bytes)?, &strict).map_err(|error| error.to_string())
        });
        assert!(refused > 1000, "only {refused} damaged CSV files were refused");
    }
    #[cfg(feature = "wav")]
    for (seed, name) in (30..).zip(["pcm8.wav", "pcm16.wav", "pcm24.wav", "pcm32.wav", "float32.wav"]) {
        let refused = attack(name, 2000, seed, hadal_data::wav::from_bytes);
        assert!(refused > 300, "only {refused} damaged copies of {name} were refused");
    }
    #[cfg(feature = "image")]
    {
        use hadal_data::images::{Colour, from_bytes};
        let files = ["images/bags/rgb.png", "images/bags/palette.png", "images/coats/winter/photo.jpg"];
        for (seed, name) in (40..).zip(files) {
            let refused = attack(name, 2000, seed, |bytes| from_bytes(bytes, Colour::Rgb));
            assert!(refused > 300, "only {refused} damaged copies of {name} were refused");
        }
    }
    #[cfg(feature = "tokenizers")]
    {
        let refused = attack("tokenizer.json", 1000, 50, hadal_data::tokens::Tokenizer::from_bytes);
        assert!(refused > 300, "only {refused} damaged tokenizers were refused");
    }
    #[cfg(feature = "parquet")]
    {
        let columns = ["id", "tokens", "text"];
        let files = [
            "hub/data/test-00000-of-00001.parquet",
            "hub/data/train-00001-of-00002.parquet",
            "saved/train/data-00000-of-00002.arrow",
            "saved/train/data-00001-of-00002.arrow",
        ];
        for (seed, name) in (60..).zip(files) {
            let refused = attack(name, 2000, seed, |bytes| {
                hadal_data::table::parquet::from_bytes(bytes.to_vec(), &columns)
            });
            assert!(refused > 300, "only {refused} damaged copies of {name} were refused");
        }
    }
}
