// Chains of if and else, nested, with and without an else.
//: in i32: -5, 0, 3, 7, 10, 50, 100, 1000
//: out i32 8
@group(0) @binding(0) var<storage, read> x: array<i32>;
@group(0) @binding(1) var<storage, read_write> out: array<i32>;

fn classify(v: i32) -> i32 {
    if v < 0 {
        return -1;
    } else if v == 0 {
        return 0;
    } else if v < 10 {
        if v % 2 == 1 {
            if v > 5 {
                return 7;
            }
        } else {
            return 2;
        }
        return 3;
    }
    var r = 10;
    if v >= 100 {
        r += 1;
        if v >= 1000 { r *= 2; } else { r *= 3; }
    }
    return r;
}

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < 8u; i++) {
        out[i] = classify(x[i]);
    }
}
