//! Recurrent layers.
//!
//! All three have PyTorch's weights: for layer `k`, `weight_ih_lk: [gates · hidden, inputs]`, `weight_hh_lk: [gates · hidden, hidden]`,
//! `bias_ih_lk` and `bias_hh_lk`, with the suffix `_reverse` for the direction that runs backwards. Inputs of all steps are projected in one
//! product; the steps themselves are unrolled, so the number of steps must be known, and each number plans anew.

use super::{Dropout, Init, Module, Parameter, Scope};
use crate::tensor::Tensor;
use crate::{Error, Result};
use hadal_graph::Shape;

/// How many layers a recurrent network has, and how they are joined.
#[derive(Clone, Debug, PartialEq)]
pub struct RecurrentOptions {
    /// Layers one above another.
    pub layers: usize,
    /// Whether a second direction runs from the end; its results are put beside those of the first.
    pub bidirectional: bool,
    /// Whether tensors are `[n, t, ..]`, not `[t, n, ..]`.
    pub batch_first: bool,
    /// Probability of dropout between layers.
    pub dropout: f64,
    /// Whether there are biases.
    pub bias: bool,
}

impl Default for RecurrentOptions {
    fn default() -> RecurrentOptions {
        RecurrentOptions { layers: 1, bidirectional: false, batch_first: false, dropout: 0.0, bias: true }
    }
}

/// `h = tanh(W x + b + U h + c)` (Elman, 1990); `torch.nn.RNN`.
#[derive(Clone, Debug, Module)]
pub struct Rnn {
    stack: Stack,
    relu: bool,
}

/// Long short-term memory (Hochreiter and Schmidhuber, 1997; Gers et al., 2000); `torch.nn.LSTM`. Gates lie in the order input, forget,
/// cell, output.
#[derive(Clone, Debug, Module)]
pub struct Lstm {
    stack: Stack,
}

/// The gated recurrent unit (Cho et al., 2014), with the reset gate after the product as in cuDNN; `torch.nn.GRU`. Gates lie in the order
/// reset, update, new.
#[derive(Clone, Debug, Module)]
pub struct Gru {
    stack: Stack,
}

impl Rnn {
    /// A network from `inputs` to `hidden` numbers a step. Errors: no layers; as [`Scope::parameter`].
    #[track_caller]
    pub fn new(scope: &Scope, inputs: usize, hidden: usize, options: RecurrentOptions) -> Result<Rnn> {
        Ok(Rnn { stack: Stack::new(scope, 1, inputs, hidden, options)?, relu: false })
    }

    /// The same network with `max(x, 0)` instead of tanh; `nonlinearity="relu"`.
    pub fn with_relu(mut self) -> Rnn {
        self.relu = true;
        self
    }

    /// From `[t, n, inputs]` to the states of the last layer after each step, `[t, n, directions · hidden]`, and those of all layers after
    /// the last step, `[layers · directions, n, hidden]`. A state to begin with has the latter shape; without one it is zero.
    ///
    /// Errors: other shapes; a number of steps that is not known, or 0.
    #[track_caller]
    pub fn forward(&self, x: &Tensor, state: Option<&Tensor>) -> Result<(Tensor, Tensor)> {
        let step = |cell: &Cell, x: &Tensor, state: &[Tensor; 1]| {
            let sum = (x + cell.recur(&state[0])?)?;
            Ok([if self.relu { sum.relu()? } else { sum.tanh()? }])
        };
        let (output, [last]) = self.stack.run(x, state.map(|h| [h]), step)?;
        Ok((output, last))
    }
}

impl Lstm {
    /// As [`Rnn::new`].
    #[track_caller]
    pub fn new(scope: &Scope, inputs: usize, hidden: usize, options: RecurrentOptions) -> Result<Lstm> {
        Ok(Lstm { stack: Stack::new(scope, 4, inputs, hidden, options)? })
    }

