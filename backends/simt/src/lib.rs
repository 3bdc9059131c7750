//! WGSL compute kernels as CUDA C++ and HIP C++: text in, text out.
//!
//! [`translate`] parses and validates a module with naga and writes one of its entry points as a kernel of a [`Dialect`]. Nothing here
//! knows a device or calls a compiler: NVRTC and hipRTC are the business of the backends that own a device.
//!
//! # One writer
//!
//! Like naga's own back ends, the writer walks naga's IR: `module` puts the parts in order, `types`, `constants` and `functions`
//! write declarations, `statements` and `expressions` what is inside of a function. `access` writes places in memory (everything that has an
//! address) and brings indices into range, `operators` and `math` write arithmetic, `atomics` and `subgroups` what invocations do
//! together, `entry` the kernel's signature and its beginning. CUDA and HIP differ in one table, `dialect`, and in the three small files
//! of the prelude that it names.
//!
//! # Meaning lies in the prelude
//!
//! What WGSL means is written down once, as C++, in `prelude/`: integers wrap, dividing by zero gives the dividend, shift amounts are
//! masked, floats that do not fit an integer saturate, `vec3<f32>` has twelve bytes, arrays have the stride of WGSL. The writer says `wgsl::div(a, b)`
//! and the prelude says what that is. Everything in it is in the namespace `wgsl`, inlined, and costs nothing where it is not used; names of the
//! program lie in a namespace of their own, so that they collide with nothing but keywords.
//!
//! # Memory
//!
//! | WGSL | here |
//! |---|---|
//! | `storage`, `uniform` | a pointer in the kernel's parameters, used as a reference |
//! | `immediate` | a parameter by value |
//! | `workgroup` | `__shared__`, zeroed at the beginning unless told otherwise |
//! | `private`, `function` | local variables |
//! | `arrayLength` | from a block of the buffers' sizes in bytes, a parameter by value |
//!
//! Functions get the variables of the module that they or their callees use as further arguments. Structures have explicit padding,
//! and the C++ text asserts their sizes and offsets. The kernel's parameters are in [`Kernel::parameters`], in order: pointers of buffers by group and binding,
//! then the lengths, then the immediates. A CUDA and a HIP host pass them in the same way, as an array of pointers to the arguments.
//!
//! # Bounds
//!
//! Every index that is not known to be in range is brought into it: an element of the same array is read or written, as
//! WGSL allows. A buffer must therefore hold at least one element of its array. [`Bounds::Unchecked`] leaves that out, for kernels that are proven.
//!
//! # Arithmetic
//!
//! `a * b + c` is two operations and rounds twice, unless [`Options::contract`] is set; compilers need to be told, see
//! [`Dialect::compiler_flags`]. NaN and infinity are kept unless [`Options::fast_math`] is set.
//!
//! # What has no meaning here
//!
//! Textures, samplers, ray queries, cooperative matrices and everything of a graphics stage is an [`Error::Unsupported`] that names the construct and where it stands.
//! Subgroup operations need uniform control flow, as WGSL demands; [`Options::diverged_subgroups`] lets them stand in branches, at a cost.
#![forbid(unsafe_code)]

mod access;
mod atomics;
mod constants;
mod dialect;
mod entry;
mod error;
mod expressions;
mod functions;
mod kernel;
mod math;
mod module;
mod names;
mod operators;
mod options;
mod prelude;
mod statements;
mod subgroups;
mod types;

pub use dialect::{Dialect, Wave};
pub use error::Error;
pub use kernel::{Kernel, Parameter};
pub use options::{Bounds, Options};

use naga::valid::{Capabilities, ValidationFlags, Validator};

/// Writes the compute entry point `entry_point` of the WGSL module `source` in `dialect`.
///
/// Errors: what naga says of text that is not WGSL ([`Error::Parse`]) or not valid ([`Error::Invalid`]), [`Error::EntryPoint`],
/// [`Error::Override`], and [`Error::Unsupported`] for what a compute kernel cannot have.
pub fn translate(
    source: &str,
    entry_point: &str,
    dialect: Dialect,
    options: &Options,
) -> Result<Kernel, Error> {
    let module = naga::front::wgsl::parse_str(source)
        .map_err(|error| Error::Parse { message: error.emit_to_string(source) })?;
    translate_parsed(&module, source, entry_point, dialect, options)
}

/// Writes the compute entry point `entry_point` of a parsed module, which need not be validated, in `dialect`.
///
/// Errors: as [`translate`].
pub fn translate_module(
    module: &naga::Module,
    entry_point: &str,
    dialect: Dialect,
    options: &Options,
) -> Result<Kernel, Error> {
    translate_parsed(module, "", entry_point, dialect, options)
}

/// `source` is only used to say where something stands; it may be empty.
fn translate_parsed(
    module: &naga::Module,
    source: &str,
    entry_point: &str,
    dialect: Dialect,
    options: &Options,
) -> Result<Kernel, Error> {
    let info = Validator::new(ValidationFlags::all(), Capabilities::all())
        .validate(module)
        .map_err(|error| Error::Invalid { message: error.emit_to_string(source) })?;
    let Some(entry) = module.entry_points.iter().find(|e| e.name == entry_point) else {
        let available = module.entry_points.iter().map(|e| e.name.clone()).collect();
        return Err(Error::EntryPoint { name: entry_point.into(), available });
    };
    if entry.stage != naga::ShaderStage::Compute {
        return Err(Error::Unsupported {
            construct: format!("an entry point of the stage {:?}", entry.stage),
            place: format!("`{entry_point}`"),
        });
    }
    let overrides = options.overrides.iter().map(|(name, value)| (name.clone(), *value)).collect();
    let (module, info) = naga::back::pipeline_constants::process_overrides(
        module,
        &info,
        Some((naga::ShaderStage::Compute, entry_point)),
        &overrides,
    )
    .map_err(|error| Error::Override { message: error.to_string() })?;
    module::write(&module, &info, source, entry_point, dialect, options)
}
