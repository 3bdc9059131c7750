//! The kernel: its parameters, what an invocation knows of itself, and memory that must be zero at the beginning.

use crate::functions::{Body, globals, is_unsized, length_name, reference};
use crate::kernel::Parameter;
use crate::module::Context;
use crate::names::{Names, Owner};
use crate::{Error, constants, types};
use naga::{AddressSpace, Binding, BuiltIn, GlobalVariable, Handle, Span, StorageAccess, TypeInner};

/// The kernel's text and what the host must know.
pub(crate) struct Entry {
    pub(crate) text: String,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) shared_bytes: u32,
}

/// Writes entry point `index`.
pub(crate) fn write(context: &Context, names: &mut Names, index: usize) -> Result<Entry, Error> {
    let entry = &context.module.entry_points[index];
    let info = context.info.get_entry_point(index);
    let owner = Owner::Entry(index as _);
    let used: Vec<Handle<GlobalVariable>> = globals(context, info).collect();
    let signature = Signature::new(context, names, &used)?;

    let [x, y, z] = entry.workgroup_size;
    let mut body = Body::new(context, names, owner, &entry.function, info);
    for line in &signature.prologue {
        body.line(line);
    }
    let mut shared_bytes = 0;
    let mut shared = Vec::new();
    for &global in &used {
        let variable = &context.module.global_variables[global];
        let ty = types::name(context, body.names, variable.ty)?;
        let name = body.names.global(global).to_string();
        match variable.space {
            AddressSpace::WorkGroup => {
                body.line(format_args!("alignas(16) __shared__ {ty} {name};"));
                shared_bytes += types::size_of(context, variable.ty).next_multiple_of(16);
                shared.push(name);
            }
            AddressSpace::Private => {
                let value = match variable.init {
                    Some(init) => format!(" = {}", constants::global_expression(context, body.names, init)?),
                    None => "{}".into(),
                };
                body.line(format_args!("{ty} {name}{value};"));
            }
            _ => {}
        }
    }
    if context.options.zero_workgroup && !shared.is_empty() {
        for name in shared {
            body.line(format_args!("wgsl::zero({name}, wgsl::local_invocation_index(), {}u);", x * y * z));
        }
        body.line("__syncthreads();");
    }
    for (position, argument) in entry.function.arguments.iter().enumerate() {
        let name = body.names.argument(owner, position as u32).to_string();
        let ty = types::name(context, body.names, argument.ty)?;
        let value = match (&argument.binding, &context.module.types[argument.ty].inner) {
            (Some(binding), _) => built_in(context, binding, entry.workgroup_size)?,
            (None, TypeInner::Struct { members, .. }) => {
                let parts = members
                    .iter()
                    .map(|member| match &member.binding {
                        Some(binding) => built_in(context, binding, entry.workgroup_size),
                        None => Err(input(context, "a member that is not a built-in value")),
                    })
                    .collect::<Result<Vec<_>, _>>()?;
                types::structure_value(context, body.names, argument.ty, &parts)?
            }
            (None, _) => return Err(input(context, "an argument that is not a built-in value")),
        };
        body.line(format_args!("const {ty} {name} = {value};"));
    }
    body.locals()?;
    body.block(&entry.function.body)?;
    let text = body.text;
    let name = names.function(owner);
    let parameters = signature.declarations.join(", ");
    let text = format!(
        "extern \"C\" __global__ void __launch_bounds__({}) {name}({parameters}) {{\n{text}}}\n",
        x * y * z
    );
    Ok(Entry { text, parameters: signature.parameters, shared_bytes })
}

/// The kernel's parameters.
#[derive(Default)]
struct Signature {
    declarations: Vec<String>,
    parameters: Vec<Parameter>,
    /// What makes references and lengths out of them.
    prologue: Vec<String>,
}

