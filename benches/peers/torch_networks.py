"""Peers for networks with branches: a residual perceptron on full batches of 1500 images (--net dense), a small ResNet with
batch normalisation in batches of 100 on 500 images of noughts and ones, every run in an order of its own (--net resnet).

--how loop: a PyTorch module for each run, one after another. --how vmap: all runs in one program by `torch.func`:
`stack_module_state`, `functional_call`, and `vmap` of `grad` over runs, with one optimiser over the stacked parameters.
Running averages are moved as PyTorch moves them; under vmap a batch normalisation hands the moved ones back."""
import time
from task import arguments, pixels, report

args = arguments(net=("dense", "resnet"), how=("vmap", "loop"))
import torch
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap

torch.set_num_threads(args.threads)
DENSE = args.net == "dense"
x, y, xt, yt = (torch.tensor(a) for a in pixels(args.data, 1500 if DENSE else 4000))
if not DENSE:
    x, y, xt, yt = x[y < 2][:500], y[y < 2][:500], xt[yt < 2], yt[yt < 2]
BATCH, CLASSES = (len(x), 10) if DENSE else (100, 2)
RULE = dict(lr=0.1) if DENSE else dict(lr=0.05, momentum=0.9)
if not DENSE:
    x, xt = x.view(-1, 1, 28, 28), xt.view(-1, 1, 28, 28)


class Perceptron(nn.Module):
    def __init__(self, width=64, blocks=3):
        super().__init__()
        self.input, self.output = nn.Linear(x.shape[1], width), nn.Linear(width, CLASSES)
        pair = lambda: nn.ModuleList([nn.Linear(width, width), nn.Linear(width, width)])
        self.blocks = nn.ModuleList([pair() for _ in range(blocks)])

    def forward(self, h):
        h = self.input(h)
        for first, second in self.blocks:
            h = h + second(torch.relu(first(h)))
        return self.output(torch.relu(h))


class Normalised(nn.Module):
    """A convolution and its batch normalisation."""

    def __init__(self, inputs, outputs, kernel, stride):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(outputs)

    def forward(self, h):
        h = self.conv(h)
        if args.how == "loop" or not self.training:
            return self.norm(h)
        # As nn.BatchNorm2d, but that the running averages are handed back: vmap of grad may not change them in place.
        norm, count = self.norm, h.shape[0] * h.shape[2] * h.shape[3]
        variance, mean = torch.var_mean(h, (0, 2, 3), correction=0)
        mix = lambda old, new: old + norm.momentum * (new.detach() - old)
        norm.moved = mix(norm.running_mean, mean), mix(norm.running_var, variance * (count / (count - 1)))
        scale = norm.weight * (variance + norm.eps).rsqrt()
        return h * scale[:, None, None] + (norm.bias - mean * scale)[:, None, None]


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.first, self.second = Normalised(inputs, outputs, 3, stride), Normalised(outputs, outputs, 3, 1)
        self.shortcut = Normalised(inputs, outputs, 1, stride) if stride > 1 else nn.Identity()

    def forward(self, h):
        return torch.relu(self.shortcut(h) + self.second(torch.relu(self.first(h))))


class Resnet(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.first = Normalised(1, width, 3, 1)
        self.blocks = nn.Sequential(Block(width, width, 1), Block(width, 2 * width, 2), Block(2 * width, 4 * width, 2))
        self.output = nn.Linear(4 * width, CLASSES)

    def forward(self, h):
        return self.output(self.blocks(torch.relu(self.first(h))).mean((2, 3)))


def made(seed):
    torch.manual_seed(seed)
    return Perceptron() if DENSE else Resnet()


def order():
    return torch.arange(len(x)) if DENSE else torch.randperm(len(x))


def loop():
    nets = [made(seed) for seed in range(args.runs)]
    for net in nets:
        rule = torch.optim.SGD(net.parameters(), **RULE)
        for _ in range(args.epochs):
            for rows in order().split(BATCH):
                rule.zero_grad()
                nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
                rule.step()
    return nets


def stacked():
    nets = [made(seed) for seed in range(args.runs)]
    base = made(0).to("meta")
    norms = {name: module for name, module in base.named_modules() if isinstance(module, nn.BatchNorm2d)}
    parameters, buffers = stack_module_state(nets)
    rule = torch.optim.SGD(parameters.values(), **RULE)

    def loss(own, averages, inputs, labels):
        value = nn.functional.cross_entropy(functional_call(base, (own, averages), (inputs,)), labels)
        moved = {}
        for name, norm in norms.items():
            moved[f"{name}.running_mean"], moved[f"{name}.running_var"] = norm.moved
        return value, moved

    # With full batches all runs are given the same samples.
    dims = (0, 0, None, None) if DENSE else (0, 0, 0, 0)
    gradient = vmap(grad(loss, has_aux=True), dims)
    for _ in range(args.epochs):
        orders = torch.stack([order() for _ in range(args.runs)])
        for rows in orders.split(BATCH, dim=1):
            batch = (x, y) if DENSE else (x[rows], y[rows])
            found, moved = gradient(parameters, buffers, *batch)
            for name, own in parameters.items():
                own.grad = found[name]
            rule.step()
            for name, own in moved.items():
                buffers[name].copy_(own)
    for place, net in enumerate(nets):
        net.load_state_dict({name: own[place].detach() for name, own in (parameters | buffers).items()})
    return nets


start, before = time.perf_counter(), time.process_time()
nets = loop() if args.how == "loop" else stacked()
seconds, processor = time.perf_counter() - start, time.process_time() - before
with torch.no_grad():
    errors = [(net.eval()(xt).argmax(1) != yt).float().mean() for net in nets]
report(f"torch-networks-{args.net}-{args.how}", args, seconds, 
       extra={"processor_seconds": processor, "test_error": torch.stack(errors).mean().item()})
