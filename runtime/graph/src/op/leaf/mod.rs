//! Nodes without operands, and random bits.

mod constant;
mod input;
mod iota;
mod parameter;
mod random_bits;
mod size;
mod variable;

pub use constant::Constant;
pub use input::Input;
pub use iota::Iota;
pub use parameter::Parameter;
pub(crate) use random_bits::random_word;
pub(crate) use random_bits::random_words;
pub use random_bits::{RandomBits, philox};
pub use size::Size;
pub use variable::Variable;
