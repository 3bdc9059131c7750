"""Times steps of training in PyTorch: one JSON line per call, like `hadal-bench train`.

    pytorch_train.py mlp|lenet STEPS THREADS
"""
import json
import statistics
import sys
import time

import torch
from torch import nn

name, steps, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(0)
if name == "mlp":
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
else:
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
    )
optimizer = torch.optim.Adam(model.parameters(), 1e-3)
images, labels = torch.rand(128, 1, 28, 28), torch.arange(128) % 10
times = []
for step in range(steps + 3):
    start = time.perf_counter()
    optimizer.zero_grad()
    loss = nn.functional.cross_entropy(model(images), labels)
    loss.backward()
    optimizer.step()
    loss.item()
    if step >= 3:
        times.append((time.perf_counter() - start) * 1e3)
median = statistics.median(times)
print(json.dumps({"engine": "pytorch " + torch.__version__, "median_ms": median, "steps_per_second": 1e3 / median}))
