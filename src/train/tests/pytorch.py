"""Trains a small network in PyTorch, in double precision, with every rule, schedule, clipping, smoothed labels and SAM.

    python src/train/tests/pytorch.py

reads problem.json beside it, which the test of the same name writes (PHASESWEEP_REGENERATE=1), and writes pytorch.json: for
each case what a sweep file says of it, and the weights at the end. Rules, schedulers, clipping and the loss are PyTorch's own;
Lion (Chen et al. 2023, algorithm 2) and SAM (Foret et al. 2021, algorithm 1) are not in PyTorch and are written out below.
The figures that are kept are those of torch 2.9.0 on a CPU.
"""

import json
import pathlib

import torch
from torch.optim import lr_scheduler

HERE = pathlib.Path(__file__).parent
PROBLEM = json.loads((HERE / "problem.json").read_text())
torch.set_default_dtype(torch.float64)
INPUTS = torch.tensor(PROBLEM["inputs"])
LABELS = torch.tensor(PROBLEM["labels"])
WIDTHS = PROBLEM["widths"]


class Lion(torch.optim.Optimizer):
    def __init__(self, params, lr, betas, weight_decay):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            first, second = group["betas"]
            for p in group["params"]:
                m = self.state[p].setdefault("m", torch.zeros_like(p))
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.sub_(group["lr"] * (first * m + (1 - first) * p.grad).sign())
                m.mul_(second).add_(p.grad, alpha=1 - second)


def network():
    layers = []
    for fan_in, fan_out in zip(WIDTHS, WIDTHS[1:]):
        layers += [torch.nn.Linear(fan_in, fan_out), torch.nn.Tanh()]
    net = torch.nn.Sequential(*layers[:-1])
    start = 0
    with torch.no_grad():
        for p in net.parameters():
            values = PROBLEM["initial"][start : start + p.numel()]
            p.copy_(torch.tensor(values).reshape(p.shape))
            start += p.numel()
    assert start == len(PROBLEM["initial"])
    return net


def optimiser(net, keys):
    lr, decay = keys["lr"], keys.get("weight_decay", 0.0)
    betas = (keys.get("beta1", 0.9), keys.get("beta2", 0.999))
    momentum, eps = keys.get("momentum", 0.0), keys.get("epsilon", 1e-8)
    match keys["kind"]:
        case "sgd" | "nesterov" as kind:
            return torch.optim.SGD(net.parameters(), lr, momentum, weight_decay=decay, nesterov=kind == "nesterov")
        case "adam":
            return torch.optim.Adam(net.parameters(), lr, betas, eps, decay)
        case "adamw":
            return torch.optim.AdamW(net.parameters(), lr, betas, eps, decay)
        case "rmsprop":
            return torch.optim.RMSprop(net.parameters(), lr, keys["alpha"], eps, decay, momentum)
        case "lion":
            return Lion(net.parameters(), lr, betas, decay)


def scheduler(rule, keys, total):
    """`total` is the number of epochs, or of steps where the schedule counts these."""
    warm = keys.get("warmup", 0)
    factor, end = keys.get("decay_factor", 0.1), keys.get("final_share", 0.0)
    match keys.get("schedule", "constant"):
        case "constant":
            main = lr_scheduler.ConstantLR(rule, 1.0)
        case "step" if "decay_every" in keys:
            main = lr_scheduler.StepLR(rule, keys["decay_every"], factor)
        case "step":
            main = lr_scheduler.MultiStepLR(rule, [place - warm for place in keys["decay_at"]], factor)
        case "cosine":
            main = lr_scheduler.CosineAnnealingLR(rule, total - warm, end * keys["lr"])
        case "linear":
            main = lr_scheduler.LinearLR(rule, 1.0, end, total - warm)
        case "exponential":
            main = lr_scheduler.ExponentialLR(rule, factor)
    if warm == 0:
        return main
    first = lr_scheduler.LinearLR(rule, keys.get("warmup_start", 1 / 3), 1.0, warm)
    return lr_scheduler.SequentialLR(rule, [first, main], [warm])


