"""Sets of training samples as truth values: those misclassified at snapshots, and the stragglers.

Samples stand in the order of the training block. Invariant: a sample beyond a cell's block is in no set.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from .errors import ResultsError
from .frames import Array
from .tables import Cells, Source, dataset, table


def misclassified(source: Source) -> xr.DataArray:
    """Which training samples are misclassified at each snapshot.

    Parameters
    ----------
    source
        A run directory, a results file, or a dataset of `open`.

    Returns
    -------
    xarray.DataArray
        Truth values along the cells' dimensions, `snapshot` and `sample`. The coordinate `misclassified_count` is NaN
        where no snapshot was taken; no sample is in the set there.

    Raises
    ------
    ResultsError
        If the sweep has no snapshots (`[observe] misclassified`).

    Examples
    --------
    >>> wrong = misclassified("runs/quick")
    >>> wrong.dims, wrong.dtype
    (('cell', 'snapshot', 'sample'), dtype('bool'))
    >>> bool((wrong.sum("sample") == wrong.misclassified_count).all())
    True
    """
    ds = dataset(source)
    bits = _snapshots(ds)
    counts = ds["misclassified_count"]
    sets: xr.DataArray = xr.apply_ufunc(
        lambda packed: np.unpackbits(packed, axis=-1).astype(bool),
        bits,
        input_core_dims=[["byte"]],
        output_core_dims=[["sample"]],
    )
    number = np.arange(sets.sizes["sample"])
    inside = xr.DataArray(number, dims="sample") < ds["samples"].fillna(0)
    sets = (sets & inside & counts.notnull()).transpose(*bits.dims[:-1], "sample")
    largest = int(np.nanmax(np.append(ds["samples"].values, 0)))
    sets = sets.isel(sample=slice(largest)).assign_coords(misclassified_count=counts)
    return sets.rename("misclassified")


def stragglers(source: Source) -> xr.DataArray:
    """The stragglers of each cell: the training samples still misclassified at its inversion, as the report takes them.

    A set is that of the snapshot at the inversion of the report's principal observable or, where there is none, of the
    nearest one (docs/results.md). Cells on a pruned block have no set, nor have those without an inversion.

    Parameters
    ----------
    source
        A run directory, a results file, or a dataset of `open`, of which the cells that are in it are taken.

    Returns
    -------
    xarray.DataArray
        Truth values along the cells' dimensions and `sample`. Coordinates of each cell: `inversion`, the epoch of its
        inversion, and `snapshot_epoch`, that of its set. Both are NaN for a cell without a set, all of whose truth
        values are false.

    Raises
    ------
    ResultsError
        If no cell has stragglers.

    Examples
    --------
    >>> late = stragglers("runs/quick")
    >>> late.dims, late.sizes["sample"]
    (('cell', 'sample'), 1500)
    >>> often = late.where(late.inversion.notnull(), drop=True).mean("cell")  # share of cells
    >>> float(often.max())
    1.0
    """
    ds = dataset(source)
    bits = _snapshots(ds)
    here = Cells(ds)
    rows = table(ds, "stragglers").set_index("cell_id")
    epochs = ds["snapshot_epoch"].values.tolist()
    samples = here.per_cell(ds["samples"])
    packed = np.zeros((len(here.ids), bits.sizes["byte"]), dtype=np.uint8)
    inversion, snapshot = (np.full(len(here.ids), np.nan) for _ in range(2))
    for place, cell in enumerate(here.ids):
        if cell in rows.index:
            row = rows.loc[cell]
            inversion[place], snapshot[place] = row["inversion"], row["snapshot"]
            at = dict(zip(here.dims, np.unravel_index(here.kept[place], here.shape), strict=True)) if here.dims else {}
            packed[place] = bits.isel(at).isel(snapshot=epochs.index(row["snapshot"])).values
    sets = np.unpackbits(packed, axis=-1).astype(bool)
    sets &= np.arange(sets.shape[1]) < samples[:, None]
    sets = sets[:, : int(np.nanmax(np.append(samples, 0)))]
    of_cells = {name: c for name, c in ds.coords.items() if set(c.dims) <= set(here.dims)}
    out = xr.DataArray(_back(here, sets, False), dims=[*here.dims, "sample"], coords=of_cells, name="straggler")
    return out.assign_coords(
        inversion=(here.dims, _back(here, inversion, np.nan)), snapshot_epoch=(here.dims, _back(here, snapshot, np.nan))
    )


def _snapshots(ds: xr.Dataset) -> xr.DataArray:
    if "misclassified" not in ds:
        raise ResultsError(
            "no misclassified samples in these results: ask for them in the sweep, `[observe] misclassified`"
        )
    return ds["misclassified"]


def _back(here: Cells, values: Array, missing: Any) -> Array:
    """Values of the cells at their places in the dataset."""
    out = np.full((int(np.prod(here.shape)), *values.shape[1:]), missing, dtype=values.dtype)
    out[here.kept] = values
    return out.reshape((*here.shape, *values.shape[1:]))
