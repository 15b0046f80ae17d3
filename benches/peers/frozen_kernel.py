"""Both machines on frozen tangent kernels against scikit-learn's SVC and SciPy's BDF, on points of their own.

    python frozen_kernel.py data DIR --p 2000        # DIR/points.npz and DIR/machines.toml
    phasesweep run DIR/machines.toml --out DIR/run
    python frozen_kernel.py compare DIR              # a line for each kernel

The kernels are computed here again from the weights that the flow kept. An SVC without a bias is one on the samples and
their mirror images, (phi, y) and (-phi, -y), whose bias is zero by symmetry. The flow is c' = pull(K c)/p, by BDF with its exact
Jacobian at 1e-7, until the least margin is 1. Needs NumPy, SciPy, scikit-learn, h5py and safetensors.
"""

import argparse
import glob
import json
import time

import h5py
import numpy as np
from safetensors import safe_open
from scipy.integrate import solve_ivp
from scipy.special import expit
from sklearn.svm import SVC

SWEEP = """
[sweep]
name = "machines"
seeds = 1

[[data]]
source = "arrays"
path = "points.npz"
labels = "parity"
normalise = "none"

[[subsample]]
size = {p}

[[architecture]]
kind = "mlp"
hidden = [500]
activation = "relu"
parametrisation = "mean-field"

[[optimiser]]
kind = "gradient-flow"
alpha = {alpha}
precision = "f32"
watched = "pulling"

[train]
epochs = 300000
loss = "soft-hinge"

[observe]
record = {{ log = 5 }}

[flow]
kernel = [0, 1]
weights_at = [0, 1]
kernel_flow = 10000
"""


def stripe(count, random):
    x = random.standard_normal((count, 5)).astype(np.float32)
    return x, ((x[:, 0] > -0.3) & (x[:, 0] < 1.18549)).astype(np.int64)


def data(folder, p, alpha):
    random = np.random.default_rng(17)
    (x, y), (x_test, y_test) = stripe(p, random), stripe(2000, random)
    np.savez(f"{folder}/points.npz", x_train=x, y_train=y, x_test=x_test, y_test=y_test)
    with open(f"{folder}/machines.toml", "w") as file:
        file.write(SWEEP.format(p=p, alpha=alpha))


def kernels(path, train, test):
    """The tangent kernel of f by its own parameters, from the plain network's weights and the factors in them."""
    with safe_open(path, "np") as file:
        names = sorted(file.keys())
        metadata = file.metadata()
        tensors = [file.get_tensor(name).astype(float) for name in names]
    first = next(t for t in tensors if t.ndim == 2 and t.shape[1] == train.shape[1] and t.shape[0] > 1)
    output = next(t for t in tensors if t.ndim == 2 and t.shape[0] == 1)
    bias = next(t for t in tensors if t.ndim == 1 and len(t) == len(first))
    alpha, scales = float(metadata["alpha"]), json.loads(metadata["weight_scales"])

    def signals(x):
        z = x @ first.T + bias
        return np.maximum(z, 0), (z > 0) * output[0] / alpha

    (a, da), (b, db) = signals(train), signals(test)
    both = lambda x, y, ax, ay, dx, dy: (scales[0] ** 2 * x @ y.T + 1) * (dx @ dy.T) + (scales[1] / alpha) ** 2 * ax @ ay.T
    return both(train, train, a, a, da, da), both(test, train, b, a, db, da)


def error(outputs, labels):
    margins = outputs * labels
    return np.mean(margins < 0) + 0.5 * np.mean(margins == 0)


def compare(folder):
    points = np.load(f"{folder}/points.npz")
    train, test = points["x_train"].astype(float), points["x_test"].astype(float)
    labels, test_labels = 2.0 * points["y_train"] - 1, 2.0 * points["y_test"] - 1
    results = h5py.File(f"{folder}/run/results.h5")
    stages = list(results["stage"][:])
    p = len(labels)
    for path in sorted(glob.glob(f"{folder}/run/weights/*/stage-*.safetensors")):
        stage = stages.index(float(path.rsplit("stage-", 1)[1].removesuffix(".safetensors")))
        own = lambda name: float(results[name][0, stage])
        gram, of_test = kernels(path, train, test)
        scale = np.trace(gram) / p
        gram, of_test = gram / scale, of_test / scale
        began = time.process_time()
        both = np.block([[gram, -gram], [-gram, gram]])
        svc = SVC(kernel="precomputed", C=1e5, tol=1e-5, cache_size=1000).fit(both, np.concatenate([labels, -labels]))
        of_svc = svc.decision_function(np.hstack([of_test, -of_test]))
        svc_time = time.process_time() - began
        signed = gram * labels[:, None] * labels[None]
        pull = lambda m: expit(20 * (1 - m))
        reached = lambda t, c: (signed @ c).min() - 1
        reached.terminal = True
        slope = lambda t, c: pull(signed @ c) / p
        bend = lambda m: 20 * pull(m) * (1 - pull(m)) / p
        jacobian = lambda t, c: -bend(signed @ c)[:, None] * signed
        began = time.process_time()
        found = solve_ivp(slope, (0, 1e12), np.zeros(p), "BDF", jac=jacobian, events=reached, rtol=1e-7, atol=1e-8)
        flow_time = time.process_time() - began
        of_flow = of_test @ (found.y_events[0][0] * labels)
        print(
            f"p = {p}, stage {stages[stage]:g}: maximal margin {own('kernel_test_error'):.4f}, SVC {error(of_svc, test_labels):.4f} "
            f"(bias {svc.intercept_[0]:.1e}, {svc_time:.1f} s); flow {own('kernel_flow_test_error'):.4f} "
            f"(t {own('kernel_flow_time'):.6g}, {own('kernel_flow_steps'):.0f} steps), BDF {error(of_flow, test_labels):.4f} "
            f"(t {found.t_events[0][0] / scale / float(results['alpha'][0]):.6g}, {len(found.t)} steps, {flow_time:.1f} s)",
            flush=True,
        )


parser = argparse.ArgumentParser()
parser.add_argument("what", choices=["data", "compare"])
parser.add_argument("folder")
parser.add_argument("--p", type=int, default=2000)
parser.add_argument("--alpha", default="1e-4")
given = parser.parse_args()
if given.what == "data":
    data(given.folder, given.p, given.alpha)
else:
    compare(given.folder)
