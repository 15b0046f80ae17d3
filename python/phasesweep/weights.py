"""Weights that a run kept (`[observe] weights`), as arrays by the names of the parameters.

The files are safetensors, one for each cell and moment: an epoch, a step of the optimiser, or a stage of a gradient
flow.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple

from .errors import ResultsError
from .tables import Source, directory_of

Moment = Literal["epoch", "step", "stage"]


class KeptWeights(NamedTuple):
    """A file of weights: whose, and of when."""

    #: The cell.
    cell_id: str
    #: What `at` counts: whole passes over the training set, steps of the optimiser, or the share of fitted
    #: samples of a flow.
    moment: Moment
    #: The epoch, step or share.
    at: float
    #: The file.
    path: Path


def kept_weights(source: Source) -> list[KeptWeights]:
    """Which weights a run kept, by cell and moment.

    Parameters
    ----------
    source
        A run directory, or a dataset of `open` whose file is in its run directory.

    Returns
    -------
    list of KeptWeights
        Empty if none were kept.

    Examples
    --------
    >>> kept_weights("runs/quick")[0].at
    0
    """
    out = []
    for path in sorted((directory_of(source) / "weights").glob("*/*.safetensors")):
        moment, _, at = path.stem.partition("-")
        if moment == "epoch":
            out.append(KeptWeights(path.parent.name, "epoch", int(at), path))
        elif moment == "step":
            out.append(KeptWeights(path.parent.name, "step", int(at), path))
        elif moment == "stage":
            out.append(KeptWeights(path.parent.name, "stage", float(at), path))
    return out


def weights(
    source: Source,
    cell_id: str,
    *,
    epoch: int | None = None,
    step: int | None = None,
    stage: float | None = None,
    framework: Literal["numpy", "torch", "jax"] = "numpy",
) -> dict[str, Any]:
    """The weights of a cell at a moment.

    Parameters
    ----------
    source
        A run directory, or a dataset of `open` whose file is in its run directory.
    cell_id
        The cell, or so many of its first characters that no other begins with them.
    epoch, step, stage
        The moment; one of them. Unless given, the last that was kept.
    framework
        Whose arrays are returned: NumPy's, PyTorch's (on the CPU) or JAX's, which must be installed. JAX rounds the
        double precision of gradient flows to single unless ``jax_enable_x64`` is set.

    Returns
    -------
    dict
        Arrays by the names of the parameters, as PyTorch calls a module's: ``layers.0.weight`` ``[out, in]``,
        ``layers.0.bias`` ``[out]``, from input to output. A tree that `jax.tree.map` takes, and of which
        ``load_state_dict`` takes the names.

    Raises
    ------
    ResultsError
        If there are no such weights; the message says which there are.

    Examples
    --------
    >>> cell = kept_weights("runs/quick")[0].cell_id
    >>> {name: array.shape for name, array in weights("runs/quick", cell, epoch=0).items()}
    {'layers.0.bias': (10,), 'layers.0.weight': (10, 61), 'layers.1.bias': (2,), 'layers.1.weight': (2, 10)}
    """
    kept = kept_weights(source)
    if not kept:
        raise ResultsError(f"{directory_of(source)} keeps no weights: ask for them in the sweep, `[observe] weights`")
    ids = sorted({file.cell_id for file in kept if file.cell_id.startswith(cell_id)})
    if len(ids) != 1:
        raise ResultsError(f"{len(ids)} cells with weights have an id that begins with `{cell_id}`: give more of it")
    of_cell = [file for file in kept if file.cell_id == ids[0]]
    given = [(name, at) for name, at in (("epoch", epoch), ("step", step), ("stage", stage)) if at is not None]
    if len(given) > 1:
        raise ResultsError("give one of epoch, step and stage")
    if given:
        wanted = [file for file in of_cell if (file.moment, file.at) == given[0]]
    else:
        wanted = of_cell[-1:]
    if not wanted:
        there = ", ".join(f"{file.moment} {file.at}" for file in of_cell)
        raise ResultsError(f"no weights of cell {ids[0]} at {given[0][0]} {given[0][1]}: there are those of {there}")
    if framework not in ("numpy", "torch", "jax"):
        raise ValueError(f'framework={framework!r}: it is "numpy", "torch" or "jax"')
    reader = import_module("safetensors.flax" if framework == "jax" else f"safetensors.{framework}")
    arrays: dict[str, Any] = reader.load_file(wanted[0].path)
    return dict(sorted(arrays.items()))
