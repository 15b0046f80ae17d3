"""Writes a results file of many cells, as `phasesweep collect` lays it out, for timing the report.

    python3 benches/report.py 100000 /tmp/many 200    # cells, folder, epochs; needs h5py and NumPy
    time phasesweep-report /tmp/many

36 variants (2 data sources x 3 blocks x 2 widths x 3 optimisers), the cells shared out evenly over them, 100 epochs unless told,
two classes in one hidden layer, and the misclassified samples of a block of 1500 at four epochs. Numbers are drawn from a
fixed seed: radii fall and rise, the distance rises and falls, at epochs that depend on the variant and on the seed.
"""

import itertools
import os
import sys

import h5py
import numpy as np

SAMPLES, SNAPSHOTS, SLAB = 1500, [10, 30, 50, 70], 4096


def main(cells, folder, epochs):
    recorded = epochs + 1
    os.makedirs(folder, exist_ok=True)
    axes = [["digits parity", "mnist parity"], ["1500 block 0", "1500 block 1", "1500 block 2"],
            ["mlp 20 tanh", "mlp 40 tanh"], ["sgd lr=0.2", "sgd lr=0.2 momentum=0.9", "adam lr=0.002"]]
    variants = list(itertools.product(*axes))
    variant = np.arange(cells) * len(variants) // cells
    random = np.random.default_rng(1)
    with h5py.File(os.path.join(folder, "results.h5"), "w") as file:
        file.attrs["format"] = "phasesweep results"
        file.attrs["format_version"] = np.uint32(1)
        file.attrs["title"] = f"{cells} cells"
        text = h5py.string_dtype()
        put = lambda name, values, kind=None: file.create_dataset(name, data=values, dtype=kind)
        put("cell_id", np.array([f"{cell:032x}" for cell in range(cells)], dtype=object), text)
        put("variant", np.array([f"{of:032x}" for of in variant], dtype=object), text)
        put("status", np.array(["complete"] * cells, dtype=object), text)
        for place, name in enumerate(["data", "subsample", "architecture", "optimiser"]):
            put(name, np.array([variants[of][place] for of in variant], dtype=object), text)
        put("prune", np.array(["none"] * cells, dtype=object), text)
        first = np.searchsorted(variant, variant)
        put("seed", (np.arange(cells) - first).astype("i8"))
        put("samples", np.full(cells, float(SAMPLES)))
        put("lr", np.where(variant % 3 == 2, 0.002, 0.2))
        put("epoch", np.arange(recorded, dtype="i8"))
        put("layer", np.array([1], dtype="i8"))
        put("class", np.array([0, 1], dtype="i8"))
        put("pair", np.array(["0-1"], dtype=object), text)
        put("snapshot_epoch", np.array(SNAPSHOTS, dtype="i8"))
        grid = {"train_loss": (), "train_error": (), "test_error": (), "radius": (1, 2), "distance": (1, 1)}
        out = {name: file.create_dataset(name, (cells, *middle, recorded), "f4", chunks=(min(64, cells), *middle, recorded),
                                         compression=1, shuffle=True) for name, middle in grid.items()}
        width = -(-SAMPLES // 8)
        bits = file.create_dataset("misclassified", (cells, len(SNAPSHOTS), width), "u1", chunks=(min(64, cells), len(SNAPSHOTS), width),
                                   compression=1)
        counts = file.create_dataset("misclassified_count", (cells, len(SNAPSHOTS)), "f4")
        t = np.arange(recorded)
        for start in range(0, cells, SLAB):
            end = min(cells, start + SLAB)
            turn = 30 + variant[start:end] + random.normal(0, 3, end - start)
            noise = lambda: random.normal(0, 0.002, (end - start, recorded))
            error = 0.5 * (1 - t / recorded)[None] ** 2 * np.exp(random.normal(0, 0.02, (end - start, 1)))
            out["train_error"][start:end] = error
            out["train_loss"][start:end] = error + noise()
            out["test_error"][start:end] = error + 0.02 + noise()
            curve = lambda shift: 1e-4 * (t[None] - turn[:, None] - shift) ** 2 + noise()
            out["radius"][start:end, 0] = np.stack([0.7 + curve(-2), 0.7 + curve(2)], axis=1)
            out["distance"][start:end, 0, 0] = 1.5 - curve(0)
            members = random.random((end - start, 1, SAMPLES)) < error[:, SNAPSHOTS, None]
            bits[start:end] = np.packbits(members, axis=-1)
            counts[start:end] = members.sum(axis=-1)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 100)
