//! Text as the tokens of a tokenizer.

use crate::panics::refusing;
use crate::{DataError, file};
use hadal_graph::{Bytes, DType, HostTensor};
use std::path::Path;

/// A tokenizer from a `tokenizer.json`.
#[derive(Clone, Debug)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
}

impl Tokenizer {
    /// Reads a `tokenizer.json`. Truncation and padding that it asks for are switched off: what is too long is an error of nobody but the
    /// caller, and batches are padded by [`PadSequence`](crate::PadSequence).
    ///
    /// Errors: `Io`, `Malformed`.
    pub fn read(path: impl AsRef<Path>) -> Result<Tokenizer, DataError> {
        let path = path.as_ref();
        Tokenizer::from_bytes(&file::read(path)?).map_err(|error| error.in_file(path))
    }

    /// Reads a `tokenizer.json` that is in memory. Errors: `Malformed`.
    pub fn from_bytes(bytes: &[u8]) -> Result<Tokenizer, DataError> {
        let broken = |error: tokenizers::Error| {
            DataError::malformed("tokenizer", "the data", error.to_string(), "a tokenizer.json")
        };
        refusing("tokenizer", || {
            let mut inner = tokenizers::Tokenizer::from_bytes(bytes).map_err(broken)?;
            inner.with_padding(None);
            inner.with_truncation(None).map_err(broken)?;
            Ok(Tokenizer { inner })
        })
    }

    /// Number of tokens that it knows, added ones included.
    pub fn len(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// Whether it knows no tokens.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of a token, as `[MASK]`.
    pub fn token(&self, text: &str) -> Option<i32> {
        self.inner.token_to_id(text).and_then(|number| i32::try_from(number).ok())
    }

    /// The tokens of a text, `i32[tokens]`; with those that the model wants around a text if `special` is set.
    ///
    /// Errors: `Malformed` where the tokenizer refuses the text.
    pub fn encode(&self, text: &str, special: bool) -> Result<HostTensor, DataError> {
        let encoding = self.inner.encode_fast(text, special).map_err(refused)?;
        numbers(encoding.get_ids())
    }

    /// The tokens of each of many texts: a column for [`Table::with`](crate::Table::with). Errors: as [`encode`](Tokenizer::encode).
    pub fn encode_all(&self, texts: &[String], special: bool) -> Result<Vec<HostTensor>, DataError> {
        texts.iter().map(|text| self.encode(text, special)).collect()
    }

    /// The text of some tokens, without special ones. Errors: `Argument` for a negative number; `Malformed` where the tokenizer refuses.
    pub fn decode(&self, tokens: &[i32]) -> Result<String, DataError> {
        let number = |&token: &i32| {
            u32::try_from(token).map_err(|_| DataError::argument("a token", token, "a number from 0 on"))
        };
        let ids = tokens.iter().map(number).collect::<Result<Vec<u32>, _>>()?;
        self.inner.decode(&ids, true).map_err(refused)
    }
}

fn numbers(ids: &[u32]) -> Result<HostTensor, DataError> {
    let mut bytes = Vec::with_capacity(4 * ids.len());
    for &id in ids {
        let id = i32::try_from(id).map_err(|_| {
            DataError::malformed("tokenizer", "a token", id.to_string(), "a number below 2^31")
        })?;
        bytes.extend_from_slice(&id.to_le_bytes());
    }
    HostTensor::from_bytes(DType::I32, [ids.len()], Bytes::new(bytes)).map_err(DataError::other)
}

fn refused(error: tokenizers::Error) -> DataError {
    DataError::malformed("tokenizer", "the text", error.to_string(), "text that it takes").in_file("the text")
}
