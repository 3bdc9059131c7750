// Attention for few queries, one to a workgroup: the threads take a key each to compute a tile of scores, then an element of the result
// each to add up the values.

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

// Elements of the result that a thread owns.
const OWN: u32 = (VALUE * 4u + WORKGROUP - 1u) / WORKGROUP;

var<workgroup> query: array<vec4<f32>, HEAD>;
var<workgroup> scores: array<f32, WORKGROUP>;
var<workgroup> tree: array<f32, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = group.x + group.y * groups.x;
    if index >= batches() * queries() {
        return;
    }
    let batch = index / queries();
    let i = index % queries();
    for (var c = local; c < HEAD; c += WORKGROUP) {
        query[c] = edge_q4(batch, i, c * 4u) * SCALE;
    }
    workgroupBarrier();
    var result: array<f32, OWN>;
    var top = LOWEST;
    var sum = 0.0;
    let end = visible(i);
    for (var first = 0u; first < end; first += WORKGROUP) {
        let j = first + local;
        var score = negative_infinity();
        if j < end {
            var products = vec4<f32>();
            for (var c = 0u; c < HEAD; c++) {
                products += query[c] * edge_k4(batch, j, c * 4u);
            }
            score = products.x + products.y + products.z + products.w + load_mask(batch, i, j);
        }
        tree[local] = select(score, LOWEST, is_hidden(score));
        workgroupBarrier();
        for (var width = WORKGROUP / 2u; width > 0u; width /= 2u) {
            if local < width {
                tree[local] = max(tree[local], tree[local + width]);
            }
            workgroupBarrier();
        }
        let next = max(top, tree[0]);
        scores[local] = select(exp(score - next), 0.0, is_hidden(score));
        workgroupBarrier();
        let shrink = exp(top - next);
        top = next;
        sum *= shrink;
        for (var o = 0u; o < OWN; o++) {
            result[o] *= shrink;
        }
        for (var t = 0u; t < min(WORKGROUP, end - first); t++) {
            let weight = scores[t];
            sum += weight;
            for (var o = 0u; o < OWN; o++) {
                let d = o * WORKGROUP + local;
                if d < value_dim() {
                    result[o] += weight * load_v(batch, first + t, d);
                }
            }
        }
    }
    let seen = sum != 0.0;
    let factor = select(0.0, 1.0 / sum, seen);
    for (var o = 0u; o < OWN; o++) {
        let d = o * WORKGROUP + local;
        if d < value_dim() {
            store(batch, i, d, result[o] * factor);
        }
    }
    if local == 0u {
        store_log_sum_exp(batch, i, select(negative_infinity(), top + log(sum), seen));
    }
}
