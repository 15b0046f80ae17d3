"""Observables of two residual networks by PyTorch and NumPy in double precision, by the formulas of the papers: what the test
beside it holds phasesweep's measurements against. Usage: networks.py >networks.json

The first network is of dense layers with layer normalisation, whose training gradient is measured too; the second a ResNet
with batch normalisation in evaluation. Numbers that hang on signs (local complexity, attacks) are taken where single and
double precision cannot differ: the script says so where they might."""

import json
import sys

import numpy as np
import torch
from torch import nn

torch.set_default_dtype(torch.float64)
CLASSES, SAMPLES = 3, 60


class Residual(nn.Module):
    def __init__(self, branch, shortcut=None):
        super().__init__()
        self.branch = nn.Sequential(*branch)
        self.shortcut = nn.Sequential(*shortcut) if shortcut else nn.Identity()

    def forward(self, x):
        return self.shortcut(x) + self.branch(x)


class Scale(nn.Module):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return self.factor * x


class Network(nn.Module):
    """A list of elements; `hidden` are those after which a hidden layer ends."""

    def __init__(self, elements, hidden):
        super().__init__()
        self.layers, self.hidden = nn.ModuleList(elements), hidden

    def forward(self, x):
        self.values = []
        for place, layer in enumerate(self.layers):
            x = layer(x)
            if place in self.hidden:
                self.values.append(x.flatten(1))
        return x


def dense():
    return Network(
        [
            nn.Linear(6, 8, bias=False),
            nn.LayerNorm(8),
            nn.Tanh(),
            Residual([nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 8)]),
            nn.LayerNorm(8),
            Scale(0.5),
            nn.Linear(8, CLASSES),
        ],
        [2, 5],
    )


