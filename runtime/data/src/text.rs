//! Plain text: characters as numbers, and windows to train a language model on.

use crate::dataset::check_index;
use crate::{DataError, Dataset, Sample, file};
use hadal_graph::{Bytes, DType, HostTensor};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Reads a text file, which must be UTF-8. Errors: `Io`, `Malformed`.
pub fn read(path: impl AsRef<Path>) -> Result<String, DataError> {
    file::read_text(path.as_ref())
}

/// The King James Bible, 4.4 million characters in lines of 80: from `king-james.txt` in `$HADAL_DATA`, or from Debian's program `bible`.
///
/// Errors: `Missing`, which says how to get it.
pub fn king_james() -> Result<String, DataError> {
    const NAME: &str = "king-james.txt";
    let hint = "on Debian, `apt-get install bible-kjv bible-kjv-text`; elsewhere save the text as king-james.txt in a folder and name \
                the folder in HADAL_DATA";
    let missing = match file::locate("king-james", NAME, &[], hint) {
        Ok(folder) => return read(folder.join(NAME)),
        Err(missing) => missing,
    };
    let output = std::process::Command::new("bible").args(["-f", "-l80", "Gen1:1-Rev22:21"]).output();
    match output {
        Ok(output) if output.status.success() && !output.stdout.is_empty() => {
            file::text(output.stdout).map_err(|error| error.in_file("the output of `bible`"))
        }
        Ok(_) => Err(missing.also_searched("the program `bible`, which gave no text")),
        Err(_) => Err(missing.also_searched("the program `bible`")),
    }
}

/// The characters of a text, each with a number.
///
/// ```
/// use hadal_data::text::CharVocabulary;
/// let vocabulary = CharVocabulary::of("abba cab");
/// assert_eq!(vocabulary.characters(), [' ', 'a', 'b', 'c']);
/// let tokens = vocabulary.encode("cab")?;
/// assert_eq!(tokens.to_vec::<i32>()?, [3, 1, 2]);
/// assert_eq!(vocabulary.decode(&[3, 1, 2])?, "cab");
/// assert!(vocabulary.encode("dab").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CharVocabulary {
    characters: Vec<char>,
    numbers: BTreeMap<char, i32>,
}

impl CharVocabulary {
    /// The characters that occur in a text, in the order of Unicode.
    pub fn of(text: &str) -> CharVocabulary {
        let set: std::collections::BTreeSet<char> = text.chars().collect();
        CharVocabulary::from_characters(set)
    }

    /// These characters, in this order; of those that occur twice the first counts. It gives back what
    /// [`characters`](CharVocabulary::characters) gave.
    pub fn from_characters(characters: impl IntoIterator<Item = char>) -> CharVocabulary {
        let mut vocabulary = CharVocabulary { characters: Vec::new(), numbers: BTreeMap::new() };
        for character in characters {
            // Unicode has about a million characters.
            let number = vocabulary.characters.len() as i32;
            vocabulary.numbers.entry(character).or_insert_with(|| {
                vocabulary.characters.push(character);
                number
            });
        }
        vocabulary
    }

    /// The characters, by number.
    pub fn characters(&self) -> &[char] {
        &self.characters
    }

    /// Number of characters.
    pub fn len(&self) -> usize {
        self.characters.len()
    }

    /// Whether there are no characters.
    pub fn is_empty(&self) -> bool {
        self.characters.is_empty()
    }

    /// The numbers of a text's characters, `i32[characters]`. Errors: `Malformed` at a character without a number.
    pub fn encode(&self, text: &str) -> Result<HostTensor, DataError> {
        // Most text is one byte a character.
        let mut bytes = Vec::with_capacity(4 * text.len());
        let mut count = 0;
        for character in text.chars() {
            let number = self.numbers.get(&character).ok_or_else(|| {
                let expected = format!("one of the {} characters of the vocabulary", self.len());
                DataError::malformed("text", format!("character {count}"), format!("{character:?}"), expected)
                    .in_file("the text")
                    .with_hint("make the vocabulary of all the text that will be encoded")
            })?;
            bytes.extend_from_slice(&number.to_le_bytes());
            count += 1;
        }
        HostTensor::from_bytes(DType::I32, [count], Bytes::new(bytes)).map_err(DataError::other)
    }

    /// The text of some numbers. Errors: `Argument` for a number that no character has.
    pub fn decode(&self, numbers: &[i32]) -> Result<String, DataError> {
        let character = |&number: &i32| {
            let found = usize::try_from(number).ok().and_then(|at| self.characters.get(at));
            found.copied().ok_or_else(|| {
                DataError::argument("a character's number", number, format!("a number below {}", self.len()))
            })
        };
        numbers.iter().map(character).collect()
    }
}

