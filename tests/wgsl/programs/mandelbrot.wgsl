// Iterations of a complex square, with a structure as a value and a loop that ends early.
//: out u32 64
struct Complex { re: f32, im: f32 }
@group(0) @binding(0) var<storage, read_write> out: array<u32>;

fn square(z: Complex) -> Complex { return Complex(z.re * z.re - z.im * z.im, 2.0 * z.re * z.im); }

@compute @workgroup_size(8, 8)
fn main(@builtin(local_invocation_id) id: vec3<u32>) {
    let c = Complex(f32(id.x) * 0.375 - 2.0, f32(id.y) * 0.25 - 1.0);
    var z = Complex(0.0, 0.0);
    var n = 0u;
    for (; n < 30u; n++) {
        z = square(z);
        z = Complex(z.re + c.re, z.im + c.im);
        if z.re * z.re + z.im * z.im > 4.0 { break; }
    }
    out[id.y * 8u + id.x] = n;
}
