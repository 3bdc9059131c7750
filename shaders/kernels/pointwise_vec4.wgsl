// Elementwise work on four neighbours at a time: contiguous operands are loaded and stored as vec4s.
//
// Buffers are padded to whole vec4s, so the last group may lie partly behind the end.

//: hook bindings
@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(2) var<uniform> params: array<vec4<u32>, 1>;
//: end

//: hook constants
const WORKGROUP: u32 = 64u;
const PER_THREAD: u32 = 1u;
//: end

// Number of coordinates.
fn total() -> u32 {
    //: hook total
    return params[0].x;
    //: end
}

//: hook lane
// What one lane computes, from the values that were loaded for it.
struct Results {
    v0: f32,
}

fn lane(i: u32, x0: f32) -> Results {
    return Results(x0);
}
//: end

// Loads, computes and stores what belongs to coordinates `i` to `i + 3`; `i` is a multiple of 4.
fn body(i: u32) {
    //: hook body
    let x0 = x[i >> 2u];
    let a = lane(i, x0.x);
    let b = lane(i + 1u, x0.y);
    let c = lane(i + 2u, x0.z);
    let d = lane(i + 3u, x0.w);
    y[i >> 2u] = vec4<f32>(a.v0, b.v0, c.v0, d.v0);
    //: end
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let first = (group.x + group.y * groups.x) * (WORKGROUP * PER_THREAD) + local;
    for (var n = 0u; n < PER_THREAD; n++) {
        let i = (first + n * WORKGROUP) * 4u;
        if i < total() {
            body(i);
        }
    }
}
