//! Lists of values that are apt to show mistakes.

use crate::{Element, Need};
use half::f16;

/// How many values a list has.
pub const VALUES: usize = 16;

/// A type, and which of its values are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `bool`.
    Bool,
    /// `i32` of every size.
    Int,
    /// `u32` of every size.
    Uint,
    /// `u32` from 0 to 40: shifts, offsets, counts.
    Count,
    /// `i64` of every size.
    Long,
    /// `u64` of every size.
    Ulong,
    /// Finite `f32` of every size.
    Float,
    /// `f32` with infinities, a NaN and subnormals.
    Wild,
    /// `f32` between -8 and 8.
    Moderate,
    /// `f32` between -1 and 1.
    Unit,
    /// `f32` above zero.
    Positive,
    /// `f16` between -8 and 8.
    Half,
    /// `f16` above zero, and below one.
    HalfUnit,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 13] = [
        Kind::Bool,
        Kind::Int,
        Kind::Uint,
        Kind::Count,
        Kind::Long,
        Kind::Ulong,
        Kind::Float,
        Kind::Wild,
        Kind::Moderate,
        Kind::Unit,
        Kind::Positive,
        Kind::Half,
        Kind::HalfUnit,
    ];

    /// The letter by which tables name it.
    pub fn letter(self) -> char {
        match self {
            Kind::Bool => 'b',
            Kind::Int => 'i',
            Kind::Uint => 'u',
            Kind::Count => 'n',
            Kind::Long => 'l',
            Kind::Ulong => 'w',
            Kind::Float => 'f',
            Kind::Wild => 'x',
            Kind::Moderate => 'm',
            Kind::Unit => 's',
            Kind::Positive => 'p',
            Kind::Half => 'h',
            Kind::HalfUnit => 'k',
        }
    }

    /// The function that gives its values.
    pub(crate) fn name(self) -> String {
        format!("given_{}", self.letter())
    }

    /// The type in WGSL.
    pub fn scalar(self) -> &'static str {
        match self {
            Kind::Bool => "bool",
            Kind::Int => "i32",
            Kind::Uint | Kind::Count => "u32",
            Kind::Long => "i64",
            Kind::Ulong => "u64",
            Kind::Float | Kind::Wild | Kind::Moderate | Kind::Unit | Kind::Positive => "f32",
            Kind::Half | Kind::HalfUnit => "f16",
        }
    }

    /// What a buffer of it holds.
    pub(crate) fn element(self) -> Element {
        match self.scalar() {
            "i32" => Element::I32,
            "i64" => Element::I64,
            "u64" => Element::U64,
            "f32" => Element::F32,
            "f16" => Element::F16,
            _ => Element::U32,
        }
    }

    pub(crate) fn need(self) -> Option<Need> {
        match self.element() {
            Element::I64 | Element::U64 => Some(Need::Int64),
            Element::F16 => Some(Need::F16),
            _ => None,
        }
    }
}

/// The list of a kind, as a buffer holds it.
pub(crate) fn bytes(kind: Kind) -> Vec<u8> {
    const INTS: [i32; VALUES] = [
        0,
        1,
        -1,
        2,
        i32::MAX,
        i32::MIN,
        -7,
        31,
        32,
        i32::MIN + 1,
        100,
        65536,
        -65535,
        0x1234_5678,
        0x0f0f_0f0f,
        -559_038_737,
    ];
    let floats: [f32; VALUES] = match kind {
        Kind::Float => [
            0.0,
            -0.0,
            1.0,
            -1.0,
            0.5,
            2.5,
            -2.5,
            1.5,
            -0.1,
            3.7,
            1e5,
            -16_777_216.0,
            3e38,
            -1e-30,
            255.0,
            -1000.75,
        ],
        Kind::Wild => [
            0.0,
            f32::INFINITY,
            f32::NEG_INFINITY,
            f32::NAN,
            1.0,
            -1.0,
            f32::MAX,
            f32::MIN,
            f32::MIN_POSITIVE,
            1e-30,
            -1e30,
            2_147_483_648.0,
            -2_147_483_904.0,
            4_294_967_296.0,
            -0.5,
            0.999_999_9,
        ],
        Kind::Moderate => {
            [0.25, -0.5, 1.0, -1.0, 0.75, 2.5, -2.5, 1.5, -0.125, 3.75, 7.5, -6.25, 5.0, -4.5, 0.0625, -7.75]
        }
        Kind::Unit => {
            [0.0, 0.5, -0.5, 0.25, -0.25, 0.875, -0.875, 0.1, -0.1, 0.01, -0.01, 0.7, -0.7, 0.96, -0.96, 0.33]
        }
        Kind::Positive | Kind::HalfUnit => {
            [0.5, 1.0, 0.25, 2.0, 0.75, 8.0, 0.125, 100.0, 0.1, 3.5, 0.01, 1000.0, 0.9, 1.1, 12.75, 0.0625]
        }
        Kind::Half => {
            [0.25, -0.5, 1.0, -1.0, 0.75, 2.5, -2.5, 1.5, -0.125, 3.75, 7.5, -6.25, 5.0, -4.5, 0.0625, -7.75]
        }
        _ => [0.0; VALUES],
    };
    match kind {
        Kind::Bool => (0..VALUES as u32).flat_map(|i| u32::from(i * 7 % 5 > 2).to_le_bytes()).collect(),
        Kind::Int | Kind::Uint => INTS.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Kind::Count => {
            let counts = [0, 1, 2, 3, 4, 7, 8, 15, 16, 24, 30, 31, 32, 33, 39, 40u32];
            counts.iter().flat_map(|v| v.to_le_bytes()).collect()
        }
        Kind::Long | Kind::Ulong => {
            let wide = |v: i32| match v {
                i32::MAX => i64::MAX,
                i32::MIN => i64::MIN,
                65536 => 1 << 32,
                100 => -(1 << 40) - 3,
                _ => i64::from(v),
            };
            INTS.iter().flat_map(|&v| wide(v).to_le_bytes()).collect()
        }
        Kind::Half => floats.iter().flat_map(|&v| f16::from_f32(v).to_le_bytes()).collect(),
        Kind::HalfUnit => floats.iter().flat_map(|&v| f16::from_f32(v.min(0.96)).to_le_bytes()).collect(),
        _ => floats.iter().flat_map(|v| v.to_le_bytes()).collect(),
    }
}
