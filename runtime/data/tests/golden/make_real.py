"""Digests of real files of packages, as Python's readers read them; `cargo xtask test data` fetches the packages.

    python3 make_real.py FOLDER     # needs numpy, pillow and pyarrow

FOLDER holds the unpacked wheels of scikit-image and scikit-learn and the npm package vega-datasets, as xtask leaves them.
"""

import csv
import glob
import gzip
import io
import json
import os
import sys
import wave

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = sys.argv[1]
SPEECH = "/usr/share/pocketsphinx/test/data"

# File: lines to skip, delimiter, header.
TABLES = {
    "sklearn/datasets/data/breast_cancer.csv": (1, ",", False),
    "sklearn/datasets/data/diabetes_data_raw.csv.gz": (0, " ", False),
    "sklearn/datasets/data/digits.csv.gz": (0, ",", False),
    "sklearn/datasets/data/iris.csv": (1, ",", False),
    "sklearn/datasets/data/linnerud_exercise.csv": (0, " ", True),
    "package/data/airports.csv": (0, ",", True),
    "package/data/birdstrikes.csv": (0, ",", True),
    "package/data/github.csv": (0, ",", True),
    "package/data/la-riots.csv": (0, ",", True),
    "package/data/seattle-weather.csv": (0, ",", True),
    "package/data/species.csv": (0, ",", True),
    "package/data/us-employment.csv": (0, ",", True),
}


def digest(content):
    """Sum of each byte times its place from 1 on, modulo 2^64."""
    values = np.frombuffer(content, np.uint8).astype(np.uint64)
    return int((values * np.arange(1, len(values) + 1, dtype=np.uint64)).sum(dtype=np.uint64))


def column(cells):
    """What Hadal's rule makes of the cells of a column: the kind, and the digest of the numbers or of the texts one after another."""
    present = [c for c in cells if c.strip()]
    gaps = len(present) < len(cells)
    for kind, convert in (("i64", int), ("f64", float)):
        try:
            if any("_" in c for c in present):
                raise ValueError("Python reads 1_000 as a number")
            numbers = [convert(c) for c in present]
        except ValueError:
            continue
        if gaps:
            kind, numbers = "f64", [float(c) if c.strip() else float("nan") for c in cells]
        return [kind, digest(np.array(numbers, dtype={"i64": "<i8", "f64": "<f8"}[kind]).tobytes())]
    if present and all(c.strip().lower() in ("true", "false") for c in cells):
        return ["bool", digest(bytes(c.strip().lower() == "true" for c in cells))]
    return ["text", digest("".join(cells).encode())]


def tables():
    for name, (skip, delimiter, header) in TABLES.items():
        with (gzip.open if name.endswith(".gz") else open)(os.path.join(ROOT, name), "rt", encoding="utf-8", newline="") as file:
            rows = list(csv.reader(io.StringIO("".join(list(file)[skip:]), newline=""), delimiter=delimiter))
        rows = [row for row in rows if row]
        names = [name.strip().lstrip("\ufeff") for name in rows.pop(0)] if header else [str(i) for i in range(len(rows[0]))]
        columns = {name: column([row[i] for row in rows]) for i, name in enumerate(names)}
        yield name, {"skip": skip, "delimiter": delimiter, "header": header, "rows": len(rows), "columns": columns}


def images():
    for path in sorted(glob.glob(os.path.join(ROOT, "skimage/data/*.*g"))):
        image = Image.open(path)
        entry = {"mode": image.mode}
        for mode in ("L", "RGB"):
            pixels = np.asarray(image.convert(mode)).reshape(image.height, image.width, -1).transpose(2, 0, 1)
            entry[mode] = [list(pixels.shape), digest(pixels.tobytes()), pixels.ravel()[:: max(1, pixels.size // 40)].tolist()]
        yield os.path.relpath(path, ROOT), entry


def waves():
    for path in sorted(glob.glob(os.path.join(SPEECH, "*/*.wav"))):
        with wave.open(path) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / np.float32(32768)
            samples = samples.reshape(-1, file.getnchannels()).T
            yield os.path.relpath(path, SPEECH), [file.getframerate(), list(samples.shape), digest(samples.tobytes())]


def arrow(table):
    for name in table.column_names:
        values = table[name].to_pylist()
        if isinstance(values[0], str):
            yield name, ["text", digest("".join(values).encode())]
        else:
            found = table[name].to_numpy()
            yield name, [{"int16": "i16", "int64": "i64", "float32": "f32"}[str(found.dtype)], digest(found.tobytes())]


def json_columns(name):
    """Columns of a file of objects that all lines have with one type."""
    with open(os.path.join(ROOT, name), encoding="utf-8") as file:
        rows = json.load(file)
    for key in rows[0]:
        values = [row.get(key) for row in rows]
        kinds = {type(v) for v in values if v is not None}
        if kinds == {str}:
            yield key, ["text", digest("".join(v or "" for v in values).encode())]
        elif kinds == {int} and None not in values:
            yield key, ["i64", digest(np.array(values, "<i8").tobytes())]
        elif kinds <= {int, float}:
            yield key, ["f64", digest(np.array([float("nan") if v is None else v for v in values], "<f8").tobytes())]


if __name__ == "__main__":
    flights = pq.read_table(os.path.join(ROOT, "package/data/flights-3m.parquet"), columns=["delay", "distance", "origin", "destination"])
    with pa.ipc.open_file(os.path.join(ROOT, "package/data/flights-200k.arrow")) as file:
        shorter = file.read_all()
    found = {
        "tables": dict(tables()),
        "images": dict(images()),
        "waves": dict(waves()),
        "columnar": {
            "package/data/flights-3m.parquet": dict(arrow(flights)),
            "package/data/flights-200k.arrow": dict(arrow(shorter)),
        },
        "json": {name: dict(json_columns(name)) for name in ("package/data/cars.json", "package/data/penguins.json")},
    }
    with open(os.path.join(HERE, "real.json"), "w") as file:
        json.dump(found, file, separators=(",", ":"))
        file.write("\n")
