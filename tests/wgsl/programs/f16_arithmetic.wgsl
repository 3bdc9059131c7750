// Operators and functions of f16.
//: needs f16
//: in f16: 0.0, 1.0, -1.5, 0.1, 65504.0, 3.1415, -0.0001, 2048.0
//: out f16 256
//: out u32 64
//: out f16 48
//: within 1e-3 4e-3
enable f16;
@group(0) @binding(0) var<storage, read> x: array<f16>;
@group(0) @binding(1) var<storage, read_write> out: array<f16>;
@group(0) @binding(2) var<storage, read_write> compared: array<u32>;
@group(0) @binding(3) var<storage, read_write> functions: array<f16>;

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < 8u; i++) {
        for (var j = 0u; j < 8u; j++) {
            let a = x[i];
            let b = x[j];
            let k = 8u * i + j;
            out[4u * k] = a * 0.25h + b * 0.25h;
            out[4u * k + 1u] = a * 0.5h - b * 0.5h;
            out[4u * k + 2u] = (a * 0.001h) * (b * 0.001h);
            out[4u * k + 3u] = (a * 0.01h) / (abs(b) + 1.0h);
            compared[k] = u32(a == b) | u32(a != b) << 1u | u32(a < b) << 2u | u32(a <= b) << 3u | u32(a > b) << 4u | u32(a >= b) << 5u;
        }
        functions[6u * i] = -x[i];
        functions[6u * i + 1u] = abs(x[i]);
        functions[6u * i + 2u] = min(x[i], 2.0h);
        functions[6u * i + 3u] = floor(x[i] * 0.5h);
        functions[6u * i + 4u] = sqrt(abs(x[i]));
        functions[6u * i + 5u] = clamp(x[i], -1.0h, 1.0h);
    }
}
