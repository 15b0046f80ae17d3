"""Writes arrays in every format and element type that `source = "arrays"` reads, and malformed ones, with NumPy, h5py,
netCDF (by xarray), the csv module and safetensors' layout; prints what a program must find in each, as JSON."""
import csv
import gzip
import json
import pathlib
import struct
import sys

import h5py
import numpy as np
import xarray

out = pathlib.Path(sys.argv[1])
rng = np.random.default_rng(7)
good, bad = [], []
N = 12
labels = np.array([0, 2, 1] * 4)
WORDS = np.array(["owl", "ant", "bee"])


def numbers(dtype, shape):
    """Values that the type holds, its extremes among them."""
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        values = rng.integers(info.min, info.max, shape, dtype=dtype.newbyteorder("="), endpoint=True)
        values.flat[0], values.flat[1] = info.min, info.max
        return values.astype(dtype)
    return (rng.standard_normal(shape) * 100).astype(dtype)


def expect(path, keys, x, y, test, texts=(), image=None, classes=None):
    """One good case: what is trained on and tested on, in rows of single precision."""
    rows = lambda a: [float(v) for v in np.asarray(a).astype(np.float32).ravel()]
    xt, yt = test
    good.append({
        "path": path, "keys": keys, "x": rows(x), "y": [int(v) for v in y], "xt": rows(xt), "yt": [int(v) for v in yt],
        "texts": list(texts), "image": image, "classes": classes or len(set(map(int, y)) | set(map(int, yt))),
    })


def last(x, y, n=4):
    return (x[:-n], y[:-n], (x[-n:], y[-n:]))


