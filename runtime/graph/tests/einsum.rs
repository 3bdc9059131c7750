//! Einstein summation against nested loops over all letters.

use hadal_graph::op::Op;
use hadal_graph::reference::interpret;
use hadal_graph::{DType, Graph, HostTensor, NodeId, Shape};
use std::collections::BTreeMap;

/// Distinct small integers, so that sums are exact.
fn fill(shape: &[usize], seed: usize) -> HostTensor {
    let count: usize = shape.iter().product();
    let values: Vec<f64> = (0..count).map(|i| ((i * 7 + seed * 5) % 11) as f64 - 5.0).collect();
    HostTensor::new(shape, &values).expect("as many values as the shape has elements")
}

fn build(equation: &str, shapes: &[&[usize]]) -> Result<(Graph, NodeId, Vec<HostTensor>), String> {
    let mut g = Graph::new(equation);
    let tensors: Vec<HostTensor> = shapes.iter().enumerate().map(|(i, s)| fill(s, i)).collect();
    let mut operands = Vec::new();
    for (i, shape) in shapes.iter().enumerate() {
        operands.push(g.input(&format!("x{i}"), DType::F64, Shape::from(*shape)).map_err(|e| e.to_string())?);
    }
    let y = g.einsum(equation, &operands).map_err(|e| e.to_string())?;
    g.output("y", y);
    g.validate().map_err(|e| e.to_string())?;
    Ok((g, y, tensors))
}

/// The definition: for every value of every letter, the product of the operands, added to the result.
fn by_loops(inputs: &[&str], output: &str, tensors: &[HostTensor]) -> (Vec<usize>, Vec<f64>) {
    let mut extents: BTreeMap<char, usize> = BTreeMap::new();
    for (letters, tensor) in inputs.iter().zip(tensors) {
        for (letter, &extent) in letters.chars().zip(tensor.shape()) {
            let known = extents.entry(letter).or_insert(extent);
            *known = (*known).max(extent);
        }
    }
    let letters: Vec<char> = extents.keys().copied().collect();
    let shape: Vec<usize> = output.chars().map(|c| extents[&c]).collect();
    let mut result = vec![0.0; shape.iter().product()];
    let total: usize = extents.values().product();
    for point in 0..total {
        let mut rest = point;
        let mut at: BTreeMap<char, usize> = BTreeMap::new();
        for letter in &letters {
            at.insert(*letter, rest % extents[letter]);
            rest /= extents[letter];
        }
        let position = |letters: &str, shape: &[usize]| {
            letters.chars().zip(shape).fold(0, |sum, (c, &n)| sum * n + if n == 1 { 0 } else { at[&c] })
        };
        let product: f64 =
            inputs.iter().zip(tensors).map(|(l, t)| t.to_f64()[position(l, t.shape())]).product();
        result[position(output, &shape)] += product;
    }
    (shape, result)
}

#[test]
fn equations_are_nested_loops() {
    let cases: &[(&str, &[&[usize]])] = &[
        ("ij,jk->ik", &[&[2, 3], &[3, 4]]),
        ("bij,bjk->bik", &[&[2, 3, 4], &[2, 4, 2]]),
        ("bqhd,bkhd->bhqk", &[&[2, 3, 2, 4], &[2, 5, 2, 4]]),
        ("ij,kj->ki", &[&[2, 3], &[4, 3]]),
        ("i,j->ij", &[&[2], &[3]]),
        ("i,j->ji", &[&[2], &[3]]),
        ("i,i->", &[&[4], &[4]]),
        ("ij,ij->ij", &[&[2, 3], &[2, 3]]),
        ("ij->ji", &[&[2, 3]]),
        ("ij->", &[&[2, 3]]),
        ("ij->j", &[&[2, 3]]),
        ("ii->i", &[&[3, 3]]),
        ("ii->", &[&[3, 3]]),
        ("iji->ji", &[&[3, 2, 3]]),
        ("iii->i", &[&[2, 2, 2]]),
        ("ii,ij->j", &[&[3, 3], &[3, 2]]),
        ("ab,bc,cd->ad", &[&[2, 3], &[3, 4], &[4, 2]]),
        ("a,ab,b->", &[&[2], &[2, 3], &[3]]),
        ("abc,cd,be->ade", &[&[2, 3, 2], &[2, 4], &[3, 5]]),
        ("ijkl,klm->ijm", &[&[2, 2, 3, 2], &[3, 2, 4]]),
        ("ij,jk->ik", &[&[2, 1], &[3, 4]]),
        ("ij,ij->i", &[&[2, 3], &[1, 3]]),
        ("i,->i", &[&[3], &[]]),
        ("ik,jk->", &[&[2, 3], &[4, 3]]),
        ("ij,jk->ik", &[&[0, 3], &[3, 4]]),
        ("ij,jk->ik", &[&[2, 0], &[0, 4]]),
    ];
    for (equation, shapes) in cases {
        let (g, y, tensors) = build(equation, shapes).unwrap_or_else(|e| panic!("{equation}: {e}"));
        let (inputs, output) = equation.split_once("->").expect("all cases have a result");
        let inputs: Vec<&str> = inputs.split(',').collect();
        let (shape, expected) = by_loops(&inputs, output, &tensors);
        let given = tensors.into_iter().enumerate().map(|(i, t)| (format!("x{i}"), t)).collect();
        let result = interpret(&g, &given).unwrap_or_else(|e| panic!("{equation}: {e}")).outputs.remove(0);
        assert_eq!(result.shape(), shape, "{equation} of {shapes:?}\n{g}");
        assert_eq!(result.to_f64(), expected, "{equation} of {shapes:?}\n{g}");
        assert_eq!(g.shape(y).as_const(), Some(shape));
    }
}

