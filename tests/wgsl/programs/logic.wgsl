// `!`, `&&`, `||`, `&`, `|`, `==`, `!=` of booleans and of their vectors, and no side effect of what is not evaluated.
//: in u32: 0, 1, 1, 0
//: out u32 16
//: out u32 4
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> out: array<u32>;
@group(0) @binding(2) var<storage, read_write> counted: array<u32>;

var<private> count: u32;

fn touched(value: bool) -> bool {
    count += 1u;
    return value;
}

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < 4u; i++) {
        for (var j = 0u; j < 4u; j++) {
            let a = x[i] != 0u;
            let b = x[j] != 0u;
            out[4u * i + j] = u32(!a) | u32(a && b) << 1u | u32(a || b) << 2u | u32(a & b) << 3u | u32(a | b) << 4u | u32(a == b) << 5u | u32(a != b) << 6u;
        }
    }
    let v = vec4<bool>(x[0] == 1u, x[1] == 1u, x[2] == 1u, x[3] == 1u);
    out[0] |= u32(any(v)) << 8u | u32(all(v)) << 9u | u32(all(v | !v)) << 10u | u32(any(v & !v)) << 11u;
    out[1] |= u32(all(v == v)) << 8u | u32(any(v != v)) << 9u;
    if touched(x[0] == 1u) && touched(x[1] == 1u) {
        counted[0] = 100u;
    }
    counted[1] = count;
    if touched(x[1] == 1u) || touched(x[1] == 1u) {
        counted[2] = count;
    }
    counted[3] = select(7u, 8u, touched(true));
}
