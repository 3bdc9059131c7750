// Elementwise work: each thread evaluates the body at PER_THREAD coordinates, a workgroup's width apart.

//: hook bindings
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
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

// Loads, computes and stores what belongs to coordinate number `i`.
fn body(i: u32) {
    //: hook body
    y[i] = x[i];
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
        let i = first + n * WORKGROUP;
        if i < total() {
            body(i);
        }
    }
}
