// Members lie where WGSL has them: a scalar behind a vec3, padding, nested structures, arrays with strides, explicit sizes and alignments.
//: in u32: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48
//: out u32 48
//: out u32 16
struct Inner {
    a: vec3<u32>,
    b: u32,
    c: u32,
}
struct Outer {
    first: u32,
    inner: Inner,
    pair: vec2<u32>,
    @align(16) aligned: u32,
    @size(20) sized: u32,
    triples: array<vec3<u32>, 2>,
    last: u32,
}
@group(0) @binding(0) var<storage, read> x: Outer;
@group(0) @binding(1) var<storage, read_write> copied: Outer;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(1)
fn main() {
    copied.inner.a = x.inner.a;
    copied.inner.c = x.inner.c;
    copied.triples[1] = x.triples[0];
    copied.last = x.last;
    copied.sized = x.sized;
    copied.aligned = x.aligned + 1000u;
    out[0] = x.first;
    out[1] = x.inner.a.z;
    out[2] = x.inner.b;
    out[3] = x.inner.c;
    out[4] = x.pair.y;
    out[5] = x.aligned;
    out[6] = x.sized;
    out[7] = x.triples[1].y;
    out[8] = x.last;
    let whole = x;
    out[9] = whole.triples[0].z + whole.inner.b;
    var changed = whole.inner;
    changed.a.y = 500u;
    out[10] = changed.a.x + changed.a.y + changed.c;
}
