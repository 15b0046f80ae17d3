"""What was measured on copies of the weights of fully connected networks, computed again by NumPy from the files of weights
and the images of the training block, by the formulas of the papers. Usage: observables.py RUN_DIRECTORY"""

import glob
import json
import sys

import h5py
import numpy as np

out = sys.argv[1]


def text(value):
    return value.decode() if isinstance(value, bytes) else value


results = h5py.File(out + "/results.h5")
cells = [text(cell) for cell in results["cell_id"][:]]
pixels, classes = results["block_images"][:], results["block_labels"][:]
pixels = np.rint(pixels.reshape(len(pixels), -1) * (16.0 / 255.0))
n, C = len(pixels), 10
assert pixels.max() == 16 and sorted(set(classes)) == list(range(C)), "all of the digits, in all shades"
onehot = np.eye(C)[classes]


def kept(path):
    raw = open(path, "rb").read()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    meta, data = header.pop("__metadata__"), raw[8 + length :]
    read = lambda e: np.frombuffer(data[slice(*e["data_offsets"])], "<f4").astype(float).reshape(e["shape"])
    return meta, {name: read(entry) for name, entry in header.items()}


runs = {}
for path in glob.glob(out + "/weights/*/*.safetensors"):
    meta, tensors = kept(path)
    if json.loads(meta["architecture"])["kind"] != "mlp":
        continue
    assert meta["activation"] == "relu"
    layers = [(tensors[f"layers.{k}.weight"], tensors[f"layers.{k}.bias"]) for k in range(3)]
    runs.setdefault(meta["cell"], {"live": json.loads(meta["live"])})[int(meta["epoch"])] = layers


def samples(live):
    x = pixels[:, live]
    return ((x - x.mean(0)) / x.std(0, ddof=1)).astype(np.float32).astype(float)


def forward(layers, x):
    """Values after every hidden layer, and the outputs."""
    hidden = []
    for weight, bias in layers[:-1]:
        x = np.maximum(x @ weight.T + bias, 0.0)
        hidden.append(x)
    return hidden, x @ layers[-1][0].T + layers[-1][1]


def flat(layers):
    return np.concatenate([np.concatenate([weight.ravel(), bias]) for weight, bias in layers])


def jacobian(layers, x):
    """[sample, output, parameter], in the order of `flat`."""
    hidden, _ = forward(layers, x)
    fed = [x] + hidden
    rows = np.empty((n, C, len(flat(layers))))
    for k in range(C):
        delta = np.zeros((n, C))
        delta[:, k] = 1.0
        parts = []
        for place in (2, 1, 0):
            weights = np.einsum("no,ni->noi", delta, fed[place]).reshape(n, -1)
            parts.append(np.concatenate([weights, delta], axis=1))
            if place:
                delta = (delta @ layers[place][0]) * (fed[place] > 0)
        rows[:, k] = np.concatenate(parts[::-1], axis=1)
    return rows


def softmax(f):
    p = np.exp(f - f.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def dimensions(h):
    spectrum = np.linalg.eigvalsh(np.cov(h.T))
    spectrum = spectrum[spectrum > 1e-13 * spectrum.max()]
    p = spectrum / spectrum.sum()
    return spectrum.sum() ** 2 / (spectrum**2).sum(), np.exp(-(p * np.log(p)).sum())


def collapse(layers, x):
    """NC1, NC2 of means and weights (lengths, then angles), NC3, NC4 on training samples."""
    hidden, f = forward(layers, x)
    h, weight = hidden[-1], layers[-1][0]
    means = np.stack([h[classes == c].mean(0) for c in range(C)])
    centred = means - means.mean(0)
    within = sum(np.outer(row - means[c], row - means[c]) for row, c in zip(h, classes)) / n
    between = centred.T @ centred / C
    spread = lambda v: np.linalg.norm(v, axis=1).std(ddof=1) / np.linalg.norm(v, axis=1).mean()

    def angles(v):
        unit = v / np.linalg.norm(v, axis=1, keepdims=True)
        return np.abs((unit @ unit.T)[np.triu_indices(C, 1)] + 1.0 / (C - 1)).mean()

    duality = np.linalg.norm(weight / np.linalg.norm(weight) - centred / np.linalg.norm(centred)) ** 2
    nearest = ((h[:, None] - means[None]) ** 2).sum(2).argmin(1)
    nc1 = np.trace(within @ np.linalg.pinv(between, rcond=1e-12, hermitian=True)) / C
    lengths = spread(centred), spread(weight)
    return nc1, lengths, (angles(centred), angles(weight)), duality, (nearest != f.argmax(1)).mean()


H = np.eye(n) - np.ones((n, n)) / n
cosine = lambda a, b: (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())


def cka(x, y):
    x, y = x - x.mean(0), y - y.mean(0)
    return np.linalg.norm(y.T @ x) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))


def two_nn(h):
    apart = np.sqrt(((h[:, None] - h[None]) ** 2).sum(2))
    np.fill_diagonal(apart, np.inf)
    nearest = np.sort(apart, axis=1)[:, :2]
    nearest = nearest[nearest[:, 0] > 0]
    mu = np.sort(nearest[:, 1] / nearest[:, 0])
    share = np.arange(1, len(mu) + 1) / len(mu)
    x, y = np.log(mu)[: int(0.9 * len(mu))], -np.log(1 - share[: int(0.9 * len(mu))])
    return (x * y).sum() / (x * x).sum()


