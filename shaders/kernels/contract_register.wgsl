// Contraction with a tile of C in the registers of each thread, 8x8 or 16x16, and no workgroup memory. A workgroup is a strip of
// LANES_M by LANES_N tiles, so that its threads share what they read of one operand.

//: hook bindings
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;
@group(0) @binding(3) var<uniform> params: array<vec4<u32>, 1>;
//: end

//: hook constants
const LANES_M: u32 = 1u;
const LANES_N: u32 = 8u;
// Rows and columns of a thread's tile: 8 or 16.
const TILE: u32 = 8u;
//: end
const WORKGROUP: u32 = LANES_M * LANES_N;

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

// `load_a_block` where four neighbours are read together.
fn vectors_of_a(batch: u32, m: u32, k: u32) -> Block {
    if A_ALONG_M {
        return transposed(Block(
            load_a4(batch, m, k),
            load_a4(batch, m, k + 1u),
            load_a4(batch, m, k + 2u),
            load_a4(batch, m, k + 3u),
        ));
    }
    return Block(
        load_a4(batch, m, k),
        load_a4(batch, m + 1u, k),
        load_a4(batch, m + 2u, k),
        load_a4(batch, m + 3u, k),
    );
}

// Rows m to m + 3 and columns k to k + 3 of A; k + 3 is inside. What lies behind the end of m repeats what is inside.
fn load_a_block(batch: u32, m: u32, k: u32) -> Block {
    //: hook load_a_block
    // In a loop, like B's.
    var lines: array<Acc4, 4>;
    for (var i = 0u; i < 4u; i++) {
        lines[i] = edge_a_column(batch, m, k + i);
    }
    return transposed(Block(lines[0], lines[1], lines[2], lines[3]));
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

// Elements (m, k) to (m + 3, k) of A, one by one; rows behind the end repeat the last.
fn edge_a_column(batch: u32, m: u32, k: u32) -> Acc4 {
    let last = rows() - 1u;
    var column = Acc4();
    for (var i = 0u; i < 4u; i++) {
        column = replaced(column, i, load_a(batch, min(m + i, last), k));
    }
    return column;
}

// The products of a column of A and a row of B, added to sums.
fn outer_multiply_add(a: Acc4, b: Acc4, sum: Block) -> Block {
    return Block(sum.x + a.x * b, sum.y + a.y * b, sum.z + a.z * b, sum.w + a.w * b);
}

// Four rows of the tile, 16 columns or the first 8 of them.
struct Panel {
    b0: Block,
    b1: Block,
    b2: Block,
    b3: Block,
}

// Rows k to k + 3 of B and the columns of the tile; k + 3 is inside.
fn load_b_panel(batch: u32, k: u32, n: u32) -> Panel {
    var b = Panel();
    b.b0 = load_b_block(batch, k, n);
    b.b1 = load_b_block(batch, k, n + 4u);
    if TILE == 16u {
        b.b2 = load_b_block(batch, k, n + 8u);
        b.b3 = load_b_block(batch, k, n + 12u);
    }
    return b;
}

// a · b + sum.
fn panel_multiply_add(a: Block, b: Panel, sum: Panel) -> Panel {
    var c = sum;
    c.b0 = block_multiply_add(a, b.b0, sum.b0);
    c.b1 = block_multiply_add(a, b.b1, sum.b1);
    if TILE == 16u {
        c.b2 = block_multiply_add(a, b.b2, sum.b2);
        c.b3 = block_multiply_add(a, b.b3, sum.b3);
    }
    return c;
}

// The products of a column of A and row k of B, added to sums.
fn edge_multiply_add(a: Acc4, batch: u32, k: u32, n: u32, sum: Panel) -> Panel {
    var c = sum;
    c.b0 = outer_multiply_add(a, edge_b_row(batch, k, n), sum.b0);
    c.b1 = outer_multiply_add(a, edge_b_row(batch, k, n + 4u), sum.b1);
    if TILE == 16u {
        c.b2 = outer_multiply_add(a, edge_b_row(batch, k, n + 8u), sum.b2);
        c.b3 = outer_multiply_add(a, edge_b_row(batch, k, n + 12u), sum.b3);
    }
    return c;
}

const VECTORS: u32 = TILE / 4u;

// The tile by rows. Stores go through it, so that the epilogue is compiled once.
var<private> sums: array<Acc4, TILE * VECTORS>;

fn keep_block(row: u32, column: u32, block: Block) {
    let first = row * VECTORS + column;
    sums[first] = block.x;
    sums[first + VECTORS] = block.y;
    sums[first + 2u * VECTORS] = block.z;
    sums[first + 3u * VECTORS] = block.w;
}

fn keep_panel(row: u32, panel: Panel) {
    keep_block(row, 0u, panel.b0);
    keep_block(row, 1u, panel.b1);
    if TILE == 16u {
        keep_block(row, 2u, panel.b2);
        keep_block(row, 3u, panel.b3);
    }
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let strips_m = (rows() + TILE * LANES_M - 1u) / (TILE * LANES_M);
    let strips_n = (columns() + TILE * LANES_N - 1u) / (TILE * LANES_N);
    let strip = group.x + group.y * groups.x;
    if strip >= batches() * strips_m * strips_n {
        return;
    }
    let batch = strip / (strips_m * strips_n);
    // Written so that a compiler sees which coordinate all threads of a workgroup share.
    let lane_m = select(local / LANES_N, 0u, LANES_M == 1u);
    let lane_n = select(local % LANES_N, 0u, LANES_N == 1u);
    let m = (strip / strips_n % strips_m * LANES_M + lane_m) * TILE;
    let n = (strip % strips_n * LANES_N + lane_n) * TILE;
    // Tiles behind the last column read it again and store nothing; a strip of one tile begins inside.
    if LANES_M > 1u && m >= rows() {
        return;
    }
    var c0 = Panel();
    var c1 = Panel();
    var c2 = Panel();
    var c3 = Panel();
    let whole = depth() & 0xfffffffcu;
    for (var k = 0u; k < whole; k += 4u) {
        let b = load_b_panel(batch, k, n);
        c0 = panel_multiply_add(load_a_block(batch, m, k), b, c0);
        c1 = panel_multiply_add(load_a_block(batch, m + 4u, k), b, c1);
        if TILE == 16u {
            c2 = panel_multiply_add(load_a_block(batch, m + 8u, k), b, c2);
            c3 = panel_multiply_add(load_a_block(batch, m + 12u, k), b, c3);
        }
    }
    if !WHOLE_DEPTH {
        for (var k = whole; k < depth(); k++) {
            c0 = edge_multiply_add(edge_a_column(batch, m, k), batch, k, n, c0);
            c1 = edge_multiply_add(edge_a_column(batch, m + 4u, k), batch, k, n, c1);
            if TILE == 16u {
                c2 = edge_multiply_add(edge_a_column(batch, m + 8u, k), batch, k, n, c2);
                c3 = edge_multiply_add(edge_a_column(batch, m + 12u, k), batch, k, n, c3);
            }
        }
    }
    keep_panel(0u, c0);
    keep_panel(4u, c1);
    if TILE == 16u {
        keep_panel(8u, c2);
        keep_panel(12u, c3);
    }
    let count = min(TILE, rows() - m) * VECTORS;
    for (var r = 0u; r < count; r++) {
        store_row(batch, m + r / VECTORS, n + r % VECTORS * 4u, sums[r]);
    }
}