def trained(keys, train):
    net = network()
    rule = optimiser(net, keys)
    kept = [sample for sample in range(len(LABELS)) if sample not in train.get("pruned", [])]
    size = train.get("batch", len(kept))
    orders = PROBLEM["orders"] if "batch" in train else [kept] * train["epochs"]
    per_epoch = -(-len(kept) // size)
    by_step = keys.get("schedule_by") == "step"
    schedule = scheduler(rule, keys, train["epochs"] * (per_epoch if by_step else 1))
    loss = torch.nn.CrossEntropyLoss(label_smoothing=train.get("label_smoothing", 0.0))
    if train.get("loss") == "mse":
        hot = torch.eye(WIDTHS[-1])
        loss = lambda outputs, labels: torch.nn.functional.mse_loss(outputs, hot[labels])
    radius = keys.get("sam_radius", 0.0)

    def gradient(batch):
        rule.zero_grad()
        loss(net(INPUTS[batch]), LABELS[batch]).backward()

    for epoch in range(train["epochs"]):
        order = [sample for sample in orders[epoch] if sample in kept]
        for number in range(per_epoch):
            batch = order[number * size : (number + 1) * size]
            gradient(batch)
            if radius > 0.0:
                with torch.no_grad():
                    norm = torch.sqrt(sum((p.grad**2).sum() for p in net.parameters()))
                    here = [p.clone() for p in net.parameters()]
                    for p in net.parameters():
                        p.add_(radius * p.grad / (norm + 1e-12))
                gradient(batch)
                with torch.no_grad():
                    for p, old in zip(net.parameters(), here):
                        p.copy_(old)
            if "clip_norm" in keys:
                torch.nn.utils.clip_grad_norm_(net.parameters(), keys["clip_norm"])
            rule.step()
            if by_step:
                schedule.step()
        if not by_step:
            schedule.step()
    return [round(value, 10) for p in net.parameters() for value in p.flatten().tolist()]


# ε = 1e-3 where a rule divides by √v + ε: with 1e-8 a gradient that rounds to noise would be blown up to a step of full
# length, in single and double precision differently.
RULES = [
    {"kind": "sgd", "lr": 0.3},
    {"kind": "sgd", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.01},
    {"kind": "nesterov", "lr": 0.1, "momentum": 0.8},
    {"kind": "adam", "lr": 0.02, "beta2": 0.99, "epsilon": 1e-3, "weight_decay": 0.01},
    {"kind": "adamw", "lr": 0.02, "beta1": 0.8, "epsilon": 1e-3, "weight_decay": 0.5},
    {"kind": "rmsprop", "lr": 0.01, "alpha": 0.9, "epsilon": 1e-3},
    {"kind": "rmsprop", "lr": 0.005, "alpha": 0.95, "epsilon": 1e-3, "momentum": 0.5},
    {"kind": "lion", "lr": 0.01, "beta2": 0.99, "weight_decay": 0.3},
]
SCHEDULES = [
    {},
    {"schedule": "step", "decay_every": 6, "decay_factor": 0.5},
    {"schedule": "step", "decay_at": [8, 14]},
    {"schedule": "cosine"},
    {"schedule": "cosine", "final_share": 0.1, "schedule_by": "step"},
    {"schedule": "linear", "final_share": 0.2},
    {"schedule": "exponential", "decay_factor": 0.9, "schedule_by": "step"},
    {"warmup": 5},
    {"warmup": 4, "warmup_start": 0.1, "schedule": "cosine", "schedule_by": "step"},
    {"warmup": 3, "schedule": "step", "decay_at": [7, 12], "decay_factor": 0.3},
    {"warmup": 2, "schedule": "linear"},
]
BESIDE = [
    ({}, {}),
    ({"clip_norm": 0.2}, {}),
    ({"sam_radius": 0.1}, {}),
    ({}, {"label_smoothing": 0.2}),
    ({"clip_norm": 0.15, "sam_radius": 0.2}, {"label_smoothing": 0.1}),
]
FULL, MINI = {"epochs": 20}, {"epochs": 20, "batch": 5}
PRUNED = MINI | {"pruned": [1, 4, 5, 9, 10]}


def cases():
    warm = {"warmup": 4, "warmup_start": 0.25, "schedule": "cosine", "final_share": 0.05}
    for place, rule in enumerate(RULES):
        # Every rule with every schedule, and every rule with whatever else goes with it, in turn with both kinds of batch.
        for number, schedule in enumerate(SCHEDULES):
            yield rule | schedule, [FULL, MINI, PRUNED][(place + number) % 3]
        for number, (beside, train) in enumerate(BESIDE):
            yield rule | beside, (FULL if (place + number) % 2 else MINI) | train
            yield rule | warm | beside, (MINI if (place + number) % 2 else FULL) | train
    for beside, _ in BESIDE[:3]:
        yield RULES[0] | warm | beside, PRUNED | {"loss": "mse"}
        yield RULES[3] | warm | beside | {"schedule_by": "step"}, PRUNED | {"label_smoothing": 0.3}


def main():
    lines = []
    for keys, train in cases():
        case = {"optimiser": keys, "train": train, "weights": trained(keys, train)}
        lines.append(json.dumps(case))
    (HERE / "pytorch.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")
    print(f"{len(lines)} cases by torch {torch.__version__}")


if __name__ == "__main__":
    main()
