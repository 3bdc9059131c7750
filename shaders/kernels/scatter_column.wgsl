// Scatter into what is there already, in the order of the updates: a thread owns one place in the outer and inner axes, so no two threads
// write one element.

//: hook bindings
@group(0) @binding(0) var<storage, read> index: array<i32>;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: array<vec4<u32>, 1>;
//: end

const WORKGROUP: u32 = 64u;

//: hook sizes
fn outers() -> u32 {
    return 1u;
}

fn updates() -> u32 {
    return params[0].x;
}

fn extent() -> u32 {
    return params[0].y;
}

fn inners() -> u32 {
    return params[0].z;
}
//: end

//: hook element
alias Element = f32;
//: end

// Where update `u` goes, brought into range.
fn target_of(u: u32) -> u32 {
    //: hook index
    return u32(index[u]);
    //: end
}

fn load_update(outer: u32, u: u32, inner: u32) -> Element {
    //: hook update
    return x[(outer * updates() + u) * inners() + inner];
    //: end
}

// What becomes of `old` when `new_value` arrives.
fn combine(old: Element, new_value: Element) -> Element {
    //: hook combine
    return old + new_value;
    //: end
}

fn load(outer: u32, e: u32, inner: u32) -> Element {
    let at = (outer * extent() + e) * inners() + inner;
    //: hook load
    return y[at];
    //: end
}

fn store(outer: u32, e: u32, inner: u32, value: Element) {
    let at = (outer * extent() + e) * inners() + inner;
    //: hook store
    y[at] = value;
    //: end
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let column = (group.x + group.y * groups.x) * WORKGROUP + local;
    if column >= outers() * inners() {
        return;
    }
    let outer = column / inners();
    let inner = column % inners();
    for (var u = 0u; u < updates(); u++) {
        let e = target_of(u);
        store(outer, e, inner, combine(load(outer, e, inner), load_update(outer, u, inner)));
    }
}
