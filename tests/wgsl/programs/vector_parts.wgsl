// Swizzles, components read and written by name and by index, constructors out of parts.
//: in f32: 1.0, 2.0, 3.0, 4.0
//: in u32: 2, 0, 3, 1
//: out f32 44
@group(0) @binding(0) var<storage, read> x: vec4<f32>;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<vec4<f32>>;

@compute @workgroup_size(1)
fn main() {
    let v = x;
    out[0] = v.wzyx;
    out[1] = vec4<f32>(v.xx, v.yz);
    out[2] = vec4<f32>(v.zyx, 9.0);
    out[3] = vec4<f32>(8.0, v.wwy);
    out[4] = vec4<f32>(v.x, v.rg, v.a);
    var w = vec4<f32>();
    w.y = 5.0;
    w[2] = 6.0;
    w[indices[0]] += 1.0;
    w[indices[1]] = v[indices[2]];
    out[5] = w;
    out[6] = vec4<f32>(v[indices[0]], v[indices[1]], v[indices[2]], v[indices[3]]);
    var t = vec3<f32>(v.xy, 7.0);
    t[indices[1] + 1u] = 11.0;
    out[7] = vec4<f32>(t, 12.0);
    out[8][indices[0]] = 13.0;
    out[8].x = 14.0;
    out[8][3] = out[7].x;
    var pair = vec2<f32>(out[0][indices[3]], 15.0);
    pair = pair.yx;
    out[9] = vec4<f32>(pair, vec2<f32>(16.0));
    out[10] = vec4<f32>(vec3<f32>(vec2<f32>(1.0), 2.0).zyx, 3.0).wzyx;
}
