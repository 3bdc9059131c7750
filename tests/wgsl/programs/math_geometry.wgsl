// dot, cross, length, distance, normalize, faceForward, reflect, refract.
//: in f32: 1.0, 2.0, -3.0, 0.5, -1.5, 2.25, 4.0, 0.125
//: out f32 26
//: within 1e-5 1e-5
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

@compute @workgroup_size(1)
fn main() {
    let a = vec3<f32>(x[0], x[1], x[2]);
    let b = vec3<f32>(x[3], x[4], x[5]);
    let p = vec2<f32>(x[0], x[4]);
    let q = vec4<f32>(x[0], x[1], x[6], x[7]);
    out[0] = dot(a, b);
    out[1] = dot(p, p.yx);
    out[2] = dot(q, q.wzyx);
    let c = cross(a, b);
    out[3] = c.x;
    out[4] = c.y;
    out[5] = c.z;
    out[6] = length(a);
    out[7] = length(p);
    out[8] = length(q);
    out[9] = length(x[2]);
    out[10] = distance(a, b);
    out[11] = distance(x[0], x[6]);
    let n = normalize(a);
    out[12] = n.x;
    out[13] = n.y;
    out[14] = n.z;
    let f = faceForward(a, b, c + a);
    out[15] = f.x;
    out[16] = f.y;
    out[17] = f.z;
    let r = reflect(a, normalize(b));
    out[18] = r.x;
    out[19] = r.y;
    out[20] = r.z;
    let s = refract(normalize(a), normalize(-b), 0.75);
    out[21] = s.x;
    out[22] = s.y;
    out[23] = s.z;
    let t = refract(normalize(p), vec2<f32>(0.0, 1.0), 1.75);
    out[24] = t.x;
    out[25] = t.y;
}
