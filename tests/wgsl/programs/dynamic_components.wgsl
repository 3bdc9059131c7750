// Components at run-time indices of vectors in every address space: private, function, workgroup, storage, and inside of arrays and structures.
//: in u32: 3, 1, 0, 2
//: out f32 24
struct Held {
    v: vec3<f32>,
    list: array<vec4<f32>, 2>,
}
var<private> own: Held;
var<workgroup> tile: array<vec4<f32>, 2>;
@group(0) @binding(0) var<storage, read> indices: array<u32>;
@group(0) @binding(1) var<storage, read_write> out: array<vec4<f32>>;

fn put(p: ptr<function, vec4<f32>>, i: u32, value: f32) {
    (*p)[i] = value;
    (*p)[i ^ 1u] += value;
}

@compute @workgroup_size(1)
fn main() {
    var v = vec4<f32>(1.0, 2.0, 3.0, 4.0);
    var list: array<vec4<f32>, 3>;
    for (var k = 0u; k < 4u; k++) {
        let i = indices[k];
        v[i] *= 10.0;
        list[k % 3u][i] = v[3u - i];
        own.v[i % 3u] += f32(k);
        own.list[i & 1u][k] = f32(i);
        tile[k & 1u][i] = f32(k) + 0.5;
        out[0][i] = f32(k) * 2.0;
    }
    put(&v, indices[1], 0.25);
    out[1] = v;
    out[2] = list[0] + list[1] * 100.0 + list[2] * 10000.0;
    out[3] = vec4<f32>(own.v, own.list[1][indices[0]]);
    out[4] = own.list[0] + own.list[1] * 10.0;
    out[5] = tile[0] + tile[1] * 10.0;
}
