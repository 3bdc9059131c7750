//! Every op: its gradient against central differences, its decomposition against its reference, and known answers.

mod cases;
mod decomposition;
mod gradient;
mod known_answers;
mod leaves;
mod programs;
