//! Methods that add ops with the conveniences people expect: names, broadcasting, keeping reduced axes.

use crate::error::GraphError;
use crate::graph::{Graph, NodeId};
use crate::op::*;
use crate::program::{BinaryOp, CompareOp, ReduceOp, UnaryOp};
use crate::{DType, Dim, HostTensor, Scalar, Shape, TensorType};

macro_rules! binary {
    ($($name:ident $op:ident $doc:literal),* $(,)?) => {$(
        #[doc = $doc]
        ///
        /// Errors: shapes that do not broadcast, dtypes that differ.
        #[track_caller]
        pub fn $name(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, GraphError> {
            self.binary(BinaryOp::$op, a, b)
        }
    )*};
}

impl Graph {
    /// A tensor that each run is given.
    #[track_caller]
    pub fn input(&mut self, name: &str, dtype: DType, shape: impl Into<Shape>) -> Result<NodeId, GraphError> {
        self.apply(Input { name: name.into(), ty: TensorType::new(dtype, shape) }, &[])
    }

    /// A frozen tensor that is bound by name at preparation.
    #[track_caller]
    pub fn parameter(
        &mut self,
        name: &str,
        dtype: DType,
        shape: impl Into<Shape>,
    ) -> Result<NodeId, GraphError> {
        self.apply(Parameter { name: name.into(), ty: TensorType::new(dtype, shape) }, &[])
    }

    /// State that lives on the device from run to run.
    #[track_caller]
    pub fn variable(
        &mut self,
        name: &str,
        dtype: DType,
        shape: impl Into<Shape>,
    ) -> Result<NodeId, GraphError> {
        self.apply(Variable { name: name.into(), ty: TensorType::new(dtype, shape) }, &[])
    }

    /// A small tensor that is part of the graph.
    #[track_caller]
    pub fn constant(&mut self, value: HostTensor) -> Result<NodeId, GraphError> {
        self.apply(Constant { value }, &[])
    }

    /// A constant of rank 0, rounded to `dtype`.
    #[track_caller]
    pub fn scalar(&mut self, value: f64, dtype: DType) -> Result<NodeId, GraphError> {
        self.constant_scalar(Scalar::new(value, dtype), dtype)
    }

    /// A constant of rank 0.
    #[track_caller]
    pub fn constant_scalar(&mut self, value: Scalar, dtype: DType) -> Result<NodeId, GraphError> {
        self.constant(HostTensor::scalar(dtype, value))
    }

    /// A size as an `I32` of rank 0.
    #[track_caller]
    pub fn size(&mut self, size: &Dim) -> Result<NodeId, GraphError> {
        match size.as_const() {
            Some(value) => self.constant_scalar(Scalar::Int(value as i128), DType::I32),
            None => self.apply(Size { size: size.clone(), dtype: DType::I32 }, &[]),
        }
    }

    /// Coordinates along an axis.
    #[track_caller]
    pub fn iota(&mut self, shape: impl Into<Shape>, axis: usize, dtype: DType) -> Result<NodeId, GraphError> {
        self.apply(Iota { shape: shape.into(), axis, dtype }, &[])
    }

    /// An elementwise function.
    #[track_caller]
    pub fn unary(&mut self, op: UnaryOp, x: NodeId) -> Result<NodeId, GraphError> {
        self.apply(Unary { op }, &[x])
    }

    /// An elementwise function of two tensors that broadcast.
    #[track_caller]
    pub fn binary(&mut self, op: BinaryOp, a: NodeId, b: NodeId) -> Result<NodeId, GraphError> {
        let [a, b] = self.broadcast_together("binary", [a, b])?;
        self.apply(Binary { op }, &[a, b])
    }

    binary! {
        add Add "`a + b`, broadcast.",
        sub Sub "`a - b`, broadcast.",
        mul Mul "`a · b`, broadcast.",
        div Div "`a / b`, broadcast.",
        pow Pow "`a^b`, broadcast.",
        maximum Max "The larger, broadcast.",
        minimum Min "The smaller, broadcast.",
    }

    /// A comparison of two tensors that broadcast.
    #[track_caller]
    pub fn compare(&mut self, op: CompareOp, a: NodeId, b: NodeId) -> Result<NodeId, GraphError> {
        let [a, b] = self.broadcast_together("compare", [a, b])?;
        self.apply(Compare { op }, &[a, b])
    }

    /// `a` where the condition holds, else `b`; all three broadcast.
    #[track_caller]
    pub fn select(&mut self, condition: NodeId, a: NodeId, b: NodeId) -> Result<NodeId, GraphError> {
        let inputs = self.broadcast_together("select", [condition, a, b])?;
        self.apply(Select, &inputs)
    }

    /// Conversion to `dtype`; the operand itself if it has that dtype.
    #[track_caller]
    pub fn cast(&mut self, x: NodeId, dtype: DType) -> Result<NodeId, GraphError> {
        if self.dtype(x) == dtype { Ok(x) } else { self.apply(Cast { dtype }, &[x]) }
    }

    /// The same elements in another shape; the operand itself if it has that shape.
    #[track_caller]
    pub fn reshape(&mut self, x: NodeId, shape: impl Into<Shape>) -> Result<NodeId, GraphError> {
        let shape = shape.into();
        if *self.shape(x) == shape { Ok(x) } else { self.apply(Reshape { shape }, &[x]) }
    }

    /// Axes in another order.
    #[track_caller]
    pub fn transpose(&mut self, x: NodeId, permutation: &[usize]) -> Result<NodeId, GraphError> {
        self.apply(Transpose { permutation: permutation.into() }, &[x])
    }

    /// The last two axes exchanged.
    #[track_caller]
    pub fn transpose_last(&mut self, x: NodeId) -> Result<NodeId, GraphError> {
        let rank = self.shape(x).rank();
        let mut permutation: Vec<usize> = (0..rank).collect();
        if rank >= 2 {
            permutation.swap(rank - 2, rank - 1);
        }
        self.transpose(x, &permutation)
    }

    /// NumPy's broadcasting to `shape`; the operand itself if it has that shape.
    #[track_caller]
    pub fn broadcast_to(&mut self, x: NodeId, shape: &Shape) -> Result<NodeId, GraphError> {
        if self.shape(x) == shape {
            return Ok(x);
        }
        let rank = self.shape(x).rank();
        let shift = shape.rank().saturating_sub(rank);
        self.apply(Broadcast { shape: shape.clone(), axes: (shift..shift + rank).collect() }, &[x])
    }

    /// An axis of extent 1 put in at `axis`.
    #[track_caller]
    pub fn unsqueeze(&mut self, x: NodeId, axis: usize) -> Result<NodeId, GraphError> {
        let mut shape = self.shape(x).clone();
        shape.0.insert(axis.min(shape.rank()), Dim::ONE);
        self.reshape(x, shape)
    }

    /// The axis `axis`, of extent 1, taken out.
    #[track_caller]
    pub fn squeeze(&mut self, x: NodeId, axis: usize) -> Result<NodeId, GraphError> {
        let mut shape = self.shape(x).clone();
        if axis < shape.rank() {
            shape.0.remove(axis);
        }
        self.reshape(x, shape)
    }

    /// Axes reduced and gone.
    #[track_caller]
    pub fn reduce(&mut self, op: ReduceOp, x: NodeId, axes: &[usize]) -> Result<NodeId, GraphError> {
        let mut axes = axes.to_vec();
        axes.sort_unstable();
        self.apply(Reduce { op, axes }, &[x])
    }

    /// Axes reduced to extent 1.
    #[track_caller]
    pub fn reduce_keep(&mut self, op: ReduceOp, x: NodeId, axes: &[usize]) -> Result<NodeId, GraphError> {
        let mut shape = self.shape(x).clone();
        let reduced = self.reduce(op, x, axes)?;
        for &axis in axes {
            shape.0[axis] = Dim::ONE;
        }
        self.reshape(reduced, shape)
    }

    /// The mean over axes, which stay with extent 1.
    #[track_caller]
    pub fn mean_keep(&mut self, x: NodeId, axes: &[usize]) -> Result<NodeId, GraphError> {
        let count: Dim = axes.iter().map(|&a| self.shape(x)[a].clone()).product();
        let sum = self.reduce_keep(ReduceOp::Sum, x, axes)?;
        let dtype = self.dtype(sum);
        let count = match count.as_const() {
            Some(n) => self.scalar(n as f64, dtype)?,
            None => {
                let count = self.size(&count)?;
                self.cast(count, dtype)?
            }
        };
        self.div(sum, count)
    }

    /// Matrix product of the last two axes; batch axes broadcast.
    #[track_caller]
    pub fn matmul(&mut self, a: NodeId, b: NodeId) -> Result<NodeId, GraphError> {
        let (a_shape, b_shape) = (self.shape(a).clone(), self.shape(b).clone());
        if a_shape.rank() < 2 || b_shape.rank() < 2 {
            return self.apply(MatMul { dtype: None }, &[a, b]);
        }
        let split = |s: &Shape| (Shape(s[..s.rank() - 2].to_vec()), s[s.rank() - 2..].to_vec());
        let ((a_batch, a_matrix), (b_batch, b_matrix)) = (split(&a_shape), split(&b_shape));
        let batch = broadcast_shapes(&a_batch, &b_batch).map_err(|e| {
            GraphError::new(
                "matmul",
                vec![self.ty(a).clone(), self.ty(b).clone()],
                Some(std::panic::Location::caller()),
                e,
            )
        })?;
        let whole = |matrix: Vec<Dim>| batch.iter().cloned().chain(matrix).collect::<Shape>();
        let a = self.broadcast_to(a, &whole(a_matrix))?;
        let b = self.broadcast_to(b, &whole(b_matrix))?;
        self.apply(MatMul { dtype: None }, &[a, b])
    }

    /// The kernel of the transposed convolution: `[a, b / groups, k..]` as `[b, a / groups, k..]`, mirrored along `k`.
    ///
    /// With it, a convolution in which stride and input dilation change places goes the way of another back.
    #[track_caller]
    pub fn transposed_kernel(&mut self, kernel: NodeId, groups: usize) -> Result<NodeId, GraphError> {
        let shape = self.shape(kernel).clone();
        let count = Dim::from(groups);
        let outer = shape[0].floor_div(&count);
        let along = || shape[2..].iter().cloned();
        let split: Shape = [count, outer.clone(), shape[1].clone()].into_iter().chain(along()).collect();
        let joined: Shape = [&shape[1] * groups, outer].into_iter().chain(along()).collect();
        let split = self.reshape(kernel, split)?;
        let order: Vec<usize> = [0, 2, 1].into_iter().chain(3..shape.rank() + 1).collect();
        let turned = self.transpose(split, &order)?;
        let turned = self.reshape(turned, joined.clone())?;
        let start = |(axis, n): (usize, &Dim)| if axis < 2 { Dim::ZERO } else { n - 1 };
        let mirror = Slice {
            starts: joined.iter().enumerate().map(start).collect(),
            steps: (0..joined.rank()).map(|axis| if axis < 2 { 1 } else { -1 }).collect(),
            extents: joined.0,
        };
        self.apply(mirror, &[turned])
    }

    /// Slices of `x` along `axis` at run-time indices.
    #[track_caller]
    pub fn gather(&mut self, x: NodeId, axis: usize, indices: NodeId) -> Result<NodeId, GraphError> {
        self.apply(Gather { axis }, &[x, indices])
    }

    /// Tensors one after another along an axis.
    #[track_caller]
    pub fn concat(&mut self, inputs: &[NodeId], axis: usize) -> Result<NodeId, GraphError> {
        self.apply(Concat { axis }, inputs)
    }

    /// `extent` elements of `axis` from `start`.
    #[track_caller]
    pub fn narrow(
        &mut self,
        x: NodeId,
        axis: usize,
        start: impl Into<Dim>,
        extent: impl Into<Dim>,
    ) -> Result<NodeId, GraphError> {
        let shape = self.shape(x).clone();
        let mut slice = Slice {
            starts: vec![Dim::ZERO; shape.rank()],
            extents: shape.0.clone(),
            steps: vec![1; shape.rank()],
        };
        if axis < shape.rank() {
            slice.starts[axis] = start.into();
            slice.extents[axis] = extent.into();
        }
        self.apply(slice, &[x])
    }

    /// All inputs broadcast to their common shape.
    #[track_caller]
    fn broadcast_together<const N: usize>(
        &mut self,
        op: &str,
        inputs: [NodeId; N],
    ) -> Result<[NodeId; N], GraphError> {
        let location = std::panic::Location::caller();
        let mut shape = Shape::scalar();
        for &input in &inputs {
            shape = broadcast_shapes(&shape, self.shape(input)).map_err(|error| {
                GraphError::new(
                    op,
                    inputs.iter().map(|&i| self.ty(i).clone()).collect(),
                    Some(location),
                    error,
                )
            })?;
        }
        let mut result = inputs;
        for input in &mut result {
            *input = self.broadcast_to(*input, &shape)?;
        }
        Ok(result)
    }
}
