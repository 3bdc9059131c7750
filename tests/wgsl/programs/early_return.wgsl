// Functions that return out of loops and switches.
//: in i32: 3, 9, 20, 4, 5, 15, 2, 8
//: out i32 8
@group(0) @binding(0) var<storage, read> x: array<i32>;
@group(0) @binding(1) var<storage, read_write> out: array<i32>;

fn first_divisor(v: i32) -> i32 {
    for (var d = 2; d * d <= v; d++) {
        loop {
            if v % d == 0 { return d; }
            break;
        }
    }
    return v;
}

fn nothing(i: u32) {
    if i == 2u { return; }
    out[i] = first_divisor(x[i]);
}

@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) i: u32) {
    nothing(i);
    if i > 5u { return; }
    out[i] += 100;
}
