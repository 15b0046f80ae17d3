"""`results.h5` as an xarray dataset whose dimensions are the sweep's grid.

The file holds cells one after another (docs/results.md). Here they are laid out along what varied: the tables of the
sweep of which there are several entries, and the seed; or along any coordinates that are asked for. Invariants: every
value of the file is in the dataset, bit for bit, once; nothing is read before it is asked for, except the coordinates;
a combination that is no cell of the sweep is missing (NaN, 255 for bytes, an empty text) and its `status` is "absent".
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from .errors import ResultsError

#: Tables of a sweep file of which there can be several entries, in the order of the grid.
AXES = ("data", "subsample", "architecture", "optimiser", "prune")

#: What the programs write as a float that was not measured is NaN; a byte, this.
MISSING_BYTE = 255

#: Coordinates that tell a cell's fate: they keep all dimensions of the grid, however much of them is the same.
_OF_EACH_CELL = ("cell_id", "status", "wall_seconds", "diverged_epoch", "failure")

#: Least share of the combinations that must be cells for a grid to be made unasked.
LEAST_SHARE = 0.5

_NEWEST_FORMAT = 1

Path_ = str | os.PathLike[str]
Array = np.ndarray[Any, Any]


class GridWarning(UserWarning):
    """The cells are no grid, and stay one dimension."""


def results_file(source: Path_) -> Path:
    """The results file that a path means: itself, or the one in a run directory.

    Raises
    ------
    ResultsError
        If there is none.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        inside = path / "results.h5"
        if inside.is_file():
            return inside.resolve()
        if (path / "run.json").is_file():
            raise ResultsError(f"{path} has no results.h5 yet: `phasesweep collect {path}` makes it of what is there")
        raise ResultsError(f"{path} is no run directory: it has no run.json and no results.h5")
    if path.is_file():
        return path.resolve()
    raise ResultsError(f"{path} does not exist: give a run directory, as runs/NAME, or a results.h5")


def open(source: Path_, *, by: Sequence[str] | Literal["cell"] | None = None) -> xr.Dataset:
    """Open the results of a run, with the grid as dimensions.

    Parameters
    ----------
    source
        A run directory, or a results file.
    by
        What becomes dimensions. Unless given: those of the tables `data`, `subsample`, `architecture`, `optimiser` and
        `prune` in whose entries the cells differ, labelled as in the file, and `seed`. Or names of coordinates, as
        ``("width", "lr", "seed")``: together they must tell every cell apart. Or ``"cell"``: the cells stay one
        dimension.

    Returns
    -------
    xarray.Dataset
        Every variable of the file, read when it is first used. A coordinate (`lr`, `width`, …) lies along those
        dimensions along which it changes; where that is one dimension, ``ds.swap_dims(optimiser="lr")`` puts it in the
        labels' place. ``ds.attrs["grid"]`` says in a sentence what the dimensions are, ``ds.attrs["results_file"]``
        where the file is.

    Raises
    ------
    ResultsError
        If there is no results file, it is of a newer format, or `by` does not tell the cells apart.

    Warns
    -----
    GridWarning
        If `by` is not given and fewer than half of the combinations are cells: they then stay one dimension, `cell`.
        Of a grid with at least half of them the others are missing: NaN (255 for bytes), `status` "absent".

    Examples
    --------
    >>> ds = open("runs/quick")
    >>> dict(ds.sizes)["seed"], ds.optimiser.values.tolist()
    (4, ['sgd lr=0.2', 'sgd lr=0.4'])
    >>> ds.lr.dims
    ('optimiser',)
    >>> ds.swap_dims(optimiser="lr").radius.sel(lr=0.4, layer=1).mean("seed").dims
    ('architecture', 'class', 'epoch')
    >>> open("runs/quick", by=("width", "lr", "seed")).train_error.dims
    ('width', 'lr', 'seed', 'epoch')
    >>> open("runs/quick", by="cell").train_error.dims
    ('cell', 'epoch')
    """
    path = results_file(source)
    flat = _open_flat(path)
    if by == "cell":
        return flat.assign_attrs(grid="The cells are one dimension, as asked for.")
    if isinstance(by, str):
        by = (by,)
    columns = [name for name in AXES if _differs(flat[name])] + ["seed"] if by is None else list(by)
    places = [_places(flat, name) for name in columns]
    shape = tuple(len(labels) for labels, _ in places)
    index = _index(flat, columns, shape, [codes for _, codes in places])
    cells = flat.sizes["cell"]
    combinations = int(np.prod(shape))
    if by is None and cells < LEAST_SHARE * combinations:
        sentence = (
            f"The {cells} cells are no grid, and stay one dimension: of the {combinations} combinations of "
            f"{_listed(columns)} they are fewer than half. `by` names the dimensions of a grid all the same."
        )
        warnings.warn(f"{path}: {sentence}", GridWarning, stacklevel=2)
        return flat.assign_attrs(grid=sentence)
    sentence = f"The dimensions of the grid are {_listed(columns)}."
    if cells < combinations:
        sentence += (
            f" {combinations - cells} of {combinations} combinations are no cell, and missing: status is absent."
        )
    return _on_grid(flat, columns, [labels for labels, _ in places], index).assign_attrs(grid=sentence)


