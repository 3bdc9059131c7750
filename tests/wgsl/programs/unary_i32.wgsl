// Functions and operators of one i32, and of three.
//: in i32: 0, 1, -1, 2, -2, 7, -7, 31, 32, 33, 100, -100, 65535, -65536, 1073741824, 2147483647, -2147483648, -2147483647, 305419896, -559038737
//: out i32 120
@group(0) @binding(0) var<storage, read> x: array<i32>;
@group(0) @binding(1) var<storage, read_write> out: array<i32>;

@compute @workgroup_size(1)
fn main() {
    let n = arrayLength(&x);
    for (var i = 0u; i < n; i++) {
        let a = x[i];
        let b = x[(i + 3u) % n];
        out[6u * i] = -a;
        out[6u * i + 1u] = abs(a);
        out[6u * i + 2u] = min(a, b);
        out[6u * i + 3u] = max(a, b);
        out[6u * i + 4u] = clamp(a, min(b, i32(9)), i32(100));
        out[6u * i + 5u] = select(a, b, a < b);
    }
}
