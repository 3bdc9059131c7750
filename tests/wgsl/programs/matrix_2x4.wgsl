// mat2x4: layout in storage, columns, components, products, sums, transposition.
//: in f32: 0.5, 4.75, 0.75, 8.0, 4.0, 0.0, 7.25, 3.25, -0.75, 6.5, 2.5, -1.5, 5.75, 1.75, 6.0, 5.0
//: in f32: 1.0, -2.0, 0.5, 3.0
//: out f32 32
//: out f32 8
//: out f32 4
//: out f32 4
//: out f32 4
//: within 1e-5 1e-5
@group(0) @binding(0) var<storage, read> m_in: mat2x4<f32>;
@group(0) @binding(1) var<storage, read> v_in: vec4<f32>;
@group(0) @binding(2) var<storage, read_write> out_matrix: array<mat2x4<f32>>;
@group(0) @binding(3) var<storage, read_write> out_transposed: mat4x2<f32>;
@group(0) @binding(4) var<storage, read_write> out_left: vec2<f32>;
@group(0) @binding(5) var<storage, read_write> out_right: vec4<f32>;
@group(0) @binding(6) var<storage, read_write> out_scalar: array<f32>;

@compute @workgroup_size(1)
fn main() {
    let m = m_in;
    let row = vec4<f32>(v_in.xyzw);
    let column = vec2<f32>(v_in.xy);
    out_matrix[0] = m + m * 0.5;
    out_matrix[1] = 2.0 * m - m;
    var changed = m;
    changed[1] = row;
    changed[0][1] = 9.0;
    changed[u32(column.x)].x += 4.0;
    out_matrix[2] = changed;
    out_transposed = transpose(m);
    out_left = row * m;
    out_right = m * column;
    out_scalar[0] = dot(m[1], row);
    out_scalar[2] = (m * transpose(m))[1].x;
    out_scalar[3] = m_in[u32(column.x)].y;
}
