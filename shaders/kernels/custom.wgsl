// A kernel that a program wrote itself: each thread computes one element by its function.

//: hook bindings
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: array<vec4<u32>, 1>;
//: end

// Number of elements.
fn total() -> u32 {
    //: hook total
    return params[0].x;
    //: end
}

//: hook operands
// Element `i` of the first operand, and its extents.
fn x0(i: u32) -> f32 {
    return x[i];
}

fn x0_extent(axis: u32) -> u32 {
    switch axis {
        default: {
            return params[0].x;
        }
    }
}
//: end

//: hook element
fn element(i: u32) -> f32 {
    return x0(i);
}
//: end

@compute @workgroup_size(64)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let i = (group.x + group.y * groups.x) * 64u + local;
    if i < total() {
        //: hook store
        y[i] = element(i);
        //: end
    }
}
