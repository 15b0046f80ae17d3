"""`open` against h5py: every value of the file stands at its labels, bit for bit; grids with holes; what is no grid."""

from __future__ import annotations

import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr
from conftest import SWEEPS

import phasesweep

#: Every shipped sweep that needs no download, cut down to seconds, and the dimensions that its grid should have.
SHIPPED = {
    "quick": ({"sweep.seeds": 3, "train.epochs": 60}, ["architecture", "optimiser", "seed"]),
    "stragglers-digits": ({"sweep.seeds": 2, "train.epochs": 120}, ["prune", "seed"]),
    "init-scale-digits": ({"sweep.seeds": 2, "train.epochs": 20}, ["architecture", "seed"]),
    "schedules-digits": ({"sweep.seeds": 1, "train.epochs": 120, "subsample.size": 200}, ["optimiser", "seed"]),
    "compression-quick": (
        {"sweep.seeds": 1, "train.epochs": 200, "data.train": 256, "data.test": 200, "subsample.size": [64, 128],
         "architecture.hidden": [[20]], "flow.kernel_points": 32},
        ["subsample", "optimiser", "seed"],
    ),
    "local-complexity-digits": (
        {"sweep.seeds": 2, "train.epochs": 4, "subsample.size": 100, "observe.local_complexity.points": 20,
         "observe.robustness.points": 20},
        ["seed"],
    ),
    "slices-digits": ({"train.epochs": 3, "observe.weights": [0, 3], "subsample.size": 100}, ["architecture", "seed"]),
    "turning-points-digits": (
        {"sweep.seeds": 1, "train.epochs": 3, "subsample.size": 100}, ["optimiser", "seed"],
    ),
    "edge-of-stability-digits": ({"sweep.seeds": 1, "train.epochs": 20, "subsample.size": 60}, ["optimiser", "seed"]),
    "grokking-modular": (
        {"sweep.seeds": 1, "train.epochs": 2, "observe.local_complexity.points": 10, "architecture.hidden": [[20]]},
        ["seed"],
    ),
}  # fmt: skip

NO_VARIABLE = b"This is a netCDF dimension but not a netCDF variable"


def compare(ds: xr.Dataset, path: Path, dims: list[str]) -> int:
    """Compares every value of the file with that of the dataset at the labels of its cell, found by h5py. How many."""
    ds = ds.load()
    compared = 0
    with h5py.File(path) as file:
        cells = file["cell_id"].shape[0]
        read = {name: v.asstr()[()] if h5py.check_string_dtype(v.dtype) else v[()] for name, v in file.items()}
        assert [str(dim) for dim in ds.cell_id.dims] == dims
        for name, values in read.items():
            if name == "text" or file[name].attrs.get("NAME", b"").startswith(NO_VARIABLE):
                continue
            assert name in ds.variables, name
            scales = file[name].dims[0] if file[name].ndim else ()
            if not len(scales) or scales[0].name != "/cell":
                np.testing.assert_array_equal(ds[name].values, values)
                compared += values.size
                continue
            for cell in range(cells):
                at = {dim: read[dim][cell] for dim in dims if dim in ds[name].dims}
                found = ds[name].sel(at).values
                assert found.dtype == values.dtype or values.dtype == object, name
                np.testing.assert_array_equal(found, values[cell], err_msg=name)
                compared += np.size(found)
    return compared