#[test]
fn other_spellings_mean_the_same() {
    let run = |equation: &str, shapes: &[&[usize]]| {
        let (g, _, tensors) = build(equation, shapes).unwrap_or_else(|e| panic!("{equation}: {e}"));
        let given = tensors.into_iter().enumerate().map(|(i, t)| (format!("x{i}"), t)).collect();
        interpret(&g, &given).unwrap_or_else(|e| panic!("{equation}: {e}")).outputs.remove(0)
    };
    let (a, b): (&[usize], &[usize]) = (&[2, 3, 4], &[4, 5]);
    let expected = run("xij,jk->xik", &[a, b]);
    for equation in ["...j,jk", "...ij, jk -> ...ik", "bij,jk", "...j,jk->...k"] {
        assert_eq!(run(equation, &[a, b]), expected, "{equation}");
    }
    // Without an arrow, the letters that stay are sorted.
    assert_eq!(run("ba", &[&[2, 3]]), run("ba->ab", &[&[2, 3]]));
    assert_eq!(run("...a,...a->...", &[&[5, 2, 3], &[2, 3]]), run("xya,ya->xy", &[&[5, 2, 3], &[2, 3]]));
    assert_eq!(run("...,...", &[&[5, 1], &[2]]), run("xy,y->xy", &[&[5, 1], &[2]]));
}

#[test]
fn attention_scores_are_one_matrix_product_of_symbols() {
    let mut g = Graph::new("scores");
    let shape = |n: &str| Shape(vec!["batch".into(), n.into(), 12.into(), 64.into()]);
    let q = g.input("q", DType::F32, shape("queries")).expect("a valid input");
    let k = g.input("k", DType::F32, shape("keys")).expect("a valid input");
    let scores = g.einsum("bqhd,bkhd->bhqk", &[q, k]).expect("the shapes fit");
    assert_eq!(g.ty(scores).to_string(), "f32[batch, 12, queries, keys]");
    let count = |name: &str| g.nodes().iter().filter(|(_, n)| n.op.name() == name).count();
    assert_eq!((count("matmul"), count("reduce"), count("transpose")), (1, 0, 2));
    assert!(g.nodes().iter().all(|(_, n)| !matches!(n.op, Op::Broadcast(_))));
}

#[test]
fn what_cannot_be_read_says_why() {
    let cases: &[(&str, &[&[usize]], &str)] = &[
        ("ij,jk->ik", &[&[2, 3]], "as many as"),
        ("ij->i", &[&[2, 3, 4]], "operand 0 must have rank 2"),
        ("ij...->i", &[&[2]], "at least 2"),
        ("ij,jk->ik", &[&[2, 3], &[4, 2]], "the extents of `j` must be equal, but are 3 and 4"),
        ("ii->i", &[&[2, 3]], "diagonal"),
        ("ij->ik", &[&[2, 3]], "`k` of the result is in no operand"),
        ("ij->ii", &[&[2, 3]], "twice in the result"),
        ("i.j->i", &[&[2, 3]], "a lone `.`"),
        ("i1->i", &[&[2, 3]], "`1`"),
        ("......->", &[&[2, 3]], "twice in one operand"),
    ];
    for (equation, shapes, part) in cases {
        let message = build(equation, shapes).err().unwrap_or_else(|| panic!("{equation} was read"));
        assert!(message.contains(part) && message.contains("einsum"), "{equation}: {message}");
    }
}