    /// As [`Rnn::forward`], with a pair of hidden and cell states.
    #[track_caller]
    pub fn forward(
        &self,
        x: &Tensor,
        state: Option<(&Tensor, &Tensor)>,
    ) -> Result<(Tensor, (Tensor, Tensor))> {
        let width = self.stack.hidden;
        let step = |cell: &Cell, x: &Tensor, [hidden, memory]: &[Tensor; 2]| {
            let gates = (x + cell.recur(hidden)?)?;
            let gate = |i: usize| gates.narrow(-1, i * width, width);
            let kept = (gate(1)?.sigmoid()? * memory)?;
            let memory = (kept + (gate(0)?.sigmoid()? * gate(2)?.tanh()?)?)?;
            let hidden = (gate(3)?.sigmoid()? * memory.tanh()?)?;
            Ok([hidden, memory])
        };
        let (output, [hidden, memory]) = self.stack.run(x, state.map(|(h, c)| [h, c]), step)?;
        Ok((output, (hidden, memory)))
    }
}

impl Gru {
    /// As [`Rnn::new`].
    #[track_caller]
    pub fn new(scope: &Scope, inputs: usize, hidden: usize, options: RecurrentOptions) -> Result<Gru> {
        Ok(Gru { stack: Stack::new(scope, 3, inputs, hidden, options)? })
    }

    /// As [`Rnn::forward`].
    #[track_caller]
    pub fn forward(&self, x: &Tensor, state: Option<&Tensor>) -> Result<(Tensor, Tensor)> {
        let width = self.stack.hidden;
        let step = |cell: &Cell, x: &Tensor, [hidden]: &[Tensor; 1]| {
            let recurrent = cell.recur(hidden)?;
            let gate = |of: &Tensor, i: usize| of.narrow(-1, i * width, width);
            let reset = (gate(x, 0)? + gate(&recurrent, 0)?)?.sigmoid()?;
            let update = (gate(x, 1)? + gate(&recurrent, 1)?)?.sigmoid()?;
            let new = (gate(x, 2)? + (reset * gate(&recurrent, 2)?)?)?.tanh()?;
            Ok([((hidden - &new)?.mul(&update)? + &new)?])
        };
        let (output, [last]) = self.stack.run(x, state.map(|h| [h]), step)?;
        Ok((output, last))
    }
}

/// The weights of all layers and directions.
#[derive(Clone, Debug, Module)]
struct Stack {
    /// Directions of the first layer, then those of the next.
    cells: Vec<Cell>,
    /// One after each layer but the last.
    dropouts: Vec<Dropout>,
    hidden: usize,
    #[module(skip)]
    options: RecurrentOptions,
}

/// The weights of one direction of one layer.
#[derive(Clone, Debug, Module)]
struct Cell {
    weight_ih: Parameter,
    weight_hh: Parameter,
    bias_ih: Option<Parameter>,
    bias_hh: Option<Parameter>,
}

impl Cell {
    #[track_caller]
    fn new(
        scope: &Scope,
        suffix: &str,
        rows: usize,
        inputs: usize,
        hidden: usize,
        bias: bool,
    ) -> Result<Cell> {
        let bound = 1.0 / (hidden.max(1) as f64).sqrt();
        let init = Init::Uniform { low: -bound, high: bound };
        let name = |of: &str| format!("{of}_{suffix}");
        let vector = |of: &str| bias.then(|| scope.parameter(&name(of), [rows], init)).transpose();
        Ok(Cell {
            weight_ih: scope.parameter(&name("weight_ih"), [rows, inputs], init)?,
            weight_hh: scope.parameter(&name("weight_hh"), [rows, hidden], init)?,
            bias_ih: vector("bias_ih")?,
            bias_hh: vector("bias_hh")?,
        })
    }

    /// `W x + b` for all steps.
    fn project(&self, x: &Tensor) -> Result<Tensor> {
        affine(x, &self.weight_ih, &self.bias_ih)
    }

    /// `U h + c`.
    fn recur(&self, hidden: &Tensor) -> Result<Tensor> {
        affine(hidden, &self.weight_hh, &self.bias_hh)
    }
}

fn affine(x: &Tensor, weight: &Parameter, bias: &Option<Parameter>) -> Result<Tensor> {
    let product = x.matmul(&weight.get()?.t()?)?;
    match bias {
        Some(bias) => product.add(&bias.get()?),
        None => Ok(product),
    }
}

