//! One instruction at a time: bits in, bits out. Expected values are IEEE 754's and the PTX manual's, worked out by hand or by Rust's own arithmetic.

use crate::bits_of;

/// The bits that an instruction on two registers of 32 bits gives; `%r1`, `%r2`, `%f1`, `%f2` hold the operands, `%r3` or `%f3` the result.
fn of32(instruction: &str, a: u32, b: u32) -> u32 {
    let float = instruction.contains("%f3");
    let store = if float { "mov.b32 %r3, %f3;" } else { "" };
    let body = format!(
        "ld.global.v2.u32 {{%r1, %r2}}, [%in];\nmov.b32 %f1, %r1;\nmov.b32 %f2, %r2;\nmov.b32 {{%h1, %h2}}, %r1;\n{instruction}\n{store}\n\
         mov.u32 %r4, 0;\nst.global.v2.u32 [%out], {{%r3, %r4}};"
    );
    bits_of(&body, &[u64::from(a) | u64::from(b) << 32])[0] as u32
}

/// The same for one operand of 64 bits: `%d1` or `%g1` to `%d2`.
fn of64(instruction: &str, a: u64) -> u64 {
    bits_of(
        &format!("ld.global.u64 %d1, [%in];\nmov.b64 %g1, %d1;\n{instruction}\nst.global.u64 [%out], %d2;"),
        &[a],
    )[0]
}

const ONE: u32 = 0x3f80_0000;
const INFINITY: u32 = 0x7f80_0000;
const NAN: u32 = 0x7fff_ffff;

#[test]
fn single_precision_at_the_edges() {
    let tiny = 1;
    let third = (1f32 / 3.0).to_bits();
    let cases = [
        ("add.rn.f32 %f3, %f1, %f2;", ONE, 0x3380_0000, ONE),
        ("add.rp.f32 %f3, %f1, %f2;", ONE, 0x0000_0001, 0x3f80_0001),
        ("add.rm.f32 %f3, %f1, %f2;", ONE, 0x8000_0001, 0x3f7f_ffff),
        ("add.rz.f32 %f3, %f1, %f2;", ONE, 0x8000_0001, 0x3f7f_ffff),
        ("sub.f32 %f3, %f1, %f2;", INFINITY, INFINITY, NAN),
        ("add.ftz.f32 %f3, %f1, %f2;", tiny, 0x8000_0000, 0),
        ("add.f32 %f3, %f1, %f2;", tiny, tiny, 2),
        ("add.sat.f32 %f3, %f1, %f2;", ONE, ONE, ONE),
        ("mul.rz.f32 %f3, %f1, %f2;", 0x7f7f_ffff, 0x4000_0000, 0x7f7f_ffff),
        ("mul.rn.f32 %f3, %f1, %f2;", 0x7f7f_ffff, 0x4000_0000, INFINITY),
        ("mul.rp.f32 %f3, %f1, %f2;", 0xff7f_ffff, 0x4000_0000, 0xff7f_ffff),
        ("div.rn.f32 %f3, %f1, %f2;", ONE, 0x4040_0000, third),
        ("div.rm.f32 %f3, %f1, %f2;", ONE, 0x4040_0000, third - 1),
        ("div.rn.f32 %f3, %f1, %f2;", ONE, 0x8000_0000, 0xff80_0000),
        ("rcp.rn.f32 %f3, %f1;", 0x4040_0000, 0, third),
        ("sqrt.rn.f32 %f3, %f1;", 0x4000_0000, 0, 2f32.sqrt().to_bits()),
        ("sqrt.rp.f32 %f3, %f1;", 0x4000_0000, 0, 2f32.sqrt().to_bits() + 1),
        ("sqrt.rn.f32 %f3, %f1;", 0x8000_0000, 0, 0x8000_0000),
        ("sqrt.approx.f32 %f3, %f1;", 0x4080_0000, 0, 0x4000_0000),
        // 1.0000001² - 1.0000002: rounded once it is 2^-46.
        ("neg.f32 %f3, %f2;\nfma.rn.f32 %f3, %f1, %f1, %f3;", 0x3f80_0001, 0x3f80_0002, 0x2880_0000),
        ("max.f32 %f3, %f1, %f2;", 0x7fc0_0001, ONE, ONE),
        ("max.NaN.f32 %f3, %f1, %f2;", 0x7fc0_0001, ONE, NAN),
        ("min.f32 %f3, %f1, %f2;", 0, 0x8000_0000, 0x8000_0000),
        ("ex2.approx.ftz.f32 %f3, %f1;", 0x4040_0000, 0, 0x4100_0000),
        ("lg2.approx.f32 %f3, %f1;", 0x4100_0000, 0, 0x4040_0000),
        ("rsqrt.approx.f32 %f3, %f1;", 0x4080_0000, 0, 0x3f00_0000),
        ("tanh.approx.f32 %f3, %f1;", INFINITY, 0, ONE),
        ("cos.approx.f32 %f3, %f1;", 0, 0, ONE),
        ("abs.f32 %f3, %f1;", 0xbf80_0000, 0, ONE),
        ("copysign.f32 %f3, %f1, %f2;", 0x8000_0000, ONE, 0xbf80_0000),
    ];
    for (instruction, a, b, expected) in cases {
        assert_eq!(of32(instruction, a, b), expected, "{instruction} of {a:#x}, {b:#x}");
    }
}

