//! `wmma`, `mma`, `ldmatrix`, `stmatrix`, `movmatrix`.

use super::code::{Op, Reg};
use super::emit::{Emitted, Emitter};
use super::parts::Parts;
use crate::exec::matrix::{Element, Fragment, Layout, Matrix, Role, Shape};
use crate::ptx::{Operand, Type};

fn shape(parts: &mut Parts<'_>) -> Result<Shape, String> {
    parts
        .choose(|part| {
            let (m, rest) = part.strip_prefix('m')?.split_once('n')?;
            let (n, k) = rest.split_once('k')?;
            Some(Shape { m: m.parse().ok()?, n: n.parse().ok()?, k: k.parse().ok()? })
        })
        .ok_or_else(|| "no shape that is known".to_owned())
}

fn element(ty: Type) -> Result<Element, String> {
    Ok(match ty {
        Type::F(16) => Element::F16,
        Type::Bf16 => Element::Bf16,
        Type::Tf32 => Element::Tf32,
        Type::F(32) => Element::F32,
        Type::F(64) => Element::F64,
        Type::S(8) => Element::S8,
        Type::U(8) => Element::U8,
        Type::S(32) => Element::S32,
        other => return Err(format!("matrices of {other:?} are not known")),
    })
}

/// Whether a matrix lies in memory by columns.
fn by_columns(parts: &mut Parts<'_>) -> Result<bool, String> {
    parts
        .choose(|part| match part {
            "row" => Some(false),
            "col" => Some(true),
            _ => None,
        })
        .ok_or_else(|| "`.row` or `.col` is missing".to_owned())
}

