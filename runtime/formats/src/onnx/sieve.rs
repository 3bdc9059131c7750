//! A file that arrives piece by piece: its graph is kept, and of large weights only where they stand.
//!
//! A message of protobuf carries its length in front, so a model cannot be decoded before its last weight has come. [`Sieve`] follows the
//! nesting down to the raw data of initializers, leaves the large ones out, and writes the lengths of the messages around them anew. What remains is
//! a model without them, which is imported as any other.

use super::proto::ModelProto;
use super::{FORMAT, importer, wire};
use crate::FormatError;
use hadal_graph::{DType, Graph, HostTensor};
use prost::Message;
use std::collections::{BTreeMap, HashMap};

/// Raw data of more bytes than this is left out.
const LARGE: u64 = 64 << 10;

/// A model, and where its large weights are.
#[derive(Clone, Debug)]
pub struct Sifted {
    /// The computation.
    pub graph: Graph,
    /// The values of small parameters, by name.
    pub weights: BTreeMap<String, HostTensor>,
    /// Large parameters, in the order in which they stand in the file.
    pub apart: Vec<Apart>,
}

/// A parameter whose elements were left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Apart {
    /// Its name in the graph.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Extents.
    pub shape: Vec<usize>,
    /// Where its little-endian elements begin in the file, in bytes.
    pub offset: u64,
}

/// The raw data of an initializer: where it begins in the file, and its bytes.
pub(super) type Place = (u64, u64);

/// Takes a file piece by piece.
#[derive(Debug)]
pub struct Sieve {
    name: String,
    total: u64,
    /// Bytes taken so far.
    at: u64,
    /// A field's key, and its length or number, as far as they have come.
    head: Vec<u8>,
    /// Bytes that follow, to be kept or left out.
    rest: u64,
    keeping: bool,
    /// The messages that are open, the innermost last.
    open: Vec<Level>,
    initializers: usize,
    apart: HashMap<usize, Place>,
}

/// An open message.
#[derive(Debug)]
struct Level {
    kind: Kind,
    /// Where it ends in the file.
    end: u64,
    /// What is kept of it.
    kept: Vec<u8>,
    /// Of a tensor: its element type, once that has come.
    dtype: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Model,
    Graph,
    Tensor,
}

impl Kind {
    /// The message in field `number`, if it is looked into.
    fn inside(self, number: u64) -> Option<Kind> {
        match (self, number) {
            (Kind::Model, 7) => Some(Kind::Graph),
            (Kind::Graph, 5) => Some(Kind::Tensor),
            _ => None,
        }
    }

    /// The key under which its parent has it.
    fn key(self) -> u8 {
        match self {
            Kind::Graph => 7 << 3 | 2,
            _ => 5 << 3 | 2,
        }
    }
}

impl Sieve {
    /// For a file of `total` bytes that messages call `name`.
    pub fn new(name: &str, total: u64) -> Sieve {
        let model = Level { kind: Kind::Model, end: total, kept: Vec::new(), dtype: 0 };
        Sieve {
            name: name.into(),
            total,
            at: 0,
            head: Vec::new(),
            rest: 0,
            keeping: true,
            open: vec![model],
            initializers: 0,
            apart: HashMap::new(),
        }
    }

    /// Takes the next bytes. Errors: `Malformed`, `Truncated` where a field is longer than the file or than the message it stands in.
    pub fn push(&mut self, mut piece: &[u8]) -> Result<(), FormatError> {
        while let Some(&byte) = piece.first() {
            if self.rest > 0 {
                let count = usize::try_from(self.rest).map_or(piece.len(), |rest| rest.min(piece.len()));
                let (now, later) = piece.split_at(count);
                if let (true, Some(level)) = (self.keeping, self.open.last_mut()) {
                    level.kept.extend_from_slice(now);
                }
                (self.rest, self.at, piece) = (self.rest - count as u64, self.at + count as u64, later);
            } else {
                self.head.push(byte);
                (self.at, piece) = (self.at + 1, &piece[1..]);
                self.head().map_err(|error| error.in_file(&self.name))?;
            }
            self.close();
        }
        Ok(())
    }

