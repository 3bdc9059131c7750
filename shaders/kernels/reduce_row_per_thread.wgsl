// Row reductions, one row to a thread. Four partial results keep sums accurate and additions independent.

//: hook bindings
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: array<vec4<u32>, 1>;
//: end

//: hook constants
const WORKGROUP: u32 = 64u;
//: end

//: hook row
// A row's number and its coordinates in the outer axes.
struct Row {
    index: u32,
}

fn row_at(index: u32) -> Row {
    return Row(index);
}

fn rows() -> u32 {
    return params[0].x;
}

fn length() -> u32 {
    return params[0].y;
}
//: end

// Results of the phases so far.
struct Accumulators {
    //: repeat phase
    //: hook field_0
    a_0: f32,
    //: end
    //: end
}

//: repeat phase
//: hook phase_0
alias Partial_0 = f32;

fn identity_0() -> Partial_0 {
    return 0.0;
}

fn combine_0(a: Partial_0, b: Partial_0) -> Partial_0 {
    return a + b;
}

fn result_0(total: Partial_0) -> f32 {
    return total;
}

fn load_0(row: Row, j: u32, acc: Accumulators) -> Partial_0 {
    return x[row.index * length() + j];
}
//: end

fn reduce_0(row: Row, acc: Accumulators) -> Partial_0 {
    var a = identity_0();
    var b = identity_0();
    var c = identity_0();
    var d = identity_0();
    let whole = length() & 0xfffffffcu;
    for (var j = 0u; j < whole; j += 4u) {
        a = combine_0(a, load_0(row, j, acc));
        b = combine_0(b, load_0(row, j + 1u, acc));
        c = combine_0(c, load_0(row, j + 2u, acc));
        d = combine_0(d, load_0(row, j + 3u, acc));
    }
    for (var j = whole; j < length(); j++) {
        a = combine_0(a, load_0(row, j, acc));
    }
    return combine_0(combine_0(a, b), combine_0(c, d));
}

//: end
// What is stored once per row.
fn finish_row(row: Row, acc: Accumulators) {
    //: hook per_row
    y[row.index] = acc.a_0;
    //: end
}

// What is stored for each element.
fn finish_element(row: Row, j: u32, acc: Accumulators) {
    //: hook per_element
    //: end
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = (group.x + group.y * groups.x) * WORKGROUP + local;
    if index >= rows() {
        return;
    }
    let row = row_at(index);
    var acc: Accumulators;
    //: repeat phase
    acc.a_0 = result_0(reduce_0(row, acc));
    //: end
    finish_row(row, acc);
    //: hook elements
    for (var j = 0u; j < length(); j++) {
        finish_element(row, j, acc);
    }
    //: end
}
