// Constants: numbers, vectors, arrays that are indexed at run time, structures, matrices, and expressions of them.
//: in u32: 0, 1, 2, 3
//: out i32 12
//: out f32 8
//: within 1e-6 1e-6
struct Item { weight: f32, key: vec2<i32> }
const N = 3;
const HALF: f32 = 1.0 / 2.0;
const UP = vec3<i32>(0, 1, 0);
const TABLE = array<i32, 4>(10, 20 * N, 30 + N, -40);
const ITEMS = array<Item, 2>(Item(1.5, vec2<i32>(1, 2)), Item(2.5, vec2<i32>(3, 4)));
const TURN = mat2x2<f32>(0.0, 1.0, -1.0, 0.0);
const NESTED = array<array<vec3<f32>, 2>, 2>(array<vec3<f32>, 2>(vec3<f32>(1.0), vec3<f32>(2.0)), array<vec3<f32>, 2>(vec3<f32>(3.0), vec3<f32>(4.0, 5.0, 6.0)));
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> out: array<i32>;
@group(0) @binding(2) var<storage, read_write> floats: array<f32>;

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < 4u; i++) {
        out[i] = TABLE[x[i]] + N;
    }
    out[4] = UP.y + UP[x[1]];
    out[5] = ITEMS[x[1]].key.y;
    out[6] = i32(0x7fffffff);
    out[7] = -2147483648;
    let picked = ITEMS[x[0]];
    floats[0] = picked.weight * HALF;
    let turned = TURN * vec2<f32>(1.0, 2.0);
    floats[1] = turned.x;
    floats[2] = turned.y;
    floats[3] = NESTED[x[1]][x[1]].z;
    floats[4] = NESTED[x[0]][x[1]].x;
    floats[5] = 1e-40 + 3.4028234e38 * 1e-38;
}
