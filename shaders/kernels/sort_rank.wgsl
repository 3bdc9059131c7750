// Stable sort along an axis by counting: an element's place is the number of elements that come before it. One element to a thread.

//: hook bindings
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> sorted: array<f32>;
@group(0) @binding(2) var<storage, read_write> positions: array<vec2<u32>>;
@group(0) @binding(3) var<uniform> params: array<vec4<u32>, 1>;
//: end

const WORKGROUP: u32 = 64u;

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

//: hook key
alias Key = f32;

fn precedes(a: Key, b: Key) -> bool {
    return a < b;
}
//: end

fn load(row: Row, j: u32) -> Key {
    //: hook load
    return x[row.index * length() + j];
    //: end
}

// Stores an element and its former position at its place.
fn store(row: Row, place: u32, key: Key, position: u32) {
    //: hook store
    sorted[row.index * length() + place] = key;
    positions[row.index * length() + place] = vec2<u32>(position, 0u);
    //: end
}

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = (group.x + group.y * groups.x) * WORKGROUP + local;
    if index >= rows() * length() {
        return;
    }
    let row = row_at(index / length());
    let position = index % length();
    let key = load(row, position);
    var place = 0u;
    for (var j = 0u; j < position; j++) {
        if !precedes(key, load(row, j)) {
            place++;
        }
    }
    for (var j = position + 1u; j < length(); j++) {
        if precedes(load(row, j), key) {
            place++;
        }
    }
    store(row, place, key, position);
}
