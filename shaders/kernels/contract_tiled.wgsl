// Contraction for GPUs: 128 threads compute a 64x64 tile of C, 8x4 in the registers of each, from tiles of A and B in workgroup memory.

//: hook bindings
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;
@group(0) @binding(3) var<uniform> params: array<vec4<u32>, 1>;
//: end

const WORKGROUP: u32 = 128u;
const TILE: u32 = 64u;
// Steps along k that a tile of A or B holds.
const TILE_K: u32 = 16u;

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
    if A_ALONG_M {
        return Acc4(load_a(batch, m, k), load_a(batch, m, k + 1u), load_a(batch, m, k + 2u), load_a(batch, m, k + 3u));
    }
    return load_a4(batch, m, k);
}

// Rows m to m + 3 and columns k to k + 3 of A; k + 3 is inside.
fn load_a_block(batch: u32, m: u32, k: u32) -> Block {
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

// Rows k to k + 3 and columns n to n + 3 of B; k + 3 is inside.
fn load_b_block(batch: u32, k: u32, n: u32) -> Block {
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

// Like `load_a_row` where k + 3 may lie behind the end: what is outside is zero.
fn edge_a_row(batch: u32, m: u32, k: u32) -> Acc4 {
    let row = min(m, rows() - 1u);
    var result = Acc4();
    if k < depth() {
        result.x = load_a(batch, row, k);
    }
    if k + 1u < depth() {
        result.y = load_a(batch, row, k + 1u);
    }
    if k + 2u < depth() {
        result.z = load_a(batch, row, k + 2u);
    }
    if k + 3u < depth() {
        result.w = load_a(batch, row, k + 3u);
    }
    return result;
}

fn edge_a_block(batch: u32, m: u32, k: u32) -> Block {
    return Block(
        edge_a_row(batch, m, k),
        edge_a_row(batch, m + 1u, k),
        edge_a_row(batch, m + 2u, k),
        edge_a_row(batch, m + 3u, k),
    );
}

// One row of B, element by element; a row behind the end is zero.
fn edge_b_row(batch: u32, k: u32, n: u32) -> Acc4 {
    if k >= depth() {
        return Acc4();
    }
    let last = columns() - 1u;
    return Acc4(
        load_b(batch, k, min(n, last)),
        load_b(batch, k, min(n + 1u, last)),
        load_b(batch, k, min(n + 2u, last)),
        load_b(batch, k, min(n + 3u, last)),
    );
}

fn edge_b_block(batch: u32, k: u32, n: u32) -> Block {
    return Block(
        edge_b_row(batch, k, n),
        edge_b_row(batch, k + 1u, n),
        edge_b_row(batch, k + 2u, n),
        edge_b_row(batch, k + 3u, n),
    );
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

// 64 rows of A with 16 k each, and 16 rows of B with 64 columns each, as vec4s.
var<workgroup> tile_a: array<Acc4, 256>;
var<workgroup> tile_b: array<Acc4, 256>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tiles_m = (rows() + TILE - 1u) / TILE;
    let tiles_n = (columns() + TILE - 1u) / TILE;
    let tile = group.x + group.y * groups.x;
    if tile >= batches() * tiles_m * tiles_n {
        return;
    }
    let batch = tile / (tiles_m * tiles_n);
    let first_m = tile / tiles_n % tiles_m * TILE;
    let first_n = tile % tiles_n * TILE;

    // Half of the threads fetch A and half B, a block each.
    let fetch = local % 64u;
    let fetch_a_row = fetch / 4u * 4u;
    let fetch_a_k = fetch % 4u;
    let fetch_b_k = fetch / 16u * 4u;
    let fetch_b_column = fetch % 16u;

    let row = local / 16u * 8u;
    let column = local % 16u;
    var c0 = Block();
    var c1 = Block();
    for (var first_k = 0u; first_k < depth(); first_k += TILE_K) {
        let whole = first_k + TILE_K <= depth();
        if local < 64u {
            let m = first_m + fetch_a_row;
            let k = first_k + fetch_a_k * 4u;
            var block = Block();
            if whole {
                block = load_a_block(batch, m, k);
            } else {
                block = edge_a_block(batch, m, k);
            }
            let at = fetch_a_row * 4u + fetch_a_k;
            tile_a[at] = block.x;
            tile_a[at + 4u] = block.y;
            tile_a[at + 8u] = block.z;
            tile_a[at + 12u] = block.w;
        } else {
            let k = first_k + fetch_b_k;
            let n = first_n + fetch_b_column * 4u;
            var block = Block();
            if whole {
                block = load_b_block(batch, k, n);
            } else {
                block = edge_b_block(batch, k, n);
            }
            let at = fetch_b_k * 16u + fetch_b_column;
            tile_b[at] = block.x;
            tile_b[at + 16u] = block.y;
            tile_b[at + 32u] = block.z;
            tile_b[at + 48u] = block.w;
        }
        workgroupBarrier();
        for (var k = 0u; k < 4u; k++) {
            let at_b = k * 64u + column;
            let b = Block(tile_b[at_b], tile_b[at_b + 16u], tile_b[at_b + 32u], tile_b[at_b + 48u]);
            let at_a = row * 4u + k;
            let a0 = Block(tile_a[at_a], tile_a[at_a + 4u], tile_a[at_a + 8u], tile_a[at_a + 12u]);
            let a1 = Block(tile_a[at_a + 16u], tile_a[at_a + 20u], tile_a[at_a + 24u], tile_a[at_a + 28u]);
            c0 = block_multiply_add(a0, b, c0);
            c1 = block_multiply_add(a1, b, c1);
        }
        workgroupBarrier();
    }
    // Through an array, so that the epilogue is compiled once.
    var sums = array<Acc4, 8>(c0.x, c0.y, c0.z, c0.w, c1.x, c1.y, c1.z, c1.w);
    let m = first_m + row;
    let count = min(8u, rows() - min(m, rows()));
    for (var r = 0u; r < count; r++) {
        store_row(batch, m + r, first_n + column * 4u, sums[r]);
    }
}
