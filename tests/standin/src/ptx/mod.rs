//! PTX text to a [`Module`]: declarations with their bytes, functions with resolved registers and labels.
//!
//! The text that NVRTC emits is a list of declarations. A function's body is a list of statements in nested scopes: `{ … }` opens one around each call and around each piece
//! of inline assembly, and registers and labels declared there hide those outside. The parser gives every register of a function a number of its own, so that nothing
//! behind it knows of scopes. Opcodes stay text (`ld.global.v4.f32`); `compile` gives them their meaning.

mod body;
mod declare;
mod lexer;
mod module;
mod operand;

pub(crate) use declare::parse;
pub(crate) use module::{Function, Instruction, Module, Operand, Space, Type, Variable};

/// Text that is not PTX as this crate knows it.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("PTX line {line}: {message}")]
pub struct ParseError {
    /// One-based.
    pub line: u32,
    /// What was expected, what was found.
    pub message: String,
}

pub(crate) fn error<T>(line: u32, message: impl Into<String>) -> Result<T, ParseError> {
    Err(ParseError { line, message: message.into() })
}
