"""Writes golden/*.json: layers and losses of PyTorch 1.13, forward and backward, in float64.

    python3 make.py [NAME..]

Each file holds named inputs, the state dict before, the outputs, the gradients of sum(output * seed) with respect to float inputs and
parameters, and buffers after. Inputs and weights are decimals of three digits, so that float32 rounds them by little.
"""

import json
import math
import os
import sys

import torch
import torch.nn as nn
import torch.nn.functional as F

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
WANTED = sys.argv[1:]
TYPES = {torch.float64: "f32", torch.int64: "i64", torch.bool: "bool"}


def pack(t):
    t = t.detach()
    flat = t.reshape(-1).tolist()
    if t.dtype == torch.float64:
        flat = [float("%.7g" % v) for v in flat]
        flat = [int(v) if v == int(v) else v for v in flat]
    if t.dtype == torch.bool:
        flat = [int(v) for v in flat]
    return {"dtype": TYPES[t.dtype], "shape": list(t.shape), "data": flat}


def decimals(t):
    return torch.round(t, decimals=3)


def randn(*shape):
    return decimals(torch.randn(shape, dtype=torch.float64))


def rand(*shape):
    return decimals(0.02 + 0.96 * torch.rand(shape, dtype=torch.float64))


def classes(count, *shape):
    return torch.randint(0, count, shape)


def row(name, inputs, forward, module=None, training=True, constant=()):
    if WANTED and name not in WANTED:
        return
    torch.manual_seed(sum(name.encode()))
    inputs = {k: v() if callable(v) else v for k, v in inputs.items()}
    state = {}
    if module is not None:
        module = module().double()
        module.train(training)
        for p in module.parameters():
            p.data = decimals(p.data + 0.2 * torch.randn_like(p))
        for key, b in module.named_buffers():
            if b.dtype == torch.float64:
                b.data = decimals(b.data + 0.3 * torch.rand_like(b))
        state = {k: pack(v) for k, v in module.state_dict().items()}
    leaves = {k: v.clone().requires_grad_() for k, v in inputs.items() if v.dtype == torch.float64 and k not in constant}
    given = {**inputs, **leaves}
    out = forward(module, *given.values()) if module is not None else forward(*given.values())
    out = out if isinstance(out, (tuple, list)) else (out,)
    seeds = [randn(*o.shape) for o in out]
    sum((o * s).sum() for o, s in zip(out, seeds)).backward()
    zero = lambda t: torch.zeros_like(t) if t.grad is None else t.grad
    grads = {k: pack(zero(v)) for k, v in leaves.items()}
    buffers = {}
    if module is not None:
        grads.update({k: pack(zero(p)) for k, p in module.named_parameters()})
        buffers = {k: pack(b) for k, b in module.named_buffers()}
    result = {
        "inputs": {k: pack(v) for k, v in inputs.items()},
        "state": state,
        "outputs": [pack(o) for o in out],
        "seeds": [pack(s) for s in seeds],
        "gradients": grads,
        "buffers": buffers,
    }
    with open(os.path.join(FOLDER, name + ".json"), "w") as f:
        json.dump(result, f, separators=(",", ":"))
        f.write("\n")


def layer(name, inputs, module, training=True, forward=lambda m, x: m(x)):
    row(name, inputs, forward, module, training)


# Activations: one grid of values, off the kinks.
GRID = {"x": lambda: torch.tensor([-7.25, -3.5, -2.9, -1.3, -0.7, -0.3, -0.01, 0.02, 0.4, 0.6, 1.2, 2.7, 3.3, 6.5], dtype=torch.float64)}
SIMPLE = {
    "relu": F.relu, "relu6": F.relu6, "selu": F.selu, "sigmoid": torch.sigmoid, "log_sigmoid": F.logsigmoid,
    "softplus": F.softplus, "softsign": F.softsign, "silu": F.silu, "mish": F.mish, "gelu": F.gelu,
    "hardsigmoid": F.hardsigmoid, "hardswish": F.hardswish, "tanhshrink": F.tanhshrink,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"), "leaky_relu": lambda x: F.leaky_relu(x, 0.1),
    "elu": lambda x: F.elu(x, 0.7), "celu": lambda x: F.celu(x, 1.5), "hardtanh": lambda x: F.hardtanh(x, -2.0, 0.5),
    "hardshrink": lambda x: F.hardshrink(x, 0.5), "softshrink": lambda x: F.softshrink(x, 0.5),
    "threshold": lambda x: F.threshold(x, 0.5, -2.0), "glu": lambda x: F.glu(x, 0),
}
for name, f in SIMPLE.items():
    row(name, GRID, f)
