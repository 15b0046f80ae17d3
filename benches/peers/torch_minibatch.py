"""Peers for minibatches: a network of four rectified layers of 200 (--net mlp) or two convolutions (--net cnn) by AdamW in
batches of 200 on 1000 images, pixels from 0 to 1; every run has its own sample order.

--how loop: a PyTorch module for each run, one after another. --how stacked: an expert's PyTorch, all runs in one
program: baddbmm over runs, or grouped convolutions, and one fused optimiser over the stacked parameters."""
import math, time
from task import arguments, pixels, report

args = arguments(net=("mlp", "cnn"), how=("stacked", "loop"))
import torch
from torch.nn.functional import conv2d, cross_entropy, max_pool2d, relu

torch.set_num_threads(args.threads)
x, y, xt, yt = (torch.tensor(a) for a in pixels(args.data, args.size))
BATCH, CLASSES, RULE = 200, 10, dict(lr=1e-3, weight_decay=0.01)
if args.net == "cnn":
    x, xt = x.view(-1, 1, 28, 28), xt.view(-1, 1, 28, 28)
    shapes = [(8, 1, 3, 3), (16, 8, 3, 3), (CLASSES, 16 * 7 * 7)]
else:
    widths = [x.shape[1], 200, 200, 200, 200, CLASSES]
    shapes = [(to, of) for of, to in zip(widths, widths[1:])]
torch.manual_seed(0)


def draw(shape, runs):
    """Weights and biases of a layer of all runs: uniform on ±1/√fan-in."""
    bound = 1 / math.sqrt(math.prod(shape[1:]))
    uniform = lambda *size: ((torch.rand(size) * 2 - 1) * bound).requires_grad_()
    return uniform(runs, *shape), uniform(runs, shape[0])


def mlp(layers, inputs):
    """inputs [run, sample, input] -> outputs [run, sample, class]"""
    for at, (weight, bias) in enumerate(layers):
        inputs = torch.baddbmm(bias.unsqueeze(1), inputs, weight.transpose(1, 2))
        inputs = relu(inputs) if at + 1 < len(layers) else inputs
    return inputs


def cnn(layers, inputs):
    """inputs [run, sample, channel, height, width] -> outputs [run, sample, class]"""
    runs, samples = inputs.shape[:2]
    planes = inputs.transpose(0, 1).reshape(samples, runs * inputs.shape[2], *inputs.shape[3:])
    for weight, bias in layers[:-1]:
        planes = conv2d(planes, weight.flatten(0, 1), bias.flatten(), padding=1, groups=runs)
        planes = max_pool2d(relu(planes), 2)
    return mlp(layers[-1:], planes.view(samples, runs, -1).transpose(0, 1))


def train(runs):
    """Trains so many runs side by side; their test errors."""
    forward = cnn if args.net == "cnn" else mlp
    layers = [draw(shape, runs) for shape in shapes]
    optimiser = torch.optim.AdamW([p for layer in layers for p in layer], fused=True, **RULE)
    for _ in range(args.epochs):
        orders = torch.stack([torch.randperm(len(x)) for _ in range(runs)])
        for batch in orders.split(BATCH, dim=1):
            optimiser.zero_grad()
            outputs = forward(layers, x[batch])
            # A mean over samples and a sum over runs: each run's gradient is its own.
            loss = cross_entropy(outputs.flatten(0, 1), y[batch].flatten(), reduction="sum") / batch.shape[1]
            loss.backward()
            optimiser.step()
    with torch.no_grad():
        parts = [forward(layers, part.expand(runs, *part.shape)).argmax(2) for part in xt.split(500)]
        return (torch.cat(parts, 1) != yt).float().mean(1)


def modules():
    """What a researcher writes first."""
    nn = torch.nn
    if args.net == "cnn":
        body = [nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        body += [nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(16 * 7 * 7, CLASSES)]
    else:
        body = [layer for of, to in zip(widths, widths[1:]) for layer in (nn.Linear(of, to), nn.ReLU())][:-1]
    return nn.Sequential(*body)


start = time.perf_counter()
if args.how == "stacked":
    errors = train(args.runs)
else:
    errors = []
    for seed in range(args.runs):
        torch.manual_seed(seed)
        net = modules()
        optimiser = torch.optim.AdamW(net.parameters(), **RULE)
        for _ in range(args.epochs):
            for batch in torch.randperm(len(x)).split(BATCH):
                optimiser.zero_grad()
                cross_entropy(net(x[batch]), y[batch]).backward()
                optimiser.step()
        with torch.no_grad():
            errors.append((net(xt).argmax(1) != yt).float().mean())
    errors = torch.stack(errors)
seconds = time.perf_counter() - start
report(f"torch-minibatch-{args.net}-{args.how}", args, seconds, extra={"test_error": errors.mean().item()})
