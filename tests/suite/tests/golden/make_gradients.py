#!/usr/bin/env python3
"""Writes gradients.json: PyTorch's gradients, above all where a central difference cannot see the convention.

Every number is one that f32 holds exactly. The loss is the sum of the result times 1, 1.25, 1.5, ... in row-major order.
Made with PyTorch 1.13: python3 make_gradients.py
"""

import json
import math

import torch
import torch.nn.functional as F

INF = math.inf
rows = []


def grid(*shape, low=-2.0, seed=1):
    """Distinct multiples of 1/64 from `low` on, in a fixed disorder."""
    count = math.prod(shape)
    order = sorted(range(count), key=lambda i: (i * 7919 + seed * 104729) % 10007)
    return torch.tensor([low + 5 * k / 64 for k in order], dtype=torch.float64).reshape(shape)


def of(*values):
    return torch.tensor(values, dtype=torch.float64)


def ints(*values):
    return torch.tensor(values, dtype=torch.int64)


def weighted(y):
    flat = y.reshape(-1)
    return (flat * (1 + 0.25 * torch.arange(flat.numel(), dtype=flat.dtype))).sum()


def number(x):
    if math.isnan(x):
        return "nan"
    return x if math.isfinite(x) else ("inf" if x > 0 else "-inf")


def row(name, f, *inputs, twice=False):
    tensors = [x.clone().requires_grad_() if x.is_floating_point() else x for x in inputs]
    wanted = [x for x in tensors if x.is_floating_point()]
    gradients = torch.autograd.grad(weighted(f(*tensors)), wanted, create_graph=twice)
    if twice:
        total = sum(weighted(g) for g in gradients)
        gradients = torch.autograd.grad(total, wanted)
    rows.append(
        {
            "name": name,
            "inputs": [
                {
                    "shape": list(x.shape),
                    "dtype": "float" if x.is_floating_point() else "int",
                    "data": [number(v) for v in x.reshape(-1).tolist()],
                }
                for x in inputs
            ],
            "gradients": [[number(float(f"{v:.12g}")) for v in g.reshape(-1).tolist()] for g in gradients],
        }
    )


# Functions of one number, at their kinks, poles and ends.
for name, values in {
    "neg": [-1.5, 0, 2],
    "abs": [-1.5, 0, 2],
    "sign": [-1.5, 0, 2],
    "floor": [-1.5, 0, 0.5, 2],
    "ceil": [-1.5, 0, 0.5, 2],
    "round": [-1.5, 0, 0.5, 2],
    "trunc": [-1.5, 0, 0.5, 2],
    "exp": [-100, 0, 3],
    "expm1": [-100, 0, 3],
    "log": [0, 0.5, 2],
    "log1p": [-1, -0.5, 2],
    "sqrt": [0, 0.25, 4],
    "rsqrt": [0, 0.25, 4],
    "reciprocal": [0, 0.25, -4],
    "sin": [-1, 0, 2],
    "cos": [-1, 0, 2],
    "tan": [-1, 0, 2],
    "asin": [-1, -0.5, 0.75, 1],
    "acos": [-1, -0.5, 0.75, 1],
    "atan": [-1, 0, 100],
    "sinh": [-1, 0, 2],
    "cosh": [-1, 0, 2],
    "tanh": [-100, 0, 0.5, 100],
    "asinh": [-1, 0, 100],
    "acosh": [1, 2, 50],
    "atanh": [-1, -0.5, 0.75, 1],
    "erf": [-10, 0, 0.5],
}.items():
    row(name, getattr(torch, name), of(*values))
row("relu", F.relu, of(-1, 0, 2))
row("sigmoid", torch.sigmoid, of(-100, -1, 0, 2, 100))
row("silu", F.silu, of(-100, -1, 0, 2, 64))
row("softplus", F.softplus, of(-100, -1, 0, 2, 100))
row("gelu", F.gelu, of(-10, -1, 0, 0.5, 10))
row("gelu by tanh", lambda x: F.gelu(x, approximate="tanh"), of(-10, -1, 0, 0.5, 10))
row("clamp", lambda x: x.clamp(-1, 1), of(-2, -1, 0.5, 1, 2))

