// Functions of three floats: clamp, fma, mix, smoothstep; and mix of vectors by a scalar.
//: in f32: 0.5, -1.0, 2.0, 0.25, 1.5, 3.0, -2.0, 0.75
//: out f32 32
//: out f32 8
//: within 1e-6 1e-6
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read_write> mixed: array<vec4<f32>>;

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < 8u; i++) {
        let a = x[i];
        let b = x[(i + 1u) % 8u];
        out[4u * i] = clamp(a, -0.75, 1.25);
        out[4u * i + 1u] = fma(a, b, 3.0);
        out[4u * i + 2u] = mix(a, b, 0.25);
        out[4u * i + 3u] = smoothstep(-1.0, 2.0, a);
    }
    mixed[0] = mix(vec4<f32>(x[0], x[1], x[2], x[3]), vec4<f32>(1.0, 2.0, 3.0, 4.0), 0.5);
    mixed[1] = mix(vec4<f32>(x[0], x[1], x[2], x[3]), vec4<f32>(1.0, 2.0, 3.0, 4.0), vec4<f32>(0.0, 1.0, 0.25, 0.75));
}
