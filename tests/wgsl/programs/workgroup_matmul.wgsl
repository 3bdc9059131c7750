// A product of matrices in tiles of workgroup memory.
//: groups 2 2
//: in f32: -2.0, 1.25, 0.25, -0.75, -1.75, 1.5, 0.5, -0.5, -1.5, 1.75, 0.75, -0.25, -1.25, 2.0, 1.0, 0.0, -1.0, -2.0, 1.25, 0.25, -0.75, -1.75, 1.5, 0.5, -0.5, -1.5, 1.75, 0.75, -0.25, -1.25, 2.0, 1.0, 0.0, -1.0, -2.0, 1.25, 0.25, -0.75, -1.75, 1.5, 0.5, -0.5, -1.5, 1.75, 0.75, -0.25, -1.25, 2.0, 1.0, 0.0, -1.0, -2.0, 1.25, 0.25, -0.75, -1.75, 1.5, 0.5, -0.5, -1.5, 1.75, 0.75, -0.25, -1.25
//: in f32: -1.125, -0.25, 0.625, -0.875, 0.0, 0.875, -0.625, 0.25, 1.125, -0.375, 0.5, -1.0, -0.125, 0.75, -0.75, 0.125, 1.0, -0.5, 0.375, -1.125, -0.25, 0.625, -0.875, 0.0, 0.875, -0.625, 0.25, 1.125, -0.375, 0.5, -1.0, -0.125, 0.75, -0.75, 0.125, 1.0, -0.5, 0.375, -1.125, -0.25, 0.625, -0.875, 0.0, 0.875, -0.625, 0.25, 1.125, -0.375, 0.5, -1.0, -0.125, 0.75, -0.75, 0.125, 1.0, -0.5, 0.375, -1.125, -0.25, 0.625, -0.875, 0.0, 0.875, -0.625
//: out f32 64
const TILE = 4u;
var<workgroup> tile_a: array<array<f32, TILE>, TILE>;
var<workgroup> tile_b: array<array<f32, TILE>, TILE>;
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> c: array<f32>;

@compute @workgroup_size(TILE, TILE)
fn main(@builtin(local_invocation_id) local: vec3<u32>, @builtin(global_invocation_id) id: vec3<u32>) {
    var sum = 0.0;
    for (var k = 0u; k < 8u; k += TILE) {
        tile_a[local.y][local.x] = a[id.y * 8u + k + local.x];
        tile_b[local.y][local.x] = b[(k + local.y) * 8u + id.x];
        workgroupBarrier();
        for (var i = 0u; i < TILE; i++) {
            sum += tile_a[local.y][i] * tile_b[i][local.x];
        }
        workgroupBarrier();
    }
    c[id.y * 8u + id.x] = sum;
}
