"""Machines on a frozen kernel by scikit-learn and SciPy: writes machines.json, which `machines.rs` compares with.

    python machines.py > machines.json        (scikit-learn 1.9.1, SciPy 1.17.1, NumPy 2.4.6)

Sixty points in the plane from a linear congruential generator, the sign of the class by a stripe, the kernel
exp(-|x - x'|). Maximal margin: SVC on the precomputed kernel with the constant part of its bias taken away by a
mirrored copy of every sample (x, y) -> (-phi(x), -y), whose machine has no bias. Flows: c' = pull(K c)/p by Radau
at 1e-10 until the least margin is that of the case. A plain hinge has no such flow; it is followed by explicit Euler steps of 1e-4.
"""

import json

import numpy as np
from scipy.integrate import solve_ivp
from scipy.special import expit
from sklearn.svm import SVC

STATE = 1


def uniform():
    global STATE
    STATE = (STATE * 6364136223846793005 + 1442695040888963407) % 2**64
    return (STATE >> 11) / 2.0**53


def points(count):
    return np.array([[4 * uniform() - 2, 4 * uniform() - 2] for _ in range(count)])


train, test = points(60), points(40)
labels = np.where((train[:, 0] > -0.3) & (train[:, 0] < 1.2), 1.0, -1.0)
kernel = lambda a, b: np.exp(-np.linalg.norm(a[:, None] - b[None], axis=2))
gram, of_test = kernel(train, train), kernel(test, train)
signed = gram * labels[:, None] * labels[None]
p = len(labels)

# With a mirrored copy of every sample, the optimum is symmetric and its bias is zero.
both = np.block([[gram, -gram], [-gram, gram]])
machine = SVC(kernel="precomputed", C=1e6, tol=1e-9).fit(both, np.concatenate([labels, -labels]))
assert abs(machine.intercept_[0]) < 1e-6
margin = machine.decision_function(np.hstack([of_test, -of_test]))


def flow(pull, until):
    reached = lambda t, c: (signed @ c).min() - until
    reached.terminal = True
    found = solve_ivp(lambda t, c: pull(signed @ c) / p, (0, 1e9), np.zeros(p), "Radau", events=reached, rtol=1e-10, atol=1e-12)
    assert len(found.t_events[0]) == 1
    return {"margin": until, "time": found.t_events[0][0], "outputs": list(of_test @ (found.y_events[0][0] * labels))}


def euler(until, step=1e-4):
    c, t = np.zeros(p), 0
    margins = signed @ c
    while margins.min() < until:
        pulling = margins < 1
        c[pulling] += step * 60 / p
        margins += step * 60 / p * signed[:, pulling].sum(axis=1)
        t += step * 60
    return {"margin": until, "time": t, "outputs": list(of_test @ (c * labels))}


print(json.dumps({
    "maximal margin": list(margin),
    "soft hinge, beta 20": flow(lambda m: expit(20 * (1 - m)), 1.0),
    "soft hinge, beta 3": flow(lambda m: expit(3 * (1 - m)), 1.0),
    "quadratic hinge": flow(lambda m: np.maximum(1 - m, 0), 0.9),
    "cross-entropy": flow(lambda m: expit(-m), 1.0),
    "hinge": euler(0.99),
}, indent=1))
