"""What f and its gradient cost PyTorch through the network of src/passes/examples/cycles.rs, full batch.

16 layers without biases after the manner of MNAS on 28×28 images: swish, depthwise separable convolutions, mean over
pixels. Prints one JSON line: microseconds of processor time a sample, of f alone and of f with the gradient of a loss
(the least of the rounds).

    python torch_graph.py --p 256 --threads 1
"""

import argparse
import json
import time

import torch
from torch import nn


class Residual(nn.Module):
    def __init__(self, branch):
        super().__init__()
        self.branch = branch

    def forward(self, x):
        return x + self.branch(x)


def separable(inputs, outputs, stride):
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False),
        nn.SiLU(),
        nn.Conv2d(inputs, outputs, 1, bias=False),
        nn.SiLU(),
    )


def network(width):
    w = width
    return nn.Sequential(
        nn.Conv2d(1, w, 3, 2, 1, bias=False),
        nn.SiLU(),
        Residual(separable(w, w, 1)),
        Residual(separable(w, w, 1)),
        separable(w, 2 * w, 2),
        Residual(separable(2 * w, 2 * w, 1)),
        Residual(separable(2 * w, 2 * w, 1)),
        separable(2 * w, 4 * w, 2),
        separable(4 * w, 4 * w, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4 * w, 1, bias=False),
    )


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--p", type=int, default=256)
    arguments.add_argument("--width", type=int, default=10)
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--rounds", type=int, default=10)
    a = arguments.parse_args()
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    net = network(a.width)
    x = torch.rand(a.p, 1, 28, 28)
    y = torch.where(torch.arange(a.p) % 2 == 0, 1.0, -1.0)
    parameters = list(net.parameters())
    least = [float("inf"), float("inf")]
    for _ in range(a.rounds):
        start = time.process_time()
        with torch.no_grad():
            net(x)
        middle = time.process_time()
        loss = (nn.functional.softplus(3 * (1 - y * net(x)[:, 0])) / 3).mean()
        torch.autograd.grad(loss, parameters)
        end = time.process_time()
        least = [min(least[0], middle - start), min(least[1], end - middle)]
    forwards, both = (round(1e6 * seconds / a.p, 2) for seconds in least)
    count = sum(q.numel() for q in parameters)
    print(json.dumps({"parameters": count, "p": a.p, "forwards_us": forwards, "both_us": both}))


if __name__ == "__main__":
    main()
