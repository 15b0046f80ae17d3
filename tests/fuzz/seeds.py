#!/usr/bin/env python3
"""Writes the sound inputs that fuzzing starts from, corpora/<target>/seed-*; standard library alone."""
import gzip
import io
import json
import pathlib
import struct
import zipfile

here = pathlib.Path(__file__).parent
BETWEEN = b"<|>"


def seed(target, name, content):
    folder = here / "corpora" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"seed-{name}").write_bytes(content)


# Sweeps as they are, and with --set arguments.
for name in ["quick", "compression-quick", "pruning-mnist", "grokking-mnist"]:
    text = (here / f"../../sweeps/{name}.toml").read_bytes()
    lines = [line.split(b"#")[0].rstrip() for line in text.splitlines()]
    seed("sweep", name, b"\n".join(line for line in lines if line))
small = b"""[sweep]
name = "a"
seeds = { start = 0, count = 4 }
[[data]]
source = "stripe"
dimension = [3, 5]
[[subsample]]
size = 100
draw = [0, 1]
[[architecture]]
kind = "mlp"
hidden = [[20], [5, 5]]
[[optimiser]]
kind = "adam"
lr = 0.1
[train]
epochs = 50
"""
sets = [
    b"slurm.time=12:00:00", b"lr=.1,.2", b"hidden=[20],[5,5]", b"optimiser={kind=sgd,lr=[0.1,0.2]}", b"observe.record.every=5",
    b"prune.remove=random", b"prune.like=stragglers", b"optimiser.0.lr=1e-3", b"observe.local_complexity.radii=0.1",
]
for at, one in enumerate(sets):
    seed("sweep", f"set-{at}", small + b"\0" + one)
seed("sweep", "sets", small + b"\0" + b"\0".join(sets[:4]))

# idx: 6 images of 2×3, labels of two classes; plain, gzip, from 1.
images = struct.pack(">IIII", 0x803, 6, 2, 3) + bytes(range(36))
for name, labels in [("two", [0, 1, 0, 1, 0, 1]), ("from-one", [1, 2, 3, 1, 2, 3]), ("one", [1] * 6), ("high", [255] * 6)]:
    files = [images, struct.pack(">II", 0x801, 6) + bytes(labels)]
    seed("idx", name, BETWEEN.join(files))
    seed("idx", name + "-four", BETWEEN.join(files + files))
seed("idx", "gzip", BETWEEN.join(gzip.compress(file, mtime=0) for file in files))
seed("idx", "bomb", BETWEEN.join([gzip.compress(struct.pack(">IIII", 0x803, 1000, 100, 100) + bytes(10**7), mtime=0), files[1]]))
seed("idx", "huge", BETWEEN.join([struct.pack(">IIII", 0x803, 2**31, 2**31, 2**31), files[1]]))

# CIFAR: one record, for every batch.
record = bytes([3]) + bytes(i % 251 for i in range(3072))
seed("cifar", "record", record)
seed("cifar", "two", record + bytes([4]) + record[1:])
seed("cifar", "label", bytes([10]) + record[1:])
seed("cifar", "gzip", gzip.compress(record, mtime=0))
seed("cifar", "differ", BETWEEN.join([record, b"", record]))


def safetensors(tensors, metadata=None):
    header, body = {}, b""
    for name, (dtype, shape, numbers) in tensors.items():
        packed = struct.pack(f"<{len(numbers)}{'f' if dtype == 'F32' else 'd'}", *numbers)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(packed)]}
        body += packed
    if metadata:
        header["__metadata__"] = metadata
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + body


def npy(descriptor, shape, elements, fortran=False, version=1):
    text = repr({"descr": descriptor, "fortran_order": fortran, "shape": tuple(shape)}).encode() + b"\n"
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + elements


def npz(arrays, method):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in arrays.items():
            archive.writestr(zipfile.ZipInfo(name + ".npy"), content, method)
    return packed.getvalue()


# Arrays: six samples of two inputs, and their labels. The first byte is the format's place in `ARRAYS`.
six = struct.pack("<12f", *range(12))
x, y = npy("<f4", (6, 2), six), npy("|u1", (6,), bytes([0, 1, 2, 0, 1, 2]))
words = npy("<U3", (6,), "".join(["ant", "bee", "owl"] * 2).encode("utf-32-le"))
large = npy("|u1", (6, 1000, 100), bytes(600_000))
for name, method in [("stored", zipfile.ZIP_STORED), ("deflated", zipfile.ZIP_DEFLATED)]:
    seed("arrays", f"npz-{name}", b"\0" + npz({"x": x, "y": y}, method))
    seed("arrays", f"npz-{name}-words", b"\0" + npz({"x": npy(">f8", (6, 1), bytes(48), True), "y": words}, method))
