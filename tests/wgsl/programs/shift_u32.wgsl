// Shifts of u32 by amounts below 32, as the validator wants of constants, and by variables whose upper bits must not count.
//: in u32: 0, 1, 2, 3, 7, 31, 32, 33, 100, 255, 256, 65535, 65536, 2147483647, 2147483648, 4294967295, 4294967294, 305419896, 3735928559, 1000000007
//: out u32 1440
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < arrayLength(&x); i++) {
        for (var s = 0u; s < 36u; s++) {
            out[72u * i + 2u * s] = x[i] << s;
            out[72u * i + 2u * s + 1u] = x[i] >> s;
        }
    }
}
