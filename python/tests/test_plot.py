"""What the figures draw, against the numbers that they are of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot

import phasesweep


def test_lines_are_means_over_seeds(quick: Path) -> None:
    ds = phasesweep.open(quick)
    lines = phasesweep.plot.trajectories(ds, "test_error").lines
    means = ds.test_error.mean("seed").values.reshape(4, 101)
    for line, mean in zip(lines, means, strict=True):
        # The file's are single precision.
        np.testing.assert_allclose(line.get_ydata(), mean, rtol=1e-6)
    drawn = phasesweep.plot.trajectories(
        ds.sel(layer=1, pair="0-1"), "distance", ax=pyplot.figure().add_subplot()
    ).lines
    assert len(drawn) == 4
    with pytest.raises(phasesweep.ResultsError, match="select one label"):
        phasesweep.plot.trajectories(ds, "radius")


def test_radii_lie_against_the_training_error(quick: Path) -> None:
    ds = phasesweep.open(quick).isel(architecture=0, optimiser=0, seed=[1])
    thin = phasesweep.plot.radii(ds).lines[0]
    np.testing.assert_array_equal(thin.get_xdata(), ds.train_error.values[0])
    np.testing.assert_array_equal(thin.get_ydata(), ds.radius.sel(layer=1, **{"class": 0}).values[0])
    assert len(phasesweep.plot.distances(phasesweep.open(quick)).get_legend().get_texts()) == 4


def test_points_are_the_cells_that_turn(quick: Path) -> None:
    points = phasesweep.turning_points(quick)
    found = points[(points.observable == "distance") & (points.rule == "prominence") & (points.status == "found")]
    drawn = np.concatenate([line.get_xdata() for line in phasesweep.plot.epsilon(quick).lines])
    assert sorted(drawn) == sorted(found.epsilon_star)
    with pytest.raises(phasesweep.ResultsError, match="there are those of distance"):
        phasesweep.plot.epsilon(quick, "curvature")


def test_shares_of_stragglers(quick: Path) -> None:
    sets = phasesweep.stragglers(quick)
    turning = sets.values[~np.isnan(sets.inversion.values)]
    shares = np.sort(turning.mean(axis=0))[::-1]
    (line,) = phasesweep.plot.stragglers(quick).lines
    np.testing.assert_array_equal(line.get_ydata(), shares[shares > 0])


def test_every_figure_can_be_saved(quick: Path, workplace: Path) -> None:
    for name in ("radii", "distances", "trajectories", "epsilon", "stragglers", "overlap", "variance"):
        figure = getattr(phasesweep.plot, name)(quick).figure
        figure.savefig(f"{name}.png")
        assert (workplace / f"{name}.png").stat().st_size > 5000
