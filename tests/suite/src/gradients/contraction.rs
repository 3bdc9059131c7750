//! Matrix multiplication and convolution.

use super::Cases;
use hadal_graph::op::Conv;
use hadal_graph::{Dim, GraphError, Shape};

/// A convolution: what it is, the shapes of input and kernel, the attributes.
type ConvCase = (&'static str, &'static [usize], &'static [usize], Conv);

fn conv(
    stride: &[usize],
    low: &[usize],
    high: &[usize],
    dilation: &[usize],
    input_dilation: &[usize],
    groups: usize,
) -> Conv {
    Conv {
        stride: stride.into(),
        low: low.into(),
        high: high.into(),
        dilation: dilation.into(),
        input_dilation: input_dilation.into(),
        groups,
    }
}

fn convolutions() -> Vec<ConvCase> {
    vec![
        ("plain", &[2, 2, 3, 4], &[3, 2, 2, 2], conv(&[1, 1], &[0, 0], &[0, 0], &[1, 1], &[1, 1], 1)),
        ("without spatial axes", &[2, 3], &[4, 3], conv(&[], &[], &[], &[], &[], 1)),
        ("strided", &[1, 1, 7], &[2, 1, 3], conv(&[3], &[1], &[0], &[1], &[1], 1)),
        ("with a rest after the last stride", &[1, 1, 8], &[1, 1, 2], conv(&[3], &[0], &[0], &[1], &[1], 1)),
        ("dilated", &[1, 1, 7], &[1, 1, 3], conv(&[1], &[2], &[1], &[2], &[1], 1)),
        ("transposed", &[1, 2, 3], &[2, 2, 3], conv(&[1], &[2], &[1], &[1], &[2], 1)),
        ("padded beyond its kernel", &[1, 1, 3], &[1, 1, 2], conv(&[2], &[4], &[3], &[1], &[1], 1)),
        ("grouped", &[2, 4, 4], &[6, 2, 2], conv(&[1], &[1], &[0], &[1], &[1], 2)),
        ("depthwise", &[1, 3, 4, 3], &[3, 1, 2, 3], conv(&[1, 1], &[0, 0], &[0, 0], &[1, 1], &[1, 1], 3)),
        (
            "of three axes",
            &[1, 2, 3, 3, 3],
            &[2, 2, 2, 2, 2],
            conv(&[1, 2, 1], &[0, 1, 0], &[1, 0, 0], &[1, 1, 2], &[1, 1, 1], 1),
        ),
        (
            "with everything",
            &[2, 4, 4, 3],
            &[4, 2, 2, 3],
            conv(&[2, 3], &[1, 2], &[2, 4], &[2, 1], &[2, 3], 2),
        ),
    ]
}

pub(super) fn cases(cases: &mut Cases) -> Result<(), GraphError> {
    let shapes: [(&[usize], &[usize]); 4] =
        [(&[2, 3], &[3, 4]), (&[3, 2, 1, 2], &[2, 2, 3]), (&[2, 3, 4], &[4, 2]), (&[1, 5], &[5, 1])];
    for (a, c) in shapes {
        cases.add(format!("matmul of {a:?} and {c:?}"), |b| {
            let (a, c) = (b.x(a)?, b.x(c)?);
            b.g.matmul(a, c)
        })?;
    }
    cases.add("matmul of a matrix with itself", |b| {
        let x = b.x(&[3, 3])?;
        b.g.matmul(x, x)
    })?;
    cases.add("matmul of a symbolic batch", |b| {
        let x = b.symbolic(&[4, 3], Shape(vec![Dim::symbol("batch"), 3.into()]), (-1.0, 1.0))?;
        let w = b.x(&[3, 2])?;
        b.g.matmul(x, w)
    })?;
    for (name, x, w, op) in convolutions() {
        cases.add(format!("convolution, {name}"), |b| {
            let (x, w) = (b.x(x)?, b.x(w)?);
            b.g.apply(op, &[x, w])
        })?;
    }
    cases.add("convolution of symbolic extents", |b| {
        let declared = Shape(vec![Dim::symbol("n"), 1.into(), Dim::symbol("s")]);
        let x = b.symbolic(&[2, 1, 8], declared, (-1.0, 1.0))?;
        let w = b.constant(&[2, 1, 3], &[1.0, 2.0, 3.0, -1.0, 0.5, 2.0])?;
        b.g.apply(conv(&[3], &[1], &[1], &[1], &[1], 1), &[x, w])
    })?;
    Ok(())
}
