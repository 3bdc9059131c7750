// loop with continuing and break if, while, for without parts, nested loops, continue in each.
//: in i32: 7
//: out i32 8
@group(0) @binding(0) var<storage, read> n: i32;
@group(0) @binding(1) var<storage, read_write> out: array<i32>;

@compute @workgroup_size(1)
fn main() {
    var i = 0;
    var sum = 0;
    loop {
        if i % 2 == 0 { continue; }
        sum += i;
        continuing {
            i += 1;
            break if i >= n;
        }
    }
    out[0] = sum;
    out[1] = i;
    // What the body declares before its first continue is seen in continuing.
    var j = 0;
    loop {
        let step = j + 1;
        if j == 3 { j += 1; continue; }
        if j > n { break; }
        sum += 100;
        continuing {
            j += step % 3 + 1;
            sum += step;
        }
    }
    out[2] = sum;
    out[3] = j;
    var k = n;
    while k > 0 {
        k -= 2;
        if k == 3 { continue; }
        sum += k;
    }
    out[4] = sum;
    for (;;) {
        k += 1;
        if k > 5 { break; }
    }
    out[5] = k;
    var inner = 0;
    for (var a = 0; a < n; a++) {
        for (var b = a; b < n; b++) {
            if (a + b) % 3 == 0 { continue; }
            if b > 5 { break; }
            var fresh: i32;
            fresh += a * b;
            inner += fresh;
        }
        if a == 4 { continue; }
        inner += 1000;
    }
    out[6] = inner;
    loop { out[7] += 3; if out[7] > 10 { break; } }
}
