"""Makes the small files of this folder and, with Python's and NumPy's readers, what Hadal must find in them.

    python3 make.py            # needs numpy, pillow, pyarrow and tokenizers
"""

import csv
import gzip
import io
import json
import os
import struct
import subprocess
import wave

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tokenizers
from PIL import Image, ImageEnhance

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


def tables():
    """A CSV file and a JSON lines file with what is hard in them, and what Python's csv and json read."""
    rng = np.random.default_rng(1)
    rows = [["id", "weight", "note", "fresh", "gap", "code"]]
    notes = ["plain", 'a "quoted" word', "comma, inside", "two\nlines", "", " spaces ", "naïve ☃", "1e5"]
    for i, note in enumerate(notes):
        weight = repr(float(rng.normal()) * 10.0 ** int(rng.integers(-30, 30)))
        gap = "" if i % 3 == 1 else str(int(rng.integers(-5, 5)))
        rows.append([str(i * 10**15 - 3), weight, note, ["true", "False"][i % 2], gap, f"{i:03d}"])
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    write("table.csv", text.getvalue().encode())
    write("table.csv.gz", gzip.compress(text.getvalue().encode(), mtime=0))
    with open(path("table.csv"), newline="") as file:
        found = list(csv.DictReader(file))
    write_json(
        "table_csv.json",
        {
            "id": [int(row["id"]) for row in found],
            "weight": [float(row["weight"]) for row in found],
            "note": [row["note"] for row in found],
            "fresh": [row["fresh"].lower() == "true" for row in found],
            "gap": [float(row["gap"]) if row["gap"] else None for row in found],
            "code": [row["code"] for row in found],
        },
    )

    lines = []
    for i in range(6):
        line = {
            "text": notes[i + 1],
            "label": i - 2,
            "score": float(rng.normal()) * 10.0 ** int(rng.integers(-200, 200)),
            "flag": i % 2 == 0,
            "tokens": [int(t) for t in rng.integers(0, 50000, size=i)],
            "box": [[i, i + 0.5], [1, 2]],
            "meta": {"source": {"page": i}},
            "maybe": None if i == 2 else i,
        }
        if i == 4:
            del line["maybe"]
        lines.append(line)
    write("table.jsonl", "".join(json.dumps(line, ensure_ascii=i % 2 == 0) + "\n" for i, line in enumerate(lines)).encode())
    with open(path("table.jsonl"), encoding="utf-8") as file:
        found = [json.loads(line) for line in file]
    expected = {key: [line.get(key) for line in found] for key in found[0] if key != "meta"}
    expected["meta.source.page"] = [line["meta"]["source"]["page"] for line in found]
    write_json("table_jsonl.json", expected)


def king_james():
    """Counts over the text that Debian's `bible` prints."""
    text = subprocess.run(["bible", "-f", "-l80", "Gen1:1-Rev22:21"], capture_output=True, check=True).stdout.decode()
    characters = sorted(set(text))
    tokens = np.array([characters.index(c) for c in text[:100000]])
    write_json(
        "king_james.json",
        {
            "characters": len(text),
            "vocabulary": "".join(characters),
            "tokens": tokens[5000:5020].tolist(),
            "weighted": int((tokens * np.arange(len(tokens))).sum()),
        },
    )