impl Stack {
    #[track_caller]
    fn new(
        scope: &Scope,
        gates: usize,
        inputs: usize,
        hidden: usize,
        options: RecurrentOptions,
    ) -> Result<Stack> {
        if options.layers == 0 {
            return Err(Error::argument("a recurrent network needs at least one layer"));
        }
        let suffixes: &[&str] = if options.bidirectional { &["", "_reverse"] } else { &[""] };
        let (mut cells, mut dropouts) = (Vec::new(), Vec::new());
        for layer in 0..options.layers {
            let width = if layer == 0 { inputs } else { hidden * suffixes.len() };
            for suffix in suffixes {
                let suffix = format!("l{layer}{suffix}");
                cells.push(Cell::new(scope, &suffix, gates * hidden, width, hidden, options.bias)?);
            }
            if layer + 1 < options.layers {
                dropouts.push(Dropout::new(&scope.at("dropout").at(layer), options.dropout)?);
            }
        }
        Ok(Stack { cells, dropouts, hidden, options })
    }

    /// Runs `step` over time, layer by layer. A state is `S` tensors, of which the first is the output.
    #[track_caller]
    fn run<const S: usize>(
        &self,
        x: &Tensor,
        state: Option<[&Tensor; S]>,
        step: impl Fn(&Cell, &Tensor, &[Tensor; S]) -> Result<[Tensor; S]>,
    ) -> Result<(Tensor, [Tensor; S])> {
        if x.rank() != 3 {
            return Err(Error::argument(format!(
                "a recurrent network takes steps of a batch, [t, n, inputs] or [n, t, inputs], but this is {}",
                x.ty()
            )));
        }
        let mut x = if self.options.batch_first { x.transpose(0, 1)? } else { x.clone() };
        let Some(steps) = x.dim(0)?.as_usize().filter(|&steps| steps > 0) else {
            return Err(Error::argument(format!(
                "a recurrent network takes a known number of steps, at least one, but this is {}",
                x.ty()
            )));
        };
        let shape = Shape(vec![x.dim(1)?, self.hidden.into()]);
        let zeros = Tensor::zeros(x.device(), shape, x.dtype())?;
        let begin = |cell: usize, part: usize| match &state {
            Some(state) => state[part].select(0, cell as i64),
            None => Ok(zeros.clone()),
        };
        let mut starts = Vec::new();
        for cell in 0..self.cells.len() {
            starts.push(from_fn(|part| begin(cell, part))?);
        }
        let directions = if self.options.bidirectional { 2 } else { 1 };
        let mut last: [Vec<Tensor>; S] = std::array::from_fn(|_| Vec::new());
        for (layer, cells) in self.cells.chunks(directions).enumerate() {
            let mut sides = Vec::new();
            for (direction, cell) in cells.iter().enumerate() {
                let projected = cell.project(&x)?;
                let mut state = starts[layer * directions + direction].clone();
                let mut outputs = vec![None; steps];
                for i in 0..steps {
                    let time = if direction == 0 { i } else { steps - 1 - i };
                    state = step(cell, &projected.select(0, time as i64)?, &state)?;
                    outputs[time] = Some(state[0].clone());
                }
                let outputs: Vec<&Tensor> = outputs.iter().flatten().collect();
                sides.push(Tensor::stack(&outputs, 0)?);
                last.iter_mut().zip(state).for_each(|(part, tensor)| part.push(tensor));
            }
            x = if directions == 1 { sides.remove(0) } else { Tensor::cat(&[&sides[0], &sides[1]], -1)? };
            if let Some(dropout) = self.dropouts.get(layer) {
                x = dropout.forward(&x)?;
            }
        }
        let last = from_fn(|part| Tensor::stack(&last[part].iter().collect::<Vec<_>>(), 0))?;
        Ok((if self.options.batch_first { x.transpose(0, 1)? } else { x }, last))
    }
}

/// An array of what `f` makes of each index, or its first error.
fn from_fn<const S: usize>(f: impl Fn(usize) -> Result<Tensor>) -> Result<[Tensor; S]> {
    let parts = (0..S).map(f).collect::<Result<Vec<Tensor>>>()?;
    parts.try_into().map_err(|_| Error::argument("a state has as many parts as its kind of cell"))
}
