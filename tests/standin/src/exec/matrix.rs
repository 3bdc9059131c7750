//! Matrices spread over a warp: which lane holds which element, and their products.
//!
//! `mma` fixes where elements lie: with `g = lane / 4`, `t = lane % 4`, and P elements in a register of 32 bits, register `j`, element `e` of A is row `g + 8·(j mod 2)`,
//! column `P·t + e + 4·P·(j / 2)` (`4·P·j` where A has 8 rows); of B row `P·t + e + 4·P·j`, column `g`; and element `i` of C is row `g + 8·(i / 2)`, column `2·t + i mod 2`.
//! `wmma` leaves it open; here a lane holds consecutive elements, row by row, and registers that are left over repeat them.
//!
//! Sums are computed in `f64` and rounded once: devices round more often, so last bits differ there.

use super::LANES;
use super::access::Touch;
use super::step::{Context, Stop};
use crate::compile::code::{Address, Order, Reg};
use crate::numeric::narrow::{self, BF16, F16};
use crate::numeric::{Rounding, integer};
use crate::ptx::Space;
use crate::report::Fault;

/// Rows of A and C, columns of B and C, columns of A.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) k: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    A,
    B,
    /// The accumulator and the result.
    C,
}

impl Role {
    /// Rows and columns.
    pub(crate) fn size(self, shape: Shape) -> (usize, usize) {
        match self {
            Role::A => (shape.m, shape.k),
            Role::B => (shape.k, shape.n),
            Role::C => (shape.m, shape.n),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    F16,
    Bf16,
    Tf32,
    F32,
    F64,
    S8,
    U8,
    S32,
}

impl Element {
    fn bytes(self) -> usize {
        match self {
            Element::S8 | Element::U8 => 1,
            Element::F16 | Element::Bf16 => 2,
            Element::Tf32 | Element::F32 | Element::S32 => 4,
            Element::F64 => 8,
        }
    }

    /// Elements in one register.
    fn packed(self) -> usize {
        4usize.div_ceil(self.bytes())
    }

    fn value(self, bits: u64) -> f64 {
        match self {
            Element::F16 => narrow::widen(bits, 10, 5, true),
            Element::Bf16 => f64::from(f32::from_bits((bits as u32) << 16)),
            // The low 13 bits are not looked at.
            Element::Tf32 => f64::from(f32::from_bits(bits as u32 & 0xffff_e000)),
            Element::F32 => f64::from(f32::from_bits(bits as u32)),
            Element::F64 => f64::from_bits(bits),
            Element::S8 => integer::signed(bits, 8) as f64,
            Element::U8 => (bits & 0xff) as f64,
            Element::S32 => f64::from(bits as u32 as i32),
        }
    }

    fn bits(self, value: f64, saturate: bool) -> u64 {
        match self {
            Element::F16 => narrow::bits(value, F16, Rounding::Nearest),
            Element::Bf16 => narrow::bits(value, BF16, Rounding::Nearest),
            Element::F32 | Element::Tf32 if value.is_nan() => 0x7fff_ffff,
            Element::F32 | Element::Tf32 => u64::from((value as f32).to_bits()),
            Element::F64 => value.to_bits(),
            // Sums of products of bytes and a word are exact in `f64`.
            Element::S8 | Element::U8 | Element::S32 if saturate => u64::from(value as i32 as u32),
            Element::S8 | Element::U8 | Element::S32 => u64::from(value as i64 as u32),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Mma,
    Wmma,
}

/// A matrix in the registers of a warp.
#[derive(Clone, Debug)]
pub(crate) struct Fragment {
    pub(crate) role: Role,
    pub(crate) shape: Shape,
    pub(crate) element: Element,
    pub(crate) layout: Layout,
    pub(crate) rows: Vec<Reg>,
}

impl Fragment {
    fn elements(&self) -> usize {
        self.rows.len() * self.element.packed()
    }

    /// Whether registers, shape and type belong together.
    pub(crate) fn check(&self) -> Result<(), String> {
        let (height, width) = self.role.size(self.shape);
        let (all, held) = (height * width, self.elements() * LANES);
        let eights = matches!(self.shape.m, 8 | 16) && self.shape.n == 8;
        let fits = match self.layout {
            Layout::Mma => eights && held == all,
            Layout::Wmma => held >= all && held % all == 0 && all.is_multiple_of(LANES),
        };
        match fits {
            true => Ok(()),
            false => Err(format!(
                "a matrix {:?} of {:?} in {} registers with the shape {:?} is not known",
                self.role,
                self.element,
                self.rows.len(),
                self.shape
            )),
        }
    }

    /// Row and column of a lane's element.
    fn position(&self, lane: usize, i: usize) -> (usize, usize) {
        let (height, width) = self.role.size(self.shape);
        if self.layout == Layout::Wmma {
            let own = height * width / LANES;
            let at = lane * own + i % own;
            return (at / width, at % width);
        }
        let (g, t, packed) = (lane / 4, lane % 4, self.element.packed());
        let (j, e) = (i / packed, i % packed);
        match self.role {
            Role::A if height == 8 => (g, packed * t + e + 4 * packed * j),
            Role::A => (g + 8 * (j % 2), packed * t + e + 4 * packed * (j / 2)),
            Role::B => (packed * t + e + 4 * packed * j, g),
            Role::C => (g + 8 * (i / 2), 2 * t + i % 2),
        }
    }

    fn get(&self, context: &Context<'_, '_>, lane: usize, i: usize) -> u64 {
        let packed = self.element.packed();
        let width = 8 * self.element.bytes() as u32;
        let word = context.warp.rows[self.rows[i / packed]][lane];
        word >> (width * (i % packed) as u32) & integer::mask(width)
    }

    fn set(&self, context: &mut Context<'_, '_>, lane: usize, i: usize, bits: u64) {
        let packed = self.element.packed();
        let width = 8 * self.element.bytes() as u32;
        let shift = width * (i % packed) as u32;
        let word = &mut context.warp.rows[self.rows[i / packed]][lane];
        *word = *word & !(integer::mask(width) << shift) | (bits & integer::mask(width)) << shift;
    }

    /// Every element, by rows.
    fn gather(&self, context: &Context<'_, '_>) -> Vec<f64> {
        let (height, width) = self.role.size(self.shape);
        let mut out = vec![0.0; height * width];
        for lane in 0..LANES {
            for i in 0..self.elements() {
                let (row, column) = self.position(lane, i);
                out[row * width + column] = self.element.value(self.get(context, lane, i));
            }
        }
        out
    }
}

/// The instructions on matrices.
pub(crate) enum Matrix {
    Load { fragment: Fragment, address: Address, stride: Reg, by_columns: bool },
    Store { fragment: Fragment, address: Address, stride: Reg, by_columns: bool },
    Multiply { d: Fragment, a: Fragment, b: Fragment, c: Fragment, saturate: bool },
    LoadEight { rows: Vec<Reg>, address: Address, transposed: bool },
    StoreEight { rows: Vec<Reg>, address: Address, transposed: bool },
    Transpose { d: Reg, a: Reg },
}

const ALL: u32 = u32::MAX;

impl Context<'_, '_> {
    pub(crate) fn matrix(&mut self, pc: usize, matrix: &Matrix) -> Result<(), Stop> {
        match matrix {
            Matrix::Load { fragment, address, stride, by_columns } => {
                self.must_be_defined(address.base, ALL, "the address")?;
                for row in &fragment.rows {
                    self.warp.rows[*row] = [0; LANES];
                }
                self.each_element(fragment, (*address, *stride, *by_columns), |context, lane, i, at| {
                    let mut word = [0; 8];
                    let bytes = fragment.element.bytes();
                    let touch = Touch { lane, pc, writes: false, order: Order::default() };
                    context.read_at(address.space, at, &mut word[..bytes], touch)?;
                    fragment.set(context, lane, i, u64::from_le_bytes(word));
                    Ok(())
                })?;
                fragment.rows.iter().for_each(|&row| self.define(row, ALL, ALL));
            }
            Matrix::Store { fragment, address, stride, by_columns } => {
                self.must_be_defined(address.base, ALL, "the address")?;
                let defined = fragment.rows.iter().all(|&row| self.warp.undefined(row, ALL) == 0);
                self.each_element(fragment, (*address, *stride, *by_columns), |context, lane, i, at| {
                    let bits = fragment.get(context, lane, i).to_le_bytes();
                    let touch = Touch { lane, pc, writes: true, order: Order::default() };
                    context.store_lane(address.space, at, &bits[..fragment.element.bytes()], touch, defined)
                })?;
                self.warp.fenced = false;
            }
            Matrix::Multiply { d, a, b, c, saturate } => self.multiply(d, [a, b, c], *saturate),
            Matrix::LoadEight { rows, address, transposed } => {
                self.must_be_defined(address.base, ALL, "the address")?;
                for (j, &row) in rows.iter().enumerate() {
                    self.warp.rows[row] = [0; LANES];
                    for (lane, source, at, shift) in eight(j, *transposed) {
                        let from = self.address(*address, source) + at;
                        let mut half = [0; 2];
                        let touch = Touch { lane: source, pc, writes: false, order: Order::default() };
                        let read = self.read_at(address.space, from, &mut half, touch);
                        read.map_err(|fault| (source, fault))?;
                        self.warp.rows[row][lane] |= u64::from(u16::from_le_bytes(half)) << shift;
                    }
                    self.define(row, ALL, ALL);
                }
            }
            Matrix::StoreEight { rows, address, transposed } => {
                self.must_be_defined(address.base, ALL, "the address")?;
                for (j, &row) in rows.iter().enumerate() {
                    let defined = self.warp.undefined(row, ALL) == 0;
                    for (lane, target, at, shift) in eight(j, *transposed) {
                        let to = self.address(*address, target) + at;
                        let half = ((self.warp.rows[row][lane] >> shift) as u16).to_le_bytes();
                        let touch = Touch { lane: target, pc, writes: true, order: Order::default() };
                        let stored = self.store_lane(address.space, to, &half, touch, defined);
                        stored.map_err(|fault| (target, fault))?;
                    }
                }
            }
            Matrix::Transpose { d, a } => {
                let from = self.warp.rows[*a];
                let half =
                    |row: usize, column: usize| from[row * 4 + column / 2] >> (16 * (column % 2)) & 0xffff;
                for lane in 0..LANES {
                    let (g, t) = (lane / 4, lane % 4);
                    self.warp.rows[*d][lane] = half(2 * t, g) | half(2 * t + 1, g) << 16;
                }
                let defined = if self.warp.undefined(*a, ALL) == 0 { ALL } else { 0 };
                self.define(*d, ALL, defined);
            }
        }
        Ok(())
    }

    fn read_at(&mut self, space: Space, address: u64, out: &mut [u8], touch: Touch) -> Result<(), Fault> {
        let region = self.resolve(touch.lane, space, address, out.len(), out.len())?;
        self.read(region, out)?;
        self.note(region, out.len(), touch, false)
    }

    /// Every element of a fragment with its address; elements that are held more than once are visited once by each register on loads.
    fn each_element(
        &mut self,
        fragment: &Fragment,
        (address, stride, by_columns): (Address, Reg, bool),
        mut visit: impl FnMut(&mut Self, usize, usize, u64) -> Result<(), Fault>,
    ) -> Result<(), Stop> {
        self.must_be_defined(stride, ALL, "the stride")?;
        for lane in 0..LANES {
            let stride = self.warp.rows[stride][lane] & 0xffff_ffff;
            let base = self.address(address, lane);
            for i in 0..fragment.elements() {
                let (row, column) = fragment.position(lane, i);
                let (row, column) = (row as u64, column as u64);
                let index = if by_columns { column * stride + row } else { row * stride + column };
                let at = base.wrapping_add(index * fragment.element.bytes() as u64);
                visit(self, lane, i, at).map_err(|fault| (lane, fault))?;
            }
        }
        Ok(())
    }

    fn multiply(&mut self, d: &Fragment, sources: [&Fragment; 3], saturate: bool) {
        let rows = sources.iter().flat_map(|fragment| &fragment.rows);
        let defined = rows.fold(ALL, |all, &row| all & self.warp.defined[row]) == ALL;
        let [a, b, c] = sources.map(|fragment| fragment.gather(self));
        let Shape { m, n, k } = d.shape;
        let mut out = c;
        for row in 0..m {
            for column in 0..n {
                let sum: f64 = (0..k).map(|i| a[row * k + i] * b[i * n + column]).sum();
                out[row * n + column] += sum;
            }
        }
        for lane in 0..LANES {
            for i in 0..d.elements() {
                let (row, column) = d.position(lane, i);
                d.set(self, lane, i, d.element.bits(out[row * n + column], saturate));
            }
        }
        d.rows.iter().for_each(|&row| self.define(row, ALL, if defined { ALL } else { 0 }));
    }
}

/// The halves of matrix `j` of an `ldmatrix`: lane and shift where each lies, the lane that gave its row's address, and its offset there.
fn eight(j: usize, transposed: bool) -> impl Iterator<Item = (usize, usize, u64, u32)> {
    (0..LANES * 2).map(move |i| {
        let (lane, e) = (i / 2, i % 2);
        let (g, t) = (lane / 4, lane % 4);
        let (row, column) = if transposed { (2 * t + e, g) } else { (g, 2 * t + e) };
        (lane, 8 * j + row, 2 * column as u64, 16 * e as u32)
    })
}
