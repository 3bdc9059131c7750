"""Makes the small files of this folder and, with Python's and NumPy's readers, what Hadal must find in them.

    python3 make.py            # needs numpy
"""

import gzip
import json
import os
import struct

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def path(name):
    return os.path.join(HERE, name)


def write(name, content):
    with open(path(name), "wb") as file:
        file.write(content)


def write_json(name, value):
    with open(path(name), "w") as file:
        json.dump(value, file, indent=1)
        file.write("\n")


def idx():
    """One file of each element type, and what NumPy reads from it."""
    rng = np.random.default_rng(0)
    expected = {}
    types = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
    for code, dtype in types.items():
        shape = (3, 2, 4)
        if dtype[1] == "f":
            values = rng.normal(size=shape).astype(dtype)
        else:
            info = np.iinfo(dtype)
            values = rng.integers(info.min, info.max, size=shape, endpoint=True).astype(dtype)
        raw = struct.pack(">BBBB3I", 0, 0, code, 3, *shape) + values.tobytes()
        name = f"{dtype[1:]}.idx"
        if code == 0x0B:
            name += ".gz"
            raw = gzip.compress(raw, mtime=0)
        write(name, raw)
        with (gzip.open if name.endswith("gz") else open)(path(name), "rb") as file:
            content = file.read()
        found = np.frombuffer(content[16:], dtype).reshape(shape)
        expected[name] = found.astype(np.float64).ravel().tolist()
    write_json("idx.json", expected)


def fashion_mnist():
    """Sums over the real files, as gzip and NumPy read them."""
    folder = os.environ.get("HADAL_DATA", "/usr/share/datasets/fashion-mnist")
    expected = {}
    for part in ("train", "t10k"):
        with gzip.open(os.path.join(folder, f"{part}-images-idx3-ubyte.gz")) as file:
            images = np.frombuffer(file.read()[16:], np.uint8).reshape(-1, 28, 28)
        with gzip.open(os.path.join(folder, f"{part}-labels-idx1-ubyte.gz")) as file:
            labels = np.frombuffer(file.read()[8:], np.uint8)
        expected[part] = {
            "count": len(labels),
            "sum": int(images.sum(dtype=np.int64)),
            # Weighs each image by its place, so that an order that is wrong shows.
            "weighted": int((images.reshape(len(images), -1).sum(1, dtype=np.int64) * np.arange(len(images))).sum()),
            "classes": np.bincount(labels, minlength=10).tolist(),
            "labels": labels[:16].tolist(),
            "row": images[-1, 14].tolist(),
        }
    write_json("fashion_mnist.json", expected)


if __name__ == "__main__":
    idx()
    fashion_mnist()