def _open_flat(path: Path) -> xr.Dataset:
    """The file as it is, its coordinates read."""
    try:
        # `wall_seconds` has a unit of time and is a number all the same.
        flat = xr.open_dataset(path, engine="h5netcdf", decode_times=False, decode_timedelta=False)
    except (OSError, ValueError) as error:
        raise ResultsError(f"{path} cannot be read as HDF5: {error}") from error
    if flat.attrs.get("format") != "phasesweep results":
        raise ResultsError(f"{path} is no results file of phasesweep")
    if (newer := int(flat.attrs.get("format_version", 0))) > _NEWEST_FORMAT:
        raise ResultsError(f"{path} has format version {newer}, newer than this package: upgrade phasesweep")
    # `text` holds the distinct texts of the others, and nothing else needs it.
    flat = flat.drop_vars("text", errors="ignore")
    flat = flat.assign_coords({name: coordinate.load() for name, coordinate in flat.coords.items()})
    return flat.assign_attrs(results_file=str(path))


def _differs(column: xr.DataArray) -> bool:
    return len(set(column.values.tolist())) > 1


def _places(flat: xr.Dataset, name: str) -> tuple[Array, Array]:
    """Values of a coordinate as they become labels of a dimension, and which of them each cell has."""
    if name not in flat.coords or flat[name].dims != ("cell",):
        known = sorted(str(n) for n, c in flat.coords.items() if c.dims == ("cell",) and _differs(c))
        raise ResultsError(f"the cells have no coordinate `{name}`: those in which they differ are {_listed(known)}")
    values = flat[name].values
    labels, first, codes = np.unique(values, return_index=True, return_inverse=True)
    if values.dtype.kind in "OUT":
        # Labels keep the order of the sweep file; numbers ascend.
        order = np.argsort(first)
        labels, codes = labels[order], np.argsort(order)[codes]
    return labels, codes.reshape(-1)


def _index(flat: xr.Dataset, columns: list[str], shape: tuple[int, ...], codes: list[Array]) -> Array:
    """Which cell stands at each place of the grid; -1 for none."""
    place = np.ravel_multi_index(tuple(codes), shape) if columns else np.zeros(flat.sizes["cell"], dtype=int)
    if len(np.unique(place)) < flat.sizes["cell"]:
        one, other = _two_alike(place)
        differ = [
            str(name)
            for name, c in flat.coords.items()
            if c.dims == ("cell",)
            and name not in _OF_EACH_CELL
            and name != "variant"
            and c.values[one] != c.values[other]
        ]
        also = [name for name in differ if not _both_missing(flat[name].values[one], flat[name].values[other])]
        raise ResultsError(f"{_listed(columns)} do not tell all cells apart: some also differ in {_listed(also)}")
    index = np.full(shape, -1, dtype=np.int64)
    index.reshape(-1)[place] = np.arange(flat.sizes["cell"])
    return index


def _two_alike(place: Array) -> tuple[int, int]:
    seen: dict[int, int] = {}
    for cell, where in enumerate(place.tolist()):
        if where in seen:
            return seen[where], cell
        seen[where] = cell
    raise AssertionError("called where two cells share a place")


def _both_missing(one: object, other: object) -> bool:
    return one != one and other != other


