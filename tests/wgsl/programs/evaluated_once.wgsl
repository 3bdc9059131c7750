// A load is what was in memory when it was written in the program, whatever is stored before its value is used.
//: inout i32: 1, 2, 3, 4
//: out i32 6
@group(0) @binding(0) var<storage, read_write> x: array<i32>;
@group(0) @binding(1) var<storage, read_write> out: array<i32>;

fn bump(p: ptr<function, i32>) -> i32 {
    *p += 10;
    return *p;
}

@compute @workgroup_size(1)
fn main() {
    let before = x[0];
    x[0] = 50;
    out[0] = before;
    out[1] = x[0];
    var v = 1;
    out[2] = v + bump(&v) * 100 + v * 10000;
    var i = 1;
    let place = &x[i];
    i = 3;
    *place = 77;
    out[3] = x[1];
    out[4] = x[i];
    out[5] = bump(&i) + bump(&i);
}
