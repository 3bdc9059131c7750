#!/usr/bin/env python3
"""Makes the goldens beside it: embeddings and scores of real models, by engines that share no code with Hadal.

    pip install onnxruntime==1.31.1 numpy tokenizers
    hadal pull minilm minilm-int8 magika
    make.py "$HADAL_HOME"

MiniLM in f32 is computed here by BERT's formulas in f64 (no ONNX file of it is published); the other two by onnxruntime.
"""
import json
import math
import pathlib
import sys

import numpy as np
import onnxruntime
import tokenizers

TEXTS = [
    "The quick brown fox jumps over the lazy dog.",
    "A fast auburn fox leaped above a sleepy hound.",
    "Stock markets fell sharply on Monday after the central bank raised rates.",
    "How do I install Rust on Debian Linux?",
    "Ein kurzer deutscher Satz über künstliche Intelligenz.",
]
here = pathlib.Path(__file__).resolve().parent
home = pathlib.Path(sys.argv[1])


def tensors(path):
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    kinds = {"F32": np.float32, "I64": np.int64}
    found = {}
    for name, entry in header.items():
        if name != "__metadata__":
            first, last = entry["data_offsets"]
            raw = np.frombuffer(data[8 + size + first : 8 + size + last], kinds[entry["dtype"]])
            found[name] = raw.reshape(entry["shape"]).astype(np.float64)
    return found


def bert(w, ids, heads=12, layers=6):
    def linear(x, name):
        return x @ w[name + ".weight"].T + w[name + ".bias"]

    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12) * w[name + ".weight"] + w[name + ".bias"]

    n, e = len(ids), "embeddings."
    x = w[e + "word_embeddings.weight"][ids] + w[e + "position_embeddings.weight"][:n] + w[e + "token_type_embeddings.weight"][0]
    x = norm(x, e + "LayerNorm")
    for layer in range(layers):
        p = f"encoder.layer.{layer}."
        q, k, v = (linear(x, p + "attention.self." + part).reshape(n, heads, -1).transpose(1, 0, 2) for part in ("query", "key", "value"))
        scores = q @ k.transpose(0, 2, 1) / math.sqrt(q.shape[-1])
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        seen = (weights @ v).transpose(1, 0, 2).reshape(n, -1)
        x = norm(x + linear(seen, p + "attention.output.dense"), p + "attention.output.LayerNorm")
        inner = linear(x, p + "intermediate.dense")
        inner = inner * 0.5 * (1 + np.vectorize(math.erf)(inner / math.sqrt(2)))
        x = norm(x + linear(inner, p + "output.dense"), p + "output.LayerNorm")
    return x


def embedding(hidden):
    mean = hidden.mean(0)
    return [float(f"{v:.9g}") for v in mean / np.linalg.norm(mean)]


def write(name, model, items):
    lines = ",\n".join("  " + json.dumps(item) for item in items)
    (here / name).write_text(f'{{ "model": {json.dumps(model)}, "items": [\n{lines}\n] }}\n')


tokenizer = tokenizers.Tokenizer.from_file(str(home / "minilm" / "tokenizer.json"))
tokenizer.no_padding()
encoded = [(text, tokenizer.encode(text).ids) for text in TEXTS]
weights = tensors(home / "minilm" / "model.safetensors")
write("minilm_fp32_embeddings.json", "all-MiniLM-L6-v2, f32", [{"text": t, "input_ids": i, "embedding": embedding(bert(weights, i))} for t, i in encoded])

session = onnxruntime.InferenceSession(str(home / "minilm-int8" / "model.onnx"))
items = []
for text, ids in encoded:
    row = np.array([ids], np.int64)
    hidden = session.run(None, {"input_ids": row, "attention_mask": np.ones_like(row), "token_type_ids": np.zeros_like(row)})[0][0]
    items.append({"text": text, "input_ids": ids, "embedding": embedding(hidden)})
write("minilm_int8_embeddings.json", "all-MiniLM-L6-v2, int8 weights", items)

# Magika reads the first and the last 1,024 bytes of a file; 256 stands for none.
files = ["fn main() {\n    println!(\"{}\", 1 + 1);\n}\n" * 40, "name,price,count\n" + "".join(f"item {i},{i * 3}.50,{i % 7}\n" for i in range(90))]
session = onnxruntime.InferenceSession(str(home / "magika" / "model.onnx"))
items = []
for text in files:
    data = text.encode()
    head, tail = list(data[:1024]), list(data[-1024:])
    row = head + [256] * (1024 - len(head)) + [256] * (1024 - len(tail)) + tail
    scores = session.run(None, {"bytes": np.array([row], np.int32)})[0][0]
    items.append({"file": text, "scores": [float(f"{v:.9g}") for v in scores]})
write("magika_scores.json", "magika standard_v3_3", items)
