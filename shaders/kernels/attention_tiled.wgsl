// Attention for GPUs, one query to a thread: tiles of keys and values are fetched into workgroup memory once for all queries of the
// workgroup.

//: hook bindings
@group(0) @binding(0) var<storage, read> q: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> params: array<vec4<u32>, 2>;
//: end

//: hook constants
const WORKGROUP: u32 = 64u;
// Largest head_dim and value_dim that this kernel serves, in vec4s.
const HEAD: u32 = 16u;
const VALUE: u32 = 16u;
// Keys that a tile in workgroup memory holds.
const TILE: u32 = 16u;
// Whether head_dim and value_dim are known to be multiples of 4.
const WHOLE: bool = false;
const CAUSAL: bool = false;
const SCALE: f32 = 0.125;
//: end

//: hook sizes
fn batches() -> u32 {
    return params[0].x;
}

fn queries() -> u32 {
    return params[0].y;
}

fn keys() -> u32 {
    return params[0].z;
}

fn head_dim() -> u32 {
    return params[0].w;
}

fn value_dim() -> u32 {
    return params[1].x;
}
//: end

fn load_q(batch: u32, i: u32, d: u32) -> f32 {
    //: hook load_q
    return q[(batch * queries() + i) * head_dim() + d];
    //: end
}

fn load_k(batch: u32, j: u32, d: u32) -> f32 {
    //: hook load_k
    return k[(batch * keys() + j) * head_dim() + d];
    //: end
}

fn load_v(batch: u32, j: u32, d: u32) -> f32 {
    //: hook load_v
    return v[(batch * keys() + j) * value_dim() + d];
    //: end
}

// What is added to a scaled score; negative infinity hides the key.
fn load_mask(batch: u32, i: u32, j: u32) -> f32 {
    //: hook load_mask
    return 0.0;
    //: end
}

// Finishes and stores one element of the result.
fn store(batch: u32, i: u32, d: u32, value: f32) {
    //: hook store
    y[(batch * queries() + i) * value_dim() + d] = value;
    //: end
}

fn store_log_sum_exp(batch: u32, i: u32, value: f32) {
    //: hook store_log_sum_exp
    //: end
}

// Elements d to d + 3, all of them inside.
fn load_q4(batch: u32, i: u32, d: u32) -> vec4<f32> {
    //: hook load_q4
    return vec4<f32>(load_q(batch, i, d), load_q(batch, i, d + 1u), load_q(batch, i, d + 2u), load_q(batch, i, d + 3u));
    //: end
}

fn load_k4(batch: u32, j: u32, d: u32) -> vec4<f32> {
    //: hook load_k4
    return vec4<f32>(load_k(batch, j, d), load_k(batch, j, d + 1u), load_k(batch, j, d + 2u), load_k(batch, j, d + 3u));
    //: end
}

fn load_v4(batch: u32, j: u32, d: u32) -> vec4<f32> {
    //: hook load_v4
    return vec4<f32>(load_v(batch, j, d), load_v(batch, j, d + 1u), load_v(batch, j, d + 2u), load_v(batch, j, d + 3u));
    //: end
}

// The same where the end may come first: what is outside is zero.
fn edge_q4(batch: u32, i: u32, d: u32) -> vec4<f32> {
    if d + 4u <= head_dim() {
        return load_q4(batch, i, d);
    }
    if WHOLE {
        return vec4<f32>();
    }
    var result = vec4<f32>();
    for (var c = 0u; d + c < head_dim(); c++) {
        result[c] = load_q(batch, i, d + c);
    }
    return result;
}

fn edge_k4(batch: u32, j: u32, d: u32) -> vec4<f32> {
    if d + 4u <= head_dim() {
        return load_k4(batch, j, d);
    }
    if WHOLE {
        return vec4<f32>();
    }
    var result = vec4<f32>();
    for (var c = 0u; d + c < head_dim(); c++) {
        result[c] = load_k(batch, j, d + c);
    }
    return result;
}

