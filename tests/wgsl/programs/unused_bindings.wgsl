// Bindings in another order and in two groups' worth of numbers, one of them not used.
//: in u32: 1, 2
//: in u32: 3, 4
//: in u32: 5, 6
//: out u32 4
@group(0) @binding(3) var<storage, read_write> out: array<u32>;
@group(0) @binding(2) var<storage, read> c: array<u32>;
@group(0) @binding(1) var<storage, read> unused: array<u32>;
@group(0) @binding(0) var<storage, read> a: array<u32>;

@compute @workgroup_size(1)
fn main() {
    out[0] = a[0] + c[1] * 10u;
    out[1] = arrayLength(&c);
}
