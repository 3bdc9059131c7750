// Functions and operators of one u64, and of three.
//: in u64: 0, 1, 2, 3, 7, 31, 32, 33, 100, 255, 256, 65535, 65536, 2147483647, 2147483648, 4294967295, 4294967294, 305419896, 3735928559, 1000000007, 18446744073709551615, 9223372036854775808, 1234567890123456789
//: out u64 138
//: needs int64
@group(0) @binding(0) var<storage, read> x: array<u64>;
@group(0) @binding(1) var<storage, read_write> out: array<u64>;

@compute @workgroup_size(1)
fn main() {
    let n = arrayLength(&x);
    for (var i = 0u; i < n; i++) {
        let a = x[i];
        let b = x[(i + 3u) % n];
        out[6u * i] = ~a;
        out[6u * i + 1u] = abs(a);
        out[6u * i + 2u] = min(a, b);
        out[6u * i + 3u] = max(a, b);
        out[6u * i + 4u] = clamp(a, min(b, u64(9)), u64(100));
        out[6u * i + 5u] = select(a, b, a < b);
    }
}
