// Names that mean something in C++, in CUDA or in the prelude.
//: in i32: 5
//: out i32 9
@group(0) @binding(0) var<storage, read> double: i32;
@group(0) @binding(1) var<storage, read_write> out: array<i32>;

struct char {
    unsigned: i32,
    not: i32,
}

fn min_(int: i32) -> i32 { return int + 1; }
fn fmaxf(program: i32) -> i32 { return program + 2; }
fn float4(lengths: i32) -> i32 { return lengths + 3; }
fn xor(threadIdx: i32) -> i32 { return threadIdx + 4; }

@compute @workgroup_size(1)
fn main() {
    let long = double;
    var short = long + 10;
    let signed = char(long, short);
    out[0] = min_(long);
    out[1] = fmaxf(short);
    out[2] = float4(signed.unsigned);
    out[3] = xor(signed.not);
    let add = 6;
    let blockIdx = add + 1;
    out[4] = add;
    out[5] = blockIdx;
    {
        let add = 60;
        out[6] = add;
    }
    out[7] = add;
    let vec4_ = vec4<i32>(add);
    out[8] = vec4_.w;
}
