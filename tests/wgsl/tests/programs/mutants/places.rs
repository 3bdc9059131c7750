//! What can be taken out of a kernel: barriers and bounds checks, as they stand in naga's IR.

use naga::{
    BinaryOperator, Block, Expression, Function, Handle, MathFunction, Module, ScalarKind, Statement,
};
use std::collections::HashSet;

/// One barrier or check.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    owner: Owner,
    what: What,
    /// For people, and for the list of survivors: the function and the text of what is taken out.
    pub(crate) label: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    Function(Handle<Function>),
    Entry,
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// The n-th barrier of the function.
    Barrier(usize),
    /// A comparison, which then always says that all is well.
    Check(Handle<Expression>),
    /// A least or a clamped value, of which the first argument is left.
    Limit(Handle<Expression>),
}

impl Place {
    /// The module without what stands at this place.
    pub(crate) fn without(&self, module: &Module) -> Module {
        let mut module = module.clone();
        let function = match self.owner {
            Owner::Function(handle) => &mut module.functions[handle],
            Owner::Entry => &mut module.entry_points[0].function,
        };
        match self.what {
            What::Barrier(number) => {
                let mut before = number;
                remove_barrier(&mut function.body, &mut before);
            }
            What::Check(handle) => {
                if let Expression::Binary { op, left, right } = &mut function.expressions[handle] {
                    // `x <= x` is true and `x > x` is false, and both remain expressions of their kind.
                    *right = *left;
                    *op = match *op {
                        BinaryOperator::Less | BinaryOperator::LessEqual => BinaryOperator::LessEqual,
                        _ => BinaryOperator::Greater,
                    };
                }
            }
            What::Limit(handle) => {
                if let Expression::Math { fun, arg, arg1, arg2, .. } = &mut function.expressions[handle] {
                    (*fun, *arg1, *arg2) = (MathFunction::Min, Some(*arg), None);
                }
            }
        }
        module
    }
}

/// Every place in what `main` reaches, but for functions that `passed_over` names.
pub(crate) fn places(module: &Module, source: &str, passed_over: &HashSet<String>) -> Vec<Place> {
    let mut places = Vec::new();
    let mut seen = HashSet::new();
    let mut waiting = vec![Owner::Entry];
    while let Some(owner) = waiting.pop() {
        let function = match owner {
            Owner::Function(handle) => &module.functions[handle],
            Owner::Entry => &module.entry_points[0].function,
        };
        let name = function.name.clone().unwrap_or_else(|| "main".into());
        if passed_over.contains(&name) {
            continue;
        }
        let mut found = Found::default();
        look(&function.body, &mut found);
        for callee in found.calls {
            if seen.insert(callee) {
                waiting.push(Owner::Function(callee));
            }
        }
        for number in 0..found.barriers {
            let label = format!("{name}: barrier {}", number + 1);
            places.push(Place { owner, what: What::Barrier(number), label });
        }
        for (handle, expression) in function.expressions.iter() {
            let what = match *expression {
                Expression::Binary { op, left, .. }
                    if orders(op)
                        && is_integer(module, function, left)
                        && !found.ends_loop.contains(&handle) =>
                {
                    What::Check(handle)
                }
                Expression::Math { fun: MathFunction::Min | MathFunction::Clamp, arg, .. }
                    if is_integer(module, function, arg) =>
                {
                    What::Limit(handle)
                }
                _ => continue,
            };
            let span = function.expressions.get_span(handle).to_range();
            let text = span.and_then(|range| whole(source, range)).unwrap_or("?");
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            places.push(Place { owner, what, label: format!("{name}: {text}") });
        }
    }
    places
}

/// The text of an expression. Of a call naga only knows where the function's name stands.
fn whole(source: &str, range: std::ops::Range<usize>) -> Option<&str> {
    let text = source.get(range.clone())?;
    let rest = source.get(range.end..)?;
    if !rest.starts_with('(') {
        return Some(text);
    }
    let mut depth = 0;
    let end = rest.find(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth == 0
    })?;
    source.get(range.start..range.end + end + 1)
}

#[derive(Default)]
struct Found {
    barriers: usize,
    calls: Vec<Handle<Function>>,
    /// Comparisons that alone decide whether a loop goes on.
    ends_loop: HashSet<Handle<Expression>>,
}

fn look(block: &Block, found: &mut Found) {
    for statement in block {
        match statement {
            Statement::ControlBarrier(_) => found.barriers += 1,
            Statement::Call { function, .. } => found.calls.push(*function),
            Statement::Block(inner) => look(inner, found),
            Statement::If { condition, accept, reject } => {
                if [accept, reject].iter().any(|b| matches!(b.last(), Some(Statement::Break))) {
                    found.ends_loop.insert(*condition);
                }
                look(accept, found);
                look(reject, found);
            }
            Statement::Switch { cases, .. } => cases.iter().for_each(|case| look(&case.body, found)),
            Statement::Loop { body, continuing, break_if } => {
                found.ends_loop.extend(break_if);
                look(body, found);
                look(continuing, found);
            }
            _ => {}
        }
    }
}

/// Takes out the barrier that has `before` others before it.
fn remove_barrier(block: &mut Block, before: &mut usize) {
    let mut position = None;
    for (index, statement) in block.iter_mut().enumerate() {
        match statement {
            Statement::ControlBarrier(_) if *before == 0 => position = Some(index),
            Statement::ControlBarrier(_) => *before -= 1,
            Statement::Block(inner) => remove_barrier(inner, before),
            Statement::If { accept, reject, .. } => {
                remove_barrier(accept, before);
                remove_barrier(reject, before);
            }
            Statement::Switch { cases, .. } => {
                cases.iter_mut().for_each(|case| remove_barrier(&mut case.body, before));
            }
            Statement::Loop { body, continuing, .. } => {
                remove_barrier(body, before);
                remove_barrier(continuing, before);
            }
            _ => {}
        }
        if position.is_some() {
            *before = usize::MAX;
            break;
        }
    }
    if let Some(index) = position {
        block.cull(index..=index);
    }
}

fn orders(op: BinaryOperator) -> bool {
    use BinaryOperator::{Greater, GreaterEqual, Less, LessEqual};
    matches!(op, Less | LessEqual | Greater | GreaterEqual)
}

/// Whether an expression is an integer or a vector of integers, as far as its form tells.
fn is_integer(module: &Module, function: &Function, handle: Handle<Expression>) -> bool {
    let mut typifier = naga::front::Typifier::new();
    let context =
        naga::proc::ResolveContext::with_locals(module, &function.local_variables, &function.arguments);
    if typifier.grow(handle, &function.expressions, &context).is_err() {
        return false;
    }
    let scalar = typifier.get(handle, &module.types).scalar();
    scalar.is_some_and(|scalar| matches!(scalar.kind, ScalarKind::Sint | ScalarKind::Uint))
}
