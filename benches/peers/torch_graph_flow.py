"""A gradient flow of a deep convolutional network in plain PyTorch, from the initial weights that phasesweep kept.

Reads `stage-0.safetensors` of a cell of sweeps/papers/compression-mnist-deep.toml with a block of MNIST instead of a draw, builds
the same network from torch.nn, and follows F = α (f − f₀) by explicit Euler steps with the same bounds, until every sample fits.
Prints one JSON line: steps taken and tried, the time t, the test error, the seconds of processor time of the steps alone.

    python torch_graph_flow.py CELL/stage-0.safetensors MNIST_DIRECTORY --p 64 --threads 1
"""

import argparse
import json
import math
import struct
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn


def tensors(path):
    """Tensors and metadata of a safetensors file."""
    data = Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    meta = header.pop("__metadata__", {})
    types = {"F64": np.float64, "F32": np.float32}
    read = lambda e: np.frombuffer(data[8 + length :][slice(*e["data_offsets"])], types[e["dtype"]]).reshape(e["shape"])
    return {name: torch.tensor(read(entry)) for name, entry in header.items()}, meta


class Residual(nn.Sequential):
    """x plus the branch of x, under the names that phasesweep writes."""

    def __init__(self, *branch):
        super().__init__()
        self.branch = nn.Sequential(*branch)

    def forward(self, x):
        return x + self.branch(x)


def point(before, after):
    return nn.Conv2d(before, after, 1, bias=False)


def across(channels, stride):
    return nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False)


def network(width):
    """The module of `kind = "depthwise"` with two blocks a stage and one output."""
    layers = [nn.Conv2d(1, width, 3, 2, 1, bias=False), nn.SiLU(), across(width, 1), nn.SiLU(), point(width, width)]
    before = width
    for channels in (2 * width, 3 * width):
        for stride in (2, 1):
            wide = 3 * before
            branch = [point(before, wide), nn.SiLU(), across(wide, stride), nn.SiLU(), point(wide, channels)]
            layers += branch if stride == 2 else [Residual(*branch)]
            before = channels
    layers += [nn.SiLU(), nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), nn.Linear(before, 1)]
    return nn.Sequential(*layers)


def images(path):
    data = Path(path).read_bytes()
    count, height, width = struct.unpack(">III", data[4:16])
    return np.frombuffer(data[16:], np.uint8).reshape(count, height * width) / 255.0


def parity(path):
    return torch.tensor(np.where(np.frombuffer(Path(path).read_bytes()[8:], np.uint8) % 2 == 1, 1.0, -1.0))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("weights")
    arguments.add_argument("mnist")
    arguments.add_argument("--p", type=int, default=64)
    arguments.add_argument("--beta", type=float, default=3.0)
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--steps", type=int, default=100000)
    a = arguments.parse_args()
    torch.set_num_threads(a.threads)

    values, meta = tensors(a.weights)
    alpha = float(meta["alpha"])
    values["layers.19.weight"] = values["layers.19.weight"] / alpha
    values["layers.19.bias"] = values["layers.19.bias"] / alpha
    net = network(json.loads(meta["architecture"])["width"])
    net.load_state_dict({name.removeprefix("layers."): value.float() for name, value in values.items()})

    train, test = (images(f"{a.mnist}/{which}-images-idx3-ubyte") for which in ("train", "t10k"))
    train, mean = train[: a.p], train[: a.p].mean(axis=0)
    def sphere(x):
        x = x - mean
        return torch.tensor(x / np.linalg.norm(x, axis=1, keepdims=True) * math.sqrt(784)).float().view(-1, 1, 28, 28)

    x, x_test = sphere(train), sphere(test)
    y = parity(f"{a.mnist}/train-labels-idx1-ubyte")[: a.p].float()
    y_test = parity(f"{a.mnist}/t10k-labels-idx1-ubyte").float()
    parameters = list(net.parameters())
    with torch.no_grad():
        start, start_test = net(x)[:, 0], torch.cat([net(part)[:, 0] for part in x_test.split(500)])

    def evaluate():
        change = alpha * (net(x)[:, 0] - start)
        loss = (nn.functional.softplus(a.beta * (1 - y * change)) / a.beta).mean() / alpha
        gradient = torch.autograd.grad(loss, parameters)
        return change.detach(), torch.cat([g.reshape(-1) for g in gradient])

    def pulling(change):
        pull = torch.sigmoid(a.beta * (1 - y * change))
        return pull >= 1e-8 * pull.max()

    def move_to(flat):
        at = 0
        with torch.no_grad():
            for q in parameters:
                q.copy_(flat[at : at + q.numel()].view_as(q))
                at += q.numel()

    here = torch.cat([q.detach().reshape(-1) for q in parameters])
    began = time.process_time()
    out, gradient = evaluate()
    step = 1e-3 * float(here.norm() / gradient.norm())
    taken, tried, t = 0, 0, 0.0
    while taken < a.steps and bool((y * out < 1).any()):
        new = here - step * gradient
        move_to(new)
        new_out, new_gradient = evaluate()
        tried += 1
        norms = float(gradient.norm() * new_gradient.norm())
        by_gradient = float((new_gradient - gradient).norm()) ** 2 / norms if norms else 0.0
        by_output = float((new_out - out).abs()[pulling(out) | pulling(new_out)].max())
        allowed = 0.8 * min(
            max(math.sqrt(1e-4 / max(by_gradient, 1e-300)), 0.01 / max(by_output, 1e-300)),
            0.1 / max(by_output, 1e-300),
        )
        if by_output <= 0.1 and (by_gradient <= 1e-4 or by_output <= 0.01):
            here, out, gradient, taken, t = new, new_out, new_gradient, taken + 1, t + step
            step *= min(max(allowed, 0.5), 1.2)
        else:
            step *= min(max(allowed, 0.1), 0.8)
    seconds = time.process_time() - began
    move_to(here)
    with torch.no_grad():
        change = torch.cat([net(part)[:, 0] for part in x_test.split(500)]) - start_test
    error = float((y_test * change < 0).float().mean() + 0.5 * (change == 0).float().mean())
    print(json.dumps({
        "p": a.p, "alpha": alpha, "steps": taken, "tried": tried, "time": t, "test_error": round(error, 5),
        "seconds": round(seconds, 2), "us_per_sample_and_try": round(1e6 * seconds / (tried + 1) / a.p, 1),
    }))


if __name__ == "__main__":
    main()