checked = 0


def hold(found, exact, tolerance, *what):
    """A relative tolerance, or an absolute one where the number is below 1e-3 of its scale."""
    global checked
    found, exact = np.asarray(found, float), np.asarray(exact, float)
    assert np.isfinite(found).all(), what
    assert (np.abs(found - exact) <= tolerance * np.maximum(np.abs(exact), 1e-3)).all(), (what, found, exact)
    checked += found.size


def of(name, cell, epoch):
    dims = [d[0].name.lstrip("/") for d in results[name].dims]
    place = list(results[dims[-1]][:]).index(epoch)
    return results[name][cells.index(cell)][..., place]


# Stored in single precision; sums are of thousands of terms in double precision.
SINGLE = 2e-6
sets = [text(name) for name in results["sample_set"][:]]
assert len(runs) == 2
for cell, run in runs.items():
    x = samples(run["live"])
    start, end = run[0], run[6]
    for epoch in (0, 3, 6):
        layers = run[epoch]
        hidden, f = forward(layers, x)
        for place, h in enumerate(hidden):
            ratio, rank = dimensions(h)
            hold(of("participation_ratio", cell, epoch)[place], ratio, SINGLE, "ratio", epoch)
            hold(of("effective_rank", cell, epoch)[place], rank, SINGLE, "rank", epoch)
            hold(of("cka_start", cell, epoch)[place], cka(h, forward(start, x)[0][place]), SINGLE, "cka", epoch)
            hold(of("cka_end", cell, epoch)[place], cka(h, forward(end, x)[0][place]), SINGLE, "cka end", epoch)
            hold(of("intrinsic_dimension", cell, epoch)[place], two_nn(h), SINGLE, "dimension", epoch)
        nc1, lengths, angles, duality, disagreement = collapse(layers, x)
        # The inverse of a covariance whose least eigenvalue is 1e-3 of the greatest.
        hold(of("collapse_within", cell, epoch), nc1, 1e-5, "NC1", epoch)
        hold(of("collapse_lengths", cell, epoch), lengths, SINGLE, "NC2 lengths", epoch)
        hold(of("collapse_angles", cell, epoch), angles, SINGLE, "NC2 angles", epoch)
        hold(of("collapse_duality", cell, epoch), duality, SINGLE, "NC3", epoch)
        hold(of("collapse_disagreement", cell, epoch)[sets.index("train")], disagreement, SINGLE, "NC4", epoch)

        rows = jacobian(layers, x)
        theta = sum(rows[:, k] @ rows[:, k].T for k in range(C))
        if epoch == 0:
            theta_start = theta
        spectrum = np.linalg.eigvalsh(theta)[::-1] / n
        hold(of("tangent_kernel_eigenvalue", cell, epoch), spectrum[:3], SINGLE, "eigenvalues", epoch)
        hold(of("tangent_kernel_trace", cell, epoch), np.trace(theta) / n, SINGLE, "trace", epoch)
        labels = H @ (onehot @ onehot.T) @ H
        hold(of("tangent_kernel_alignment", cell, epoch), cosine(H @ theta @ H, labels), SINGLE, "alignment", epoch)
        change = np.linalg.norm(theta - theta_start) / np.linalg.norm(theta_start)
        hold(of("tangent_kernel_change", cell, epoch), change, SINGLE, "change", epoch)
        hold(of("tangent_kernel_rotation", cell, epoch), 1 - cosine(theta, theta_start), SINGLE, "rotation", epoch)

        gradients = np.einsum("nkp,nk->np", rows, softmax(f) - onehot)
        mean = gradients.mean(0)
        variance = ((gradients - mean) ** 2).sum() / (n - 1)
        square = (mean**2).sum()
        hold(of("gradient_variance", cell, epoch), variance, SINGLE, "variance", epoch)
        hold(of("gradient_square", cell, epoch), square, SINGLE, "square", epoch)
        hold(of("gradient_norm", cell, epoch), np.sqrt(square), SINGLE, "norm", epoch)
        hold(of("noise_scale", cell, epoch), variance / square, SINGLE, "noise scale", epoch)
        hold(of("gradient_square_unbiased", cell, epoch), square - variance / n, 1e-5, "unbiased", epoch)
        if epoch == 0:
            assert np.isnan(of("update_length", cell, 0)) and np.isnan(of("gradient_cosine", cell, 0))
            continue
        now, last, earlier = [flat(run[epoch - back]) for back in range(3)]
        hold(of("update_length", cell, epoch), np.linalg.norm(now - last), SINGLE, "length", epoch)
        relative = np.linalg.norm(now - last) / np.linalg.norm(last)
        hold(of("update_relative", cell, epoch), relative, SINGLE, "relative", epoch)
        hold(of("update_cosine", cell, epoch), cosine(now - last, last - earlier), SINGLE, "updates", epoch)
        before = np.einsum("nkp,nk->np", jacobian(run[epoch - 1], x), softmax(forward(run[epoch - 1], x)[1]) - onehot)
        hold(of("gradient_cosine", cell, epoch), cosine(mean, before.mean(0)), SINGLE, "gradients", epoch)
print(f"{checked} numbers agree")
