//! Functions: signatures, arguments, and the state in which a body is written.

use crate::module::Context;
use crate::names::{Names, Owner};
use crate::{Error, types};
use naga::valid::FunctionInfo;
use naga::{AddressSpace, Expression, Function, GlobalVariable, Handle, Span, StorageAccess, TypeInner};
use std::collections::HashMap;
use std::fmt::{Display, Write};

/// One function while its body is written.
pub(crate) struct Body<'a, 'n> {
    pub(crate) context: &'a Context<'a>,
    pub(crate) names: &'n mut Names,
    pub(crate) owner: Owner,
    pub(crate) function: &'a Function,
    pub(crate) info: &'a FunctionInfo,
    /// Names of the expressions that are variables.
    pub(crate) baked: HashMap<Handle<Expression>, String>,
    /// The loops that we are in, innermost last: the label at which `continue` goes on, if it needs one.
    pub(crate) loops: Vec<Option<String>>,
    /// Labels so far.
    pub(crate) labels: u32,
    /// Whether variables are declared without a value: a `goto` may pass their declaration.
    pub(crate) passed_over: bool,
    pub(crate) depth: usize,
    pub(crate) text: String,
}

/// The text of a function that is not an entry point.
pub(crate) fn write(
    context: &Context,
    names: &mut Names,
    owner: Owner,
    function: &Function,
    info: &FunctionInfo,
) -> Result<String, Error> {
    let mut parameters = Vec::new();
    for (index, argument) in function.arguments.iter().enumerate() {
        let ty = types::name(context, names, argument.ty)?;
        parameters.push(format!("{ty} {}", names.argument(owner, index as u32)));
    }
    for global in globals(context, info) {
        let name = names.global(global);
        parameters.push(format!("{} {name}", reference(context, names, global)?));
        if is_unsized(context, global) {
            parameters.push(format!("u32 {}", length_name(name)));
        }
    }
    let result = match &function.result {
        Some(result) => types::name(context, names, result.ty)?,
        None => "void".into(),
    };
    let head = format!("WGSL_FN {result} {}({}) {{\n", names.function(owner), parameters.join(", "));
    let mut body = Body::new(context, names, owner, function, info);
    body.locals()?;
    body.block(&function.body)?;
    Ok(format!("{head}{}}}\n", body.text))
}

/// The variables of the module that a function or something that it calls uses.
pub(crate) fn globals<'a>(
    context: &'a Context,
    info: &'a FunctionInfo,
) -> impl Iterator<Item = Handle<GlobalVariable>> + 'a {
    context.module.global_variables.iter().map(|(handle, _)| handle).filter(|&h| !info[h].is_empty())
}

/// The type of a reference to a variable of the module.
pub(crate) fn reference(
    context: &Context,
    names: &Names,
    global: Handle<GlobalVariable>,
) -> Result<String, Error> {
    let variable = &context.module.global_variables[global];
    let constant = match variable.space {
        AddressSpace::Storage { access } => !access.contains(StorageAccess::STORE),
        AddressSpace::Uniform | AddressSpace::Immediate => true,
        _ => false,
    };
    let ty = types::name(context, names, variable.ty)?;
    Ok(format!("{}{ty}&", if constant { "const " } else { "" }))
}

/// Whether a variable ends in an array whose length only the run knows.
pub(crate) fn is_unsized(context: &Context, global: Handle<GlobalVariable>) -> bool {
    let ty = context.module.global_variables[global].ty;
    context.module.types[ty].inner.is_dynamically_sized(&context.module.types)
}

/// The name of the number of elements in a variable that [`is_unsized`].
pub(crate) fn length_name(global: &str) -> String {
    format!("{global}_length_")
}

impl<'a, 'n> Body<'a, 'n> {
    pub(crate) fn new(
        context: &'a Context<'a>,
        names: &'n mut Names,
        owner: Owner,
        function: &'a Function,
        info: &'a FunctionInfo,
    ) -> Body<'a, 'n> {
        Body {
            context,
            names,
            owner,
            function,
            info,
            baked: HashMap::new(),
            loops: Vec::new(),
            labels: 0,
            passed_over: false,
            depth: 1,
            text: String::new(),
        }
    }

    /// Declares the local variables.
    pub(crate) fn locals(&mut self) -> Result<(), Error> {
        for (handle, variable) in self.function.local_variables.iter() {
            let ty = types::name(self.context, self.names, variable.ty)?;
            let value = match variable.init {
                Some(init) => format!(" = {}", self.value(init)?),
                None => "{}".into(),
            };
            let name = self.names.local(self.owner, handle).to_string();
            self.line(format_args!("{ty} {name}{value};"));
        }
        Ok(())
    }

    pub(crate) fn line(&mut self, text: impl Display) {
        let _ = writeln!(self.text, "{:width$}{text}", "", width = 4 * self.depth);
    }

    /// Declares a variable with the value of `handle`, under the name that the program gives it.
    pub(crate) fn bake(&mut self, handle: Handle<Expression>, value: impl Display) -> Result<(), Error> {
        let name = match self.function.named_expressions.get(&handle) {
            Some(name) => {
                let name = name.clone();
                self.names.unique(&name)
            }
            None => format!("_e{}", handle.index()),
        };
        let ty = types::resolved_name(self.context, self.names, &self.info[handle].ty)?;
        let value = value.to_string();
        let value = bare(&value);
        if self.passed_over {
            self.line(format_args!("{ty} {name};"));
            self.line(format_args!("{name} = {value};"));
        } else {
            self.line(format_args!("const {ty} {name} = {value};"));
        }
        self.baked.insert(handle, name);
        Ok(())
    }

    /// The type of an expression.
    pub(crate) fn ty(&self, handle: Handle<Expression>) -> &'a TypeInner {
        self.info[handle].ty.inner_with(&self.context.module.types)
    }

    /// An error about something that stands at `handle`.
    pub(crate) fn unsupported(&self, construct: impl Into<String>, handle: Handle<Expression>) -> Error {
        self.unsupported_at(construct, self.function.expressions.get_span(handle))
    }

    pub(crate) fn unsupported_at(&self, construct: impl Into<String>, span: Span) -> Error {
        let owner = match self.function.name.as_deref() {
            Some(name) => format!("`{name}`"),
            None => format!("`{}`", self.names.function(self.owner)),
        };
        self.context.unsupported(construct, &owner, span)
    }
}

/// `text` without the parentheses that enclose all of it.
pub(crate) fn bare(text: &str) -> &str {
    let Some(inner) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) else { return text };
    let mut depth = 0;
    for c in inner.chars() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth < 0 {
            return text;
        }
    }
    inner
}
