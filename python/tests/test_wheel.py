"""What the wheel's programs say of being built without MPI; skipped where they have it, as those of `make build` do."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from conftest import SWEEPS

from phasesweep.programs import program


def call(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [program("phasesweep"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment)


@pytest.fixture(autouse=True)
def without_mpi() -> None:
    if "MPI         not built in" not in call("doctor").stdout:
        pytest.skip("this program was built with MPI")


def test_it_starts_and_says_so() -> None:
    said = call("doctor")
    assert said.returncode == 0 and "one process trains alone" in said.stdout


def test_it_is_not_one_of_many_processes(workplace: Path) -> None:
    """Two that do not know of each other would train the same cells."""
    launched = {"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2"}
    said = call("run", str(SWEEPS / "quick.toml"), "--out", "out", **launched)
    assert said.returncode == 2 and "built without MPI" in said.stderr
    assert not (workplace / "out").exists()


def test_a_job_of_many_processes_is_refused_before_it_is_queued() -> None:
    sweep = str(SWEEPS / "quick.toml")
    many = call("submit", sweep, "--dry-run", "--nodes", "2", "--ntasks-per-node", "4")
    assert many.returncode == 2 and "would start 8 processes" in many.stderr
    one = call("submit", sweep, "--dry-run", "--cpus-per-task", "8")
    assert one.returncode == 0 and "#SBATCH" in one.stdout


def test_hdf5_is_inside() -> None:
    needed = subprocess.run(["ldd", program("phasesweep")], capture_output=True, text=True, check=True).stdout
    libraries = {line.split()[0].split(".so")[0] for line in needed.splitlines() if ".so" in line}
    assert not {name for name in libraries if "hdf5" in name or "mpi" in name or "libz" in name}
