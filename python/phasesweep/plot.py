"""One helper for each figure, drawn with matplotlib, which the package does not install.

Each takes a run directory, a results file or a dataset of `open`, draws what is in it into `ax` (new axes unless given)
and returns the axes, so that everything else is matplotlib's own. Cells that differ in the seed alone are one variant
and have one colour.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import ResultsError
from .frames import Array
from .opening import AXES
from .samples import stragglers as straggler_sets
from .tables import Cells, Source, dataset, table, turning_points

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Variants that a legend can tell apart.
_MOST_NAMED = 12


def radii(source: Source, *, layer: int = 1, ax: Axes | None = None) -> Axes:
    """Class radii against the training error, along training: the figure of the inversion.

    Thin lines are cells, thick ones means over the seeds of a variant; each class has a dash of its own. Training runs
    from right to left.

    Parameters
    ----------
    source
        What to draw; needs ``[observe] manifold``.
    layer
        Hidden layer, from 1.
    ax
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> radii("runs/quick").get_ylabel()
    'class radius, layer 1'
    """
    ax = _against_error(source, "radius", "class", layer, ax)
    ax.set_ylabel(f"class radius, layer {layer}")
    return ax


def distances(source: Source, *, layer: int = 1, ax: Axes | None = None) -> Axes:
    """Distances between class centres against the training error, along training. As `radii`.

    Parameters
    ----------
    source
        What to draw; needs ``[observe] manifold``.
    layer
        Hidden layer, from 1.
    ax
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> distances("runs/quick").get_xlabel()
    'training error'
    """
    ax = _against_error(source, "distance", "pair", layer, ax)
    ax.set_ylabel(f"distance of class centres, layer {layer}")
    return ax


def trajectories(source: Source, variable: str = "train_error", *, ax: Axes | None = None) -> Axes:
    """A variable with one value for each cell and epoch (or step), along training.

    A line is the mean over the seeds of a variant, a band from the least to the greatest of them. Seeds that were not
    measured at an epoch are left out of both.

    Parameters
    ----------
    source
        What to draw. Of a variable with further dimensions select one label: ``trajectories(ds.sel(layer=1), …)``.
    variable
        Its name.
    ax
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> len(trajectories("runs/quick", "test_error").lines)   # variants
    4
    """
    ds = dataset(source)
    here = Cells(ds)
    if variable not in ds:
        raise ResultsError(f"there is no variable `{variable}`")
    rest = [dim for dim in ds[variable].dims if dim not in here.dims]
    if len(rest) != 1:
        raise ResultsError(f"`{variable}` also lies along {rest[:-1]}: select one label of each, as ds.sel(layer=1)")
    ax = _axes(ax)
    along = ds[rest[0]].values
    values = here.per_cell(ds[variable])
    for colour, name, members in _variants(here):
        low, middle, high = _least_mean_most(values[members])
        ax.fill_between(along, low, high, color=colour, alpha=0.2, linewidth=0)
        ax.plot(along, middle, color=colour, label=name)
    ax.set_xlabel(str(rest[0]).replace("_", " "))
    ax.set_ylabel(variable.replace("_", " "))
    _legend(ax)
    return ax


def epsilon(
    source: Source,
    observable: str = "distance",
    *,
    layer: int = 1,
    rule: str = "prominence",
    ax: Axes | None = None,
) -> Axes:
    """The training error ε* at the turning point, by variant: a point for each cell that turns, a bar at their mean.

    Parameters
    ----------
    source
        What to draw.
    observable
        As in the table `turning_points`.
    layer
        Hidden layer, from 1.
    rule
        "prominence" or "first-rise".
    ax
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes
        Names of the variants say how many of their cells turn.

    Examples
    --------
    >>> epsilon("runs/quick").get_xlabel()
    'training error at the turning point of distance'
    """
    points = turning_points(source)
    chosen = (points["observable"] == observable) & (points["layer"] == layer) & (points["rule"] == rule)
    if not chosen.any():
        known = ", ".join(sorted(points["observable"].unique()))
        raise ResultsError(
            f"no turning points of `{observable}` in layer {layer} by {rule}: there are those of {known}"
        )
    by_cell = points[chosen].set_index("cell_id")["epsilon_star"]
    here = Cells(dataset(source))
    ax = _axes(ax)
    names = []
    values = by_cell.reindex(here.ids).to_numpy(dtype=float)
    for row, (colour, name, members) in enumerate(_variants(here)):
        found = values[members][np.isfinite(values[members])]
        # Spread over half of the row in the order of the seeds, so that equal values are seen.
        ax.plot(found, row + np.linspace(-0.25, 0.25, len(found)), "o", color=colour, markersize=3, alpha=0.7)
        if len(found):
            ax.vlines(found.mean(), row - 0.35, row + 0.35, color=colour, linewidth=2)
        names.append(f"{name} ({len(found)} of {len(members)})")
    _rows(ax, names)
    ax.set_xlabel(f"training error at the turning point of {observable}")
    return ax


def stragglers(source: Source, *, ax: Axes | None = None) -> Axes:
    """In which share of the cells that turn a training sample is a straggler, samples in falling order.

    Parameters
    ----------
    source
        What to draw; needs ``[observe] misclassified``. Cells should share one training block: select it.
    ax
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ResultsError
        If the cells were trained on several blocks, whose samples are not the same.

    Examples
    --------
    >>> stragglers("runs/quick").get_xlabel()
    'training sample, by its share'
    """
    ds = dataset(source)
    here = Cells(ds)
    blocks = set(zip(*(here.per_cell(ds[name]).tolist() for name in ("data", "subsample")), strict=True))
    if len(blocks) > 1:
        raise ResultsError(f"the cells were trained on {len(blocks)} blocks: select one `data` and one `subsample`")
    sets = straggler_sets(ds)
    turning = Cells(ds).per_cell(sets["inversion"].notnull())
    share = np.sort(here.per_cell(sets)[turning].mean(axis=0))[::-1]
    ax = _axes(ax)
    count = int((share > 0).sum())
    ax.step(np.arange(1, count + 1), share[:count], where="mid")
    ax.set_ylim(0, 1.02)
    ax.set_xlabel("training sample, by its share")
    ax.set_ylabel(f"share of {int(turning.sum())} cells in which it straggles")
    return ax


def overlap(source: Source, *, ax: Axes | None = None) -> Axes:
    """How much more often independent runs misclassify the same samples than by chance: the z-score along training.

    Parameters
    ----------
    source
        What to draw; needs ``[observe] misclassified`` and several seeds. All cells of the file are drawn.
    ax
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes
        Bands are 95% intervals (table `overlap` of the report).

    Examples
    --------
    >>> overlap("runs/quick").get_ylabel()
    'z-score of the overlap'
    """
    rows = table(source, "overlap")
    ax = _axes(ax)
    for _, variant in rows.groupby(list(AXES), sort=False):
        along = variant.sort_values("train_error")
        error = along["train_error"]
        (line,) = ax.plot(error, along["z"])
        ax.fill_between(error, along["low"], along["high"], color=line.get_color(), alpha=0.2, linewidth=0)
    ax.set_xlabel("training error")
    ax.set_ylabel("z-score of the overlap")
    return ax


def variance(source: Source, observable: str = "distance", *, layer: int = 1, ax: Axes | None = None) -> Axes:
    """Which share of the variance of ε* each axis of the grid explains (ω², with its 95% interval).

    Parameters
    ----------
    source
        What to draw. All cells of the file are judged.
    observable
        As in the table `variance`.
    layer
        Hidden layer, from 1.
    ax
        Where to draw.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> variance("runs/quick").get_xlabel()
    'share of the variance of ε* (distance)'
    """
    rows = table(source, "variance")
    rows = rows[(rows["observable"] == observable) & (rows["layer"] == layer) & (rows["rule"] == "prominence")]
    ax = _axes(ax)
    for row, (_, line) in enumerate(rows.iterrows()):
        low, high = (float(np.clip(line[bound], 0, 1)) for bound in ("omega_low", "omega_high"))
        ax.hlines(row, low, high, color="0.6")
        ax.plot(line["omega_squared"], row, "o", color="C0")
    _rows(ax, [str(axis) for axis in rows["axis"]])
    ax.set_xlim(0, 1)
    ax.set_xlabel(f"share of the variance of ε* ({observable})")
    return ax


def _against_error(source: Source, variable: str, dim: str, layer: int, ax: Axes | None) -> Axes:
    ds = dataset(source)
    if variable not in ds:
        raise ResultsError(f"there is no variable `{variable}`: ask for it in the sweep, `[observe] manifold`")
    # Of the first measured layers one can be selected already.
    values = ds[variable].sel(layer=layer) if "layer" in ds[variable].dims else ds[variable]
    if dim not in values.dims:
        values = values.expand_dims(dim)
    here = Cells(ds)
    error = here.per_cell(ds["train_error"])
    per_cell = here.per_cell(values.transpose(..., dim, "epoch"))
    ax = _axes(ax)
    dashes = ("-", "--", ":", "-.")
    for colour, name, members in _variants(here):
        for place in range(per_cell.shape[1]):
            style, x, y = dashes[place % len(dashes)], error[members], per_cell[members, place]
            ax.plot(x.T, y.T, style, color=colour, linewidth=0.5, alpha=min(0.3, 2 / len(members)))
            mean_x, mean_y = (_least_mean_most(lines)[1] for lines in (x, y))
            ax.plot(mean_x, mean_y, style, color=colour, linewidth=1.8, label=name if place == 0 else None)
    ax.set_xlabel("training error")
    _legend(ax)
    return ax


def _variants(here: Cells) -> Iterator[tuple[str, str, Array]]:
    """A colour, a name and the places of the cells, for each variant in the order of the dataset."""
    of_cell = here.per_cell(here.ds["variant"]).tolist()
    labels = {name: values for name, values in here.distinct().items() if name in AXES}
    for place, variant in enumerate(dict.fromkeys(of_cell)):
        members = np.flatnonzero(np.array(of_cell) == variant)
        name = ", ".join(str(values[members[0]]) for values in labels.values()) or "all cells"
        yield f"C{place % 10}", name, members


def _least_mean_most(lines: Array) -> tuple[Array, Array, Array]:
    """Over the rows, those that are NaN left out; NaN where all are."""
    with np.errstate(all="ignore"):
        there = np.isfinite(lines)
        count = there.sum(axis=0)
        mean = np.where(count, np.where(there, lines, 0).sum(axis=0, dtype=float) / np.maximum(count, 1), np.nan)
        low = np.where(count, np.where(there, lines, np.inf).min(axis=0), np.nan)
        high = np.where(count, np.where(there, lines, -np.inf).max(axis=0), np.nan)
    return low, mean, high


def _axes(ax: Axes | None) -> Axes:
    if ax is not None:
        return ax
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError("figures need matplotlib: pip install 'phasesweep[plot]'") from error
    figure: Any = pyplot.figure(layout="constrained")
    axes: Axes = figure.add_subplot()
    return axes


def _rows(ax: Axes, names: list[str]) -> None:
    """Rows from top to bottom, and few enough numbers under them."""
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.locator_params(axis="x", nbins=5)


def _legend(ax: Axes) -> None:
    if 1 < len(ax.get_legend_handles_labels()[1]) <= _MOST_NAMED:
        ax.legend(fontsize="small")
