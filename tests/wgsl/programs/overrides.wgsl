// Overrides with their default values, in expressions, in the size of an array and of the workgroup.
//: out u32 8
override width: u32 = 4u;
@id(7) override scale: f32 = 2.5;
override enabled: bool = true;
override twice: u32 = width * 2u;
var<workgroup> shared_values: array<u32, width>;
@group(0) @binding(0) var<storage, read_write> out: array<u32>;

@compute @workgroup_size(width)
fn main(@builtin(local_invocation_index) i: u32) {
    shared_values[i] = i * twice;
    workgroupBarrier();
    if enabled {
        out[i] = shared_values[width - 1u - i];
    }
    out[4u + i] = u32(scale * f32(i));
}
