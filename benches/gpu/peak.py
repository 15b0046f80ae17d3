"""Floating-point operations per second of LibTorch's matrix products on a device: the limit of whatever is made of products.

    python3 peak.py DEVICE [SIDE]

Prints TFLOP/s in plain f32 and with factors rounded to TF32 (the same number on a CPU, which does not round), of products of square
matrices, the best of five.
"""
import sys
import time

import torch

device = "cuda" if "cuda" in sys.argv[1] else "cpu"
side = int(sys.argv[2]) if len(sys.argv) > 2 else (8192 if device == "cuda" else 1024)
a, b = (torch.randn(side, side, device=device) for _ in range(2))
for rounded in (False, True):
    torch.backends.cuda.matmul.allow_tf32 = rounded
    best = float("inf")
    for _ in range(6):  # the first one warms up and is beaten by the others
        start = time.perf_counter()
        for _ in range(5):
            product = a @ b
        product.sum().item()  # waits for the device
        best = min(best, (time.perf_counter() - start) / 5)
    print(f"{'TF32' if rounded else 'f32'} {2 * side**3 / best / 1e12:.2f}")