#[test]
fn double_precision() {
    let cases = [
        ("add.rp.f64 %g2, %g1, 0d3C00000000000000;\nmov.b64 %d2, %g2;", 1f64.to_bits(), 1f64.to_bits() + 1),
        ("add.rn.f64 %g2, %g1, 0d3C00000000000000;\nmov.b64 %d2, %g2;", 1f64.to_bits(), 1f64.to_bits()),
        (
            "div.rz.f64 %g2, 0d3FF0000000000000, %g1;\nmov.b64 %d2, %g2;",
            3f64.to_bits(),
            (1.0 / 3f64).to_bits(),
        ),
        ("sqrt.rn.f64 %g2, %g1;\nmov.b64 %d2, %g2;", 2f64.to_bits(), 2f64.sqrt().to_bits()),
        (
            "fma.rn.f64 %g2, %g1, %g1, 0dBFF0000000000000;\nmov.b64 %d2, %g2;",
            0x3ff0_0000_0000_0001,
            0x3cc0_0000_0000_0000,
        ),
        ("max.f64 %g2, %g1, 0d7FF8000000000000;\nmov.b64 %d2, %g2;", 5f64.to_bits(), 5f64.to_bits()),
    ];
    for (instruction, a, expected) in cases {
        assert_eq!(of64(instruction, a), expected, "{instruction}");
    }
}