def waves():
    """PCM of every width as Python's wave writes it, and what it reads; floats by hand, as wave knows only integers."""
    rng = np.random.default_rng(2)
    expected = {}
    for width, channels in ((1, 1), (2, 2), (3, 1), (4, 2)):
        name = f"pcm{8 * width}.wav"
        bits = 8 * width
        low = 0 if width == 1 else -(1 << (bits - 1))
        frames = rng.integers(low, low + (1 << bits) - 1, size=20 * channels, endpoint=True)
        frames[:2] = [low, low + (1 << bits) - 1]
        with wave.open(path(name), "wb") as file:
            file.setparams((channels, width, 16000, 0, "NONE", ""))
            file.writeframes(b"".join(int(v).to_bytes(width, "little", signed=width > 1) for v in frames))
        with wave.open(path(name)) as file:
            raw = file.readframes(file.getnframes())
            values = [int.from_bytes(raw[i : i + width], "little", signed=width > 1) for i in range(0, len(raw), width)]
            offset = 128 if width == 1 else 0
            samples = (np.array(values, np.float64) - offset) / 2.0 ** (bits - 1)
            samples = samples.astype(np.float32).reshape(-1, file.getnchannels()).T
            expected[name] = {"rate": file.getframerate(), "samples": samples.astype(float).tolist()}
    samples = rng.normal(size=(10, 2)).astype("<f4")
    data = samples.tobytes()
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16, 3, 2, 8000, 64000, 8, 32, b"data", len(data))
    write("float32.wav", header + data)
    expected["float32.wav"] = {"rate": 8000, "samples": samples.T.astype(float).tolist()}
    write_json("wav.json", expected)


