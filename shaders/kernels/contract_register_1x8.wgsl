// Contraction with a 1x8 strip of C in the registers of each thread: for few rows on a software device.

//: hook bindings
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;
@group(0) @binding(3) var<uniform> params: array<vec4<u32>, 1>;
//: end

const WORKGROUP: u32 = 8u;

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

//: hook types
alias Acc = f32;
alias Acc4 = vec4<f32>;
//: end

// Four rows of four.
struct Block {
    x: Acc4,
    y: Acc4,
    z: Acc4,
    w: Acc4,
}

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

//: hook layout
// Whether A's neighbours in memory lie along m, and B's along k, instead of along k and n.
const A_ALONG_M: bool = false;
const B_ALONG_K: bool = false;
// Whether k is known to be a multiple of 4.
const WHOLE_DEPTH: bool = false;
//: end

// Four neighbours of A from (m, k): along k, or along m if `A_ALONG_M`. What lies behind the end of m repeats what is inside.
fn load_a4(batch: u32, m: u32, k: u32) -> Acc4 {
    //: hook load_a4
    let row = min(m, rows() - 1u);
    return Acc4(
        load_a(batch, row, k),
        load_a(batch, row, k + 1u),
        load_a(batch, row, k + 2u),
        load_a(batch, row, k + 3u),
    );
    //: end
}

// Four neighbours of B from (k, n): along n, or along k if `B_ALONG_K`. What lies behind the end of n repeats what is inside.
fn load_b4(batch: u32, k: u32, n: u32) -> Acc4 {
    //: hook load_b4
    let last = columns() - 1u;
    return Acc4(
        load_b(batch, k, min(n, last)),
        load_b(batch, k, min(n + 1u, last)),
        load_b(batch, k, min(n + 2u, last)),
        load_b(batch, k, min(n + 3u, last)),
    );
    //: end
}

// `v` with `x` as its component `i`. Without a store to a component, drivers unroll the loops below, and llvmpipe counts rounds (`Capabilities::ends_loops`).
fn replaced(v: Acc4, i: u32, x: Acc) -> Acc4 {
    return select(v, Acc4(x), vec4<u32>(0u, 1u, 2u, 3u) == vec4<u32>(i));
}

fn transposed(b: Block) -> Block {
    return Block(
        Acc4(b.x.x, b.y.x, b.z.x, b.w.x),
        Acc4(b.x.y, b.y.y, b.z.y, b.w.y),
        Acc4(b.x.z, b.y.z, b.z.z, b.w.z),
        Acc4(b.x.w, b.y.w, b.z.w, b.w.w),
    );
}

// Elements (m, k) to (m, k + 3) of A, all of them inside.
fn load_a_row(batch: u32, m: u32, k: u32) -> Acc4 {
    //: hook load_a_row
    var row = Acc4();
    for (var i = 0u; i < 4u; i++) {
        row = replaced(row, i, load_a(batch, m, k + i));
    }
    return row;
    //: end
}

// `load_b_block` where four neighbours are read together.
fn vectors_of_b(batch: u32, k: u32, n: u32) -> Block {
    if B_ALONG_K {
        return transposed(Block(
            load_b4(batch, k, n),
            load_b4(batch, k, n + 1u),
            load_b4(batch, k, n + 2u),
            load_b4(batch, k, n + 3u),
        ));
    }
    return Block(
        load_b4(batch, k, n),
        load_b4(batch, k + 1u, n),
        load_b4(batch, k + 2u, n),
        load_b4(batch, k + 3u, n),
    );
}

// Rows k to k + 3 and columns n to n + 3 of B; k + 3 is inside. What lies behind the end of n repeats what is inside.
fn load_b_block(batch: u32, k: u32, n: u32) -> Block {
    //: hook load_b_block
    // In a loop, so that what finds an element is compiled once: SwiftShader took minutes for so many copies of a convolution's.
    var lines: array<Acc4, 4>;
    for (var i = 0u; i < 4u; i++) {
        lines[i] = edge_b_row(batch, k + i, n);
    }
    return Block(lines[0], lines[1], lines[2], lines[3]);
    //: end
}

// Elements (k, n) to (k, n + 3) of B, one by one; columns behind the end repeat the last.
fn edge_b_row(batch: u32, k: u32, n: u32) -> Acc4 {
    let last = columns() - 1u;
    var row = Acc4();
    for (var i = 0u; i < 4u; i++) {
        row = replaced(row, i, load_b(batch, k, min(n + i, last)));
    }
    return row;
}

// One row of a times the block b, added to one row of sums.
fn row_multiply_add(a: Acc4, b: Block, sum: Acc4) -> Acc4 {
    return sum + a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w;
}

// a · b + sum.
fn block_multiply_add(a: Block, b: Block, sum: Block) -> Block {
    return Block(
        row_multiply_add(a.x, b, sum.x),
        row_multiply_add(a.y, b, sum.y),
        row_multiply_add(a.z, b, sum.z),
        row_multiply_add(a.w, b, sum.w),
    );
}

// Finishes and stores element (m, n) of C.
fn store(batch: u32, m: u32, n: u32, sum: Acc) {
    //: hook store
    c[m * columns() + n] = sum;
    //: end
}

// Finishes and stores elements (m, n) to (m, n + 3) of C, as far as they are inside.
fn store_row(batch: u32, m: u32, n: u32, sum: Acc4) {
    for (var j = 0u; j < min(4u, columns() - min(n, columns())); j++) {
        store(batch, m, n + j, sum[j]);
    }
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let strips = (columns() + 7u) / 8u;
    let strip = (group.x + group.y * groups.x) * WORKGROUP + local;
    if strip >= batches() * rows() * strips {
        return;
    }
    let batch = strip / strips / rows();
    let m = strip / strips % rows();
    let n = strip % strips * 8u;
    var c0 = Acc4();
    var c1 = Acc4();
    let whole = depth() & 0xfffffffcu;
    for (var k = 0u; k < whole; k += 4u) {
        let row = load_a_row(batch, m, k);
        c0 = row_multiply_add(row, load_b_block(batch, k, n), c0);
        c1 = row_multiply_add(row, load_b_block(batch, k, n + 4u), c1);
    }
    if !WHOLE_DEPTH {
        for (var k = whole; k < depth(); k++) {
            let a = load_a(batch, m, k);
            c0 += a * edge_b_row(batch, k, n);
            c1 += a * edge_b_row(batch, k, n + 4u);
        }
    }
    var sums = array<Acc4, 2>(c0, c1);
    for (var r = 0u; r < 2u; r++) {
        store_row(batch, m, n + r * 4u, sums[r]);
    }
}
