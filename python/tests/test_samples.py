"""Sets of samples against h5py and NumPy's unpackbits."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

import phasesweep


def bits_of(path: Path) -> tuple[list[str], np.ndarray, list[int]]:
    with h5py.File(path / "results.h5") as file:
        bits = np.unpackbits(file["misclassified"][()], axis=-1).astype(bool)[..., :1500]
        return list(file["cell_id"].asstr()[()]), bits, file["snapshot_epoch"][()].tolist()


def test_misclassified_samples_are_the_bits(quick: Path) -> None:
    _, bits, _ = bits_of(quick)
    np.testing.assert_array_equal(phasesweep.misclassified(quick).values, bits)
    grid = phasesweep.misclassified(phasesweep.open(quick))
    assert grid.dims == ("architecture", "optimiser", "seed", "snapshot", "sample")
    np.testing.assert_array_equal(grid.values.reshape(bits.shape), bits)


def test_stragglers_are_the_samples_misclassified_at_the_inversion(quick: Path) -> None:
    ids, bits, epochs = bits_of(quick)
    sets = (
        phasesweep.stragglers(phasesweep.open(quick))
        .stack(cell=("architecture", "optimiser", "seed"))
        .transpose("cell", ...)
    )
    points = phasesweep.turning_points(quick)
    distance = points[(points["observable"] == "distance") & (points["rule"] == "prominence")].set_index("cell_id")
    turning = 0
    for cell, one in zip(sets.cell_id.values, sets, strict=True):
        inversion = distance.loc[cell, "epoch"]
        if np.isnan(inversion):
            assert not one.any() and np.isnan(one.snapshot_epoch)
            continue
        turning += 1
        # The first of the nearest snapshots, as the report has it.
        nearest = min(range(len(epochs)), key=lambda place: abs(epochs[place] - inversion))
        assert one.inversion == inversion and one.snapshot_epoch == epochs[nearest]
        np.testing.assert_array_equal(one.values, bits[ids.index(cell), nearest])
    assert 0 < turning < 16, "the runs are long enough that some cells turn, and short enough that some do not"
    sizes = phasesweep.table(quick, "stragglers").set_index("cell_id")["size"]
    assert {
        cell: int(one.sum()) for cell, one in zip(sets.cell_id.values, sets, strict=True) if one.any()
    } == sizes.to_dict()


def test_one_cell_has_a_set_of_its_own(quick: Path) -> None:
    ds = phasesweep.open(quick)
    all_of_it = phasesweep.stragglers(ds)
    at = {"architecture": 1, "optimiser": 1, "seed": 0}
    one = phasesweep.stragglers(ds.isel(at))
    assert one.dims == ("sample",)
    np.testing.assert_array_equal(one.values, all_of_it.isel(at).values)


def test_without_snapshots_there_are_none(quick: Path) -> None:
    with pytest.raises(phasesweep.ResultsError, match=r"\[observe\] misclassified"):
        phasesweep.stragglers(phasesweep.open(quick).drop_vars("misclassified"))
