"""Times MiniLM in onnxruntime: one JSON line per call, like `hadal-bench minilm`.

The weights are the package's int8 ones, which onnxruntime folds to f32 when it loads, so the arithmetic is that of the f32 model.
"""
import json
import statistics
import sys
import time

import numpy
import onnxruntime

path, batch, tokens, runs, threads = sys.argv[1], *map(int, sys.argv[2:6])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = threads
start = time.perf_counter()
session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
load = (time.perf_counter() - start) * 1e3
ids = 1000 + (numpy.arange(batch * tokens, dtype=numpy.int64) * 7919) % 20000
ids = ids.reshape(batch, tokens)
feeds = {"input_ids": ids, "attention_mask": numpy.ones_like(ids), "token_type_ids": numpy.zeros_like(ids)}
feeds = {i.name: feeds[i.name] for i in session.get_inputs()}
times = []
for run in range(runs + 2):
    start = time.perf_counter()
    session.run(None, feeds)
    if run >= 2:
        times.append((time.perf_counter() - start) * 1e3)
print(json.dumps({"engine": "onnxruntime", "batch": batch, "tokens": tokens, "load_ms": load, "median_ms": statistics.median(times), "times_ms": times}))
