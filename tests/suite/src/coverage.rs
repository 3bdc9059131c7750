//! What a set of programs exercised.

use hadal_graph::Graph;
use hadal_graph::program::{Archetype, Body, Instr, Kernel, Operand, PointwiseProgram, Program, Step};
use std::collections::BTreeMap;

/// Counts by name.
#[derive(Clone, Debug, Default)]
pub struct Coverage(pub BTreeMap<String, usize>);

impl Coverage {
    /// Counts the ops of a graph: `op/add`.
    pub fn graph(&mut self, graph: &Graph) {
        for (_, node) in graph.nodes().iter() {
            self.count(format!("op/{}", node.op.name()));
            node.regions.iter().for_each(|r| self.graph(r));
        }
    }

    /// Counts the archetypes, hooks and instructions of a program.
    pub fn program(&mut self, program: &Program) {
        for step in program.once.iter().chain(&program.steps) {
            self.step(step);
        }
    }

    /// What of `wanted` was never counted.
    pub fn missing<'a>(&self, wanted: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
        wanted.into_iter().filter(|w| !self.0.contains_key(*w)).collect()
    }

    /// Every archetype and hook that a suite has to reach.
    pub fn archetypes_and_hooks() -> Vec<&'static str> {
        vec![
            "archetype/Pointwise",
            "archetype/Reduce",
            "archetype/Contract",
            "archetype/Attention",
            "archetype/Scatter",
            "archetype/Scan",
            "archetype/Sort",
            "archetype/Custom",
            "archetype/Control",
            "hook/pointwise",
            "hook/reduce prologue",
            "hook/reduce per row",
            "hook/reduce per element",
            "hook/contract a",
            "hook/contract b",
            "hook/contract epilogue",
            "hook/attention mask",
            "hook/attention epilogue",
            "hook/scan epilogue",
            "instr/load",
            "instr/guarded load",
            "instr/indirect load",
            "instr/accumulator",
            "instr/const",
            "instr/index",
            "instr/in bounds",
            "instr/unary",
            "instr/binary",
            "instr/compare",
            "instr/select",
            "instr/cast",
            "instr/random",
        ]
    }

    fn count(&mut self, name: String) {
        *self.0.entry(name).or_insert(0) += 1;
    }

    fn step(&mut self, step: &Step) {
        let archetype: Archetype = step.kernel.archetype();
        self.count(format!("archetype/{archetype:?}"));
        match &step.kernel {
            Kernel::Pointwise(k) => self.body("pointwise", Some(&k.body)),
            Kernel::Reduce(k) => {
                k.phases.iter().for_each(|p| self.operand("reduce prologue", &p.operand));
                self.body("reduce per row", k.per_row.as_ref());
                self.body("reduce per element", k.per_element.as_ref());
            }
            Kernel::Contract(k) => {
                self.operand("contract a", &k.a);
                self.operand("contract b", &k.b);
                self.body("contract epilogue", Some(&k.epilogue));
            }
            Kernel::Attention(k) => {
                k.mask.iter().for_each(|m| self.operand("attention mask", m));
                self.body("attention epilogue", Some(&k.epilogue));
            }
            Kernel::Scatter(k) => self.operand("scatter update", &k.update),
            Kernel::Scan(k) => self.body("scan epilogue", Some(&k.epilogue)),
            Kernel::Sort(k) => self.operand("sort operand", &k.operand),
            Kernel::Custom(_) => {}
            Kernel::Loop(k) => [&k.condition, &k.body].into_iter().for_each(|p| self.program(p)),
            Kernel::Branch(k) => [&k.then, &k.otherwise].into_iter().for_each(|p| self.program(p)),
        }
    }

    /// A hook counts where it does more than pass its operand on.
    fn operand(&mut self, hook: &str, operand: &Operand) {
        if operand.program.instrs.len() > 1 {
            self.count(format!("hook/{hook}"));
        }
        self.instructions(&operand.program);
    }

    fn body(&mut self, hook: &str, body: Option<&Body>) {
        if let Some(body) = body {
            if body.program.instrs.len() > 1 {
                self.count(format!("hook/{hook}"));
            }
            self.instructions(&body.program);
        }
    }

    fn instructions(&mut self, program: &PointwiseProgram) {
        for typed in &program.instrs {
            let name = match &typed.instr {
                Instr::Load { map, indirect, .. } => {
                    if !map.guards.is_empty() {
                        self.count("instr/guarded load".into());
                    }
                    if !indirect.is_empty() {
                        self.count("instr/indirect load".into());
                    }
                    "load"
                }
                Instr::Accumulator(_) => "accumulator",
                Instr::Const(_) => "const",
                Instr::Index(_) => "index",
                Instr::InBounds(_) => "in bounds",
                Instr::Unary(..) => "unary",
                Instr::Binary(..) => "binary",
                Instr::Compare(..) => "compare",
                Instr::Select(..) => "select",
                Instr::Cast(_) => "cast",
                Instr::Random { .. } => "random",
            };
            self.count(format!("instr/{name}"));
        }
    }
}