impl Signature {
    fn new(
        context: &Context,
        names: &mut Names,
        used: &[Handle<GlobalVariable>],
    ) -> Result<Signature, Error> {
        let mut signature = Signature::default();
        let mut buffers = Vec::new();
        let mut immediates = Vec::new();
        for &global in used {
            let variable = &context.module.global_variables[global];
            match (variable.space, &variable.binding) {
                (AddressSpace::Storage { .. } | AddressSpace::Uniform, Some(binding)) => {
                    buffers.push((binding.group, binding.binding, global));
                }
                (AddressSpace::Immediate, _) => immediates.push(global),
                (AddressSpace::WorkGroup | AddressSpace::Private, _) => {}
                (space, _) => {
                    let place = format!("`{}`", names.global(global));
                    let span = context.module.global_variables.get_span(global);
                    // A texture or a sampler says what it is.
                    types::name(context, names, variable.ty)?;
                    return Err(context.unsupported(format!("the address space {space:?}"), &place, span));
                }
            }
        }
        buffers.sort();
        let mut measured = Vec::new();
        for (group, binding, global) in buffers {
            let variable = &context.module.global_variables[global];
            let ty = types::name(context, names, variable.ty)?;
            let reference = reference(context, names, global)?;
            let name = names.global(global).to_string();
            let pointer = names.unique(&format!("{name}_pointer"));
            let constant = if reference.starts_with("const ") { "const " } else { "" };
            signature.declarations.push(format!("{constant}{ty}* __restrict__ {pointer}"));
            signature.prologue.push(format!("{reference} {name} = *{pointer};"));
            let (uniform, writable) = match variable.space {
                AddressSpace::Storage { access } => (false, access.contains(StorageAccess::STORE)),
                _ => (true, false),
            };
            signature.parameters.push(Parameter::Buffer { group, binding, uniform, writable });
            if is_unsized(context, global) {
                let (offset, stride) = tail(context, global);
                let position = measured.len();
                signature.prologue.push(format!(
                    "const u32 {} = wgsl::elements(lengths[{position}u], {offset}u, {stride}u);",
                    length_name(&name)
                ));
                measured.push((group, binding));
            }
        }
        if !measured.is_empty() {
            signature.declarations.push(format!("const array<u64, {}> lengths", measured.len()));
            signature.parameters.push(Parameter::Lengths { buffers: measured });
        }
        for global in immediates {
            let variable = &context.module.global_variables[global];
            let ty = types::name(context, names, variable.ty)?;
            signature.declarations.push(format!("const {ty} {}", names.global(global)));
            signature.parameters.push(Parameter::Immediates { bytes: types::size_of(context, variable.ty) });
        }
        Ok(signature)
    }
}

/// Where the array of unknown length begins in a variable, and its stride.
fn tail(context: &Context, global: Handle<GlobalVariable>) -> (u32, u32) {
    let types = &context.module.types;
    let (mut ty, mut offset) = (context.module.global_variables[global].ty, 0);
    while let TypeInner::Struct { ref members, .. } = types[ty].inner {
        let Some(last) = members.last() else { break };
        ty = last.ty;
        offset += last.offset;
    }
    match types[ty].inner {
        TypeInner::Array { stride, .. } => (offset, stride),
        _ => (offset, 1),
    }
}

fn input(context: &Context, construct: &str) -> Error {
    context.unsupported(construct, "the entry point", Span::UNDEFINED)
}

/// The value of a built-in input.
fn built_in(context: &Context, binding: &Binding, [x, y, z]: [u32; 3]) -> Result<String, Error> {
    let Binding::BuiltIn(built_in) = binding else {
        return Err(input(context, "an input at a location"));
    };
    let vector = |parts: [String; 3]| format!("vec3<u32>{{{}}}", parts.join(", "));
    let each = |name: &str| vector(["x", "y", "z"].map(|axis| format!("{name}.{axis}")));
    let subgroups = (x * y * z).div_ceil(context.dialect.subgroup_size());
    Ok(match built_in {
        BuiltIn::GlobalInvocationId => vector(
            [("x", x), ("y", y), ("z", z)]
                .map(|(axis, extent)| format!("blockIdx.{axis} * {extent}u + threadIdx.{axis}")),
        ),
        BuiltIn::LocalInvocationId => each("threadIdx"),
        BuiltIn::LocalInvocationIndex => "wgsl::local_invocation_index()".into(),
        BuiltIn::WorkGroupId => each("blockIdx"),
        BuiltIn::NumWorkGroups => each("gridDim"),
        BuiltIn::WorkGroupSize => vector([x, y, z].map(|extent| format!("{extent}u"))),
        BuiltIn::SubgroupSize => "wgsl::WAVE".into(),
        BuiltIn::SubgroupInvocationId => "wgsl::lane()".into(),
        BuiltIn::SubgroupId => "wgsl::local_invocation_index() / wgsl::WAVE".into(),
        BuiltIn::NumSubgroups => format!("{subgroups}u"),
        other => return Err(input(context, &format!("the built-in value {other:?}"))),
    })
}
