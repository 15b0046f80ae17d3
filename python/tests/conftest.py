"""Runs that the tests share, trained by the real programs, which must be beside this Python or on PATH.

Every test works in an empty directory of its own, with copies of shared runs beneath `runs/`, so that none sees
another's.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import matplotlib
import pytest

import phasesweep

SWEEPS = Path(__file__).parents[2] / "sweeps"

#: `sweeps/quick.toml`, cut down, with weights kept so that more can be measured.
QUICK = {
    "sweep.seeds": 4,
    "train.epochs": 100,
    "observe.weights": [0, 50, 100],
}


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory named quick; not to be changed."""
    directory = tmp_path_factory.mktemp("trained") / "quick"
    phasesweep.run(SWEEPS / "quick.toml", out=directory, set=QUICK, progress=False)
    return directory


@pytest.fixture(autouse=True)
def workplace(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory, with `runs/quick` in it for examples and for tests that ask for `quick`."""
    matplotlib.use("Agg")
    monkeypatch.chdir(tmp_path)
    if "quick" in request.fixturenames or request.node.__class__.__name__ == "DoctestItem":
        shutil.copytree(request.getfixturevalue("trained"), tmp_path / "runs" / "quick")
    yield tmp_path
    from matplotlib import pyplot

    pyplot.close("all")


@pytest.fixture
def quick(workplace: Path) -> Path:
    """A copy of the run directory for this test alone."""
    return workplace / "runs" / "quick"
