// Attention with an online softmax, four queries to a thread and four keys at a time: the running maxima, sums and results are rescaled
// whenever larger scores come. What is loaded of a key or a value serves four queries. Results wait in workgroup memory, a part for each
// thread, since software devices compile private arrays badly.

//: hook bindings
@group(0) @binding(0) var<storage, read> q: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(0) @binding(4) var<uniform> params: array<vec4<u32>, 2>;
//: end

//: hook constants
const WORKGROUP: u32 = 8u;
// Largest head_dim and value_dim that this kernel serves, in vec4s.
const HEAD: u32 = 16u;
const VALUE: u32 = 16u;
const MASKED: bool = false;
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

// Four rows of four.
struct Block {
    x: vec4<f32>,
    y: vec4<f32>,
    z: vec4<f32>,
    w: vec4<f32>,
}

// The products of one query with four keys.
fn products(query: vec4<f32>, keys: Block) -> vec4<f32> {
    return vec4<f32>(dot(query, keys.x), dot(query, keys.y), dot(query, keys.z), dot(query, keys.w));
}

// Scores of query `i` with keys j to j + 3; a key that it may not see is negative infinity.
fn finish_scores(batch: u32, i: u32, j: u32, sums: vec4<f32>) -> vec4<f32> {
    var scores = sums * SCALE;
    if MASKED {
        let last = keys() - 1u;
        scores += vec4<f32>(
            load_mask(batch, i, j),
            load_mask(batch, i, min(j + 1u, last)),
            load_mask(batch, i, min(j + 2u, last)),
            load_mask(batch, i, min(j + 3u, last)),
        );
    }
    let hidden = vec4<u32>(j, j + 1u, j + 2u, j + 3u) >= vec4<u32>(visible(i));
    return select(scores, vec4<f32>(negative_infinity()), hidden);
}

// Running state of one query.
struct State {
    top: f32,
    sum: f32,
    // What earlier results shrink by.
    shrink: f32,
    // Weights of the four keys at hand.
    weights: vec4<f32>,
}

fn advance(state: State, scores: vec4<f32>) -> State {
    let hidden = bitcast<vec4<u32>>(scores) == vec4<u32>(0xff800000u);
    let seen = select(scores, vec4<f32>(LOWEST), hidden);
    let top = max(state.top, max(max(seen.x, seen.y), max(seen.z, seen.w)));
    let shrink = exp(state.top - top);
    let weights = select(exp(seen - top), vec4<f32>(), hidden);
    let sum = state.sum * shrink + weights.x + weights.y + weights.z + weights.w;
    return State(top, sum, shrink, weights);
}

fn weighted(result: vec4<f32>, state: State, values: Block) -> vec4<f32> {
    let weights = state.weights;
    return result * state.shrink + weights.x * values.x + weights.y * values.y + weights.z * values.z + weights.w * values.w;
}

// Results of four queries by chunk of four values, then by query, then by thread.
var<workgroup> results: array<vec4<f32>, VALUE * 4u * WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let fours = (queries() + 3u) / 4u;
    let index = (group.x + group.y * groups.x) * WORKGROUP + local;
    if index >= batches() * fours {
        return;
    }
    let batch = index / fours;
    let i = index % fours * 4u;
    // Queries behind the end repeat the last; keys behind the end repeat the last and are hidden.
    let i1 = min(i + 1u, queries() - 1u);
    let i2 = min(i + 2u, queries() - 1u);
    let i3 = min(i + 3u, queries() - 1u);
    let head_end = (head_dim() + 3u) / 4u;
    let value_end = (value_dim() + 3u) / 4u;
    for (var c = 0u; c < value_end; c++) {
        for (var r = 0u; r < 4u; r++) {
            results[(c * 4u + r) * WORKGROUP + local] = vec4<f32>();
        }
    }
    let start = State(LOWEST, 0.0, 0.0, vec4<f32>());
    var s0 = start;
    var s1 = start;
    var s2 = start;
    var s3 = start;
    let end = visible(i3);
    for (var j = 0u; j < end; j += 4u) {
        let j1 = min(j + 1u, keys() - 1u);
        let j2 = min(j + 2u, keys() - 1u);
        let j3 = min(j + 3u, keys() - 1u);
        var sums = Block();
        for (var c = 0u; c < head_end; c++) {
            let d = c * 4u;
            let k4 = Block(edge_k4(batch, j, d), edge_k4(batch, j1, d), edge_k4(batch, j2, d), edge_k4(batch, j3, d));
            sums.x += products(edge_q4(batch, i, d), k4);
            sums.y += products(edge_q4(batch, i1, d), k4);
            sums.z += products(edge_q4(batch, i2, d), k4);
            sums.w += products(edge_q4(batch, i3, d), k4);
        }
        s0 = advance(s0, finish_scores(batch, i, j, sums.x));
        s1 = advance(s1, finish_scores(batch, i1, j, sums.y));
        s2 = advance(s2, finish_scores(batch, i2, j, sums.z));
        s3 = advance(s3, finish_scores(batch, i3, j, sums.w));
        for (var c = 0u; c < value_end; c++) {
            let d = c * 4u;
            let v4 = Block(edge_v4(batch, j, d), edge_v4(batch, j1, d), edge_v4(batch, j2, d), edge_v4(batch, j3, d));
            let at = c * 4u * WORKGROUP + local;
            results[at] = weighted(results[at], s0, v4);
            results[at + WORKGROUP] = weighted(results[at + WORKGROUP], s1, v4);
            results[at + 2u * WORKGROUP] = weighted(results[at + 2u * WORKGROUP], s2, v4);
            results[at + 3u * WORKGROUP] = weighted(results[at + 3u * WORKGROUP], s3, v4);
        }
    }
    let sums = vec4<f32>(s0.sum, s1.sum, s2.sum, s3.sum);
    var factors = select(vec4<f32>(), 1.0 / sums, sums != vec4<f32>());
    let rows = min(4u, queries() - i);
    for (var r = 0u; r < rows; r++) {
        for (var d = 0u; d < value_dim(); d++) {
            store(batch, i + r, d, results[(d / 4u * 4u + r) * WORKGROUP + local][d % 4u] * factors[r]);
        }
    }
    var tops = vec4<f32>(s0.top, s1.top, s2.top, s3.top);
    for (var r = 0u; r < rows; r++) {
        let seen = sums[r] != 0.0;
        store_log_sum_exp(batch, i + r, select(negative_infinity(), tops[r] + log(sums[r]), seen));
    }
}