def images():
    """PNG files of every kind, a JPEG, and what Pillow makes of them."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[0:13, 0:17]
    smooth = np.stack([8 * x + 5 * y, 200 - 9 * x, 60 + 10 * y], -1).clip(0, 255).astype(np.uint8)
    noisy = (smooth + rng.integers(0, 40, smooth.shape)).clip(0, 255).astype(np.uint8)
    alpha = np.concatenate([noisy, rng.integers(0, 255, (13, 17, 1), dtype=np.uint8)], -1)
    os.makedirs(path("images/bags"), exist_ok=True)
    os.makedirs(path("images/coats/winter"), exist_ok=True)
    files = {
        "bags/rgb.png": Image.fromarray(noisy),
        "bags/grey.png": Image.fromarray(noisy[..., 0]),
        "bags/palette.png": Image.fromarray(smooth).quantize(16),
        "coats/alpha.PNG": Image.fromarray(alpha, "RGBA"),
        "coats/bits.png": Image.fromarray(noisy[..., 1] > 128),
        "coats/winter/photo.jpg": Image.fromarray(smooth),
    }
    expected = {}
    for name, image in files.items():
        image.save(path(f"images/{name}"), **({"quality": 90} if name.endswith("jpg") else {}))
        image = Image.open(path(f"images/{name}"))
        expected[name] = {
            mode: np.asarray(image.convert(mode)).reshape(13, 17, -1).transpose(2, 0, 1).ravel().tolist() for mode in ("L", "RGB")
        }
    write("images/bags/notes.txt", b"no image\n")
    for size in ((7, 5), (30, 40), (17, 13)):
        resized = Image.open(path("images/bags/rgb.png")).resize(size, Image.BILINEAR)
        expected[f"{size[1]}x{size[0]}"] = np.asarray(resized).transpose(2, 0, 1).ravel().tolist()
    for kind in ("Brightness", "Contrast", "Color"):
        for factor in (0.4, 1.7):
            changed = getattr(ImageEnhance, kind)(Image.open(path("images/bags/rgb.png"))).enhance(factor)
            expected[f"{kind} {factor}"] = np.asarray(changed).transpose(2, 0, 1).ravel().tolist()
    with open(path("images.json"), "w") as file:
        json.dump(expected, file)
        file.write("\n")


def columnar():
    """A data set in both layouts of Hugging Face, and what pyarrow reads from it."""
    rng = np.random.default_rng(4)
    rows = 40
    with open(path("images/bags/grey.png"), "rb") as file:
        png = file.read()
    table = pa.table(
        {
            "id": pa.array(range(rows), pa.int32()),
            "wide": pa.array([None if i % 7 == 3 else i * 10**12 for i in range(rows)], pa.int64()),
            "score": pa.array([None if i % 5 == 2 else float(v) for i, v in enumerate(rng.normal(size=rows))], pa.float32()),
            "half": pa.array(rng.normal(size=rows).astype(np.float16)),
            "good": pa.array([i % 3 == 0 for i in range(rows)]),
            "label": pa.array([i % 2 for i in range(rows)], pa.int64()),
            "text": pa.array([None if i == 4 else f"line {i} ☃" for i in range(rows)]),
            "long_text": pa.array([f"{i}" * (i % 4) for i in range(rows)], pa.large_string()),
            "kind": pa.array([["a", "b", None][i % 3] for i in range(rows)]).dictionary_encode(),
            "image": pa.array([{"bytes": png if i == 0 else bytes([i] * (i % 3)), "path": f"{i}.png"} for i in range(rows)]),
            "tokens": pa.array([[int(t) for t in rng.integers(0, 99, i % 4)] for i in range(rows)], pa.list_(pa.int32())),
            "vector": pa.array([rng.normal(size=3).tolist() for _ in range(rows)], pa.list_(pa.float32(), 3)),
            "matrix": pa.array([[[i, 1], [2, 3]] for i in range(rows)], pa.large_list(pa.list_(pa.uint8()))),
            "when": pa.array(range(rows), pa.timestamp("s")),
        }
    )
    features = {"label": {"names": ["no", "yes"], "_type": "ClassLabel"}, "text": {"dtype": "string", "_type": "Value"}}
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    os.makedirs(path("hub/data"), exist_ok=True)
    os.makedirs(path("saved/train"), exist_ok=True)
    # Several files, row groups, pages, compressions and versions of pages.
    pq.write_table(table[:25], path("hub/data/train-00000-of-00002.parquet"), row_group_size=10, compression="snappy")
    pq.write_table(table[25:], path("hub/data/train-00001-of-00002.parquet"), compression="lz4", data_page_version="2.0")
    pq.write_table(table[:3].select(["id", "tokens", "text"]), path("hub/data/test-00000-of-00001.parquet"), compression="none")
    with pa.OSFile(path("saved/train/data-00000-of-00002.arrow"), "wb") as file, pa.ipc.new_stream(file, table.schema) as out:
        out.write_table(table[:25], max_chunksize=10)
    with pa.OSFile(path("saved/train/data-00001-of-00002.arrow"), "wb") as file, pa.ipc.new_file(file, table.schema) as out:
        out.write_table(table[25:])
    files = [{"filename": f"data-0000{i}-of-00002.arrow"} for i in range(2)]
    write_json("saved/train/state.json", {"_data_files": files, "_split": "train"})
    read = pa.concat_tables(pq.read_table(path(f"hub/data/train-0000{i}-of-00002.parquet")) for i in range(2))
    found = {}
    for name in read.column_names:
        values = read[name].to_pylist()
        if name == "image":
            found["image.bytes"] = [list(v["bytes"]) for v in values]
            found["image.path"] = [v["path"] for v in values]
        elif name != "when":
            found[name] = values
    with open(path("columnar.json"), "w") as file:
        json.dump(found, file)
        file.write("\n")


def tokenizer():
    """A small byte-level BPE tokenizer that truncates and pads, and what the Python library makes of some texts without that."""
    texts = ["In the beginning God created the heaven and the earth.", "naïve ☃ snow", "", "the the the [MASK]"]
    made = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token=None))
    made.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=320, special_tokens=["[CLS]", "[MASK]"], initial_alphabet=alphabet)
    made.train_from_iterator(texts * 3, trainer)
    made.post_processor = tokenizers.processors.TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 0)])
    made.enable_truncation(4)
    made.enable_padding(length=6)
    made.save(path("tokenizer.json"), pretty=False)
    read = tokenizers.Tokenizer.from_file(path("tokenizer.json"))
    read.no_truncation()
    read.no_padding()
    found = [{"text": t, "special": read.encode(t).ids, "plain": read.encode(t, add_special_tokens=False).ids} for t in texts]
    write_json("tokens.json", {"len": read.get_vocab_size(), "texts": found})


if __name__ == "__main__":
    idx()
    fashion_mnist()
    tables()
    king_james()
    waves()
    images()
    columnar()
    tokenizer()
