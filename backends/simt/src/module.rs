//! A module from its parts: the prelude, types, constants, functions, and the kernel.

use crate::kernel::Kernel;
use crate::names::{Names, Owner};
use crate::{Dialect, Error, Options, constants, entry, functions, prelude, types};
use naga::valid::ModuleInfo;
use naga::{Block, Function, Handle, Module, Span, Statement};
use std::collections::HashSet;

/// What everything that writes a part of a module looks at.
pub(crate) struct Context<'a> {
    pub(crate) module: &'a Module,
    pub(crate) info: &'a ModuleInfo,
    pub(crate) source: &'a str,
    pub(crate) dialect: Dialect,
    pub(crate) options: &'a Options,
}

impl Context<'_> {
    /// An error about `construct` at `span` in `owner`, such as "`main`".
    pub(crate) fn unsupported(&self, construct: impl Into<String>, owner: &str, span: Span) -> Error {
        let place = match span.is_defined() && !self.source.is_empty() {
            true => format!("{owner}, line {}", span.location(self.source).line_number),
            false => owner.to_string(),
        };
        Error::Unsupported { construct: construct.into(), place }
    }
}

/// The kernel of `entry_point`, which is a compute entry point of the valid module.
pub(crate) fn write(
    module: &Module,
    info: &ModuleInfo,
    source: &str,
    entry_point: &str,
    dialect: Dialect,
    options: &Options,
) -> Result<Kernel, Error> {
    let context = Context { module, info, source, dialect, options };
    let index = module.entry_points.iter().position(|e| e.name == entry_point).ok_or_else(|| {
        let available = module.entry_points.iter().map(|e| e.name.clone()).collect();
        Error::EntryPoint { name: entry_point.into(), available }
    })?;
    let entry = &module.entry_points[index];
    let mut names = Names::new(module);

    let mut reached = HashSet::new();
    reach(module, &entry.function.body, &mut reached);
    let mut code = String::new();
    for (handle, function) in module.functions.iter().filter(|(handle, _)| reached.contains(handle)) {
        code += &functions::write(&context, &mut names, Owner::Function(handle), function, &info[handle])?;
        code.push('\n');
    }
    let kernel = entry::write(&context, &mut names, index)?;
    code += &kernel.text;

    let mut body = String::from("namespace program {\n");
    body += &types::structures(&context, &names)?;
    body += &constants::declarations(&context, &names)?;
    body += &code;
    body += "} // namespace program\n";
    let prelude = prelude::text(&body, entry.workgroup_size, dialect, options);
    Ok(Kernel {
        body: prelude.len(),
        source: prelude + &body,
        entry: names.function(Owner::Entry(index as _)).to_string(),
        workgroup_size: entry.workgroup_size,
        parameters: kernel.parameters,
        shared_bytes: kernel.shared_bytes,
    })
}

/// The functions that `block` calls, directly or not.
fn reach(module: &Module, block: &Block, reached: &mut HashSet<Handle<Function>>) {
    for statement in block.iter() {
        match statement {
            Statement::Call { function, .. } if reached.insert(*function) => {
                reach(module, &module.functions[*function].body, reached);
            }
            Statement::Block(inner) => reach(module, inner, reached),
            Statement::If { accept, reject, .. } => {
                reach(module, accept, reached);
                reach(module, reject, reached);
            }
            Statement::Switch { cases, .. } => {
                for case in cases {
                    reach(module, &case.body, reached);
                }
            }
            Statement::Loop { body, continuing, .. } => {
                reach(module, body, reached);
                reach(module, continuing, reached);
            }
            _ => {}
        }
    }
}
