// Every operator of two u32, over pairs of edge values: sums wrap, dividing by zero gives the dividend and a remainder of zero, so
// does the least integer by -1.
//: in u32: 0, 1, 2, 3, 7, 31, 32, 33, 100, 255, 256, 65535, 65536, 2147483647, 2147483648, 4294967295, 4294967294, 305419896, 3735928559, 1000000007
//: out u32 3200
//: out u32 400
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> out: array<u32>;
@group(0) @binding(2) var<storage, read_write> compared: array<u32>;

@compute @workgroup_size(1)
fn main() {
    let n = arrayLength(&x);
    for (var i = 0u; i < n; i++) {
        for (var j = 0u; j < n; j++) {
            let a = x[i];
            let b = x[j];
            let k = 8u * (n * i + j);
            out[k] = a + b;
            out[k + 1u] = a - b;
            out[k + 2u] = a * b;
            out[k + 3u] = a / b;
            out[k + 4u] = a % b;
            out[k + 5u] = a & b;
            out[k + 6u] = a | b;
            out[k + 7u] = a ^ b;
            compared[n * i + j] = u32(a == b) | u32(a != b) << 1u | u32(a < b) << 2u | u32(a <= b) << 3u | u32(a > b) << 4u | u32(a >= b) << 5u;
        }
    }
}
