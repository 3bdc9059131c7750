//! Parameters that arrive piece by piece.

use crate::context::Context;
use crate::gpu::Gpu;
use crate::prepared::{Uploads, leaving, read};
use hadal_device::{Buffer, DeviceError, WeightStream};
use hadal_graph::DType;
use hadal_graph::program::{Kernel, Program};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Bytes that are asked for together.
const PIECE: usize = 4 << 20;

/// Bytes that may be under way to the device before it is waited for: what it has not taken yet is in memory elsewhere.
const QUEUED: usize = 64 << 20;

/// A GPU whose buffers can be filled in parts.
pub trait WritePart: Gpu {
    /// Queues a copy of whole elements into `dst`, from its element `first` on, which is a multiple of 4.
    ///
    /// Errors: `Argument`, `OutOfMemory`, `Lost`.
    fn write_part(
        context: &Context<Self>,
        dst: &Buffer,
        first: usize,
        bytes: &[u8],
    ) -> Result<(), DeviceError>;
}

/// The parameters that `program` and its sub-programs read, on the device. What they do not read passes by.
///
/// Errors: those of the stream and of the device; `Weights` for a boolean that is neither 0 nor 1.
pub(crate) async fn fill<G: WritePart>(
    context: &Arc<Context<G>>,
    program: &Program,
    stream: &mut dyn WeightStream,
) -> Result<Uploads, DeviceError> {
    let mut wanted = BTreeSet::new();
    collect(program, &mut wanted);
    let mut uploads = Uploads::new();
    let mut queued = 0;
    for tensor in stream.tensors().to_vec() {
        let elements = tensor.elements();
        let mut buffers = Vec::new();
        for packed in [true, false] {
            let key = (tensor.name.clone(), packed);
            if wanted.contains(&key) {
                let buffer = context.allocate(tensor.dtype, elements, packed)?;
                buffers.push(buffer.clone());
                uploads.insert(key, buffer);
            }
        }
        for first in (0..elements).step_by(PIECE / tensor.dtype.size()) {
            let count = (elements - first).min(PIECE / tensor.dtype.size());
            let bytes = stream.next(count * tensor.dtype.size()).await?;
            if tensor.dtype == DType::Bool
                && let Some(byte) = bytes.iter().find(|&&byte| byte > 1)
            {
                return Err(DeviceError::Weights(format!(
                    "the boolean tensor `{}` holds a {byte}, not 0 or 1",
                    tensor.name
                )));
            }
            for buffer in &buffers {
                G::write_part(context, buffer, first, &bytes)?;
                queued += bytes.len();
            }
            if queued >= QUEUED {
                G::synchronize(context).await?;
                queued = 0;
            }
        }
    }
    G::synchronize(context).await?;
    Ok(uploads)
}

/// Names of the parameters that are read, by kernels packed and by others as they are.
fn collect(program: &Program, into: &mut BTreeSet<(String, bool)>) {
    let (read, leaving) = (read(program), leaving(program));
    for &id in &program.parameters {
        let name = &program.values[id].name;
        if read[id.index()] {
            into.insert((name.clone(), true));
        }
        if leaving.contains(&id) {
            into.insert((name.clone(), false));
        }
    }
    for step in program.once.iter().chain(&program.steps) {
        let (first, second) = match &step.kernel {
            Kernel::Loop(control) => (&control.condition, &control.body),
            Kernel::Branch(control) => (&control.then, &control.otherwise),
            _ => continue,
        };
        collect(first, into);
        collect(second, into);
    }
}