seed("arrays", "npz-bomb", b"\0" + npz({"x": large, "y": y}, zipfile.ZIP_DEFLATED))
seed("arrays", "npz-four", b"\1" + npz({"x_train": x, "y_train": y, "x_test": x, "y_test": y}, zipfile.ZIP_STORED))
seed("arrays", "npz-objects", b"\0" + npz({"x": npy("|O", (6,), b"\x80"), "y": y}, zipfile.ZIP_STORED))
seed("arrays", "npz-huge", b"\0" + npz({"x": npy("<f8", (2**40, 2**20), b""), "y": y}, zipfile.ZIP_STORED))
seed("arrays", "pair", b"\2" + BETWEEN.join([npy("|i1", (6, 1, 2, 3), bytes(36), version=2), y]))
seed("arrays", "pair-huge", b"\2" + BETWEEN.join([b"\x93NUMPY\2\0\xff\xff\xff\xff", y]))
seed("arrays", "pair-hot", b"\2" + BETWEEN.join([npy("<f2", (2, 1, 1, 1), bytes(4)), npy("|b1", (2, 2), b"\1\0\0\1")]))
tensors = {"x": ("F32", [3, 2], range(6)), "y": ("F64", [3], [0, 1, 0])}
seed("arrays", "safetensors", b"\3" + safetensors(tensors))
seed("arrays", "safetensors-huge", b"\3" + b"\xff" * 8 + b"{}")
seed("arrays", "csv", b"\4a,y,b\n1,cat,2\n3,dog,4e1\n-5,cat,.6\n")
seed("arrays", "csv-gzip", b"\4" + gzip.compress(b"a,y\n1,2\n3,4\n" * 2, mtime=0))
seed("arrays", "tsv", b"\5a\ty\tz\n1\t0\t1\n2\t1\t0\n3\t1\t0\n")
seed("arrays", "hdf5", b"\6")
for at, (which, kind, shape) in enumerate([(0, 0, 0x01), (0, 3, 0x0E), (1, 5, 0x06), (1, 6, 0x0E), (1, 2, 0x06), (0, 1, 0x1E)]):
    seed("arrays", f"hdf5-edit-{at}", bytes([6, 1, which, kind, shape, 0x41 if at != 2 else 0x40, 3]))
seed("arrays", "hdf5-packed", bytes([6, 2, 2, 1, 0, 0, 3]))

network = {
    "layers.0.weight": ("F32", [3, 2], [1, 2, 3, 4, 5, 6]), "layers.0.bias": ("F32", [3], [0, 1, 2]),
    "layers.1.weight": ("F64", [1, 3], [1, -1, 1]),
}
seed("weights", "network", safetensors(network, {"activation": "leaky-relu", "slope": "0.1", "epoch": "5", "step": "10"}))
seed("weights", "points", safetensors({"points": ("F32", [3, 2], [0, 0, 1, 0, 0, 1])}))
seed("weights", "plane", safetensors({"origin": ("F32", [2], [0, 0]), "directions": ("F32", [2, 2], [1, 0, 0, 1])}))
seed("weights", "empty", safetensors({"layers.0.weight": ("F32", [2**60, 0], [])}))


def text(value):
    return struct.pack("<I", len(value)) + value


def sealed(kind, summary, body):
    return bytes([kind]) + struct.pack("<H", len(summary)) + summary + body


cells = b"".join(bytes([at] * 16) + bytes([status]) for at, status in enumerate([0, 1, 2]))
summary = struct.pack("<Q16sdI", 7, bytes(16), 1.5, 3) + cells + text(b"n1") + text(b"flex")
seed("part", "summary", sealed(1, summary, b""))
seed("part", "head", bytes([0]) + b"\x89PSPART\n" + struct.pack("<IIQQ", 1, 4, 512, 1024) + bytes(600))
for at, edits in enumerate([[(0, 0)], [(1, 4)], [(1, 16), (1, 20)], [(2, 31)], [(1, 0)], [(3, 8)], [(2, 30), (0, 12)]]):
    program = b"".join(bytes([what, which, at, 0xE5, 0x41, 3]) for what, which in edits)
    seed("part", f"edits-{at}", bytes([2]) + program)
seed("part", "sound", bytes([2]))


def array(name, kind, *values):
    name = name.encode()
    return struct.pack("<I", len(name)) + name + struct.pack(f"<BQ{len(values)}{'fdB'[kind]}", kind, len(values), *values)


def state(*arrays):
    return struct.pack("<QI", 2**64 - 1, len(arrays)) + b"".join(arrays)


