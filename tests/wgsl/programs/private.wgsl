// Private variables belong to the invocation, begin with their initial value or zero, and are shared by its functions.
//: out i32 16
var<private> count: i32;
var<private> start: i32 = 5;
var<private> table: array<vec2<i32>, 3> = array<vec2<i32>, 3>(vec2<i32>(1, 2), vec2<i32>(3, 4), vec2<i32>(5, 6));
@group(0) @binding(0) var<storage, read_write> out: array<i32>;

fn next() -> i32 {
    count += 1;
    start *= 2;
    table[count % 3].y += start;
    return count;
}

@compute @workgroup_size(4)
fn main(@builtin(local_invocation_index) i: u32) {
    for (var k = 0u; k <= i; k++) {
        next();
    }
    out[4u * i] = count;
    out[4u * i + 1u] = start;
    out[4u * i + 2u] = table[1].y;
    out[4u * i + 3u] = table[2].x + table[2].y;
}
