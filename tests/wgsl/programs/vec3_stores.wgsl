// A store of a vec3 leaves the word behind it alone, in an array and in a structure.
//: in f32: 1.0, 2.0, 3.0
//: inout f32: 90.0, 91.0, 92.0, 93.0, 94.0, 95.0, 96.0, 97.0
//: inout f32: 80.0, 81.0, 82.0, 83.0, 84.0, 85.0, 86.0, 87.0
struct Both {
    v: vec3<f32>,
    w: f32,
}
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> vectors: array<vec3<f32>>;
@group(0) @binding(2) var<storage, read_write> both: array<Both>;

@compute @workgroup_size(1)
fn main() {
    let v = vec3<f32>(x[0], x[1], x[2]);
    vectors[1] = v;
    both[0].v = v * 2.0;
    both[1].w = both[0].w + 1.0;
}