fn edge_v4(batch: u32, j: u32, d: u32) -> vec4<f32> {
    if d + 4u <= value_dim() {
        return load_v4(batch, j, d);
    }
    if WHOLE {
        return vec4<f32>();
    }
    var result = vec4<f32>();
    for (var c = 0u; d + c < value_dim(); c++) {
        result[c] = load_v(batch, j, d + c);
    }
    return result;
}

// Number of keys that query `i` may see.
fn visible(i: u32) -> u32 {
    if CAUSAL {
        return u32(clamp(i32(i + 1u + keys()) - i32(queries()), 0i, i32(keys())));
    }
    return keys();
}

// Whether a score is negative infinity.
fn is_hidden(score: f32) -> bool {
    return bitcast<u32>(score) == 0xff800000u;
}

// Below every score that is not hidden.
const LOWEST: f32 = -3.4028234e38;

fn negative_infinity() -> f32 {
    var bits = 0xff800000u;
    return bitcast<f32>(bits);
}

var<workgroup> tile_k: array<vec4<f32>, TILE * HEAD>;
var<workgroup> tile_v: array<vec4<f32>, TILE * VALUE>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let strips = (queries() + WORKGROUP - 1u) / WORKGROUP;
    let strip = group.x + group.y * groups.x;
    if strip >= batches() * strips {
        return;
    }
    let batch = strip / strips;
    let first = strip % strips * WORKGROUP;
    let inside = first + local < queries();
    // Queries behind the end repeat the last, so that every thread fetches and reaches the barriers.
    let i = min(first + local, queries() - 1u);
    var query: array<vec4<f32>, HEAD>;
    for (var c = 0u; c < HEAD; c++) {
        query[c] = edge_q4(batch, i, c * 4u) * SCALE;
    }
    var result: array<vec4<f32>, VALUE>;
    var top = LOWEST;
    var sum = 0.0;
    let end = visible(i);
    // What the workgroup's last query sees, the others see less.
    let last_end = visible(min(first + WORKGROUP, queries()) - 1u);
    for (var first_j = 0u; first_j < last_end; first_j += TILE) {
        for (var at = local; at < TILE * HEAD; at += WORKGROUP) {
            let j = first_j + at / HEAD;
            if j < keys() {
                tile_k[at] = edge_k4(batch, j, at % HEAD * 4u);
            }
        }
        for (var at = local; at < TILE * VALUE; at += WORKGROUP) {
            let j = first_j + at / VALUE;
            if j < keys() {
                tile_v[at] = edge_v4(batch, j, at % VALUE * 4u);
            }
        }
        workgroupBarrier();
        for (var t = 0u; t < TILE && first_j + t < end; t++) {
            var products = vec4<f32>();
            for (var c = 0u; c < HEAD; c++) {
                products += query[c] * tile_k[t * HEAD + c];
            }
            let score = products.x + products.y + products.z + products.w + load_mask(batch, i, first_j + t);
            if is_hidden(score) {
                continue;
            }
            if score > top {
                let shrink = exp(top - score);
                top = score;
                sum *= shrink;
                for (var c = 0u; c < VALUE; c++) {
                    result[c] *= shrink;
                }
            }
            let weight = exp(score - top);
            sum += weight;
            for (var c = 0u; c < VALUE; c++) {
                result[c] += weight * tile_v[t * VALUE + c];
            }
        }
        workgroupBarrier();
    }
    if !inside {
        return;
    }
    let seen = sum != 0.0;
    let factor = select(0.0, 1.0 / sum, seen);
    for (var c = 0u; c < VALUE; c++) {
        let value = result[c] * factor;
        for (var e = 0u; e < 4u && c * 4u + e < value_dim(); e++) {
            store(batch, i, c * 4u + e, value[e]);
        }
    }
    store_log_sum_exp(batch, i, select(negative_infinity(), top + log(sum), seen));
}