    /// The model, after the last byte. Errors: as [`super::read`].
    pub fn finish(mut self) -> Result<Sifted, FormatError> {
        let model = match self.open.pop() {
            Some(model)
                if self.open.is_empty()
                    && self.head.is_empty()
                    && self.rest == 0
                    && self.at == self.total =>
            {
                model.kept
            }
            _ => return Err(FormatError::truncated("the model", self.total, self.at).in_file(&self.name)),
        };
        self.import(&model).map_err(|error| error.in_file(&self.name))
    }

    fn import(&self, model: &[u8]) -> Result<Sifted, FormatError> {
        wire::check(model)?;
        let model = ModelProto::decode(model).map_err(|e| {
            FormatError::malformed(FORMAT, "the protobuf message", e.to_string(), "an ONNX model")
                .with_hint("the file is damaged or incomplete; fetch it again")
        })?;
        importer::sifted(model, &self.apart)
    }

    /// Looks at what has come of a field's head, and takes it if it is complete.
    fn head(&mut self) -> Result<(), FormatError> {
        let broken = |found: String| {
            FormatError::malformed(FORMAT, "the protobuf message", found, "a field")
                .with_hint("the file is damaged, incomplete or no ONNX model")
        };
        let mut rest = self.head.as_slice();
        let key = match wire::varint(&mut rest) {
            Some(key) => key,
            None if self.head.len() < 10 => return Ok(()),
            None => return Err(broken("a number that does not end".into())),
        };
        let has_number = match key & 7 {
            0 | 2 => true,
            1 | 5 => false,
            other => return Err(broken(format!("a field of the unknown wire type {other}"))),
        };
        let number = match has_number {
            false => 0,
            true => match wire::varint(&mut rest) {
                Some(number) => number,
                None if rest.len() < 10 => return Ok(()),
                None => return Err(broken("a number that does not end".into())),
            },
        };
        let follows = match key & 7 {
            1 => 8,
            5 => 4,
            2 => number,
            _ => 0,
        };
        // There is always a model.
        let Some(level) = self.open.last_mut() else { return Ok(()) };
        let left = level.end.saturating_sub(self.at);
        if follows > left {
            return Err(FormatError::truncated(format!("field {}", key >> 3), follows, left));
        }
        let head = std::mem::take(&mut self.head);
        if key & 7 == 2
            && let Some(kind) = level.kind.inside(key >> 3)
        {
            self.open.push(Level { kind, end: self.at + follows, kept: Vec::new(), dtype: 0 });
            return Ok(());
        }
        if level.kind == Kind::Tensor && key == 2 << 3 {
            level.dtype = number;
        }
        let raw = level.kind == Kind::Tensor && key == 9 << 3 | 2;
        if raw && follows > LARGE && may_be_left_out(level.dtype) {
            self.apart.insert(self.initializers, (self.at, follows));
            (self.rest, self.keeping) = (follows, false);
            return Ok(());
        }
        if raw {
            // Of a field that stands twice the last counts.
            self.apart.remove(&self.initializers);
        }
        level.kept.extend_from_slice(&head);
        (self.rest, self.keeping) = (follows, true);
        Ok(())
    }

    /// Ends the messages that end here.
    fn close(&mut self) {
        while self.rest == 0
            && self.head.is_empty()
            && self.open.len() > 1
            && let Some(level) = self.open.pop_if(|level| level.end == self.at)
        {
            self.initializers += usize::from(level.kind == Kind::Tensor);
            if let Some(parent) = self.open.last_mut() {
                parent.kept.push(level.kind.key());
                put_varint(&mut parent.kept, level.kept.len() as u64);
                parent.kept.extend_from_slice(&level.kept);
            }
        }
    }
}

/// Whether weights of ONNX's element type are never looked at by the importer: floats, and what quantised weights are made of. Integers may be indices or
/// sizes, and booleans are checked.
fn may_be_left_out(dtype: u64) -> bool {
    matches!(dtype, 1..=3 | 10 | 11 | 16)
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value > 127 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}