/// Windows of a long row of tokens: `input`, `i32[length]`, and `target`, the same one token later.
#[derive(Clone, Debug)]
pub struct Windows {
    tokens: HostTensor,
    length: usize,
    stride: usize,
    names: [Arc<str>; 2],
}

impl Windows {
    /// Windows of `length` tokens, each `stride` after the one before: with a stride of `length` every token is predicted once in an epoch.
    ///
    /// `tokens` has one axis and any dtype. Errors: `Tensor` for another shape; `Argument` when length or stride is 0.
    pub fn new(tokens: HostTensor, length: usize, stride: usize) -> Result<Windows, DataError> {
        if tokens.shape().len() != 1 {
            return Err(DataError::tensor("tokens", format!("{} axes", tokens.shape().len()), "1 axis"));
        }
        if length == 0 {
            return Err(DataError::argument("the length of windows", length, "at least 1"));
        }
        if stride == 0 {
            return Err(DataError::argument("the stride of windows", stride, "at least 1"));
        }
        Ok(Windows { tokens, length, stride, names: ["input".into(), "target".into()] })
    }

    /// `length` tokens from `start` on.
    fn tokens(&self, start: usize) -> Option<Bytes> {
        let size = self.tokens.dtype().size();
        let end = start.checked_add(self.length)?;
        self.tokens.bytes().slice(start.checked_mul(size)?..end.checked_mul(size)?)
    }
}

impl Dataset for Windows {
    fn len(&self) -> usize {
        // The last target needs a token more.
        match self.tokens.elements().checked_sub(1).and_then(|inputs| inputs.checked_sub(self.length)) {
            Some(room) => room / self.stride + 1,
            None => 0,
        }
    }

    fn get(&self, index: usize, _epoch: u64) -> Result<Sample, DataError> {
        check_index(index, self.len())?;
        let part = |shift: usize| {
            let bytes = self.tokens(index * self.stride + shift);
            let bytes = bytes.ok_or(DataError::Index { index, len: self.len() })?;
            HostTensor::from_bytes(self.tokens.dtype(), [self.length], bytes).map_err(DataError::other)
        };
        Ok(Sample::new().with(self.names[0].clone(), part(0)?).with(self.names[1].clone(), part(1)?))
    }

    fn stacked(&self, indices: &[usize], _epoch: u64) -> Option<Result<Sample, DataError>> {
        let part = |shift: usize| {
            let mut bytes = Vec::with_capacity(indices.len() * self.length * self.tokens.dtype().size());
            for &index in indices {
                check_index(index, self.len())?;
                let window = self.tokens(index * self.stride + shift);
                bytes.extend_from_slice(&window.ok_or(DataError::Index { index, len: self.len() })?);
            }
            let shape = [indices.len(), self.length];
            HostTensor::from_bytes(self.tokens.dtype(), shape, Bytes::new(bytes)).map_err(DataError::other)
        };
        let both =
            || Ok(Sample::new().with(self.names[0].clone(), part(0)?).with(self.names[1].clone(), part(1)?));
        Some(both())
    }
}

/// Cuts the last share off a row of tokens, to be held out: (the rest, the share). Both share the row's memory.
///
/// Errors: `Argument` for a share outside `0..=1`; `Tensor` when `tokens` is a scalar.
pub fn hold_out(tokens: &HostTensor, share: f64) -> Result<(HostTensor, HostTensor), DataError> {
    if !(0.0..=1.0).contains(&share) {
        return Err(DataError::argument("the share to hold out", share, "a number from 0 to 1"));
    }
    let Some((&count, rest)) = tokens.shape().split_first() else {
        return Err(DataError::tensor("tokens", "a scalar", "at least 1 axis"));
    };
    let row = tokens.bytes().len().checked_div(count).unwrap_or(0);
    let at = count - ((share * count as f64).round() as usize).min(count);
    let part = |from: usize, to: usize| {
        let bytes = tokens.bytes().slice(from * row..to * row).unwrap_or_else(|| Bytes::new(Vec::new()));
        let shape: Vec<usize> = std::iter::once(to - from).chain(rest.iter().copied()).collect();
        HostTensor::from_bytes(tokens.dtype(), shape, bytes).map_err(DataError::other)
    };
    Ok((part(0, at)?, part(at, count)?))
}