def safetensors(path, arrays, header=None):
    names = {"float16": "F16", "float32": "F32", "float64": "F64", "bool": "BOOL"}
    names |= {f"{u}int{b}": f"{u.upper() or 'I'}{b}" for u in ("", "u") for b in (8, 16, 32, 64)}
    head, body = {}, b""
    for name, array in arrays.items():
        data = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<")).tobytes()
        head[name] = {"dtype": names[array.dtype.name], "shape": list(array.shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header or head).encode()
    (out / path).write_bytes(struct.pack("<Q", len(text)) + text + body)


# Every element type of inputs, in every binary format, both byte orders and both orders of dimensions.
TYPES = ["bool", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]
for kind in TYPES:
    x = numbers(kind, (N, 5))
    np.savez(out / f"stored-{kind}.npz", x=x, y=labels)
    expect(f"stored-{kind}.npz", "test_last = 4", *last(x, labels))
    np.savez_compressed(out / f"packed-{kind}.npz", x=np.asfortranarray(x), y=labels)
    expect(f"packed-{kind}.npz", "test_last = 4", *last(x, labels))
    big = x.astype(x.dtype.newbyteorder(">"))
    folder = out / f"pair-{kind}"
    folder.mkdir()
    np.save(folder / "inputs.npy", big)
    np.save(folder / "targets.npy", labels.astype(">i4"))
    expect(f"pair-{kind}", 'inputs = "inputs"\ntargets = "targets.npy"\ntest_last = 4', *last(x, labels))
    safetensors(f"{kind}.safetensors", {"x": x, "y": labels})
    expect(f"{kind}.safetensors", "test_last = 4", *last(x, labels))
    for name, stored, options in [("plain", x, {}), ("chunked", big, {"chunks": (5, 2), "compression": "gzip", "shuffle": True})]:
        with h5py.File(out / f"{name}-{kind}.h5", "w") as file:
            file.create_dataset("samples/x", data=stored, **options)
            file["y"] = labels.astype("u1")
        expect(f"{name}-{kind}.h5", 'inputs = "samples/x"\ntargets = "y"\ntest_last = 4', *last(x, labels))

# Every element type of targets.
x = numbers("f4", (N, 3))
for kind in TYPES[1:]:
    np.savez(out / f"labels-{kind}.npz", x=x, y=labels.astype(kind))
    expect(f"labels-{kind}.npz", "test_last = 4", *last(x, labels))
    with h5py.File(out / f"labels-{kind}.h5", "w") as file:
        file["x"], file["y"] = x, labels.astype(kind).reshape(N, 1)
    expect(f"labels-{kind}.h5", "test_last = 4", *last(x, labels))
flags = labels > 0
np.savez(out / "labels-bool.npz", x=x, y=flags)
expect("labels-bool.npz", "test_last = 4", *last(x, flags))
with h5py.File(out / "labels-bool.h5", "w") as file:
    file["x"], file["y"] = x, flags
expect("labels-bool.h5", "test_last = 4", *last(x, flags))
signs = np.where(flags, 1, -1)
np.savez(out / "signs.npz", x=x, y=signs)
expect("signs.npz", "test_last = 4", *last(x, flags), texts=["-1", "1"])
hot = np.eye(4)[labels]
for name, rows in [("hot-f8", hot), ("hot-u1", hot.astype("u1")), ("hot-bool", np.asfortranarray(hot.astype(bool)))]:
    np.savez(out / f"{name}.npz", x=x, y=rows)
    expect(f"{name}.npz", "test_last = 4", *last(x, labels), classes=4)

# Texts: classes in sorted order.
words = WORDS[labels]
places = np.array([{"ant": 0, "bee": 1, "owl": 2}[word] for word in words])
sorted_words = ["ant", "bee", "owl"]
for name, texts in [("U", words), ("U-big", words.astype(">U7")), ("S", words.astype("S5"))]:
    np.savez(out / f"texts-{name}.npz", x=x, y=texts)
    expect(f"texts-{name}.npz", "test_last = 4", *last(x, places), texts=sorted_words)
for name, texts in [
    ("vlen", words.astype(object)), ("fixed", words.astype("S4")),
    ("utf8", np.array(words.astype("S4"), dtype=h5py.string_dtype("utf-8", 4))),
    ("long", np.array(words.astype("S90"), dtype=h5py.string_dtype("ascii", 90))),
    ("ascii-vlen", np.array(words.astype(object), dtype=h5py.string_dtype("ascii"))),
]:
    with h5py.File(out / f"texts-{name}.h5", "w") as file:
        file["x"] = x
        file.create_dataset("y", data=texts) if name != "vlen" else file.create_dataset("y", data=texts, dtype=h5py.string_dtype())
    expect(f"texts-{name}.h5", "test_last = 4", *last(x, places), texts=sorted_words)
xarray.Dataset({"x": (("n", "d"), x), "y": ("n", words)}).to_netcdf(out / "texts.nc", engine="h5netcdf")
expect("texts.nc", "test_last = 4", *last(x, places), texts=sorted_words)
umlauts = np.array(["zebra", "Ähre", "öl"])[labels]
np.savez(out / "umlauts.npz", x=x, y=umlauts)
expect("umlauts.npz", "test_last = 4", *last(x, labels), texts=sorted(set(umlauts)))

# Shapes, and test sets of their own, by name and by convention.
for shape, image, keys in [((N,), None, ""), ((N, 2, 3), [1, 2, 3], ""), ((N, 3, 2, 4), [3, 2, 4], "")]:
    images = numbers("u1", shape)
    name = f"shape-{len(shape)}.npz"
    np.savez(out / name, x_train=images, y_train=labels, x_test=images[::-1][:5], y_test=labels[:5])
    expect(name, "", images, labels, (images[::-1][:5], labels[:5]), image=image)
images = numbers("f4", (N, 2, 4, 3))
moved = np.moveaxis(images, 3, 1)
np.savez(out / "last.npz", a=images, b=labels, c=images[:4], d=labels[:4])
named = 'inputs = "a"\ntargets = "b"\ntest_inputs = "c"\ntest_targets = "d"\nchannels_last = true'
expect("last.npz", named, moved, labels, (moved[:4], labels[:4]), image=[3, 2, 4])

# Tables.
table = [[f"{a:.9g}", word, f"{b:.9g}"] for (a, b), word in zip(x[:, :2], words)]
for name, delimiter in [("a.csv", ","), ("a.tsv", "\t")]:
    with open(out / name, "w", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows([["left", "kind", "right side"], *table])
    expect(name, 'targets = "kind"\ntest_last = 4', *last(x[:, :2], places), texts=sorted_words)
(out / "a.csv.gz").write_bytes(gzip.compress((out / "a.csv").read_bytes()))
keys = 'targets = "kind"\ninputs = ["right side"]\ntest_last = 4'
expect("a.csv.gz", keys, *last(x[:, 1:2], places), texts=sorted_words)
with open(out / "hot.csv", "w", newline="") as file:
    csv.writer(file).writerows([["v", "owl", "ant", "bee"], *[[f"{v:.9g}", *map(int, np.eye(3)[l])] for v, l in zip(x[:, 0], labels)]])
expect("hot.csv", 'targets = ["owl", "ant", "bee"]\ntest_last = 4', *last(x[:, :1], labels), texts=["owl", "ant", "bee"])


def refuse(path, keys, *words):
    bad.append({"path": path, "keys": keys, "words": list(words)})


def npz(name, keys, *words, **arrays):
    np.savez(out / name, **arrays)
    refuse(name, keys, *words)


cut = "test_last = 4"
nans = x.copy()
nans[7, 2] = np.nan
npz("nan.npz", cut, "input 2 of sample 7 of `x`", "NaN", x=nans, y=labels)
npz("large.npz", cut, "input 1 of sample 3 of `x`", "beyond single precision", x=np.where(np.arange(3) == 1, np.where(np.arange(N) == 3, 1e39, 0)[:, None], x.astype("f8")), y=labels)
pixels = np.zeros((N, 2, 3), "f4")
pixels[5, 1, 2] = np.inf
npz("pixels.npz", cut, "input 5 (channel 0, row 1, column 2) of sample 5", x=pixels, y=labels)
ragged = np.empty(N, object)
ragged[:] = [[1.0] * (k + 1) for k in range(N)]
np.savez(out / "ragged.npz", x=ragged, y=labels)
refuse("ragged.npz", cut, "`x` is an array of Python objects", "pickles", "dtype=np.float32")
(out / "pickled").mkdir()
np.save(out / "pickled/x.npy", ragged, allow_pickle=True)
np.save(out / "pickled/y.npy", labels)
refuse("pickled", cut, "`x` is an array of Python objects")
npz("complex.npz", cut, "`x` holds complex numbers", x=x.astype("c8"), y=labels)
npz("record.npz", cut, "`x` is a structured array", x=np.zeros(N, "i4,f8"), y=labels)
npz("dates.npz", cut, "<M8[D]", x=np.zeros((N, 2), "M8[D]"), y=labels)
npz("halves.npz", cut, "target 3 of `y` (counted from 0) is 0.5, which is no class", x=x, y=np.where(np.arange(N) == 3, 0.5, labels))
npz("hot.npz", cut, "row 5 of `y`", "one-hot", x=x, y=np.eye(4)[labels] * np.where(np.arange(N) == 5, 2, 1)[:, None])
npz("short.npz", cut, "`x` has 12 samples and `y` has 11 targets", x=x, y=labels[:-1])
npz("deep.npz", cut, "`x` (12×1×1×1×3) is no array of samples", x=x.reshape(N, 1, 1, 1, 3), y=labels)
npz("points.npz", f"{cut}\nchannels_last = true", "no channels", x=x, y=labels)
npz("words.npz", f'inputs = "y"\ntargets = "y"\n{cut}', "`y` holds texts, and inputs are numbers", x=x, y=words)
npz("names.npz", cut, "called x_train or x; it holds a (float32, 12×3), b (int64, 12)", "inputs", a=x, b=labels)
npz("typo.npz", f'inputs = "X"\n{cut}', "no array `X`; it holds x (float32, 12×3)", x=x, y=labels)
npz("untested.npz", "", "nothing says which samples are the test set", "test_share = 0.2", x=x, y=labels)
npz("all.npz", "test_last = 12", "test_last = 12 of its 12 samples leaves no training samples", x=x, y=labels)
npz("empty.npz", cut, "`x` (0×3) holds nothing", x=x[:0], y=labels[:0])
npz("shapes.npz", "", "samples of `x_test` have another shape than those of `x_train`", x_train=x, y_train=labels, x_test=x[:, :2], y_test=labels)
npz("several.npz", f'inputs = ["x", "y"]\n{cut}', "several are for the columns of a table", x=x, y=labels)
whole = (out / "stored-f4.npz").read_bytes()
(out / "torn.npz").write_bytes(whole[: len(whole) // 2])
refuse("torn.npz", cut, "no whole zip archive")
flipped = bytearray(whole)
flipped[whole.index(b"\x93NUMPY") + 200] ^= 255
(out / "flipped.npz").write_bytes(flipped)
refuse("flipped.npz", cut, "`x` cannot be read", "hecksum")
(out / "torn").mkdir()
np.save(out / "torn/x.npy", x)
np.save(out / "torn/y.npy", labels)
(out / "torn/x.npy").write_bytes((out / "torn/x.npy").read_bytes()[:-3])
refuse("torn", cut, "`x` has 269 bytes where its header, of 12×3 float32, asks for 272", "truncated")
refuse("torn/x.npy", cut, "a NumPy array", "Name the directory")
refuse("nowhere.npz", cut, "nowhere.npz")
safetensors("torn.safetensors", {"x": x, "y": labels}, {"x": {"dtype": "F32", "shape": [N, 300], "data_offsets": [0, 14400]}})
refuse("torn.safetensors", cut, "no whole safetensors file", "14400 bytes")
(out / "text.bin").write_text("hello")
refuse("text.bin", cut, "this is text", ".npz, a directory of .npy files, HDF5")
with h5py.File(out / "ragged.h5", "w") as file:
    file.create_dataset("x", (N,), dtype=h5py.vlen_dtype("f4"))
    for k in range(N):
        file["x"][k] = np.ones(k + 1, "f4")
    file["y"] = labels
refuse("ragged.h5", cut, "`x` is ragged")
with h5py.File(out / "unwritten.h5", "w") as file:
    file.create_dataset("x", (10**9, 1000), dtype="f4", chunks=(1000, 1000))
    file["y"] = labels
refuse("unwritten.h5", cut, "12 targets")
with h5py.File(out / "never.h5", "w") as file:
    file.create_dataset("x", (N, 3), dtype="f4", chunks=(N, 3))
    file["y"] = labels
refuse("never.h5", cut, "never written")
with h5py.File(out / "compound.h5", "w") as file:
    file["x"], file["y"] = np.zeros(N, "i4,f8"), labels
refuse("compound.h5", cut, "`x` is of a compound type")
xarray.Dataset({"x": (("n", "d"), x), "y": ("n", labels)}).to_netcdf(
    out / "packed.nc", engine="h5netcdf", encoding={"x": {"dtype": "i2", "scale_factor": 0.1, "_FillValue": -9999}})
refuse("packed.nc", cut, "`x` is packed", "scale_factor")
for name, text, *words in [
    ("missing.csv", "a,y\n1,0\n,1\n", "line 3, column `a`: the value is missing"),
    ("word.csv", "a,y\n1,0\nabc,1\n", "line 3, column `a`: `abc` is no number"),
    ("nan.csv", "a,y\n1,0\nnan,1\n", "line 3, column `a`: `nan` is not finite"),
    ("ragged.csv", "a,y\n1,0\n2,1,3\n", "line 3 has 3 values where the header has 2 names"),
    ("semicolons.csv", "a;y\n1;0\n2;1\n", "no column `y`", "separated by semicolons"),
    ("half.csv", "a,y\n1,0.5\n2,1\n", "target 0 of `y`", "0.5"),
]:
    (out / name).write_text(text)
    refuse(name, 'targets = "y"\ntest_last = 1', *words)
refuse("word.csv", "test_last = 1", "which column is the target; it holds the columns `a`, `y`")
refuse("word.csv", 'targets = "y"\ntest_inputs = "a"\ntest_targets = "y"', "Cut a test set off")
print(json.dumps({"good": good, "bad": bad}))
