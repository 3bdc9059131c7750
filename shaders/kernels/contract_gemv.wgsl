// Thin contractions: a workgroup computes ELEMENTS elements of C, each by SLICES threads that walk k side by side.

//: hook bindings
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;
@group(0) @binding(3) var<uniform> params: array<vec4<u32>, 1>;
//: end

//: hook constants
const ELEMENTS: u32 = 1u;
const SLICES: u32 = 64u;
//: end
const WORKGROUP: u32 = ELEMENTS * SLICES;

//: hook sizes
fn batches() -> u32 {
    return 1u;
}

fn rows() -> u32 {
    return params[0].x;
}

fn columns() -> u32 {
    return params[0].y;
}

fn depth() -> u32 {
    return params[0].z;
}
//: end

//: hook scalar
alias Acc = f32;

fn zero() -> Acc {
    return 0.0;
}

fn multiply_add(x: Acc, y: Acc, sum: Acc) -> Acc {
    return x * y + sum;
}
//: end

// Element (m, k) of A.
fn load_a(batch: u32, m: u32, k: u32) -> Acc {
    //: hook load_a
    return a[m * depth() + k];
    //: end
}

// Element (k, n) of B.
fn load_b(batch: u32, k: u32, n: u32) -> Acc {
    //: hook load_b
    return b[k * columns() + n];
    //: end
}

// Finishes and stores element (m, n) of C.
fn store(batch: u32, m: u32, n: u32, sum: Acc) {
    //: hook store
    c[m * columns() + n] = sum;
    //: end
}

fn add(x: Acc, y: Acc) -> Acc {
    //: hook add
    return x + y;
    //: end
}

// Partial sums by slice, then by element.
var<workgroup> partial: array<Acc, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let element = local % ELEMENTS;
    let slice = local / ELEMENTS;
    let first = (group.x + group.y * groups.x) * ELEMENTS;
    let total = batches() * rows() * columns();
    // Elements behind the end repeat the last, so that every thread reaches the barriers.
    let index = min(first + element, total - 1u);
    let n = index % columns();
    let m = index / columns() % rows();
    let batch = index / columns() / rows();
    var sum = zero();
    for (var k = slice; k < depth(); k += SLICES) {
        sum = multiply_add(load_a(batch, m, k), load_b(batch, k, n), sum);
    }
    partial[local] = sum;
    workgroupBarrier();
    for (var width = SLICES / 2u; width > 0u; width /= 2u) {
        if slice < width {
            partial[local] = add(partial[local], partial[local + width * ELEMENTS]);
        }
        workgroupBarrier();
    }
    if slice == 0u && first + element < total {
        store(batch, m, n, partial[local]);
    }
}