row("prelu", {"x": lambda: randn(2, 3, 4), "slope": lambda: randn(3)}, lambda x, slope: F.prelu(x, slope))

# Layers without recurrence.
layer("Linear", {"x": lambda: randn(2, 3, 4)}, lambda: nn.Linear(4, 3))
layer("Linear.without_bias", {"x": lambda: randn(2, 4)}, lambda: nn.Linear(4, 3, bias=False))
layer("Embedding", {"x": lambda: classes(5, 2, 4)}, lambda: nn.Embedding(5, 3))
layer("Conv1d", {"x": lambda: randn(2, 4, 9)}, lambda: nn.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2))
layer("Conv2d", {"x": lambda: randn(2, 2, 5, 6)}, lambda: nn.Conv2d(2, 3, (3, 2), stride=(1, 2), padding=(1, 0)))
layer("Conv2d.depthwise", {"x": lambda: randn(1, 4, 5, 5)}, lambda: nn.Conv2d(4, 4, 3, stride=2, padding=1, groups=4, bias=False))
layer("Conv3d", {"x": lambda: randn(1, 2, 4, 3, 4)}, lambda: nn.Conv3d(2, 2, 2, stride=(2, 1, 1), padding=1))
layer("ConvTranspose1d", {"x": lambda: randn(2, 4, 5)}, lambda: nn.ConvTranspose1d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2))
layer("ConvTranspose2d", {"x": lambda: randn(2, 3, 3, 4)}, lambda: nn.ConvTranspose2d(3, 2, (3, 2), stride=(2, 3), padding=(1, 0), dilation=(2, 1)))
layer("ConvTranspose3d", {"x": lambda: randn(1, 2, 2, 3, 2)}, lambda: nn.ConvTranspose3d(2, 2, 2, stride=(1, 2, 1), padding=(0, 1, 0), bias=False))
layer("BatchNorm1d", {"x": lambda: randn(5, 3)}, lambda: nn.BatchNorm1d(3))
layer("BatchNorm1d.cumulative", {"x": lambda: randn(2, 3, 4)}, lambda: nn.BatchNorm1d(3, momentum=None, eps=1e-3))
layer("BatchNorm2d", {"x": lambda: randn(2, 3, 3, 2)}, lambda: nn.BatchNorm2d(3))
layer("BatchNorm2d.eval", {"x": lambda: randn(2, 3, 3, 2)}, lambda: nn.BatchNorm2d(3), training=False)
layer("BatchNorm3d", {"x": lambda: randn(2, 2, 2, 3, 2)}, lambda: nn.BatchNorm3d(2, momentum=0.3))
layer("GroupNorm", {"x": lambda: randn(2, 4, 3, 2)}, lambda: nn.GroupNorm(2, 4))
layer("InstanceNorm", {"x": lambda: randn(2, 3, 5)}, lambda: nn.InstanceNorm1d(3))
layer("InstanceNorm.affine", {"x": lambda: randn(2, 3, 2, 3)}, lambda: nn.InstanceNorm2d(3, affine=True))
layer("LayerNorm", {"x": lambda: randn(2, 3, 5)}, lambda: nn.LayerNorm(5))


class RmsNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight


layer("RmsNorm", {"x": lambda: randn(2, 3, 5)}, lambda: RmsNorm(5))
layer("Prelu", {"x": lambda: randn(2, 3, 4)}, lambda: nn.PReLU(3))
layer("Flatten", {"x": lambda: randn(2, 3, 2)}, lambda: nn.Flatten())
layer("Dropout", {"x": lambda: randn(2, 3)}, lambda: nn.Dropout(0.5), training=False)
layer("Sequential", {"x": lambda: randn(3, 4)}, lambda: nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 2)))
layer("MaxPool1d", {"x": lambda: randn(2, 2, 9)}, lambda: nn.MaxPool1d(3, stride=2, padding=1, dilation=2, ceil_mode=True))
layer("MaxPool2d", {"x": lambda: randn(2, 2, 5, 6)}, lambda: nn.MaxPool2d(2))
layer("MaxPool2d.overlapping", {"x": lambda: randn(1, 2, 6, 5)}, lambda: nn.MaxPool2d(3, stride=2, padding=1))
layer("AvgPool1d", {"x": lambda: randn(2, 2, 7)}, lambda: nn.AvgPool1d(3, stride=2, padding=1, ceil_mode=True))
layer("AvgPool2d", {"x": lambda: randn(2, 2, 5, 6)}, lambda: nn.AvgPool2d((2, 3)))
layer("AvgPool2d.without_padding", {"x": lambda: randn(1, 2, 6, 6)}, lambda: nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True, count_include_pad=False))
layer("AdaptiveAvgPool1d", {"x": lambda: randn(2, 2, 7)}, lambda: nn.AdaptiveAvgPool1d(3))
layer("AdaptiveAvgPool2d", {"x": lambda: randn(2, 2, 5, 6)}, lambda: nn.AdaptiveAvgPool2d((1, 4)))


