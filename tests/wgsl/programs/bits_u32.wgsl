// Counting, finding, reversing, extracting and inserting bits of u32.
//: in u32: 0, 1, 2, 3, 7, 31, 32, 33, 100, 255, 256, 65535, 65536, 2147483647, 2147483648, 4294967295, 4294967294, 305419896, 3735928559, 1000000007
//: out u32 120
//: out u32 640
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> out: array<u32>;
@group(0) @binding(2) var<storage, read_write> fields: array<u32>;

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < arrayLength(&x); i++) {
        let a = x[i];
        out[6u * i] = countOneBits(a);
        out[6u * i + 1u] = countLeadingZeros(a);
        out[6u * i + 2u] = countTrailingZeros(a);
        out[6u * i + 3u] = firstLeadingBit(a);
        out[6u * i + 4u] = firstTrailingBit(a);
        out[6u * i + 5u] = reverseBits(a);
        for (var k = 0u; k < 16u; k++) {
            // Offsets and counts that reach over the end are cut.
            let offset = (k % 4u) * 11u;
            let count = (k / 4u) * 13u;
            fields[32u * i + 2u * k] = extractBits(a, offset, count);
            fields[32u * i + 2u * k + 1u] = insertBits(a, ~a, offset, count);
        }
    }
}
