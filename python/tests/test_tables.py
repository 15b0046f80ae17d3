"""Long tables against h5py and against the report's own files, in pandas and in polars."""

from __future__ import annotations

import csv
from pathlib import Path

import h5py
import numpy as np
import polars as pl
import pytest

import phasesweep


def test_cells_are_those_of_the_file(quick: Path) -> None:
    with h5py.File(quick / "results.h5") as file:
        ids, lr = file["cell_id"].asstr()[()], file["lr"][()]
    pandas, polars = phasesweep.cells(quick), phasesweep.cells(quick, frame="polars")
    assert list(pandas["cell_id"]) == list(polars["cell_id"]) == list(ids)
    np.testing.assert_array_equal(pandas["lr"], lr)
    assert polars["alpha"].null_count() == 16 and pandas["alpha"].isna().all()
    assert list(phasesweep.cells(phasesweep.open(quick))["cell_id"]) == list(ids), "a grid keeps the order of the plan"


@pytest.mark.parametrize("grid", [False, True])
def test_trajectories_hold_every_value_at_its_labels(quick: Path, grid: bool) -> None:
    source = phasesweep.open(quick, by=("seed", "lr", "width")) if grid else quick
    long = phasesweep.trajectories(source, "radius", frame="polars")
    assert long.columns[-4:] == ["layer", "class", "epoch", "radius"] and long.height == 16 * 1 * 2 * 101
    with h5py.File(quick / "results.h5") as file:
        ids, radius, lr = file["cell_id"].asstr()[()], file["radius"][()], file["lr"][()]
    place = {cell: number for number, cell in enumerate(ids)}
    for row in long.sample(300, seed=3).iter_rows(named=True):
        cell = place[row["cell_id"]]
        assert row["radius"] == radius[cell, 0, row["class"], row["epoch"]] and row["lr"] == lr[cell]
    pandas = phasesweep.trajectories(source, "radius")
    np.testing.assert_array_equal(pandas["radius"], long["radius"].to_numpy())
    assert list(pandas["cell_id"]) == list(long["cell_id"])


def test_trajectories_of_a_selection_and_of_what_does_not_fit(quick: Path) -> None:
    ds = phasesweep.open(quick)
    one = phasesweep.trajectories(ds.isel(architecture=0, optimiser=1, seed=2), ["train_error", "test_error"])
    assert len(one) == 101 and one["cell_id"].nunique() == 1
    assert len(phasesweep.trajectories(ds.sel(epoch=[0, 50], seed=0))) == 4 * 2
    with pytest.raises(phasesweep.ResultsError, match="different dimensions"):
        phasesweep.trajectories(ds, ["train_error", "radius"])
    with pytest.raises(phasesweep.ResultsError, match="no variable `error`.*train_error"):
        phasesweep.trajectories(ds, "error")
    with pytest.raises(ValueError, match='"pandas" or "polars"'):
        phasesweep.cells(ds, frame="arrow")  # type: ignore[call-overload]


def test_turning_points_are_those_of_the_report(quick: Path) -> None:
    page = phasesweep.report(quick, progress=False)
    with (page.parent / "turning_points.csv").open() as file:
        rows = list(csv.DictReader(file))
    pandas, polars = phasesweep.turning_points(quick), phasesweep.turning_points(quick, frame="polars")
    assert len(rows) == len(pandas) == len(polars) == 16 * 3 * 2
    for row, one, other in zip(rows, pandas.to_dict("records"), polars.iter_rows(named=True), strict=True):
        assert (
            row["cell_id"] == one["cell_id"] == other["cell_id"] and row["status"] == one["status"] == other["status"]
        )
        if row["epsilon_star"]:
            assert float(row["epsilon_star"]) == one["epsilon_star"] == other["epsilon_star"]
        else:
            assert np.isnan(one["epsilon_star"]) and other["epsilon_star"] is None
    # ε* is the training error of the file at the epoch of the turning point.
    ds = phasesweep.open(quick, by="cell").set_xindex("cell_id")
    found = pandas[pandas["status"] == "found"]
    for row in found.to_dict("records"):
        at = ds.train_error.sel(cell_id=row["cell_id"], epoch=row["epoch"]).item()
        assert at == pytest.approx(row["epsilon_star"], rel=1e-6)  # float32 in the file


def test_a_selection_has_its_own_turning_points(quick: Path) -> None:
    ds = phasesweep.open(quick).isel(seed=[1, 3])
    points = phasesweep.turning_points(ds)
    assert set(points["cell_id"]) == set(ds.cell_id.values.ravel()) and set(points["seed"]) == {1, 3}
    assert isinstance(phasesweep.turning_points(ds, frame="polars"), pl.DataFrame)


def test_reading_leaves_the_run_directory_alone_and_knows_an_old_report(quick: Path) -> None:
    before = sorted(quick.rglob("*"))
    phasesweep.turning_points(quick)
    assert sorted(quick.rglob("*")) == before
    phasesweep.report(quick, arguments=["--prominence", "0.9"], progress=False)
    strict = phasesweep.turning_points(quick)
    assert not (strict["status"] == "found")[strict["rule"] == "prominence"].any(), "the report that is there is taken"
    (quick / "results.h5").touch()
    again = phasesweep.turning_points(quick)
    assert (again["status"] == "found")[again["rule"] == "prominence"].any(), "one older than the results is not"
    with pytest.raises(phasesweep.ResultsError, match="no table `points`: it has .*turning_points"):
        phasesweep.table(quick, "points")
