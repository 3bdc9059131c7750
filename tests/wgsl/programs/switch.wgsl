// Several selectors to a case, the default between cases, break inside of a case, a switch in a loop that continues and breaks.
//: in i32: 0, 1, 2, 3, 4, 5, 6, -1, 2147483647, -2147483648
//: out i32 10
//: out u32 10
//: out i32 2
@group(0) @binding(0) var<storage, read> x: array<i32>;
@group(0) @binding(1) var<storage, read_write> out: array<i32>;
@group(0) @binding(2) var<storage, read_write> unsigned: array<u32>;
@group(0) @binding(3) var<storage, read_write> looped: array<i32>;

fn choose(v: i32) -> i32 {
    var r = 0;
    switch v {
        case 0: { r = 100; }
        case 1, 2: {
            r = 200;
            if v == 2 { break; }
            r += 1;
        }
        default: { r = 300; }
        case 3, 4, -2147483648: {
            switch v {
                case 3: { return 400; }
                default: { r = 401; }
            }
            r += 10;
        }
        case -1: {}
    }
    return r;
}

@compute @workgroup_size(1)
fn main() {
    for (var i = 0u; i < 10u; i++) {
        out[i] = choose(x[i]);
        switch u32(x[i]) {
            case 0u, default: { unsigned[i] = 1u; }
            case 4294967295u: { unsigned[i] = 2u; }
            case 5u, 6u: { unsigned[i] = 3u; }
        }
    }
    var sum = 0;
    var rounds = 0;
    for (var i = 0; i < 20; i++) {
        rounds += 1;
        switch i % 5 {
            case 0: { continue; }
            case 1: { sum += 1; }
            case 2: {
                if i > 10 { break; }
                sum += 100;
            }
            default: { sum += 10000; }
        }
        if i == 17 { break; }
        sum += 1000000;
    }
    looped[0] = sum;
    looped[1] = rounds;
}