#[test]
fn integers() {
    let cases = [
        ("add.sat.s32 %r3, %r1, %r2;", 0x7fff_ffff, 1, 0x7fff_ffff),
        ("add.s32 %r3, %r1, %r2;", 0x7fff_ffff, 1, 0x8000_0000),
        ("mul.hi.s32 %r3, %r1, %r2;", 0xffff_ffff, 2, 0xffff_ffff),
        ("mul.hi.u32 %r3, %r1, %r2;", 0xffff_ffff, 2, 1),
        ("mul24.lo.u32 %r3, %r1, %r2;", 0xff00_0003, 5, 15),
        ("mad.lo.s32 %r3, %r1, %r2, 7;", 0xffff_ffff, 3, 4),
        ("div.s32 %r3, %r1, %r2;", -7i32 as u32, 2, -3i32 as u32),
        ("rem.s32 %r3, %r1, %r2;", -7i32 as u32, 2, -1i32 as u32),
        ("div.u32 %r3, %r1, %r2;", 0xffff_fff9, 2, 0x7fff_fffc),
        ("div.s32 %r3, %r1, %r2;", 0x8000_0000, 0xffff_ffff, 0x8000_0000),
        ("sad.u32 %r3, %r1, %r2, 1;", 3, 10, 8),
        ("abs.s32 %r3, %r1;", -5i32 as u32, 0, 5),
        ("min.s32 %r3, %r1, %r2;", -5i32 as u32, 3, -5i32 as u32),
        ("min.u32 %r3, %r1, %r2;", -5i32 as u32, 3, 3),
        ("shl.b32 %r3, %r1, %r2;", 1, 32, 0),
        ("shr.s32 %r3, %r1, %r2;", 0x8000_0000, 99, 0xffff_ffff),
        ("shr.u32 %r3, %r1, %r2;", 0x8000_0000, 31, 1),
        ("shf.l.wrap.b32 %r3, %r1, %r2, 33;", 0x8000_0000, 1, 3),
        ("bfe.s32 %r3, %r1, 4, 4;", 0xf0, 0, 0xffff_ffff),
        ("bfi.b32 %r3, %r1, %r2, 8, 8;", 0xab, 0, 0xab00),
        ("brev.b32 %r3, %r1;", 1, 0, 0x8000_0000),
        ("popc.b32 %r3, %r1;", 0xf0f0, 0, 8),
        ("clz.b32 %r3, %r1;", 0, 0, 32),
        ("bfind.u32 %r3, %r1;", 0x100, 0, 8),
        ("prmt.b32 %r3, %r1, %r2, 0x5410;", 0x2222_1111, 0x4444_3333, 0x3333_1111),
        ("lop3.b32 %r3, %r1, %r2, 0xff, 0xe8;", 0xf0, 0xcc, 0xfc),
        ("dp4a.s32.s32 %r3, %r1, %r2, 1;", 0xff01_0203, 0x0101_0101, 6),
        ("not.b32 %r3, %r1;", 0xf, 0, 0xffff_fff0),
        ("slct.s32.s32 %r3, %r1, %r2, -1;", 1, 2, 2),
        ("set.lt.u32.s32 %r3, %r1, %r2;", -1i32 as u32, 0, 0xffff_ffff),
        ("setp.lo.u32 %p1, %r1, %r2;\nselp.b32 %r3, 10, 20, %p1;", -1i32 as u32, 0, 20),
        ("setp.lt.and.s32 %p1|%p2, %r1, %r2, 1;\nselp.b32 %r3, 10, 20, %p2;", 1, 0, 10),
        ("add.cc.u32 %r3, %r1, %r2;\naddc.u32 %r3, 0, 0;", 0xffff_ffff, 1, 1),
        ("sub.cc.u32 %r3, %r1, %r2;\nsubc.u32 %r3, 5, 0;", 0, 1, 4),
        (
            "mad.lo.cc.u32 %r3, %r1, %r1, %r2;\nmadc.hi.u32 %r3, %r1, %r1, 0;",
            0xffff_ffff,
            0xffff_ffff,
            0xffff_ffff,
        ),
    ];
    for (instruction, a, b, expected) in cases {
        assert_eq!(of32(instruction, a, b), expected, "{instruction} of {a:#x}, {b:#x}");
    }
    assert_eq!(of64("mul.wide.s32 %d2, -3, 5;", 0), -15i64 as u64);
    assert_eq!(of64("mul.hi.u64 %d2, %d1, %d1;", u64::MAX), u64::MAX - 1);
    assert_eq!(of64("mul.hi.s64 %d2, %d1, %d1;", 1 << 63), 1 << 62);
    assert_eq!(of64("mad.wide.u32 %d2, 0xffffffff, 0xffffffff, %d1;", 1), 0xffff_fffe_0000_0002);
}

