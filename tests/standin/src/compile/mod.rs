//! A kernel of a module to [`Code`]: functions laid one behind the other, memory laid out, every opcode given its meaning or refused by name.

mod arithmetic;
mod arithmetic_half;
mod bits;
pub(crate) mod code;
mod compare;
mod control;
mod conversion;
mod emit;
mod layout;
mod matrix;
mod memory;
mod movement;
mod parts;
mod special;
mod warp;

use crate::ptx::{Function, Module};
use code::{Code, Op};
use emit::Emitter;
use layout::Layout;
pub(crate) use movement::lies_in;
use std::collections::HashMap;
use std::sync::Arc;

/// PTX that this interpreter does not know or that does not fit together.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("PTX line {line} `{source_line}`: {message}")]
pub struct CompileError {
    /// From one.
    pub line: u32,
    /// The text of that line.
    pub source_line: String,
    /// What is not known.
    pub message: String,
}

/// Addresses of the module's variables, by name.
pub(crate) type Symbols = HashMap<String, u64>;

/// Makes the kernel `name` ready to run.
pub(crate) fn kernel(module: &Module, name: &str, symbols: &Symbols) -> Result<Code, CompileError> {
    let fail = |line: u32, message: String| CompileError {
        line,
        source_line: module.line(line).to_owned(),
        message,
    };
    let entry = module
        .function(name)
        .filter(|f| f.is_entry)
        .ok_or_else(|| fail(0, format!("no kernel is called `{name}`")))?;
    let functions = reachable(module, entry).map_err(|(line, message)| fail(line, message))?;
    let layout = Layout::new(module, &functions);
    let mut code = Code {
        name: name.to_owned(),
        instructions: Vec::new(),
        rows: 0,
        constants: Vec::new(),
        specials: Vec::new(),
        row_names: Vec::new(),
        shared: layout.shared_spans(),
        shared_dynamic: layout.shared_dynamic,
        shared_static: layout.shared_static,
        local: layout.local_spans(),
        local_size: layout.local_size,
        params: layout.params.clone(),
        params_size: layout.params_size,
        max_threads: entry.max_threads,
        required_block: entry.required_block,
        lines: Arc::new(module.lines.clone()),
    };
    let mut starts = HashMap::new();
    let mut pool = HashMap::new();
    for (number, function) in functions.iter().enumerate() {
        starts.insert(function.name.as_str(), code.instructions.len());
        let mut emitter = Emitter::new(&functions, number, &layout, symbols, &mut code, &mut pool);
        emitter.function().map_err(|(line, message)| fail(line, message))?;
    }
    for instruction in &mut code.instructions {
        if let Op::Call { target } = &mut instruction.op {
            // Calls were emitted with the callee's number.
            *target = starts[functions[*target].name.as_str()];
        }
    }
    Ok(code)
}

/// The kernel and everything it calls, each once; a function that calls itself is refused, since locals have fixed places.
fn reachable<'a>(module: &'a Module, entry: &'a Function) -> Result<Vec<&'a Function>, (u32, String)> {
    fn visit<'a>(
        module: &'a Module,
        function: &'a Function,
        path: &mut Vec<&'a str>,
        out: &mut Vec<&'a Function>,
    ) -> Result<(), (u32, String)> {
        path.push(&function.name);
        if !out.iter().any(|f| f.name == function.name) {
            out.push(function);
        }
        for (line, name) in control::callees(function) {
            if path.contains(&name) {
                return Err((line, format!("`{name}` calls itself, which is not known here")));
            }
            if let Some(callee) = module.function(name).filter(|f| f.body.is_some()) {
                visit(module, callee, path, out)?;
            }
        }
        path.pop();
        Ok(())
    }
    let mut out = Vec::new();
    visit(module, entry, &mut Vec::new(), &mut out)?;
    Ok(out)
}