# Losses: the target is a constant where PyTorch does not differentiate it.
def loss(name, inputs, forward, constant=("target",)):
    row("loss." + name, inputs, forward, constant=constant)


PAIR = {"x": lambda: randn(3, 4), "target": lambda: randn(3, 4)}
BINARY = {"x": lambda: rand(3, 4), "target": lambda: rand(3, 4)}
LOGITS = {"x": lambda: randn(3, 4), "target": lambda: rand(3, 4)}
SIGNS = lambda: torch.tensor([1.0, -1.0, -1.0, 1.0], dtype=torch.float64)
CLASSES = {"x": lambda: randn(4, 5), "target": lambda: torch.tensor([3, 0, 4, 1])}
WEIGHT = torch.tensor([0.5, 1.5, 1.0, 2.0, 0.25], dtype=torch.float64)
for reduction in ["none", "mean", "sum"]:
    loss("mse." + reduction, PAIR, lambda x, y: F.mse_loss(x, y, reduction=reduction), ())
    loss("cross_entropy." + reduction, CLASSES, lambda x, y: F.cross_entropy(x, y, reduction=reduction))
    loss("cross_entropy.all_options_" + reduction, {"x": lambda: randn(2, 5, 3), "target": lambda: torch.tensor([[0, 2, 4], [2, 1, 3]])},
         lambda x, y: F.cross_entropy(x, y, weight=WEIGHT, ignore_index=2, label_smoothing=0.2, reduction=reduction))
loss("cross_entropy.smoothing", CLASSES, lambda x, y: F.cross_entropy(x, y, label_smoothing=0.1))
loss("cross_entropy_of_probabilities", {"x": lambda: randn(3, 4, 2), "target": lambda: decimals(torch.softmax(randn(3, 4, 2), 1))},
     lambda x, y: F.cross_entropy(x, y, reduction="none"))
loss("nll", {"x": lambda: -rand(4, 5), "target": lambda: torch.tensor([3, 0, 4, 1])}, lambda x, y: F.nll_loss(x, y, weight=WEIGHT))
loss("l1", PAIR, lambda x, y: F.l1_loss(x, y), ())
loss("smooth_l1", PAIR, lambda x, y: F.smooth_l1_loss(x, y, beta=0.7), ())
loss("huber", PAIR, lambda x, y: F.huber_loss(x, y, delta=0.7), ())
loss("poisson_nll", PAIR, lambda x, y: F.poisson_nll_loss(x, y))
loss("poisson_nll.rate", {"x": lambda: rand(3, 4), "target": lambda: rand(3, 4)}, lambda x, y: F.poisson_nll_loss(x, y, log_input=False))
loss("gaussian_nll", {"x": lambda: randn(3, 4), "target": lambda: randn(3, 4), "variance": lambda: rand(3, 4)},
     lambda x, y, v: F.gaussian_nll_loss(x, y, v))
loss("bce", BINARY, lambda x, y: F.binary_cross_entropy(x, y))
loss("bce_with_logits", LOGITS, lambda x, y: F.binary_cross_entropy_with_logits(
    x, y, weight=WEIGHT[:4], pos_weight=WEIGHT[1:], reduction="none"))
loss("bce_with_logits.large", {"x": lambda: 40 * randn(3, 4), "target": lambda: rand(3, 4)}, lambda x, y: F.binary_cross_entropy_with_logits(x, y))
loss("soft_margin", {"x": lambda: randn(4), "target": SIGNS}, lambda x, y: F.soft_margin_loss(x, y))
loss("multilabel_soft_margin", {"x": lambda: randn(3, 5), "target": lambda: classes(2, 3, 5).double()},
     lambda x, y: F.multilabel_soft_margin_loss(x, y, weight=WEIGHT))
