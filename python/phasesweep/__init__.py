"""phasesweep from Python: run a sweep, open its results, draw its figures.

The package holds the two programs, `phasesweep` and `phasesweep-report`, and a few modules that call them and read what
they write. Nothing is trained or judged in Python: numbers come from `results.h5`, turning points from the report's
tables.

Functions that read take a run directory, a results file, or a dataset that `open` gave. Of a dataset they read only the
cells that are in it, so that a selection carries over: ``turning_points(ds.sel(seed=0))``.

Examples
--------
>>> import phasesweep
>>> ds = phasesweep.open("runs/quick")
>>> ds.train_error.dims
('architecture', 'optimiser', 'seed', 'epoch')
>>> points = phasesweep.turning_points(ds.sel(architecture="mlp 10 tanh"))
>>> sorted(points["observable"].unique())
['distance', 'radius_0', 'radius_1']
"""

from importlib.metadata import PackageNotFoundError, version

from . import plot
from .errors import (
    BugError,
    FailedCellsError,
    InputError,
    InterruptedRunError,
    MissingProgramError,
    PhasesweepError,
    ProgramError,
    ResultsError,
)
from .opening import GridWarning, open
from .programs import observe, report, run
from .samples import misclassified, stragglers
from .tables import cells, table, trajectories, turning_points
from .weights import KeptWeights, kept_weights, weights

try:
    __version__ = version("phasesweep")
except PackageNotFoundError:  # the modules are used from a checkout
    __version__ = "0"

__all__ = [
    "BugError",
    "FailedCellsError",
    "GridWarning",
    "InputError",
    "InterruptedRunError",
    "KeptWeights",
    "MissingProgramError",
    "PhasesweepError",
    "ProgramError",
    "ResultsError",
    "cells",
    "kept_weights",
    "misclassified",
    "observe",
    "open",
    "plot",
    "report",
    "run",
    "stragglers",
    "table",
    "trajectories",
    "turning_points",
    "weights",
]