#[test]
fn comparisons_with_nan() {
    for (op, with_nan, less) in [
        ("lt", 0, 1),
        ("ltu", 1, 1),
        ("eq", 0, 0),
        ("equ", 1, 0),
        ("ne", 0, 1),
        ("neu", 1, 1),
        ("num", 0, 1),
        ("nan", 1, 0),
        ("ge", 0, 0),
        ("geu", 1, 0),
    ] {
        let instruction = format!("setp.{op}.f32 %p1, %f1, %f2;\nselp.b32 %r3, 1, 0, %p1;");
        assert_eq!(of32(&instruction, NAN, ONE), with_nan, "{op}");
        assert_eq!(of32(&instruction, 0, ONE), less, "{op}");
    }
    for (property, nan, subnormal) in
        [("finite", 0, 1), ("normal", 0, 0), ("subnormal", 0, 1), ("notanumber", 1, 0)]
    {
        let instruction = format!("testp.{property}.f32 %p1, %f1;\nselp.b32 %r3, 1, 0, %p1;");
        assert_eq!((of32(&instruction, NAN, 0), of32(&instruction, 1, 0)), (nan, subnormal), "{property}");
    }
}

#[test]
fn conversions() {
    let f = |value: f32| value.to_bits();
    let cases = [
        ("cvt.rni.s32.f32 %r3, %f1;", f(2.5), 2),
        ("cvt.rni.s32.f32 %r3, %f1;", f(3.5), 4),
        ("cvt.rzi.s32.f32 %r3, %f1;", f(-2.9), -2i32 as u32),
        ("cvt.rmi.s32.f32 %r3, %f1;", f(-2.1), -3i32 as u32),
        ("cvt.rpi.u32.f32 %r3, %f1;", f(2.1), 3),
        ("cvt.rzi.u32.f32 %r3, %f1;", f(-5.0), 0),
        ("cvt.rzi.s32.f32 %r3, %f1;", f(1e20), 0x7fff_ffff),
        ("cvt.rzi.s32.f32 %r3, %f1;", NAN, 0),
        ("cvt.rzi.u8.f32 %h1, %f1;\nmov.b32 %r3, {%h1, 0};", f(300.0), 255),
        ("cvt.rn.f32.s32 %f3, %r1;", 16_777_217, f(16_777_216.0)),
        ("cvt.rp.f32.s32 %f3, %r1;", 16_777_217, f(16_777_218.0)),
        ("cvt.rz.f32.u32 %f3, %r1;", u32::MAX, 0x4f7f_ffff),
        ("cvt.rn.f32.u32 %f3, %r1;", u32::MAX, 0x4f80_0000),
        ("cvt.rni.f32.f32 %f3, %f1;", f(-0.25), 0x8000_0000),
        ("cvt.sat.f32.f32 %f3, %f1;", f(7.0), ONE),
        ("cvt.sat.u8.s32 %r3, %r1;", -5i32 as u32, 0),
        ("cvt.s32.s8 %r3, %r1;", 0x1ff, 0xffff_ffff),
        ("cvt.u32.u8 %r3, %r1;", 0x1ff, 0xff),
        ("cvt.s32.s16 %r3, %h1;", 0x8000, 0xffff_8000),
        ("cvt.f32.f16 %f3, %h1;", 0x3c01, f(1.000_976_6)),
        ("cvt.rn.f16.f32 %h3, %f1;\nmov.b32 %r3, {%h3, 0};", f(65520.0), 0x7c00),
        ("cvt.rz.f16.f32 %h3, %f1;\nmov.b32 %r3, {%h3, 0};", f(65520.0), 0x7bff),
        ("cvt.rn.f16.f32 %h3, %f1;\nmov.b32 %r3, {%h3, 0};", f(1.000_488_3), 0x3c00),
        ("cvt.rn.bf16.f32 %h3, %f1;\nmov.b32 %r3, {%h3, 0};", 0x3f80_8001, 0x3f81),
        ("cvt.rn.bf16.f32 %h3, %f1;\nmov.b32 %r3, {%h3, 0};", 0x3f80_8000, 0x3f80),
        ("cvt.f32.bf16 %f3, %h1;", 0xbf81, 0xbf81_0000),
        ("cvt.rn.f16x2.f32 %r3, %f1, 0f40000000;", ONE, 0x3c00_4000),
        ("cvt.rn.relu.bf16x2.f32 %r3, %f1, 0f40000000;", f(-1.0), 0x0000_4000),
        ("cvt.rna.tf32.f32 %r3, %f1;", 0x3f80_1000, 0x3f80_2000),
        ("cvt.rn.satfinite.e4m3x2.f32 %h3, %f1, 0f3F800000;\nmov.b32 %r3, {%h3, 0};", f(1000.0), 0x7e38),
        ("cvt.rn.f16x2.e4m3x2 %r3, %h1;", 0x387e, 0x3c00_5f00),
        ("cvt.rn.f16.s32 %h3, %r1;\nmov.b32 %r3, {%h3, 0};", 2049, 0x6800),
    ];
    for (instruction, a, expected) in cases {
        assert_eq!(of32(instruction, a, 0), expected, "{instruction} of {a:#x}");
    }
    assert_eq!(of64("cvt.rzi.s64.f64 %d2, %g1;", f64::NAN.to_bits()), 1 << 63);
    assert_eq!(of64("cvt.rzi.u64.f64 %d2, %g1;", 1e30f64.to_bits()), u64::MAX);
    assert_eq!(
        of64("cvt.rn.f64.u64 %g2, %d1;\nmov.b64 %d2, %g2;", u64::MAX),
        18_446_744_073_709_551_616f64.to_bits()
    );
    assert_eq!(
        of64("cvt.rm.f32.f64 %f1, %g1;\ncvt.f64.f32 %g2, %f1;\nmov.b64 %d2, %g2;", 0.1f64.to_bits()),
        { f64::from(0.1f32.next_down()).to_bits() }
    );
    assert_eq!(of64("cvt.s64.s32 %d2, -4;", 0), -4i64 as u64);
}