@pytest.mark.parametrize("name", SHIPPED)
def test_every_value_is_that_of_h5py(name: str, workplace: Path) -> None:
    overrides, dims = SHIPPED[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ds = phasesweep.run(SWEEPS / f"{name}.toml", set=overrides, progress=False)
    path = workplace / "runs" / name / "results.h5"
    measured = sum(v.size for v in ds.data_vars.values())
    assert compare(ds, path, dims) >= measured
    with h5py.File(path) as file:
        for variable, values in phasesweep.open(path, by="cell").variables.items():
            read = file[variable]
            text = h5py.check_string_dtype(read.dtype)
            np.testing.assert_array_equal(values.values, read.asstr()[()] if text else read[()], err_msg=str(variable))


def test_coordinates_lie_only_where_they_change(quick: Path) -> None:
    ds = phasesweep.open(quick)
    assert ds.lr.dims == ("optimiser",) and ds.width.dims == ("architecture",)
    assert ds.variant.dims == ("architecture", "optimiser")
    assert ds.data.dims == () and ds.data.item() == "digits parity"
    assert ds.status.dims == ("architecture", "optimiser", "seed")
    # Seconds stay numbers.
    assert ds.wall_seconds.dtype == np.float64


def test_any_coordinates_can_be_the_grid(quick: Path) -> None:
    tables, keys = phasesweep.open(quick), phasesweep.open(quick, by=("lr", "seed", "width"))
    assert keys.radius.dims == ("lr", "seed", "width", "layer", "class", "epoch")
    swapped = tables.swap_dims(optimiser="lr", architecture="width").radius.transpose(*keys.radius.dims)
    np.testing.assert_array_equal(keys.radius.values, swapped.values)
    assert keys.optimiser.dims == ("lr",)
    with pytest.raises(phasesweep.ResultsError, match="do not tell all cells apart.*`seed`"):
        phasesweep.open(quick, by=("lr", "width"))
    with pytest.raises(phasesweep.ResultsError, match="no coordinate `rate`.*`lr`"):
        phasesweep.open(quick, by=("rate", "seed"))


def some_cells(quick: Path, keep: list[int], path: Path) -> Path:
    """A results file that holds some cells of another one, as xarray writes it."""
    flat = phasesweep.open(quick, by="cell")
    flat.isel(cell=keep).to_netcdf(path, engine="h5netcdf")
    return path


def test_a_grid_with_holes_is_missing_there(quick: Path, workplace: Path) -> None:
    keep = [cell for cell in range(16) if cell not in (3, 10)]
    holed = phasesweep.open(some_cells(quick, keep, workplace / "holed.h5"))
    whole = phasesweep.open(quick)
    assert "2 of 16 combinations are no cell" in holed.attrs["grid"]
    absent = (holed.status == "absent").values
    assert list(np.flatnonzero(absent)) == [3, 10]
    for name in whole.data_vars:
        if "seed" not in whole[name].dims:
            continue
        there, all_of_it = (ds[name].values.reshape(16, -1) for ds in (holed, whole))
        np.testing.assert_array_equal(there[keep], all_of_it[keep], err_msg=str(name))
        hole = there[[3, 10]]
        assert (hole == 255).all() if hole.dtype == np.uint8 else np.isnan(hole).all()
    assert holed.lr.dims == ("optimiser",), "holes decide nothing about where a coordinate changes"
    assert len(phasesweep.cells(holed)) == 14
    np.testing.assert_array_equal(phasesweep.misclassified(holed).values.reshape(16, -1)[[3, 10]], False)


def test_cells_that_are_no_grid_stay_one_dimension(quick: Path, workplace: Path) -> None:
    # Of 2 × 2 × 2 combinations, two.
    path = some_cells(quick, [0, 13], workplace / "two.h5")
    with pytest.warns(phasesweep.GridWarning, match="2 cells are no grid.*8 combinations"):
        ds = phasesweep.open(path)
    assert ds.train_error.dims == ("cell", "epoch") and ds.lr.dims == ("cell",)
    assert phasesweep.open(path, by=("width", "lr", "seed")).sizes["seed"] == 2


def test_parts_of_it_are_read_as_the_whole(quick: Path, workplace: Path) -> None:
    """Any way of indexing, before anything is read, gives what it gives of the values in memory."""
    path = some_cells(quick, [cell for cell in range(16) if cell not in (0, 5, 11)], workplace / "some.h5")
    random = np.random.default_rng(7)
    whole = phasesweep.open(path).radius.load()
    for _ in range(25):
        key = {}
        for dim, size in whole.sizes.items():
            match random.integers(4):
                case 0:
                    key[dim] = int(random.integers(-size, size))
                case 1:
                    low, high = sorted(random.integers(0, size + 1, 2).tolist())
                    key[dim] = slice(low, high, int(random.integers(1, 3)))
                case 2:
                    key[dim] = random.integers(0, size, int(random.integers(1, 4)))
        np.testing.assert_array_equal(phasesweep.open(path).radius.isel(key).values, whole.isel(key).values)
    # Pointwise, too.
    points = {dim: xr.DataArray(random.integers(0, size, 5), dims="point") for dim, size in whole.sizes.items()}
    np.testing.assert_array_equal(phasesweep.open(path).radius.isel(points).values, whole.isel(points).values)


def test_usual_operations_of_xarray_work(quick: Path, workplace: Path) -> None:
    ds = phasesweep.open(quick)
    assert ds.stack(cells=("architecture", "optimiser", "seed")).sizes["cells"] == 16
    assert ds.train_error.groupby("width").mean(["seed", "architecture"]).sizes["width"] == 2
    ds.to_netcdf(workplace / "again.nc", engine="h5netcdf")
    with xr.open_dataset(workplace / "again.nc", engine="h5netcdf", decode_timedelta=False) as again:
        np.testing.assert_array_equal(again.radius.values, ds.radius.values)


def test_what_is_no_run_is_said(workplace: Path) -> None:
    with pytest.raises(phasesweep.ResultsError, match="does not exist"):
        phasesweep.open("runs/nowhere")
    (workplace / "empty").mkdir()
    with pytest.raises(phasesweep.ResultsError, match="no run directory"):
        phasesweep.open("empty")
    (workplace / "empty" / "run.json").touch()
    with pytest.raises(phasesweep.ResultsError, match="phasesweep collect empty"):
        phasesweep.open("empty")
    xr.Dataset({"x": ("x", [1])}).to_netcdf("other.h5", engine="h5netcdf")
    with pytest.raises(phasesweep.ResultsError, match="no results file of phasesweep"):
        phasesweep.open("other.h5")
    Path("text.h5").write_text("no HDF5")
    with pytest.raises(phasesweep.ResultsError, match="cannot be read"):
        phasesweep.open("text.h5")
    xr.Dataset(attrs={"format": "phasesweep results", "format_version": 2}).to_netcdf("new.h5", engine="h5netcdf")
    with pytest.raises(phasesweep.ResultsError, match="newer than this package"):
        phasesweep.open("new.h5")
