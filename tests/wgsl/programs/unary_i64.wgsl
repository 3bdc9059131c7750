// Functions and operators of one i64, and of three.
//: in i64: 0, 1, -1, 2, -2, 7, -7, 31, 32, 33, 100, -100, 65535, -65536, 1073741824, 2147483647, -2147483648, -2147483647, 305419896, -559038737, 4611686018427387904, 9223372036854775807, -9223372036854775808
//: out i64 138
//: needs int64
@group(0) @binding(0) var<storage, read> x: array<i64>;
@group(0) @binding(1) var<storage, read_write> out: array<i64>;

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
        out[6u * i + 4u] = clamp(a, min(b, i64(9)), i64(100));
        out[6u * i + 5u] = select(a, b, a < b);
    }
}
