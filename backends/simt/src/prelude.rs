//! The C++ that every kernel begins with.

use crate::{Dialect, Options};

const SCALAR: &str = include_str!("../prelude/scalar.h");
const CONVERT: &str = include_str!("../prelude/convert.h");
const MATH: &str = include_str!("../prelude/math.h");
const VECTOR: &str = include_str!("../prelude/vector.h");
const MEMORY: &str = include_str!("../prelude/memory.h");
const PACK: &str = include_str!("../prelude/pack.h");
const MATRIX: &str = include_str!("../prelude/matrix.h");
const ATOMIC: &str = include_str!("../prelude/atomic.h");
const INVOCATION: &str = include_str!("../prelude/invocation.h");
const SUBGROUP: &str = include_str!("../prelude/subgroup.h");

/// The prelude of a kernel whose own text is `body`: the parts of which `body` names something.
pub(crate) fn text(body: &str, size: [u32; 3], dialect: Dialect, options: &Options) -> String {
    let [x, y, z] = size;
    let table = dialect.table();
    let mut text = dialect.head(options);
    text += "#ifdef __CUDACC_RTC__\n#pragma nv_diag_suppress 111, 128, 177, 186, 550\n#endif\n";
    text += &format!("#define WGSL_X {x}u\n#define WGSL_Y {y}u\n#define WGSL_Z {z}u\n");
    for part in [SCALAR, table.half, CONVERT, MATH, VECTOR, MEMORY, INVOCATION] {
        text += part;
    }
    let optional = [(PACK, &["pack", "Packed"][..]), (MATRIX, &["mat<"]), (ATOMIC, &["wgsl::atomic_"])];
    for (part, words) in optional {
        if words.iter().any(|word| body.contains(word)) {
            text += part;
        }
    }
    if [
        "wgsl::shuffle",
        "wgsl::WAVE",
        "wgsl::lane",
        "wgsl::subgroup_",
        "_scan<",
        "wgsl::reduce<",
        "broadcast",
    ]
    .iter()
    .any(|word| body.contains(word))
    {
        text += table.lanes;
        text += SUBGROUP;
    }
    text
}