loss("kl_div", {"x": lambda: -rand(3, 4), "target": lambda: rand(3, 4) * (torch.arange(4) > 0)}, lambda x, y: F.kl_div(x, y, reduction="sum"))
loss("kl_div.log_target", {"x": lambda: -rand(3, 4), "target": lambda: -rand(3, 4)}, lambda x, y: F.kl_div(x, y, reduction="none", log_target=True), ())
loss("margin_ranking", {"a": lambda: randn(4), "b": lambda: randn(4), "target": SIGNS}, lambda a, b, y: F.margin_ranking_loss(a, b, y, margin=0.3))
loss("hinge_embedding", {"x": lambda: randn(4), "target": SIGNS}, lambda x, y: F.hinge_embedding_loss(x, y, margin=1.0))
loss("cosine_embedding", {"a": lambda: randn(4, 3), "b": lambda: randn(4, 3), "target": SIGNS},
     lambda a, b, y: F.cosine_embedding_loss(a, b, y, margin=-0.2))
TRIPLET = {"a": lambda: randn(4, 3), "p": lambda: randn(4, 3), "n": lambda: randn(4, 3)}
loss("triplet_margin", TRIPLET, lambda a, p, n: F.triplet_margin_loss(a, p, n))
loss("triplet_margin.swap", TRIPLET, lambda a, p, n: F.triplet_margin_loss(a, p, n, margin=0.5, p=3, swap=True, reduction="sum"))
loss("multi_margin", CLASSES, lambda x, y: F.multi_margin_loss(x, y))
loss("multi_margin.squared", CLASSES, lambda x, y: F.multi_margin_loss(x, y, p=2, margin=0.7, weight=WEIGHT))


def dice(p, y):
    both, all = (p * y).flatten(2).sum(2), p.flatten(2).sum(2) + y.flatten(2).sum(2)
    return (1 - (2 * both + 1) / (all + 1)).mean()


def focal(x, y, alpha=0.25, gamma=2):
    p = torch.sigmoid(x)
    right = p * y + (1 - p) * (1 - y)
    weight = alpha * y + (1 - alpha) * (1 - y)
    return (weight * (1 - right) ** gamma * F.binary_cross_entropy_with_logits(x, y, reduction="none")).mean()


def info_nce(q, k):
    scores = F.normalize(q, dim=1) @ F.normalize(k, dim=1).T / 0.2
    return F.cross_entropy(scores, torch.arange(len(q)))


def nt_xent(a, b):
    z = F.normalize(torch.cat([a, b]), dim=1)
    scores = (z @ z.T / 0.5).masked_fill(torch.eye(len(z), dtype=torch.bool), -math.inf)
    n = len(a)
    return F.cross_entropy(scores, torch.cat([torch.arange(n, 2 * n), torch.arange(n)]))


loss("dice", {"x": lambda: rand(2, 2, 3, 2), "target": lambda: classes(2, 2, 2, 3, 2).double()}, dice)
loss("focal", {"x": lambda: randn(3, 4), "target": lambda: classes(2, 3, 4).double()}, focal)
loss("info_nce", {"q": lambda: randn(4, 3), "k": lambda: randn(4, 3)}, info_nce)
loss("nt_xent", {"a": lambda: randn(3, 4), "b": lambda: randn(3, 4)}, nt_xent)

# The second sequence is shorter, the third has a repeated label, the fourth is too long to be spelt.
SPELT = {"x": lambda: randn(6, 4, 4), "target": lambda: torch.tensor([[1, 2, 3], [2, 1, 1], [1, 1, 3], [2, 2, 2]]),
         "lengths": lambda: torch.tensor([6, 4, 6, 3]), "target_lengths": lambda: torch.tensor([3, 1, 3, 3])}
for reduction in ["none", "mean"]:
    loss("ctc." + reduction, SPELT, lambda x, y, l, t: F.ctc_loss(
        F.log_softmax(x, 2), y, l, t, reduction=reduction, zero_infinity=True))


# Recurrent layers.
def flat(result):
    output, (hidden, memory) = result
    return output, hidden, memory


STEPS = {"x": lambda: randn(4, 2, 3)}
layer("Rnn", STEPS, lambda: nn.RNN(3, 2))
layer("Rnn.relu", STEPS, lambda: nn.RNN(3, 2, nonlinearity="relu", bias=False))
layer("Lstm", STEPS, lambda: nn.LSTM(3, 2), forward=lambda m, x: flat(m(x)))
layer("Lstm.deep", {"x": lambda: randn(2, 3, 3), "h": lambda: randn(4, 2, 2), "c": lambda: randn(4, 2, 2)},
      lambda: nn.LSTM(3, 2, num_layers=2, bidirectional=True, batch_first=True), forward=lambda m, x, h, c: flat(m(x, (h, c))))
layer("Gru", STEPS, lambda: nn.GRU(3, 2))
layer("Gru.deep", {"x": lambda: randn(3, 2, 3), "h": lambda: randn(4, 2, 2)},
      lambda: nn.GRU(3, 2, num_layers=2, bidirectional=True), forward=lambda m, x, h: m(x, h))



