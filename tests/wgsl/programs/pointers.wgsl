// Pointers to variables, parts of them, and as arguments through several functions.
//: in i32: 1, 2, 3, 4
//: out i32 12
struct Pair {
    a: i32,
    b: array<i32, 3>,
}
@group(0) @binding(0) var<storage, read> x: vec4<i32>;
@group(0) @binding(1) var<storage, read_write> out: array<i32>;
var<private> total: Pair;

fn add_to(p: ptr<function, i32>, v: i32) { *p += v; }
fn twice(p: ptr<function, i32>, v: i32) { add_to(p, v); add_to(p, v); }
fn fill(p: ptr<function, Pair>, v: i32) {
    (*p).a = v;
    for (var i = 0; i < 3; i++) { (*p).b[i] = v * i; }
    let inner = &(*p).b;
    (*inner)[1] += 1000;
}
fn keep(p: ptr<private, Pair>) { (*p).a += 7; (*p).b[2] = 8; }
fn sum(v: array<i32, 3>) -> i32 { return v[0] + v[1] + v[2]; }

@compute @workgroup_size(1)
fn main() {
    var i = x.x;
    twice(&i, x.y);
    out[0] = i;
    var pair: Pair;
    fill(&pair, x.z);
    out[1] = pair.a;
    out[2] = pair.b[1];
    out[3] = sum(pair.b);
    keep(&total);
    keep(&total);
    out[4] = total.a;
    out[5] = total.b[2];
    var v = x;
    let p = &v;
    (*p).y = 20;
    (*p)[3] += 40;
    out[6] = v.x + v.y + v.z + v.w;
    let q = &out[7];
    *q = 70;
    *q += 1;
    var many: array<array<i32, 2>, 3>;
    many[1][1] = 9;
    let row = &many[1];
    (*row)[0] = 8;
    out[8] = many[1][0] * 10 + many[1][1];
    let copy = many;
    many[1][0] = 1;
    out[9] = copy[1][0];
}
