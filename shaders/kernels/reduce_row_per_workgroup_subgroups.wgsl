// Row reductions, one row to a workgroup: subgroups combine in registers, and workgroup memory only holds one value per subgroup.

//: hook bindings
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: array<vec4<u32>, 1>;
//: end

//: hook constants
const WORKGROUP: u32 = 256u;
// The smallest subgroups have four invocations.
const MAX_SUBGROUPS: u32 = 64u;
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

// An invocation's place.
struct Place {
    local: u32,
    lane: u32,
    subgroup: u32,
    subgroups: u32,
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

//: hook subgroup_0
fn subgroup_0(value: Partial_0) -> Partial_0 {
    return subgroupAdd(value);
}
//: end

var<workgroup> shared_0: array<Partial_0, MAX_SUBGROUPS>;

fn reduce_0(row: Row, place: Place, acc: Accumulators) -> Partial_0 {
    var own = identity_0();
    for (var j = place.local; j < length(); j += WORKGROUP) {
        own = combine_0(own, load_0(row, j, acc));
    }
    let part = subgroup_0(own);
    if place.lane == 0u {
        shared_0[place.subgroup] = part;
    }
    workgroupBarrier();
    var total = identity_0();
    for (var s = 0u; s < place.subgroups; s++) {
        total = combine_0(total, shared_0[s]);
    }
    return total;
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
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(subgroup_id) subgroup: u32,
    @builtin(num_subgroups) subgroups: u32,
) {
    let index = group.x + group.y * groups.x;
    if index >= rows() {
        return;
    }
    let place = Place(local, lane, subgroup, subgroups);
    let row = row_at(index);
    var acc: Accumulators;
    //: repeat phase
    acc.a_0 = result_0(reduce_0(row, place, acc));
    //: end
    if local == 0u {
        finish_row(row, acc);
    }
    //: hook elements
    for (var j = local; j < length(); j += WORKGROUP) {
        finish_element(row, j, acc);
    }
    //: end
}