def _on_grid(flat: xr.Dataset, columns: list[str], labels: list[Array], index: Array) -> xr.Dataset:
    variables: dict[Any, Any] = {}
    for name, variable in flat.variables.items():
        if "cell" not in variable.dims:
            variables[name] = variable
        elif name in columns:
            continue
        elif name in flat.coords:
            values = _laid_out(variable.values, index, missing="absent" if name == "status" else None)
            dims, values = (columns, values) if name in _OF_EACH_CELL else _least(columns, values, index)
            variables[name] = xr.Variable(dims, values, variable.attrs)
        else:
            if variable.dims[0] != "cell":
                raise ResultsError(f"`{name}` does not begin with the cells: its dimensions are {variable.dims}")
            lazy = indexing.LazilyIndexedArray(_OnGrid(variable, index))
            variables[name] = xr.Variable([*columns, *variable.dims[1:]], lazy, variable.attrs, variable.encoding)
    for column, values in zip(columns, labels, strict=True):
        variables[column] = xr.Variable([column], values, flat[column].attrs)
    coordinates = {name: variables.pop(name) for name in list(variables) if name in flat.coords}
    out = xr.Dataset(variables, coordinates, flat.attrs)
    out.set_close(flat.close)
    return out


def _laid_out(values: Array, index: Array, missing: object = None) -> Array:
    """Values of the cells at their places on the grid; what is missing where there is no cell."""
    absent = index < 0
    out: Array = values[index]
    if not absent.any():
        return out
    if values.dtype.kind in "iu" and values.dtype != np.uint8:
        values = values.astype(np.float64)
    if missing is None:
        missing = {"f": np.nan, "u": MISSING_BYTE}.get(values.dtype.kind, "")
    # Fixed-length texts would cut a longer one.
    out = values.astype(object)[index] if values.dtype.kind == "U" else values[index]
    out[absent] = missing
    return out.astype(str) if values.dtype.kind == "U" else out


def _least(columns: list[str], values: Array, index: Array) -> tuple[list[str], Array]:
    """Only those dimensions along which the values of the cells change. Places without a cell decide nothing."""
    dims = list(columns)
    present = index >= 0
    for axis in reversed(range(len(dims))):
        first = np.take_along_axis(values, np.expand_dims(np.argmax(present, axis), axis), axis)
        same = (values == first) | ((values != values) & (first != first)) | ~present
        # A line without any cell has no value to go by.
        if same.all() and present.any(axis).all():
            values, present = np.take(first, 0, axis), np.asarray(present.any(axis))
            del dims[axis]
    return dims, values


def _listed(names: Iterable[str]) -> str:
    *most, last = [f"`{name}`" for name in names] or ["nothing"]
    return f"{', '.join(most)} and {last}" if most else last


class _OnGrid(BackendArray):
    """A variable of the file whose first dimension, the cells, is laid out on the grid; read when it is indexed."""

    def __init__(self, variable: xr.Variable, index: Array) -> None:
        self.variable = variable
        self.index = index
        self.shape = (*index.shape, *variable.shape[1:])
        self.dtype = variable.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple[Any, ...]) -> Array:
        cells = self.index
        for axis in reversed(range(self.index.ndim)):
            cells = cells[(slice(None),) * axis + (key[axis],)]
        rest = key[self.index.ndim :]
        wanted = np.unique(cells[cells >= 0])
        if not len(wanted):
            wanted = np.zeros(0, dtype=np.int64)
            low, high = 0, 0
        else:
            low, high = int(wanted[0]), int(wanted[-1]) + 1
        # One piece of the file where most of it is wanted, else the cells one by one.
        if high - low <= 4 * len(wanted):
            read = np.asarray(self.variable[(slice(low, high), *rest)].values)
            wanted = np.arange(low, high)
        else:
            pieces = [np.asarray(self.variable[(slice(cell, cell + 1), *rest)].values) for cell in wanted.tolist()]
            read = np.concatenate(pieces)
        if not len(wanted):
            missing = np.nan if self.dtype.kind == "f" else MISSING_BYTE
            return np.full((*np.shape(cells), *read.shape[1:]), missing, dtype=self.dtype)
        return _laid_out(read, np.where(cells >= 0, np.searchsorted(wanted, cells), -1))