impl Emitter<'_> {
    pub(crate) fn matrix(&mut self, parts: &mut Parts<'_>, operands: &[Operand]) -> Emitted {
        let name = parts.name;
        let (load, store) = (parts.take("load"), parts.take("store"));
        let wmma_multiplies = name == "wmma" && parts.take("mma");
        if !parts.take("sync") || !parts.take("aligned") {
            return Err(format!("`{name}` without `.sync.aligned` is not known"));
        }
        let op = match name {
            "wmma" if load || store => self.wmma_memory(parts, operands, load)?,
            "wmma" if wmma_multiplies => {
                // Fragments know where their elements are; how A and B lay in memory is no matter any more.
                by_columns(parts)?;
                by_columns(parts)?;
                self.multiply(parts, operands, Layout::Wmma)?
            }
            "mma" => {
                if by_columns(parts)? || !by_columns(parts)? {
                    return Err("`mma` of other layouts than `.row.col` is not known".to_owned());
                }
                self.multiply(parts, operands, Layout::Mma)?
            }
            "ldmatrix" | "stmatrix" => {
                self.eight_by_eight(parts)?;
                let count = parts
                    .choose(|part| match part {
                        "x1" => Some(1),
                        "x2" => Some(2),
                        "x4" => Some(4),
                        _ => None,
                    })
                    .ok_or_else(|| "`.x1`, `.x2` or `.x4` is missing".to_owned())?;
                let transposed = parts.take("trans");
                let space = parts.space();
                parts.take("b16");
                let (rows, address) = match (name, operands) {
                    ("ldmatrix", [rows, address]) | ("stmatrix", [address, rows]) => (rows, address),
                    _ => return Err("two operands were expected".to_owned()),
                };
                let rows = self.fragment_rows(rows, name == "ldmatrix")?;
                if rows.len() != count {
                    return Err(format!("{count} registers were expected, {} are there", rows.len()));
                }
                let address = self.address(address, space)?;
                match name {
                    "ldmatrix" => Matrix::LoadEight { rows, address, transposed },
                    _ => Matrix::StoreEight { rows, address, transposed },
                }
            }
            "movmatrix" => {
                self.eight_by_eight(parts)?;
                if !parts.take("trans") || !parts.take("b16") {
                    return Err("`movmatrix` transposes `b16`".to_owned());
                }
                let [d, a] = self.expect(operands)?;
                Matrix::Transpose { d: self.dest(d)?, a: self.source(a, Type::B(32))? }
            }
            other => return Err(format!("this form of `{other}` is not known")),
        };
        self.push(Op::Matrix(op));
        Ok(())
    }

    fn eight_by_eight(&self, parts: &mut Parts<'_>) -> Emitted {
        if parts.take("m8n8") { Ok(()) } else { Err("only matrices of 8 by 8 are known".to_owned()) }
    }

    fn fragment_rows(&mut self, operand: &Operand, written: bool) -> Result<Vec<Reg>, String> {
        let parts = match operand {
            Operand::Vector(parts) => parts.as_slice(),
            one => std::slice::from_ref(one),
        };
        parts
            .iter()
            .map(|part| {
                let ty = self.declared(part).unwrap_or(Type::B(32));
                if written { self.dest(part) } else { self.source(part, ty) }
            })
            .collect()
    }

    fn wmma_memory(
        &mut self,
        parts: &mut Parts<'_>,
        operands: &[Operand],
        load: bool,
    ) -> Result<Matrix, String> {
        let role = parts
            .choose(|part| match part {
                "a" => Some(Role::A),
                "b" => Some(Role::B),
                "c" | "d" => Some(Role::C),
                _ => None,
            })
            .ok_or_else(|| "a matrix `a`, `b`, `c` or `d` is missing".to_owned())?;
        let by_columns = by_columns(parts)?;
        let shape = shape(parts)?;
        let space = parts.space();
        let element = element(parts.ty()?)?;
        let (rows, address, stride) = match (load, operands) {
            (true, [rows, address, stride @ ..]) | (false, [address, rows, stride @ ..]) => {
                (rows, address, stride)
            }
            _ => return Err("operands are missing".to_owned()),
        };
        let rows = self.fragment_rows(rows, load)?;
        let address = self.address(address, space)?;
        let stride = match stride {
            [stride] => self.source(stride, Type::U(32))?,
            // As tight as the matrix.
            _ => {
                let (height, width) = role.size(shape);
                self.constant(if by_columns { height } else { width } as u64)
            }
        };
        let fragment = Fragment { role, shape, element, layout: Layout::Wmma, rows };
        fragment.check()?;
        Ok(if load {
            Matrix::Load { fragment, address, stride, by_columns }
        } else {
            Matrix::Store { fragment, address, stride, by_columns }
        })
    }

    fn multiply(
        &mut self,
        parts: &mut Parts<'_>,
        operands: &[Operand],
        layout: Layout,
    ) -> Result<Matrix, String> {
        let shape = shape(parts)?;
        let saturate = parts.take("satfinite");
        parts.take("rn");
        let first = parts.ty()?;
        let second = parts.ty()?;
        // `wmma` of halves names the types of its result and of its sum only.
        let [d, a, b, c] = match (parts.choose(Type::named), parts.choose(Type::named)) {
            (Some(third), Some(fourth)) => [first, second, third, fourth],
            _ => [first, Type::F(16), Type::F(16), second],
        }
        .map(element);
        let (d, a, b, c) = (d?, a?, b?, c?);
        let [rows_d, rows_a, rows_b, rows_c] = self.expect(operands)?;
        let of = |role, element, rows| Fragment { role, shape, element, layout, rows };
        let matrix = Matrix::Multiply {
            d: of(Role::C, d, self.fragment_rows(rows_d, true)?),
            a: of(Role::A, a, self.fragment_rows(rows_a, false)?),
            b: of(Role::B, b, self.fragment_rows(rows_b, false)?),
            c: of(Role::C, c, self.fragment_rows(rows_c, false)?),
            saturate,
        };
        if let Matrix::Multiply { d, a, b, c, .. } = &matrix {
            for fragment in [d, a, b, c] {
                fragment.check()?;
            }
        }
        Ok(matrix)
    }
}