def convolutional():
    conv = lambda i, o, k, s, g=1, bias=False: nn.Conv2d(i, o, k, s, k // 2, groups=g, bias=bias)
    branch = [conv(4, 6, 3, 2), nn.BatchNorm2d(6), nn.ReLU(), conv(6, 6, 3, 1), nn.BatchNorm2d(6)]
    shortcut = [conv(4, 6, 1, 2), nn.BatchNorm2d(6)]
    return Network(
        [
            conv(1, 4, 3, 1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.MaxPool2d(2, 1),
            Residual(branch, shortcut),
            nn.ReLU(),
            conv(6, 6, 3, 1, 6, True),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(6, CLASSES),
        ],
        [3, 5, 9],
    )


def single(tensor):
    """The nearest numbers of single precision, which both programs can hold."""
    return tensor.detach().float().double()


def drawn(network, generator):
    """Random numbers of about the size of initial ones; moments and γ about 1."""
    for name, tensor in list(network.named_parameters()) + list(network.named_buffers()):
        if tensor.dtype.is_floating_point:
            noise = torch.randn(tensor.shape, generator=generator)
            if tensor.ndim > 1:
                tensor.data = single(noise * 1.4 / tensor[0].numel() ** 0.5)
            elif name.endswith("running_var") or (name.endswith("weight")):
                tensor.data = single(1 + 0.3 * noise.tanh())
            else:
                tensor.data = single(0.3 * noise)


def state(network):
    tensors = {name: t for name, t in network.state_dict().items() if t.dtype.is_floating_point}
    return {name: tensor.flatten().tolist() for name, tensor in tensors.items()}


def representation(values, labels):
    values = values.detach().numpy()
    phi = values / np.linalg.norm(values, axis=1, keepdims=True)
    means = np.array([phi[labels == c].mean(0) for c in range(CLASSES)])
    radii = [float(np.sqrt(((phi[labels == c] - means[c]) ** 2).sum(1).mean())) for c in range(CLASSES)]
    distances = [float(np.linalg.norm(means[a] - means[b])) for a in range(CLASSES) for b in range(a + 1, CLASSES)]
    spectrum = np.linalg.eigvalsh(np.cov(values.T)).clip(0)
    share = spectrum[spectrum > 0] / spectrum.sum()
    return {
        "radius": radii,
        "distance": distances,
        "participation_ratio": float(spectrum.sum() ** 2 / (spectrum**2).sum()),
        "effective_rank": float(np.exp(-(share * np.log(share)).sum())),
    }


def cka(a, b):
    a, b = (x.detach().numpy() - x.detach().numpy().mean(0) for x in (a, b))
    return float(np.linalg.norm(a.T @ b) ** 2 / np.linalg.norm(a.T @ a) / np.linalg.norm(b.T @ b))


def twonn(values):
    values = values.detach().numpy()
    apart = np.sort(np.linalg.norm(values[:, None] - values[None], axis=2), axis=1)
    ratios = np.sort(np.log(apart[:, 2] / apart[:, 1]))
    kept = int(0.9 * len(ratios))
    y = -np.log(1 - np.arange(1, kept + 1) / len(ratios))
    return float((ratios[:kept] * y).sum() / (ratios[:kept] ** 2).sum())


def flat(tensors):
    return torch.cat([tensor.flatten() for tensor in tensors])


def of_gradients(network, x, labels):
    parameters = list(network.parameters())
    loss = lambda: nn.functional.cross_entropy(network(x), labels)
    gradient = flat(torch.autograd.grad(loss(), parameters, create_graph=True))
    hessian = torch.stack([flat(torch.autograd.grad(g, parameters, retain_graph=True, materialize_grads=True)) for g in gradient])
    rows = []
    for sample in x:
        outputs = network(sample[None])[0]
        rows.append(torch.stack([flat(torch.autograd.grad(f, parameters, retain_graph=True)) for f in outputs]))
    jacobian = torch.stack(rows)
    kernel = torch.einsum("ikp,jkp->ij", jacobian, jacobian).numpy()
    own = [flat(torch.autograd.grad(nn.functional.cross_entropy(network(a[None]), b[None]), parameters)) for a, b in zip(x, labels)]
    n = len(x)
    return {
        "gradient_norm": float(gradient.detach().norm()),
        "hessian_eigenvalue": float(torch.linalg.eigvalsh(hessian)[-1]),
        "gradient_variance": float(torch.stack(own).var(0).sum()),
        "tangent_kernel_eigenvalue": [float(e) / n for e in np.linalg.eigvalsh(kernel)[::-1][:5]],
        "tangent_kernel_trace": float(np.trace(kernel)) / n,
    }


def complexity(network, x, radius):
    """Units cut around each of the samples by the vertices x ± r e_p of the axes, by activation, and whether any is near 0."""
    pre = []
    bends = [m for m in network.modules() if isinstance(m, (nn.Tanh, nn.GELU, nn.ReLU))]
    hooks = [m.register_forward_pre_hook(lambda m, given: pre.append(given[0].flatten(1))) for m in bends]
    sums, near = np.zeros(len(bends), int), False
    for sample in x:
        axes = torch.eye(sample.numel()).reshape(-1, *sample.shape)
        pre.clear()
        network(torch.cat([sample[None], sample + radius * axes, sample - radius * axes]))
        near |= any(bool((z.abs() < 1e-5).any()) for z in pre)
        sums += [int(((z > 0).any(0) & (z <= 0).any(0)).sum()) for z in pre]
    for hook in hooks:
        hook.remove()
    return sums.tolist(), near


def fallen(network, x, labels, epsilon, steps):
    """Samples misclassified unattacked or at some iterate of an attack within L∞, and whether a sign is uncertain."""
    at, near = x.clone(), False
    wrong = network(at).argmax(1) != labels
    for _ in range(steps):
        at.requires_grad_(True)
        (gradient,) = torch.autograd.grad(nn.functional.cross_entropy(network(at), labels, reduction="sum"), at)
        size = gradient.abs().flatten(1)
        near |= bool(((size > 0) & (size < 1e-4 * size.max(1, keepdim=True).values)).any())
        at = (at.detach() + 2.5 * epsilon / steps * gradient.sign()).clamp(x - epsilon, x + epsilon)
        outputs = network(at)
        top = outputs.topk(2).values
        near |= bool((top[:, 0] - top[:, 1] < 1e-4).any())
        wrong |= outputs.argmax(1) != labels
    return int(wrong.sum()), near


def measured(build, shape, seed, gradients):
    generator = torch.Generator().manual_seed(seed)
    network, start = build(), build()
    for own in (network, start):
        drawn(own, generator)
        own.eval()
    for module in start.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
    x = single(torch.randn((SAMPLES, *shape), generator=generator))
    labels = torch.arange(SAMPLES) % CLASSES
    found = {"parameters": state(network), "start": state(start), "x": x.flatten().tolist(), "labels": labels.tolist()}
    outputs = network(x)
    hidden = network.values
    start(x)
    found["outputs"] = outputs.flatten().tolist()
    found["layers"] = [
        representation(a, labels.numpy()) | {"cka_start": cka(a, b), "intrinsic_dimension": twonn(a)}
        for a, b in zip(hidden, start.values)
    ]
    found["cut"], near = complexity(network, x[:8], 0.25)
    found["fallen"], uncertain = fallen(network, x, labels, 0.05, 5)
    if gradients:
        found |= of_gradients(network, x, labels)
    return found, near or uncertain


networks = {}
for name, build, shape, gradients in [("dense", dense, (6,), True), ("convolutional", convolutional, (1, 6, 6), False)]:
    for seed in range(1000):
        networks[name], doubtful = measured(build, shape, seed, gradients)
        if not doubtful:
            print(name, "seed", seed, networks[name]["cut"], networks[name]["fallen"], file=sys.stderr)
            break
    else:
        sys.exit(f"{name}: in every draw something hangs on rounding")


def shortened(value):
    """Nine digits, which tell all numbers of single precision apart."""
    if isinstance(value, float):
        return float(f"{value:.9g}")
    if isinstance(value, list):
        return [shortened(v) for v in value]
    return {k: shortened(v) for k, v in value.items()} if isinstance(value, dict) else value


json.dump(shortened(networks), sys.stdout, separators=(",", ":"))
