// Arrays and structures as values: passed, returned, compared by parts, indexed at run time, held in arrays.
//: in u32: 2, 0, 1
//: out i32 8
struct Item { key: i32, values: array<i32, 3> }
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> out: array<i32>;

fn make(k: i32) -> Item { return Item(k, array<i32, 3>(k, k * 2, k * 3)); }
fn turned(v: array<i32, 3>) -> array<i32, 3> { return array<i32, 3>(v[2], v[1], v[0]); }

@compute @workgroup_size(1)
fn main() {
    var items = array<Item, 3>(make(1), make(10), make(100));
    out[0] = items[x[0]].values[x[0]];
    items[x[1]].values = turned(items[x[2]].values);
    out[1] = items[0].values[0];
    out[2] = make(7).values[x[2]];
    let copy = items[2];
    items[2].key = -1;
    out[3] = copy.key + items[2].key;
    out[4] = turned(turned(copy.values))[x[0]];
    var grid: array<array<vec3<i32>, 2>, 2>;
    grid[x[2]][x[1]] = vec3<i32>(4, 5, 6);
    grid[1][1].z = 9;
    out[5] = grid[1][0].y + grid[1][1].z + grid[0][0].x;
    let row = grid[x[2]];
    out[6] = row[x[1]][x[0]];
}