# Attention.
def hidden(s, t):
    return torch.full((s, t), -math.inf, dtype=torch.float64).triu(1)


def rope(x, base=10000.0, interleaved=False):
    d = x.shape[-1]
    angles = torch.arange(x.shape[-2])[:, None] * base ** (-torch.arange(0, d, 2) / d)
    cos, sin = angles.cos().double(), angles.sin().double()
    if interleaved:
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack([a * cos - b * sin, b * cos + a * sin], -1).flatten(-2)
    a, b = x[..., : d // 2], x[..., d // 2 :]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


class Grouped(nn.Module):
    """Grouped queries with rotary embedding and a causal mask."""

    def __init__(self, width, heads, kv_heads):
        super().__init__()
        self.heads, self.kv_heads, self.d = heads, kv_heads, width // heads
        self.q_proj_weight = nn.Parameter(torch.randn(width, width))
        self.k_proj_weight = nn.Parameter(torch.randn(kv_heads * self.d, width))
        self.v_proj_weight = nn.Parameter(torch.randn(kv_heads * self.d, width))
        self.out_proj = nn.Linear(width, width, bias=False)

    def forward(self, x):
        n, s, width = x.shape
        split = lambda y, heads: y.view(n, s, heads, self.d).transpose(1, 2)
        q = rope(split(x @ self.q_proj_weight.T, self.heads))
        k = rope(split(x @ self.k_proj_weight.T, self.kv_heads)).repeat_interleave(self.heads // self.kv_heads, 1)
        v = split(x @ self.v_proj_weight.T, self.kv_heads).repeat_interleave(self.heads // self.kv_heads, 1)
        scores = q @ k.transpose(2, 3) / math.sqrt(self.d) + hidden(s, s)
        return self.out_proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(n, s, width))


PADDING = lambda: torch.tensor([[False, False, False, True], [False, True, False, True]])
row("Rope", {"x": lambda: randn(2, 3, 6)}, rope)
row("Rope.interleaved", {"x": lambda: randn(2, 3, 6)}, lambda x: rope(x, 100.0, True))
layer("MultiHeadAttention", {"x": lambda: randn(2, 3, 4)}, lambda: nn.MultiheadAttention(4, 2, batch_first=True), forward=lambda m, x: m(x, x, x)[0])
layer("MultiHeadAttention.causal", {"x": lambda: randn(2, 4, 4), "padding": PADDING}, lambda: nn.MultiheadAttention(4, 2, batch_first=True, bias=False),
      forward=lambda m, x, p: m(x, x, x, attn_mask=hidden(4, 4), key_padding_mask=p)[0])
layer("MultiHeadAttention.cross", {"x": lambda: randn(2, 3, 4), "memory": lambda: randn(2, 4, 5), "padding": PADDING, "mask": lambda: randn(3, 4)},
      lambda: nn.MultiheadAttention(4, 2, kdim=5, vdim=5, batch_first=True),
      forward=lambda m, x, k, p, mask: m(x, k, k, attn_mask=mask, key_padding_mask=p)[0])
layer("MultiHeadAttention.grouped", {"x": lambda: randn(2, 4, 8)}, lambda: Grouped(8, 4, 2))

# Transformers.
SMALL = dict(d_model=4, nhead=2, dim_feedforward=6, dropout=0.0, batch_first=True)
SEQUENCE = {"x": lambda: randn(2, 4, 4), "padding": PADDING}
MEMORY = {"x": lambda: randn(2, 3, 4), "memory": lambda: randn(2, 4, 4), "padding": PADDING}
decode = lambda m, x, memory, p: m(x, memory, tgt_mask=hidden(3, 3), memory_key_padding_mask=p)
layer("TransformerEncoderLayer", SEQUENCE, lambda: nn.TransformerEncoderLayer(**SMALL), forward=lambda m, x, p: m(x, src_key_padding_mask=p))
layer("TransformerEncoderLayer.norm_first", SEQUENCE, lambda: nn.TransformerEncoderLayer(**SMALL, norm_first=True, activation="gelu"),
      forward=lambda m, x, p: m(x, src_mask=hidden(4, 4)))
layer("TransformerEncoder", SEQUENCE, lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(**SMALL, norm_first=True), 2, nn.LayerNorm(4)),
      forward=lambda m, x, p: m(x, src_key_padding_mask=p))
layer("TransformerDecoderLayer", MEMORY, lambda: nn.TransformerDecoderLayer(**SMALL), forward=decode)
layer("TransformerDecoder", MEMORY, lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(**SMALL, norm_first=True), 2, nn.LayerNorm(4)), forward=decode)
