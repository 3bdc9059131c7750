// Philox 4x32-10, with 64-bit products out of 32-bit ones.
//: in u32: 0, 1, 123456789, 4294967295
//: out u32 16
@group(0) @binding(0) var<storage, read> seeds: array<u32>;
@group(0) @binding(1) var<storage, read_write> out: array<vec4<u32>>;

fn high(a: u32, b: u32) -> u32 {
    let al = a & 0xffffu;
    let ah = a >> 16u;
    let bl = b & 0xffffu;
    let bh = b >> 16u;
    let middle = ah * bl + ((al * bl) >> 16u);
    let low = al * bh + (middle & 0xffffu);
    return ah * bh + (middle >> 16u) + (low >> 16u);
}

fn philox(counter: vec4<u32>, seed: vec2<u32>) -> vec4<u32> {
    var c = counter;
    var k = seed;
    for (var round = 0; round < 10; round++) {
        let a = 0xd2511f53u * c.x;
        let b = 0xcd9e8d57u * c.z;
        c = vec4<u32>(high(0xcd9e8d57u, c.z) ^ c.y ^ k.x, b, high(0xd2511f53u, c.x) ^ c.w ^ k.y, a);
        k += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
    }
    return c;
}

@compute @workgroup_size(4)
fn main(@builtin(local_invocation_index) i: u32) {
    out[i] = philox(vec4<u32>(i, seeds[i], 7u, 0u), vec2<u32>(seeds[3u - i], 42u));
}
