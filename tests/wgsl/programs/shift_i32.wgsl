// Shifts of i32 by amounts below 32, as the validator wants of constants, and by variables whose upper bits must not count.
//: in i32: 0, 1, -1, 2, -2, 7, -7, 31, 32, 33, 100, -100, 65535, -65536, 1073741824, 2147483647, -2147483648, -2147483647, 305419896, -559038737
//: out i32 1440
@group(0) @binding(0) var<storage, read> x: array<i32>;
@group(0) @binding(1) var<storage, read_write> out: array<i32>;

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < arrayLength(&x); i++) {
        for (var s = 0u; s < 36u; s++) {
            out[72u * i + 2u * s] = x[i] << s;
            out[72u * i + 2u * s + 1u] = x[i] >> s;
        }
    }
}