# Functions of two.
a, b = of(1.5, -2, 3, 0.5), of(0.5, 4, -2, 2)
row("add", torch.add, a, of(2))
row("sub", torch.sub, a, b)
row("mul", torch.mul, a, of(2))
row("div", torch.div, of(1.5, -2, 0, 1), of(0.5, 4, 2, 0))
row("rem", torch.fmod, of(5.5, -5.5, 5.5, -5.5), of(2, 2, -2, -2))
row("pow", torch.pow, of(0, 0, 0, 0, 2, -2, -3, 2), of(0, 1, 2, 0.5, 0, 2, 3, -1))
row("atan2", torch.atan2, of(0, 1, 0, -1), of(1, 0, -1, 2))
row("maximum", torch.maximum, of(1, 2, 3, 0), of(2, 2, 1, 0))
row("minimum", torch.minimum, of(1, 2, 3, 0), of(2, 2, 1, 0))
row("select", lambda x, y: torch.where(x > y, x * y, y), of(1, 2, 3), of(2, 2, 1))
row("cast", lambda x: x.to(torch.float32).to(torch.float64) ** 2, of(1.5, -2))

# Movement.
row("reshape", lambda x: x.reshape(3, 4).sin(), grid(2, 6))
row("transpose", lambda x: x.permute(2, 0, 1).sin(), grid(2, 3, 2))
row("broadcast", lambda x: x.expand(2, 3, 2).sin(), grid(3, 1))
row("slice", lambda x: x[:, 1:6:2].sin(), grid(2, 6))
row("flip", lambda x: x.flip(1).sin(), grid(2, 3))
row("pad", lambda x: F.pad(x, (1, 2), value=3.0).sin(), grid(2, 3))
row("concat", lambda x, y: torch.cat([x, y, x], 1), grid(2, 2), grid(2, 1, seed=2))
row("gather", lambda x, i: x.index_select(0, i), grid(4, 2), ints(3, 0, 0))
row("take along", lambda x, i: x.gather(1, i), grid(2, 4), ints([3, 0, 0], [1, 1, 1]))
row("scatter add", lambda x, i, u: x.index_add(0, i, u), grid(4, 2), ints(2, 0, 2), grid(3, 2, seed=2))
row("scatter set", lambda x, i, u: x.index_copy(0, i, u), grid(4, 2), ints(2, 0), grid(2, 2, seed=2))
for op in ["amax", "amin"]:
    row(
        f"scatter {op}",
        lambda x, i, u: x.scatter_reduce(0, i, u, op),
        of(1, 2, 3, 0),
        ints(0, 0, 1, 2, 2),
        of(1, 1, 5, 3, 2),
    )
row("dynamic slice", lambda x: x.narrow(0, 1, 2).sin(), grid(4, 2))
row(
    "dynamic update",
    lambda x, u: torch.cat([x[:1], u, x[3:]]).sin(),
    grid(4, 2),
    grid(2, 2, seed=2),
)

# Reductions, with ties and zeros.
row("sum", lambda x: x.sum(1), grid(2, 3))
row("product", lambda x: x.prod(1), of([2, 3, 4], [2, 0, 4], [0, 0, 4]))
row("max", lambda x: x.amax(1), of([1, 3, 3], [2, 2, 2], [0, -1, 1]))
row("min", lambda x: x.amin(1), of([1, 1, 3], [2, 2, 2], [0, -1, 1]))
row("norm", lambda x: x.norm(dim=1), of([3, -4], [0, 0]))
row("variance", lambda x: x.var(1, unbiased=True), of([1, 2, 4], [3, 3, 3]))
row("running sum", lambda x: x.cumsum(1), grid(2, 4))
row("running maximum", lambda x: x.cummax(1)[0], of([1, 3, 3, 2], [2, 0.5, 2, 4]))
row("running minimum", lambda x: x.cummin(1)[0], of([3, 1, 1, 2], [2, 4, 2, 0.5]))
row("running product", lambda x: x.cumprod(1), of([2, 0, 3, 0.5], [1.5, 0, 0, 2]))
row("sort", lambda x: x.sort(stable=True).values, of(2, 1, 2, 0, 1))
row("sort descending", lambda x: x.sort(stable=True, descending=True).values, of(2, 1, 2, 0, 1))
row("top k", lambda x: x.topk(2).values, grid(2, 5))
row("max pooling", lambda x: F.max_pool1d(x, 3, 2, 1), of([[1, 3, 3, 2, 2, 0]]))
row("sum pooling", lambda x: 2 * F.avg_pool1d(x, 2), grid(1, 1, 6))
row("log-sum-exp", lambda x: x.logsumexp(1), of([100, -100, 0], [2, 2, 2], [-INF, 0, 1]))