#[test]
fn halves() {
    let pair = |a: u32, b: u32| a | b << 16;
    let (one, two, largest, infinity) = (0x3c00, 0x4000, 0x7bff, 0x7c00);
    let cases = [
        ("add.f16x2 %r3, %r1, %r2;", pair(one, largest), pair(one, largest), pair(two, infinity)),
        ("mul.rn.f16x2 %r3, %r1, %r2;", pair(two, 1), pair(two, 0x3800), pair(0x4400, 0)),
        ("mul.ftz.f16x2 %r3, %r1, %r2;", pair(0x0400, 1), pair(0x3800, one), pair(0, 0)),
        ("add.sat.f16x2 %r3, %r1, %r2;", pair(one, 0x7e00), pair(one, one), pair(one, 0)),
        ("fma.rn.relu.f16x2 %r3, %r1, %r2, %r2;", pair(0xc000, one), pair(one, one), pair(0, two)),
        (
            "fma.rn.bf16x2 %r3, %r1, %r2, %r2;",
            pair(0x3f80, 0x4000),
            pair(0x3f80, 0x4000),
            pair(0x4000, 0x40c0),
        ),
        ("neg.f16x2 %r3, %r1;", pair(one, 0xc000), 0, pair(0xbc00, two)),
        ("abs.bf16x2 %r3, %r1;", pair(0xbf80, 0x3f80), 0, pair(0x3f80, 0x3f80)),
        ("max.f16x2 %r3, %r1, %r2;", pair(0x7e00, one), pair(one, two), pair(one, two)),
        ("max.NaN.f16x2 %r3, %r1, %r2;", pair(0x7e00, one), pair(one, two), pair(0x7fff, two)),
        ("ex2.approx.f16x2 %r3, %r1;", pair(one, two), 0, pair(two, 0x4400)),
        ("set.gt.f16x2.f16x2 %r3, %r1, %r2;", pair(two, one), pair(one, two), pair(one, 0)),
        ("setp.lt.f16x2 %p1|%p2, %r1, %r2;\nselp.b32 %r3, 1, 0, %p2;", pair(two, one), pair(one, two), 1),
        ("sub.f16 %h3, %h1, %h2;\nmov.b32 %r3, {%h3, 0};", pair(two, one), 0, one),
    ];
    for (instruction, a, b, expected) in cases {
        assert_eq!(of32(instruction, a, b), expected, "{instruction} of {a:#x}, {b:#x}");
    }
}
