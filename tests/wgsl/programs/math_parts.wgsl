// modf, frexp and ldexp, of scalars and of vectors.
//: in f32: 0.0, 1.0, -1.5, 2.75, -0.25, 1024.5, -3.9999, 1e-5, 123456.78, -7.0, 0.5, 1e10
//: out f32 24
//: out f32 12
//: out i32 12
//: out f32 12
//: out f32 8
//: within 0 0
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> parts: array<vec2<f32>>;
@group(0) @binding(2) var<storage, read_write> significands: array<f32>;
@group(0) @binding(3) var<storage, read_write> exponents: array<i32>;
@group(0) @binding(4) var<storage, read_write> whole: array<f32>;
@group(0) @binding(5) var<storage, read_write> vectors: array<vec4<f32>>;

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < 12u; i++) {
        let m = modf(x[i]);
        parts[i] = vec2<f32>(m.fract, m.whole);
        let f = frexp(x[i]);
        significands[i] = f.fract;
        exponents[i] = f.exp;
        whole[i] = ldexp(f.fract, f.exp + 1);
    }
    let v = vec4<f32>(x[1], x[2], x[3], x[4]);
    let m = modf(v);
    vectors[0] = m.fract + m.whole * 100.0;
    let f = frexp(v);
    vectors[1] = ldexp(f.fract, f.exp);
}
