// Cumulative reduction along an axis, one row to a thread.

//: hook bindings
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: array<vec4<u32>, 1>;
//: end

const WORKGROUP: u32 = 64u;

//: hook constants
const EXCLUSIVE: bool = false;
const REVERSE: bool = false;
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

//: hook combination
alias Partial = f32;

fn identity() -> Partial {
    return 0.0;
}

fn combine(a: Partial, b: Partial) -> Partial {
    return a + b;
}

fn result(total: Partial) -> f32 {
    return total;
}
//: end

fn load(row: Row, j: u32) -> Partial {
    //: hook load
    return x[row.index * length() + j];
    //: end
}

// Stores what belongs to position `j`, given the running value.
fn store(row: Row, j: u32, total: Partial) {
    //: hook store
    y[row.index * length() + j] = result(total);
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
    var total = identity();
    for (var n = 0u; n < length(); n++) {
        let j = select(n, length() - 1u - n, REVERSE);
        let before = total;
        total = combine(total, load(row, j));
        if EXCLUSIVE {
            store(row, j, before);
        } else {
            store(row, j, total);
        }
    }
}
