"""What a researcher writes first, for any network of dense layers: one PyTorch module, trained and looked at epoch by epoch.

Prints milliseconds an epoch takes, as JSON. Samples are drawn from a normal distribution: in PyTorch an epoch's cost is decided by
shapes, not by values. With `--measure manifold` an epoch ends with training error, test error, class radii and distances of the
last hidden layer; with `errors` with both errors; with `none` with nothing. It is timed from the second epoch on.
"""

import argparse
import json
import time

import torch

cli = argparse.ArgumentParser()
cli.add_argument("--train", type=int, required=True)
cli.add_argument("--test", type=int, required=True)
cli.add_argument("--inputs", type=int, required=True)
cli.add_argument("--classes", type=int, default=2)
cli.add_argument("--hidden", type=int, nargs="+", required=True)
cli.add_argument("--activation", choices=["tanh", "relu"], default="tanh")
cli.add_argument("--optimiser", choices=["sgd", "adam", "adamw"], default="sgd")
cli.add_argument("--batch", type=int, help="samples of a step; all of them unless told")
cli.add_argument("--measure", choices=["manifold", "errors", "none"], default="manifold")
cli.add_argument("--epochs", type=int, default=20)
cli.add_argument("--threads", type=int, required=True)
args = cli.parse_args()

torch.set_num_threads(args.threads)
torch.manual_seed(0)
draw = lambda count: (torch.randn(count, args.inputs), torch.randint(args.classes, (count,)))
(x, y), (xt, yt) = draw(args.train), draw(args.test)
of_class = [y == c for c in range(args.classes)]
activation = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}[args.activation]
sizes = [args.inputs, *args.hidden]
body = torch.nn.Sequential(*(part for a, b in zip(sizes, sizes[1:]) for part in (torch.nn.Linear(a, b), activation())))
net = torch.nn.Sequential(body, torch.nn.Linear(sizes[-1], args.classes))
optimiser = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.01),
    "adam": lambda p: torch.optim.Adam(p, lr=1e-4),
    "adamw": lambda p: torch.optim.AdamW(p, lr=1e-4),
}[args.optimiser](net.parameters())


def step(samples, labels):
    optimiser.zero_grad()
    torch.nn.functional.cross_entropy(net(samples), labels).backward()
    optimiser.step()


@torch.no_grad()
def measure():
    if args.measure == "none":
        return []
    row = [(net(samples).argmax(1) != labels).float().mean().item() for samples, labels in ((x, y), (xt, yt))]
    if args.measure == "manifold":
        hidden = torch.nn.functional.normalize(body(x), dim=1)
        centres = [hidden[own].mean(0) for own in of_class]
        row += [(hidden[own] - m).square().sum(1).mean().sqrt().item() for own, m in zip(of_class, centres)]
        row += [(a - b).norm().item() for k, a in enumerate(centres) for b in centres[:k]]
    return row


trajectory = []
for epoch in range(args.epochs + 1):
    if epoch == 1:
        start = time.perf_counter()
    if args.batch is None:
        step(x, y)
    else:
        for chosen in torch.randperm(args.train).split(args.batch):
            step(x[chosen], y[chosen])
    trajectory.append(measure())
print(json.dumps({"ms_per_epoch": 1000 * (time.perf_counter() - start) / args.epochs}))
