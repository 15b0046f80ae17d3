"""What a researcher would write first for a gradient flow: PyTorch autograd, one network after another.

The flow of sweeps/compression-quick.toml on its own stripe points: mean-field network of one hidden layer, soft hinge,
adaptive Euler steps with the same three bounds. Prints one JSON line: cells, steps, seconds.

    python torch_flow.py --p 256 --alpha 1e3 --seeds 2 --threads 2
"""

import argparse
import json
import math
import time

import torch


def stripe(n, d, generator):
    x = torch.randn(n, d, generator=generator)
    return x, ((x[:, 0] > -0.3) & (x[:, 0] < 1.18549)).float() * 2 - 1


def flow(seed, p, alpha, d, h, most):
    generator = torch.Generator().manual_seed(seed)
    x, y = stripe(p, d, generator)
    w, b, beta = (torch.randn(*shape, generator=generator).requires_grad_() for shape in [(h, d), (h,), (h,)])
    parameters = [w, b, beta]

    def network():
        return (torch.relu(x @ w.T / math.sqrt(d) + b) * math.sqrt(2)) @ beta / h

    with torch.no_grad():
        start = network()

    def evaluate():
        change = alpha * (network() - start)
        loss = (torch.nn.functional.softplus(20 * (1 - y * change)) / 20).mean() / alpha
        gradient = torch.autograd.grad(loss, parameters)
        return change.detach(), torch.cat([g.reshape(-1) for g in gradient])

    def move(direction, length):
        at = 0
        with torch.no_grad():
            for q in parameters:
                q -= length * direction[at : at + q.numel()].view_as(q)
                at += q.numel()

    def pulls(change):
        pull = torch.sigmoid(20 * (1 - y * change))
        return pull >= 1e-8 * pull.max()

    out, gradient = evaluate()
    step = 1e-3 * float(torch.cat([q.detach().reshape(-1) for q in parameters]).norm() / gradient.norm())
    taken = tried = 0
    while taken < most and bool((y * out < 1).any()):
        kept = [q.detach().clone() for q in parameters]
        move(gradient, step)
        new_out, new_gradient = evaluate()
        tried += 1
        norms = float(gradient.norm() * new_gradient.norm())
        by_gradient = float((new_gradient - gradient).norm()) ** 2 / norms if norms else 0.0
        by_output = float((new_out - out).abs()[pulls(out) | pulls(new_out)].max())
        allowed = 0.8 * min(
            max(math.sqrt(1e-4 / max(by_gradient, 1e-300)), 0.01 / max(by_output, 1e-300)),
            0.1 / max(by_output, 1e-300),
        )
        if by_output <= 0.1 and (by_gradient <= 1e-4 or by_output <= 0.01):
            out, gradient, taken = new_out, new_gradient, taken + 1
            step *= min(max(allowed, 0.5), 1.2)
        else:
            with torch.no_grad():
                for q, old in zip(parameters, kept):
                    q.copy_(old)
            step *= min(max(allowed, 0.1), 0.8)
    return taken, tried


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--p", type=int, nargs="+", default=[256])
    arguments.add_argument("--alpha", type=float, nargs="+", default=[1e3])
    arguments.add_argument("--seeds", type=int, default=2)
    arguments.add_argument("--dimension", type=int, default=5)
    arguments.add_argument("--width", type=int, default=200)
    arguments.add_argument("--steps", type=int, default=50000)
    arguments.add_argument("--threads", type=int, default=2)
    a = arguments.parse_args()
    torch.set_num_threads(a.threads)
    start = time.perf_counter()
    steps = tried = cells = 0
    for p in a.p:
        for alpha in a.alpha:
            for seed in range(a.seeds):
                taken, evaluated = flow(seed, p, alpha, a.dimension, a.width, a.steps)
                steps, tried, cells = steps + taken, tried + evaluated, cells + 1
    seconds = time.perf_counter() - start
    print(json.dumps({"cells": cells, "steps": steps, "tried": tried, "seconds": round(seconds, 2)}))


if __name__ == "__main__":
    main()
