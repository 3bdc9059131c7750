//! What the checks find, and where.

use std::fmt;

/// The kinds of findings; each stops its kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FindingKind {
    /// Two accesses of which one writes, in no order.
    Race,
    /// A barrier, or an operation of a whole warp, that some threads do not reach.
    DivergentBarrier,
    /// An address outside of what was allocated or declared.
    OutOfBounds,
    /// An address that is no multiple of what is read or written.
    Misaligned,
    /// Memory or a register that nobody wrote.
    Uninitialised,
    /// Memory that was given back.
    UseAfterFree,
    /// Memory that was not given back.
    Leak,
    /// No end: threads wait for each other, or run longer than the limit.
    Hang,
    /// `trap`.
    Trap,
    /// `assert`.
    Assertion,
    /// What this interpreter does not know.
    Unsupported,
}

impl FindingKind {
    /// A few words.
    pub fn name(self) -> &'static str {
        match self {
            FindingKind::Race => "race",
            FindingKind::DivergentBarrier => "divergent barrier",
            FindingKind::OutOfBounds => "out of bounds",
            FindingKind::Misaligned => "misaligned address",
            FindingKind::Uninitialised => "uninitialised read",
            FindingKind::UseAfterFree => "use after free",
            FindingKind::Leak => "leak",
            FindingKind::Hang => "hang",
            FindingKind::Trap => "trap",
            FindingKind::Assertion => "assertion",
            FindingKind::Unsupported => "unsupported",
        }
    }
}

/// A fault whose place is not known yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: FindingKind,
    pub(crate) message: String,
}

impl Fault {
    pub(crate) fn new(kind: FindingKind, message: impl Into<String>) -> Fault {
        Fault { kind, message: message.into() }
    }
}

/// A fault and its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Finding {
    /// What kind.
    pub kind: FindingKind,
    /// The kernel's name as PTX has it.
    pub kernel: String,
    /// `blockIdx`.
    pub block: [u32; 3],
    /// `threadIdx` of the first thread concerned.
    pub thread: [u32; 3],
    /// The line of the PTX text, from one.
    pub line: u32,
    /// That line.
    pub source_line: String,
    /// What is wrong, with the values.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let triple = |[x, y, z]: [u32; 3]| format!("({x}, {y}, {z})");
        write!(
            f,
            "{} in kernel `{}`, block {}, thread {}, PTX line {} `{}`: {}",
            self.kind.name(),
            self.kernel,
            triple(self.block),
            triple(self.thread),
            self.line,
            self.source_line,
            self.message
        )
    }
}
