"""jax_vmap.py extended: two tanh layers of --width units, Adam (PyTorch's defaults but for --lr), radii and distance of
the second layer. One vmap over seeds, one jitted scan over epochs, one forward per epoch; compile time is not counted."""
import os, time
from task import arguments, load, report

args = arguments()
os.environ.setdefault("XLA_FLAGS", f"--xla_cpu_multi_thread_eigen=true intra_op_parallelism_threads={args.threads}")
import jax, jax.numpy as jnp, numpy as np

x, y, xt, yt = (jnp.asarray(a) for a in load(args.data, args.size, args.block))
onehot = jax.nn.one_hot(y, 2)
mean_of_class = (onehot / onehot.sum(0)).T
widths = [x.shape[1], args.width, args.width, 2]
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8


def init(key):
    layers = []
    for fan_in, fan_out in zip(widths, widths[1:]):
        key, weight, bias = jax.random.split(key, 3)
        bound = fan_in**-0.5
        draw = lambda k, shape: jax.random.uniform(k, shape, minval=-bound, maxval=bound)
        layers.append((draw(weight, (fan_in, fan_out)), draw(bias, (fan_out,))))
    zeros = jax.tree.map(jnp.zeros_like, layers)
    return layers, zeros, zeros, jnp.float32(0)


def forward(layers, inputs):
    hidden = inputs
    for weight, bias in layers[:-1]:
        hidden = jnp.tanh(hidden @ weight + bias)
    weight, bias = layers[-1]
    return hidden @ weight + bias, hidden


def loss(layers):
    logits, hidden = forward(layers, x)
    return -jnp.mean(jnp.sum(onehot * jax.nn.log_softmax(logits), 1)), (logits, hidden)


def epoch(state):
    """One step; measured at the weights before it, so that forward and gradient share one pass."""
    layers, first, second, step = state
    grads, (logits, hidden) = jax.grad(loss, has_aux=True)(layers)
    centres = mean_of_class @ (hidden / jnp.linalg.norm(hidden, axis=1, keepdims=True))
    radii = jnp.sqrt(jnp.maximum(0, 1 - jnp.sum(centres**2, 1)))
    row = jnp.stack([
        jnp.mean(logits.argmax(1) != y), jnp.mean(forward(layers, xt)[0].argmax(1) != yt),
        radii[0], radii[1], jnp.linalg.norm(centres[0] - centres[1]),
    ])
    step = step + 1
    first = jax.tree.map(lambda m, g: BETA1 * m + (1 - BETA1) * g, first, grads)
    second = jax.tree.map(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, second, grads)
    scale1, scale2 = 1 - BETA1**step, 1 - BETA2**step
    update = lambda p, m, v: p - args.lr * (m / scale1) / (jnp.sqrt(v / scale2) + EPSILON)
    return (jax.tree.map(update, layers, first, second), first, second, step), row


run = jax.jit(lambda state: jax.lax.scan(lambda s, _: jax.vmap(epoch)(s), state, None, length=args.epochs))
state = jax.vmap(init)(jax.random.split(jax.random.key(0), args.runs))
jax.block_until_ready(run(state))
start = time.perf_counter()
_, trajectory = jax.block_until_ready(run(state))
report("jax-vmap-two-layers", args, time.perf_counter() - start, np.asarray(trajectory))
