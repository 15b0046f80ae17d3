"""Long tables: what each cell is, its trajectories, its turning points, and every other table of the report.

Turning points are the report's, never found again here. Invariant: reading changes nothing in a run directory: where it
has no report, or one that is older than its results, the report is made in a temporary folder.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import numpy as np
import pandas as pd
import xarray as xr

from . import opening, programs
from .errors import ResultsError
from .frames import Array, Frame, Repeated, check
from .frames import frame as make_frame

if TYPE_CHECKING:
    import polars as pl

Source = opening.Path_ | xr.Dataset

#: Columns of the report's tables that are texts and can look like numbers.
_IDS = ("cell_id", "variant")


def dataset(source: Source) -> xr.Dataset:
    """The dataset that a source is, with the cells as one dimension if it is a path."""
    return source if isinstance(source, xr.Dataset) else opening.open(source, by="cell")


def file_of(source: Source) -> Path:
    """The results file behind a source."""
    if not isinstance(source, xr.Dataset):
        return opening.results_file(source)
    if "results_file" not in source.attrs:
        raise ResultsError(
            "the dataset does not say which file it is of: give one that `open` gave, or a run directory"
        )
    return opening.results_file(source.attrs["results_file"])


def directory_of(source: Source) -> Path:
    """The run directory behind a source."""
    return file_of(source).parent


class Cells:
    """The cells of a dataset in the order of its grid, those that are absent left out.

    Parameters
    ----------
    ds
        A dataset of `open`, or a selection of one.
    """

    def __init__(self, ds: xr.Dataset) -> None:
        if "cell_id" not in ds.coords:
            raise ResultsError("the dataset has no `cell_id`: give one that `open` gave, or a selection of its cells")
        self.ds = ds
        self.dims = ds["cell_id"].dims
        self.shape = tuple(ds.sizes[dim] for dim in self.dims)
        self.kept = np.flatnonzero(ds["status"].values.reshape(-1) != "absent")
        self.ids: list[str] = [str(text) for text in ds["cell_id"].values.reshape(-1)[self.kept]]

    def per_cell(self, values: xr.DataArray) -> Array:
        """Values of which the leading dimensions become one of cells; others follow."""
        lacking = [dim for dim in self.dims if dim not in values.dims]
        if lacking:
            values = values.expand_dims({dim: self.ds.sizes[dim] for dim in lacking})
        rest = [dim for dim in values.dims if dim not in self.dims]
        laid_out = values.transpose(*self.dims, *rest).values
        return laid_out.reshape(-1, *laid_out.shape[len(self.dims) :])[self.kept]

    def coordinates(self) -> dict[str, Array]:
        """Every coordinate of the cells, the id first."""
        names = [str(name) for name, c in self.ds.coords.items() if set(c.dims) <= set(self.dims)]
        first = [name for name in ("cell_id", "variant", *opening.AXES, "seed", "status") if name in names]
        ordered = [*first, *(name for name in names if name not in first)]
        return {name: self.per_cell(self.ds[name]) for name in ordered if name != "cell"}

    def distinct(self) -> dict[str, Array]:
        """The coordinates that tell the cells apart: the labels and numbers in which they differ, and the seed."""
        fate = {"cell_id", "variant", "status", "wall_seconds", "diverged_epoch", "failure"}
        return {
            name: values
            for name, values in self.coordinates().items()
            if name not in fate and (name == "seed" or len(np.unique(values)) > 1)
        }


@overload
def cells(source: Source, *, frame: Literal["pandas"] = ...) -> pd.DataFrame: ...
@overload
def cells(source: Source, *, frame: Literal["polars"]) -> pl.DataFrame: ...
def cells(source: Source, *, frame: Frame = "pandas") -> pd.DataFrame | pl.DataFrame:
    """One row for each cell: what it is and what became of it.

    Parameters
    ----------
    source
        A run directory, a results file, or a dataset of `open`, of which the cells that are in it are taken.
    frame
        Whose frame is returned.

    Returns
    -------
    pandas.DataFrame or polars.DataFrame
        `cell_id`, `variant`, the labels of the axes, `seed`, `status`, then every number and key (docs/results.md).
        A number that a cell does not have is NaN in pandas and null in polars.

    Examples
    --------
    >>> table = cells("runs/quick")
    >>> len(table), set(table.status)
    (16, {'complete'})
    >>> table.groupby("width").size().to_dict()
    {10.0: 8, 20.0: 8}
    """
    return make_frame(Cells(dataset(source)).coordinates(), frame)


@overload
def trajectories(
    source: Source, variables: str | Sequence[str] | None = ..., *, frame: Literal["pandas"] = ...
) -> pd.DataFrame: ...
@overload
def trajectories(
    source: Source, variables: str | Sequence[str] | None = ..., *, frame: Literal["polars"]
) -> pl.DataFrame: ...
def trajectories(
    source: Source, variables: str | Sequence[str] | None = None, *, frame: Frame = "pandas"
) -> pd.DataFrame | pl.DataFrame:
    """Variables along training as a long table: one row for each cell and each place along their other dimensions.

    Parameters
    ----------
    source
        A run directory, a results file, or a dataset of `open`, of which the cells and labels that are in it are taken.
    variables
        A variable, or several with the same dimensions; unless given, all that have one value for each cell and epoch.
    frame
        Whose frame is returned.

    Returns
    -------
    pandas.DataFrame or polars.DataFrame
        `cell_id`, the coordinates in which the cells differ, `seed`, a column for each other dimension (`layer`,
        `class`, `epoch`, …), and one for each variable. What was not measured is NaN in pandas and null in polars.
        Texts are categories.

    Raises
    ------
    ResultsError
        If a variable is not there, or the variables have different dimensions.

    Examples
    --------
    >>> trajectories("runs/quick").columns[-4:].tolist()
    ['epoch', 'test_error', 'train_error', 'train_loss']
    >>> long = trajectories("runs/quick", "radius")
    >>> len(long) == 16 * 2 * 101
    True
    """
    ds = dataset(source)
    here = Cells(ds)
    rest: tuple[Any, ...]
    if variables is None:
        rest = ("epoch",)
        names = [
            str(name) for name, v in ds.data_vars.items() if tuple(d for d in v.dims if d not in here.dims) == rest
        ]
        if not names:
            raise ResultsError("no variable has one value for each cell and epoch: name those that are wanted")
    else:
        names = [variables] if isinstance(variables, str) else list(variables)
        if unknown := [name for name in names if name not in ds.data_vars]:
            known = ", ".join(sorted(str(name) for name in ds.data_vars))
            raise ResultsError(f"there is no variable `{unknown[0]}`: those of this run are {known}")
        dims = {name: tuple(dim for dim in ds[name].dims if dim not in here.dims) for name in names}
        rest = dims[names[0]]
        if other := [name for name in names if dims[name] != rest]:
            raise ResultsError(
                f"`{names[0]}` and `{other[0]}` lie along different dimensions ({rest} and {dims[other[0]]}): ask for "
                "one table each"
            )
    lengths = [ds.sizes[dim] for dim in rest]
    each, count = int(np.prod(lengths)), len(here.ids)
    columns: dict[str, Array | Repeated] = {}
    for name, values in {"cell_id": np.array(here.ids, dtype=object), **here.distinct()}.items():
        columns[name] = _repeated(values, np.repeat(np.arange(count), each))
    grid = np.indices(lengths).reshape(len(lengths), -1)
    for dim, codes in zip(rest, grid, strict=True):
        labels = ds[dim].values if dim in ds.coords else np.arange(ds.sizes[dim])
        columns[str(dim)] = _repeated(labels, np.tile(codes, count))
    for name in names:
        columns[name] = here.per_cell(ds[name]).reshape(-1)
    return make_frame(columns, frame)


def _repeated(values: Array, codes: Array) -> Repeated:
    """Categories must be distinct; several cells may have the same label."""
    distinct, inverse = np.unique(values, return_inverse=True)
    return Repeated(distinct, inverse.reshape(-1)[codes])


@overload
def turning_points(source: Source, *, frame: Literal["pandas"] = ...) -> pd.DataFrame: ...
@overload
def turning_points(source: Source, *, frame: Literal["polars"]) -> pl.DataFrame: ...
def turning_points(source: Source, *, frame: Frame = "pandas") -> pd.DataFrame | pl.DataFrame:
    """The turning points of every cell: one row for each layer, observable and rule.

    Parameters
    ----------
    source
        A run directory, a results file, or a dataset of `open`, of which the cells that are in it are taken.
    frame
        Whose frame is returned.

    Returns
    -------
    pandas.DataFrame or polars.DataFrame
        What each cell is, then `layer`, `observable`, `rule` ("prominence" or "first-rise"), `status` ("found", "edge"
        or "none"), `epoch` and `epsilon_star`, the training error there; both are missing unless found.

    Examples
    --------
    >>> points = turning_points("runs/quick")
    >>> found = points[(points.rule == "prominence") & (points.status == "found")]
    >>> bool(found.epsilon_star.between(0, 1).all())
    True
    """
    return table(source, "turning_points", frame=frame)


@overload
def table(source: Source, name: str, *, frame: Literal["pandas"] = ...) -> pd.DataFrame: ...
@overload
def table(source: Source, name: str, *, frame: Literal["polars"]) -> pl.DataFrame: ...
def table(source: Source, name: str, *, frame: Frame = "pandas") -> pd.DataFrame | pl.DataFrame:
    """A table of the report by its name: that of its file, without the ending.

    Taken from the folder `report` beside the results file if that is newer than the results, with whatever settings it
    was made; else the report is made with its own defaults, in a temporary folder.

    Parameters
    ----------
    source
        A run directory, a results file, or a dataset of `open`. Of a table with a row for each cell those rows are
        taken whose cells are in the dataset; every other table is of all cells.
    name
        As ``"events"``, ``"variance"``, ``"stragglers"``.
    frame
        Whose frame is returned. pandas reads the CSV file, polars the Parquet file.

    Returns
    -------
    pandas.DataFrame or polars.DataFrame
        The table.

    Raises
    ------
    ResultsError
        If the report has no such table; the message names those that it has.

    Examples
    --------
    >>> table("runs/quick", "stragglers")["size"].gt(0).all()
    np.True_
    """
    check(frame)
    folder = _report_folder(file_of(source))
    ending = "csv" if frame == "pandas" else "parquet"
    path = folder / f"{name}.{ending}"
    if not path.is_file():
        known = ", ".join(sorted(found.stem for found in folder.glob("*.csv")))
        raise ResultsError(f"the report has no table `{name}`: it has {known}")
    ids = Cells(source).ids if isinstance(source, xr.Dataset) and "cell_id" in source.coords else None
    if frame == "pandas":
        rows = _read_csv(path)
        return rows[rows["cell_id"].isin(ids)].reset_index(drop=True) if ids is not None and "cell_id" in rows else rows
    import polars as pl

    out = pl.read_parquet(path)
    return out.filter(out["cell_id"].is_in(ids)) if ids is not None and "cell_id" in out.columns else out


def _read_csv(path: Path) -> pd.DataFrame:
    texts: dict[str, type] = dict.fromkeys((*_IDS, *opening.AXES), str)
    # From 3.1 on pandas reads to the last digit unasked, and warns who asks.
    version = tuple(int(part) for part in pd.__version__.split(".")[:2])
    exact: dict[str, Any] = {} if version >= (3, 1) else {"float_precision": "round_trip"}
    # Only an empty entry is missing: "none" and "NA" are labels.
    read: pd.DataFrame = pd.read_csv(path, dtype=texts, keep_default_na=False, na_values=[""], **exact)
    return read


def _report_folder(file: Path) -> Path:
    folder = file.parent / "report"
    made = folder / "index.html"
    if made.is_file() and made.stat().st_mtime_ns >= file.stat().st_mtime_ns:
        return folder
    return _temporary_report(file, file.stat().st_mtime_ns)


#: Reports that this process made: by results file, when the file was changed, and where its report is.
_made: dict[Path, tuple[int, Path]] = {}


def _temporary_report(file: Path, changed: int) -> Path:
    """A report that lives until the results change or this process ends."""
    known = _made.get(file)
    if known and known[0] == changed:
        return known[1]
    folder = Path(tempfile.mkdtemp(prefix="phasesweep-report-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if known:
        shutil.rmtree(known[1], ignore_errors=True)
    programs.report(file, out=folder, progress=False)
    _made[file] = (changed, folder)
    return folder
