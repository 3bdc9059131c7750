#!/usr/bin/python3
"""Makes curves.json: the losses of the first 50 steps of three trainings with PyTorch (1.13, f32), from weights that `main.rs` makes by the same formula.

    python3 make.py > curves.json      # needs Debian's packages dataset-fashion-mnist, bible-kjv and bible-kjv-text
"""
import gzip
import json
import subprocess

import numpy
import torch
from torch import nn

STEPS = 50


def initial(name, shape):
    """Norms' scales are 1 and other vectors 0; elements of matrices are uniform in ±1/sqrt(inputs), hashed from the name and the position."""
    if len(shape) == 1:
        return torch.full(shape, 1.0 if "norm" in name and name.endswith("weight") else 0.0)
    seed = 2166136261
    for byte in name.encode():
        seed = (seed ^ byte) * 16777619 % 2**32
    count = int(numpy.prod(shape))
    x = (seed + numpy.arange(count, dtype=numpy.uint64) * 0x9E3779B9) % 2**32
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x = ((x ^ (x >> numpy.uint64(shift))) * factor) % 2**32
    x = (x ^ (x >> numpy.uint64(16))) >> numpy.uint64(8)
    values = (x.astype(numpy.float64) / 2**23 - 1) / (count / shape[0]) ** 0.5
    return torch.from_numpy(values.astype(numpy.float32)).reshape(shape)


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden, self.output = nn.Linear(784, 256), nn.Linear(256, 10)

    def forward(self, x):
        return self.output(self.hidden(x.flatten(1)).relu())


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x):
        pool = nn.functional.max_pool2d
        x = pool(self.conv2(pool(self.conv1(x).relu(), 2)).relu(), 2).flatten(1)
        return self.fc3(self.fc2(self.fc1(x).relu()).relu())


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding, self.positions = nn.Embedding(128, 64), nn.Embedding(64, 64)
        layer = nn.TransformerEncoderLayer(64, 4, 256, dropout=0.0, activation="gelu", batch_first=True, norm_first=True)
        self.blocks = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(64))
        self.output = nn.Linear(64, 128)

    def forward(self, x):
        length = x.shape[1]
        mask = torch.full((length, length), float("-inf")).triu(1)
        return self.output(self.blocks(self.embedding(x) + self.positions(torch.arange(length)), mask)).flatten(0, 1)


def images(batch):
    folder = "/usr/share/datasets/fashion-mnist/train-"
    pixels = gzip.open(folder + "images-idx3-ubyte.gz").read()[16:][: STEPS * batch * 784]
    labels = gzip.open(folder + "labels-idx1-ubyte.gz").read()[8:][: STEPS * batch]
    x = numpy.frombuffer(pixels, numpy.uint8).reshape(STEPS, batch, 1, 28, 28).astype(numpy.float32) / 255
    y = numpy.frombuffer(labels, numpy.uint8).reshape(STEPS, batch).astype(numpy.int64)
    return torch.from_numpy(x), torch.from_numpy(y)


def text(batch, length):
    bible = subprocess.run(["bible", "-f", "-l80", "Gen1:1-Rev22:21"], stdout=subprocess.PIPE, check=True).stdout
    tokens = torch.from_numpy(numpy.frombuffer(bible[: STEPS * batch * length + 1], numpy.uint8).astype(numpy.int64))
    return tokens[:-1].reshape(STEPS, batch, length), tokens[1:].reshape(STEPS, batch * length)


def curve(model, optimizer, data):
    for name, parameter in model.named_parameters():
        parameter.data = initial(name, tuple(parameter.shape))
    optimizer, losses = optimizer(model.parameters()), []
    for x, y in zip(*data):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


print(json.dumps({
    "mlp": curve(Mlp(), lambda p: torch.optim.Adam(p, 1e-3), images(64)),
    "lenet": curve(LeNet(), lambda p: torch.optim.Adam(p, 1e-3), images(64)),
    "transformer": curve(Transformer(), lambda p: torch.optim.AdamW(p, 1e-3, weight_decay=0.01), text(8, 64)),
}, indent=0))
