// arrayLength of an array, and of an array at the end of a structure; vec3 and structures as elements.
//: in u32: 11, 22, 33, 44, 55, 66, 77
//: in f32: 1.0, 2.0, 3.0, 0.0, 4.0, 5.0, 6.0, 0.0, 7.0, 8.0, 9.0, 0.0
//: in u32: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
//: out u32 12
//: out f32 4
struct Tail {
    head: u32,
    pair: vec2<u32>,
    items: array<vec2<u32>>,
}
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> triples: array<vec3<f32>>;
@group(0) @binding(2) var<storage, read> tail: Tail;
@group(0) @binding(3) var<storage, read_write> out: array<u32>;
@group(0) @binding(4) var<storage, read_write> sums: array<f32>;

fn last(i: u32) -> u32 {
    return x[arrayLength(&x) - 1u - i];
}

@compute @workgroup_size(1)
fn main() {
    out[0] = arrayLength(&x);
    out[1] = arrayLength(&triples);
    out[2] = arrayLength(&tail.items);
    out[3] = arrayLength(&out);
    out[4] = last(0u);
    out[5] = last(2u);
    out[6] = tail.head;
    out[7] = tail.pair.y;
    out[8] = tail.items[0].x;
    out[9] = tail.items[arrayLength(&tail.items) - 1u].y;
    var sum = vec3<f32>();
    for (var i = 0u; i < arrayLength(&triples); i++) {
        sum += triples[i];
    }
    sums[0] = sum.x;
    sums[1] = sum.y;
    sums[2] = sum.z;
}