# Contractions.
row("matmul", torch.matmul, grid(2, 3), grid(3, 2, seed=2))
row("batched matmul", torch.matmul, grid(2, 2, 3), grid(3, 2, seed=2))
row("convolution", lambda x, w: F.conv1d(x, w, stride=2, padding=1), grid(1, 2, 5), grid(2, 2, 3, seed=2))
row(
    "grouped, dilated convolution",
    lambda x, w: F.conv2d(x, w, dilation=(2, 1), groups=2),
    grid(1, 2, 4, 3, low=-1),
    grid(4, 1, 2, 2, low=-0.5, seed=2),
)

# Composites.
extreme = of([100, 0, -100], [1, 2, 1], [0, -INF, 1])
row("softmax", lambda x: x.softmax(1), extreme)
row("log-softmax", lambda x: x.log_softmax(1), extreme[:2])
row("cross-entropy", lambda x, t: F.cross_entropy(x, t, reduction="none"), of([2, 1, 0], [-1, 3, 100]), ints(1, 2))
row(
    "layer norm",
    lambda x, w, b: F.layer_norm(x, (4,), w, b, 1e-2),
    of([1, 2, 3, 5], [2, 2, 2, 2]),
    of(1, 0.5, 2, -1),
    of(0, 1, 2, 3),
)
row(
    "rms norm",
    lambda x, w: x * (x.square().mean(-1, keepdim=True) + 1e-2).rsqrt() * w,
    of([1, 2, 3, 5], [0, 0, 0, 0]),
    of(1, 0.5, 2, -1),
)
row(
    "batch norm",
    lambda x, w, b, m, v: (x - m[:, None]) / (v[:, None] + 1e-2).sqrt() * w[:, None] + b[:, None],
    grid(2, 2, 3),
    of(1, -0.5),
    of(0.25, 2),
    of(0.5, -0.5),
    of(1, 2),
)
row(
    "group norm",
    lambda x, w, b: F.group_norm(x, 2, w, b, 1e-2),
    grid(2, 4, 2),
    of(1, 0.5, 2, -1),
    of(0, 1, 2, 3),
)


def rope(x, cos, sin):
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], -1)


row("rope", rope, grid(2, 3, 4), grid(3, 2, seed=2), grid(3, 2, seed=3))


def attention(causal):
    def f(q, k, v, mask=None):
        scores = q @ k.transpose(-1, -2) * 0.5
        if mask is not None:
            scores = scores + mask
        if causal:
            visible = torch.ones(scores.shape[-2:]).tril(scores.shape[-1] - scores.shape[-2]) > 0
            scores = scores.masked_fill(~visible, -INF)
        return scores.softmax(-1) @ v

    return f


qkv = grid(1, 2, 2, low=-1), grid(1, 3, 2, low=-1, seed=2), grid(1, 3, 2, low=-1, seed=3)
row("attention", attention(False), *qkv)
row("causal attention", attention(True), *qkv)
row("masked attention", attention(False), *qkv, of([[0, -INF, 0.5], [1, 0, -INF]]))


def hidden(q, k, v, mask):
    scores = q @ k.transpose(-1, -2) * 0.5 + mask
    nothing = (scores == -INF).all(-1, keepdim=True)
    return scores.masked_fill(nothing, 0).softmax(-1).masked_fill(nothing, 0) @ v


row("attention where a query sees nothing", hidden, *qkv, of([[-INF, -INF, -INF], [1, 0, -INF]]))
row("attention twice", attention(False), *qkv, twice=True)
row("dequantize", lambda s, x: (x - 3) * s, torch.tensor(0.5, dtype=torch.float64), ints(-128, 0, 127))

# Gradients of gradients at kinks.
row("relu twice", lambda x: F.relu(x) ** 2, of(-1, 0, 2), twice=True)
row("square twice", lambda x: x**2, of(-1, 0, 2), twice=True)
row("softmax twice", lambda x: x.softmax(1), of([1, 2, 1], [0, 3, 1]), twice=True)
row("layer norm twice", lambda x: F.layer_norm(x, (4,), eps=1e-2), of([1, 2, 3, 5]), twice=True)

with open("gradients.json", "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(r) for r in rows) + "\n]\n")