plain = [array("parameters", 0, 0.5, 0.5), array("first moment", 0), array("second moment", 0)]
plain += [array("train_loss", 0, *[0.5] * 4), array("misclassified", 2, 255, 0), array("weight_norm", 0, 1.0)]
flow = [array("flow parameters", 1, 1.5), array("flow numbers", 1, 0.1, 1e-3, 2.0, 0.0), array("flow_time", 1, 0.1)]
summary = struct.pack("<QdI", 7, 1.5, 1) + bytes(range(16)) + struct.pack("<Q", 3)
seed("checkpoint", "state", sealed(1, summary, state(*plain)))
seed("checkpoint", "flow", sealed(1, summary, state(*plain, *flow)))
seed("checkpoint", "none", sealed(1, struct.pack("<QdI", 7, 0.0, 0), b""))
seed("checkpoint", "head", bytes([0]) + b"\x89PSCKPT\n" + struct.pack("<IIQQ", 1, 4, 100, 1024) + bytes(600))

worker = {
    "worker": 0, "activity": "training", "cohort": 1, "cells": 4, "seconds": 3.5, "epoch": 10, "done_fraction": 0.25, "silent": 20.0,
}
progress = {
    "total": 8, "done": 4, "failed": 0, "running": 4, "finished_predicted": 3.0, "finished_measured": 2.5, "ratio_squares": 1.0,
    "ratio_sum": 1.0, "ratio_count": 1, "waiting_predicted": 1.0, "running_predicted": 2.0, "running_done": 0.5, "workers": [worker],
}
status = {"elapsed": 12.5, "written": 1.7e9, "ranks": 1, "before": 0, "progress": progress}
lease = {
    "place": {"host": "n1", "boot": "b", "pid_namespace": "p"}, "pid": 7, "pid_started": 5, "nonce": 9, "beat": 3,
    "since": "2026-01-01 00:00:00 UTC", "job": "12",
}
running = {"cohort": "0000000000000001", "cells": ["0a" * 16], "attempts": 1, "rank": 0, "host": "n1", "pid": 7}
rates = {"cohorts": {"cpu": [1e9, 2e9, 1.5e9]}, "at_once": {"cpu": {"efficient": 64, "most": 200}}}
jobs = b"4711\t2026-03-01T10:00:00Z\t/a/b.sbatch\n4712;west\t2026-03-01T10:00:01Z\tb\n"
files = [json.dumps(one, separators=(",", ":")).encode() for one in [status, lease, running, rates]] + [jobs]
seed("state", "all", BETWEEN.join(files))
for at, file in enumerate(files):
    seed("state", f"{at}", BETWEEN * at + file)
seed("state", "long", json.dumps({**status, "elapsed": 1e300}).encode())

told = [
    (0, {"Joined": {"fingerprint": "f"}}), (0, "Ready"), (1, "Ready"), (2, {"Joined": {"fingerprint": "f"}}),
    (0, {"Heartbeat": {"cohort": 0, "epoch": 4, "done_fraction": 0.5}}), (0, {"Finished": {"cohort": 0, "seconds": 3.0}}),
    (1, {"Failed": {"cohort": 1, "reason": "out-of-memory", "message": "full"}}), (1, "Alive"), (2, "Ready"),
    (2, {"Interrupted": {"cohort": 3}}), (1, {"Gone": {"message": "crash"}}), (0, "StopRequested"),
]
lines = [bytes([who + 16]) + json.dumps(message, separators=(",", ":")).encode() for who, message in told]
seed("messages", "all", b"\n".join(lines))
seed("messages", "crashes", b"\n".join([lines[1]] + [
    bytes([0]) + json.dumps({"Failed": {"cohort": at, "reason": "crash", "message": "x"}}).encode() for at in [0, 1, 0, 1, 2, 2]
]))
seed("messages", "worker", b"\0" + json.dumps({"Assign": {
    "id": 1, "cells": [1, 2], "predicted_seconds": 1.0, "memory": 5, "attempt": 0, "needs": [], "resume": False, "least": 1}}).encode())

# A sound results file, and with variables taken away, replaced, made huge.
seed("results", "sound", bytes([1]))
for at in range(44):
    seed("results", f"without-{at:02}", bytes([1, 0, at, 0, 0, 0, 0]))
for at in [0, 1, 2, 3, 8, 11, 12, 14, 15, 16, 18, 21, 22, 23, 25, 26, 33, 34, 35, 36, 41, 42, 44]:
    for kind in [3, 6]:
        seed("results", f"huge-{at:02}-{kind}", bytes([1, 1, at, kind, 0x0E, 0x40, 3]))
    seed("results", f"scalar-{at:02}", bytes([1, 1, at, 0, 0x01, 0x00, 3]))
seed("results", "not-hdf5", bytes([0]) + b"\x89HDF\r\n\x1a\n" + bytes(64))
